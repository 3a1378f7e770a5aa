"""Numbers and names as text."""

from __future__ import annotations

from autoencodes.plot import style


def number(value: float) -> str:
    """Three digits, with a power of ten where the number is very small or large."""
    if value == 0 or 1e-3 <= abs(value) < 999.5:
        return f"{value:.3g}"
    if 999.5 <= abs(value) < 1e5:
        return f"{value:,.0f}"
    mantissa, exponent = f"{value:.2e}".split("e")
    mantissa = f"{float(mantissa):g}"
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}×10{raised}"


def plain(text: str, longest: int = 24) -> str:
    """A name from the data, on one line, cut to a length, and without mathematics in it.

    A letter that no font here has is shown by its number, as \\u4e2d.
    """
    known = style.letters()
    line = "".join(
        letter if ord(letter) in known else letter.encode("unicode_escape").decode()
        for letter in " ".join(text.split())
    )
    line = line if len(line) <= longest else line[: longest - 1] + "…"
    return line.replace("$", r"\$")
