"""Where Python's arrays become JAX's: in which precision, and as what they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

import equinox as eqx
import jax
import numpy as np
from numpy.typing import DTypeLike

from autoencodes.checks import real
from autoencodes.devices import together

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")

_FEW_PASSES = {"xla_backend_optimization_level": 1}
"""A third of the time to compile a draw of random numbers, and bit for bit the same result."""


_FEWEST_PROGRAMS, _MOST_PROGRAMS = 64, 256
"""Programs compiled since they were last forgotten: with fewer they are kept, with more not."""
_GROWN = 128 * 2**20
"""Bytes by which the process has grown since the first: between the two, from so many on they are
forgotten. JAX keeps every program, and a training of another shape adds some 20 MB. What is still
in use is compiled again."""


@dataclass
class _Kept:
    """The programs compiled since all were forgotten, and the process's size at the first."""

    programs: int = 0
    size: int = 0
    judged: int = 0

    @property
    def many(self) -> bool:
        """Whether there are so many that they should be forgotten."""
        if self.programs <= _FEWEST_PROGRAMS or self.programs == self.judged:
            return False
        self.judged = self.programs
        return self.programs > _MOST_PROGRAMS or 0 < self.size < _resident() - _GROWN

    def compiled(self, event: str, duration_secs: float, **about: Any) -> None:
        """Counts: JAX reports to it."""
        if event == "/jax/core/compile/backend_compile_duration":
            self.programs += 1
            self.size = self.size or _resident()

    def forget(self) -> None:
        jax.clear_caches()
        self.programs, self.judged = 0, 0


def _resident() -> int:
    """The bytes of memory that the process has; 0 where it is not known."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


_kept = _Kept()
jax.monitoring.register_event_duration_secs_listener(_kept.compiled)


class Parameter(float):
    """A number that a compiled program takes as it takes an array: with another value it is the
    same program.

    In Python it is a float; other floats are part of what was compiled.
    """


def precision(dtype: DTypeLike) -> AbstractContextManager[object]:
    """A context in which JAX computes in ``dtype``, whatever its global setting.

    By default JAX rounds float64 to float32, and where it is told not to, integers and random
    numbers become wider; the context decides that, for this thread and for as long as it lasts, so
    that a result does not depend on it.
    """
    return jax.enable_x64(np.dtype(dtype) == np.float64)


def native(tree: Any) -> Any:
    """A tree whose NumPy arrays are real and in this machine's byte order: all that JAX knows.

    JAX's caches do not tell ``>i4`` from ``i4``: compiled for the one, it would read the other's
    bytes as if they were its own. Integers of 64 bits become floats where JAX would cut them.

    Raises
    ------
    InputError
        For complex numbers, text, other objects and masked entries.
    """
    leaves, structure = jax.tree.flatten(tree)
    if not any(isinstance(leaf, np.ndarray) for leaf in leaves):
        return tree
    known = [_native(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]
    if all(a is b for a, b in zip(leaves, known, strict=True)):
        return tree
    return jax.tree.unflatten(structure, known)


@dataclass(frozen=True)
class _Form:
    """All of a call's arguments but their arrays: a program is compiled for each."""

    structure: Any
    leaves: tuple[tuple[int, type | None, Any], ...]
    """Of every leaf the number of its array; or -1, and the type and the value that it has."""

    def whole(self, arrays: Sequence[Any]) -> Any:
        """The arguments, with the given arrays."""
        leaves = [value if k < 0 else arrays[k] for k, _, value in self.leaves]
        return jax.tree.unflatten(self.structure, leaves)


class _Fixed(NamedTuple):
    """A part of a result that is no array, and known once the program is made."""

    value: Any


jax.tree_util.register_pytree_node(_Fixed, lambda leaf: ((), leaf.value), lambda v, _: _Fixed(v))


def compiled(
    function: Callable[Arguments, Returned], *, once: bool = False
) -> Callable[Arguments, Returned]:
    """The function, compiled by JAX; its arrays enter as ``native`` has them, and every
    ``Parameter`` as an array that has no precision of its own.

    All that is no array is a part of the program, and must be hashable. It is what equinox's
    ``filter_jit`` does, in less time than a small gradient takes.

    ``once``: it runs so seldom that compiling it takes longer than running it. Then it is compiled
    with few passes of optimisation.
    """
    options: Any = {"compiler_options": _FEW_PASSES} if once else {}

    def program(form: Any, arrays: Any) -> Any:
        arguments, named = form.whole(arrays)
        result = function(*arguments, **named)
        return jax.tree.map(lambda leaf: leaf if eqx.is_array(leaf) else _Fixed(leaf), result)

    program.__name__ = function.__name__
    inner = jax.jit(program, static_argnums=0, **options)

    @wraps(function)
    def call(*arguments: Arguments.args, **named: Arguments.kwargs) -> Returned:
        form, arrays = _entered((arguments, named))
        many = _kept.many
        if (once or many) and _tracing(arrays):
            # A part of a larger program has no options, and is not the time to forget.
            if once:
                given, more = form.whole(arrays)
                whole: Returned = function(*given, **more)
                return whole
        elif many:
            _kept.forget()
        leaves, structure = jax.tree.flatten(inner(form, arrays), is_leaf=_is_fixed)
        values = [leaf.value if _is_fixed(leaf) else leaf for leaf in leaves]
        result: Returned = jax.tree.unflatten(structure, jax.block_until_ready(values))
        return result

    return call


def _is_fixed(leaf: Any) -> bool:
    return isinstance(leaf, _Fixed)


def _entered(tree: Any) -> tuple[_Form, list[Any]]:
    """A call's arguments as what its program is made for, and the arrays that it is given."""
    leaves, structure = jax.tree.flatten(tree)
    arrays: list[Any] = []
    known: list[tuple[int, type | None, Any]] = []
    for leaf in leaves:
        if isinstance(leaf, Parameter):
            array = _number(float(leaf), jax.numpy.result_type(float).itemsize == 8)
        elif eqx.is_array(leaf):
            array = leaf
        else:
            known.append((-1, type(leaf), leaf))
            continue
        known.append((len(arrays), None, None))
        arrays.append(_native(array) if isinstance(array, np.ndarray) else array)
    return _Form(structure, tuple(known)), together(arrays)


@lru_cache(maxsize=64)
def _number(value: float, wide: bool) -> Any:
    """A number as an array, which takes the precision of what it meets."""
    return jax.numpy.asarray(value)


def _tracing(arrays: Sequence[Any]) -> bool:
    """Whether a program is being made, of which the arrays are a part."""
    here = [*arrays, jax.numpy.zeros(())]
    return any(isinstance(leaf, jax.core.Tracer) for leaf in here)


def _native(array: np.ndarray) -> np.ndarray:
    known: np.ndarray = real(array, "an array")
    if known.dtype.kind in "iu" and known.dtype.itemsize > jax.numpy.result_type(int).itemsize:
        return known.astype(np.float64)
    return array if known.dtype == array.dtype and type(array) is np.ndarray else known
