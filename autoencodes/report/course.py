"""The course of a training: what was recorded along it.

# notation: λ_min smallest eigenvalue of J's Hessian in L², θ control, τ step of a movement, q its
# contraction factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autoencodes.plot import style
from autoencodes.plot.scales import logarithmic
from autoencodes.report.findings import Findings
from autoencodes.report.loss import Series, mark_trials, series

_FEW = 60


def picture(findings: Findings) -> Figure | None:
    """λ_min, PMP residual, ‖θ‖, τ, q and sweeps over the gradient evaluations, one below the other.

    Only of a training that recorded its curvature; a quantity that it has not is left out.
    """
    history = findings.history
    if not series(history, "lambda_min")[0].size:
        return None
    shown = {name: draw for name, draw in _ROWS.items() if series(history, name)[0].size}
    figure = Figure(figsize=(style.COLUMN, 0.55 + 0.95 * len(shown)))
    rows = figure.subplots(len(shown), sharex=True, squeeze=False)[:, 0]
    for axes, (name, draw) in zip(rows, shown.items(), strict=True):
        draw(axes, history, name)
        axes.grid(axis="y")
    mark_trials(rows, rows[0], history, "gradient_evaluations")
    work = series(history, "gradient_evaluations")[1]
    logarithmic(rows[-1], "x", work)
    rows[-1].set_xlabel("gradient evaluations")
    figure.align_ylabels()
    return figure


def _at(history: list[dict[str, Any]], name: str) -> tuple[Series, Series]:
    """Gradient evaluations and values of an entry, over the lines that have it."""
    lines = [line for line in history if line.get(name) is not None]
    work = [line["gradient_evaluations"] for line in lines]
    return np.asarray(work, float), np.asarray([line[name] for line in lines], float)


def _plain(axes: Axes, history: list[dict[str, Any]], name: str) -> Series:
    x, y = _at(history, name)
    marker = "o" if len(x) <= _FEW else ""
    axes.plot(x, y, color=style.AUTOENCODE, linewidth=1.0, marker=marker, markersize=2)
    axes.set_ylabel(_LABELS[name])
    return y


def _linear(axes: Axes, history: list[dict[str, Any]], name: str) -> None:
    y = _plain(axes, history, name)
    axes.set_ylim(0, 1.1 * float(y.max()) or 1.0)


def _log(axes: Axes, history: list[dict[str, Any]], name: str) -> None:
    logarithmic(axes, "y", _plain(axes, history, name))


def _factor(axes: Axes, history: list[dict[str, Any]], name: str) -> None:
    """A contraction factor: what exceeds 1.5 is only known not to contract."""
    _plain(axes, history, name)
    axes.axhline(1, color=style.PCA, linestyle=(0, (4, 2)), linewidth=0.8)
    axes.set_ylim(0, 1.5)


def _eigenvalue(axes: Axes, history: list[dict[str, Any]], name: str) -> None:
    """λ_min with its error, on a scale that is linear about 0 and logarithmic beyond."""
    y = _plain(axes, history, name)
    x, error = _at(history, f"{name}_error")
    if len(error) == len(y):
        axes.fill_between(x, y - error, y + error, color=style.AUTOENCODE, alpha=0.25, linewidth=0)
    axes.axhline(0, color=style.PCA, linestyle=(0, (4, 2)), linewidth=0.8)
    size = float(np.abs(y).max()) or 1.0
    small = min(max(float(np.abs(y[-1])), 1e-3 * size), size)
    axes.set_yscale("symlog", linthresh=small)
    axes.set_yticks(_ticks(float(y.min()), float(y.max()), small))
    axes.minorticks_off()


def _ticks(low: float, high: float, small: float) -> list[float]:
    """0, and on either side powers of ten that stand clear of it and of each other."""

    def side(end: float) -> list[float]:
        if end <= 3 * small:
            return []
        last, first = math.floor(math.log10(end)), math.ceil(math.log10(3 * small))
        return [10.0**k for k in range(last, first - 1, -2)]

    return [*(-t for t in side(-low)), 0.0, *reversed(side(high))]


_LABELS = {
    "lambda_min": r"$\lambda_{\min}(H)$",
    "residual": "PMP residual",
    "control_norm": r"$\Vert\theta\Vert$",
    "tau": "step τ",
    "contraction": "contraction q",
    "sweeps": "sweeps",
}
_ROWS: dict[str, Callable[[Axes, list[dict[str, Any]], str], None]] = {
    "lambda_min": _eigenvalue,
    "residual": _log,
    "control_norm": _linear,
    "tau": _log,
    "contraction": _factor,
    "sweeps": _linear,
}
