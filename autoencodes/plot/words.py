"""Numbers and names as text."""

from __future__ import annotations

from autoencodes.plot import style
from autoencodes.summary import number as number
from autoencodes.summary import typeset as typeset


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
