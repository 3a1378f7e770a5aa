"""Latent space: every row a mark, coloured by what one likes to know, and a frame to list some."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from autoencodes.plot import style
from autoencodes.report.charts.vega import (
    ACCENT,
    INK,
    PAPER,
    Json,
    axis,
    chart,
    dragged,
    select,
    slider,
)
from autoencodes.report.rows import Rows, rounded

_SHADES = ["#2f7fd6", "#7f6be0", "#b455b9", "#d1466f", "#c9541f"]
"""From little to much: of equal lightness, so that each stands out on light and on dark paper."""
SHAPES = {"o": "circle", "^": "triangle-up", "s": "square", "D": "diamond"}


def codes(places: Float[np.ndarray, "row axis"], titles: list[str], rows: Rows) -> Json | None:
    """The chart of rows at ``places``, along one or two axes; ``columns`` are for the page to fill.

    A frame is dragged, or set by sliders; the signal ``frame`` is its edges left, right, bottom
    and top. Along a single axis rows stand at their error, or beside each other.
    """
    x = places[:, 0].astype(np.float64)
    up = "error"
    if places.shape[1] > 1:
        y, up = places[:, 1].astype(np.float64), titles[1]
    elif rows.errors is not None:
        y = rows.errors
    else:
        y, up = np.random.default_rng(0).uniform(size=len(x)), "spread to be seen"
    if not rows.columns:
        return None
    ends = {"x": _ends(x), "y": _ends(y)}
    names = [column.name for column in rows.columns]
    count = max((len(c.levels) for c in rows.columns if c.levels), default=0)
    chosen = "columns[shade]"
    number = f"!{chosen}.levels"
    # A legend needs an entry, also where it is not to be seen.
    own = f"sequence({number} ? 1 : length({chosen}.levels))"
    return chart(
        {"update": "clamp(0.75 * width, 260, 460)"},
        [
            select("shade", "colour by", list(range(len(names))), names, value=_first(rows)),
            {"name": "columns", "value": []},
            *_frame(ends),
            *dragged("plot", ("x", "y")),
        ],
        data=[
            {
                "name": "rows",
                "values": [
                    {"k": k, "x": a, "y": b}
                    for k, (a, b) in enumerate(zip(rounded(x), rounded(y), strict=True))
                ],
                "transform": [
                    {"type": "formula", "as": "v", "expr": f"{chosen}.values[datum.k]"},
                    {"type": "extent", "field": "v", "signal": "extent"},
                ],
            }
        ],
        scales=_scales(ends, own, _palette(count)),
        axes=[
            axis("x", "bottom", titles[0]),
            axis("y", "left", up),
        ],
        legends=_legends(chosen, number),
        marks=_marks(number),
    )  # fmt: skip


def _scales(
    ends: dict[str, list[float]], own: str, palette: tuple[list[str], list[str]]
) -> list[Json]:
    """Places, and the colours of numbers and of levels."""
    colours, shapes = palette
    return [
        {"name": "x", "range": "width", "zero": False, "domain": ends["x"]},
        {"name": "y", "range": "height", "zero": False, "domain": ends["y"]},
        {"name": "colour", "type": "linear", "zero": False, "range": _SHADES, "interpolate": "hcl",
         "domain": {"signal": "extent"}},
        {"name": "level", "type": "ordinal", "range": colours,
         "domain": {"signal": own}},
        {"name": "shape", "type": "ordinal", "range": shapes,
         "domain": {"signal": own}},
    ]  # fmt: skip


def _legends(chosen: str, number: str) -> list[Json]:
    """Of levels and of numbers; one of them is seen."""
    return [
        {"fill": "level", "shape": "shape", "orient": "bottom", "direction": "horizontal",
         "columns": {"signal": "ceil(width / 110)"}, "symbolLimit": 60,
         "encode": {"labels": {"update": {"text": {
             "signal": f"{number} ? '' : {chosen}.levels[datum.value]"}}},
                    "symbols": {"update": {"opacity": {"signal": f"{number} ? 0 : 1"}}}}},
        {"fill": "colour", "orient": "bottom", "direction": "horizontal",
         "gradientThickness": 9, "gradientLength": {"signal": "min(220, width - 20)"},
         "tickCount": 4,
         "encode": {"gradient": {"update": {"opacity": {"signal": f"{number} ? 1 : 0"}}},
                    "labels": {"update": {"text": {"signal": f"{number} ? datum.label : ''"}}}}},
    ]  # fmt: skip


def _first(rows: Rows) -> int:
    """By which column rows are coloured at first: the class, else a column of few levels."""
    levels = [len(column.levels or ()) for column in rows.columns]
    return next((k for k, count in enumerate(levels) if 1 < count <= style.MOST), 0)


def _frame(ends: dict[str, list[float]]) -> list[Json]:
    """The frame's edges: shares of the axes, moved by a pointer or by sliders."""
    edges = {"left": ("x", 0), "right": ("x", 1), "bottom": ("y", 0), "top": ("y", 1)}
    found = []
    for name, (along, whole) in edges.items():
        end = "max" if whole else "min"
        pixel = f"{end}(drag_{along}[0], drag_{along}[1])"
        share = (
            f"{pixel} / width"
            if along == "x"
            else (f"1 - {'min' if whole else 'max'}(drag_y[0], drag_y[1]) / height")
        )
        found.append(
            slider(
                name, f"frame {name}", 0, 1, whole,
                on=[
                    {"events": {"signal": f"drag_{along}"},
                     "update": f"dragging ? {share} : {name}"},
                    {"events": "@plot:dblclick", "update": str(whole)},
                ],
            )
        )  # fmt: skip
    edge = "{0} + {1} * ({2} - {0})"
    parts = [
        edge.format(ends[along][0], name, ends[along][1]) for name, (along, _) in edges.items()
    ]
    return [*found, {"name": "frame", "update": f"[{', '.join(parts)}]"}]


def _marks(number: str) -> list[Json]:
    place: Json = {"x": {"scale": "x", "field": "x"}, "y": {"scale": "y", "field": "y"}}
    inside = "inrange(datum.x, [frame[0], frame[1]]) && inrange(datum.y, [frame[2], frame[3]])"
    # What is outside keeps its colour, and stands back.
    fill = [
        {"test": "!isValid(datum.v)", "value": "none"},
        {"test": number, "scale": "colour", "field": "v"},
        {"scale": "level", "field": "v"},
    ]
    rim = [{"test": "!isValid(datum.v)", "value": INK}, {"value": PAPER}]
    return [
        {
            "type": "group",
            "name": "plot",
            "encode": {"enter": {"fill": {"value": "transparent"},
                                 "cursor": {"value": "crosshair"}},
                       "update": {"width": {"signal": "width"}, "height": {"signal": "height"}}},
            "marks": [
                {
                    "type": "symbol",
                    "from": {"data": "rows"},
                    "interactive": False,
                    "encode": {"update": {
                        **place,
                        "fill": fill,
                        "stroke": rim,
                        "strokeWidth": {"value": 0.5},
                        "shape": [{"test": number, "value": "circle"},
                                  {"scale": "shape", "field": "v"}],
                        "size": {"value": 34},
                        "opacity": [{"test": inside, "value": 1}, {"value": 0.25}],
                    }},
                },
                {
                    "type": "rect",
                    "interactive": False,
                    "encode": {"update": {
                        "x": {"signal": "left * width"},
                        "x2": {"signal": "right * width"},
                        "y": {"signal": "(1 - top) * height"},
                        "y2": {"signal": "(1 - bottom) * height"},
                        "stroke": {"value": ACCENT},
                        "strokeWidth": {"signal": "left + bottom + 2 > right + top ? 1.5 : 0"},
                    }},
                },
            ],
        }
    ]  # fmt: skip


def _palette(count: int) -> tuple[list[str], list[str]]:
    """Colours and shapes of so many classes."""
    looks = [style.look(k) for k in range(max(count, 1))]
    return [colour for colour, _ in looks], [SHAPES[marker] for _, marker in looks]


def _ends(values: Float[np.ndarray, " row"]) -> list[float]:
    low, high = float(values.min()), float(values.max())
    pad = 0.04 * (high - low) or 1.0
    return [float(f"{low - pad:.5g}"), float(f"{high + pad:.5g}")]


def rows_of(rows: Rows) -> dict[str, Any]:
    """What the page lists of the rows: the worst first."""
    order = np.arange(len(rows.names))
    if rows.errors is not None:
        order = np.argsort(-rows.errors, kind="stable")
    return {
        "names": rows.names,
        "columns": [column.facts() for column in rows.columns],
        "order": order.tolist(),
    }
