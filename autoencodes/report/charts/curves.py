"""Curves over the course of a training, of one run or of several; a part can be enlarged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoencodes.report.charts.vega import INK, Json, axis, chart, dragged, select, slider
from autoencodes.report.loss import PIECES, pieces

ACROSS = {"epoch": "epochs", "seconds": "seconds", "gradient_evaluations": "gradient evaluations"}
ENLARGE = "To enlarge a part drag across it, or move the sliders; a double click shows all again."
_SHOWN = "isValid(datum.x) && datum.x >= window[0] && datum.x <= window[1]"


@dataclass(frozen=True)
class Curve:
    """Values along a training, with the names of their places in its history."""

    name: str
    colour: str
    lines: Sequence[dict[str, Any]]
    """Lines of ``history.jsonl``."""
    entry: str
    unit: float = 1.0
    """What values are divided by."""

    def points(self) -> list[dict[str, Any]]:
        """Its points: of many the medians over 200 pieces."""
        kept = [line for line in self.lines if line.get(self.entry) is not None]
        kept = [line for line in kept if np.isfinite(line[self.entry])]
        values = np.array([line[self.entry] for line in kept], np.float64) / self.unit
        if len(kept) > 2 * PIECES:
            ends, _, values, _ = pieces(np.arange(len(kept), dtype=np.float64), values)
            kept = [kept[int(k)] for k in ends]
        return [
            {"c": self.name, "v": float(f"{value:.4g}"), **{k: _short(line.get(k)) for k in ACROSS}}
            for line, value in zip(kept, values.tolist(), strict=True)
        ]


def curves(
    shown: Sequence[Curve], up: str, levels: Sequence[tuple[str, str, float]] = ()
) -> Json | None:
    """The chart; ``levels`` are lines across: name, colour and height. None: nothing to draw.

    Dragging across enlarges; so do two sliders, with which it is undone. The scale is logarithmic
    where all values are positive.
    """
    drawn = [(curve, curve.points()) for curve in shown]
    drawn = [(curve, points) for curve, points in drawn if points]
    points = [point for _, each in drawn for point in each]
    keys = [k for k in ACROSS if all(point[k] is not None for point in points)]
    if not points or not keys:
        return None
    values = [point["v"] for point in points] + [height for *_, height in levels]
    fields = [{"data": name, "field": "v"} for name in ("points", *(["levels"] if levels else []))]
    ends = {k: [min(p[k] for p in points), max(p[k] for p in points)] for k in keys}
    names = [curve.name for curve, _ in drawn] + [name for name, *_ in levels]
    colours = [curve.colour for curve, _ in drawn] + [colour for _, colour, _ in levels]
    dashes = [[1, 0] for _ in drawn] + [[4, 3] for _ in levels]
    return chart(
        260,
        [
            select("across", "over", keys, [ACROSS[k] for k in keys]),
            {"name": "ends", "value": ends},
            *_window(),
            *dragged("plot", ("x",)),
        ],
        data=[
            {
                "name": "points",
                "values": points,
                "transform": [
                    {"type": "formula", "as": "x", "expr": "datum[across]"},
                    {"type": "filter", "expr": _SHOWN},
                ],
            },
            {
                "name": "levels",
                "values": [{"c": name, "v": height} for name, _, height in levels],
            },
        ],
        scales=[
            {"name": "x", "range": "width", "zero": False, "domain": {"signal": "window"}},
            {
                "name": "y",
                "type": "log" if min(values) > 0 else "linear",
                "range": "height",
                "zero": False,
                "domain": {"fields": fields},
            },
            {"name": "colour", "type": "ordinal", "domain": names, "range": colours},
            {"name": "dash", "type": "ordinal", "domain": names, "range": dashes},
        ],
        axes=[
            axis("x", "bottom", {"signal": "titles[across]"}),
            axis("y", "left", up, tickCount=5),
        ],
        legends=[
            {"stroke": "colour", "strokeDash": "dash", "symbolType": "stroke", "orient": "top",
             "direction": "horizontal", "columns": {"signal": "ceil(width / 230)"}},
        ],
        marks=_marks(),
    )  # fmt: skip


def _window() -> list[Json]:
    """What is shown, as shares of the whole, and as places on the axis."""
    inside = "clamp(({0} / width) * (to - from) + from, 0, 1)"
    far = "abs(drag_x[1] - drag_x[0]) > 6"
    ways = {"from": ("min", 0), "to": ("max", 1)}
    return [
        *(
            slider(
                name, name, 0, 1, whole,
                on=[
                    {"events": {"signal": "let_go"},
                     "update": f"{far} ? let_go[{whole}] : {name}"},
                    {"events": "@plot:dblclick", "update": str(whole)},
                ],
            )
            for name, (_, whole) in ways.items()
        ),
        {
            "name": "let_go",
            "value": [0, 1],
            "on": [
                {
                    "events": {"signal": "dragging"},
                    "update": "dragging ? let_go : [" + ", ".join(
                        inside.format(f"{end}(drag_x[0], drag_x[1])") for end, _ in ways.values()
                    ) + "]",
                }
            ],
        },
        {"name": "titles", "value": ACROSS},
        {
            "name": "window",
            "update": "[ends[across][0] + min(from, to - 0.005) * (ends[across][1] - "
            "ends[across][0]), ends[across][0] + max(to, from + 0.005) * (ends[across][1] - "
            "ends[across][0])]",
        },
    ]  # fmt: skip


def _marks() -> list[Json]:
    look: Json = {"stroke": {"scale": "colour", "field": "c"}, "strokeWidth": {"value": 1.8}}
    place: Json = {"x": {"scale": "x", "field": "x"}, "y": {"scale": "y", "field": "v"}}
    told = "{title: datum.c, at: format(datum.x, ',.4~g'), value: format(datum.v, '.3~g')}"
    return [
        {
            "type": "group",
            "name": "plot",
            "clip": True,
            "encode": {"enter": {"fill": {"value": "transparent"}},
                       "update": {"width": {"signal": "width"}, "height": {"signal": "height"}}},
            "marks": [
                {
                    "type": "group",
                    "interactive": False,
                    "from": {"facet": {"name": "curve", "data": "points", "groupby": "c"}},
                    "marks": [
                        {"type": "line", "from": {"data": "curve"}, "interactive": False,
                         "encode": {"update": {**place, **look}}}
                    ],
                },
                {
                    "type": "symbol",
                    "from": {"data": "points"},
                    "encode": {"update": {
                        **place,
                        "fill": {"scale": "colour", "field": "c"},
                        "size": {"value": 14},
                        "tooltip": {"signal": told},
                    }},
                },
                {
                    "type": "rule",
                    "from": {"data": "levels"},
                    "interactive": False,
                    "encode": {"update": {
                        **look,
                        "strokeDash": {"scale": "dash", "field": "c"},
                        "x2": {"signal": "width"},
                        "y": {"scale": "y", "field": "v"},
                    }},
                },
                {
                    "type": "rect",
                    "interactive": False,
                    "encode": {"update": {
                        "x": {"signal": "drag_x[0]"},
                        "x2": {"signal": "drag_x[1]"},
                        "y2": {"signal": "height"},
                        "fill": {"value": INK},
                        "fillOpacity": {"signal": "dragging ? 0.12 : 0"},
                    }},
                },
            ],
        }
    ]  # fmt: skip


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")
