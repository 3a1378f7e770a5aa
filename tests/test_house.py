"""The architecture: a file imports only from floors below its own."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import autoencodes as ac

PACKAGE = Path(ac.__file__).parent
FLOORS = (
    {"errors"},
    {"devices"},
    {"atomic", "cache", "checks", "summary"},
    {"catalogue", "precision"},
    {"control", "cost", "fields", "measure", "schemes"},
    {"datasets", "flow"},
    {"pontryagin"},
    {"second_order"},
    {"training"},
    {"model"},
    {"anomaly", "certificate", "deploy"},
    {"plan"},
    {"run"},
    {"estimator"},
    {"plot"},
    {"experiments"},
    {"report"},
    {"cli"},
    {"__main__"},
)
"""The rooms, from the ground up; those of one floor do not know each other."""

THERE = {path.stem for path in PACKAGE.iterdir() if path.suffix in ("", ".py")} - {
    "__init__",
    "__pycache__",
}
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem != "__init__")


def room(module: str) -> str:
    """The room of a dotted module name: the part after the package's own name."""
    return module.split(".")[1]


def floor(name: str) -> int:
    return next(k for k, rooms in enumerate(FLOORS) if name in rooms)


def imported(path: Path) -> set[str]:
    """The rooms that a file imports, wherever in the file it does."""
    rooms: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            whole = node.module == "autoencodes"
            names = [f"autoencodes.{a.name}" if whole else str(node.module) for a in node.names]
        else:
            continue
        rooms |= {room(name) for name in names if name.startswith("autoencodes.")}
    return rooms - {"__version__"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for other in imported(path) - {here}:
        assert floor(other) < floor(here), f"{here} must not import {other}"


def test_the_map_in_contributing_is_the_floors() -> None:
    page = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", page, re.MULTILINE)
    drawn = [set(re.findall("`(.+?)`", rooms)) for _, rooms in rows]
    expected = [rooms & THERE for rooms in FLOORS if rooms & THERE]
    assert drawn == expected, "draw the floors of FLOORS in CONTRIBUTING.md's map, from the ground"
    assert [int(number) for number, _ in rows] == list(range(len(expected)))
    assert set().union(*FLOORS) >= THERE, "give every room a floor in FLOORS"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 500
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            documented = ast.get_docstring(node) is not None
            body = node.body[1:] if documented and len(node.body) > 1 else node.body
            length = 1 + (node.end_lineno or 0) - body[0].lineno
            assert length <= 60, f"{node.name} has {length} lines"


def test_public_names_load_and_are_listed_once() -> None:
    for name in ac.__all__:
        assert getattr(ac, name) is not None
    assert len(set(ac.__all__)) == len(ac.__all__)
    assert dir(ac) == sorted(ac.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ac.nothing  # noqa: B018


def test_type_checkers_see_the_same_public_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in block.body for alias in node.names}  # type: ignore[attr-defined]
    assert seen | {"__version__"} == set(ac.__all__)


def test_import_is_light_and_changes_nothing_global() -> None:
    program = (
        "import sys, autoencodes as ac; assert 'jax' not in sys.modules; ac.Flow; import jax; "
        "assert not jax.config.read('jax_enable_x64'); "
        "heavy = {'typer', 'rich', 'pydantic', 'sklearn', 'matplotlib', 'safetensors'}; "
        "ac.fit, ac.ControlProblem, ac.datasets; assert not heavy & set(sys.modules), heavy"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv = ['autoencodes', '--help']\n"
        "from autoencodes.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'jax', 'numpy', 'pydantic', 'scipy', 'sklearn', 'matplotlib', 'optax'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert "train" in process.stdout
