"""Numbers as people write them in text: with a unit or a currency, and marks among their digits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

_FIELD = re.compile(
    r"(?P<head>[^\d.,]*)(?P<digits>[.,]?\d(?:[\d.,'’ \u00a0\u202f]*\d)?)(?P<tail>[^\d].*)?",
    re.ASCII,
)
_WORD = re.compile(r"[^\W\d_]\.?[^\d_,;:()\"=<>+-]*(?:(?<=m)[23])?")
_SPACES = " \u00a0\u202f"
_SIGNS = ("+", "-", "−")
_OTHER = {".": ",", ",": "."}
_CURRENCIES = frozenset(
    name
    for names in (
        "AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY",
        "KES KRW MAD MXN MYR NGN NOK NZD PEN PHP PKR PLN RON RSD RUB SAR SEK SGD THB TRY TWD UAH",
        "USD VND ZAR Fr. Fr Rs Rs. kr Kč zł lei Ft",
    )
    for name in names.split()
)
_UNITS = frozenset(
    name
    for names in (
        "mm cm dm m km in ft yd mi mg g kg t lb lbs oz ml cl dl l L m2 m3 m² m³ km² ha ms s sec",
        "min h hr hrs d days kB KB MB GB TB k K M Mio Mrd bn W kW MW Wh kWh MWh V mV mA Hz kHz",
        "MHz GHz Pa hPa kPa bar mbar °C °F % ‰ pp bps pcs",
    )
    for name in names.split()
)
"""What is surely a unit behind a number: no names end so."""
_TIMES = frozenset(("am", "pm", "a.m.", "p.m.", "uhr"))
_FORM = re.compile(r"(?P<before>\D*?)(?:#(?P<mark>.)##)?0(?:(?P<decimal>[.,])(?P<places>0+))?"
                   r"(?P<after>(?:[^0#.,].*)?)", re.DOTALL)  # fmt: skip


class _Written(NamedTuple):
    """One field: what stands before and after the digits, these, and whether it is negative."""

    before: str
    after: str
    digits: str
    negative: bool


@dataclass(frozen=True)
class Spelling:
    """How the numbers of a column are written.

    Parameters
    ----------
    before, after : str
        The unit, with the space that parts it from the digits.
    mark : str
        What parts thousands; empty where nothing does.
    decimal : str
        What parts decimals, "." or ",".
    places : int
        The most decimals; 0 where all are integers.

    Examples
    --------
    >>> spelling = Spelling("", " EUR", ".", ",", 2)
    >>> spelling.form, spelling.text(1234.5), spelling.number("1.234,50 EUR")
    ('#.##0,00 EUR', '1.234,50 EUR', 1234.5)
    """

    before: str = ""
    after: str = ""
    mark: str = ""
    decimal: str = "."
    places: int = 0

    @property
    def form(self) -> str:
        """The spelling as spreadsheets describe a number's format."""
        grouped = f"#{self.mark}##" if self.mark else ""
        decimals = self.decimal + "0" * self.places if self.places else ""
        return f"{self.before}{grouped}0{decimals}{self.after}"

    @classmethod
    def read(cls, form: str) -> Spelling:
        """The spelling of a ``form``; ValueError if it is none."""
        found = _FORM.fullmatch(form)
        if found is None:
            raise ValueError(f"the form of numbers {form!r}")
        mark, decimal, places = found["mark"] or "", found["decimal"], len(found["places"] or "")
        if decimal is None:
            decimal = "," if mark == "." else "."
        return cls(found["before"], found["after"], mark, decimal, places)

    def text(self, value: float) -> str:
        """A number as it is written here."""
        digits = f"{abs(value):,.{self.places}f}"
        marks: dict[str, str | int | None] = {",": self.mark, ".": self.decimal}
        swapped = digits.translate(str.maketrans(marks))
        sign = "-" if value < 0 and any(d in "123456789" for d in digits) else ""
        return f"{sign}{self.before}{swapped}{self.after}"

    def number(self, text: str) -> float | None:
        """The number that a field is; None where it is not written so."""
        found = _written(text)
        if found is None or _unit(found) != _unit(self):
            return None
        decimal, mark = self.decimal, self.mark or _OTHER[self.decimal]
        if not (self.places or self.mark):  # then its marks have never been seen
            marks = _marks([found.digits], None, False)
            if marks is None or isinstance(marks, str):
                return None
            decimal, mark = marks
        return _value(found, decimal, mark)

    def numbers(self, fields: Sequence[str]) -> list[float | None]:
        """The numbers that fields are, None where one is not written so.

        All of them may also be without their unit, by these marks or as programs write numbers, as
        long as these are not two different numbers.
        """
        values = [self.number(field) for field in fields]
        if None not in values:
            return values
        bare = replace(self, before="", after="")
        plain = [_told(bare.number(field), _float(field)) for field in fields]
        return values if None in plain else plain


def _told(marked: float | None, plain: float | None) -> float | None:
    """The one of two readings that there is, or both are."""
    if marked is None or plain is None or marked == plain:
        return plain if marked is None else marked
    return None


def _float(text: str) -> float | None:
    """The number that programs write so."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _unit(written: _Written | Spelling) -> str:
    """The unit alone: a space before it is a matter of taste."""
    return (written.before + "|" + written.after).translate(str.maketrans("", "", _SPACES))


def written(text: str) -> bool:
    """Whether a field is a number, with or without a unit and marks among its digits."""
    found = _written(text)
    return found is not None and _marks([found.digits], None, False) is not None


def spelling(
    fields: Iterable[str], decimal: str | None, sure: bool = False
) -> Spelling | str | None:
    """How all fields are written.

    Parameters
    ----------
    fields : iterable of str
    decimal : {".", ","}, optional
        The decimal mark: what other columns of the file have, which says of a mark that it parts
        thousands, or as the user gave it.
    sure : bool
        Whether the user gave it.

    Returns
    -------
    Spelling, str or None
        In words what is wrong where all are numbers but not in one spelling; None where they are no
        numbers.
    """
    found: list[_Written] = []
    for field in fields:
        one = _written(field)
        if one is None:
            return None
        found.append(one)
    if not found:
        return None
    units = {_unit(one): one for one in found}
    if len(units) > 1:
        names = [(one.before + one.after).strip(_SPACES) for one in units.values()]
        known = all(not name or _currency(name) or name in _UNITS for name in names)
        if not known:
            return None
        shown = ", ".join(repr(name) if name else "none" for name in names[:4])
        return f"are numbers in several units ({shown}{', ...' if names[4:] else ''})"
    marks = _marks([one.digits for one in found], decimal, sure)
    if marks is None or isinstance(marks, str):
        return marks
    decimal, mark = marks
    if any(_value(one, decimal, mark) is None for one in found):
        return None
    if mark:  # as it is written: there are several spaces
        mark = next(c for one in found for c in one.digits if _alike(c) == mark)
    (one,) = units.values()
    if not one.before + one.after and mark and mark in _SPACES and _as_long(found):
        return "may be numbers, or names made of digits"
    parts = [one.digits.rpartition(decimal) for one in found]
    places = max((len(tail) for _, there, tail in parts if there), default=0)
    return Spelling(one.before, one.after, mark, decimal, places)


def _as_long(found: list[_Written]) -> bool:
    """Whether all have as many digits, five or more, as postal codes and telephone numbers do."""
    lengths = {sum(d.isdigit() for d in one.digits) for one in found}
    return (
        len(lengths) == 1
        and min(lengths) >= 5
        and not any(mark in one.digits for one in found for mark in ".,")
    )


def _written(text: str) -> _Written | None:
    """A field's parts, where it is a number and at most a unit."""
    enclosed = text.startswith("(") and text.endswith(")")  # as accountants write what is negative
    match = _FIELD.fullmatch(text[1:-1].strip(_SPACES) if enclosed else text)
    if match is None:
        return None
    head, digits, tail = match["head"], match["digits"], match["tail"] or ""
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return None  # a code
    signs = [c for c in head if c in _SIGNS]
    before = "".join(c for c in head if c not in _SIGNS).lstrip(_SPACES)
    if tail[-1:] in _SIGNS[1:]:
        signs.append(tail[-1])
        tail = tail[:-1]
    if len(signs) + enclosed > 1:
        return None
    unit = tail.strip(_SPACES)
    if (before and not _currency(before.rstrip(_SPACES))) or (unit and not _is_unit(unit)):
        return None
    if before and unit and unit != "%":
        return None
    space = tail[:1] if unit and tail[0] in _SPACES else ""
    return _Written(before, space + unit, digits, enclosed or bool(signs and signs[0] != "+"))


def _currency(name: str) -> bool:
    """Whether a name is that of a currency: $, US$, EUR."""
    sign = [c for c in name if unicodedata.category(c) == "Sc"]
    rest = "".join(c for c in name if c not in sign)
    return name in _CURRENCIES or (
        len(sign) == 1 and len(rest) <= 3 and (not rest or rest.isalpha())
    )


def _is_unit(name: str) -> bool:
    """Whether what stands behind digits may be a unit: %, kg, Stück, EUR/m2; no time of day."""
    first = name[0]
    if len(name) > 16 or name.lower() in _TIMES or name.count(" ") > 1:
        return False
    symbol = first in "%‰°" or unicodedata.category(first) == "Sc"
    return bool(_WORD.fullmatch("a" + name[1:] if symbol else name))


def _marks(digits: list[str], known: str | None, sure: bool) -> tuple[str, str] | str | None:
    """The marks of decimals and of thousands; in words what is in doubt; None for no numbers."""
    decimals, thousands, doubtful = set[str](), set[str](), dict[str, str]()
    for text in digits:
        there = [_alike(c) for c in text if not c.isdigit()]
        kinds = list(dict.fromkeys(there))
        if len(kinds) > 2 or (len(kinds) == 2 and there.count(kinds[1]) > 1):
            return None
        if len(kinds) == 2:
            thousands.add(kinds[0])
            decimals.add(kinds[1])
        elif len(there) > 1 or (kinds and kinds[0] not in _OTHER):
            thousands.add(kinds[0])
        elif kinds:
            whole, _, rest = text.partition(kinds[0])
            if len(rest) == 3 and 1 <= len(whole) <= 3 and whole[0] != "0":
                doubtful.setdefault(kinds[0], text)
            else:
                decimals.add(kinds[0])
    if sure and known is not None:
        if decimals - {known} or known in thousands:
            return f"are no numbers whose decimal mark is {known}"
        decimals.add(known)
    if not decimals and len(thousands & set(_OTHER)) == 1:
        decimals = {_OTHER[mark] for mark in thousands if mark in _OTHER}
    proved = bool(thousands) or known in decimals
    for doubt, text in doubtful.items():
        if decimals >= {doubt} or (decimals and proved):  # else 1.234 and 3,5 are of two people
            thousands |= {doubt} - decimals
        elif thousands:
            decimals = {doubt}
        elif known is not None and doubt != known:
            thousands, decimals = {doubt}, {known}
        else:
            return f"may have thousands or decimals, as {text!r}"
    if len(thousands) > 1 or len(decimals) > 1 or decimals & thousands or decimals - set(_OTHER):
        return None
    return next(iter(decimals), "."), next(iter(thousands), "")


def _alike(mark: str) -> str:
    """A mark among digits, however the space or the apostrophe is written."""
    return " " if mark in _SPACES else "'" if mark == "’" else mark


def _value(one: _Written, decimal: str, mark: str) -> float | None:
    """The number of a field by its marks; None where they stand where no number has them."""
    whole, _, rest = "".join(map(_alike, one.digits)).partition(decimal)
    groups = whole.split(_alike(mark)) if mark else [whole]
    if not all(part.isdigit() for part in groups) and (len(groups) > 1 or whole):
        return None
    if rest and not rest.isdigit():
        return None
    if len(groups) > 1:  # of two digits as in India, too
        sizes = [len(part) for part in groups]
        if sizes[-1] != 3 or not set(sizes[1:-1]) <= {2, 3} or sizes[0] > 3:
            return None
    value = float(f"{''.join(groups) or '0'}.{rest or '0'}")
    return -value if one.negative else value
