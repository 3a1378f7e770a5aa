"""The certificate of a control, part by part, the cheap ones first."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from autoencodes.certificate.certificate import Certificate
from autoencodes.certificate.generalisation import Transport, mean_cost, transport
from autoencodes.certificate.lipschitz import Lipschitz, lipschitz
from autoencodes.checks import (
    between,
    choice,
    instance,
    integer,
    optional,
    positive,
    positive_integer,
)
from autoencodes.control import Control
from autoencodes.flow.sweep import check_control
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import native, precision
from autoencodes.second_order.curvature import Curvature, curvature
from autoencodes.second_order.hessian import Hessian
from autoencodes.second_order.preconditioner import Preconditioner
from autoencodes.second_order.shooting import shooting_factor

_STREAMED = 2048
_METHODS = ("auto", "dense", "lanczos", "davidson")
_PRECONDITIONED = 2000
"""From so many particles on, a part of them makes a rough inverse of the Hessian that pays."""
_PART = 20
"""The share of particles in it is one in so many: its 24 products cost less than one of H."""


@dataclass(frozen=True)
class Stage:
    """Where a certificate stands: its part, the share of it that is done (None where it cannot
    be known), and its result so far."""

    part: str
    share: float | None
    text: str


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
    progress: Callable[[Stage], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Certificate:
    """Curvature, optimality, contraction, Lipschitz estimates and generalisation of a control.

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
    progress : called with a ``Stage`` as it goes
    stop : asked at every safe moment; True ends the certificate with what there is, as
        ``interrupted``. With it, a KeyboardInterrupt passes through: who gives ``stop`` handles
        signals.

    Raises
    ------
    InputError
        If an argument is out of its range, or does not have the problem's shapes.
    NumericalFailure
        If the particles leave the finite numbers along the flow: nothing can be certified.

    Notes
    -----
    Signal handlers stay as they are. Without ``stop``, a KeyboardInterrupt (Python's answer to
    Ctrl-C) that comes once costs and residual are known ends it as ``stop`` would.

    Source: docs/theory.md, sections 3 to 7.
    """
    instance(problem, "problem", ControlProblem)
    choice(method, "method", _METHODS)
    digits = between(digits, "digits", 1, 12)
    tau = optional(positive, tau, "tau (the step τ)", infinite=True)
    seconds = optional(positive, seconds, "seconds", infinite=True)
    seed = integer(seed, "seed", at_least=0)
    particles = optional(positive_integer, particles, "particles")
    batch_size = optional(positive_integer, batch_size, "batch_size")
    stretched = positive_integer(stretched, "stretched")
    problem.check_measure(instance(measure, "measure", EmpiricalMeasure))
    if test is not None:
        problem.check_measure(instance(test, "test", EmpiricalMeasure))
    start = time.monotonic()
    control = native(control)
    leaves = jax.tree.leaves(control)
    with precision(leaves[0].dtype if leaves else float):
        dtype = np.dtype(check_control(problem.flow, control))
        whole = measure.astype(dtype)
        unseen = None if test is None else test.astype(dtype)
        sample = _part(whole, particles, seed)
        parts = _Parts(problem, control, sample, seed, progress or (lambda stage: None), stop)
        parts.show(Stage("costs", None, ""))
        # The objective raises NumericalFailure, with advice, where the flow overflows.
        problem.objective(control, sample, batch_size or _STREAMED)
        train_cost = mean_cost(problem, control, sample, batch_size)
        test_cost = None if unseen is None else mean_cost(problem, control, unseen, batch_size)
        residual = float(problem.pmp_residual(control, sample, batch_size or _STREAMED))
        deadline = math.inf if seconds is None else start + seconds
        parts.compute(method, digits, deadline, batch_size, stretched, whole, unseen)
    curved, maps = parts.curvature, parts.lipschitz
    return Certificate(
        train_cost=train_cost,
        test_cost=test_cost,
        residual=residual,
        curvature=curved,
        contraction=shooting_factor(curved, problem.tikhonov, tau) if curved else None,
        encoder=maps and maps[0],
        decoder=maps and maps[1],
        transport=parts.transport,
        tikhonov=problem.tikhonov,
        parameters=sum(int(np.size(leaf)) for leaf in leaves),
        particles=measure.size,
        sample=sample.size,
        test_particles=0 if test is None else test.size,
        precision=dtype.name,
        seed=seed,
        seconds=time.monotonic() - start,
        interrupted=parts.interrupted,
    )


@dataclass
class _Parts:
    """The parts of a certificate that can be stopped, each as far as it came."""

    problem: ControlProblem
    control: Control
    measure: EmpiricalMeasure
    seed: int
    show: Callable[[Stage], object]
    stop: Callable[[], bool] | None
    curvature: Curvature | None = None
    lipschitz: tuple[Lipschitz, Lipschitz] | None = None
    transport: Transport | None = None
    interrupted: bool = False

    def compute(
        self,
        method: str,
        digits: float,
        deadline: float,
        batch_size: int | None,
        stretched: int,
        whole: EmpiricalMeasure,
        unseen: EmpiricalMeasure | None,
    ) -> None:
        """One after the other, until a stop is asked for or a KeyboardInterrupt comes."""
        try:
            if not self._stopped():
                self._search(method, digits, deadline, batch_size)
            if not self._stopped():
                x = _part(self.measure, stretched, self.seed + 3).x
                self.lipschitz = lipschitz(self.problem.flow, self.control, x, self._advance)
            if unseen is not None and not self._stopped():
                self.show(Stage("transport", None, "W_1 between train and test rows"))
                self.transport = transport(whole, unseen, self.seed)
            self._stopped()
        except KeyboardInterrupt:
            if self.stop is not None:
                raise
            self.interrupted = True

    def _stopped(self) -> bool:
        self.interrupted = self.interrupted or (self.stop is not None and self.stop())
        return self.interrupted

    def _advance(self, share: float) -> bool:
        self.show(Stage("Lipschitz", share, "Jacobians of encoder and decoder"))
        return not self._stopped()

    def _search(self, method: str, digits: float, deadline: float, batch_size: int | None) -> None:
        """Both ends of the spectrum; none where the very first product overflows."""

        def watch(now: Curvature) -> bool:
            self.curvature, low = now, now.smallest
            ends = f"λ_min {low.value:.5g} ± {low.estimate:.1g}, λ_max {now.largest.value:.5g}"
            self.show(Stage("curvature", None, f"product {now.products}: {ends}"))
            return self._stopped() or time.monotonic() > deadline

        self.show(Stage("curvature", None, "linearising"))
        hessian = Hessian(self.problem, self.control, self.measure, batch_size)
        few = method == "auto" and self.measure.size < _PRECONDITIONED
        try:
            self.curvature = curvature(
                hessian,
                method=method,
                digits=digits,
                seed=self.seed,
                stop=watch,
                correction=None if few else self._correction,
            )
        except (ArithmeticError, np.linalg.LinAlgError):
            self.curvature = None

    def _correction(self, width: float) -> Preconditioner:
        """A rough inverse of the Hessian of norm ``width``, from a random part of the particles."""
        count = max(_PRECONDITIONED, self.measure.size) // _PART
        part = _part(self.measure, count, self.seed + 1)
        return Preconditioner(self.problem, self.control, part, width)


def _part(measure: EmpiricalMeasure, count: int | None, seed: int) -> EmpiricalMeasure:
    """Random rows of a measure as a probability measure; all of them where they are so few."""
    if count is None or count >= measure.size:
        return measure
    rows = np.sort(np.random.default_rng([seed, 1]).permutation(measure.size)[:count])
    part = measure.sample(jnp.asarray(rows))
    weights = jnp.asarray(part.weights)
    # Where only particles of weight 0 were drawn there is no measure but the whole one.
    return part.with_weights(weights / weights.sum()) if weights.sum() > 0 else measure
