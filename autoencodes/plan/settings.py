"""The configuration of a training: frozen, typed, and complete once the data are known."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from autoencodes.errors import InputError
from autoencodes.plan.resolve import by_name, preset, scaling_kind


class TrainConfig(BaseModel):
    """What to train, on what, and how.

    Entries that are None depend on the data; ``completed`` fills them in, from the preset
    of the data set (``presets.py``) and its dimension. Unknown entries are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    data: str = "digits"
    data_dir: str | None = None
    test_fraction: float = Field(0.2, gt=0, lt=1)
    split_seed: int = Field(0, ge=0)
    scaling: Literal["unit", "standard", "none"] | None = None
    order: Literal["variance", "index", "random", "natural"] | tuple[NonNegativeInt, ...] | None = (
        None
    )
    """Which components stay longest: by a rule, or as given."""
    rotation: Literal["none", "pca", "random"] = "none"
    extra: NonNegativeInt = 0
    """Components beyond the data's, which begin at 0."""

    target: Literal["rows", "classes", "numbers"] = "rows"
    cost: Literal["squared", "huber", "binary-cross-entropy", "cross-entropy"] | None = None
    delta: PositiveFloat | None = None
    """Of the Huber cost, in the target's scaled units."""

    start: str | None = None
    """The run that this one goes on from: its model is where the training begins."""
    refine: int | None = Field(None, ge=2)
    """How much finer the grid of the control is than that of the run it starts from."""

    widths: tuple[PositiveInt, ...] | None = Field(None, min_length=1)
    latent: PositiveInt | None = None
    mirror: bool | None = None
    """Whether the widths are run through back again, as an autoencoder does."""
    steps_per_block: PositiveInt | None = None
    horizon: PositiveFloat | None = None
    scheme: Literal["euler", "heun", "rk4"] = "euler"
    substeps: PositiveInt = 1
    """Steps of the scheme that share one control."""
    memory: Literal["reset", "hold", "skip"] = "reset"
    field: Literal["perceptron", "two-layer", "low-rank", "linear-in-control", "convolution"] = (
        "perceptron"
    )
    hidden: PositiveInt | None = None
    """Neurons of a step of the two-layer field, by default as many as the block is wide; channels
    of them of a convolution."""
    rank: PositiveInt | None = None
    """The most neurons of a step of the low-rank field."""
    grids: tuple[tuple[PositiveInt, PositiveInt, PositiveInt], ...] | None = Field(
        None, min_length=1
    )
    """Channels, height and width of the blocks that convolve, before those of the widths."""
    kernel: PositiveInt | None = None
    """Rows and columns of a convolution's kernel, odd."""
    activation: Literal["tanh", "relu", "gelu", "softplus", "identity", "sin"] = "tanh"
    pointwise: PositiveInt | None = None
    """Neurons of a last step that moves every component by one function of itself."""
    time_dependent: bool = False
    """Whether the field is given t/T as one more input."""
    init_scale: float | None = Field(None, ge=0)

    tikhonov: float | None = Field(None, ge=0)
    method: Literal["movement", "adam", "adamw", "sgd", "lbfgs", "msa", "exact-msa"] | None = None
    inner: Literal["auto", "contraction", "anderson", "lbfgs", "newton-cg", "gauss-newton"] = "auto"
    """How a movement on the whole measure is solved."""
    learning_rate: PositiveFloat | None = None
    tau: PositiveFloat | None = None
    """The largest step of a movement."""
    epochs: PositiveInt | None = None
    batch_size: int | None = Field(None, ge=0)
    """Particles of a mini-batch; 0: all of them in every step."""
    noise: float | None = Field(None, ge=0)
    """Deviation of the noise on the particles of a mini-batch, in the flow's units."""
    tolerance: float = Field(1e-6, ge=0)
    record: bool = False
    """Whether curvature and residual are measured along the training."""
    seed: int = Field(0, ge=0, lt=2**32)
    precision: Literal["float32", "float64"] | None = None

    def scaled(self, value_range: tuple[float, float] | None) -> str:
        """How the data are to be scaled: as configured, else as the data set asks."""
        named = by_name(self.data).get("scaling")
        bounded = "unit" if self.cost == "binary-cross-entropy" else None
        return str(self.scaling or named or bounded or scaling_kind(value_range))

    def completed(
        self,
        dim: int,
        rows: int,
        variance: float,
        scaling: str,
        carried: int | None = None,
        outputs: int | None = None,
        resolution: float = 0.0,
        image: tuple[int, int] | None = None,
    ) -> TrainConfig:
        """The configuration with every entry decided, in the light of the training rows.

        ``variance`` is the sum over the features of their variances, once scaled; ``carried``
        the number of features that carry nearly all of it, where the rest need no width;
        ``outputs`` the number of entries of a target that is not a row; ``resolution`` the
        distance to the nearest row, where that is to decide the noise; ``image`` their height
        and width, where they are pixels.

        Raises
        ------
        InputError
            If the widths do not fit the dimension or the latent width, or the field convolves
            what is no image.
        """
        given = self.model_dump(exclude_none=True)
        if self.widths is not None and self.latent not in (None, min(self.widths)):
            raise InputError(
                f"latent {self.latent} contradicts the narrowest of the widths, "
                f"{min(self.widths)}; give one of the two"
            )
        if self.widths is None and (self.latent or 1) > dim:
            raise InputError(
                f"latent must not exceed the dimension of the flow, {dim}; got {self.latent}"
            )
        if self.field == "convolution" and image is None:
            raise InputError(
                "the convolution field is for images; rows of this data have no height and width: "
                "take another field"
            )
        entries = preset(given, dim, rows, variance, carried, outputs, resolution, image)
        _require_room(entries, dim, outputs)
        _require_order(entries["order"], dim)
        return make(**{**entries, "scaling": scaling, **given})


def _require_room(entries: dict[str, Any], dim: int, outputs: int | None) -> None:
    """InputError where a target does not fit into the last block, or an entry does nothing."""
    widths, memory, grids = entries["widths"], entries["memory"], entries.get("grids") or ()
    ends = [*(math.prod(grid) for grid in grids), *widths]
    last = ends[0] if entries["mirror"] else ends[-1]
    shown, features = ", ".join(map(str, widths)), dim - entries.get("extra", 0)
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
    falling = not entries["mirror"] and ends == sorted(ends, reverse=True)
    if outputs is not None and memory != "reset" and falling:
        raise InputError(
            f"memory {memory} is for components that return, but along the widths {shown} none "
            "does; leave it out, or add --mirror"
        )
    if outputs is None and not entries["mirror"] and memory != "hold" and last < features:
        raise InputError(
            f"rows of {features} features are the target, but the widths {shown} end with {last} "
            "active components, and the others are 0 there; end wider, or leave --no-mirror out"
        )
    ruled = entries["order"] in ("variance", "natural", "index")
    if features < dim and ruled and not grids and max(ends) <= features:
        raise InputError(
            f"the {dim - features} extra components are never active with the widths {shown}; give "
            f"one above {features}, or leave extra out"
        )


def _require_order(order: Any, dim: int) -> None:
    """InputError where a given order is no permutation."""
    if isinstance(order, tuple) and sorted(order) != list(range(dim)):
        raise InputError(
            f"order must have each of the components 0..{dim - 1} exactly once; got {len(order)} "
            "entries" + (", some of them twice" if len(set(order)) < len(order) else "")
        )


def make(**entries: Any) -> TrainConfig:
    """A configuration of checked entries; InputError with a line for each that is wrong."""
    try:
        return TrainConfig(**entries)
    except ValidationError as error:
        raise InputError("; ".join(_fault(fault) for fault in error.errors())) from error


def from_toml(path: str | Path) -> TrainConfig:
    """The configuration of a TOML file; InputError if it is not one."""
    return make(**read_toml(path))


def read_toml(path: str | Path) -> dict[str, Any]:
    """The entries of a TOML file, unchecked."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: expected a configuration in TOML ({error})") from error


def to_toml(config: TrainConfig) -> str:
    """The configuration as TOML, one entry a line; absent ones are left out."""
    entries = config.model_dump(exclude_none=True)
    return "".join(f"{name} = {_toml(value)}\n" for name, value in entries.items())


def _toml(value: Any) -> str:
    if isinstance(value, str):
        escaped = "".join(_escape(c) for c in value)
        return f'"{escaped}"'
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(v) for v in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def _escape(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _fault(fault: Any) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = ", ".join(TrainConfig.model_fields)
        return f"unknown configuration entry {name!r}; expected one of {known}"
    option = name.replace("_", "-")
    return f"{option}: {fault['msg'][0].lower()}{fault['msg'][1:]}; got {fault['input']!r}"
