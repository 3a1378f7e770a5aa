"""Every format that data come in, by the name of a file or by the first bytes of standard input."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from autoencodes.datasets import (
    delimited,
    hdf5,
    idx,
    json_lines,
    mnist,
    npy,
    pictures,
    stored,
)
from autoencodes.datasets.arrays import arranged
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.streams import Source, reading
from autoencodes.datasets.table import Table
from autoencodes.errors import InputError

FORMATS = (
    ".csv, .tsv, .txt (also .csv.gz, .bz2, .xz, or one in a .zip), .parquet, .feather, .arrow, "
    ".xlsx, .jsonl, .npy, .npz, .h5, IDX (*-ubyte or *.idx, plain or .gz), a folder of images or "
    "Parquet parts, or - for standard input"
)
STANDARD_INPUT = "-"

Reader = Callable[[Source, Reading], Table]

_READERS: dict[str, Reader] = {
    ".npy": npy.read_npy,
    ".npz": npy.read_npz,
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt"), delimited.read_text),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), json_lines.read_json),
    **dict.fromkeys((".parquet", ".pq"), stored.read_parquet),
    **dict.fromkeys((".feather", ".arrow", ".ipc", ".arrows"), stored.read_arrow),
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), stored.read_workbook),
    **dict.fromkeys((".h5", ".hdf5", ".hdf", ".he5"), hdf5.read_hdf5),
}
_ANY = (".dat", ".data")
"""Endings of no format: the first bytes tell."""
_UNPACKED = (npy.read_npy, delimited.read_text, json_lines.read_json)
"""The readers of what may also be compressed."""
_STARTS: tuple[tuple[bytes, Reader], ...] = (
    (b"\x93NUMPY", npy.read_npy),
    (b"PAR1", stored.read_parquet),
    (b"ARROW1", stored.read_arrow),
    (b"\xff\xff\xff\xff", stored.read_arrow),
    (b"\x89HDF", hdf5.read_hdf5),
    (b"{", json_lines.read_json),
    (b"[", json_lines.read_json),
)


def read(source: Source, options: Reading, known: Iterable[str] = ()) -> Table:
    """The table of a file or of standard input; ``known`` are names of built-in data, for messages.

    Raises
    ------
    InputError
        If the format is not known, or as its reader says.
    MissingExtra
        If it needs a package that is not installed.
    """
    with reading(source):
        reader = _by_content(source) if source.path is None else _by_name(source)
    if reader is None:
        suffix = Path(source.name).suffix
        raise InputError(
            f"{source}: expected a file in one of the formats {FORMATS}, or a built-in name among "
            f"{', '.join(known)}; got the ending {suffix!r}: convert the file"
        )
    _refuse_unused(source, options, reader)
    return arranged(reader(source, options), options, str(source))


def read_folder(folder: Path, options: Reading) -> Table:
    """The table of a folder: MNIST's four files, Parquet parts, or images.

    Raises
    ------
    InputError
        If it holds none of them.
    """
    if mnist.lies_in(folder):
        return mnist.read(folder)
    if parts := stored.parts_of(folder):
        return stored.read_parts(folder, parts, options)
    images = pictures.found_in(folder)
    if not images:
        raise InputError(
            f"{folder} is a folder without images ({', '.join(pictures.ENDINGS)}) and without "
            f"Parquet files; expected one with some, or a file in one of the formats {FORMATS}: "
            "name one in it"
        )
    return arranged(pictures.read_folder(folder, images), options, str(folder))


def standard_input() -> Source:
    """What is piped into the process.

    Raises
    ------
    InputError
        If nothing is.
    """
    stream = sys.stdin
    if stream is None or not hasattr(stream, "buffer") or stream.closed or stream.isatty():
        raise InputError(
            "- is standard input, into which nothing is piped; give a file, or pipe one: "
            "cat FILE | autoencodes ..."
        )
    content = stream.buffer.read()
    if not content:
        raise InputError("standard input is empty (0 bytes); pipe data into it, as CSV")
    return Source(None, content)


def existing(source: str, known: Iterable[str]) -> Path:
    """The file or folder that a source names, if it is one and not empty."""
    names = ", ".join(known)
    if not source:
        raise InputError(_unknown(source, known))  # Path("") would be the working folder
    path = Path(os.path.expanduser(source))
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(_unknown(source, known)) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{source!r} cannot be read ({reason}); expected a readable file or a built-in name "
            f"among {names}"
        ) from error
    if S_ISDIR(status.st_mode):
        return path
    if not S_ISREG(status.st_mode):
        raise InputError(
            f"{path} is not a regular file; expected one in the formats {FORMATS}: save it first, "
            "or pipe it and name - for standard input"
        )
    if status.st_size == 0:
        raise InputError(
            f"{path} is empty (0 bytes); expected data in one of the formats {FORMATS}"
        )
    return path


def _by_name(source: Source) -> Reader | None:
    """The reader that a file's name asks for, or for IDX its first bytes."""
    lower, bare = source.name.lower(), source.unpacked_name
    for ending, reader in _READERS.items():
        packed = reader in _UNPACKED and bare.endswith(ending)
        if lower.endswith(ending) or packed:
            return reader
    if bare.endswith(_ANY):
        return _by_content(source)
    return _read_idx if idx.recognises(source) else None


def _by_content(source: Source) -> Reader:
    """The reader that the first bytes ask for; of delimited text if they do not say."""
    start = source.start(64)
    if start.startswith(b"PK\3\4"):
        try:
            with source.raw() as stream, zipfile.ZipFile(stream) as archive:
                workbook = any(name.startswith("xl/") for name in archive.namelist())
        except (zipfile.BadZipFile, NotImplementedError, ValueError):
            workbook = False  # the reader of archives says what is wrong
        return stored.read_workbook if workbook else npy.read_npz
    bare = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    for mark, reader in _STARTS:
        if start.startswith(mark) or bare.startswith(mark):
            return reader
    return _read_idx if idx.recognises(source) else delimited.read_text


def _read_idx(source: Source, options: Reading) -> Table:
    return idx.read_table(source)


def _refuse_unused(source: Source, options: Reading, reader: Reader) -> None:
    """InputError for what was said and has no meaning for the format: nothing is passed over."""
    text = (delimited.read_text,)
    owners: dict[str, tuple[Reader, ...]] = {
        "sheet": (stored.read_workbook,),
        "key": (npy.read_npz, hdf5.read_hdf5),
        "delimiter": text,
        "decimal": text,
        "encoding": (*text, json_lines.read_json),
    }
    for name, readers in owners.items():
        if getattr(options, name) is not None and reader not in readers:
            raise InputError(
                f"{source}: --{name} has no meaning for a file of this format; leave it out"
            )


def _unknown(source: str, known: Iterable[str]) -> str:
    names = list(known)
    near = get_close_matches(source.lower(), names, 3, 0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    what = "file" if os.sep in source or "." in source else "data set or file"
    return (
        f"there is no {what} {source!r}{hint}; expected a built-in name among "
        f"{', '.join(names)}, or the path of a file in the formats {FORMATS}"
    )
