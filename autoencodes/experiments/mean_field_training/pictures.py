"""Controls by iteration, paths, value function and costates, density: particles and grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from autoencodes.experiments import Results
from autoencodes.experiments.mean_field_training.result import Course, MeanFieldResult
from autoencodes.experiments.mean_field_training.settings import MeanFieldSettings
from autoencodes.plot import style
from autoencodes.plot.picture import Picture
from autoencodes.plot.words import number

_SIDES = (style.CLASSES[0][0], style.CLASSES[1][0])
"""Of the two targets, as in the moving particles: classes in the order of labels."""
_WAYS = ("movements, particles", "shooting, particles", "shooting, grid")
_SHOWN = 200


def pictures(results: Results[MeanFieldResult], settings: MeanFieldSettings) -> list[Picture]:
    """For each field its θ by iteration, its paths, ψ with the costates, and the density."""
    result, drawn = results.measured, []
    for k, (name, course) in enumerate(zip(result.fields, result.courses, strict=True), 1):
        first, last = course.ours[-1][0], course.ours[-1][-1]
        moves = ", ".join(
            f"{_entry(i, j, settings.dim)} from {number(float(first[i, j]))} to "
            f"{number(float(last[i, j]))}"
            for i, j in np.ndindex(first.shape)
        )
        drawn.append(
            Picture(
                f"controls-{k}",
                _controls(course, result, settings),
                f"{name}, seed {settings.seeds[0]}: θ(t) by iteration, pale to dark, from θ = "
                f"{settings.start:g}; dashed: the last movement's.",
                f"Over time the particles' minimiser goes: {moves}.",
            )
        )
        drawn.append(_paths_picture(k, name, course, result, settings))
        value, density = (_line, _line_density) if settings.dim == 1 else (_plane, _plane_density)
        drawn.append(
            Picture(
                f"value-{k}",
                value(course, result),
                f"{name}: ψ of the positive target on the grid, {settings.nodes} nodes an axis; "
                "slopes of ψ on the grid and costates of the particles.",
                "The value function falls towards the target; the grid's slopes follow the "
                "costates of the particles.",
            )
        )
        drawn.append(
            Picture(
                f"density-{k}",
                density(course, result),
                f"{name}: density on the grid, by upwind differences, which smear it; "
                + (
                    "the law's own by change of variables; histogram of the particles."
                    if settings.dim == 1
                    else "the particles as dots."
                ),
                "The density at three times, with the particles, on the way to the targets.",
            )
        )
    return drawn


def _entry(i: int, j: int, dim: int) -> str:
    if dim == 1:
        return "Wb"[j]
    return f"b{'₁₂'[i]}" if j == dim else f"W{'₁₂'[i]}{'₁₂'[j]}"


def _controls(course: Course, result: MeanFieldResult, settings: MeanFieldSettings) -> Figure:
    """A row for each entry of θ, a column for each way."""
    dim = settings.dim
    entries = list(np.ndindex(course.ours.shape[2:]))
    figure = Figure(figsize=(style.PAGE, 0.5 + 1.25 * len(entries)), layout="constrained")
    grid = figure.subplots(len(entries), len(_WAYS), sharex=True, sharey="row", squeeze=False)
    for column, (way, values) in enumerate(
        zip(_WAYS, (course.ours, course.shooting, course.grid), strict=True)
    ):
        grid[0, column].set_title(f"{way}, {len(values) - 1}")
        for row, (i, j) in enumerate(entries):
            axes = grid[row, column]
            for n, theta in enumerate(values):
                share = (n + 1) / len(values)
                axes.stairs(
                    theta[:, i, j],
                    result.times,
                    baseline=None,
                    color=style.AUTOENCODE,
                    alpha=0.15 + 0.85 * share**2,
                    linewidth=0.9,
                )
            axes.stairs(
                course.ours[-1][:, i, j],
                result.times,
                baseline=None,
                color=style.ACCENT,
                linestyle=(0, (2, 2)),
                linewidth=1.0,
            )
            axes.grid(axis="y")
            if column == 0:
                axes.set_ylabel(_entry(i, j, dim))
            if row == len(entries) - 1:
                axes.set_xlabel("time t")
    return figure


def _paths_picture(
    k: int, name: str, course: Course, result: MeanFieldResult, settings: MeanFieldSettings
) -> Picture:
    figure = Figure(figsize=(style.COLUMN, 2.6), layout="constrained")
    axes = figure.subplots()
    paths, side = course.paths, course.targets[:, 0] > 0
    for way, up in zip(np.moveaxis(paths, 1, 0)[:_SHOWN], side[:_SHOWN], strict=True):
        look: dict[str, Any] = {"color": _SIDES[int(up)], "linewidth": 0.5, "alpha": 0.6}
        if settings.dim == 1:
            axes.plot(result.times, way[:, 0], **look)
        else:
            axes.plot(way[:, 0], way[:, 1], **look)
    for target in np.unique(course.targets, axis=0):
        at = (result.times[-1], target[0]) if settings.dim == 1 else (target[0], target[1])
        axes.plot(*at, "x", color="black", markersize=6, markeredgewidth=1.2, clip_on=False)
    if settings.dim == 1:
        axes.set(xlabel="time t", ylabel="particle x(t)", xlim=(0, result.times[-1]))
    else:
        ends = paths[-1]
        for up, colour in enumerate(_SIDES):
            axes.plot(*ends[side == bool(up)].T, "o", color=colour, markersize=2)
        axes.set(xlabel="x₁", ylabel="x₂", aspect="equal")
    axes.grid()
    _legend(figure, course)
    return Picture(
        f"paths-{k}",
        figure,
        f"{name}: paths of {min(_SHOWN, paths.shape[1])} particles, coloured by target; crosses "
        "mark the targets.",
        f"Two bundles of paths; their means end {_ends(course)}.",
    )


def _ends(course: Course) -> str:
    side = course.targets[:, 0] > 0
    means = [course.paths[-1][side == up].mean(axis=0) for up in (False, True)]
    return " and ".join(f"at ({', '.join(number(float(v)) for v in m)})" for m in means)


def _legend(figure: Figure, course: Course) -> None:
    dim, size = course.targets.shape[1], number(float(np.abs(course.targets[0, 0])))
    marks = {}
    for mark, colour in zip(("−", ""), _SIDES, strict=True):
        told = ", ".join([f"{mark}{size}"] * dim)
        name = f"target {told}" if dim == 1 else f"target ({told})"
        marks[name] = Line2D([], [], color=colour)
    figure.legend(marks.values(), marks.keys(), loc="outside lower center", ncols=2)


def _line(course: Course, result: MeanFieldResult) -> Figure:
    """√ψ over time and x with the paths, and its slope at the start beside the costates."""
    figure = Figure(figsize=(style.PAGE, 2.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    levels = np.arange(0, 4.01, 0.25)
    near = np.abs(result.nodes) <= 3
    root = np.sqrt(np.maximum(course.psi[:, 1], 0))[:, near]
    drawn = left.contourf(
        result.times, result.nodes[near], root.T, levels, cmap="cividis", extend="max"
    )
    up = course.targets[:, 0] > 0
    for way in np.moveaxis(course.paths, 1, 0)[up][:40]:
        left.plot(result.times, way[:, 0], color="white", linewidth=0.4, alpha=0.8)
    left.set(xlabel="time t", ylabel="x", title="√ψ of the positive target")
    figure.colorbar(drawn, ax=left, aspect=30, pad=0.02).outline.set_visible(False)
    for side, colour in enumerate(_SIDES):
        slope = np.gradient(course.psi[0, side], result.nodes)
        right.plot(result.nodes[near], slope[near], color=colour, linewidth=0.9)
        own = up == bool(side)
        right.plot(
            course.paths[0][own, 0], course.costates[0][own, 0], "o", color=colour, markersize=2
        )
    right.axhline(0, color=style.FAINT, linewidth=0.6, zorder=0)
    right.set(xlabel="x", title="t = 0: ∂ψ/∂x on the grid (lines), costates (dots)")
    return figure


def _plane(course: Course, result: MeanFieldResult) -> Figure:
    """√ψ of the positive target at three times, with minus the costates as arrows."""
    figure = Figure(figsize=(style.PAGE, 2.5), layout="constrained")
    row = figure.subplots(1, 3, sharex=True, sharey=True)
    up = course.targets[:, 0] > 0
    levels = np.arange(0, 5.01, 0.5)
    for axes, layer in zip(row, _layers(result), strict=True):
        root = np.sqrt(np.maximum(course.psi[layer, 1], 0))
        drawn = axes.contourf(
            result.nodes, result.nodes, root.T, levels, cmap="cividis", extend="max"
        )
        x, p = course.paths[layer][up][::4], -course.costates[layer][up][::4]
        axes.quiver(*x.T, *p.T, color="white", width=0.006)
        axes.set(title=f"t = {number(float(result.times[layer]))}", xlabel="x₁", aspect="equal")
    row[0].set_ylabel("x₂")
    figure.colorbar(drawn, ax=list(row), aspect=30, pad=0.01).outline.set_visible(False)
    return figure


def _layers(result: MeanFieldResult) -> tuple[int, int, int]:
    last = len(result.times) - 1
    return 0, last // 2, last


def _line_density(course: Course, result: MeanFieldResult) -> Figure:
    figure = Figure(figsize=(style.PAGE, 2.1), layout="constrained")
    row = figure.subplots(1, 3, sharex=True)
    reach = np.abs(course.paths).max() + 0.5
    near = np.abs(result.nodes) <= reach
    half = course.exact.shape[1] // max(1, course.exact.shape[1] // 101)
    for axes, layer in zip(row, _layers(result), strict=True):
        axes.hist(course.paths[layer][:, 0], 20, density=True, color=style.PALE, label="particles")
        pieces = range(0, course.exact.shape[1], half)
        for begin in pieces:
            own = slice(begin, begin + half)
            axes.plot(
                course.places[layer, own],
                course.exact[layer, own],
                color=style.ACCENT,
                label="change of variables" if begin == 0 else None,
            )
        axes.plot(
            result.nodes[near], course.density[layer][near], color=style.AUTOENCODE, label="grid"
        )
        axes.set(title=f"t = {number(float(result.times[layer]))}", xlabel="x")
    row[0].set_ylabel("density of $\\mu_t$")
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _plane_density(course: Course, result: MeanFieldResult) -> Figure:
    figure = Figure(figsize=(style.PAGE, 2.5), layout="constrained")
    row = figure.subplots(1, 3, sharex=True, sharey=True)
    up = course.targets[:, 0] > 0
    for axes, layer in zip(row, _layers(result), strict=True):
        rho = course.density[layer]
        levels = np.linspace(0, rho.max(), 9)[1:]
        axes.contour(result.nodes, result.nodes, rho.T, levels, cmap="cividis", linewidths=0.8)
        for side, colour in enumerate(_SIDES):
            _dots(axes, course.paths[layer][up == bool(side)], colour)
        axes.set(title=f"t = {number(float(result.times[layer]))}", xlabel="x₁", aspect="equal")
    row[0].set_ylabel("x₂")
    _legend(figure, course)
    return figure


def _dots(axes: Axes, x: np.ndarray, colour: str) -> None:
    axes.plot(*x.T, "o", color=colour, markersize=1.5, alpha=0.6, mew=0)
