"""The certificate of a control, part by part, the cheap ones first."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from autoencodes.certificate.bounds import Bounds, bounds
from autoencodes.certificate.certificate import Certificate
from autoencodes.certificate.descent import Descent, descent
from autoencodes.certificate.generalisation import (
    Gap,
    Mean,
    Transport,
    gap,
    mean_cost,
    row_costs,
    transport,
)
from autoencodes.certificate.lipschitz import Lipschitz, lipschitz
from autoencodes.certificate.maximum import Maximality, maximality
from autoencodes.certificate.smoothness import kink
from autoencodes.checks import (
    between,
    choice,
    flag,
    instance,
    integer,
    optional,
    positive,
    positive_integer,
)
from autoencodes.control import Control, norm
from autoencodes.cost import SquaredError
from autoencodes.flow.sweep import check_control
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import native, precision
from autoencodes.second_order.curvature import Curvature, curvature
from autoencodes.second_order.growth import RISK, growth
from autoencodes.second_order.hessian import Hessian
from autoencodes.second_order.preconditioner import Preconditioner
from autoencodes.second_order.shooting import shooting_factor

_STREAMED = 2048
_METHODS = ("auto", "dense", "lanczos", "davidson")
_PRECONDITIONED = 500
"""From so many particles on, a part of them makes a rough inverse of the Hessian that pays."""
_PART = 20
"""The share of particles in it is one in so many: its 24 products cost less than one of H."""
_LEAST_PART = 100


@dataclass(frozen=True)
class Stage:
    """Where a certificate stands: its part, the share of it that is done (None where it cannot
    be known), and its result so far.

    Parameters
    ----------
    part : str
    share : float, optional
        In [0, 1].
    text : str

    Examples
    --------
    >>> stage = ac.certificate.Stage("costs", None, "")  # what ``progress`` of ``certify`` is given
    >>> stage.part
    'costs'
    """

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
    digits: float = 2,
    tau: float | None = None,
    seconds: float | None = None,
    stretched: int = 2000,
    radius: float | None = None,
    maximum_principle: bool = False,
    seed: int = 0,
    progress: Callable[[Stage], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Certificate:
    """Curvature, optimality, contraction, Lipschitz estimates and generalisation of a control.

    Parameters
    ----------
    problem, control : the problem and the control to certify; all is computed in float64, a
        control of float32 too, since its flow may multiply what float32 rounds
    measure : the training particles, which carry J^N
    test : particles that training has not seen, optional
    particles : of a random part of the training particles on which J is taken; default all
    batch_size : particles that pass at a time; default by their dimension
    method : "dense" (the whole Hessian), "lanczos", "davidson" (for λ_min, preconditioned by a
        part of the particles), or "auto": dense up to 500 parameters, beyond Davidson's iteration
        from 500 particles on, and Lanczos for fewer
    digits : of λ_min and λ_max, 1 to 12
    tau : a step τ > 0 at which to report the contraction factor
    seconds : at which the search for the eigenvalues ends with what it has (one product may
        overrun it); default no limit
    stretched : the most particles at which Jacobians are computed, drawn at random
    radius : ε > 0, in the units trained in: how far from rows that were seen the error and the
        Lipschitz constants are bounded; by default a hundredth of the rows' deviation
    maximum_principle : whether to maximise the Hamiltonian of every step, over at most
        ``stretched`` particles
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

    See Also
    --------
    autoencodes.Certificate : what it returns
    autoencodes.plot.spectrum : a picture of the eigenvalues

    Notes
    -----
    Signal handlers stay as they are. Without ``stop``, a KeyboardInterrupt (Python's answer to
    Ctrl-C) that comes once costs and residual are known ends it as ``stop`` would.

    Source: docs/explanation/theory.md, sections 3 to 7.

    Examples
    --------
    >>> certificate = ac.certify(problem, theta, rows)
    >>> certificate.locally_convex in ("yes", "no", "undecided")
    True
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
    radius = optional(positive, radius, "radius")
    maximum_principle = flag(maximum_principle, "maximum_principle")
    start = time.monotonic()
    control = native(control)
    leaves = jax.tree.leaves(control)
    with precision(np.float64):
        given = np.dtype(check_control(problem.flow, control))
        control = jax.tree.map(lambda a: jnp.asarray(a, np.float64), control)
        # What is said of rows is said of them one by one, here; products see them where they lie.
        whole = measure.gathered().astype(np.float64)
        unseen = None if test is None else test.gathered().astype(np.float64)
        sample = _part(whole, particles, seed)
        parts = _Parts(problem, control, sample, seed, progress or (lambda stage: None), stop)
        if sample is whole and measure.placement is not None:
            parts.lying = measure.astype(np.float64)
        parts.show(Stage("costs", None, ""))
        parts.cost(unseen, batch_size)
        deadline = math.inf if seconds is None else start + seconds
        options = _Options(
            method, digits, deadline, batch_size, stretched, radius, maximum_principle
        )
        parts.compute(options, whole, unseen)
    return parts.certificate(
        tau=tau,
        parameters=sum(int(np.size(leaf)) for leaf in leaves),
        particles=measure.size,
        test_particles=0 if test is None else test.size,
        control_precision=given.name,
        seconds=time.monotonic() - start,
    )


@dataclass(frozen=True)
class _Options:
    """What was asked for."""

    method: str
    digits: float
    deadline: float
    batch_size: int | None
    stretched: int
    radius: float | None
    maximum_principle: bool


@dataclass
class _Parts:
    """The parts of a certificate that can be stopped, each as far as it came."""

    problem: ControlProblem
    control: Control
    measure: EmpiricalMeasure
    seed: int
    show: Callable[[Stage], object]
    stop: Callable[[], bool] | None
    train_cost: Mean | None = None
    test_cost: Mean | None = None
    gap: Gap | None = None
    residual: float = math.nan
    gradient_norm: float = math.nan
    control_norm: float = math.nan
    kink: str | None = None
    curvature: Curvature | None = None
    descent: Descent | None = None
    lipschitz: tuple[Lipschitz, Lipschitz] | None = None
    bounds: Bounds | None = None
    transport: Transport | None = None
    maximality: Maximality | None = None
    interrupted: bool = False
    lying: EmpiricalMeasure | None = None
    """The measure where its particles lie, if that is on several devices."""

    def cost(self, unseen: EmpiricalMeasure | None, batch_size: int | None) -> None:
        """Costs, gradient and residual: what no certificate is without."""
        problem, control, measure = self.problem, self.control, self.measure
        # The objective raises NumericalFailure, with advice, where the flow overflows.
        problem.objective(control, measure, batch_size or _STREAMED)
        own = row_costs(problem, control, measure, batch_size), _weights(measure)
        self.train_cost = mean_cost(*own)
        if unseen is not None:
            theirs = row_costs(problem, control, unseen, batch_size), _weights(unseen)
            self.test_cost = mean_cost(*theirs)
            self.gap = gap(own, theirs, self.seed)
        slope = problem.gradient(control, measure, batch_size or _STREAMED)
        pull = jax.tree.map(lambda a: 2 * problem.tikhonov * a, control)
        g = jax.tree.map(jnp.subtract, slope, pull)
        self.gradient_norm, self.control_norm = self._size(slope), self._size(control)
        total = self._size(pull) + self._size(g)
        self.residual = self.gradient_norm / total if total else 0.0
        self.kink = kink(problem)

    def _size(self, control: Control) -> float:
        return float(norm(control, self.problem.flow.schedule.step_size))

    def certificate(self, tau: float | None, **known: Any) -> Certificate:
        """All that is known."""
        assert self.train_cost is not None
        curved, maps = self.curvature, self.lipschitz
        return Certificate(
            train_cost=self.train_cost,
            test_cost=self.test_cost,
            gap=self.gap,
            residual=self.residual,
            gradient_norm=self.gradient_norm,
            control_norm=self.control_norm,
            kink=self.kink,
            curvature=curved,
            contraction=shooting_factor(curved, self.problem.tikhonov, tau) if curved else None,
            descent=self.descent,
            encoder=maps and maps[0],
            decoder=maps and maps[1],
            bounds=self.bounds,
            transport=self.transport,
            maximality=self.maximality,
            tikhonov=self.problem.tikhonov,
            sample=self.measure.size,
            precision="float64",
            seed=self.seed,
            interrupted=self.interrupted,
            **known,
        )

    def compute(
        self, options: _Options, whole: EmpiricalMeasure, unseen: EmpiricalMeasure | None
    ) -> None:
        """One after the other, until a stop is asked for or a KeyboardInterrupt comes."""
        try:
            if not self._stopped():
                self._search(options)
            if not self._stopped():
                self._descend(options.batch_size)
            part = _part(self.measure, options.stretched, self.seed + 3)
            if not self._stopped():
                self.lipschitz = lipschitz(self.problem.flow, self.control, part.x, self._advance)
            if not self._stopped():
                self._bound(part, options.radius)
            if unseen is not None and not self._stopped():
                self.show(Stage("transport", None, "W_1 between train and test rows"))
                self.transport = transport(whole, unseen, self.seed)
            if options.maximum_principle and not self._stopped():
                self.show(Stage("maximum principle", None, "maximising every Hamiltonian"))
                self.maximality = maximality(self.problem, self.control, part, self.seed)
            self._stopped()
        except KeyboardInterrupt:
            if self.stop is not None:
                raise
            self.interrupted = True

    def _bound(self, part: EmpiricalMeasure, radius: float | None) -> None:
        """Upper bounds, at random rows of a part."""
        self.show(Stage("Lipschitz", None, "upper bounds"))
        x, cost = np.asarray(part.x, np.float64), self.problem.cost
        spread = float(np.sqrt(np.sum(np.var(x, axis=0)))) or 1.0
        alike = type(cost) is SquaredError and cost.components is None and part.reconstructs
        order = np.random.default_rng([self.seed, 7]).permutation(len(x))
        self.bounds = bounds(
            self.problem.flow, self.control, x[order], radius or spread / 100, alike
        )

    def _descend(self, batch_size: int | None) -> None:
        """A way down, where J is not convex or has kinks."""
        curved = self.curvature
        bent = curved is not None and curved.locally_convex == "no"
        if self.kink is None and not bent:
            return

        def objective(control: Control) -> float:
            return float(self.problem.objective(control, self.measure, batch_size or _STREAMED))

        self.show(Stage("descent", None, "along the lowest eigenvector"))
        self.descent = descent(
            objective,
            self.control,
            self.problem.flow.schedule.step_size,
            None if curved is None else curved.vector,
            self.kink is not None,
            self.seed,
        )

    def _stopped(self) -> bool:
        self.interrupted = self.interrupted or (self.stop is not None and self.stop())
        return self.interrupted

    def _advance(self, share: float) -> bool:
        self.show(Stage("Lipschitz", share, "Jacobians of encoder and decoder"))
        return not self._stopped()

    def _search(self, options: _Options) -> None:
        """Both ends of the spectrum; none where the very first product overflows."""

        def watch(now: Curvature) -> bool:
            self.curvature, low = now, now.smallest
            ends = f"λ_min {low.value:.5g} ± {low.estimate:.1g}, λ_max {now.largest.value:.5g}"
            self.show(Stage("curvature", None, f"product {now.products}: {ends}"))
            return self._stopped() or time.monotonic() > options.deadline

        self.show(Stage("curvature", None, "linearising"))
        measure = self.measure if self.lying is None else self.lying
        hessian = Hessian(self.problem, self.control, measure, options.batch_size)
        few = options.method == "auto" and self.measure.size < _PRECONDITIONED
        try:
            self.curvature = curvature(
                hessian,
                method=options.method,
                digits=options.digits,
                seed=self.seed,
                stop=watch,
                correction=None if few else self._correction,
            )
            self.curvature = self.curvature.loosened(
                *growth(
                    self.problem,
                    self.control,
                    self.measure,
                    hessian,
                    options.batch_size or _STREAMED,
                    self.seed,
                ),
                RISK,
            )
        except (ArithmeticError, np.linalg.LinAlgError):
            self.curvature = None

    def _correction(self, width: float) -> Preconditioner:
        """A rough inverse of the Hessian of norm ``width``, from a random part of the particles.

        It need not be exact: float32 will do.
        """
        count = max(_LEAST_PART, self.measure.size // _PART)
        part = _part(self.measure, count, self.seed + 1).astype(np.float32)
        control = jax.tree.map(lambda a: jnp.asarray(a, np.float32), self.control)
        return Preconditioner(self.problem, control, part, width)


def _weights(measure: EmpiricalMeasure) -> Float[np.ndarray, " particle"]:
    return np.array(measure.weights, np.float64)


def _part(measure: EmpiricalMeasure, count: int | None, seed: int) -> EmpiricalMeasure:
    """Random rows of a measure as a probability measure; all of them where they are so few."""
    if count is None or count >= measure.size:
        return measure
    rows = np.sort(np.random.default_rng([seed, 1]).permutation(measure.size)[:count])
    part = measure.sample(jnp.asarray(rows))
    weights = jnp.asarray(part.weights)
    # Where only particles of weight 0 were drawn there is no measure but the whole one.
    return part.with_weights(weights / weights.sum()) if weights.sum() > 0 else measure
