"""λ_min along the training for several Tikhonov weights, with the error and the control's size."""

from __future__ import annotations

from typing import Any, Literal

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from autoencodes.experiments import Results
from autoencodes.experiments.hessian_table.problem import HessianTableSettings
from autoencodes.experiments.hessian_table.result import HessianTableResult
from autoencodes.plot import style
from autoencodes.plot.picture import Picture
from autoencodes.plot.scales import logarithmic
from autoencodes.plot.words import number

_LIGHTEST = 0.86
"""Of viridis: what is lighter is not seen on white."""

_LINEAR, _DECADES = -5, 2
"""The axis of λ_min is linear within ±10^−5; beyond, ticks stand two decades apart."""


def pictures(results: Results[HessianTableResult], settings: HessianTableSettings) -> list[Picture]:
    """The table as curves."""
    result = results.measured
    ends = result.ends
    first = result.courses[0].lambda_min[0]
    crossed = [end for end in ends if end.convex_from is not None]
    weights = ", ".join(f"{end.tikhonov:g}" for end in ends)
    alt = (
        f"Curves for λ = {weights}. λ_min begins at "
        f"{first:.3g} and is positive to the end in {len(crossed)} of "
        f"{len(ends)}"
        + "".join(f"; λ = {e.tikhonov:g} from epoch {e.convex_from:,}" for e in crossed)
        + ". Errors at the end: "
        + ", ".join(f"{e.error:.2g} (λ = {e.tikhonov:g})" for e in ends)
        + "."
    )
    return [
        Picture(
            "lambda-min",
            _courses(result),
            "λ_min(H), error and ‖θ‖ by epoch, from one control "
            f"(λ_min = {first:.3g} at λ = {ends[0].tikhonov:g}). Full disc: converged; hollow: "
            "epochs spent.",
            alt,
        )
    ]


def _courses(result: HessianTableResult) -> Figure:
    figure = Figure(figsize=(style.COLUMN, 5.1))
    rows = figure.subplots(3, sharex=True, height_ratios=[1.5, 1, 1])
    ends, courses = result.ends, result.courses
    colours = shades(len(ends))
    for course, end, colour in zip(courses, ends, colours, strict=True):
        for axes, values in zip(rows, (course.lambda_min, course.error, course.norm), strict=True):
            axes.plot(course.epoch[1:], values[1:], color=colour, linewidth=1.1)
            face = colour if end.converged else "white"
            look = {"marker": "o", "markersize": 3.5, "markerfacecolor": face}
            axes.plot(course.epoch[-1:], values[-1:], color=colour, clip_on=False, zorder=3, **look)
    _signed(rows[0], [course.lambda_min[1:] for course in courses])
    rows[0].set_ylabel(r"$\lambda_{\min}(H)$")
    errors = [course.error[1:] for course in courses]
    logarithmic(rows[1], "y", np.concatenate([*errors, [result.error_at_zero]]))
    rows[1].grid(axis="y")
    rows[1].set_ylabel("mean of |x − y|²")
    _reference(rows[1], result.error_at_zero, "θ = 0", "bottom")
    _reference(rows[1], result.error_of_a_line, "best line", "top")
    logarithmic(rows[2], "y", np.concatenate([course.norm[1:] for course in courses]))
    rows[2].grid(axis="y")
    rows[2].set_ylabel(r"$\Vert\theta\Vert$")
    last = max(float(course.epoch[-1]) for course in courses)
    logarithmic(rows[2], "x", np.array([1.0, last]))
    rows[2].set_xlabel("epoch")
    handles = [Line2D([], [], color=colour) for colour in colours]
    labels = [number(end.tikhonov) for end in ends]
    legend: dict[str, Any] = {
        "loc": "outside upper center",
        "ncols": len(ends),
        "title": "Tikhonov weight λ",
    }
    figure.legend(handles, labels, columnspacing=0.9, handlelength=1.2, **legend)
    figure.align_ylabels()
    return figure


def shades(count: int) -> list[str]:
    """Colours in their order, from dark to light."""
    scale = matplotlib.colormaps["viridis"](np.linspace(0, _LIGHTEST, count))
    return [to_hex(colour) for colour in scale]


def _signed(axes: Axes, curves: list[Float[np.ndarray, " epoch"]]) -> None:
    """Linear about 0, logarithmic beyond, with ticks that stand clear of each other."""
    small = 10.0**_LINEAR
    low, high = min(float(c.min()) for c in curves), max(float(c.max()) for c in curves)
    axes.set_yscale("symlog", linthresh=small, linscale=0.6)
    axes.set_ylim(min(1.5 * low, -small), max(2 * high, small))
    powers = [10.0**k for k in range(_LINEAR, 8, _DECADES)]
    powers = [power for power in powers if power > small]
    ticks = [-p for p in reversed(powers) if -p >= 1.5 * low] + [0.0]
    axes.set_yticks(ticks + [p for p in powers if p <= 2 * high])
    axes.minorticks_off()
    axes.axhline(0, color=style.PCA, linewidth=0.7, zorder=0.8)
    axes.grid(axis="y")


def _reference(axes: Axes, value: float, name: str, side: Literal["bottom", "top"]) -> None:
    """A horizontal line, and on one side of it what it is."""
    dashes = (0, (1, 1.5)) if side == "bottom" else (0, (4, 2))
    axes.axhline(value, color=style.PCA, linewidth=0.8, linestyle=dashes, zorder=0.8)
    axes.annotate(
        name,
        (1, value),
        (-1, 1 if side == "bottom" else -2),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        va=side,
        fontsize="x-small",
        color=style.PCA,
    )
