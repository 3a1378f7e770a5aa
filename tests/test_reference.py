"""Every public name stands in the reference, with its arguments and an example that runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import autoencodes as ac

PAGES = Path(__file__).parents[1] / "docs" / "reference"
PUBLIC = ("fields", "datasets", "plot", "order", "certificate")


def public() -> dict[str, Any]:
    """Every public name as the reference writes it, with its object; each object once."""
    names: dict[str, Any] = {}
    modules = [("autoencodes", ac)] + [
        (
            f"autoencodes.{name}",
            getattr(ac, name, None) or importlib.import_module(f"autoencodes.{name}"),
        )
        for name in PUBLIC
    ]
    for prefix, module in modules:
        for name in module.__all__:
            thing = getattr(module, name)
            told = any(thing is other for other in names.values())
            if not (told or isinstance(thing, ModuleType) or name.startswith("__")):
                names[f"{prefix}.{name}"] = thing
    return names


NAMES = public()
DESCRIBED = {
    name: thing
    for name, thing in NAMES.items()
    if inspect.isfunction(thing) or (inspect.isclass(thing) and thing.__module__ != "builtins")
}


def listed(page: Path) -> list[str]:
    return re.findall(r"^(?:   |.. py:data:: )(autoencodes[\w.]+)$", page.read_text(), re.MULTILINE)


def own(thing: Any) -> Iterator[tuple[str, Any]]:
    """What a public object's users call: a function itself, or the public methods of a class."""
    if not inspect.isclass(thing):
        yield "", thing
        return
    yield "", thing
    for name in dir(thing):
        if name.startswith("_"):
            continue
        found = inspect.getattr_static(thing, name)
        found = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
        found = inspect.unwrap(found) if callable(found) else found
        if inspect.isfunction(found) and found.__module__.startswith("autoencodes"):
            yield name, found


def test_the_reference_lists_every_public_name_once() -> None:
    there = [name for page in sorted(PAGES.glob("*.md")) for name in listed(page)]
    assert sorted(there) == sorted(NAMES)


def words(thing: Any, part: str) -> set[str]:
    """What is said of a part: by itself, by its class, and by those whose contract it keeps."""
    homes = list(inspect.getmro(thing)[:-1]) if inspect.isclass(thing) else [thing]
    for name in re.findall(r"``(\w+)``", thing.__doc__ or ""):  # "as those of ``AutoencODE``"
        homes += [NAMES[whole] for whole in [f"autoencodes.{name}"] if whole in NAMES]
    said = [home.__doc__ or "" for home in homes if home.__module__.startswith("autoencodes")]
    said += [getattr(getattr(home, part, None), "__doc__", None) or "" for home in homes if part]
    return set(re.findall(r"\w+", " ".join(said)))


@pytest.mark.parametrize("name", DESCRIBED)
def test_every_argument_is_described(name: str) -> None:
    thing = DESCRIBED[name]
    missing = []
    for part, found in own(thing):
        said = words(thing, part)
        sections = re.findall(r"^([A-Z][\w ]+)\n-{5,}$", inspect.getdoc(found) or "", re.MULTILINE)
        assert len(sections) == len(set(sections)), f"{part}: {sections}"
        if not said:
            missing.append(f"{part}: no docstring")
        if found is ac.InputError:  # a message, as of any ValueError
            continue
        arguments = set(inspect.signature(found).parameters) - {
            "self",
            "cls",
            "args",
            "kwargs",
            "parameters",
        }
        missing += [f"{part}({argument})" for argument in sorted(arguments - said)]
    assert not missing, missing


@pytest.mark.parametrize("name", DESCRIBED)
def test_every_name_has_an_example(name: str) -> None:
    assert ">>> " in (inspect.getdoc(DESCRIBED[name]) or "")


@pytest.mark.parametrize(
    "page", [p for p in sorted(PAGES.glob("*.md")) if listed(p)], ids=lambda p: p.stem
)
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the names that the reference's first page sets up."""
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", (PAGES / "index.md").read_text(), re.DOTALL)
    scope: dict[str, Any] = {}
    exec(block, scope)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    finder = doctest.DocTestFinder(recurse=False)
    said: list[str] = []
    for name in listed(page):
        for part, found in own(NAMES[name]) if callable(NAMES[name]) else []:
            for example in finder.find(
                found, f"{name}.{part}".rstrip("."), module=False, globs=dict(scope)
            ):
                runner.run(example, out=said.append)
    assert not said, "".join(said)
