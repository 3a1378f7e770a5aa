"""The charts of a training run."""

from __future__ import annotations

import numpy as np

from autoencodes.model.model import Model
from autoencodes.plot import style
from autoencodes.plot.codes import principal
from autoencodes.report import rows
from autoencodes.report.charts.codes import codes, rows_of
from autoencodes.report.charts.columns import errors, explained, shares
from autoencodes.report.charts.curves import ENLARGE, Curve, curves
from autoencodes.report.charts.vega import INK, SOFT
from autoencodes.report.findings import Findings
from autoencodes.report.page import Chart
from autoencodes.summary import number


def charts(findings: Findings, model: Model) -> tuple[Chart, ...]:
    """Those that apply to a run, in the order of its page."""
    known = rows.known(findings, model)
    found = [_loss(findings), *_columns(findings, model, known), _latent(findings, known)]
    return tuple(each for each in found if each is not None)


def _loss(findings: Findings) -> Chart | None:
    """The errors over the training."""
    history, squared = findings.history, findings.cost == "squared"
    size = findings.entries if squared else 1
    ending = "mse" if squared else "cost"
    shown = [
        Curve("objective", SOFT, history, "objective", size),
        Curve("training", style.AUTOENCODE, history, "terminal_cost", size),
        Curve("validation", style.ACCENT, history, f"validation_{ending}"),
        Curve("test", style.CLASSES[3][0], history, f"test_{ending}"),
    ]
    pca = findings.error("pca_test_mse") if squared else None
    levels = [] if pca is None else [("PCA, test", INK, pca)]
    unit = f"squared error per {findings.entry}" if squared else f"{findings.cost} cost"
    spec = curves(shown, unit, levels)
    if spec is None:
        return None
    ends = [(c.name, points[-1]["v"]) for c in shown if (points := c.points())]
    alt = "; ".join(f"{name} ends at {number(value)}" for name, value in ends)
    return Chart(
        "loss",
        spec,
        f"The course of the training. {ENLARGE}",
        f"Curves over the training: {alt}.",
    )


def _columns(findings: Findings, model: Model, known: rows.Rows) -> list[Chart]:
    """R² by column, and one column's values and errors."""
    arrays, found = findings.samples.arrays, []
    table, encoding = known.columns[known.own :], model.named
    if not table or len(encoding.columns) < 2:
        return []
    errors_of = {"the model": arrays["feature_error"]}
    if "pca_feature_error" in arrays and not findings.metrics.get("pca_exact"):
        errors_of["PCA"] = arrays["pca_feature_error"]
    of = {
        name: explained(each, arrays["originals"], encoding.owner, len(encoding.columns))
        for name, each in errors_of.items()
    }
    told = [(v, n) for v, n in zip(of["the model"], encoding.names, strict=True) if v is not None]
    if told:
        (low, worst), (high, best) = min(told), max(told)
        found.append(
            Chart(
                "columns",
                shares(encoding.names, of),
                f"How much of each column's variance over {findings.samples.facts['tested']:,} "
                "test rows the reconstruction keeps (R²: 1 is all; 0 is no better than the "
                "column's mean). Below −0.25 a mark stands at −0.25.",
                f"R² of {len(told)} columns, from {number(low)} ({worst}) to {number(high)} "
                f"({best}).",
            )
        )
    spec = errors(table, known.names)
    if spec is not None:
        found.append(
            Chart(
                "errors",
                spec,
                f"A column of numbers of {len(known.names):,} test rows in its own unit: what is "
                "reconstructed against what is true, and how the errors are distributed.",
                "Points along a diagonal, and below them a histogram of the errors of the column "
                "that is chosen.",
            )
        )
    return found


def _latent(findings: Findings, known: rows.Rows) -> Chart | None:
    """The rows in latent space."""
    latent = findings.samples.arrays["latent"]
    if not len(latent):
        return None
    count, width = len(known.names), latent.shape[1]
    if width <= 2:
        places, titles = latent.astype(np.float64), [f"latent value {k + 1}" for k in range(width)]
    else:
        places, parts = principal(latent)
        titles = [
            f"principal axis {k} of {width} ({100 * part:.3g} % of variance)"
            for k, part in enumerate(parts, 1)
        ]
    spec = codes(places[:count], titles, known)
    if spec is None:
        return None
    where = " and ".join(titles)
    return Chart(
        "latent",
        spec,
        f"{count:,} test rows by {where}. Drag a frame, or set it by the sliders: the rows in it "
        "are listed below; a double click shows all again.",
        f"{count:,} marks by {where}, coloured by {known.columns[0].name}.",
        rows_of(known),
    )
