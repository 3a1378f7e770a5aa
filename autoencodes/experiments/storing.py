"""How a file holds what an experiment measured: arrays by name, and JSON values beside them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, NamedTuple, TypeVar, get_origin, get_type_hints

import numpy as np

from autoencodes.flow.schedule import Block, WidthSchedule

Record = TypeVar("Record", bound=tuple)  # type: ignore[type-arg]


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
    """A dataclass of arrays, schedules and JSON values, each stored under its own name."""

    def stored(self) -> Stored:
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        arrays = {name: v for name, v in values.items() if isinstance(v, np.ndarray)}
        facts = {name: v for name, v in values.items() if name not in arrays}
        written = {n: asdict(v) for n, v in facts.items() if isinstance(v, WidthSchedule)}
        return Stored(arrays, facts | written)

    @classmethod
    def restored(cls, stored: Stored) -> Plain:
        values: dict[str, Any] = {**stored.arrays, **stored.facts}
        for name, kind in get_type_hints(cls).items():
            if kind is WidthSchedule:
                values[name] = schedule(values[name])
            elif get_origin(kind) is tuple:  # which JSON holds as a list
                values[name] = tuple(values[name])
        return cls(**{f.name: values[f.name] for f in fields(cls)})  # type: ignore[arg-type]


def schedule(written: dict[str, Any]) -> WidthSchedule:
    """The schedule whose ``asdict`` was written as JSON."""
    blocks = [Block(tuple(block["active"]), block["steps"]) for block in written["blocks"]]
    return WidthSchedule(**{**written, "blocks": blocks})


def numbered(records: Mapping[Any, tuple[np.ndarray, ...]]) -> dict[str, np.ndarray]:
    """NAME.KEY: the arrays of records, named tuples, by their keys."""
    return {
        f"{name}.{key}": array
        for key, record in records.items()
        for name, array in record._asdict().items()  # type: ignore[attr-defined]
    }


def gathered(kind: type[Record], arrays: Mapping[str, np.ndarray]) -> dict[str, Record]:
    """What ``numbered`` gave, read again, by the keys as text; in the order of the arrays."""
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    make: Callable[..., Record] = kind
    first = f"{names[0]}."
    keys = [name.removeprefix(first) for name in arrays if name.startswith(first)]
    return {key: make(*(arrays[f"{name}.{key}"] for name in names)) for key in keys}
