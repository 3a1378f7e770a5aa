"""The plan of a training: every entry decided, and of its final type."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from autoencodes.errors import InputError
from autoencodes.plan.settings import Settings, to_toml

_EARLIER = {
    "mirror": True,
    "cost": "squared",
    "order": "variance",
    "noise": 0.0,
    "validation_fraction": 0.0,
    "trim": 0.0,
    "distinct": False,
}
"""What the runs of versions did that knew no such entry."""


@dataclass(frozen=True)
class Plan:
    """What is trained, on what, and how: what ``config.toml`` holds, in its order.

    The entries are those of ``Settings``. None is a decision: there is no such thing, as the rank
    of a field that has none, or the rate of a method that takes τ.
    """

    data: str
    data_dir: str | None
    test_fraction: float
    validation_fraction: float
    split_seed: int
    split: str | None
    group: str | None
    time: str | None
    window: int | None
    stride: int | None
    columns: tuple[str, ...] | None
    drop: tuple[str, ...] | None
    label: str | None
    kinds: tuple[str, ...] | None
    missing: str
    sheet: str | None
    key: str | None
    delimiter: str | None
    decimal: str | None
    encoding: str | None
    memory_limit: int | None
    """Bytes; of data that were read a block at a time it decides how they are mixed."""
    scaling: str
    order: str | tuple[int, ...]
    rotation: str
    extra: int
    target: str
    cost: str
    delta: float | None
    start: str | None
    refine: int | None
    leave_saddle: bool
    widths: tuple[int, ...]
    latent: int
    mirror: bool
    steps_per_block: int
    horizon: float
    scheme: str
    substeps: int
    memory: str
    field: str
    hidden: int | None
    rank: int | None
    grids: tuple[tuple[int, int, int], ...] | None
    kernel: int | None
    activation: str
    pointwise: int | None
    time_dependent: bool
    init_scale: float
    tikhonov: float
    effort: str | None
    trim: float
    distinct: bool
    method: str
    inner: str
    learning_rate: float | None
    tau: float | None
    epochs: int
    batch_size: int
    """0: all rows in every step."""
    noise: float
    tolerance: float
    record: bool
    seed: int
    precision: str

    @classmethod
    def of(cls, settings: Settings) -> Plan:
        """The plan that complete settings are, as a run folder holds them.

        Raises
        ------
        InputError
            If an entry is absent that has to be decided.
        """
        entries: dict[str, Any] = dict.fromkeys(cls.__dataclass_fields__)
        entries |= {**_EARLIER, **settings.entries}
        absent = [name for name in _DECIDED if entries[name] is None]
        if absent:
            raise InputError(
                f"the configuration of a run has every entry; got one without {', '.join(absent)}"
            )
        return cls(**entries)

    @property
    def entries(self) -> dict[str, Any]:
        """The entries that there are, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @property
    def toml(self) -> str:
        """The plan as TOML, one entry a line; what there is not is left out."""
        return to_toml(self.entries)

    def sees_all(self, rows: int) -> bool:
        """Whether every step sees all of so many training rows."""
        return self.batch_size == 0 or self.batch_size >= rows


_DECIDED = [name for name, kind in Plan.__annotations__.items() if "None" not in kind]
