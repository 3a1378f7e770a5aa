"""What the documentation shows runs as written."""

from __future__ import annotations

import re
import shlex
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from typer.main import get_command

from autoencodes.cli.app import app
from benchmarks import theorems

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md"] + [
    page for page in sorted(DOCS.rglob("*.md")) if DOCS / "generated" not in page.parents
]


def place(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(p, marks=[pytest.mark.slow] * (p.name == "own-field.md"), id=place(p))
        for p in PAGES
    ],
)
def test_python_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    scope: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), scope)


def commands(page: Path) -> list[str]:
    """What stands behind ``autoencodes`` on every line that is to be typed, and in the text."""
    text = page.read_text()
    if page.suffix == ".py":
        return re.findall(r"^#\s+autoencodes (.+)$", text, re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", "\n".join(blocks(page, "sh"))).splitlines()
    found = [re.match(r"(?:\S+=\S+ )*autoencodes (.+)", line) for line in lines]
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    inline = re.findall(r"`autoencodes\s+([a-z][^`…]*)`", prose)
    return [each[1] for each in found if each] + [" ".join(each.split()) for each in inline]


SHOWN = [p for p in [*PAGES, *sorted(DOCS.rglob("plot_*.py"))] if commands(p)]


@pytest.mark.parametrize("page", SHOWN, ids=place)
def test_commands_can_be_typed(page: Path) -> None:
    """Every verb, option and value is one that there is; what they do is tried elsewhere."""
    verbs = getattr(get_command(app), "commands")  # noqa: B009  # a group's, to mypy a command's
    for line in commands(page):
        line = re.sub(r"(?<= )[A-Zλ](?= |$)", "1", line)  # a number that is the reader's
        name, *arguments = shlex.split(re.split(r"\s[<>|]|\s#\s|;|&&", line)[0])
        try:
            verbs[name].make_context(name, arguments)
        except KeyError:
            pytest.fail(f"autoencodes {line}: there is no verb {name}")
        except Exception as error:
            # In the text what goes without saying may be left out; --help and --version exit.
            if type(error).__name__ not in ("MissingParameter", "Exit"):
                pytest.fail(f"autoencodes {line}: {error}")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=place)
def test_links_and_pictures_are_there(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith(("http", "generated/", "../generated/")):  # the site's build looks
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("name", theorems.THEOREMS)
def test_the_page_of_a_theorem_is_what_was_measured(name: str) -> None:
    """After a change: ``python benchmarks/theorems.py page``."""
    assert (theorems.PAGES / f"{name}.md").read_text() == theorems.written(name)


def test_readme_has_the_two_commands_that_ci_runs() -> None:
    text = (ROOT / "README.md").read_text()
    for name in ("main", "tests"):
        (command,) = re.findall(rf"<!-- {name} -->\n```sh\n(.*?)\n```", text, re.DOTALL)
        assert "\n" not in command
        assert "constraints.txt" in command


def test_constraints_pin_every_direct_dependency_and_name_no_host() -> None:
    lines = (ROOT / "constraints.txt").read_text().split()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(chain(project["dependencies"], *project["optional-dependencies"].values()))
    names = {re.split(r"[\[><=~!; ]", w)[0].lower() for w in wanted} - {"autoencodes"}
    assert names <= pinned, names - pinned


def test_hooks_come_from_the_environment_and_templates_are_there() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: *(\S+)", hooks) == ["local"]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    tools = {re.split(r"[\[><=~!; ]", line)[0] for line in extras["dev"]}
    entries = re.findall(r"entry: python -m (\w+)", hooks)
    assert entries
    assert set(entries) <= tools
    assert (ROOT / ".github" / "pull_request_template.md").is_file()
    assert list((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md"))


def test_the_licence_of_every_package_is_listed() -> None:
    """After a change: ``python .ci/licences`` in an environment with all extras."""
    page = (DOCS / "reference" / "licences.md").read_text()
    listed = re.findall(r"^\| \S+ \| (\S+) \| \S", page, re.MULTILINE)
    pinned = [line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().split()]
    assert sorted(listed) == sorted(pinned)


def test_the_citation_is_of_this_version() -> None:
    import autoencodes

    text = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {autoencodes.__version__}\n" in text
    assert f"## {autoencodes.__version__} (" in (ROOT / "CHANGELOG.md").read_text()
