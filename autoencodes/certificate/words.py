"""What each number of a certificate lets one conclude, and what not, in plain words."""

from __future__ import annotations

import math

from autoencodes.certificate.generalisation import Mean, Transport
from autoencodes.certificate.lipschitz import Lipschitz
from autoencodes.second_order.curvature import Curvature, Eigenvalue
from autoencodes.second_order.shooting import ShootingFactor

_ABSENT = "not computed: the certificate was stopped before, or the numbers overflowed."
_CONVEX = {
    "yes": (
        "Locally strongly convex: near this control J has no other stationary point, and small "
        "changes of the data move the minimiser by at most their effect on the gradient over "
        "λ_min. It does not say that J has no other minimum further away."
    ),
    "no": (
        "Not locally convex: along some direction J curves downwards. If the residual is small "
        "this is a saddle, which further training can leave; else it says that training is still "
        "under way. The theory's uniqueness and rates do not apply here."
    ),
    "undecided": (
        "Undecided: 0 lies within the bounds of λ_min. A smaller budget of errors (more seconds, "
        "float64) may decide it; a λ_min that is truly 0 stays undecided."
    ),
}


def residual(value: float) -> str:
    """The line of the PMP residual."""
    return (
        f"PMP residual {value:.3g}, between 0 (stationary: the necessary condition of optimality "
        "holds) and 1. Far from 0, training has not converged, and what stands below describes a "
        "control on the way. It does not tell a minimum from a saddle."
    )


def curvature(both: Curvature | None) -> list[str]:
    """The lines of λ_min and λ_max, and of local convexity."""
    if both is None:
        return [f"Curvature: {_ABSENT}"]
    how = (
        "from the whole Hessian, bounds for rounding"
        if both.method == "dense"
        else f"{both.method.capitalize()}, {both.products} products"
        + ("" if both.converged else "; stopped before the wanted digits, hence wide bounds")
    )
    return [
        f"Smallest eigenvalue of the Hessian in L²: λ_min = {_eigenvalue(both.smallest, both)} "
        f"({how}).",
        f"Largest: λ_max = {_eigenvalue(both.largest, both)}. Explicit gradient steps longer "
        f"than {_number(2 / both.largest.value) if both.largest.value > 0 else 'any'} diverge "
        "here.",
        _CONVEX[both.locally_convex],
    ]


def contraction(factor: ShootingFactor | None) -> str:
    """The line of the shooting map's factor."""
    if factor is None:
        return f"Contraction of the shooting map: {_ABSENT}"
    text = f"Shooting map: pure shooting (τ = ∞) has the factor q = {_number(factor.shooting)}; "
    if math.isinf(factor.largest_tau):
        text += "it contracts for every step τ"
    else:
        text += f"it contracts for steps τ < {_number(factor.largest_tau)} only"
    if factor.tau is not None and factor.factor is not None:
        text += f", and at τ = {_number(factor.tau)} with q = {_number(factor.factor)}"
    return (
        f"{text}. Below 1 each plain sweep shrinks the inner error by q, above it such an inner "
        "loop diverges or oscillates. It holds near this control only, and not for other inner "
        "solvers."
    )


def lipschitz(name: str, estimate: Lipschitz | None) -> str:
    """The line of an encoder's or a decoder's local Lipschitz constants."""
    if estimate is None:
        return f"Lipschitz estimate of the {name}: {_ABSENT}"
    return (
        f"Lipschitz estimate of the {name} (largest singular value of its Jacobian at "
        f"{estimate.particles} particles): median {estimate.median:.3g}, 90 % "
        f"{estimate.quantile_90:.3g}, 99 % {estimate.quantile_99:.3g}, maximum "
        f"{estimate.maximum:.3g}. A small change of the {name}'s "
        "input grows at most by this there; between or away from the particles it may be larger: "
        "the maximum bounds the global Lipschitz constant from below, not from above."
    )


def costs(train: Mean, test: Mean | None, gap: Mean | None) -> list[str]:
    """The lines of train and test cost."""
    lines = [f"Train cost {_mean(train)} (∫ ℓ dμ_T, without the penalty)."]
    if test is None or gap is None:
        return [*lines, "No test sample was given: nothing is said of new data."]
    verdict = (
        "within chance"
        if abs(gap.value) <= 2 * gap.error
        else ("beyond chance: it fits its own rows better" if gap.value > 0 else "beyond chance")
    )
    return [
        *lines,
        f"Test cost {_mean(test)}; gap test − train {_mean(gap)}, {verdict}. The test cost is what "
        "to expect of new rows of the same law, within about two standard errors; it says "
        "nothing of rows of another law.",
    ]


def transport(w_1: Transport | None) -> str:
    """The line of the Wasserstein distance between the samples."""
    if w_1 is None:
        return (
            "W_1 between train and test rows: not computed (no test sample, too few rows, or "
            "stopped before)."
        )
    farther = w_1.to_test - w_1.within_train > 2 * max(w_1.spread, 1e-12 * w_1.within_train)
    whole = "" if w_1.whole is None else f" (whole samples: {w_1.whole:.4g})"
    return (
        f"W_1 between train and test rows{whole}: {w_1.to_test:.4g} from {w_1.repeats} draws "
        f"of {w_1.rows} rows; between train rows and other train rows, as many, it is "
        f"{w_1.within_train:.4g}, difference {w_1.to_test - w_1.within_train:.2g} ± "
        f"{w_1.spread:.2g}. Sampled distances are biased upwards, both alike; so the test rows "
        + (
            "lie FARTHER from the training rows than those"
            if farther
            else "lie no farther from the training rows than those"
        )
        + " from each other. It bounds the gap up to a constant that is not computed."
    )


def _eigenvalue(end: Eigenvalue, of: Curvature) -> str:
    sure = "surely" if of.method == "dense" else f"with {100 * of.confidence:.0f} % probability"
    likely = max(end.estimate, of.rounding)
    hoped = f" (± {likely:.1g} if no eigenvalue was missed)" if likely < end.error / 3 else ""
    return f"{end.value:.5g} ± {end.error:.1g}{hoped}, {sure} in [{end.lower:.5g}, {end.upper:.5g}]"


def _mean(mean: Mean) -> str:
    return f"{mean.value:.5g} ± {mean.error:.1g}"


def _number(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.4g}"
