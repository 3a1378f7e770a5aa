"""Reconstruction column by column: R², and one column's values and errors in its own units.

# notation: R² = 1 − Σ (made − true)² / Σ (true − mean)², over a column's features together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from autoencodes.plot import style
from autoencodes.report.charts.vega import ACCENT, INK, SOFT, Json, axis, chart, select
from autoencodes.report.rows import Column, rounded


def explained(
    errors: Float[np.ndarray, " feature"],
    rows: Float[np.ndarray, "row feature"],
    owner: Int[np.ndarray, " feature"],
    columns: int,
) -> list[float | None]:
    """R² of every column, from its features' mean squared errors and some rows' variances.

    None for a column that does not vary, and for a constant one, which has no feature.
    """
    varied = np.bincount(owner, rows.var(axis=0, dtype=np.float64), columns)
    wrong = np.bincount(owner, errors.astype(np.float64), columns)
    pairs = zip(wrong.tolist(), varied.tolist(), strict=True)
    return [float(f"{1 - w / v:.4g}") if v > 1e-12 else None for w, v in pairs]


def shares(names: Sequence[str], found: dict[str, list[float | None]]) -> Json:
    """R² of every column: a mark for each of ``found`` (the flow, PCA), the best column first."""
    first = next(iter(found.values()))
    told = {k: value for k, value in enumerate(first) if value is not None}
    triples = [
        (names[k], name, value)
        for k in sorted(told, key=lambda k: -told[k])
        for name, each in found.items()
        if (value := each[k]) is not None
    ]
    # Far below 0 it says no more than that the mean is better.
    places = [max(value, -0.25) for *_, value in triples]
    values = [
        {"c": column, "of": name, "v": value, "at": place}
        for (column, name, value), place in zip(triples, places, strict=True)
    ]
    kinds = {"domain": list(found), "range": [style.AUTOENCODE, SOFT][: len(found)]}
    low = min([0.0, *places])
    return chart(
        {"update": f"{20 * len(told)}"},
        [],
        data=[{"name": "values", "values": values}],
        scales=[
            {"name": "x", "range": "width", "domain": [low, 1]},
            {"name": "y", "type": "band", "range": "height",
             "domain": {"data": "values", "field": "c"}},
            {"name": "colour", "type": "ordinal", **kinds},
            {"name": "shape", "type": "ordinal", "domain": list(found),
             "range": ["circle", "diamond"]},
        ],
        axes=[
            axis("x", "bottom", "R² over the test rows", grid=True),
            axis("y", "left", labelLimit={"signal": "width < 420 ? 110 : 220"}),
        ],
        legends=[{"fill": "colour", "shape": "shape", "orient": "top", "direction": "horizontal"}],
        marks=[
            {
                "type": "symbol",
                "from": {"data": "values"},
                "encode": {"update": {
                    "x": {"scale": "x", "field": "at"},
                    "y": {"scale": "y", "field": "c", "band": 0.5},
                    "fill": {"scale": "colour", "field": "of"},
                    "shape": {"scale": "shape", "field": "of"},
                    "size": {"value": 70},
                    "tooltip": {"signal": "{title: datum.c, of: datum.of, "
                                          "'R²': format(datum.v, '.3f')}"},
                }},
            }
        ],
    )  # fmt: skip


def errors(columns: Sequence[Column], names: Sequence[str]) -> Json | None:
    """One column's values against their reconstructions, and how its errors are distributed.

    Only of columns of numbers; None where there are none.
    """
    shown = [c for c in columns if c.levels is None and c.texts is None and c.made is not None]
    shown = [c for c in shown if np.isfinite(c.values).sum() > 1]
    if not shown:
        return None
    values = [{"v": rounded(c.values), "m": rounded(c.made)} for c in shown if c.made is not None]
    return chart(
        {"update": "clamp(0.7 * width, 340, 480)"},
        [
            select("column", "column", list(range(len(shown))), [c.name for c in shown]),
            {"name": "columns", "value": values},
            {"name": "names", "value": list(names)},
            {"name": "titles", "value": [c.name for c in shown]},
            {"name": "tall", "update": "0.62 * height"},
        ],
        data=[
            {
                "name": "rows",
                "values": [{"k": k} for k in range(len(names))],
                "transform": [
                    {"type": "formula", "as": "v", "expr": "columns[column].v[datum.k]"},
                    {"type": "formula", "as": "m", "expr": "columns[column].m[datum.k]"},
                    {"type": "filter", "expr": "isValid(datum.v) && isValid(datum.m)"},
                    {"type": "formula", "as": "off", "expr": "datum.m - datum.v"},
                    {"type": "extent", "field": "v", "signal": "both"},
                    {"type": "extent", "field": "off", "signal": "off"},
                ],
            },
            {
                "name": "bins",
                "source": "rows",
                "transform": [
                    {"type": "bin", "field": "off", "extent": {"signal": "off"}, "maxbins": 30},
                    {"type": "aggregate", "groupby": ["bin0", "bin1"]},
                ],
            },
        ],
        scales=[],
        marks=[_PAIRS, _HISTOGRAM],
    )  # fmt: skip


_PAIRS: Json = {
    "type": "group",
    "encode": {"update": {"width": {"signal": "width"},
                                   "height": {"signal": "tall"}}},
    "scales": [
        {"name": "x", "range": [0, {"signal": "width"}], "zero": False, "nice": True,
         "domain": {"data": "rows", "field": "v"}},
        {"name": "y", "range": [{"signal": "tall"}, 0], "zero": False, "nice": True,
         "domain": {"fields": [{"data": "rows", "field": "v"},
                               {"data": "rows", "field": "m"}]}},
    ],
    "axes": [
        axis("x", "bottom", {"signal": "titles[column] + ', true'"}),
        axis("y", "left", "reconstructed", tickCount=5),
    ],
    "marks": [
        {
            "type": "rule",
            "clip": True,
            "encode": {"update": {
                "x": {"scale": "x", "signal": "both[0]"},
                "x2": {"scale": "x", "signal": "both[1]"},
                "y": {"scale": "y", "signal": "both[0]"},
                "y2": {"scale": "y", "signal": "both[1]"},
                "stroke": {"value": INK},
                "strokeDash": {"value": [4, 3]},
            }},
        },
        {
            "type": "symbol",
            "from": {"data": "rows"},
            "encode": {"update": {
                "x": {"scale": "x", "field": "v"},
                "y": {"scale": "y", "field": "m"},
                "fill": {"value": ACCENT},
                "size": {"value": 26},
                "tooltip": {"signal": "{title: names[datum.k], 'true': format(datum.v, "
                                      "'.4~g'), made: format(datum.m, '.4~g')}"},
            }},
        },
    ],
}  # fmt: skip
"""True values against reconstructed ones."""

_HISTOGRAM: Json = {
    "type": "group",
    "encode": {"update": {"y": {"signal": "tall + 64"},
                                   "width": {"signal": "width"},
                                   "height": {"signal": "height - tall - 64"}}},
    "scales": [
        {"name": "x", "range": [0, {"signal": "width"}],
         "domain": {"fields": [{"data": "bins", "field": "bin0"},
                               {"data": "bins", "field": "bin1"}]}, "zero": False},
        {"name": "y", "range": [{"signal": "height - tall - 64"}, 0],
         "domain": {"data": "bins", "field": "count"}},
    ],
    "axes": [
        axis("x", "bottom", "error: reconstructed less true"),
        axis("y", "left", "rows", tickCount=3),
    ],
    "marks": [
        {
            "type": "rect",
            "from": {"data": "bins"},
            "encode": {"update": {
                "x": {"scale": "x", "field": "bin0", "offset": 0.5},
                "x2": {"scale": "x", "field": "bin1", "offset": -0.5},
                "y": {"scale": "y", "field": "count"},
                "y2": {"scale": "y", "value": 0},
                "fill": {"value": ACCENT},
                "tooltip": {"signal": "{rows: datum.count, from: format(datum.bin0, "
                                      "'.4~g'), to: format(datum.bin1, '.4~g')}"},
            }},
        }
    ],
}  # fmt: skip
"""How the errors are distributed."""
