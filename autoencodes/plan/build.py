"""What a completed configuration stands for: order, schedule, field and cost.

# notation: d dimension of the flow, A the active components of the last block.
"""

from __future__ import annotations

from typing import Any

from autoencodes import fields
from autoencodes.catalogue import COSTS
from autoencodes.cost import Comparison
from autoencodes.errors import InputError
from autoencodes.fields import ControlledField, Pointwise, convolutions
from autoencodes.flow.flow import Flow
from autoencodes.flow.grid import planes
from autoencodes.flow.schedule import Block, WidthSchedule
from autoencodes.model.coordinates import Coordinates
from autoencodes.model.order import Order, at_random, by_index, by_variance, natural
from autoencodes.model.readout import Readout
from autoencodes.plan.settings import TrainConfig
from autoencodes.schemes import scheme


def order(config: TrainConfig, x: Any, targets: Any) -> Order:
    """The components, the one to keep longest first, from particles (N, d) and their targets."""
    if config.order == "natural":
        return natural(x, targets)
    if config.order == "random":
        return at_random(x.shape[1], config.seed)
    if config.order == "index":
        return by_index(x.shape[1])
    found = by_variance(x)
    if isinstance(config.order, tuple):
        return Order(config.order, found.scores, found.meaning)
    return found


def flow(config: TrainConfig, dim: int, image: tuple[int, int] | None, kept: Order) -> Flow:
    """The flow of so many dimensions, on rows that are images or not."""
    blocks, own = _widths(config, dim, image, kept)
    if config.time_dependent:
        own = tuple(fields.TimeDependent(field, config.horizon or 1.0) for field in own)
    if config.pointwise is not None:
        blocks = [*blocks, Block(blocks[-1].active, 1)]
        own = (*own, Pointwise(config.pointwise, config.activation))
    schedule = WidthSchedule(dim, blocks, config.horizon or 1.0, config.memory)
    same = all(field == own[0] for field in own)
    return Flow(schedule, own[0] if same else own, scheme(config.scheme, config.substeps))


def cost(
    config: TrainConfig, coordinates: Coordinates, readout: Readout, schedule: WidthSchedule
) -> Comparison:
    """The terminal cost, on the components that it compares."""
    components: Any = None
    if readout.size is not None:
        components = schedule.blocks[-1].active[: readout.size]
    elif coordinates.features < coordinates.dim:
        components = range(coordinates.features)
    options = {} if config.delta is None else {"delta": config.delta}
    return COSTS[str(config.cost)](components=components, **options)


def _widths(
    config: TrainConfig, dim: int, image: tuple[int, int] | None, kept: Order
) -> tuple[list[Block], tuple[ControlledField, ...]]:
    """The blocks of grids and widths, and a field for each."""
    widths, steps = config.widths or (), config.steps_per_block or 1
    if config.grids:
        schedule, own = _grids(config, dim, image or (1, dim), kept)
        levels = len(schedule.blocks) if config.mirror else len(config.grids) + len(widths)
        return list(schedule.blocks[:levels]), own[:levels]
    make = WidthSchedule.autoencoder if config.mirror else WidthSchedule.sequence
    blocks = list(make(dim, widths, steps, 1.0, kept.components).blocks)
    options: dict[str, Any] = {"activation": config.activation}
    options |= {"two-layer": {"hidden": config.hidden}, "low-rank": {"rank": config.rank}}.get(
        config.field, {}
    )
    field = fields.build({"name": config.field, **options})
    return blocks, (field,) * len(blocks)


def _grids(
    config: TrainConfig, dim: int, image: tuple[int, int], kept: Order
) -> tuple[WidthSchedule, tuple[ControlledField, ...]]:
    """The mirrored schedule of grids and then widths, and its fields."""
    grids, widths, steps = config.grids or (), config.widths or (), config.steps_per_block or 1
    pixels = image[0] * image[1]
    needed = planes(image, grids) * pixels
    if needed > dim:
        raise InputError(
            f"grids of more than s² channels on every s-th row and column need {needed} "
            f"components; got {dim}: add --extra {needed - pixels}, or give fewer channels"
        )
    if needed < dim:
        raise InputError(
            f"the grids lie in {needed} components, and extra ones would never be active; got "
            f"{dim}: leave extra {dim - pixels} out, or give more channels"
        )
    schedule = WidthSchedule.grids(image, grids, steps, 1.0, widths, kept.components)
    own = convolutions(grids, widths, config.kernel or 1, config.hidden, config.activation)
    return schedule, own
