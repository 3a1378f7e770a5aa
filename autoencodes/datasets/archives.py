"""Several arrays under names, as .npz and HDF5 have them: which are the rows, labels and parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from autoencodes.datasets.arrays import table_of
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.table import Classes, Table, classes, joined
from autoencodes.errors import InputError

LABEL_KEYS = ("y", "labels", "label", "class", "target")
_KEYS = f"x (with labels in {', '.join(LABEL_KEYS)}), or x_train and x_test, or a single array"


@dataclass(frozen=True)
class Archive:
    """Arrays by name.

    Parameters
    ----------
    where : str
        The file, for messages.
    keys : sequence of str
        The arrays' names.
    fetch : callable
        The array of a name; with True as the second argument one of labels, which may be text.
    """

    where: str
    keys: Sequence[str]
    fetch: Callable[[str, bool], np.ndarray]

    def rows(self, key: str, options: Reading) -> Table:
        """The table of an array."""
        return table_of(self.fetch(key, False), options, f"{self.where}, array {key}")

    def labels(self, key: str, count: int) -> Classes:
        """The labels of an array."""
        return classes(self.fetch(key, True), count, f"{self.where}, array {key}")


def archive_table(archive: Archive, options: Reading) -> Table:
    """The table of an archive, with the labels and the split that its keys name.

    Raises
    ------
    InputError
        If the keys do not say which array is the data, and ``options.key`` does not either.
    """
    keys = archive.keys
    if options.key is None and ("x_train" in keys or "x_test" in keys):
        return _split(archive, options)
    key = _data_key(archive, options)
    rows = archive.rows(key, options)
    named = [k for k in LABEL_KEYS if k in keys and k != key]
    if options.key is not None:  # the labels of another array are not those of this one
        own = "y" + key[1:] if key[:1] in "xX" else ""
        named = [own] if own in keys and own != key else []
    if len(named) > 1:
        raise InputError(
            f"{archive.where}: expected the labels in one array, got {' and '.join(named)}; "
            "leave all but one out"
        )
    if not named or rows.labels is not None:
        return rows
    return replace(rows, labels=archive.labels(named[0], len(rows.x)))


def _data_key(archive: Archive, options: Reading) -> str:
    keys = archive.keys
    listed = ", ".join(keys[:20]) + (", ..." if keys[20:] else "")
    if options.key is not None:
        if options.key in keys:
            return options.key
        raise InputError(
            f"{archive.where}: there is no array {options.key!r}; expected one of "
            f"{listed or 'none'}"
        )
    if "x" in keys:
        return "x"
    candidates = list(keys) if len(keys) == 1 else [k for k in keys if k not in LABEL_KEYS]
    if len(candidates) != 1:
        raise InputError(
            f"{archive.where}: expected the arrays {_KEYS}; got {listed or 'no array'}; "
            "save the rows under the key x, or say which they are with --key"
        )
    return candidates[0]


def _split(archive: Archive, options: Reading) -> Table:
    keys = archive.keys
    for pair in (("x_train", "x_test"), ("y_train", "y_test")):
        if (pair[0] in keys) != (pair[1] in keys):
            got, missing = pair if pair[0] in keys else pair[::-1]
            raise InputError(
                f"{archive.where}: expected both {pair[0]} and {pair[1]}, got {got} only; "
                f"add {missing} or rename {got}"
            )
    parts = []
    for part in ("train", "test"):
        rows = archive.rows(f"x_{part}", options)
        if f"y_{part}" in keys:
            rows = replace(rows, labels=archive.labels(f"y_{part}", len(rows.x)))
        parts.append(rows)
    return joined(parts[0], parts[1], archive.where)
