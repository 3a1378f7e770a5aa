"""One vocabulary for arguments: each check takes what was given and returns it as it should be.

A check is a converter: ``steps = positive_integer(steps, "steps")`` is Python's own int, or an
``InputError`` that says what was expected and what came. Numbers may come from Python, NumPy or
JAX; True and False are no numbers, and text is none.
"""

from __future__ import annotations

import csv
import decimal
import difflib
import math
import numbers
import operator
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from autoencodes.devices import apart, first_where
from autoencodes.errors import InputError

if TYPE_CHECKING:
    import numpy as np

Checked = TypeVar("Checked")

_STRIP = 4096
"""Rows that are looked at together: a large table is not doubled."""


def integer(value: object, name: str, at_least: int | None = None, below: int | None = None) -> int:
    """An integer in [at_least, below), as Python's own int; 2.0 is one, 2.5 and True are not."""
    number = _integer(value)
    wrong = number is None
    if number is not None:
        wrong = (at_least is not None and number < at_least) or (
            below is not None and number >= below
        )
    if number is None or wrong:
        bounds = "" if at_least is None else f", at least {at_least}"
        bounds += "" if below is None else f", below {below}"
        raise InputError(f"{name} must be an integer{bounds}; got {shown(value)}")
    return number


def positive_integer(value: object, name: str) -> int:
    """An integer, at least 1."""
    return integer(value, name, at_least=1)


def seed(value: object, name: str = "seed") -> int:
    """An integer in [0, 2³²): what every generator of random numbers here takes."""
    return integer(value, name, at_least=0, below=2**32)


def finite(value: object, name: str) -> float:
    """A finite number, as Python's own float."""
    number = _number(value)
    if not math.isfinite(number):
        raise InputError(f"{name} must be a finite number; got {shown(value)}")
    return number


def positive(value: object, name: str, infinite: bool = False) -> float:
    """A number above 0; finite, unless infinity has a meaning there."""
    number = _number(value)
    if not number > 0 or (math.isinf(number) and not infinite):
        kind = "number" if infinite else "finite number"
        raise InputError(f"{name} must be a positive {kind}; got {shown(value)}")
    return number


def at_least(value: object, name: str, bound: float) -> float:
    """A finite number, ``bound`` or more."""
    number = _number(value)
    if not (math.isfinite(number) and number >= bound):
        raise InputError(f"{name} must be a finite number, at least {bound:g}; got {shown(value)}")
    return number


def between(
    value: object,
    name: str,
    low: float,
    high: float,
    *,
    with_low: bool = True,
    with_high: bool = True,
) -> float:
    """A number from ``low`` to ``high``, the ends with it or without."""
    number = _number(value)
    above = number >= low if with_low else number > low
    under = number <= high if with_high else number < high
    if not (above and under):
        interval = f"{'[' if with_low else '('}{low:g}, {high:g}{']' if with_high else ')'}"
        raise InputError(f"{name} must be a number in {interval}; got {shown(value)}")
    return number


def flag(value: object, name: str) -> bool:
    """True or False, as Python's own or NumPy's; 1, "yes" and None are neither."""
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    raise InputError(f"{name} must be True or False; got {shown(value)}")


def choice(value: object, name: str, choices: Iterable[str], also: str = "") -> str:
    """One of the names; else an error that lists them, and the nearest to what came.

    ``also`` says what else may be given there, as ", or an InnerSolver".
    """
    names = tuple(choices)
    if isinstance(value, str) and value in names:
        return value
    close = difflib.get_close_matches(value, names, 1) if isinstance(value, str) else []
    nearest = f"; did you mean {close[0]}?" if close else ""
    raise InputError(f"{name} must be one of {', '.join(names)}{also}; got {shown(value)}{nearest}")


def optional(
    check: Callable[..., Checked], value: object, name: str, *bounds: Any, **more: Any
) -> Checked | None:
    """None as it is, anything else checked: ``optional(positive, tau, "tau")``."""
    if value is None:
        return None
    try:
        return check(value, name, *bounds, **more)
    except InputError as error:
        raise InputError(str(error).replace("; got ", ", or None; got ", 1)) from None


def entries_of(values: object, name: str) -> tuple[Any, ...]:
    """The entries of a sequence; InputError for what has none, as a number."""
    try:
        return tuple(values)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(f"{name} must be a sequence; got {shown(values)}") from None


def positive_integers(
    values: object, name: str, length: int | None = None, entries: str = "", least: int = 1
) -> tuple[int, ...]:
    """Positive integers, as a tuple: ``length`` of them, or at least ``least``.

    ``entries`` says what they are, as "height and width".
    """
    given = entries_of(values, name)
    whole = tuple(number for v in given if (number := _integer(v)) is not None and number > 0)
    if len(whole) != len(given) or len(given) < least or length not in (None, len(given)):
        count = "" if length is None else f"{length} "
        what = f"{count}positive integers" + (f", {entries}" if entries else "")
        raise InputError(f"{name} must be {what}; got {shown(values)}")
    return whole


def instance(value: object, name: str, kind: type[Checked], advice: str = "") -> Checked:
    """A value of the given class; ``advice`` says how to have one, as ": pass ac.Flow(...)"."""
    if isinstance(value, kind):
        return value
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    raise InputError(f"{name} must be {article} {kind.__name__}{advice}; got {shown(value)}")


def real(value: object, name: str) -> Any:
    """Real numbers of any shape: JAX's arrays as they are, all else NumPy's, in native byte order.

    Objects that are all real numbers become float64, and so do floats that are wider.

    Raises
    ------
    InputError
        For complex numbers, text, dates, other objects and masked entries, with the first one's
        place.
    """
    import numpy as np  # the command's help does without

    jax = sys.modules.get("jax")  # without JAX there are none of its arrays
    if jax is not None and isinstance(value, jax.Array):
        if not _is_real(value.dtype):
            raise InputError(f"{name} must hold real numbers; got dtype {value.dtype}")
        return value
    parts = value if isinstance(value, list | tuple) else ()
    if np.ma.is_masked(value) or any(np.ma.is_masked(part) for part in parts):
        masked = np.argwhere(np.ma.getmaskarray(np.ma.array(value)))[0]
        place = _place(masked.tolist())
        raise InputError(
            f"{name} must hold real numbers; {place} is masked: fill it in, or leave its row out"
        )
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # as rows of different lengths
        raise InputError(
            f"{name} must be one array of real numbers; got {shown(value)} ({error})"
        ) from None
    if array.dtype.kind == "O" and array.ndim:
        return _numbers(array, name)
    if not _is_real(array.dtype):
        dense = "; give its toarray()" if hasattr(value, "toarray") else ""
        raise InputError(f"{name} must hold real numbers; got dtype {array.dtype}{dense}")
    if array.dtype.kind == "V" or array.dtype.itemsize > 8:  # bfloat16, long double
        return array.astype(np.float32 if array.dtype.kind == "V" else np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def finite_numbers(value: object, name: str) -> Any:
    """Real numbers as ``real`` has them, all finite.

    Inside a compiled function nothing is known of them, and nothing checked.
    """
    array = real(value, name)
    jax = sys.modules.get("jax")
    if str(array.dtype).startswith(("bool", "int", "uint")):
        return array
    if (
        jax is not None
        and isinstance(array, jax.Array)
        and (isinstance(array, jax.core.Tracer) or bool(jax.numpy.isfinite(array).all()))
    ):
        return array
    lies_apart = apart(array)
    rows = len(array) if array.ndim else 0
    for start in range(0, rows, rows if lies_apart else _STRIP):
        part = array if lies_apart else array[start : start + _STRIP]
        if (found := first_where(_not_finite, part)) is not None:
            (row, *more), got = found
            raise InputError(
                f"{name} must hold finite numbers; the first that is not is {got} in "
                f"{_place([start + row, *more])}"
            )
    return array


def _not_finite(array: Any) -> Any:
    return ~(abs(array) < math.inf)


def real_rows(value: object, name: str, width: int | None = None, columns: str = "features") -> Any:
    """A matrix (N, width) of finite real numbers, one row each, as ``finite_numbers`` has them.

    What is not finite is named by its row and column.
    """
    array = real(value, name)
    if array.ndim != 2 or width not in (None, array.shape[1]):
        count = "k" if width is None else str(width)
        rows = "one a row" if width is None else f"rows of {count} {columns}"
        raise InputError(
            f"{name} must be an array (N, {count}), {rows}; got shape {tuple(array.shape)}"
        )
    return finite_numbers(array, name)


def _is_real(dtype: Any) -> bool:
    """Whether a dtype is one of real numbers; those of JAX beyond NumPy's are known by name."""
    return str(dtype.name).startswith(("bool", "int", "uint", "float", "bfloat", "longdouble"))


def _numbers(array: np.ndarray, name: str) -> np.ndarray:
    """Objects as float64, where all of them are real numbers; text that looks like one is none."""
    import numpy as np

    kinds = (numbers.Real, decimal.Decimal, np.bool_)
    for index in np.ndindex(array.shape):
        if not isinstance(array[index], kinds):
            raise InputError(
                f"{name} must hold real numbers; got {shown(array[index])}, a "
                f"{type(array[index]).__name__}, in {_place(index)}"
            )
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name} must hold real numbers; got objects ({error})") from None


def _place(index: Iterable[int]) -> str:
    """Where an entry of an array is, in words."""
    row, *more = [int(k) for k in index] or [0]
    column = f", column {more[0]}" if len(more) == 1 else f", entry {tuple(more)}" if more else ""
    return f"row {row}{column} (counted from 0)"


def memory(value: object, name: str) -> int:
    """A number of bytes: an integer, or a text with a unit, as 2GB, 1.5 GiB or 800MB."""
    if not isinstance(value, str):
        return positive_integer(value, name)
    found = re.fullmatch(
        r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?\s*", value, re.IGNORECASE | re.ASCII
    )
    if found is None:
        raise InputError(f"{name} must be a number of bytes with its unit, as 2GB; got {value!r}")
    number, unit, binary = found.groups()
    base = 1024 if binary else 1000
    return positive_integer(round(float(number) * base ** " KMGT".index(unit.upper() or " ")), name)


def names(value: object, name: str) -> tuple[str, ...]:
    """Names, as of columns: a sequence of text, or one text with commas between, quoted as CSV."""
    if isinstance(value, str):
        value = next(csv.reader([value], skipinitialspace=True), [])
    return tuple(instance(v, name, str) for v in entries_of(value, name))


def listed(text: str, name: str, example: str, mark: str = ",") -> tuple[int, ...]:
    """The integers of a text with a mark between them, as of an option of the command line."""
    try:
        return tuple(int(part) for part in text.split(mark))
    except ValueError as error:
        raise InputError(f"{name} must be integers, as in {example}; got {text!r}") from error


def short(values: Sequence[int]) -> str:
    """Integers as a message shows them, however many there are."""
    shown = ", ".join(str(v) for v in values[:8])
    return f"({shown}, ... {len(values)} in all)" if len(values) > 8 else f"({shown})"


def shown(value: object) -> str:
    """A value as a message shows it: its repr, where that is one short line."""
    try:
        text = repr(value)
    except Exception:  # whatever a stranger's repr does, the message must come
        text = f"a {type(value).__name__}"
    shape = getattr(value, "shape", None)
    if shape:
        return f"an array of shape {tuple(shape)}"
    if "\n" in text or len(text) > 80:
        return f"{' '.join(text.split())[:77]}..."
    return text


def _integer(value: object) -> int | None:
    """The integer that a value is, or None."""
    if _no_number(value):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        pass
    number = _number(value)
    return int(number) if number.is_integer() else None


def _number(value: object) -> float:
    """The number that a value is, or NaN."""
    if _no_number(value):
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _no_number(value: object) -> bool:
    """Whether a value is a truth, a text or an array of several, which Python would convert."""
    truth = isinstance(value, bool) or str(getattr(value, "dtype", "")) == "bool"
    text = isinstance(value, str | bytes | bytearray)
    return truth or text or getattr(value, "shape", ()) != ()
