"""What does not go together: an entry that was given and would do nothing, or cannot be done."""

from __future__ import annotations

import math
from inspect import signature

from autoencodes.catalogue import COSTS, FIELDS, METHODS
from autoencodes.errors import InputError
from autoencodes.plan.facts import Facts
from autoencodes.plan.plan import Plan
from autoencodes.plan.settings import DECLARATIONS, Settings


def refuse_shapes(settings: Settings, facts: Facts) -> None:
    """InputError if no widths follow from what was given."""
    latent, widths = settings.latent, settings.widths
    if widths is not None and latent not in (None, min(widths)):
        raise InputError(
            f"latent {latent} contradicts the narrowest of the widths, {min(widths)}; give one of "
            "the two"
        )
    if widths is None and latent is not None and latent > facts.dim:
        raise InputError(
            f"latent must not exceed the dimension of the flow, {facts.dim}; got {latent}"
        )
    if settings.field == "convolution" and len(facts.image or ()) > 2:
        raise InputError(
            "the convolution field is for grey images; these have colours: take another field"
        )
    if settings.field == "convolution" and facts.image is None:
        raise InputError(
            "the convolution field is for images; rows of this data have no height and width: "
            "take another field"
        )


def refuse(settings: Settings, plan: Plan, facts: Facts) -> None:
    """InputError if an entry that was given would do nothing, or cannot be done."""
    if settings.refine is not None and settings.start is None:
        raise InputError(
            "refine carries the control of an earlier run to a finer grid; got no start: add "
            "--start RUN, or set steps-per-block"
        )
    if settings.leave_saddle and settings.start is None:
        raise InputError(
            "leave-saddle begins where certify saw the objective of an earlier run lie lower; got "
            "no start: add --start RUN, or leave it out"
        )
    _refuse_course(settings, plan, facts.learned or facts.rows)
    _refuse_target(plan)
    _refuse_field(settings, plan)
    if METHODS.entries[plan.method].facts.get("linear"):
        _refuse_exact(plan)
    _refuse_room(plan, facts)
    if isinstance(plan.order, tuple) and sorted(plan.order) != list(range(facts.dim)):
        twice = ", some of them twice" if len(set(plan.order)) < len(plan.order) else ""
        raise InputError(
            f"order must have each of the components 0..{facts.dim - 1} exactly once; got "
            f"{len(plan.order)} entries{twice}"
        )


def _refuse_course(settings: Settings, plan: Plan, rows: int) -> None:
    """InputError if the steps that were given are none of the method's."""
    method, whole = plan.method, plan.sees_all(rows)
    if METHODS.entries[method].facts.get("whole") and not whole:
        raise InputError(
            f"method {method} works on all rows in every step; got batch-size {plan.batch_size}: "
            "leave it out, or take movement or adam"
        )
    if settings.noise and whole:
        raise InputError(
            f"noise is for mini-batches; here every step sees all {rows} rows: give a smaller "
            "batch-size, or leave noise out"
        )
    if plan.inner != "auto" and (method not in METHODS.having("inner") or not whole):
        size = rows if plan.batch_size == 0 else plan.batch_size
        raise InputError(
            f"inner {plan.inner} is how movements on all rows are solved; got method {method} with "
            f"batches of {size} of {rows} rows: add --method movement --batch-size 0"
        )
    rated = METHODS.having("learning_rate")
    if settings.learning_rate is not None and method not in rated:
        raise InputError(
            f"learning-rate belongs to {', '.join(rated)}; got method {method}: leave it out"
            + (", or set tau" if method in METHODS.having("tau") else "")
        )
    if settings.tau is not None and method not in METHODS.having("tau"):
        raise InputError(f"tau is the step of movements; got method {method}: leave it out")


def _refuse_target(plan: Plan) -> None:
    """InputError if target, cost and scaling do not go together."""
    if plan.window is not None and plan.target != "rows":
        raise InputError(
            f"windows are there to be reconstructed; got target {plan.target}: leave window or "
            "target out"
        )
    allowed = [name for name, e in COSTS.entries.items() if plan.target in e.facts["targets"]]
    if plan.cost not in allowed:
        raise InputError(
            f"the costs for target {plan.target} are {', '.join(allowed)}; got {plan.cost}"
        )
    if plan.delta is not None and "delta" not in COSTS.entries[plan.cost].settings:
        costs = COSTS.having("delta")
        raise InputError(
            f"delta belongs to the {' and the '.join(costs)} cost; leave it out, or add --cost "
            f"{costs[0]}"
        )
    if COSTS.entries[plan.cost].facts.get("probabilities"):
        if plan.rotation != "none":
            raise InputError(
                f"{plan.cost} compares values in [0, 1], which a rotation does not keep; "
                "take rotation none or cost squared"
            )
        if plan.scaling != "unit":
            raise InputError(
                f"{plan.cost} compares values in [0, 1]; got scaling {plan.scaling}: take scaling "
                "unit or cost squared"
            )


def _refuse_field(settings: Settings, plan: Plan) -> None:
    """InputError if an entry belongs to another field, or a convolution would not act on pixels."""
    own = dict.fromkeys(entry for field in FIELDS.entries.values() for entry in field.settings)
    for entry in own:
        fields = FIELDS.having(entry)
        if entry not in DECLARATIONS:
            raise InputError(
                f"the field {fields[0]} is registered with settings=({entry!r},), which is no "
                "entry of a configuration: name one that autoencodes/plan/settings.py declares"
            )
        if getattr(settings, entry) is not None and plan.field not in fields:
            raise InputError(
                f"{entry} belongs to the {' and the '.join(fields)} field; got field "
                f"{plan.field}: leave it out, or add --field {fields[0]}"
            )
    # A run's plan, read again, gives every entry, also the default.
    unused = plan.pointwise is None and settings.activation != Settings.activation
    if unused and "activation" not in signature(FIELDS[plan.field]).parameters:
        raise InputError(
            f"the field {plan.field} has no activation; got {plan.activation}: leave it out, or "
            "take another field"
        )
    if plan.field != "convolution":
        return
    if plan.rotation != "none":
        raise InputError(
            "a convolution is for pixels, which are none after a rotation; got rotation "
            f"{plan.rotation}: leave it out, or take another field"
        )
    if plan.time_dependent:
        raise InputError(
            "a convolution takes channels, of which the time is none; leave --time-dependent out, "
            "or take another field"
        )


def _refuse_exact(plan: Plan) -> None:
    """InputError unless the Hamiltonians are concave quadratics of the control."""
    linear = "a field that is linear in the control"
    identity = plan.field == "perceptron" and plan.activation == "identity"
    needs = ""
    if plan.field != "linear-in-control" and not identity:
        needs = f"{linear}; got field {plan.field}: add --field linear-in-control"
    elif plan.pointwise is not None:
        needs = f"{linear}, which a pointwise step is not; leave pointwise out"
    elif plan.scheme != "euler" or plan.substeps > 1:
        needs = (
            f"Euler steps that share no control; got scheme {plan.scheme} with substeps "
            f"{plan.substeps}: leave both out"
        )
    elif plan.tikhonov == 0:
        needs = "tikhonov above 0, or the Hamiltonian has no maximum; got 0: give a positive one"
    if needs:
        raise InputError(f"method exact-msa needs {needs}, or take --method msa")


def _refuse_room(plan: Plan, facts: Facts) -> None:
    """InputError where a target does not fit into the last block, or an entry does nothing."""
    dim, outputs, features = facts.dim, facts.outputs, facts.dim - plan.extra
    grids = () if plan.grids is None else plan.grids
    ends = [*(math.prod(grid) for grid in grids), *plan.widths]
    last = ends[0] if plan.mirror else ends[-1]
    shown = ", ".join(map(str, plan.widths))
    if outputs is not None and dim < outputs:
        raise InputError(
            f"a target of {outputs} entries is read from as many components, but rows have {dim}; "
            f"add --extra {outputs - dim}, or more"
        )
    if outputs is not None and last < outputs:
        raise InputError(
            f"a target of {outputs} entries is read from as many active components, but the last "
            f"of the widths {shown} is {last}; end at {outputs} or more"
        )
    falling = not plan.mirror and ends == sorted(ends, reverse=True)
    if outputs is not None and plan.memory != "reset" and falling:
        raise InputError(
            f"memory {plan.memory} is for components that return, but along the widths {shown} "
            "none does; leave it out, or add --mirror"
        )
    if outputs is None and not plan.mirror and plan.memory != "hold" and last < features:
        raise InputError(
            f"rows of {features} features are the target, but the widths {shown} end with {last} "
            "active components, and the others are 0 there; end wider, or leave --no-mirror out"
        )
    ruled = plan.order in ("variance", "natural", "index")
    if plan.extra > 0 and ruled and not grids and max(ends) <= features:
        raise InputError(
            f"the {plan.extra} extra components are never active with the widths {shown}; give "
            f"one above {features}, or leave extra out"
        )
