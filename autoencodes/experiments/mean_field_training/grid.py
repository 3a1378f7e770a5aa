"""The mean-field maximum principle on a grid, in NumPy and SciPy: a check, and a stopwatch.

Forward, particles by Euler steps. Backward, ∂_t ψ + F·∇ψ = 0, ψ_T = |x − y|², by first-order upwind
differences. Then, step by step, the control of largest Hamiltonian,
  θ_l = argmin_θ Σ_ij Λ_ij θ_ij² + (1/N) Σ_i ∇ψ_(t_l)(x_l^i)·tanh(θ (x_l^i, 1)),
and again. The slopes on the particles are those of cubic splines through ψ at the nodes.

Source: Bonnet, Cipriani, Fornasier, Huang, A measure theoretical approach to the mean-field maximum
principle for training NeurODEs, Nonlinear Analysis 227 (2023); its published code.

# notation: θ control (step, dim, dim or dim + 1 with a bias), Λ Tikhonov weight of its entries, h
# spacing, Δt step size, ρ density of μ_t.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.interpolate import BSpline, RectBivariateSpline, make_interp_spline
from scipy.optimize import minimize

Theta = Float[np.ndarray, "step dim entry"]
Paths = Float[np.ndarray, "layer particle dim"]
Costates = Callable[[Theta, Paths], Float[np.ndarray, "step particle dim"]]
_TRIMMED = 20
"""Nodes at each end that the published code leaves out."""


def velocity(
    x: Float[np.ndarray, "... dim"], theta: Float[np.ndarray, "dim entry"]
) -> Float[np.ndarray, "... dim"]:
    """tanh(W x) or tanh(W x + b), θ = (W, b)."""
    dim = x.shape[-1]
    return np.asarray(np.tanh(x @ theta[:, :dim].T + theta[:, dim:].sum(axis=1)))


@dataclass(frozen=True, eq=False)
class GridMethod:
    """The grid, the particles and the weights."""

    nodes: Float[np.ndarray, " node"]
    """Of every axis, evenly spaced."""
    step: float
    x: Float[np.ndarray, "particle dim"]
    y: Float[np.ndarray, "particle dim"]
    """One of two targets, −c or c."""
    penalty: Float[np.ndarray, "dim entry"]
    literal: bool = False
    """In one dimension, the slopes as the published code has them: of the spline of degree 2 with
    the nodes as knots and ψ as coefficients."""

    @property
    def spacing(self) -> float:
        """h."""
        return float(self.nodes[1] - self.nodes[0])

    @property
    def parts(self) -> int:
        """Into how many each step is cut, so that Δt Σ_a |F_a| ≤ h, as upwind differences ask."""
        return int(np.ceil(self.x.shape[1] * self.step / self.spacing - 1e-9))

    @property
    def mesh(self) -> Float[np.ndarray, "... dim"]:
        """Every node's coordinates."""
        return np.stack(np.meshgrid(*[self.nodes] * self.x.shape[1], indexing="ij"), -1)

    @property
    def targets(self) -> Float[np.ndarray, "target dim"]:
        """−c and c."""
        return np.stack([-np.abs(self.y[0]), np.abs(self.y[0])])

    def forward(self, theta: Theta) -> Paths:
        """x_0, ..., x_L."""
        paths = [self.x]
        for own in theta:
            paths.append(paths[-1] + self.step * velocity(paths[-1], own))
        return np.stack(paths)

    def backward(self, theta: Theta) -> Float[np.ndarray, "layer target ..."]:
        """ψ at t_0, ..., t_L on the nodes, for both targets."""
        mesh = self.mesh
        psi = np.stack([((mesh - y) ** 2).sum(axis=-1) for y in self.targets])
        layers = [psi]
        for own in theta[::-1]:
            moved = velocity(mesh, own)
            for _ in range(self.parts):
                psi = psi + self.step / self.parts * self._upwind(psi, moved)
            layers.append(psi)
        return np.stack(layers[::-1])

    def _upwind(
        self, psi: Float[np.ndarray, "target ..."], moved: Float[np.ndarray, "... dim"]
    ) -> Float[np.ndarray, "target ..."]:
        """F·∇ψ, each difference on the side from which ψ comes; ψ goes on as a parabola."""
        total = np.zeros_like(psi)
        for a in range(self.x.shape[1]):
            u, speed = np.moveaxis(psi, a + 1, -1), np.moveaxis(moved[..., a], a, -1)
            low = 3 * u[..., :1] - 3 * u[..., 1:2] + u[..., 2:3]
            high = 3 * u[..., -1:] - 3 * u[..., -2:-1] + u[..., -3:-2]
            slope = np.diff(np.concatenate([low, u, high], axis=-1)) / self.spacing
            ahead = np.where(speed > 0, slope[..., 1:], slope[..., :-1])
            total += np.moveaxis(speed * ahead, -1, a + 1)
        return total

    def costates(self, theta: Theta, paths: Paths) -> Float[np.ndarray, "step particle dim"]:
        """∇ψ_(t_l)(x_l^i) for l < L, with every particle's own target."""
        psi = self.backward(theta)
        found = np.empty((len(theta), *self.x.shape))
        for side, own in enumerate((self.y[:, 0] < 0, self.y[:, 0] > 0)):
            for at, values, slope in zip(paths, psi[:, side], found, strict=False):
                slope[own] = self._slopes(values, at[own])
        return found

    def _slopes(
        self, values: Float[np.ndarray, ...], x: Float[np.ndarray, "particle dim"]
    ) -> Float[np.ndarray, "particle dim"]:
        if x.shape[1] == 2:
            plane = RectBivariateSpline(self.nodes, self.nodes, values, kx=3, ky=3)  # type: ignore[no-untyped-call]
            orders = ({"dx": 1}, {"dy": 1})
            return np.stack([plane(x[:, 0], x[:, 1], grid=False, **own) for own in orders], axis=1)
        if self.literal:
            cut = slice(_TRIMMED, -_TRIMMED)
            return np.asarray(BSpline(self.nodes[cut], values[cut], 2)(x, nu=1))  # type: ignore[no-untyped-call]
        return np.asarray(make_interp_spline(self.nodes, values, k=3)(x, nu=1))

    def density(
        self, theta: Theta, start: Float[np.ndarray, ...]
    ) -> Float[np.ndarray, "layer ..."]:
        """ρ at t_0, ..., t_L in the cells about the nodes: ∂_t ρ + div(F ρ) = 0, mass kept."""
        rho, layers, h = start, [start], self.spacing
        for own in theta:
            for _ in range(self.parts):
                change = np.zeros_like(rho)
                for a in range(self.x.shape[1]):
                    between = np.moveaxis(self.mesh, a, 0)[:-1].copy()
                    between[..., a] += h / 2
                    speed, u = velocity(between, own)[..., a], np.moveaxis(rho, a, 0)
                    flux = np.where(speed > 0, speed * u[:-1], speed * u[1:])
                    edge = np.zeros_like(flux[:1])
                    change += np.moveaxis(np.diff(np.concatenate([edge, flux, edge]), axis=0), 0, a)
                rho = rho - self.step / self.parts / h * change
            layers.append(rho)
        return np.stack(layers)

    def maximised(
        self, theta: Theta, paths: Paths, costates: Float[np.ndarray, "step particle dim"]
    ) -> Theta:
        """The maximiser of every step's Hamiltonian, by BFGS from the step's own θ."""
        count, dim = self.x.shape
        seen = np.ones((count, theta.shape[2]))
        found = []
        for own, x, p in zip(theta, paths, costates, strict=False):
            seen[:, :dim] = x

            def loss(
                flat: Float[np.ndarray, " entry"], p: np.ndarray = p
            ) -> tuple[float, Float[np.ndarray, " entry"]]:
                tried = flat.reshape(theta.shape[1:])
                moved = np.tanh(seen @ tried.T)
                slope = 2 * self.penalty * tried + (p * (1 - moved**2)).T @ seen / count
                value = np.sum(self.penalty * tried**2) + np.sum(p * moved) / count
                return float(value), slope.ravel()

            best = minimize(loss, own.ravel(), jac=True, method="BFGS", options={"gtol": 1e-10})  # type: ignore[no-untyped-call]
            found.append(best.x.reshape(own.shape))
        return np.stack(found)

    def shooting(self, theta: Theta, costates: Costates, iterations: int) -> list[Theta]:
        """θ^0, θ^1, ...: forward, backward, largest Hamiltonians, and again."""
        course = [theta]
        for _ in range(iterations):
            paths = self.forward(course[-1])
            course.append(self.maximised(course[-1], paths, costates(course[-1], paths)))
        return course

    def settled(self, theta: Theta, tolerance: float, most: int) -> tuple[Theta, float]:
        """Where the iteration comes to rest, and its last change in L².

        It goes the share ω of the way, which is halved whenever a change is larger than the last.
        """
        share, before = 1.0, np.inf
        for _ in range(most):
            change = self.shooting(theta, self.costates, 1)[-1] - theta
            size = float(np.sqrt(self.step * np.sum(change**2)))
            if size > before:
                share /= 2
            theta, before = theta + share * change, size
            if size <= tolerance:
                break
        return theta, before
