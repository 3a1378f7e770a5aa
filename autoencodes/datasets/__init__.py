"""Where data enters: built-in sets, toy laws and files, each as a `Dataset` with a fixed split."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from autoencodes.catalogue import DATASETS
from autoencodes.checks import between, flag, integer, optional
from autoencodes.datasets import blocks, formats, laws
from autoencodes.datasets.arrays import arranged, from_array
from autoencodes.datasets.dataset import Dataset
from autoencodes.datasets.formats import FORMATS, STANDARD_INPUT
from autoencodes.datasets.frames import from_frame, is_frame, to_frame_like
from autoencodes.datasets.laws import sample
from autoencodes.datasets.matching import matched
from autoencodes.datasets.parts import TEST, VALIDATION, parts
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.record import Record
from autoencodes.datasets.streamed import Streamed, opened
from autoencodes.datasets.streams import Source
from autoencodes.datasets.table import Column, Table, require_usable
from autoencodes.datasets.windows import cut
from autoencodes.errors import InputError

__all__ = [
    "FORMATS",
    "LAWS",
    "Column",
    "Dataset",
    "Reading",
    "Record",
    "Table",
    "from_array",
    "from_frame",
    "is_frame",
    "load",
    "matched",
    "names",
    "sample",
    "to_frame_like",
]


def names() -> tuple[str, ...]:
    """The names of the built-in data sets.

    Examples
    --------
    >>> ac.datasets.names()
    ('digits', 'mnist', 'gaussian-sign', 'parabola', 'bimodal-1d', 'moons', 'circles')
    """
    return DATASETS.names


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
        A built-in name (see `names`), the path of a file in one of the `FORMATS` or of a folder of
        images, or "-" for standard input, whose first bytes tell its format.
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
        The part that validates, in [0, 1); None: a tenth of the rows of a file whose split is
        drawn, and nothing of those that came with it and of built-in sets.
    reading : Reading, optional
        What is known of the data's columns, and how missing values are taken.

    Raises
    ------
    InputError
        If the source is unknown, cannot be read, or does not hold at least two rows of
        finite real numbers.
    MissingExtra
        If the source needs a package that is not installed.

    See Also
    --------
    autoencodes.datasets.Dataset : what it returns
    autoencodes.datasets.Reading : what may be said of columns

    Examples
    --------
    >>> data = ac.datasets.load("moons", seed=1)
    >>> data.train.x.shape, data.test.x.shape
    ((2000, 2), (5000, 2))
    """
    seed = integer(seed, "seed", at_least=0)
    test_fraction = between(test_fraction, "test_fraction", 0, 1, with_low=False, with_high=False)
    validation_fraction = optional(
        between, validation_fraction, "validation_fraction", 0, 1, with_high=False
    )
    to_split, reading = flag(to_split, "to_split"), reading or Reading()
    source = os.fspath(source)
    if validation_fraction is None and source in DATASETS:
        validation_fraction = 0.0
    if source in laws.laws():
        if said := reading.given:
            raise InputError(
                f"{source} is a law, whose rows are drawn and have no columns; leave {said[0]} out"
            )
        return laws.dataset(source, seed).validating(validation_fraction or 0.0, seed)
    path = None
    if source in DATASETS:
        table = arranged(DATASETS[source](data_dir), reading, source)
    elif source == STANDARD_INPUT:
        table = formats.read(formats.standard_input(), reading)
        source = "standard input"
    else:
        path = formats.existing(source, names())
        if path.is_dir():
            table = formats.read_folder(path, reading)
        else:
            table = formats.read(Source(path), reading, names())
    require_usable(table, source, to_split=to_split, missing=reading.missing)
    part = np.zeros(len(table.x), np.int64)
    if to_split or table.is_test is not None:
        part = parts(table, source, seed=seed, test=test_fraction, validation=validation_fraction)
    windows = None
    if reading.window is not None:
        if reading.time is None:
            raise InputError(
                f"{source}: a window is of rows in the order of time: name the column of times "
                "with --time NAME"
            )
        table, part, windows = cut(table, part, reading.window, reading.stride or 1, source)
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
        windows=windows,
    )


def stream(
    source: str | Path,
    *,
    seed: int = 0,
    test_fraction: float = 0.2,
    validation_fraction: float | None = None,
    reading: Reading | None = None,
    room: int | None = None,
    always: bool = False,
    strict: bool = True,
    to_split: bool = True,
) -> Streamed | None:
    """A data set that is read a block at a time, if it does not fit into memory; None if it does.

    Parameters
    ----------
    source : str or path
        A Parquet file, a folder of Parquet parts, a CSV or a ``.npy`` file. Of others that do not
        fit there is an error; of what is built in, and of standard input, None.
    seed, test_fraction, validation_fraction : as for ``load``; the split is another one
        A row is in a part by its number and the seed alone.
    reading : Reading, optional
        As for ``load``.
    room : int, optional
        The bytes that rows may take; by default nothing fits.
    always : bool
        Whether to read a block at a time even what fits.
    strict : bool
        Whether a file that does not fit and cannot be read so is refused; else it is None.
    to_split : bool
        Whether a training is to begin; else ``reading`` has the columns of the model that the rows
        are for.

    Raises
    ------
    InputError
        If a file needs more and cannot be read so, or holds no rows that can be used.
    MissingExtra
        If Arrow is not installed.
    """
    name = os.fspath(source)
    if name in DATASETS or name in laws.laws() or name == STANDARD_INPUT:
        return None
    path = formats.existing(name, names())
    stored = blocks.opened(path, reading or Reading(), room, always=always, strict=strict)
    if stored is None:
        return None
    return opened(
        stored,
        path.name,
        os.path.abspath(path),
        reading or Reading(),
        seed=integer(seed, "seed", at_least=0),
        test=test_fraction,
        validation=validation_fraction,
        to_split=to_split,
    )
