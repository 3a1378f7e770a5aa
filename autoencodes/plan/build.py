"""What a plan stands for: order, flow, cost, initial control, method.

# notation: d dimension of the flow, A the active components of the last block.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Real

from autoencodes import fields
from autoencodes.catalogue import COSTS, FIELDS, METHODS
from autoencodes.cost import Comparison
from autoencodes.errors import InputError
from autoencodes.fields import ControlledField, Pointwise, convolutions
from autoencodes.fields.field import configured
from autoencodes.flow.flow import Flow
from autoencodes.flow.grid import planes
from autoencodes.flow.schedule import Block, WidthSchedule
from autoencodes.flow.sweep import shapes
from autoencodes.model.model import Model
from autoencodes.model.order import Order, at_random, by_index, by_scores, natural
from autoencodes.model.pca import Weights, variance
from autoencodes.plan.encode import Encoded
from autoencodes.plan.facts import Rows
from autoencodes.plan.plan import Plan
from autoencodes.precision import precision
from autoencodes.schemes import scheme
from autoencodes.training import Method, MetricMovement

Image = tuple[int, ...] | None

_SHARP = 3.0
"""Of categories whose indicators are rotated: the level of an exact projection has 95 %."""


def order(
    plan: Plan,
    x: Rows,
    targets: Real[np.ndarray, "particle target"],
    weights: Weights | None = None,
) -> Order:
    """The components, the one to keep longest first, from particles (N, d) and their targets."""
    if plan.order == "natural":
        return natural(x, targets, weights)
    return ordered(plan, variance(x, weights))


def ordered(plan: Plan, variances: Float[np.ndarray, " dim"]) -> Order:
    """An order other than the natural one, of components with these variances."""
    if plan.order == "random":
        return at_random(len(variances), plan.seed)
    if plan.order == "index":
        return by_index(len(variances))
    ranked = by_scores(variances)
    if isinstance(plan.order, tuple):
        return Order(plan.order, ranked.scores, ranked.meaning)
    return ranked


def model(plan: Plan, encoded: Encoded, image: Image, kept: Order) -> Model:
    """The model at its initial control, drawn at random."""
    coordinates = encoded.coordinates
    steps = flow(plan, coordinates.dim, image, kept)
    readout = replace(encoded.readout, cost=cost(plan, encoded, steps.schedule))
    dtype = np.dtype(plan.precision)
    with precision(dtype):
        _require_memory(steps, plan)
        control = steps.init(jax.random.key(plan.seed), plan.init_scale, dtype)
    return Model(
        steps,
        control,
        encoded.scaling,
        image,
        coordinates,
        readout,
        encoded.encoding,
        encoded.data.record,
    )


def _require_memory(steps: Flow, plan: Plan) -> None:
    """InputError if the machine cannot hold the control, its gradient and a method's moment."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return
    entries = sum(leaf.size for leaf in jax.tree.leaves(shapes(steps)))
    needed = 3 * entries * np.dtype(plan.precision).itemsize
    if needed > memory:
        raise InputError(
            f"widths from {plan.widths[0]:,} make a control of {entries:,} numbers, "
            f"which with its gradient and the method's state takes {needed / 2**30:,.0f} GiB, and "
            f"this machine has {memory / 2**30:,.0f}: give smaller widths, as --widths 64,8, or "
            "take fewer columns with --columns"
        )


def flow(plan: Plan, dim: int, image: Image, kept: Order) -> Flow:
    """The flow of so many dimensions, on rows that are images or not."""
    blocks, own = _widths(plan, dim, image, kept)
    if plan.time_dependent:
        own = tuple(fields.TimeDependent(field, plan.horizon) for field in own)
    if plan.pointwise is not None:
        blocks = [*blocks, Block(blocks[-1].active, 1)]
        own = (*own, Pointwise(plan.pointwise, plan.activation))
    schedule = WidthSchedule(dim, blocks, plan.horizon, plan.memory)
    same = all(field == own[0] for field in own)
    return Flow(schedule, own[0] if same else own, scheme(plan.scheme, plan.substeps))


def cost(plan: Plan, encoded: Encoded, schedule: WidthSchedule) -> Comparison:
    """The terminal cost, on the components that it compares."""
    components: tuple[int, ...] | None = None
    coordinates = encoded.coordinates
    if encoded.readout.size is not None:
        components = schedule.blocks[-1].active[: encoded.readout.size]
    elif coordinates.features < coordinates.dim:
        components = tuple(range(coordinates.features))
    turned = coordinates.rotation is not None
    options: dict[str, Any] = {} if plan.delta is None else {"delta": plan.delta}
    encoding, name = encoded.encoding, plan.cost
    if encoding is not None and encoded.by_column and plan.target == "rows":
        masked = encoding.missing == "mask"
        options |= {"groups": encoding.groups, "masked": masked, "numbers": plan.cost}
        if turned:  # the cost stands behind the rotation, where there are the features alone
            components, options["sharpness"] = None, _SHARP
        name = "by-column"
    made: Comparison = COSTS[name](components=components, **options)
    return made


def method(plan: Plan, rows: int) -> Method:
    """The training method.

    ``movement`` is MinimizingMovement where steps see all rows, MetricMovement on mini-batches.
    """
    if plan.method == "movement" and not plan.sees_all(rows):
        assert plan.tau is not None  # resolve decides it for movements
        return MetricMovement(plan.tau)
    own = {name: getattr(plan, name) for name in METHODS.entries[plan.method].settings}
    made: Method = METHODS[plan.method](**own)
    return made


def _widths(
    plan: Plan, dim: int, image: Image, kept: Order
) -> tuple[list[Block], tuple[ControlledField, ...]]:
    """The blocks of grids and widths, and a field for each."""
    if plan.grids is not None:
        assert image is not None  # a convolution of what is no image was refused
        schedule, own = _grids(plan, dim, image, kept)
        levels = len(schedule.blocks) if plan.mirror else len(plan.grids) + len(plan.widths)
        return list(schedule.blocks[:levels]), own[:levels]
    make = WidthSchedule.autoencoder if plan.mirror else WidthSchedule.sequence
    blocks = list(make(dim, plan.widths, plan.steps_per_block, 1.0, kept.components).blocks)
    entries = ("activation", *FIELDS.entries[plan.field].settings)
    field = configured(plan.field, {name: getattr(plan, name) for name in entries})
    return blocks, (field,) * len(blocks)


def _grids(
    plan: Plan, dim: int, image: tuple[int, ...], kept: Order
) -> tuple[WidthSchedule, tuple[ControlledField, ...]]:
    """The mirrored schedule of grids and then widths, and its fields."""
    assert plan.grids is not None
    assert plan.kernel is not None
    pixels = image[0] * image[1]
    needed = planes(image, plan.grids) * pixels
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
    schedule = WidthSchedule.grids(
        image, plan.grids, plan.steps_per_block, 1.0, plan.widths, kept.components
    )
    own = convolutions(plan.grids, plan.widths, plan.kernel, plan.hidden, plan.activation)
    return schedule, own
