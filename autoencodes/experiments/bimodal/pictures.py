"""Two clusters on the line: controls, paths, value function, density, and the order of the grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from autoencodes.experiments import Results
from autoencodes.experiments.bimodal.problem import BimodalSettings
from autoencodes.experiments.bimodal.result import BimodalResult, FieldSolution, Values
from autoencodes.plot import style
from autoencodes.plot.picture import Picture
from autoencodes.plot.scales import logarithmic
from autoencodes.plot.words import number

_DASHES: tuple[Any, ...] = ((0, (1, 1)), (0, (4, 1.5)), "-")
"""Of the three times."""
_SIDES = (style.CLASSES[0][0], style.CLASSES[1][0])
"""Of the left and the right cluster, as in the moving particles: classes in the order of labels."""
_DEGREES = (style.FAINT, style.AUTOENCODE, style.ACCENT)
_PATHS = 60
_CONTOUR = 0.25
_BINS = 60


def pictures(results: Results[BimodalResult], settings: BimodalSettings) -> list[Picture]:
    """Both fields' controls and paths; for each its value function and density; the order."""
    result = results.measured
    courses = [
        f"{letter} of {name} goes from {number(values[0])} to {number(values[-1])}"
        for name, solution in zip(result.fields, result.solutions, strict=True)
        for values, letter in zip(solution.control, "θb", strict=False)
    ]
    drawn = [
        Picture(
            "controls",
            _controls(result, settings),
            f"The trained controls, constant over each of the {settings.layers} Euler steps.",
            f"Step functions of time. {'; '.join(courses)}.",
        ),
        Picture(
            "paths",
            _paths(result, settings),
            f"Paths of {min(_PATHS, len(result.solutions[0].targets))} particles, coloured by "
            "cluster; crosses mark the targets.",
            f"Two bundles of paths for each field. {results.notes[0]}",
        ),
    ]
    for k, name in enumerate(result.fields):
        drawn += _of_field(result, k, name, settings)
    drawn.append(
        Picture(
            "order",
            _order(result, settings),
            "Grid slope of ψ minus costates, root mean square over particles and layers, by grid "
            "spacing; dashed: expected orders.",
            results.notes[-1],
        )
    )
    return drawn


def _of_field(result: BimodalResult, k: int, name: str, settings: BimodalSettings) -> list[Picture]:
    """The value function and the density of one field."""
    solution = result.solutions[k]
    best = min(float(result.errors[degree, k].min()) for degree in settings.degrees)
    return [
        Picture(
            f"value-{k + 1}",
            _value(solution, settings),
            f"{name}: ψ of the target {_target(1)} on the grid, with its particles' paths (left); "
            "slopes of ψ (lines) and costates (dots), by target.",
            "Left, the value function over time and space, with paths; right, curves of its slope "
            "for either target, and costates, which differ from them by "
            f"{best:.1e} in root mean square on the best grid.",
        ),
        Picture(
            f"density-{k + 1}",
            _density(solution, settings, result.steps),
            f"{name}: density of μ_t by change of variables (lines), histogram of "
            f"{settings.fresh:,} fresh particles, seed {settings.seed}.",
            "The density at three times, as a line over a histogram, with the targets marked.",
        ),
    ]


def _target(side: int) -> str:
    return ("−2", "2")[side]


def _times(settings: BimodalSettings) -> Float[np.ndarray, " layer"]:
    return np.linspace(0, settings.horizon, settings.layers + 1)


def _controls(result: BimodalResult, settings: BimodalSettings) -> Figure:
    figure = Figure(figsize=(style.COLUMN, 2.3), layout="constrained")
    axes = figure.subplots()
    edges = _times(settings)
    colours = (style.ACCENT, style.AUTOENCODE)
    for k, (name, colour) in enumerate(zip(result.fields, colours, strict=True)):
        # The first lies under the second, which is thinner: they are close.
        for values, dashes, letter in zip(
            result.solutions[k].control, ("-", (0, (3, 1.5))), "θb", strict=False
        ):
            axes.stairs(
                values,
                edges,
                baseline=None,
                color=colour,
                linewidth=(2.6, 1.2)[k],
                alpha=(0.55, 1.0)[k],
                linestyle=dashes,
                label=f"{letter} of {name}",
            )
    axes.axhline(0, color=style.FAINT, linewidth=0.6, zorder=0)
    axes.set(xlabel="time t", ylabel="control", xlim=(edges[0], edges[-1]))
    axes.grid(axis="y")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _paths(result: BimodalResult, settings: BimodalSettings) -> Figure:
    figure = Figure(figsize=(style.PAGE, 2.4), layout="constrained")
    row = figure.subplots(1, len(result.fields), sharey=True)
    times = _times(settings)
    for axes, name, solution in zip(row, result.fields, result.solutions, strict=True):
        axes.set_title(name)
        targets = solution.targets[:_PATHS]
        for path, y in zip(solution.paths.T, targets, strict=False):
            axes.plot(times, path, color=_SIDES[int(y > 0)], linewidth=0.6, alpha=0.7)
        for y in np.unique(targets):
            axes.plot(
                times[-1], y, "x", color="black", markersize=6, markeredgewidth=1.2, clip_on=False
            )
        axes.set(xlabel="time t", xlim=(times[0], times[-1]))
        axes.grid(axis="y")
    row[0].set_ylabel("particle x(t)")
    marks = {
        "cluster at −1": Line2D([], [], color=_SIDES[0]),
        "cluster at 1": Line2D([], [], color=_SIDES[1]),
        "targets": Line2D([], [], color="black", marker="x", linestyle="none", markersize=5),
    }
    figure.legend(marks.values(), marks.keys(), loc="outside lower center", ncols=3)
    return figure


def _value(solution: FieldSolution, settings: BimodalSettings) -> Figure:
    """ψ over time and space, and its slope with the costates at three times."""
    figure = Figure(figsize=(style.PAGE, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.1], gridspec_kw={"wspace": 0.08})
    x, times, psi = solution.x, _times(settings), solution.psi[..., 1]
    # √ψ is the distance that is left at the end: its contours stay apart near the target.
    left_over = np.sqrt(np.maximum(psi.T, 0))
    levels = np.arange(0, left_over.max() + _CONTOUR, _CONTOUR)
    drawn = left.contourf(times, x, left_over, levels, cmap="cividis")
    right_going = solution.targets > 0
    for path in solution.paths[:, right_going].T[: _PATHS // 2]:
        left.plot(times, path, color="white", linewidth=0.5, alpha=0.8)
    left.set(xlabel="time t", ylabel="x", title=f"√ψ of the target {_target(1)}")
    bar = figure.colorbar(drawn, ax=left, aspect=30, pad=0.02, ticks=MaxNLocator(integer=True))
    bar.outline.set_visible(False)
    _slopes(right, solution, times)
    return figure


def _slopes(axes: Axes, solution: FieldSolution, times: Values) -> None:
    """∂_x ψ over x for the two targets, and the costates of the particles on it."""
    x, targets = solution.x, solution.targets
    layers = (0, len(times) // 2, len(times) - 1)
    for layer, dashes in zip(layers, _DASHES, strict=True):
        for side, colour in enumerate(_SIDES):
            slope = solution.slope[layer, :, side]
            axes.plot(x, slope, color=colour, linewidth=0.9, linestyle=dashes)
            own = (targets > 0) == bool(side)
            places, costates = (a[layer, own] for a in (solution.paths, solution.costates))
            axes.plot(places, costates, "o", color=colour, markersize=2.2, alpha=0.6, mew=0)
    axes.axhline(0, color=style.FAINT, linewidth=0.6, zorder=0)
    axes.set(xlabel="x", ylabel="slope ∂ψ/∂x, costate p", xlim=(x[0], x[-1]))
    look: dict[str, Any] = {"color": style.PCA, "linewidth": 0.9}
    marks = {
        f"t = {number(times[layer])}": Line2D([], [], linestyle=dashes, **look)
        for layer, dashes in zip(layers, _DASHES, strict=True)
    }
    for side, colour in enumerate(_SIDES):
        marks[f"y = {_target(side)}"] = Line2D([], [], color=colour, marker="o", markersize=2.5)
    axes.legend(marks.values(), marks.keys(), loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _density(solution: FieldSolution, settings: BimodalSettings, steps: tuple[int, ...]) -> Figure:
    figure = Figure(figsize=(style.PAGE, 2.0), layout="constrained")
    row = figure.subplots(1, len(steps), sharey=True, sharex=True)
    states = solution.states
    edges = np.linspace(states.min(), states.max(), _BINS + 1)
    for axes, step, particles, places, density in zip(
        row, steps, states, solution.places, solution.density, strict=True
    ):
        axes.hist(particles, list(edges), density=True, color=style.PALE, label="particles")
        axes.plot(places, density, color=style.AUTOENCODE, label="density")
        for y in (-2, 2):
            axes.axvline(y, color=style.FAINT, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0)
        axes.set_title(f"t = {number(_times(settings)[step])}")
        axes.set_xlabel("x")
    row[0].set_ylabel("density of μ_t".replace("μ_t", "$\\mu_t$"))
    row[-1].legend(loc="upper center")
    return figure


def _order(result: BimodalResult, settings: BimodalSettings) -> Figure:
    figure = Figure(figsize=(style.COLUMN, 2.9), layout="constrained")
    axes = figure.subplots()
    h = np.array(settings.spacings)
    everything = []
    for degree, colour in zip(settings.degrees, _DEGREES, strict=False):
        for k, (marker, size) in enumerate(zip("os", (5.5, 2.8), strict=True)):
            errors = result.errors[degree, k]
            everything.append(errors)
            look: dict[str, Any] = {"markerfacecolor": "white"} if k == 0 else {}
            axes.plot(h, errors, marker, color=colour, markersize=size, zorder=3, **look)
        expected = errors[-1] * (h / h[-1]) ** degree
        axes.plot(h, expected, color=colour, linewidth=0.9, linestyle=(0, (4, 2)))
    logarithmic(axes, "x", h)
    logarithmic(axes, "y", np.concatenate(everything))
    axes.set(xlabel="spacing h of the grid", ylabel="rms of ∂ψ/∂x − p")
    axes.grid()
    marks = {
        f"degree {degree}": Line2D([], [], color=colour, linestyle=(0, (4, 2)), linewidth=0.9)
        for degree, colour in zip(settings.degrees, _DEGREES, strict=False)
    }
    marks[result.fields[0]] = Line2D(
        [], [], marker="o", color="black", ls="none", mfc="white", ms=5.5
    )
    marks[result.fields[1]] = Line2D([], [], marker="s", color="black", ls="none", ms=2.8)
    figure.legend(marks.values(), marks.keys(), loc="outside lower center", ncols=3)
    return figure
