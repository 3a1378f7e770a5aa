"""Upper bounds of Lipschitz constants, and of errors near rows that were seen.

# notation: x_l state, J_l its Jacobian in what it began as, P centre and e radius of a ball of
# matrices that holds J_l, λ slopes D of the neurons, C and R their centre and radius, ε radius.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from autoencodes.certificate.layers import SLOPES, Layer, layer, slopes
from autoencodes.control import Control
from autoencodes.flow.flow import Flow
from autoencodes.flow.layout import layouts
from autoencodes.flow.sweep import fields
from autoencodes.precision import precision
from autoencodes.schemes import Euler, Heun, RungeKutta4

Matrices = Float[np.ndarray, "particle out in"]
Numbers = Float[np.ndarray, " particle"]
_ROUNDING = 1 + 1e-9
_WORK = 4e9
_MOST_WORK = 6e10
_MOST_PARTICLES = 200


@dataclass(frozen=True)
class LipschitzBound:
    """Between what a map's Lipschitz constant lies, certain but for rounding.

    ``lower`` is the largest singular value of its Jacobian at ``particles`` of the data, ``upper``
    an upper bound on all of R^d, ``near`` one on the balls of ``radius`` around those particles.
    """

    lower: float
    upper: float
    near: float
    radius: float
    particles: int


@dataclass(frozen=True)
class CertifiedError:
    """What |x̂(x') − x'| is at most for every x' within ``radius`` of one of ``particles`` rows.

    Quantiles over those rows; ``seen`` is the largest error at the rows themselves.
    """

    radius: float
    median: float
    quantile_90: float
    maximum: float
    seen: float
    particles: int


@dataclass(frozen=True)
class Bounds:
    """Lipschitz bounds of encoder, decoder and the whole flow, and what follows for its errors.

    Where no bound is known they are None, and ``reason`` says why.
    """

    encoder: LipschitzBound | None = None
    decoder: LipschitzBound | None = None
    whole: LipschitzBound | None = None
    error: CertifiedError | None = None
    reason: str | None = None


class _Stage:
    """A stage within a step: values, and Jacobians in the step's own beginning, C ± e."""

    def __init__(self, value: Any, centre: Matrices, radius: Numbers) -> None:
        self.value, self.centre, self.radius = value, centre, radius
        self.first = False
        """Whether it is the step's own beginning, whose Jacobian has norm 1."""

    def __add__(self, other: _Stage) -> _Stage:
        value = None if self.value is None else self.value + other.value
        return _Stage(value, self.centre + other.centre, self.radius + other.radius)

    def __mul__(self, factor: float) -> _Stage:
        value = None if self.value is None else self.value * factor
        return _Stage(value, self.centre * factor, self.radius * abs(factor))

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> _Stage:
        return self * (1 / divisor)


@dataclass
class _Track:
    """The rows of the state's layout, and the ball that holds their Jacobian in the beginning.

    ``most`` bounds the Jacobian's norm; it holds for beginnings within ``reach`` of the particles
    (infinite: for all, and then no values are known).
    """

    value: Any
    centre: Matrices
    radius: Numbers
    most: Numbers
    reach: Numbers

    @property
    def upper(self) -> Numbers:
        """What no Jacobian's norm exceeds."""
        return np.minimum(largest(self.centre) + self.radius, self.most)

    @property
    def lower(self) -> Numbers:
        """What every Jacobian's norm reaches."""
        return np.maximum(largest(self.centre) / _ROUNDING**2 - self.radius, 0)

    def moved(self, place: np.ndarray) -> _Track:
        """Other rows: those at ``place``, 0 where it is −1."""
        kept = (place >= 0)[:, None]
        centre = np.where(kept, self.centre[:, place], 0.0)
        value = None if self.value is None else np.where(kept[:, 0], self.value[:, place], 0.0)
        return _Track(value, centre, self.radius, self.most, self.reach)


def largest(matrices: Matrices) -> Numbers:
    """The largest singular value of each."""
    flipped = np.swapaxes(matrices, 1, 2)
    wide = matrices.shape[1] <= matrices.shape[2]
    grams = matrices @ flipped if wide else flipped @ matrices
    if not grams.shape[1]:
        return np.zeros(len(matrices))
    values: Numbers = np.sqrt(np.maximum(np.linalg.eigvalsh(grams)[:, -1], 0)) * _ROUNDING
    return values


def _bent(one: Layer, spread: Float[np.ndarray, "particle neuron"]) -> Numbers:
    """‖B E W‖ for every diagonal |E| ≤ R: at most ‖B (R/S)‖ ‖S W‖, S diagonal of one's choice."""
    rows = np.linalg.norm(one.w, axis=1)
    if one.outer is None:
        whole = spread.max(axis=1) * largest(one.w[None])[0]
        own = np.sqrt((spread**2) @ rows**2)
        return np.minimum(whole, own)
    columns = np.linalg.norm(one.outer, axis=0)
    balance = np.sqrt(np.where(rows > 0, columns / np.where(rows > 0, rows, 1), 0.0))
    inverse = np.where(balance > 0, 1 / np.where(balance > 0, balance, 1), 0.0)
    whole = largest((one.outer * inverse)[None])[0] * largest((balance[:, None] * one.w)[None])[0]
    own = (spread * columns * rows).sum(axis=1)
    return np.minimum(spread.max(axis=1) * whole, own)


def _velocity(one: Layer, stage: _Stage, sight: tuple[Any, Matrices], track: _Track) -> _Stage:
    """F at a stage, and the ball of its Jacobian in the step's beginning.

    With D = C + E, |E| ≤ R, and G = A + B C W:
      (A + B D W)(X + E_X) − G X = G E_X + B E W (X + E_X).
    """
    seen_value, seen = sight
    count = len(stage.centre)
    inputs = np.concatenate([stage.centre, np.broadcast_to(seen, (count, *seen.shape[1:]))], axis=1)
    felt = one.w @ inputs
    least, most = SLOPES[one.activation]
    x: Any = None
    sums: Any = None
    if stage.value is None:
        low = np.full((count, len(one.w)), least)
        high = np.full((count, len(one.w)), most)
    else:
        x = np.concatenate([stage.value, seen_value], axis=1)
        sums = x @ one.w.T + one.b
        # How far a sum moves: its own row of W X (P + E), for all beginnings within reach.
        away = np.linalg.norm(felt @ track.centre, axis=2)
        away += np.linalg.norm(felt, axis=2) * track.radius[:, None]
        away += np.linalg.norm(one.w, axis=1) * (stage.radius * track.most)[:, None]
        away *= track.reach[:, None] * _ROUNDING
        low, high = slopes(one.activation, sums - away, sums + away)
    middle, spread = (low + high) / 2, (high - low) / 2
    bent = middle[:, :, None] * felt
    turned = bent if one.outer is None else one.outer @ bent
    if one.a is not None:
        turned = turned + one.a @ inputs
    size = np.ones(count) if stage.first else largest(inputs)
    radius = _bent(one, spread) * (size + stage.radius)
    if stage.radius.any():
        linear = middle[:, :, None] * one.w
        linear = linear if one.outer is None else one.outer @ linear
        linear = linear if one.a is None else linear + one.a
        radius = radius + largest(linear) * stage.radius
    return _Stage(None if x is None else one.value(x, sums), turned, radius)


Velocity = Callable[[float, _Stage], _Stage]


def _euler(velocity: Velocity, t: float, x: _Stage, step: float) -> _Stage:
    return velocity(t, x)


def _heun(velocity: Velocity, t: float, x: _Stage, step: float) -> _Stage:
    first = velocity(t, x)
    return (first + velocity(t + step, x + step * first)) / 2


def _runge_kutta(velocity: Velocity, t: float, x: _Stage, step: float) -> _Stage:
    half = step / 2
    first = velocity(t, x)
    second = velocity(t + half, x + half * first)
    third = velocity(t + half, x + half * second)
    fourth = velocity(t + step, x + step * third)
    return (first + 2 * second + 2 * third + fourth) / 6


_SCHEMES: dict[type, Callable[[Velocity, float, _Stage, float], _Stage]] = {
    Euler: _euler,
    Heun: _heun,
    RungeKutta4: _runge_kutta,
}
"""The schemes of ``schemes/``, on balls of matrices."""


def _step(
    flow: Flow, one: Callable[[float], Layer], track: _Track, width: int, seen: int, t: float
) -> _Track:
    """The rows after one step of the control, by the scheme's own formula."""
    count, size = len(track.centre), track.centre.shape[1]
    eye = np.eye(size)[None]
    value = None if track.value is None else track.value[:, :width]
    fixed = None if track.value is None else track.value[:, width : width + seen]
    start = np.broadcast_to(eye[:, :width], (count, width, size)).copy()
    stage = _Stage(value, start, np.zeros(count))
    stage.first = True
    sight = fixed, eye[:, width : width + seen]

    def velocity(s: float, x: _Stage) -> _Stage:
        return _velocity(one(s), x, sight, track)

    short = flow.schedule.step_size / flow.scheme.substeps
    slope = _SCHEMES[type(flow.scheme)]
    for k in range(flow.scheme.substeps):
        stage = stage + short * slope(velocity, t + k * short, stage, short)
    whole = np.concatenate(
        [stage.centre, np.broadcast_to(eye[:, width:], (count, size - width, size))], axis=1
    )
    norm = largest(whole)
    factor = norm + stage.radius
    if type(flow.scheme) is Euler and flow.scheme.substeps == 1 and size == width:
        # |I + G|² ≤ 1 + 2 μ(G) + |G|², μ the logarithmic norm, G = Δt D W in a ball.
        g = whole - eye
        symmetric = np.linalg.eigvalsh((g + np.swapaxes(g, 1, 2)) / 2)[:, -1]
        square = 1 + 2 * (symmetric + stage.radius) + (largest(g) + stage.radius) ** 2
        factor = np.minimum(factor, np.sqrt(np.maximum(square, 0)) * _ROUNDING)
    centre = whole @ track.centre
    radius = (norm * track.radius + stage.radius * track.most) * _ROUNDING
    most = np.minimum(largest(centre) + radius, factor * track.most) * _ROUNDING
    after = None
    if track.value is not None:
        after = np.concatenate([stage.value, track.value[:, width:]], axis=1)
    return _Track(after, centre, radius, most, track.reach)


def _place(source: tuple[Any, ...], target: tuple[Any, ...]) -> np.ndarray:
    at = {coordinate: k for k, coordinate in enumerate(source)}
    return np.array([at.get(coordinate, -1) for coordinate in target], int)


class _Flow:
    """A flow and its control, as layers of neurons."""

    def __init__(self, flow: Flow, control: Control) -> None:
        self.flow, self.layout = flow, layouts(flow.schedule)
        self.control = [
            {name: np.asarray(a, np.float64) for name, a in block.items()} for block in control
        ]

    @property
    def reason(self) -> str | None:
        """Why no bound is known; None where one is."""
        flow = self.flow
        if type(flow.scheme) not in _SCHEMES:
            return f"the scheme {type(flow.scheme).__name__}"
        for j, field in enumerate(fields(flow)):
            known = self.at(j, 0, 0.0)
            if known is None or known.activation not in SLOPES:
                return f"the field {field!r}"
        if self.work > _MOST_WORK:
            return "a state so wide (it would take too long)"
        return None

    @property
    def work(self) -> float:
        """Operations for one particle, about."""
        schedule = self.flow.schedule
        rows = [len(layout.coordinates) for layout in self.layout]
        steps = [block.steps * self.flow.scheme.substeps for block in schedule.blocks]
        return float(sum(8 * s * max(r, 8) ** 3 for s, r in zip(steps, rows, strict=True)))

    def at(self, block: int, step: int, t: float) -> Layer | None:
        theta = {name: a[step] for name, a in self.control[block].items()}
        width, seen = len(self.layout[block].active), len(self.layout[block].seen)
        return layer(fields(self.flow)[block], theta, width, width + seen, t)

    def crossed(self, track: _Track, block: int) -> _Track:
        """Through the steps of one block."""
        first, layout = self.flow.schedule.first_steps[block], self.layout[block]
        for k in range(self.flow.schedule.blocks[block].steps):
            t = (first + k) * self.flow.schedule.step_size

            def one(s: float, k: int = k) -> Layer:
                known = self.at(block, k, s)
                assert known is not None  # ``reason`` has asked
                return known

            track = _step(self.flow, one, track, len(layout.active), len(layout.seen), t)
        return track

    def switched(self, track: _Track, block: int) -> _Track:
        """From one block to the next."""
        return track.moved(
            _place(self.layout[block].coordinates, self.layout[block + 1].coordinates)
        )

    def decoded(self, track: _Track) -> _Track:
        """From the end of the bottleneck to the ambient space at the end."""
        for block in range(self.flow.schedule.bottleneck, len(self.layout) - 1):
            track = self.crossed(self.switched(track, block), block + 1)
        last = self.layout[-1]
        return track.moved(_place(last.shown, tuple(range(last.dim))))

    def three(
        self, x: Float[np.ndarray, "particle dim"] | None, reach: float
    ) -> tuple[_Track, _Track, _Track]:
        """The latent components, what the decoder makes of them, and the particles at the end."""
        dim, bottleneck = self.flow.schedule.dim, self.flow.schedule.bottleneck
        count = 1 if x is None else len(x)
        ones = np.ones(count)
        track = _Track(x, np.tile(np.eye(dim), (count, 1, 1)), 0 * ones, ones, reach * ones)
        start = tuple((i, 0) for i in range(dim))
        track = track.moved(_place(start, self.layout[0].coordinates))
        for block in range(bottleneck + 1):
            track = self.switched(track, block - 1) if block else track
            track = self.crossed(track, block)
        width, rows = len(self.layout[bottleneck].active), track.centre.shape[1]
        encoded = track.moved(np.arange(width))
        latent = np.tile(np.eye(rows, width), (count, 1, 1))
        wide = np.inf * ones if x is None else reach * encoded.upper
        decoded = self.decoded(_Track(track.value, latent, 0 * ones, ones, wide))
        return encoded, decoded, self.decoded(track)


def bounds(
    flow: Flow,
    control: Control,
    x: Float[np.ndarray, "particle dim"],
    radius: float,
    reconstructs: bool,
) -> Bounds:
    """Upper bounds of the Lipschitz constants on all of R^d, and near the particles.

    A Jacobian of the flow is the product of those of its steps, I + Δt (A + B D W) for Euler, D
    the slopes of the neurons. D lies in C ± R: in all that σ has, or in what it has near a
    particle. All products lie in a ball P ± e of the operator norm, from step to step
      P ← T P,   e ← |T| e + r |J|,   T = I + Δt (A + B C W),   r = Δt |B R W|,
    with |J| the least of |P| + e and the products of |T| + r and of logarithmic norms. Near a
    particle the sums of the neurons move by at most |w X P| ε + …, which gives C ± R there.

    Parameters
    ----------
    x : particles (N, d), drawn at random: of wide states the first few are taken
    radius : ε
    reconstructs : whether the error is |x̂ − x|

    Source: docs/explanation/theory.md, section 6.
    """
    with_layers = _Flow(flow, control)
    if (reason := with_layers.reason) is not None:
        return Bounds(reason=reason)
    count = int(np.clip(_WORK / with_layers.work, 1, min(len(x), _MOST_PARTICLES)))
    x = np.asarray(x[:count], np.float64)
    with precision(np.float64):
        everywhere = with_layers.three(None, np.inf)
        exact = with_layers.three(x, 0.0)
        near = with_layers.three(x, radius)
    found = [
        LipschitzBound(
            float(at.lower.max()),
            float(whole.upper[0]),
            float(np.minimum(close.upper, whole.upper[0]).max()),
            radius,
            count,
        )
        for at, whole, close in zip(exact, everywhere, near, strict=True)
    ]
    error = _error(x, near[2], radius, everywhere[2]) if reconstructs else None
    encoder, decoder, flowed = found
    return Bounds(encoder, decoder, flowed, error)


def _error(
    x: Float[np.ndarray, "particle dim"], near: _Track, radius: float, everywhere: _Track
) -> CertifiedError:
    """|x̂(x') − x'| ≤ |x̂(x) − x| + |J − I| ε."""
    eye = np.eye(x.shape[1])
    slope = np.minimum(largest(near.centre - eye) + near.radius, 1 + near.most)
    slope = np.minimum(slope, largest(everywhere.centre - eye)[0] + everywhere.radius[0])
    seen = np.linalg.norm(near.value - x, axis=1)
    certified = (seen + slope * radius) * _ROUNDING
    median, nine = np.percentile(certified, (50, 90)).tolist()
    return CertifiedError(radius, median, nine, float(certified.max()), float(seen.max()), len(x))
