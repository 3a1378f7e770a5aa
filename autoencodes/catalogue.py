"""The catalogues: everything that a user chooses by name, each registered in its own file.

A member of a catalogue is added in one file, beside the others of its kind:

    @FIELDS.register("low-rank", "U s(Vx+b)", settings=("rank",))
    class LowRank(ControlledField): ...

Its name then stands in the command's help, in what a configuration accepts, in messages, and
among what the tests run over. Names, helps and facts are read from the files without importing
them, so that ``--help`` needs no JAX; a member's file is imported when the member is asked for.

Facts that every catalogue knows, all optional:

  rank        the place in listings, from 0; members without one come last, by name
  settings    the entries of a configuration that belong to the member, as ("rank",)
  selectable  False where a configuration cannot name the member
  example     arguments of a small one, by which the tests build it
"""

from __future__ import annotations

import ast
import importlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from autoencodes.checks import choice
from autoencodes.errors import InputError

if TYPE_CHECKING:
    from jax import Array

Member = TypeVar("Member")
Registered = TypeVar("Registered")


@dataclass(frozen=True)
class Entry:
    """What a catalogue knows of a member without importing it."""

    name: str
    help: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else the registration says, by keyword: literals only."""
    module: str | None = None
    """Where it is registered; None where it was registered while the program ran."""

    @property
    def settings(self) -> tuple[str, ...]:
        """The entries of a configuration that belong to the member."""
        return tuple(self.facts.get("settings", ()))


class Catalogue(Generic[Member]):
    """The members of one kind, by name, in the order of ``rank`` and then of the name.

    Parameters
    ----------
    noun : str
        What a member is called in messages.
    symbol : str
        The name of this object, by which registrations are recognised in the files.
    home : str
        The package whose files register members.
    """

    def __init__(self, noun: str, symbol: str, home: str) -> None:
        self.noun, self._symbol, self._home = noun, symbol, home
        self._read: dict[str, Entry] | None = None
        self._added: dict[str, Entry] = {}
        self._members: dict[str, Any] = {}

    def register(
        self, name: str, words: str = "", **facts: Any
    ) -> Callable[[Registered], Registered]:
        """A decorator that makes a class, function or object a member.

        InputError if the name belongs to another member.
        """

        def add(member: Registered) -> Registered:
            known = self._members.get(name)
            if known is not None and _origin(known) != _origin(member):
                raise InputError(f"there is another {self.noun} {name!r}; give this one a new name")
            self._members[name] = member
            self._added[name] = Entry(name, words, facts)
            return member

        return add

    def remove(self, name: str) -> None:
        """Forgets a member that was registered while the program ran."""
        if self.entries[name].module is None:
            del self._added[name], self._members[name]

    @property
    def entries(self) -> dict[str, Entry]:
        """What is known of every member, by name; InputError if two files register one name."""
        if self._read is None:
            read = [e for path in self._files() for e in _registrations(path, self._symbol)]
            ranked = sorted(read, key=lambda e: (e.facts.get("rank", len(read)), e.name))
            for one, other in itertools.pairwise(sorted(read, key=lambda e: e.name)):
                if one.name == other.name:
                    places = f"{one.module} and {other.module}"
                    raise InputError(f"{places} both register the {self.noun} {one.name!r}")
            self._read = {entry.name: entry for entry in ranked}
        return self._read | {n: e for n, e in self._added.items() if n not in self._read}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all members."""
        return tuple(self.entries)

    @property
    def choices(self) -> tuple[str, ...]:
        """The names that a configuration may give."""
        return tuple(n for n, e in self.entries.items() if e.facts.get("selectable", True))

    def having(self, setting: str) -> tuple[str, ...]:
        """The names of the members to which an entry of a configuration belongs."""
        return tuple(n for n, e in self.entries.items() if setting in e.settings)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __getitem__(self, name: str) -> Member:
        """The member; InputError, with the names there are, for another."""
        entry = self.entries[choice(name, self.noun, self.names)]
        if name not in self._members:
            importlib.import_module(str(entry.module))
        member: Member = self._members[name]
        return member

    def name_of(self, member: object) -> str | None:
        """The name by which a member was registered; None for what is no member."""
        return next((n for n, known in self._members.items() if known is member), None)

    def _files(self) -> list[tuple[str, Path]]:
        """The modules of the home and the files they stand in, without importing one."""
        folder = Path(__file__).parent.joinpath(*self._home.split(".")[1:])
        if not folder.is_dir():
            return [(self._home, folder.with_suffix(".py"))]
        files = sorted(folder.rglob("*.py"))
        package = Path(__file__).parent.parent
        return [(".".join(f.relative_to(package).with_suffix("").parts), f) for f in files]


def _registrations(file: tuple[str, Path], symbol: str) -> Iterator[Entry]:
    """The registrations that a file's text holds: SYMBOL.register("name", "help", fact=...)."""
    module, path = file
    text = path.read_text(encoding="utf-8")
    if f"{symbol}.register(" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = node.func.value
        if node.func.attr == "register" and isinstance(owner, ast.Name) and owner.id == symbol:
            try:
                given = [ast.literal_eval(a) for a in node.args]
                facts = {k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg}
            except ValueError as error:
                raise InputError(
                    f"{module.replace('.', '/')}.py, line {node.lineno}: name, help and facts of a "
                    "registration must be literals"
                ) from error
            yield Entry(given[0], given[1] if len(given) > 1 else "", facts, module)


def _origin(member: object) -> Any:
    """What tells members apart, however often their file is run."""
    name = getattr(member, "__qualname__", None)
    return member if name is None else (getattr(member, "__module__", None), name)


ACTIVATIONS: Catalogue[Callable[[Array], Array]] = Catalogue(
    "activation", "ACTIVATIONS", "autoencodes.fields"
)
FIELDS: Catalogue[Any] = Catalogue("field", "FIELDS", "autoencodes.fields")
SCHEMES: Catalogue[Any] = Catalogue("scheme", "SCHEMES", "autoencodes.schemes")
COSTS: Catalogue[Any] = Catalogue("cost", "COSTS", "autoencodes.cost")
METHODS: Catalogue[Any] = Catalogue("method", "METHODS", "autoencodes.training")
SOLVERS: Catalogue[Any] = Catalogue("inner solver", "SOLVERS", "autoencodes.training.solvers")
DATASETS: Catalogue[Any] = Catalogue("data set", "DATASETS", "autoencodes.datasets")
EXPERIMENTS: Catalogue[Any] = Catalogue("experiment", "EXPERIMENTS", "autoencodes.experiments")
