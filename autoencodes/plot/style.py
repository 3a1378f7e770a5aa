"""One style for all pictures: sizes, type, colours, and bytes that depend on content alone."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, get_font

COLUMN = 3.4
"""Width of a paper's column, in inches."""

PAGE = 7.0
"""Width of both columns."""

AUTOENCODE = "#0072B2"
PCA = "#4D4D4D"
ACCENT = "#D55E00"
FAINT = "#8A8A8A"
SOFT = "#555555"
PALE = "#DCE6EE"
"""Okabe and Ito (2008), and greys."""

CLASSES = (
    ("#0d99f7", "o"),
    ("#cc1b3f", "o"),
    ("#ba8c0a", "o"),
    ("#9f39ac", "o"),
    ("#4c6b79", "o"),
    ("#22905c", "^"),
    ("#ad4700", "^"),
    ("#792cff", "^"),
    ("#b483b5", "^"),
    ("#ff00e6", "^"),
)
"""Colours and markers, found by annealing: on white and on the page's dark paper every colour has a
contrast of at least 3 (WCAG 2.2, 1.4.11); in protan-, deuter- and tritanopia any two differ by at
least 18 (CIELAB 1976), two of one marker by 23, in normal sight by 37 and 48."""

MOST = 30
"""So many classes can be told apart: beyond ten they have squares, beyond twenty diamonds."""


def look(k: int) -> tuple[str, str]:
    """Colour and marker of the k-th class."""
    colour, marker = CLASSES[k % len(CLASSES)]
    return colour, (marker, "s", "D")[min(k // len(CLASSES), 2)]


_FONTS = (
    "DejaVu Sans",
    *(f"Noto Sans CJK {country}" for country in ("SC", "TC", "JP", "KR")),
    *(f"Noto Sans {country}" for country in ("SC", "TC", "JP", "KR")),
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "IPAexGothic",
    "NanumGothic",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans",
    "Apple SD Gothic Neo",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Arial Unicode MS",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Noto Sans",
)
"""What text is set in: each letter in the first of those installed that has it."""

_RESOLUTION = 200
_SETTINGS: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.4,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "#333333",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "axes.formatter.use_mathtext": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3,
    "figure.constrained_layout.use": True,
    # Whole TrueType outlines: publishers refuse Type 3 fonts.
    "pdf.fonttype": 42,
}


def context() -> AbstractContextManager[None]:
    """Matplotlib's defaults with this style, whatever the user's settings; undone at the end."""
    return matplotlib.style.context({**_SETTINGS, "font.family": fonts()}, after_reset=True)


def fonts() -> list[str]:
    """The fonts that are installed; the first comes with matplotlib."""
    installed = {entry.name for entry in fontManager.ttflist}
    return [name for name in _FONTS if name in installed]


@lru_cache(maxsize=1)
def letters() -> frozenset[int]:
    """The code points that one of the fonts has a picture of."""
    paths = (fontManager.findfont(name, fallback_to_default=False) for name in fonts())
    return frozenset(code for path in paths for code in get_font(path).get_charmap())


def png(figure: Figure) -> bytes:
    """The picture in pixels."""
    return _rendered(figure, "png", {"Software": None})


def pdf(figure: Figure) -> bytes:
    """The picture in vectors, without date or program."""
    return _rendered(figure, "pdf", {"Creator": None, "Producer": None, "CreationDate": None})


def _rendered(figure: Figure, kind: str, metadata: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format=kind, dpi=_RESOLUTION, metadata=metadata)
    return stream.getvalue()
