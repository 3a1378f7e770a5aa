"""Parts of Vega specifications (https://vega.github.io/vega/docs) that several charts share."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

SOFT, INK, RULE, PAPER, ACCENT = (
    f"var(--{name})" for name in ("soft", "ink", "rule", "paper", "accent")
)
"""The page's colours: a chart follows it into the dark."""

_CONFIG: Json = {
    "background": None,
    "axis": {
        "labelColor": SOFT,
        "titleColor": INK,
        "domainColor": SOFT,
        "tickColor": SOFT,
        "gridColor": RULE,
        "labelFontSize": 12,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
        "labelOverlap": True,
    },
    "legend": {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 220,
    },
    "text": {"fill": INK, "fontSize": 12},
}


def chart(height: int | Json, signals: list[Json], **parts: Any) -> Json:
    """A specification as wide as the page; ``height`` may be a signal's definition."""
    wide = "containerSize()[0] > 0 ? containerSize()[0] : 640"
    width = {"name": "width", "init": wide, "on": [{"events": "window:resize", "update": wide}]}
    found = [width, *signals]
    if isinstance(height, dict):
        found.append({"name": "height", **height})
    return {
        "autosize": {"type": "fit-x", "contains": "padding"},
        "padding": 4,
        **({"height": height} if isinstance(height, int) else {}),
        "config": _CONFIG,
        "signals": found,
        **parts,
    }


def slider(
    name: str, label: str, low: float, high: float, start: float, *, step: float = 0, **more: Any
) -> Json:
    """A signal that a slider moves, which every keyboard can; in 200 steps if none is given."""
    step = step or (high - low) / 200
    bound = {"input": "range", "min": low, "max": high, "step": step, "name": label}
    return {"name": name, "value": start, "bind": bound, **more}


def select(name: str, label: str, options: list[Any], labels: list[str], **more: Any) -> Json:
    """A signal that takes one of some values; hidden where there is nothing to choose."""
    found = {"name": name, "value": options[0], **more}
    if len(options) < 2:
        return found
    return {
        **found,
        "bind": {"input": "select", "options": options, "labels": labels, "name": label},
    }


def dragged(plot: str, names: tuple[str, ...]) -> list[Json]:
    """Signals that follow a pointer over a group of marks.

    ``drag_x`` and, if named, ``drag_y`` are pairs of pixels: where it was pressed, and where it is;
    ``dragging`` is whether it is held.
    """
    moved = f"[@{plot}:pointerdown, window:pointerup] > window:pointermove"
    found: list[Json] = [
        {
            "name": "dragging",
            "value": False,
            "on": [
                {"events": moved, "update": "true"},
                {"events": "window:pointerup", "update": "false"},
            ],
        }
    ]
    for name in names:
        ends = {"x": "width", "y": "height"}[name]
        at = f"clamp({name}(), 0, {ends})"
        found.append(
            {
                "name": f"drag_{name}",
                "value": [0, 0],
                "on": [
                    {"events": f"@{plot}:pointerdown", "update": f"[{at}, {at}]"},
                    {"events": moved, "update": f"[drag_{name}[0], {at}]"},
                ],
            }
        )
    return found


def axis(scale: str, orient: str, title: Any = None, **more: Any) -> Json:
    """An axis; upright ones with a faint grid."""
    long = {"tickCount": {"signal": "ceil(width / 90)"}} if orient == "bottom" else {"grid": True}
    named = {} if title is None else {"title": title}
    return {"scale": scale, "orient": orient, "tickSize": 4, **long, **named, **more}
