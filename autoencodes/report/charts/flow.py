"""A flow: particles in the plane of two components, layer by layer, and which components are on.

Between two layers particles are drawn along straight lines.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from autoencodes.report.charts.codes import SHAPES
from autoencodes.report.charts.vega import INK, PAPER, RULE, SOFT, Json, axis, chart, select, slider


def flow(held: Json) -> Json:
    """The chart of what ``page.scenes.scene`` holds; a single component is drawn over the layers.

    The signal ``said`` is what a reader who does not see it is told; ``layer`` may lie between two.
    """
    names, last = held["components"], len(held["times"]) - 1
    line, cell = len(names) == 1, 10 if len(held["rows"] or ()) > 8 else 15
    tall = cell * len(held["rows"]) if held["rows"] else 44
    places = list(range(len(names)))
    first = held["plane"] if not line else [0, 0]
    return chart(
        {"update": _height(line)},
        [
            *([] if line else [
                select("across", "across", places, names, value=first[0]),
                select("up", "up", places, names, value=first[1]),
            ]),
            *([{"name": "across", "value": 0}, {"name": "up", "value": 0}] if line else []),
            slider("layer", "layer", 0, last, 0, step=1, on=[
                {"events": "@strip:click",
                 "update": f"clamp(round(x() / width * {last}), 0, {last})"},
            ]),
            slider("particle", "particle", 0, len(held["members"]), 0, step=1, on=[
                {"events": "@mark:pointerover", "update": "datum.k + 1"},
                {"events": "@mark:pointerout", "update": "0"},
            ]),
            *_known(held),
            *_moment(last, len(names)),
            {"name": "said", "update": _said(names)},
        ],
        usermeta={"play": last, "times": held["times"]},
        data=_data(held, line),
        scales=_scales(held, line, last),
        axes=[
            axis("x", "bottom", "layer" if line else {"signal": _named("across")},
                 **({} if line else _switched("across"))),
            axis("y", "left", {"signal": _named("up")}, **_switched("up")),
        ],
        legends=_legends(held),
        marks=[_plane(names, line), _strip(held, tall, last)],
    )  # fmt: skip


def _height(line: bool) -> str:
    """A component over time is wide; a plane has one scale across and up, and holds all layers."""
    return "clamp(0.45 * width, 200, 320)" if line else "width * ratio"


def _known(held: Json) -> list[Json]:
    """What does not change."""
    spans = []
    for k in range(len(held["components"])):
        wide = len(held["components"])
        values = [v for layer in held["states"] for v in layer[k::wide]]
        values += [place[k] for place in held["targets"]]
        low, high = min(values), max(values)
        spans.append([low, high] if high > low else [low - 1, high + 1])
    return [
        {"name": "states", "value": held["states"]},
        {"name": "on", "value": held["on"]},
        {"name": "times", "value": held["times"]},
        {"name": "names", "value": held["components"]},
        {"name": "classes", "value": [each["name"] for each in held["classes"]]},
        {"name": "members", "value": held["members"]},
        {"name": "spans", "value": spans},
    ]


def _moment(last: int, wide: int) -> list[Json]:
    """The moment, between which layers it lies, and the window."""
    span = "(spans[{0}][1] - spans[{0}][0])"
    most, least = "(width < 500 ? 1.1 : 0.72)", "(width < 500 ? 0.7 : 0.5)"
    middle = "(spans[{0}][0] + spans[{0}][1]) / 2"
    across, up = span.format("across"), span.format("up")
    return [
        {"name": "wide", "value": wide},
        {"name": "before", "update": f"min(floor(layer), {last - 1})"},
        {"name": "part", "update": "layer - before"},
        {"name": "onto", "update": "on[ceil(layer)]"},
        {"name": "ratio", "update": f"clamp({up} / {across}, {least}, {most})"},
        {"name": "unit", "update": f"1.06 * max({across} / width, {up} / (width * ratio))"},
        {"name": "middle", "update": f"[{middle.format('across')}, {middle.format('up')}]"},
    ]


def _is_on(component: str) -> str:
    return f"substring(onto, {component}, {component} + 1) === '1'"


def _named(component: str) -> str:
    return f"names[{component}] + ({_is_on(component)} ? '' : ' is off')"


def _switched(component: str) -> Json:
    """The axis of a component that is off is dashed."""
    dash = {"signal": f"{_is_on(component)} ? [1, 0] : [4, 4]"}
    return {"encode": {"domain": {"update": {"strokeDash": dash}}}}


def _at(component: str, particle: str = "datum.k", layer: str = "") -> str:
    """A coordinate of a particle, at a layer or at the moment."""
    place = f"{particle} * wide + {component}"
    if layer:
        return f"states[{layer}][{place}]"
    return f"(1 - part) * states[before][{place}] + part * states[before + 1][{place}]"


def _said(names: list[str]) -> str:
    places = [
        f"{json.dumps(name)} + (substring(onto, {k}, {k + 1}) === '1' ? ' = ' + "
        f"format({_at(str(k), '(particle - 1)')}, '.3~g') : ' is off')"
        for k, name in enumerate(names)
    ]
    one = (
        "': particle ' + particle + (classes[members[particle - 1]] === '' ? '' : ', class ' + "
        "classes[members[particle - 1]]) + ', ' + " + " + ', ' + ".join(places)
    )
    when = (
        "'layer ' + format(layer, '.1~f') + ' of ' + (length(times) - 1) + ', t = ' + "
        "format((1 - part) * times[before] + part * times[before + 1], '.3~g')"
    )
    return f"{when} + (particle > 0 ? {one} : '')"


def _data(held: Json, line: bool) -> list[Json]:
    count, last = len(held["members"]), len(held["times"]) - 1
    x = "layer" if line else _at("across")
    follow = "datum.l" if line else _at("across", "(particle - 1)", "datum.l")
    return [
        {
            "name": "particles",
            "values": [{"k": k, "m": m} for k, m in enumerate(held["members"])],
            "transform": [{"type": "formula", "as": "x", "expr": x},
                          {"type": "formula", "as": "y", "expr": _at("up")}],
        },
        {
            "name": "trail",
            "values": [{"l": layer} for layer in range(last + 1)],
            "transform": [
                {"type": "filter", "expr": "particle > 0"},
                {"type": "formula", "as": "x", "expr": follow},
                {"type": "formula", "as": "y", "expr": _at("up", "(particle - 1)", "datum.l")},
            ],
        },
        {
            "name": "paths",
            "values": [{"k": k, "m": m, "l": layer} for k, m in enumerate(held["members"])
                       for layer in range(last + 1)] if line and count <= 150 else [],
            "transform": [{"type": "formula", "as": "y", "expr": _at("up", layer="datum.l")}],
        },
        {"name": "targets", "values": [{"t": place} for place in held["targets"]]},
    ]  # fmt: skip


def _scales(held: Json, line: bool, last: int) -> list[Json]:
    half = "unit * {0} / 2"
    if line:
        x: Any = [0, last]
        y = "[spans[0][0] - 0.05 * (spans[0][1] - spans[0][0]), spans[0][1] + 0.05 * " \
            "(spans[0][1] - spans[0][0])]"  # fmt: skip
    else:
        wide, tall = half.format("width"), half.format("height")
        x = {"signal": f"[middle[0] - {wide}, middle[0] + {wide}]"}
        y = f"[middle[1] - {tall}, middle[1] + {tall}]"
    count = len(held["classes"])
    looks = {
        "colour": [each["colour"] for each in held["classes"]],
        "shape": [SHAPES[each["marker"]] for each in held["classes"]],
    }
    return [
        {"name": "x", "range": "width", "zero": False, "domain": x},
        {"name": "y", "range": "height", "zero": False, "domain": {"signal": y}},
        *(
            {"name": name, "type": "ordinal", "domain": list(range(count)), "range": look}
            for name, look in looks.items()
        ),
    ]


def _legends(held: Json) -> list[Json]:
    if held["classes"][0]["name"] == "":
        return []
    label = {"labels": {"update": {"text": {"signal": "classes[datum.value]"}}}}
    return [
        {"fill": "colour", "shape": "shape", "orient": "top", "direction": "horizontal",
         "columns": {"signal": "ceil(width / 110)"}, "symbolLimit": 60, "encode": label}
    ]  # fmt: skip


def _plane(names: list[str], line: bool) -> Json:
    """The particles, their targets, and the way of the one that is chosen."""
    at: Json = {"x": {"scale": "x", "field": "x"}, "y": {"scale": "y", "field": "y"}}
    colour: Json = {"scale": "colour", "field": "m"}
    told = ", ".join(
        f"{json.dumps(name)}: format({_at(str(k))}, '.3~g')" for k, name in enumerate(names)
    )
    chosen = "particle > 0 && datum.k !== particle - 1"
    target = {"x": {"signal": "width"} if line else {"scale": "x", "signal": "datum.t[across]"},
              "y": {"scale": "y", "signal": "datum.t[up]"}}  # fmt: skip
    return {
        "type": "group",
        "encode": {"update": {"width": {"signal": "width"}, "height": {"signal": "height"}}},
        "marks": [
            {"type": "group", "interactive": False,
             "from": {"facet": {"name": "path", "data": "paths", "groupby": "k"}},
             "marks": [{"type": "line", "interactive": False, "from": {"data": "path"},
                        "encode": {"update": {"x": {"scale": "x", "field": "l"},
                                              "y": {"scale": "y", "field": "y"}, "stroke": colour,
                                              "strokeWidth": {"value": 0.7},
                                              "opacity": {"value": 0.2}}}}]},
            {"type": "symbol", "name": "mark", "from": {"data": "particles"},
             "encode": {"update": {
                 **at, "fill": colour, "shape": {"scale": "shape", "field": "m"},
                 "size": {"value": 44}, "stroke": {"value": PAPER}, "strokeWidth": {"value": 0.6},
                 "opacity": [{"test": chosen, "value": 0.35}, {"value": 1}],
                 "tooltip": {"signal": "{title: 'particle ' + (datum.k + 1) + (classes[datum.m] "
                                       f"? ', ' + classes[datum.m] : ''), {told}}}"}}}},
            {"type": "line", "interactive": False, "from": {"data": "trail"},
             "encode": {"update": {**at, "strokeWidth": {"value": 1.6},
                                   "stroke": {"value": INK}}}},
            {"type": "symbol", "interactive": False, "from": {"data": "targets"},
             "encode": {"update": {**target, "shape": {"value": "M-.5-.5L.5.5M.5-.5L-.5.5"},
                                   "size": {"value": 90}, "strokeWidth": {"value": 1.5},
                                   "stroke": {"value": INK}, "fill": {"value": "none"}}}},
        ],
    }  # fmt: skip


def _strip(held: Json, tall: int, last: int) -> Json:
    """The architecture in miniature: a cell for every component and step, or the width."""
    rows, grid, widths = held["rows"], held["grid"], held["widths"]
    kinds = grid or widths
    cuts = [0, *(k for k in range(1, last) if kinds[k] != kinds[k - 1]), last]
    cells: list[Json] = []
    for start, end in pairwise(cuts):
        if rows:
            cells += [
                {"a": start, "b": end, "y": r / len(rows), "h": 1 / len(rows),
                 "on": grid[start][r] == "1"}
                for r in range(len(rows))
            ]  # fmt: skip
        else:
            share = widths[start] / held["dim"]
            cells.append({"a": start, "b": end, "y": (1 - share) / 2, "h": share, "on": True})
    names = [{"n": name, "y": (r + 0.5) / len(rows)} for r, name in enumerate(rows or [])]
    names = names if len(names) <= 8 else names[::2]
    at = {"scale": "along", "field": "a", "offset": 0.5}
    return {
        "type": "group",
        "name": "strip",
        "encode": {"enter": {"fill": {"value": "transparent"}, "cursor": {"value": "pointer"}},
                   "update": {"y": {"signal": "height + 52"}, "width": {"signal": "width"},
                              "height": {"value": tall}}},
        "scales": [{"name": "along", "domain": [0, last], "zero": False,
                    "range": [0, {"signal": "width"}]}],
        "data": [{"name": "cells", "values": cells},
                 {"name": "rows", "values": names or [{"n": "width", "y": 0.5}]}],
        "marks": [
            {"type": "rect", "interactive": False, "from": {"data": "cells"},
             "encode": {"update": {
                 "x": at, "x2": {"scale": "along", "field": "b", "offset": -0.5},
                 "y": {"signal": f"datum.y * {tall} + 1"},
                 "height": {"signal": f"max(datum.h * {tall} - 2, 1)"},
                 "fill": [{"test": "datum.on", "value": SOFT}, {"value": RULE}]}}},
            {"type": "text", "interactive": False, "from": {"data": "rows"},
             "encode": {"update": {"x": {"value": -8}, "y": {"signal": f"datum.y * {tall}"},
                                   "align": {"value": "right"}, "baseline": {"value": "middle"},
                                   "limit": {"value": 90}, "fontSize": {"value": 11},
                                   "fill": {"value": SOFT}, "text": {"field": "n"}}}},
            {"type": "rule", "interactive": False,
             "encode": {"update": {"x": {"scale": "along", "signal": "layer"},
                                   "y2": {"value": tall}, "stroke": {"value": INK},
                                   "strokeWidth": {"value": 2}}}},
        ],
    }  # fmt: skip
