"""The rule for tables: a flow that begins near PCA, and candidates of which folds choose one.

# notation: r components that carry the rows, k latent values, ρ the deviation of a component of
# PCA's residual, σ that of the noise, c = σ / ρ, λ Tikhonov weight, N rows.

Rows are standardised and rotated into the coordinates of their principal components, of which
the r first carry all but 1e-4 of the variance. A flow of widths r → k → r under ``reset`` stands
still at θ = 0, and its reconstruction is PCA: so PCA is one of the candidates. The others learn
from rows moved by noise,

    J(θ) = E |x̂(x + η) − x|² + λ |θ|²,   η ~ N(0, σ² I),   σ = c ρ,   λ = 0.01 Σ variances / N,

which keeps a flow from learning few rows by heart: how much noise a table needs depends on its
rows, and the folds say it. docs/explanation/defaults.md has what the rule rests on.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from autoencodes.catalogue import DATASETS, METHODS
from autoencodes.datasets import Dataset
from autoencodes.errors import InputError, Notice
from autoencodes.plan.facts import Facts
from autoencodes.plan.plan import Plan
from autoencodes.plan.settings import DECLARATIONS, Settings

_FREE = {
    *(name for name, declared in DECLARATIONS.items() if declared.start == "rows"),
    *("data", "data_dir", "latent", "epochs", "missing", "seed", "precision", "tolerance"),
    *("window", "effort", "trim", "distinct", "target", "start", "mirror", "memory_limit"),
}
"""Entries beside which the rule holds without being asked for."""
_FITTING = {
    *("tikhonov", "noise", "init_scale", "hidden", "activation", "batch_size", "scaling"),
    *("steps_per_block", "horizon", "scheme", "substeps", "method", "tau", "learning_rate"),
}
"""Entries that may be given beside ``effort``: they take the place of what the rule has."""
_DECIDED = {"widths", "horizon", "init_scale", "tikhonov", "noise", "epochs", "batch_size"}
"""Entries that all stand in the configuration of a run: with them nothing is left to choose."""

_RULE: dict[str, Any] = {
    "rotation": "pca",
    "scaling": "standard",
    "field": "two-layer",
    "hidden": 32,
}
_BLOCK, _STEP = 4, 0.5
"""Steps of a block, and their size."""
_UPDATES, _ROWS = 1800, 2000
"""Updates of the control for up to so many rows; beyond, they grow as the root of the rows."""
_MOST_UPDATES, _BATCH = 20_000, 128
_WIDEST = 1000
"""The most features: the rotation has their square of numbers."""
_FEWEST = 9
"""With fewer rows no fold says anything, and PCA is taken."""
_PENALTY = 0.01
_SCALE, _TAU = 0.5, 1e-2
_BETTER = 0.98
"""The share of PCA's error that a candidate must stay below."""
_CHANCE = 1.64
"""In standard deviations, how far the share of rows that are better is above one half: 95 %."""


@dataclass(frozen=True)
class Effort:
    """How many candidates are compared: every c with every multiple of λ, on so many folds."""

    folds: int
    noises: tuple[float, ...]
    penalties: tuple[float, ...] = (1.0,)


EFFORTS = {
    "quick": Effort(3, (0.3,)),
    "default": Effort(3, (0.1, 0.3, 0.6, 1.0)),
    "thorough": Effort(5, (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.3), (1.0, 10.0)),
}


@dataclass(frozen=True)
class Candidate:
    """What a training of the rule may differ by.

    Parameters
    ----------
    share : float
        c, the noise in units of PCA's residual; of noise that was given, NaN.
    noise, tikhonov : float
        σ and λ.
    """

    share: float
    noise: float
    tikhonov: float

    @property
    def words(self) -> str:
        """What it is, in words."""
        size = "" if math.isnan(self.share) else f" {self.share:g} times PCA's residual"
        return f"the flow with noise{size} (deviation {self.noise:.3g}), λ = {self.tikhonov:.3g}"


@dataclass(frozen=True, eq=False)
class Fold:
    """What candidates and PCA cost on the rows that a fold left out.

    Parameters
    ----------
    costs : array (c, n)
    pca, weights : arrays (n,)
    """

    costs: Float[np.ndarray, "candidate particle"]
    pca: Float[np.ndarray, " particle"]
    weights: Float[np.ndarray, " particle"]

    @property
    def ratios(self) -> Float[np.ndarray, " candidate"]:
        """The mean cost of every candidate over PCA's; infinite where it is not finite."""
        tiny = np.finfo(np.float64).tiny
        costs = self.costs @ self.weights
        costs = np.where(np.isfinite(costs), np.maximum(costs, tiny), np.inf)
        return np.asarray(costs / max(float(self.pca @ self.weights), tiny))

    @property
    def better(self) -> Float[np.ndarray, " candidate"]:
        """The share of rows that cost less than with PCA."""
        return np.asarray((self.costs < self.pca) @ self.weights / self.weights.sum())


@dataclass(frozen=True)
class Choice:
    """Which candidate was taken, by what, and why.

    Parameters
    ----------
    what, by, because : str
        In words.
    candidates : tuple of dict
        For each its ``noise``, ``tikhonov``, ``error_over_pca``, the geometric mean over the
        folds, ``folds_better``, the number of folds in which it is better than PCA, and
        ``rows_better``, the share of rows.
    """

    what: str
    by: str
    because: str
    candidates: tuple[dict[str, float | int | None], ...] = ()

    @classmethod
    def read(cls, described: Any) -> Choice:
        """The choice from the JSON values that ``described`` made of one.

        Raises
        ------
        TypeError, ValueError
            If they are not those of a choice.
        """
        if not isinstance(described, dict):
            raise ValueError("expected an object")
        what, by, because = (described.get(name) for name in ("what", "by", "because"))
        tried = described.get("candidates")
        if not (isinstance(what, str) and isinstance(by, str) and isinstance(because, str)):
            raise ValueError("a choice has what, by and because, in words")
        if not isinstance(tried, list) or not all(isinstance(c, dict) for c in tried):
            raise ValueError("a choice has candidates, a list of objects")
        return cls(what, by, because, tuple(tried))

    @property
    def described(self) -> dict[str, Any]:
        """As JSON values."""
        about = {"what": self.what, "by": self.by, "because": self.because}
        return {**about, "candidates": list(self.candidates)}


def holds(settings: Settings, data: Dataset) -> bool:
    """Whether the rule decides what is trained: on a table of which nothing else is given.

    The configuration of a run, given again, has decided everything.

    Raises
    ------
    InputError
        If ``effort`` is given where there is nothing to choose.
    """
    if set(settings.given) >= _DECIDED:
        return False
    others = set(settings.given) - _FREE
    table = (
        settings.data not in DATASETS
        and settings.target == "rows"
        and settings.start is None
        and settings.mirror in (None, True)
        and data.y is None
        and not data.law
        and data.image_shape is None
        and data.value_range is None
    )
    wide = _features(data)
    if table and wide > _WIDEST:
        table = False
        if settings.effort is None and not others:
            warnings.warn(
                f"{data.name} has {wide:,} features, more than the {_WIDEST:,} of the rule for "
                "tables: it is trained by the general rule, which on tables is seldom better "
                "than PCA; take fewer columns (--columns, --drop), or give a model",
                Notice,
                stacklevel=2,
            )
    if settings.effort is None:
        return table and not others
    if not table:
        raise InputError(
            "effort is how many candidates a table is tried with (numbers of no fixed range and "
            f"categories, at most {_WIDEST:,} features, reconstructed) where nothing is "
            f"trained yet; {data.name} is another kind of data, or another target or a start is "
            "given: leave effort out"
        )
    if strange := sorted(others - _FITTING):
        name = strange[0].replace("_", "-")
        raise InputError(
            f"effort chooses among candidates of the rule for tables, which settles {name}: leave "
            f"one of the two out (beside effort may stand {', '.join(sorted(_FITTING))})"
        )
    return True


def _features(data: Dataset) -> int:
    """About how many features the columns become."""
    if data.table is None or data.table.columns is None:
        return data.dim
    return sum(max(1, len(column.levels)) for column in data.table.columns)


def begun(settings: Settings) -> Settings:
    """The settings with what the rule decides without looking at the rows."""
    effort = settings.effort or "default"
    return Settings(**{**_RULE, **settings.given, "effort": effort})


def entries(settings: Settings, facts: Facts, latent: int) -> dict[str, Any]:
    """What the rule decides by the rows, for settings that ``begun`` made.

    Raises
    ------
    InputError
        If every step is to see all rows, so that there is no noise for candidates to differ by.
    """
    first = max(facts.carried or facts.dim, latent)
    widths = (first, latent) if latent < first else (latent,)
    block = settings.steps_per_block or _BLOCK
    rows = facts.learned or facts.rows
    batch, given = max(1, min(_BATCH, rows // 2)), settings.batch_size
    if given is not None and rows > 1 and not 0 < given < rows:
        raise InputError(
            "effort chooses among trainings with noise, which is drawn for mini-batches; got "
            f"batch-size {given}, with which every step sees all {rows} rows: give a smaller one "
            "above 0, or leave one of the two out"
        )
    growth = max(1.0, rows / _ROWS) ** 0.5
    updates = min(_MOST_UPDATES, round(_UPDATES * growth))
    method = settings.method or "movement"
    largest = {"tau": _TAU} if "tau" in METHODS.entries[method].settings else {}
    return {
        "widths": widths,
        "latent": latent,
        "order": "variance",
        "mirror": True,
        "steps_per_block": block,
        "horizon": _STEP * block * (2 * len(widths) - 1),
        "init_scale": _SCALE,
        "tikhonov": _PENALTY * facts.variance / facts.rows,
        "method": method,
        **largest,
        "batch_size": batch,
        "epochs": max(1, round(updates / max(1, rows // batch))),
        "noise": EFFORTS[settings.effort or "default"].noises[0] * residual(facts, latent),
    }


def residual(facts: Facts, latent: int) -> float:
    """ρ = (Σ_(i > k) v_i / (d − k))^(1/2), v_i the variances of the principal components."""
    assert facts.variances is not None
    rest = np.sort(facts.variances)[::-1][latent:]
    return float(np.sqrt(rest.mean())) if rest.size else 0.0


def candidates(settings: Settings, plan: Plan, facts: Facts) -> tuple[Candidate, ...]:
    """What the folds compare with PCA; none where nothing can be learned or judged."""
    if len(plan.widths) < 2 or facts.rows < _FEWEST:
        return ()
    effort, size = EFFORTS[plan.effort or "default"], residual(facts, plan.latent)
    noises = [(c, c * size) for c in effort.noises]
    if settings.noise is not None:
        noises = [(math.nan, settings.noise)]
    penalties = effort.penalties if settings.tikhonov is None else (1.0,)
    return tuple(Candidate(c, s, p * plan.tikhonov) for p in penalties for c, s in noises)


def without(plan: Plan, facts: Facts) -> tuple[Plan, Choice]:
    """The plan and the choice where there are no candidates: PCA."""
    few = facts.rows < _FEWEST
    because = (
        f"{facts.rows} rows are too few to compare candidates by folds"
        if few
        else f"{plan.latent} principal components carry all but 1e-4 of the variance"
    )
    return at_pca(plan), Choice("PCA (θ = 0)", "rule", because)


def announced(plan: Plan) -> str:
    """What is compared before a training, in words; nothing where nothing is."""
    if plan.effort is None or not plan.epochs:
        return ""
    effort = EFFORTS[plan.effort]
    return (
        f"before it trains, {len(effort.noises) * len(effort.penalties)} candidates are compared "
        f"with PCA by {effort.folds} folds of the training rows: noise, λ and whether anything is "
        "trained follow from that"
    )


def at_pca(plan: Plan) -> Plan:
    """The plan that stays at θ = 0."""
    return Plan(**{**vars(plan), "init_scale": 0.0, "epochs": 0, "noise": 0.0})


def chosen(
    plan: Plan, tried: Sequence[Candidate], folds: Sequence[Fold], by: str
) -> tuple[Plan, Choice]:
    """The plan of the best candidate, from the costs on the rows that each fold left out.

    Of those that are better than PCA in most folds it is the one with the least geometric mean of
    cost over PCA's: rows far from all others, of which a fold may have one, rule the arithmetic
    one. It is taken if that is below 0.98 and most rows are better with it, by more than chance:
    a share above 1/2 + 1.64 / (2 √n), n = (Σ w)² / Σ w² rows. One that left the finite numbers is
    none. A fold where even PCA left them, as where a row is 1e20 deviations off, says nothing.
    """
    telling = [fold for fold in folds if np.isfinite(fold.pca).all()]
    if not telling:
        words = "rows left out are so far off that no error of theirs is a finite number"
        return at_pca(plan), Choice("PCA (θ = 0)", by, words)
    sizes = np.array([fold.weights.sum() for fold in telling])
    each = np.stack([fold.ratios for fold in telling])
    ratios = np.exp(np.average(np.log(each), axis=0, weights=sizes))
    wins = (each < 1).sum(axis=0)
    better = np.average([fold.better for fold in telling], axis=0, weights=sizes)
    squares = sum(float(np.sum(fold.weights**2)) for fold in telling)
    least = 0.5 + _CHANCE * math.sqrt(squares) / (2 * float(sizes.sum()))
    often = (2 * wins > len(telling)) & (better > least)
    best = int(np.argmin(np.where(often, ratios, np.inf) if often.any() else ratios))
    compared = tuple(
        {
            "noise": c.noise,
            "tikhonov": c.tikhonov,
            "error_over_pca": float(r) if np.isfinite(r) else None,
            "folds_better": int(w),
            "rows_better": float(b),
        }
        for c, r, w, b in zip(tried, ratios, wins, better, strict=True)
    )
    said = f"its error on the rows left out is {ratios[best]:.3g} of PCA's, below it in "
    said += f"{wins[best]} of {len(telling)} folds and on {better[best]:.0%} of the rows"
    if ratios[best] < _BETTER and often[best]:
        taken = tried[best]
        entries = {**vars(plan), "noise": taken.noise, "tikhonov": taken.tikhonov}
        return Plan(**entries), Choice(taken.words, by, said, compared)
    words = f"no flow is surely better: of the best, {said}"
    words = words if np.isfinite(ratios[best]) else "no flow ended"
    return at_pca(plan), Choice("PCA (θ = 0)", by, words, compared)
