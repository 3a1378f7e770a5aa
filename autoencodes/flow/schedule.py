"""Width schedules: which components of the state are active, and when.

0 = t_0 < t_1 < ... < t_K = T cuts the time into blocks; block j has the active
components A_j; the time step Δt = T / L is the same for all L steps. Nothing here
touches data: a schedule is shape arithmetic, frozen and hashable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool

from autoencodes.checks import (
    choice,
    entries_of,
    instance,
    integer,
    positive,
    positive_integer,
    short,
)
from autoencodes.errors import InputError
from autoencodes.flow.grid import nested, planes
from autoencodes.flow.nesting import permutation, prefixes
from autoencodes.summary import Summarised, first

Memory = Literal["reset", "hold", "skip"]


@dataclass(frozen=True, repr=False)
class Block:
    """A time interval over which the same components are active.

    Parameters
    ----------
    active : sequence of int
        The active components A_j, distinct, in the order in which the block's
        control counts them; at least one.
    steps : int
        The number of Euler steps, at least one.

    Examples
    --------
    >>> ac.Block(active=(0, 2), steps=5).width
    2
    """

    active: tuple[int, ...]
    steps: int

    def __init__(self, active: Sequence[int], steps: int) -> None:
        given = entries_of(active, "active components")
        components = tuple(integer(i, "an active component") for i in given)
        if not components:
            raise InputError("a block must have at least one active component; got none")
        if len(set(components)) != len(components) or min(components) < 0:
            raise InputError(
                f"active components must be distinct and not negative; got {short(components)}"
            )
        object.__setattr__(self, "active", components)
        object.__setattr__(self, "steps", positive_integer(steps, "the steps of a block"))

    def __repr__(self) -> str:
        return f"Block(active={short(self.active)}, steps={self.steps})"

    @property
    def width(self) -> int:
        """The number |A_j| of active components."""
        return len(self.active)


@dataclass(frozen=True, repr=False)
class WidthSchedule(Summarised):
    """Active components over time, in an ambient space of fixed dimension.

    Parameters
    ----------
    dim : int
        The ambient dimension d.
    blocks : sequence of Block
        In the order of time; any active sets, nested or not.
    horizon : float
        The final time T > 0; each step lasts Δt = T / Σ_j steps_j.
    memory : {"reset", "hold", "skip"}
        What happens to a component between its switch-off and its switch-on.
        ``reset``: it leaves the state and re-enters at 0; a step costs |A_j|².
        ``hold``: it keeps its value and resumes from it.
        ``skip``: its value m is stored, it re-enters at 0, and the field of the block where it
        returns also sees m: x' = G(t, (x, m), θ), as the skip connections of a U-net. A component
        that the first block does not have is stored at time 0.

    Usually one of the class methods makes it: ``autoencoder``, ``encoder``, ``decoder``,
    ``sequence`` and
    ``unet`` from the ``widths`` of the blocks and their common ``steps_per_block``, ``grids`` for
    images, ``constant`` for a plain NeurODE.

    Raises
    ------
    InputError
        If a component lies outside 0..d-1, or the horizon is not positive.

    See Also
    --------
    autoencodes.Flow : what moves by it
    autoencodes.plot.width : a picture of it

    Notes
    -----
    Source: docs/explanation/theory.md, section 2; Cipriani, Fornasier, Scagliotti (2024),
    section 3.

    Examples
    --------
    >>> ac.WidthSchedule.autoencoder(dim=4, widths=(4, 2, 1), steps_per_block=3, horizon=1.5)
    WidthSchedule
      widths   4, 2, 1, 2, 4 of 4; 1 latent
      steps    15: 3, 3, 3, 3, 3
      horizon  1.5, Δt = 0.1
      memory   reset
    >>> ac.WidthSchedule.sequence(8, (8, 3), steps_per_block=2, horizon=1.0).latent
    3
    """

    dim: int
    blocks: tuple[Block, ...]
    horizon: float
    memory: Memory = "reset"

    def __init__(
        self, dim: int, blocks: Sequence[Block], horizon: float, memory: str = "reset"
    ) -> None:
        object.__setattr__(self, "dim", positive_integer(dim, "the dimension"))
        object.__setattr__(
            self, "blocks", tuple(instance(block, "a block", Block) for block in blocks)
        )
        object.__setattr__(self, "horizon", positive(horizon, "the horizon"))
        if not self.blocks:
            raise InputError("a schedule must have at least one block; got none")
        for j, block in enumerate(self.blocks):
            if max(block.active) >= self.dim:
                raise InputError(
                    f"the active components of block {j} must lie in 0..{self.dim - 1}; "
                    f"got {max(block.active)}"
                )
        object.__setattr__(self, "memory", choice(memory, "memory", get_args(Memory)))

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Computed once: a wide schedule has thousands of entries, and each call of a compiled
        function asks."""
        return hash((self.dim, self.blocks, self.horizon, self.memory))

    def __getstate__(self) -> dict[str, Any]:
        # Another process hashes text otherwise.
        return {name: value for name, value in vars(self).items() if name != "_hash"}

    def _summary(self) -> dict[str, str]:
        steps = first([block.steps for block in self.blocks], 12)
        return {
            "widths": f"{first(self.widths, 12)} of {self.dim}; {self.latent} latent",
            "steps": f"{self.steps}: {steps}",
            "horizon": f"{self.horizon:g}, Δt = {self.step_size:.4g}",
            "memory": self.memory,
        }

    @classmethod
    def constant(cls, dim: int, steps: int, horizon: float) -> WidthSchedule:
        """One block in which every component is active: a plain NeurODE.

        Parameters
        ----------
        dim : int
            d.
        steps : int
            L, all of the one block.
        horizon : float
            T > 0.
        """
        return cls(dim, [Block(range(positive_integer(dim, "the dimension")), steps)], horizon)

    @classmethod
    def encoder(
        cls,
        dim: int,
        widths: Sequence[int],
        steps_per_block: int,
        horizon: float,
        order: Sequence[int] | None = None,
        memory: str = "reset",
    ) -> WidthSchedule:
        """One block for each width, from the input to the bottleneck.

        The block of width w has the first w components of ``order`` active. The
        arguments are those of ``autoencoder``.
        """
        active = prefixes(dim, widths, order)
        return cls(dim, [Block(a, steps_per_block) for a in active], horizon, memory)

    @classmethod
    def decoder(
        cls,
        dim: int,
        widths: Sequence[int],
        steps_per_block: int,
        horizon: float,
        order: Sequence[int] | None = None,
        memory: str = "reset",
    ) -> WidthSchedule:
        """The mirror image of ``encoder``: one block for each width, bottleneck first.

        ``widths`` lists the ENCODER's widths, as everywhere; the arguments are those
        of ``autoencoder``.
        """
        active = prefixes(dim, widths, order)
        return cls(dim, [Block(a, steps_per_block) for a in reversed(active)], horizon, memory)

    @classmethod
    def autoencoder(
        cls,
        dim: int,
        widths: Sequence[int],
        steps_per_block: int,
        horizon: float,
        order: Sequence[int] | None = None,
        memory: str = "reset",
    ) -> WidthSchedule:
        """Encoder then decoder: widths w_0, ..., w_r, ..., w_0 in 2r + 1 blocks.

        Parameters
        ----------
        dim : int
            The ambient dimension d.
        widths : sequence of int
            d ≥ w_0 ≥ w_1 ≥ ... ≥ w_r ≥ 1, from the input to the bottleneck.
        steps_per_block : int
            Euler steps of every block.
        horizon : float
            The final time T; Δt = T / ((2r + 1) steps_per_block).
        order : sequence of int, optional
            A permutation of 0..d-1, the component to keep longest first; default
            0, 1, ..., d-1.
        memory : {"reset", "hold", "skip"}
            See the class.

        Raises
        ------
        InputError
            If the widths grow or exceed the dimension, or ``order`` is no permutation.
        """
        active = prefixes(dim, widths, order)
        mirrored = [*active, *reversed(active[:-1])]
        return cls(dim, [Block(a, steps_per_block) for a in mirrored], horizon, memory)

    @classmethod
    def sequence(
        cls,
        dim: int,
        widths: Sequence[int],
        steps_per_block: int,
        horizon: float,
        order: Sequence[int] | None = None,
        memory: str = "reset",
    ) -> WidthSchedule:
        """One block for each width, whether they fall or grow: 8, 64, 8, or a generator's 8, 64.

        The block of width w has the first w components of ``order`` active. The arguments are
        those of ``autoencoder``, but ``widths`` is the whole sequence.
        """
        active = prefixes(dim, widths, order, monotone=False)
        return cls(dim, [Block(a, steps_per_block) for a in active], horizon, memory)

    @classmethod
    def unet(
        cls,
        dim: int,
        widths: Sequence[int],
        steps_per_block: int,
        horizon: float,
        order: Sequence[int] | None = None,
    ) -> WidthSchedule:
        """``autoencoder`` under memory ``skip``: what the encoder drops, the decoder sees again.

        The arguments are those of ``autoencoder``. Source: docs/explanation/theory.md, section 2.
        """
        return cls.autoencoder(dim, widths, steps_per_block, horizon, order, "skip")

    @classmethod
    def grids(
        cls,
        image: Sequence[int],
        grids: Sequence[Sequence[int]],
        steps_per_block: int,
        horizon: float,
        widths: Sequence[int] = (),
        order: Sequence[int] | None = None,
        memory: str = "reset",
    ) -> WidthSchedule:
        """An autoencoder of images: sub-grids, then plain widths, then the mirror image.

        Parameters
        ----------
        image : (int, int)
            Height H and width W; a row of the data has the pixels row by row.
        grids : sequence of (channels, height, width)
            From the input on, each a part of the one before: ``grid.sites`` says which components
            they are. d = H W, or a multiple where channels need more; the data come first.
        steps_per_block, horizon, memory
            As in ``autoencoder``.
        widths : sequence of int
            The encoder's widths after the grids; their blocks keep components of the last grid.
        order : sequence of int, optional
            A permutation of 0..d-1, the component to keep longest first, for the widths; by
            default that of the last grid.

        Raises
        ------
        InputError
            If a grid is no part of the one before, or the widths grow or exceed the last grid.
        """
        active = nested(image, grids)
        dim = image[0] * image[1] * planes(image, grids)
        last = active[-1]
        ordered = last if order is None else permutation(dim, order)
        if entries_of(widths, "widths"):
            place = {i: n for n, i in enumerate(ordered)}
            kept = sorted(last, key=place.__getitem__)
            chosen = prefixes(len(last), widths, None)
            active += [tuple(kept[i] for i in block) for block in chosen]
        mirrored = [*active, *reversed(active[:-1])]
        return cls(dim, [Block(a, steps_per_block) for a in mirrored], horizon, memory)

    @property
    def steps(self) -> int:
        """The number L of Euler steps."""
        return sum(block.steps for block in self.blocks)

    @property
    def step_size(self) -> float:
        """Δt = T / L."""
        return self.horizon / self.steps

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of active components of every block."""
        return tuple(block.width for block in self.blocks)

    @property
    def bottleneck(self) -> int:
        """The index of the narrowest block; of several the middle one, but in an encoder, which
        begins wider and ends narrowest, the last.

        The encoder ends with its last step; its active components are the latent ones.
        """
        narrowest = min(self.widths)
        ties = [j for j, width in enumerate(self.widths) if width == narrowest]
        if self.widths[-1] == narrowest < self.widths[0]:
            return ties[-1]
        return ties[(len(ties) - 1) // 2]

    @property
    def latent(self) -> int:
        """The number of latent components: the bottleneck's width."""
        return self.blocks[self.bottleneck].width

    @property
    def first_steps(self) -> tuple[int, ...]:
        """The index l of the first step of every block; its time is t_l = l Δt."""
        return tuple(sum(b.steps for b in self.blocks[:j]) for j in range(len(self.blocks)))

    @property
    def invertible(self) -> bool:
        """Whether the flow is a homeomorphism of R^d: under ``hold``, or with all components on.

        Else a switch forgets a component, or gives it a value that the outcome does not tell.
        """
        return self.memory == "hold" or min(self.widths) == self.dim

    def refined(self, factor: int) -> WidthSchedule:
        """The same blocks, horizon and memory on the ``factor`` times finer grid, Δt / factor."""
        factor = positive_integer(factor, "the factor of a refinement")
        blocks = [Block(b.active, b.steps * factor) for b in self.blocks]
        return WidthSchedule(self.dim, blocks, self.horizon, self.memory)


def switched_on(schedule: WidthSchedule) -> Bool[np.ndarray, "layer dim"]:
    """Which components the state has at t_0, ..., t_L; at a switch, those before it."""
    on = np.zeros((schedule.steps + 1, schedule.dim), bool)
    on[0, list(schedule.blocks[0].active)] = True
    for begin, block in zip(schedule.first_steps, schedule.blocks, strict=True):
        on[begin + 1 : begin + block.steps + 1, list(block.active)] = True
    return on
