"""How a file holds what an experiment measured: arrays by name, and JSON values beside them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import Field, asdict, fields, is_dataclass
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np


class Stored(NamedTuple):
    """Arrays of finite numbers, and JSON values."""

    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


class Measured(ABC):
    """What an experiment measured, as types. The names in the file stand here, nowhere else."""

    @abstractmethod
    def stored(self) -> Stored:
        """What the file holds."""

    @classmethod
    @abstractmethod
    def restored(cls, stored: Stored) -> Measured:
        """What ``stored`` gave, read again; KeyError for what it lacks."""


class Plain(Measured):
    """A dataclass, each field of which is stored under its own name, or ``metadata["name"]``.

    A field holds an array; a tuple or dict of arrays, stored as NAME.KEY, or of named tuples of
    arrays, stored as ENTRY.KEY; or else JSON values, within tuples, dataclasses and named tuples,
    which come back as its type hint says. Keys are texts or integers, or tuples of them: NAME.1.2.
    """

    def stored(self) -> Stored:
        arrays: dict[str, np.ndarray] = {}
        facts: dict[str, Any] = {}
        values = asdict(self)  # type: ignore[call-overload]
        for name, field in _named(self):
            own = dict(_arrays(name, values[field.name]))
            arrays |= own
            if not own:
                facts[name] = values[field.name]
        return Stored(arrays, facts)

    @classmethod
    def restored(cls, stored: Stored) -> Plain:
        hints = get_type_hints(cls)
        values = {}
        for name, field in _named(cls):
            kind = hints[field.name]
            if name in stored.facts:
                values[field.name] = typed(kind, stored.facts[name])
            elif get_origin(kind) in (tuple, dict):
                values[field.name] = _gathered(kind, name, stored.arrays)
            else:
                values[field.name] = stored.arrays[name]
        return cls(**values)


def _named(measured: Any) -> Iterator[tuple[str, Field[Any]]]:
    """The fields of a dataclass, by their names in the file."""
    return ((field.metadata.get("name", field.name), field) for field in fields(measured))


def _arrays(name: str, value: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of a field, by their names in the file; none of one that holds JSON values."""
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, tuple | dict):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            end = ".".join(map(str, key if isinstance(key, tuple) else (key,)))
            record = entry._asdict() if hasattr(entry, "_asdict") else {name: entry}
            for own, array in record.items():
                if isinstance(array, np.ndarray):
                    yield f"{own}.{end}", array


def _gathered(kind: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """The tuple or dict of a type, from the arrays that ``_arrays`` named; in the keys' order."""
    listed = get_origin(kind) is tuple
    key_kind, entry_kind = (int, get_args(kind)[0]) if listed else get_args(kind)
    names = getattr(entry_kind, "_fields", (name,))
    mark = f"{names[0]}."
    entries: dict[Any, Any] = {}
    for end in (own.removeprefix(mark) for own in arrays if own.startswith(mark)):
        key = key_kind(end) if key_kind in (int, str) else tuple(map(int, end.split(".")))
        own = [arrays[f"{each}.{end}"] for each in names]
        entries[key] = own[0] if names == (name,) else entry_kind(*own)
    if not entries:
        raise KeyError(name)
    ordered = dict(sorted(entries.items()))
    return tuple(ordered.values()) if listed else ordered


def typed(kind: Any, value: Any) -> Any:
    """A JSON value as a type hint has it: lists as tuples, and what dataclasses hold."""
    names = get_type_hints(kind) if is_dataclass(kind) or hasattr(kind, "_fields") else {}
    if names:
        values = value if isinstance(value, dict) else dict(zip(names, value, strict=True))
        return kind(**{name: typed(names[name], entry) for name, entry in values.items()})
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        kinds = kinds[:1] * len(value) if kinds[-1] is ... else kinds
        return tuple(typed(own, entry) for own, entry in zip(kinds, value, strict=True))
    return value
