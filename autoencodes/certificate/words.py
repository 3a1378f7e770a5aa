"""What a certificate lets one conclude, and what not, in plain words.

Every sentence is made from what is known: of a number known within an interval, from the interval
and its kind.
"""

from __future__ import annotations

import math

from autoencodes.certificate.bounds import Bounds, CertifiedError, LipschitzBound
from autoencodes.certificate.descent import Descent
from autoencodes.certificate.generalisation import LEVEL, Gap, Mean, Transport
from autoencodes.certificate.lipschitz import Lipschitz
from autoencodes.certificate.maximum import Maximality
from autoencodes.certificate.new_rows import NewRows
from autoencodes.second_order.curvature import Curvature, Eigenvalue
from autoencodes.second_order.interval import Interval, known_by
from autoencodes.second_order.shooting import ShootingFactor

_ABSENT = "not computed: the certificate was stopped before, or the numbers overflowed."
_TELLING = 10
"""Times the largest error at seen rows: a certified error beyond tells a user nothing."""
_PAPER = "Cipriani, Fornasier and Scagliotti (2024, arXiv 2307.02279)"
_THEORY = {
    "yes": (
        "holds at these weights (the control), and near them as far as it stays so: there they "
        "hold for the minimisers near this one, and of others they say nothing"
    ),
    "no": "fails at these weights (the control): they do not apply to them",
    "undecided": (
        "is not decided at these weights (the control): it is not known whether they apply"
    ),
}


def practice(
    known: NewRows | None,
    test: Mean | None,
    rows: int,
    gap: Gap | None,
    error: CertifiedError | None,
) -> str:
    """One line for who uses the model: may new rows be entrusted to it, and up to what error."""
    if known is not None:
        return f"In practice: {known.words}"
    if test is None or gap is None:
        text = "no test rows were given, so that of new rows nothing is known"
    elif math.isinf(test.lower):
        text = (
            f"a single test row (loss {test.value:.4g}) tells nothing of the loss of others; give "
            "more of them"
        )
    else:
        least = max(test.lower, 0.0) if test.value >= 0 else test.lower
        text = (
            f"new rows drawn like the {rows:,} test rows have a loss of {least:.4g} to "
            f"{test.upper:.4g} on average ({100 * test.level:g} %); {_verdict(gap)}"
        )
    if error is not None and error.maximum <= _TELLING * error.seen:
        text += (
            f". Whatever the row: within {error.radius:.3g} of one of {error.particles:,} training "
            f"rows it comes back with an error of at most {error.maximum:.4g} (its distance)"
        )
    return f"In practice: {text}."


def theory(convex: str, kink: str | None, stationary: str, about: str) -> str:
    """One line for the theorist: which hypothesis of which theorem holds."""
    text = (
        f"In theory: uniqueness of the minimiser, its stability in the data and the rates in the "
        f"number of rows ({_PAPER}) rest on the loss J being strongly convex, which "
        f"{_THEORY[convex]}. {about} {stationary}"
    )
    if kink is not None:
        text += f" J need not be twice differentiable, because of {kink}."
    return text


def stationary(
    residual: float, gradient: float, control: float, tikhonov: float, most: Interval | None
) -> str:
    """How far ∇J is from 0."""
    if tikhonov:
        text = (
            f"Optimality error (PMP residual) {residual:.3g}, between 0 (∇J = 0, the maximum "
            f"principle's first-order form) and 1; ‖∇J‖ = {gradient:.3g}, ‖θ‖ = {control:.3g}"
        )
    else:
        text = (
            "Without regularisation (λ = 0) the optimality error (PMP residual) says nothing (it "
            "is 1 wherever ∇J is not exactly 0): "
            f"‖∇J‖ = {gradient:.3g}, ‖θ‖ = {control:.3g}"
        )
    if most is not None and most.upper > 0:
        text += (
            f"; a gradient step lowers J by about ‖∇J‖²/(2 λ_max) = "
            f"{gradient**2 / (2 * most.upper):.2g}"
        )
    return f"{text}. It does not tell a minimum from a saddle."


def curvature(both: Curvature | None) -> list[str]:
    """The lines of λ_min and λ_max."""
    if both is None:
        return [f"Curvature: {_ABSENT}"]
    how = (
        "from the whole Hessian"
        if both.method == "dense"
        else f"{both.method.capitalize()}, {both.products} products"
        + ("" if both.converged else "; stopped before the wanted digits, hence wide")
    )
    if not both.bounded:
        how += (
            "; float32 and float64 differ by more than a tenth, so that what rounding does along "
            "this flow is not known"
        )
    return [
        f"Smallest curvature (λ_min, of the Hessian in L²): {both.lambda_min.said()} ({how})"
        f"{_hoped(both.smallest, both)}.",
        f"Largest curvature (λ_max): {both.lambda_max.said()}{_hoped(both.largest, both)}. "
        f"{_steps(both)}",
    ]


def _steps(both: Curvature) -> str:
    known = both.lambda_max
    if known.upper <= 0:
        return "J curves downwards in every direction."
    text = f"Gradient steps shorter than {2 / known.upper:.4g} damp what is curved upwards"
    if known.lower > 0:
        text += (
            f"; with longer ones than {2 / known.lower:.4g} a minimiser here would repel the "
            "iterates, which then need not grow, but do not settle on it"
        )
    return f"{text}."


def convexity(
    convex: str,
    both: Curvature | None,
    kink: str | None,
    down: Descent | None,
    gradient: float,
    control: float,
) -> str:
    """The line of local convexity."""
    if both is None:
        return f"Local convexity: {_ABSENT}"
    if convex == "yes":
        least = both.lambda_min.lower
        share = f", {100 * gradient / least / control:.2g} % of ‖θ‖" if control else ""
        return (
            f"Strongly convex at these weights: λ_min ≥ {least:.4g}{_in(both)}. If J stays so "
            f"convex as far as ‖∇J‖/λ_min = {gradient / least:.3g} from here (in L²{share}), it "
            "has exactly one stationary point within that distance, a minimiser. Whether it stays "
            "so, and whether J has a lower minimum elsewhere, is not known."
        )
    if convex == "no":
        return f"Not convex: {_bent(both, kink, down)} {_way(down)}"
    if kink is not None:
        text = (
            f"Undecided: because of {kink} J may have kinks, across which its Hessian says nothing."
        )
        if down is not None:
            text += (
                f" Of {2 * down.directions} one-sided slopes that were tried the least is "
                f"{down.slope:.3g}: "
                + ("J falls there." if down.decrease > 0 else "J was not seen to fall.")
            )
        return text + (f" {_way(down)}" if down and down.decrease > 0 else "")
    if not both.bounded:
        return "Undecided: the sign of λ_min may be rounding's; see there."
    return (
        f"Undecided: 0 lies within [{both.smallest.lower:.3g}, {both.smallest.upper:.3g}], where "
        "λ_min is. More seconds may decide it; a λ_min that is truly 0 stays undecided."
    )


def _bent(both: Curvature, kink: str | None, down: Descent | None) -> str:
    if kink is not None and down is not None and down.bend is not None:
        return (
            f"the second difference of J along a direction that was tried is {down.bend:.3g} < 0, "
            f"which needs no derivative (J may have kinks, because of {kink})."
        )
    known = both.lambda_max
    if known.upper < 0:
        what = "every eigenvalue is negative: where ∇J = 0 this is a maximum"
    elif known.lower > 0:
        what = "J curves downwards in one direction and upwards in another: where ∇J = 0, a saddle"
    else:
        what = "J curves downwards in some direction: where ∇J = 0 this is no minimum"
    return f"{what}."


def _way(down: Descent | None) -> str:
    if down is None or down.decrease <= 0:
        return "Along what was tried J was not seen to fall by more than rounding."
    return (
        f"J was seen to fall by {down.decrease:.3g}, at the distance {down.length:.3g} (in L²). "
        "Trainings can stand still where the gradient vanishes, though it is no minimum: they go "
        "on from that point (in Python certificate.descent.control; of a run, train --start RUN "
        "--leave-saddle)."
    )


def contraction(factor: ShootingFactor | None) -> str:
    """The line of the shooting map's factor."""
    if factor is None:
        return f"Training by plain sweeps (the shooting map): {_ABSENT}"
    sure = known_by(factor.kind, factor.confidence)
    q = Interval(factor.least_shooting, factor.shooting, factor.kind, factor.confidence)
    text = (
        "Training by plain sweeps (the shooting map): it contracts near these weights for every "
        "step τ"
    )
    if math.isinf(factor.largest_tau):
        text += f" ({sure})"
    else:
        text += f" < {_number(factor.largest_tau)} ({sure})"
        if not math.isinf(factor.excluded_tau):
            text += f", and for none above {_number(factor.excluded_tau)}"
    text += f"; pure shooting (τ = ∞) has a factor {q.said(4)}"
    if factor.tau is not None and factor.factor is not None:
        text += f"; at τ = {_number(factor.tau)} q is at most {_number(factor.factor)}"
    return (
        f"{text}. Below 1 each plain sweep shrinks the inner error by q. It holds near these "
        "weights only, and not for other inner solvers."
    )


def lipschitz(name: str, lower: Lipschitz | None, upper: LipschitzBound | None) -> str:
    """The line of an encoder's or a decoder's Lipschitz constant; the whole's has no quantiles."""
    if lower is None and upper is None:
        return f"How much the {name} enlarges differences (Lipschitz constant): {_ABSENT}"
    least = max(lower.maximum if lower else 0.0, upper.lower if upper else 0.0)
    text = (
        f"How much the {name} enlarges differences of rows (Lipschitz constant): at least "
        f"{least:.3g} times"
    )
    if lower is not None:
        text += (
            f" (the largest singular value of its Jacobian at {lower.particles} rows; median "
            f"{lower.median:.3g}, 90 % {lower.quantile_90:.3g}, 99 % {lower.quantile_99:.3g})"
        )
    if upper is None:
        return f"{text}. No upper bound is given: that is a lower one."
    ratio = f", {upper.upper / least:.3g} times as much" if least > 0 else ""
    return (
        f"{text}, at most {upper.upper:.3g} everywhere{ratio}; within {upper.radius:.3g} of "
        f"{upper.particles} rows at most {upper.near:.3g}. Upper bounds are proved, but for "
        "rounding."
    )


def certified(bounds: Bounds | None) -> str:
    """The line of errors near rows that were seen."""
    if bounds is None:
        return f"Upper bounds: {_ABSENT}"
    if bounds.reason is not None:
        return f"No upper bound of Lipschitz constants is known for {bounds.reason}."
    if bounds.error is None:
        return (
            "Errors near seen rows: not certified, since the loss is not the distance from the "
            "rows."
        )
    error = bounds.error
    return (
        f"Errors near seen rows: |x̂ − x| for every x within {error.radius:.3g} of one of "
        f"{error.particles} training rows is at most {error.maximum:.4g} (by row: median "
        f"{error.median:.4g}, 90 % {error.quantile_90:.4g}); at the rows themselves it is at most "
        f"{error.seen:.4g}. In the units trained in, proved but for rounding."
    )


def maximality(found: Maximality | None) -> str:
    """The line of the maximum principle in full."""
    if found is None:
        return (
            "Maximum principle in full: whether every θ_l maximises its Hamiltonian was not tried "
            "(ask for it: maximum_principle=True, --maximum-principle)."
        )
    text = (
        f"Maximum principle in full, by {found.starts} ascents a step over {found.particles:,} "
        f"rows: at {found.exceeded} of {found.steps} steps another control has a larger Hamiltonian"
    )
    if found.exceeded:
        text += f", by up to {found.gain:.3g}"
    return (
        f"{text}. Ascents can miss a maximum; and on a grid of fixed Δt a minimiser of J need not "
        "maximise every Hamiltonian."
    )


def costs(train: Mean, test: Mean | None, gap: Gap | None) -> list[str]:
    """The lines of train and test cost."""
    lines = [f"Training loss {train.value:.5g} per row (∫ ℓ dμ_T, without regularisation)."]
    if test is None or gap is None:
        return [*lines, "No test sample was given: nothing is said of new data."]
    if math.isinf(test.lower):
        known = "of a single row: of the mean over other rows nothing is known"
    else:
        known = (
            f"over all rows of their kind (their law) the mean lies in [{test.lower:.5g}, "
            f"{test.upper:.5g}] ({100 * LEVEL:g} % in simulations of normal and skewed losses)"
        )
    return [
        *lines,
        f"Test loss {test.value:.5g} per row; {known}. Gap test − training {gap.value:.3g}, "
        f"{_verdict(gap)} (permutation test, p = {gap.p_value:.2g}). It says nothing of rows of "
        "another kind (law).",
    ]


def _verdict(gap: Gap) -> str:
    if gap.p_value > 1 - LEVEL:
        return "no difference from the rows trained on was detected"
    return f"{'more' if gap.value > 0 else 'less'} than the rows trained on, beyond chance"


def transport(w_1: Transport | None) -> str:
    """The line of the Wasserstein distance between the samples."""
    if w_1 is None:
        return (
            "Distance of test rows from training rows (W_1): not computed (no test sample, too "
            "few rows, or stopped before)."
        )
    whole = "" if w_1.whole is None else f" (whole samples: {w_1.whole:.4g})"
    text = (
        f"Distance of test rows from training rows (W_1){whole}: {w_1.to_test:.4g} from "
        f"{w_1.repeats} draws "
        f"of {w_1.rows} rows; between train rows and other train rows, as many, it is "
        f"{w_1.within_train:.4g}. Sampled distances are biased upwards, both alike; "
    )
    if w_1.p_value <= 1 - LEVEL:
        text += f"the test rows lie FARTHER from the training rows (p = {w_1.p_value:.2g})."
    elif w_1.detectable is None:
        text += "there are too few rows for any shift to be detected."
    else:
        text += (
            f"no difference between the two was detected (p = {w_1.p_value:.2g}); rows moved by "
            f"{w_1.detectable:.3g}, all the same way, would have been."
        )
    return f"{text} W_1 bounds the gap up to a constant that is not computed."


def _hoped(end: Eigenvalue, of: Curvature) -> str:
    """What to expect within the interval."""
    if of.method == "dense":
        return ""
    likely = max(end.estimate, of.rounding)
    return f"; {end.value:.5g} ± {likely:.1g} to be expected, an estimate"


def _in(both: Curvature) -> str:
    return "" if both.kind == "certain" else f" ({known_by(both.kind, both.confidence)})"


def _number(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.4g}"
