"""The certificate of a control, part by part."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autoencodes.certificate.certificate import Certificate
from autoencodes.certificate.generalisation import mean_cost, transport
from autoencodes.certificate.lipschitz import stretches
from autoencodes.control import Control
from autoencodes.errors import InputError
from autoencodes.flow.sweep import check_control
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem, counted
from autoencodes.precision import precision
from autoencodes.second_order.curvature import Curvature, contraction, curvature
from autoencodes.second_order.hessian import Hessian
from autoencodes.second_order.preconditioner import GaussNewtonPart
from autoencodes.training.interruption import Interruption

_STREAMED = 2048
_METHODS = ("auto", "dense", "lanczos", "davidson")
_PRECONDITIONED = 2000
"""From so many particles on, a part of them makes a rough inverse of the Hessian that pays."""
_PART = 20
"""The share of particles in it is one in so many: its 24 products cost less than one of H."""


@dataclass(frozen=True)
class Progress:
    """Where a certificate stands: its part, the share of it that is done (None where it cannot
    be known), and what it has found so far."""

    part: str
    share: float | None
    text: str


Watcher = Callable[[Progress], None]


def certify(
    problem: ControlProblem,
    control: Control,
    measure: EmpiricalMeasure,
    test: EmpiricalMeasure | None = None,
    *,
    particles: int | None = None,
    batch_size: int | None = None,
    method: str = "auto",
    digits: float = 3,
    tau: float | None = None,
    seconds: float | None = None,
    stretched: int = 2000,
    seed: int = 0,
    progress: Watcher | None = None,
) -> Certificate:
    """What can be said of a control: curvature, optimality, contraction, stretch, generalisation.

    Parameters
    ----------
    problem, control : the problem and the control to certify; all is computed in the control's
        precision
    measure : the training particles, which carry J^N
    test : particles that training has not seen, optional
    particles : of a random part of the training particles on which J is taken; default all
    batch_size : particles that pass at a time; default by their dimension
    method : "dense" (the whole Hessian), "lanczos", "davidson" (for λ_min, preconditioned by a
        part of the particles), or "auto": dense up to 500 parameters, beyond Davidson's iteration
        from 2,000 particles on, and Lanczos for fewer
    digits : of λ_min and λ_max, 1 to 12
    tau : a step τ > 0 at which to report the contraction factor
    seconds : at which the search for the eigenvalues ends with what it has (one product may
        overrun it); default no limit
    stretched : the most particles at which Jacobians are computed, drawn at random
    seed : of every random choice
    progress : told where it stands

    Returns
    -------
    Certificate. Ctrl-C ends it at the next safe moment, with what there is.

    Raises
    ------
    InputError
        If an argument is out of its range, or does not have the problem's shapes.
    NumericalFailure
        If the particles leave the finite numbers along the flow: nothing can be certified.

    Source: docs/theory.md, sections 3 to 7.
    """
    _refuse(method, digits, tau, seconds, seed)
    batch_size = counted("batch_size", batch_size)
    stretched, particles = counted("stretched", stretched) or 1, counted("particles", particles)
    for given in [measure] if test is None else [measure, test]:
        problem.check_measure(given)
    dtype = np.dtype(jax.tree.leaves(control)[0].dtype)
    with precision(dtype), Interruption() as interruption:
        dtype = np.dtype(check_control(problem.flow, control))
        deadline = math.inf if seconds is None else time.monotonic() + seconds
        whole = measure.astype(dtype)
        work = _Work(
            problem,
            control,
            _part(whole, particles, seed),
            batch_size,
            seed,
            lambda: interruption.asked,
            deadline,
            progress or (lambda _: None),
        )
        began = time.monotonic()
        fields = work.fields(
            whole, None if test is None else test.astype(dtype), method, digits, tau, stretched
        )
        return Certificate(
            **fields,
            tikhonov=problem.tikhonov,
            parameters=sum(int(np.size(leaf)) for leaf in jax.tree.leaves(control)),
            particles=measure.size,
            sample=work.measure.size,
            test_particles=0 if test is None else test.size,
            precision=dtype.name,
            seed=seed,
            seconds=time.monotonic() - began,
            interrupted=interruption.asked,
        )


@dataclass(frozen=True)
class _Work:
    """The parts of a certificate; each is skipped once an interruption was asked for."""

    problem: ControlProblem
    control: Control
    measure: EmpiricalMeasure
    batch_size: int | None
    seed: int
    asked: Callable[[], bool]
    deadline: float
    progress: Watcher

    def fields(
        self,
        whole: EmpiricalMeasure,
        test: EmpiricalMeasure | None,
        method: str,
        digits: float,
        tau: float | None,
        stretched: int,
    ) -> dict[str, Any]:
        """All that is computed, cheap parts first."""
        problem, control, size = self.problem, self.control, self.batch_size
        self.progress(Progress("costs", None, ""))
        # The objective raises NumericalFailure, with advice, where the flow overflows.
        problem.objective(control, self.measure, size or _STREAMED)
        train_cost = mean_cost(problem, control, self.measure, size)
        test_cost = None if test is None else mean_cost(problem, control, test, size)
        residual = float(problem.pmp_residual(control, self.measure, size or _STREAMED))
        curved = None if self.asked() else self.curvature(method, digits)
        both = None if self.asked() else self.stretches(stretched)
        moved = None
        if test is not None and not self.asked():
            self.progress(Progress("transport", None, "W_1 between train and test rows"))
            moved = transport(whole, test, self.seed)
        return {
            "train_cost": train_cost,
            "test_cost": test_cost,
            "residual": residual,
            "curvature": curved,
            "contraction": curved and contraction(curved, problem.tikhonov, tau),
            "encoder": both and both[0],
            "decoder": both and both[1],
            "transport": moved,
        }

    def curvature(self, method: str, digits: float) -> Curvature | None:
        """Both ends of the spectrum; None where the very first product overflows."""
        self.progress(Progress("curvature", None, "linearising"))

        def stop(found: Curvature) -> bool:
            low = found.smallest
            said = f"λ_min {low.value:.5g} ± {low.estimate:.1g}, λ_max {found.largest.value:.5g}"
            self.progress(Progress("curvature", None, f"product {found.products}: {said}"))
            return self.asked() or time.monotonic() > self.deadline

        hessian = Hessian(self.problem, self.control, self.measure, self.batch_size)
        few = method == "auto" and self.measure.size < _PRECONDITIONED
        try:
            return curvature(
                hessian,
                method=method,
                digits=digits,
                seed=self.seed,
                stop=stop,
                correction=None if few else self.correction,
            )
        except (ArithmeticError, np.linalg.LinAlgError):
            return None

    def correction(self, width: float) -> GaussNewtonPart:
        """A rough inverse of the Hessian of norm ``width``, from a random part of the particles."""
        count = max(_PRECONDITIONED, self.measure.size) // _PART
        part = _part(self.measure, count, self.seed + 1)
        return GaussNewtonPart(self.problem, self.control, part, width)

    def stretches(self, most: int) -> Any:
        """Encoder's and decoder's local Lipschitz constants."""

        def advance(share: float) -> bool:
            self.progress(Progress("stretch", share, "Jacobians of encoder and decoder"))
            return not self.asked()

        part = _part(self.measure, most, self.seed + 3)
        return stretches(self.problem.flow, self.control, part.x, advance)


def _part(measure: EmpiricalMeasure, count: int | None, seed: int) -> EmpiricalMeasure:
    """Random rows of a measure as a probability measure; all of them where they are so few."""
    if count is None or count >= measure.size:
        return measure
    rows = np.sort(np.random.default_rng([seed, 1]).permutation(measure.size)[:count])
    part = measure.sample(jnp.asarray(rows))
    weights = jnp.asarray(part.weights)
    # Where only particles of weight 0 were drawn there is no measure but the whole one.
    return part.with_weights(weights / weights.sum()) if weights.sum() > 0 else measure


def _refuse(
    method: str, digits: float, tau: float | None, seconds: float | None, seed: int
) -> None:
    if method not in _METHODS:
        raise InputError(f"method must be one of {', '.join(_METHODS)}; got {method!r}")
    if not 1 <= digits <= 12:
        raise InputError(f"digits must be a number from 1 to 12; got {digits!r}")
    for name, value in (("tau (the step τ)", tau), ("seconds", seconds)):
        if value is not None and not value > 0:
            raise InputError(f"{name} must be a positive number; got {value!r}")
    if not (seed == int(seed) and seed >= 0):
        raise InputError(f"seed must be an integer, at least 0; got {seed!r}")
