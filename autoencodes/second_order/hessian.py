"""The Hessian of the objective as an operator, linearised once.

# notation: θ control, η direction, g(θ) gradient of ∫ ℓ dμ_T in L², λ Tikhonov weight, H Hessian
# of J in L², m number of entries of the control.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from autoencodes.control import Control
from autoencodes.measure.empirical import EmpiricalMeasure, pieces
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import compiled, native

Entries = Float[Array, " entry"]
Tape = Callable[[Control], Control]
_TAPE_BYTES = 4 * 2**30
"""What the linearised sweeps may keep in memory; the pieces beyond are swept anew each time."""


class Hessian:
    """H(θ) η = 2 λ η + d/ds g(θ + s η) at s = 0, for many η at one θ.

    g is linearised once: what the tangent of its two sweeps needs of states and costates is
    kept, and a product runs the tangent sweeps alone. For the perceptron these are six matrix
    products a step, 12 flops for each weight and particle; a product by ``ControlProblem.hvp``
    repeats the sweeps themselves, which is half as much again.

    Parameters
    ----------
    problem, control, measure : as for ``ControlProblem.hvp``; the measure in the control's
        precision
    batch_size : particles that pass at a time; by default as many as keep the cores busy
    tape_bytes : memory for the linearised sweeps, 4 GiB by default. Particles beyond it are
        linearised anew for every product.

    Source: docs/explanation/theory.md, section 6.
    """

    def __init__(
        self,
        problem: ControlProblem,
        control: Control,
        measure: EmpiricalMeasure,
        batch_size: int | None = None,
        tape_bytes: int = _TAPE_BYTES,
    ) -> None:
        control = native(control)
        leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(control)]
        self.size = sum(leaf.size for leaf in leaves)
        self.dtype = np.dtype(jnp.result_type(*leaves))
        self._problem, self._control = problem, control
        parts = list(pieces(measure, batch_size))
        shape = eqx.filter_eval_shape(_linearise, problem, control, parts[0])
        weight = _nbytes(shape)
        kept = min(len(parts), int(tape_bytes // max(weight, 1)))
        self._tapes = [_linearise(problem, control, part) for part in parts[:kept]]
        self._rest = parts[kept:]

    def __call__(self, direction: Float[np.ndarray, " entry"] | Entries) -> Entries:
        """H η, from and to the flat entries in ``ravel_pytree``'s order."""
        eta = jnp.asarray(direction, self.dtype)
        product = 2 * self._problem.tikhonov * eta
        for tape in self._tapes:
            product = _add_tangent(tape, self._control, eta, product)
        for part in self._rest:
            product = _add_swept(self._problem, self._control, part, eta, product)
        return product

    def dense(self) -> Float[np.ndarray, "entry entry"]:
        """All of H, row by row in float64: row j is H e_j."""
        identity = np.eye(self.size, dtype=self.dtype)
        return np.array([np.asarray(self(row), float) for row in identity])


@compiled
def _linearise(problem: ControlProblem, control: Control, part: EmpiricalMeasure) -> Tape:
    """The tangent of g, with what it keeps of the sweeps."""
    return jax.linearize(lambda theta: problem.sweep(theta, part)[1], control)[1]


@compiled
def _add_tangent(tape: Tape, control: Control, eta: Entries, total: Entries) -> Entries:
    return total + ravel_pytree(tape(ravel_pytree(control)[1](eta)))[0]


@compiled
def _add_swept(
    problem: ControlProblem, control: Control, part: EmpiricalMeasure, eta: Entries, total: Entries
) -> Entries:
    direction = ravel_pytree(control)[1](eta)
    tangent = jax.jvp(lambda theta: problem.sweep(theta, part)[1], (control,), (direction,))[1]
    return total + ravel_pytree(tangent)[0]


def _nbytes(shape: object) -> int:
    """The bytes of a tree of array shapes."""
    leaves = [a for a in jax.tree.leaves(shape) if hasattr(a, "shape")]
    return sum(int(np.prod(a.shape)) * np.dtype(a.dtype).itemsize for a in leaves)
