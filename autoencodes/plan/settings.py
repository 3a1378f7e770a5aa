"""What a user may set: each entry is declared once, and all that is said of it follows from that.

A declaration has the entry's type, its constant default or None where the data decide, its check,
its help, and how its option on the command line is written and read.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from autoencodes import atomic, checks
from autoencodes.catalogue import (
    ACTIVATIONS,
    COSTS,
    DATASETS,
    FIELDS,
    METHODS,
    SCHEMES,
    SOLVERS,
    Catalogue,
)
from autoencodes.errors import InputError

_LONGEST = 4_000_000
"""The most bytes of a configuration: room for an order of half a million components."""

_DOTS = 100
"""The most dots of a line: the parser's time is quadratic in the parts of a dotted key."""

Check = Callable[[Any, str], Any]
"""A converter of ``autoencodes.checks``: a value and its name in, the value as it should be out."""


@dataclass(frozen=True)
class Declaration:
    """What is declared of an entry beside its default."""

    kind: str
    """Its type, as it is written."""
    words: str
    """Its help, but for that of its choices."""
    check: Check | None = None
    """By default that it is one of its choices, else that of its type in ``_CHECKS``."""
    metavar: str | None = None
    """What its option on the command line takes; by default its choices, else its type."""
    choices: Iterable[str] = ()
    """The names that it may be; of a catalogue, those of its members that may be chosen."""
    first: tuple[str, ...] = ()
    """Names before those."""
    read: Callable[[str], Any] | None = None
    """The entry from the text of its option, where that is more than a number or a name."""
    start: Literal["", "model", "rows", "usual"] = ""
    """What a run that a training starts from says of it: "model", it settles the entry; "rows", it
    does where the data are the same; "usual", it gives the default; "", nothing."""
    option: bool = True
    """Whether the command line has an option for it."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it may be, if it is a name."""
        names = self.choices.choices if isinstance(self.choices, Catalogue) else self.choices
        return (*self.first, *names)

    @property
    def help(self) -> str:
        """Its help on the command line, with that of every choice of a catalogue."""
        if not isinstance(self.choices, Catalogue):
            return self.words
        entries = [self.choices.entries[name] for name in self.choices.choices]
        return f"{self.words} {'; '.join(f'{e.name}: {e.help}' for e in entries)}."

    def checked(self, value: Any, name: str) -> Any:
        """A value as the entry holds it; InputError if it is not as it should be."""
        if self.check is None and self.names:
            return checks.choice(value, name, self.names)
        return (self.check or _CHECKS[self.kind.removesuffix(" | None")])(value, name)


def _entry(default: Any, words: str, **more: Any) -> Any:
    """An entry of ``Settings``, and what ``Declaration`` says of it."""
    return dataclasses.field(default=default, metadata={"words": words, **more})


_model = partial(_entry, start="model")
_rows = partial(_entry, start="rows")


def _within(check: Callable[..., Any], *bounds: Any, **more: Any) -> Check:
    """A check of ``autoencodes.checks`` with its bounds."""
    return lambda value, name: check(value, name, *bounds, **more)


def _grids(value: Any, name: str) -> tuple[tuple[int, ...], ...]:
    """Channels, height and width of every grid."""
    if not isinstance(value, list | tuple) or not value:
        raise InputError(
            f"{name} must be a list of grids (channels, height, width); got {checks.shown(value)}"
        )
    return tuple(checks.positive_integers(v, name, 3, "channels, height and width") for v in value)


def _order(value: Any, name: str) -> str | tuple[int, ...]:
    """The name of a rule, or the components in their order."""
    if isinstance(value, list | tuple):
        return tuple(checks.integer(v, name, at_least=0) for v in value)
    return checks.choice(value, name, ORDERS, ", or the components themselves")


def _path(text: str) -> str:
    return os.path.expanduser(Path(text))


def _names(text: str) -> tuple[str, ...]:
    return checks.names(text, "names of columns")


def _read_order(text: str) -> str | tuple[int, ...]:
    """The name of a rule, or a permutation: listed, or in a file of integers."""
    example = "3,0,2,1"
    if text in ORDERS:
        return text
    if "," in text:
        return checks.listed(text, "--order", example)
    if Path(text).is_file():
        words = Path(text).read_text(encoding="utf-8", errors="replace").replace(",", " ").split()
        return checks.listed(",".join(words), "the file of --order", example)
    return checks.listed(text, "--order", example) if text[:1].isdigit() else text


_CHECKS: dict[str, Check] = {
    "bool": checks.flag,
    "int": checks.positive_integer,
    "float": checks.positive,
    "str": _within(checks.instance, str),
    "tuple[int, ...]": checks.positive_integers,
    "tuple[str, ...]": checks.names,
}
"""The check of a type, where its entry declares no other."""
_whole = _within(checks.integer, at_least=0)
_not_negative = _within(checks.at_least, 0)
_LAWS = [name for name, entry in DATASETS.entries.items() if entry.facts.get("law")]
DATA = (
    f"{', '.join(name for name in DATASETS if name not in _LAWS)}, a toy law ({', '.join(_LAWS)}), "
    "or a file: .csv, .tsv, .txt, .parquet, .feather, .arrow, .xlsx, .jsonl, .npy, .npz, .h5, IDX; "
    "a folder of images or Parquet parts; or - for standard input."
)
"""What data may be, in words."""
_GRIDS = "4x14x14,8x7x7"
ORDERS = ("variance", "index", "random", "natural")


@dataclass(frozen=True, init=False)
class Settings:
    """What a user gave: what to train, on what, and how; every entry may be left out.

    An entry that was left out has its constant default, or is None, and the data decide
    (``autoencodes.plan.resolve``); None stands for an entry that was left out.

    Raises
    ------
    InputError
        If an entry is unknown, or not as it should be; every fault is named.
    """

    data: str = _entry("digits", DATA, metavar="[DATA]", start="usual")
    start: str | None = _entry(
        None, "Begin with the model of an earlier run.", metavar="RUN", read=_path
    )
    refine: int | None = _entry(
        None,
        "With --start: carry its control to a grid so much finer.",
        check=_within(checks.integer, at_least=2),
    )
    leave_saddle: bool = _entry(
        False, "With --start: begin where certify saw the run's objective lie lower."
    )
    widths: tuple[int, ...] | None = _model(
        None,
        "The encoder's widths; the decoder mirrors them.",
        metavar="64,32,8",
        read=lambda text: checks.listed(text, "--widths", "64,32,8"),
    )
    mirror: bool | None = _model(
        None, "Whether the widths run back again.  [default: where rows are the target]"
    )
    latent: int | None = _model(None, "The bottleneck's width, where no widths are given.")
    steps_per_block: int | None = _model(None, "Steps of the control a block.")
    horizon: float | None = _model(None, "The final time T.")
    scheme: str = _entry("euler", "How a step is crossed.", choices=SCHEMES, start="usual")
    substeps: int = _entry(1, "Steps of the scheme that share one control.", start="usual")
    memory: str = _model(
        "reset",
        "A switched-off value is dropped, kept, or seen again where it returns.",
        choices=("reset", "hold", "skip"),
    )
    field: str = _model("perceptron", "The velocity, with s the activation:", choices=FIELDS)
    hidden: int | None = _model(
        None, "Neurons of two layers, by default the width; channels of them in K*x."
    )
    rank: int | None = _model(None, "The most neurons of a step.")
    target: str = _model(
        "rows",
        "What is predicted: the rows themselves, or what their label column holds.",
        choices=("rows", "classes", "numbers"),
    )
    cost: str | None = _model(
        None, "The terminal cost; by default squared, for classes cross-entropy.", choices=COSTS
    )
    delta: float | None = _model(
        None, "Where the cost becomes linear, in the target's scaled units; by default 1."
    )
    activation: str = _model("tanh", "The activation s(a) of neurons.", choices=ACTIVATIONS)
    grids: tuple[tuple[int, int, int], ...] | None = _model(
        None,
        "Blocks that convolve, before the widths: channels, height and width.",
        check=_grids,
        metavar=_GRIDS,
        read=lambda text: [checks.listed(g, "--grids", _GRIDS, "x") for g in text.split(",")],
    )
    kernel: int | None = _model(None, "Rows and columns of a convolution's kernel, odd.")
    pointwise: int | None = _model(
        None, "Neurons of a last step, one function of itself for every component."
    )
    time_dependent: bool = _model(False, "Give the velocity t/T as one more input.")
    order: str | tuple[int, ...] | None = _model(
        None,
        "Which components stay longest: by a rule, listed, or listed in a file.",
        check=_order,
        metavar="|".join((*ORDERS, "3,0,2,1", "FILE")),
        read=_read_order,
    )
    rotation: str = _model(
        "none", "Orthogonal coordinates to work in.", choices=("none", "pca", "random")
    )
    extra: int = _model(0, "Components beyond the data's, which begin at 0.", check=_whole)
    scaling: str | None = _model(
        None, "To [0,1]; to mean 0, deviation 1; not.", choices=("unit", "standard", "none")
    )
    tikhonov: float | None = _entry(
        None, "The regularisation weight λ, of |control|².", check=_not_negative, start="usual"
    )
    init_scale: float | None = _model(
        None, "Size of the random initial control.", check=_not_negative
    )
    effort: str | None = _entry(
        None,
        "Of a table whose model is left to its rule: how many candidates are compared by folds; "
        "by default default.",
        choices=("quick", "default", "thorough"),
    )
    trim: float = _entry(
        0.0,
        "The part of the training rows, those farthest from the rest, that is not learned from: "
        "0.3 where some may be anomalies.",
        check=_within(checks.between, 0, 0.5, with_high=False),
    )
    distinct: bool | None = _entry(
        None, "Whether equal training rows are one, which counts as often as it came.", option=False
    )
    method: str | None = _entry(None, "The training method.", choices=METHODS)
    inner: str = _entry(
        "auto",
        "How a movement on all rows is solved; auto: by the problem's size;",
        choices=SOLVERS,
        first=("auto",),
    )
    learning_rate: float | None = _entry(None, "The peak rate of the steps.")
    tau: float | None = _entry(None, "The largest step τ.")
    noise: float | None = _entry(
        None, "Deviation of noise on mini-batches, in trained units.", check=_not_negative
    )
    epochs: int | None = _entry(
        None, "Passes over the training rows; 0 keeps the initial control.", check=_whole
    )
    batch_size: int | None = _entry(
        None, "Rows of a mini-batch; 0: all rows in every step.", check=_whole
    )
    tolerance: float = _entry(
        1e-6, "Stop at this optimality error (PMP residual; whole batches).", check=_not_negative
    )
    record: bool = _entry(False, "Measure λ_min, residual and |control| along the way.")
    seed: int = _entry(0, "Of initial control and batches.", check=checks.seed)
    precision: str | None = _entry(
        None, "Of all that is computed.", choices=("float32", "float64"), start="usual"
    )
    test_fraction: float = _rows(
        0.2,
        "The part held out, where the data has no split.",
        check=_within(checks.between, 0, 1, with_low=False, with_high=False),
    )
    validation_fraction: float | None = _rows(
        None,
        "The part that choices look at; by default 0.1 where the data has no split, else none.",
        check=_within(checks.between, 0, 1, with_high=False),
    )
    split_seed: int = _rows(0, "Of the rows that are held out.", check=_whole, option=False)
    split: str | None = _rows(
        None, "The column that says train, validation or test.", metavar="NAME"
    )
    group: str | None = _rows(
        None, "The column of groups: none of them in two parts.", metavar="NAME"
    )
    time: str | None = _rows(
        None, "The column of times: the last rows test, those before validate.", metavar="NAME"
    )
    window: int | None = _model(
        None,
        "Take so many rows, in the order of --time, for one; --group tells series apart.",
    )
    stride: int | None = _rows(
        None, "Rows from one window to the next, at most a window; by default 1."
    )
    columns: tuple[str, ...] | None = _rows(
        None, "The only columns to learn from.", metavar="a,b", read=_names
    )
    drop: tuple[str, ...] | None = _rows(None, "Columns to leave out.", metavar="a,b", read=_names)
    label: str | None = _rows(
        None, "The column of labels; by default one called label, class or target.", metavar="NAME"
    )
    kinds: tuple[str, ...] | None = _rows(
        None,
        "What columns are: number, log, category, boolean, ordinal or levels as S<M<L, date or "
        "date(%d/%m/%Y), cyclic, constant, identifier.",
        metavar="NAME=KIND,...",
        read=_names,
    )
    missing: str = _model(
        "refuse",
        "Values that are missing: refused; taken for the mean; masked: not learned from, and "
        "filled by reconstruction.",
        choices=("refuse", "mean", "mask"),
    )
    sheet: str | None = _rows(None, "The sheet of a workbook.", metavar="NAME")
    key: str | None = _rows(None, "The array of an archive or an HDF5 file.", metavar="NAME")
    delimiter: str | None = _rows(None, "What parts the fields of a text file.", metavar="CHAR")
    decimal: str | None = _rows(
        None, "The mark before decimals in a text file.", choices=(".", ",")
    )
    encoding: str | None = _rows(None, "Of a text file, as utf-8 or cp1252.", metavar="NAME")
    memory_limit: int | None = _entry(
        None,
        "The most memory of the process, as 2GB: data that do not fit are read a block at a time.  "
        "[default: half of the machine's]",
        check=checks.memory,
        metavar="SIZE",
        read=str,
    )
    data_dir: str | None = _entry(
        None,
        "Where MNIST's files lie; else $AUTOENCODES_DATA.",
        metavar="DIR",
        read=_path,
        start="usual",
    )

    def __init__(self, **entries: Any) -> None:
        faults = []
        for name in [n for n in entries if n not in DECLARATIONS]:
            known = ", ".join(DECLARATIONS)
            faults.append(f"unknown configuration entry {name!r}; expected one of {known}")
        for entry in dataclasses.fields(self):
            value = entries.get(entry.name)
            if value is None:
                object.__setattr__(self, entry.name, entry.default)
                continue
            try:
                checked = DECLARATIONS[entry.name].checked(value, entry.name.replace("_", "-"))
                object.__setattr__(self, entry.name, checked)
            except InputError as error:
                faults.append(str(error))
        if faults:
            raise InputError("; ".join(faults))
        given = tuple(name for name in DECLARATIONS if entries.get(name) is not None)
        object.__setattr__(self, "_given", given)

    @property
    def given(self) -> dict[str, Any]:
        """The entries that the user gave, by name."""
        names: tuple[str, ...] = self.__dict__["_given"]
        return {name: getattr(self, name) for name in names}

    @property
    def entries(self) -> dict[str, Any]:
        """The entries that are not left to the data, by name."""
        entries = {name: getattr(self, name) for name in DECLARATIONS}
        return {name: value for name, value in entries.items() if value is not None}


DECLARATIONS: Mapping[str, Declaration] = {
    entry.name: Declaration(str(entry.type), **entry.metadata)
    for entry in dataclasses.fields(Settings)
}
"""What is declared of every entry, by name."""


def read_toml(path: str | Path) -> dict[str, Any]:
    """The entries of a TOML file, unchecked; InputError if it is not one."""
    try:
        # An editor may have put a byte order mark before the text.
        text = atomic.read(path, _LONGEST).decode("utf-8-sig").replace("\r\n", "\n")
        if any(line.count(".") > _DOTS for line in text.split("\n")):
            raise ValueError(f"a line has more than {_DOTS} dots")
        return tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        fault = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{path}: expected a configuration in TOML ({fault})") from error


def to_toml(entries: Mapping[str, Any]) -> str:
    """Entries as TOML, one a line."""
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
    if "\ud800" <= character <= "\udfff":
        raise InputError(
            "a path must be text that UTF-8 can hold, so that config.toml can name it; got one "
            "whose name is of another encoding: rename the file, or link it under another name"
        )
    return character if character.isprintable() else f"\\U{ord(character):08x}"
