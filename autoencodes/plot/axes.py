"""Pictures for notebooks and scripts: each draws into ``ax``, or axes of its own, and returns them.

Whatever holds a model will do as one: a fitted estimator, or a ``Model``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from autoencodes.certificate import Certificate
from autoencodes.errors import InputError, MissingExtra
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.model.model import Model
from autoencodes.training.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEW = 400
"""Particles whose ways can be told apart."""


def loss(of: Any, ax: Axes | None = None) -> Axes:
    """The objective J, and errors on rows not learned from, over the epochs.

    Parameters
    ----------
    of : a fitted estimator, a ``Result`` of ``fit``, or its history
    ax : matplotlib axes, by default new ones

    Raises
    ------
    InputError
        If nothing was recorded, as where PCA was kept.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np, autoencodes as ac
    >>> x = np.random.default_rng(0).normal(size=(40, 3))
    >>> fitted = ac.AutoencODE(1, method="adam", epochs=3, batch_size=0).fit(x)
    >>> ac.plot.loss(fitted).get_xlabel()
    'epoch'
    """
    history = getattr(of, "result_", of)
    history = history.history if isinstance(history, Result) else history
    lines = [line for line in history if isinstance(line, Mapping)]
    shown = {
        "objective": "objective J",
        "validation_mse": "error on validation rows",
        "test_mse": "error on test rows",
    }
    told = {key: [line for line in lines if line.get(key) is not None] for key in shown}
    if not any(told.values()):
        raise InputError("nothing was recorded on the way: no step was made, so there is no loss")
    axes = _axes(ax)
    least = np.inf
    for key, own in told.items():
        if own:
            values = np.array([line[key] for line in own], np.float64)
            least = min(least, float(values.min()))
            places = np.array([line.get("epoch", line.get("step")) for line in own], np.float64)
            axes.plot(places, values, label=shown[key])
    if least > 0:
        axes.set_yscale("log")
    axes.set_xlabel("epoch" if "epoch" in lines[-1] else "step")
    axes.set_ylabel("objective and errors")
    axes.legend()
    return axes


def width(of: Any, ax: Axes | None = None) -> Axes:
    """The number of active components over time; the bottleneck is marked.

    Parameters
    ----------
    of : a fitted estimator, a ``Model``, or a ``WidthSchedule``
    ax : matplotlib axes, by default new ones

    Examples
    --------
    >>> import autoencodes as ac
    >>> schedule = ac.WidthSchedule.autoencoder(4, (2, 1), 3, 1.0)
    >>> ac.plot.width(schedule).get_ylabel()
    'active components'
    """
    schedule = of if isinstance(of, WidthSchedule) else _model(of).flow.schedule
    edges = [*schedule.first_steps, schedule.steps]
    times = np.asarray(edges) * schedule.step_size
    axes = _axes(ax)
    axes.stairs([block.width for block in schedule.blocks], times, fill=True, alpha=0.35)
    narrow = schedule.bottleneck
    axes.axvspan(times[narrow], times[narrow + 1], alpha=0.15)
    axes.set(xlabel="time", ylabel="active components", ylim=(0, None))
    return axes


def latent(of: Any, x: Any, colour: ArrayLike | None = None, ax: Axes | None = None) -> Axes:
    """Latent values of rows: the two there are, or the two principal axes of more.

    Parameters
    ----------
    of : a fitted estimator or a ``Model``
    x : rows (N, c), as the model takes them
    colour : (N,), numbers or names that tell the rows apart, optional
    ax : matplotlib axes, by default new ones

    Examples
    --------
    >>> model = ac.Model(flow, theta)
    >>> ac.plot.latent(model, rows.x, colour=[0, 1, 2]).get_xlabel()
    'latent value 1'
    """
    codes = np.asarray(_model(of).encode(x).latent, np.float64)
    names = [f"latent value {k + 1}" for k in range(codes.shape[1])]
    if codes.shape[1] > 2:
        centred = codes - codes.mean(axis=0)
        codes = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
        names = ["principal axis 1", "principal axis 2"]
    elif codes.shape[1] == 1:
        codes = np.hstack([codes, np.zeros_like(codes)])
        names = [*names, ""]
    axes = _axes(ax)
    _scattered(axes, codes, colour)
    axes.set(xlabel=names[0], ylabel=names[1])
    return axes


def reconstruction(of: Any, x: Any, ax: Axes | None = None) -> Axes:
    """What the flow makes of every value over the value itself, in the units of training.

    Parameters
    ----------
    of : a fitted estimator or a ``Model`` that reconstructs rows
    x : rows (N, c), as the model takes them
    ax : matplotlib axes, by default new ones

    Raises
    ------
    InputError
        If the model predicts something else than its rows.

    Examples
    --------
    >>> model = ac.Model(flow, theta)
    >>> ac.plot.reconstruction(model, rows.x).get_ylabel()
    'reconstruction'
    """
    model = _model(of)
    if model.readout.target != "rows":
        raise InputError(
            f"this model predicts {model.readout.target}, and reconstructs no rows; plot latent"
        )
    features, observed = model.features(x)
    particles = model.enter(features)
    made = model.read(model.flow.push(model.control, particles))
    wanted = model.scaling.apply(features, np.float64)
    seen = np.ones(wanted.shape, bool) if observed is None else np.asarray(observed, bool)
    axes = _axes(ax)
    axes.plot(wanted[seen], np.asarray(made)[seen], ".", markersize=2)
    ends = [float(wanted.min()), float(wanted.max())]
    axes.plot(ends, ends, linewidth=0.8, color="0.5")
    axes.set(xlabel="value", ylabel="reconstruction")
    return axes


def flow(
    of: Any,
    x: Any,
    components: Sequence[int] = (0, 1),
    colour: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The ways of particles: two components against each other, or one over time.

    Parameters
    ----------
    of : a fitted estimator or a ``Model``
    x : rows (N, c), as the model takes them; at most 400 of them are drawn
    components : one or two of the flow's components, counted from 0
    colour : (N,), numbers or names that tell the rows apart, optional
    ax : matplotlib axes, by default new ones

    Raises
    ------
    InputError
        If there are no such components.

    Examples
    --------
    >>> model = ac.Model(flow, theta)
    >>> ac.plot.flow(model, rows.x).get_xlabel()
    'component 0'
    """
    model = _model(of)
    dim = model.flow.schedule.dim
    chosen = [int(k) for k in components][: max(1, min(len(components), dim))]
    if not 1 <= len(components) <= 2 or any(not 0 <= k < dim for k in chosen):
        raise InputError(
            f"expected one or two components of 0 to {dim - 1}; got {tuple(components)}"
        )
    particles = model.particles(x)
    rows = np.linspace(0, len(particles) - 1, min(len(particles), _FEW)).astype(int)
    path = np.asarray(model.flow.trajectory(model.control, particles[rows]), np.float64)
    shades = _shades(None if colour is None else np.asarray(colour)[rows], len(rows))
    times = np.arange(len(path)) * model.flow.schedule.step_size
    axes = _axes(ax)
    for k, shade in enumerate(shades):
        own = path[:, k, chosen]
        xs, ys = (times, own[:, 0]) if len(chosen) == 1 else own.T
        axes.plot(xs, ys, linewidth=0.5, color=shade, alpha=0.6)
        axes.plot(xs[-1:], ys[-1:], ".", markersize=3, color=shade)
    names = [f"component {k}" for k in chosen]
    axes.set(
        xlabel="time" if len(chosen) == 1 else names[0],
        ylabel=names[0] if len(chosen) == 1 else names[1],
    )
    return axes


def spectrum(of: Certificate | ArrayLike, ax: Axes | None = None) -> Axes:
    """Eigenvalues of the Hessian, the smallest first; of a certificate where both ends lie.

    Parameters
    ----------
    of : a ``Certificate``, or eigenvalues (m,)
    ax : matplotlib axes, by default new ones

    Raises
    ------
    InputError
        If the certificate has no curvature.

    Examples
    --------
    >>> import autoencodes as ac
    >>> ac.plot.spectrum([-1.0, 0.5, 2.0]).get_ylabel()
    'eigenvalue'
    """
    axes = _axes(ax)
    axes.axhline(0, linewidth=0.8, color="0.5")
    axes.set_ylabel("eigenvalue")
    if isinstance(of, Certificate):
        if of.curvature is None:
            raise InputError("the certificate has no curvature: it was stopped before")
        ends = (of.curvature.lambda_min, of.curvature.lambda_max)
        for place, end in enumerate(ends):
            axes.plot([place, place], [end.lower, end.upper], marker="_", linewidth=2)
        axes.set_xticks([0, 1], ["λ_min", "λ_max"])
        axes.set_xlim(-0.5, 1.5)
        axes.set_yscale("symlog", linthresh=max(1e-12, abs(ends[0].upper) / 2))
        return axes
    values = np.sort(np.asarray(of, np.float64).ravel())
    axes.plot(np.arange(1, len(values) + 1), values, ".", markersize=3)
    axes.set_xlabel("number")
    return axes


def _axes(ax: Axes | None) -> Axes:
    """The axes that are given, or new ones."""
    if ax is not None:
        return ax
    if find_spec("matplotlib") is None:
        raise MissingExtra("matplotlib", "figures", "drawing")
    import matplotlib.pyplot as plt

    made: Axes = plt.subplots()[1]
    return made


def _model(of: Any) -> Model:
    """A model, or that of an estimator."""
    model = getattr(of, "model_", of)
    if not isinstance(model, Model):
        raise InputError(
            f"expected a fitted estimator or a Model; got {type(of).__name__}: fit it, or load one"
        )
    return model


def _scattered(
    axes: Axes, points: Float[np.ndarray, "particle 2"], colour: ArrayLike | None
) -> None:
    """Points, in colours that a legend or a bar explains."""
    if colour is None:
        axes.scatter(points[:, 0], points[:, 1], s=8)
        return
    given = np.asarray(colour)
    if given.shape != (len(points),):
        raise InputError(f"colour must have one entry for each of the {len(points)} rows")
    if given.dtype.kind == "f":
        dots = axes.scatter(points[:, 0], points[:, 1], s=8, c=given)
        axes.figure.colorbar(dots, ax=axes)
        return
    for name in np.unique(given.astype(str)):
        own = given.astype(str) == name
        axes.scatter(points[own, 0], points[own, 1], s=8, label=name)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))  # within, it would cover points


def _shades(colour: np.ndarray | None, count: int) -> list[Any]:
    """A colour for each of so many rows."""
    if colour is None:
        return ["C0"] * count
    if colour.dtype.kind == "f":
        import matplotlib

        span = float(np.ptp(colour)) or 1.0
        return list(matplotlib.colormaps["viridis"]((colour - colour.min()) / span))
    names = np.unique(colour.astype(str)).tolist()
    return [f"C{names.index(name) % 10}" for name in colour.astype(str).tolist()]
