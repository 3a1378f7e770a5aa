"""What each number of a certificate lets one conclude, and what not, in plain words."""

from __future__ import annotations

import math

from autoencodes.certificate.generalisation import Mean, Transport
from autoencodes.certificate.lipschitz import Stretch
from autoencodes.second_order.curvature import Contraction, Curvature, Eigenvalue

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


def curvature(found: Curvature | None) -> list[str]:
    """The lines of λ_min and λ_max, and of local convexity."""
    if found is None:
        return [f"Curvature: {_ABSENT}"]
    how = (
        "from the whole Hessian, bounds for rounding"
        if found.method == "dense"
        else f"{found.method.capitalize()}, {found.products} products"
        + ("" if found.converged else "; stopped before the wanted digits, hence wide bounds")
    )
    return [
        f"Smallest eigenvalue of the Hessian in L²: λ_min = {_eigenvalue(found.smallest, found)} "
        f"({how}).",
        f"Largest: λ_max = {_eigenvalue(found.largest, found)}. Explicit gradient steps longer "
        f"than {_number(2 / found.largest.value) if found.largest.value > 0 else 'any'} diverge "
        "here.",
        _CONVEX[found.locally_convex],
    ]


def contraction(found: Contraction | None) -> str:
    """The line of the shooting map's factor."""
    if found is None:
        return f"Contraction of the shooting map: {_ABSENT}"
    text = f"Shooting map: pure shooting (τ = ∞) has the factor q = {_number(found.shooting)}; "
    if math.isinf(found.largest_tau):
        text += "it contracts for every step τ"
    else:
        text += f"it contracts for steps τ < {_number(found.largest_tau)} only"
    if found.tau is not None and found.factor is not None:
        text += f", and at τ = {_number(found.tau)} with q = {_number(found.factor)}"
    return (
        f"{text}. Below 1 each plain sweep shrinks the inner error by q, above it such an inner "
        "loop diverges or oscillates. It holds near this control only, and not for other inner "
        "solvers."
    )


def stretch(name: str, found: Stretch | None) -> str:
    """The line of an encoder's or a decoder's local Lipschitz constants."""
    if found is None:
        return f"Stretch of the {name}: {_ABSENT}"
    return (
        f"Stretch of the {name} (largest singular value of its Jacobian at {found.particles} "
        f"particles): median {found.median:.3g}, 90 % {found.quantile_90:.3g}, 99 % "
        f"{found.quantile_99:.3g}, maximum {found.maximum:.3g}. A small change of the {name}'s "
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


def transport(found: Transport | None) -> str:
    """The line of the Wasserstein distance between the samples."""
    if found is None:
        return (
            "W_1 between train and test rows: not computed (no test sample, too few rows, or "
            "stopped before)."
        )
    farther = found.to_test - found.within_train > 2 * max(found.spread, 1e-12 * found.within_train)
    whole = "" if found.whole is None else f" (whole samples: {found.whole:.4g})"
    return (
        f"W_1 between train and test rows{whole}: {found.to_test:.4g} from {found.repeats} draws "
        f"of {found.rows} rows; between train rows and other train rows, as many, it is "
        f"{found.within_train:.4g}, difference {found.to_test - found.within_train:.2g} ± "
        f"{found.spread:.2g}. Sampled distances are biased upwards, both alike; so the test rows "
        + (
            "lie FARTHER from the training rows than those"
            if farther
            else "lie no farther from the training rows than those"
        )
        + " from each other. It bounds the gap up to a constant that is not computed."
    )


def _eigenvalue(found: Eigenvalue, of: Curvature) -> str:
    sure = "surely" if of.method == "dense" else f"with {100 * of.confidence:.0f} % probability"
    likely = max(found.estimate, of.rounding)
    hoped = f" (± {likely:.1g} if no eigenvalue was missed)" if likely < found.error / 3 else ""
    return (
        f"{found.value:.5g} ± {found.error:.1g}{hoped}, {sure} in "
        f"[{found.lower:.5g}, {found.upper:.5g}]"
    )


def _mean(found: Mean) -> str:
    return f"{found.value:.5g} ± {found.error:.1g}"


def _number(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.4g}"
