"""Where data enters: built-in sets, toy laws and files, each as a `Dataset` with a fixed split."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

import numpy as np

from autoencodes.catalogue import DATASETS
from autoencodes.checks import between, flag, integer, optional
from autoencodes.datasets import delimited, idx, laws, npy
from autoencodes.datasets.dataset import Dataset
from autoencodes.datasets.laws import sample
from autoencodes.datasets.matching import matched
from autoencodes.datasets.parts import TEST, VALIDATION, parts
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.record import Record
from autoencodes.datasets.table import Column, Table, require_usable
from autoencodes.errors import InputError

__all__ = [
    "LAWS",
    "Column",
    "Dataset",
    "Reading",
    "Record",
    "Table",
    "is_frame",
    "load",
    "matched",
    "names",
    "sample",
]

FORMATS = ".npy, .npz, .csv, .csv.gz, IDX (*-ubyte or *.idx, plain or .gz)"


def names() -> tuple[str, ...]:
    """The names of the built-in data sets."""
    return DATASETS.names


def is_frame(value: object) -> bool:
    """Whether a value is a data frame: of pandas, Polars, Arrow, or what narwhals wraps."""
    return hasattr(value, "__narwhals_dataframe__") or (
        type(value).__module__.split(".")[0] in ("pandas", "polars", "pyarrow", "modin", "cudf")
    )


def __getattr__(name: str) -> Any:
    if name == "LAWS":
        return laws.laws()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load(
    source: str | Path,
    *,
    data_dir: str | Path | None = None,
    seed: int = 0,
    test_fraction: float = 0.2,
    to_split: bool = True,
    validation_fraction: float | None = 0.0,
    reading: Reading | None = None,
) -> Dataset:
    """Loads a data set with its split into rows to train on, to validate on and to test on.

    Parameters
    ----------
    source : str or path
        A built-in name (see `names`), or the path of a file in one of the formats
        .npy, .npz, .csv, .csv.gz, IDX.
    data_dir : path, optional
        Where MNIST's files lie; other sources do not use it.
    seed : int
        Of the split, where the data has none of its own, and of a law's particles; ≥ 0.
    test_fraction : float
        The part held out, in (0, 1), where the data has no split of its own.
    to_split : bool
        Whether to draw a split where the data has none. Without one, a file may hold a
        single row, and no row is held out.
    validation_fraction : float, optional
        The part that validates, in [0, 1); None: a tenth where the split is drawn, and nothing
        where the data have their own.
    reading : Reading, optional
        What is known of the data's columns, and how missing values are taken.

    Raises
    ------
    InputError
        If the source is unknown, cannot be read, or does not hold at least two rows of
        finite real numbers.
    MissingExtra
        If the source needs a package that is not installed.
    """
    seed = integer(seed, "seed", at_least=0)
    test_fraction = between(test_fraction, "test_fraction", 0, 1, with_low=False, with_high=False)
    validation_fraction = optional(
        between, validation_fraction, "validation_fraction", 0, 1, with_high=False
    )
    to_split, reading = flag(to_split, "to_split"), reading or Reading()
    source = os.fspath(source)
    if source in laws.laws():
        return laws.dataset(source, seed)
    path = None if source in DATASETS else _existing(source)
    table = DATASETS[source](data_dir) if path is None else _read(path, reading)
    require_usable(table, source, to_split=to_split, missing=reading.missing)
    part = np.zeros(len(table.x), np.int64)
    if to_split or table.is_test is not None:
        part = parts(table, source, seed=seed, test=test_fraction, validation=validation_fraction)
    chosen = part == VALIDATION
    return Dataset(
        source if path is None else path.name,
        table.x,
        None,
        table.labels,
        part == TEST,
        table.image_shape,
        table.value_range,
        is_validation=chosen if chosen.any() else None,
        table=table,
        path=None if path is None else os.path.abspath(path),
    )


def _read(path: Path, reading: Reading) -> Table:
    lower = path.name.lower()
    if lower.endswith(".npy"):
        return npy.read_npy(path)
    if lower.endswith(".npz"):
        return npy.read_npz(path)
    if lower.endswith((".csv", ".csv.gz")):
        return delimited.read_text(path, reading)
    if idx.recognises(path):
        return idx.read_table(path)
    raise InputError(
        f"{path}: expected a file in one of the formats {FORMATS}, or a built-in name among "
        f"{', '.join(names())}; got the ending {path.suffix!r}: convert the file"
    )


def _existing(source: str) -> Path:
    """The file that a source names, if it is one and not empty."""
    if not source:
        raise InputError(_unknown(source))  # Path("") would be the working folder
    path = Path(os.path.expanduser(source))
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(_unknown(source)) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{source!r} cannot be read ({reason}); expected a readable file or a built-in name "
            f"among {', '.join(names())}"
        ) from error
    if S_ISDIR(status.st_mode):
        raise InputError(
            f"{path} is a folder; expected a file in one of the formats {FORMATS}: name one in it"
        )
    if not S_ISREG(status.st_mode):
        raise InputError(
            f"{path} is not a regular file; expected one in the formats {FORMATS}: save it first"
        )
    if status.st_size == 0:
        raise InputError(
            f"{path} is empty (0 bytes); expected data in one of the formats {FORMATS}"
        )
    return path


def _unknown(source: str) -> str:
    near = get_close_matches(source.lower(), names(), 3, 0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    what = "file" if os.sep in source or "." in source else "data set or file"
    return (
        f"there is no {what} {source!r}{hint}; expected a built-in name among "
        f"{', '.join(names())}, or the path of a file in the formats {FORMATS}"
    )
