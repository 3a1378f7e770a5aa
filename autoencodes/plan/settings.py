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
    """What is declared of an entry beside its type and its default.

    Parameters
    ----------
    check : Check
    words : str
        Its help, but for that of its choices.
    metavar : str, optional
        What its option on the command line takes; by default its choices, else its type.
    choices : iterable of str
        The names that it may be; of a catalogue, those of its members that may be chosen.
    first : tuple of str
        Names before those.
    read : callable, optional
        The entry from the text of its option, where that is more than a number or a name.
    start : str
        What a run that a training starts from says of it: "model", it settles the entry; "rows",
        it does where the data are the same; "usual", it gives the default; "", nothing.
    option : bool
        Whether the command line has an option for it.
    """

    check: Check
    words: str
    metavar: str | None = None
    choices: Iterable[str] = ()
    first: tuple[str, ...] = ()
    read: Callable[[str], Any] | None = None
    start: Literal["", "model", "rows", "usual"] = ""
    option: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it may be, if it is a name."""
        return (*self.first, *_names(self.choices))

    @property
    def help(self) -> str:
        """Its help on the command line, with that of every choice of a catalogue."""
        if not isinstance(self.choices, Catalogue):
            return self.words
        entries = [self.choices.entries[name] for name in self.choices.choices]
        return f"{self.words} {'; '.join(f'{e.name}: {e.help}' for e in entries)}."


def _names(choices: Iterable[str]) -> tuple[str, ...]:
    return choices.choices if isinstance(choices, Catalogue) else tuple(choices)


def _entry(default: Any, check: Check, words: str, **more: Any) -> Any:
    """An entry of ``Settings``."""
    return dataclasses.field(
        default=default, metadata={"declaration": Declaration(check, words, **more)}
    )


def _chosen(
    default: Any, choices: Iterable[str], words: str, first: tuple[str, ...] = (), **more: Any
) -> Any:
    """An entry that is one of some names."""

    def check(value: Any, name: str) -> str:
        return checks.choice(value, name, (*first, *_names(choices)))

    return _entry(default, check, words, choices=choices, first=first, **more)


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


def _read_grids(text: str) -> list[tuple[int, ...]]:
    return [checks.listed(grid, "--grids", "4x14x14,8x7x7", "x") for grid in text.split(",")]


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


_text = _within(checks.instance, str)
_whole = checks.positive_integer
_positive = checks.positive
_not_negative = _within(checks.at_least, 0)
_LAWS = [name for name, entry in DATASETS.entries.items() if entry.facts.get("law")]
DATA = (
    f"{', '.join(name for name in DATASETS if name not in _LAWS)}, a toy law ({', '.join(_LAWS)}), "
    "or the path of an .npy, .npz, .csv or IDX file."
)
"""What data may be, in words."""
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

    data: str = _entry(
        "digits",
        _text,
        DATA,
        metavar="[DATA]",
        start="usual",
    )
    start: str | None = _entry(
        None, _text, "Begin with the model of an earlier run.", metavar="RUN", read=_path
    )
    refine: int | None = _entry(
        None,
        _within(checks.integer, at_least=2),
        "With --start: carry its control to a grid so much finer.",
    )
    widths: tuple[int, ...] | None = _entry(
        None,
        checks.positive_integers,
        "The encoder's widths; the decoder mirrors them.",
        metavar="64,32,8",
        read=lambda text: checks.listed(text, "--widths", "64,32,8"),
        start="model",
    )
    mirror: bool | None = _entry(
        None,
        checks.flag,
        "Whether the widths run back again.  [default: where rows are the target]",
        start="model",
    )
    latent: int | None = _entry(
        None, _whole, "The bottleneck's width, where no widths are given.", start="model"
    )
    steps_per_block: int | None = _entry(
        None, _whole, "Steps of the control a block.", start="model"
    )
    horizon: float | None = _entry(None, _positive, "The final time T.", start="model")
    scheme: str = _chosen("euler", SCHEMES, "How a step is crossed.", start="usual")
    substeps: int = _entry(1, _whole, "Steps of the scheme that share one control.", start="usual")
    memory: str = _chosen(
        "reset",
        ("reset", "hold", "skip"),
        "A switched-off value is dropped, kept, or seen again where it returns.",
        start="model",
    )
    field: str = _chosen(
        "perceptron",
        FIELDS,
        "The velocity, with s the activation:",
        start="model",
    )
    hidden: int | None = _entry(
        None,
        _whole,
        "Neurons of two layers, by default the width; channels of them in K*x.",
        start="model",
    )
    rank: int | None = _entry(None, _whole, "The most neurons of a step.", start="model")
    target: str = _chosen(
        "rows",
        ("rows", "classes", "numbers"),
        "What is predicted: the rows themselves, or what their label column holds.",
        start="model",
    )
    cost: str | None = _chosen(
        None,
        COSTS,
        "The terminal cost; by default squared, for classes cross-entropy.",
        start="model",
    )
    delta: float | None = _entry(
        None,
        _positive,
        "Where the cost becomes linear, in the target's scaled units; by default 1.",
        start="model",
    )
    activation: str = _chosen(
        "tanh",
        ACTIVATIONS,
        "The activation s(a) of neurons.",
        start="model",
    )
    grids: tuple[tuple[int, int, int], ...] | None = _entry(
        None,
        _grids,
        "Blocks that convolve, before the widths: channels, height and width.",
        metavar="4x14x14,8x7x7",
        read=_read_grids,
        start="model",
    )
    kernel: int | None = _entry(
        None, _whole, "Rows and columns of a convolution's kernel, odd.", start="model"
    )
    pointwise: int | None = _entry(
        None,
        _whole,
        "Neurons of a last step, one function of itself for every component.",
        start="model",
    )
    time_dependent: bool = _entry(
        False, checks.flag, "Give the velocity t/T as one more input.", start="model"
    )
    order: str | tuple[int, ...] | None = _entry(
        None,
        _order,
        "Which components stay longest: by a rule, listed, or listed in a file.",
        metavar="|".join((*ORDERS, "3,0,2,1", "FILE")),
        read=_read_order,
        start="model",
    )
    rotation: str = _chosen(
        "none", ("none", "pca", "random"), "Orthogonal coordinates to work in.", start="model"
    )
    extra: int = _entry(
        0,
        _within(checks.integer, at_least=0),
        "Components beyond the data's, which begin at 0.",
        start="model",
    )
    scaling: str | None = _chosen(
        None,
        ("unit", "standard", "none"),
        "To [0,1]; to mean 0, deviation 1; not.",
        start="model",
    )
    tikhonov: float | None = _entry(
        None, _not_negative, "The weight λ of |control|².", start="usual"
    )
    init_scale: float | None = _entry(
        None, _not_negative, "Size of the random initial control.", start="model"
    )
    method: str | None = _chosen(
        None,
        METHODS,
        "The training method.",
    )
    inner: str = _chosen(
        "auto",
        SOLVERS,
        "How a movement on all rows is solved; auto: by the problem's size;",
        first=("auto",),
    )
    learning_rate: float | None = _entry(None, _positive, "The peak rate of the steps.")
    tau: float | None = _entry(None, _positive, "The largest step τ.")
    noise: float | None = _entry(
        None, _not_negative, "Deviation of noise on mini-batches, in trained units."
    )
    epochs: int | None = _entry(None, _whole, "Passes over the training rows.")
    batch_size: int | None = _entry(
        None,
        _within(checks.integer, at_least=0),
        "Rows of a mini-batch; 0: all rows in every step.",
    )
    tolerance: float = _entry(1e-6, _not_negative, "Stop at this PMP residual (whole batches).")
    record: bool = _entry(
        False, checks.flag, "Measure λ_min, residual and |control| along the way."
    )
    seed: int = _entry(0, checks.seed, "Of initial control and batches.")
    precision: str | None = _chosen(
        None, ("float32", "float64"), "Of all that is computed.", start="usual"
    )
    test_fraction: float = _entry(
        0.2,
        _within(checks.between, 0, 1, with_low=False, with_high=False),
        "The part held out, where the data has no split.",
        start="rows",
    )
    split_seed: int = _entry(
        0,
        _within(checks.integer, at_least=0),
        "Of the rows that are held out.",
        start="rows",
        option=False,
    )
    data_dir: str | None = _entry(
        None,
        _text,
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
            check = DECLARATIONS[entry.name].check
            try:
                object.__setattr__(self, entry.name, check(value, entry.name.replace("_", "-")))
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
    entry.name: entry.metadata["declaration"] for entry in dataclasses.fields(Settings)
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
