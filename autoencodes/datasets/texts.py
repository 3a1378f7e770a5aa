"""What stands in a text field: a number, a moment, or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Shaped

Texts = Shaped[np.ndarray, " particle"]
"""Objects of type str, stripped."""

Mask = Bool[np.ndarray, " particle"]
_SPREADSHEETS = ("div/0", "value", "ref", "name?", "num", "null", "error")
MISSING = frozenset(("", "na", "n/a", "n.a.", "nan", "null", "?", "#n/a", "<na>", "nat", "-", "--"))
MISSING |= {".", "...", "–", "—", *(f"#{name}!".replace("?!", "?") for name in _SPREADSHEETS)}
"""What stands for a value that is not there, in small letters, also what spreadsheets write where
they cannot compute; and None, as Python writes it."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.ASCII | re.IGNORECASE)
_CODE = re.compile(r"[+-]?0\d+", re.ASCII)
_SECOND = ("", ":%S", ":%S.%f")
_FORMATS = (
    *(f"{day}{mark}%H:%M{s}{zone}"
      for day in ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y")
      for mark in (" ", "T")
      for s in _SECOND
      for zone in ("", "Z", "%z")),
    "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y", "%d.%m.%y", "%d-%b-%Y", "%d-%b-%y", "%b-%d-%Y",
    "%d %b %Y", "%d %B %Y", "%B %d, %Y", "%b %d, %Y", "%b %d %Y", "%Y-%m", "%b %Y", "%B %Y",
    "%b-%Y", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p",
)  # fmt: skip
_EITHER = tuple(
    (f"%d{mark}%m{mark}{year}{time}", f"%m{mark}%d{mark}{year}{time}")
    for mark in "/-"
    for year in ("%Y", "%y")
    for time in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
)
_LIKE_A_DATE = re.compile(r"\d{1,4}[-/. :]|\d{8}$|[^\W\d]{3,9}[ -]\d")
"""How dates of all these formats begin: to look at each format takes long."""
_LOOKED_AT = 200
_PADDED = re.compile(r"%[dmHI]")
_BARE = re.compile(r"%-([dmHI])")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz "
_LONE_DIGIT = re.compile(r"(?<!\d)\d(?!\d)")


def absent(text: str) -> bool:
    """Whether a field says that there is no value."""
    return text.lower() in MISSING or text == "None"


def is_number(text: str) -> bool:
    """Whether a field is a number as programs write it, infinity included; 1_000 is none."""
    return bool(_NUMBER.fullmatch(text) or _INFINITE.fullmatch(text))


def is_integer(text: str) -> bool:
    """Whether a field is written as an integer."""
    return bool(_INTEGER.fullmatch(text))


def is_code(text: str) -> bool:
    """Whether a field has digits whose leading zeros matter, as 007."""
    return bool(_CODE.fullmatch(text))


def numbers(texts: Texts, present: Mask) -> tuple[Float[np.ndarray, " particle"], bool]:
    """The numbers that fields are, NaN where none is present, and whether all are integers."""
    values = np.full(len(texts), np.nan)
    there = texts[present]
    values[present] = np.array([float(text) for text in there], np.float64)
    return values, all(map(is_integer, there.tolist()))


def date_format(texts: Iterable[str]) -> str | tuple[str, str] | None:
    """The format that all fields are dates in; two if they do not tell day from month."""
    fields = list(texts)
    if not fields or not _LIKE_A_DATE.match(fields[0]):
        return None
    for name in _FORMATS:
        if _all(fields, name):
            return as_written(fields, name)
    for pair in _EITHER:
        fitting = [name for name in pair if _all(fields, name)]
        if len(fitting) == 2:
            return pair
        if fitting:
            return as_written(fields, fitting[0])
    return _with_zone(fields)


def _with_zone(fields: list[str]) -> str | None:
    """The format where all end in the same words, as the name of a zone; they stand in it then."""
    end = fields[0][len(fields[0].rstrip(_LETTERS)) :]
    if not end.strip() or not all(text.endswith(end) for text in fields):
        return None
    form = date_format([text.removesuffix(end) for text in fields])
    return form + end if isinstance(form, str) else None


def in_several_forms(fields: Sequence[str]) -> bool:
    """Whether every field is a date by itself, which only together are none of one format."""
    return all(date_format([text]) is not None for text in fields[:_LOOKED_AT])


def as_written(fields: Sequence[str], form: str) -> str:
    """The format with %-d in place of %d and the like, if all fields leave leading zeros out.

    >>> as_written(["1/31/2024", "12/1/2024"], "%m/%d/%Y")
    '%-m/%-d/%Y'
    """
    parts = _PADDED.findall(form)
    if not any(map(_LONE_DIGIT.search, fields)):
        return form
    for count in range(len(parts), 0, -1):
        for chosen in combinations(parts, count):
            bare = form
            for part in chosen:
                bare = bare.replace(part, "%-" + part[1])
            if all(written(datetime.strptime(text, form), bare) == text for text in fields):
                return bare
    return form


def padded(form: str) -> str:
    """The format by which a date is read, however its leading zeros are written."""
    return form.replace("%-", "%")


def written(moment: datetime, form: str) -> str:
    """A moment in a format, in which %-d is the day without a leading zero, and so on."""
    bare = _BARE.sub(lambda found: str(int(moment.strftime("%" + found[1]))), form)
    return moment.strftime(bare)


def seconds(texts: Texts, present: Mask, form: str) -> Float[np.ndarray, " particle"]:
    """Seconds since 1970 of dates in a format; NaN where none is present.

    Raises
    ------
    ValueError
        If a field is no date of the format.
    """
    values = np.full(len(texts), np.nan)
    moments = [np.datetime64(_universal(text, form), "us") for text in texts[present]]
    values[present] = np.array(moments, "datetime64[us]").astype(np.int64) / 1e6
    return values


def _universal(text: str, form: str) -> datetime:
    """A moment, in universal time where it has a zone."""
    moment = datetime.strptime(text, padded(form))
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _all(fields: list[str], form: str) -> bool:
    """Whether all fields are dates of the format, and are written as it writes them."""
    for part in (fields[:_LOOKED_AT], fields[_LOOKED_AT:]):
        try:
            for text in part:
                moment = datetime.strptime(text, form)
                if form == "%Y%m%d" and not (len(text) == 8 and 1900 <= moment.year < 2100):
                    return False
        except ValueError:
            return False
    return True
