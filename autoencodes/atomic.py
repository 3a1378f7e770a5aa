"""Files that are written whole or not at all, and read without trust."""

from __future__ import annotations

import errno
import json
import math
import os
import platform
import re
import stat
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from autoencodes.errors import InputError

_TEMPORARY = re.compile(r"\.autoencodes-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.tmp")
_HOUR = 3600.0
_writing: set[Path] = set()
"""The temporary files of this process that are being written."""


def write(path: str | Path, content: bytes | str) -> None:
    """Writes a file so that no reader, and no crash, ever sees a part of it.

    The content goes to a hidden file in the same folder, is flushed to the disk, and takes the name
    in one step; on failure the hidden file is removed and what stood there before stays. A file
    that is replaced leaves its permissions to the new one; through a symbolic link the file that it
    points at is replaced, and the link stays. A device or a pipe takes the content as it is.

    Raises
    ------
    OSError
        If the folder is absent or read-only, the file write-protected, or the disk full; it names
        the path.
    """
    data = content.encode() if isinstance(content, str) else content
    with writing(path) as stream:
        stream.write(data)


@contextmanager
def writing(path: str | Path) -> Iterator[BinaryIO]:
    """A stream whose content becomes a file at the end of the context, as ``write`` makes one.

    After an error within the context nothing is left of it.

    Raises
    ------
    OSError
        As ``write``.
    """
    try:
        with _writing_to(Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)) as s:
            yield s
    except OSError as error:
        raise named(error, path) from error


@contextmanager
def _writing_to(path: Path) -> Iterator[BinaryIO]:
    try:
        before = os.stat(path)
    except FileNotFoundError:
        before = None
    if before is not None and not stat.S_ISREG(before.st_mode):
        with open(path, "wb", buffering=0) as stream:
            yield cast(BinaryIO, stream)
        return
    if before is not None and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is write-protected")
    temporary = path.parent / _temporary_name()
    mode = 0o666 if before is None else stat.S_IMODE(before.st_mode)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    _writing.add(temporary)
    try:
        # The system takes its mask off the mode of a new file.
        with os.fdopen(os.open(temporary, flags, mode & 0o666), "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if before is not None:
            os.chmod(temporary, mode)
            with suppress(OSError, AttributeError):  # the owner may give a file away; others not
                os.chown(temporary, before.st_uid, before.st_gid)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    finally:
        _writing.discard(temporary)


def named(error: OSError, path: str | Path) -> OSError:
    """The error with the path that a user knows."""
    if error.errno is None:
        return OSError(f"{path}: {error}")
    return OSError(error.errno, error.strerror, str(path))


def described(error: OSError) -> str:
    """The path and what was wrong with it, in words."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def _temporary_name() -> str:
    """The name of a hidden file that says which process on which machine it belongs to.

    It does not grow with the name of the file that is written, which may be as long as can be.
    """
    return f".autoencodes-{_machine()}-{os.getpid()}-{os.urandom(4).hex()}.tmp"


def _machine() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def is_temporary(name: str) -> bool:
    """Whether a file's name is that of a hidden file of ``write``."""
    return _TEMPORARY.fullmatch(name) is not None


def sweep(folder: str | Path) -> int:
    """Removes the hidden files that killed processes left in a folder; returns their number.

    One is left where it is while its process lives, or where that is not known: on another machine,
    for an hour.
    """
    removed = 0
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            found = _TEMPORARY.fullmatch(entry.name)
            with suppress(OSError):
                if found is not None and _left_behind(Path(entry.path), found):
                    os.unlink(entry.path)
                    removed += 1
    return removed


def _left_behind(path: Path, found: re.Match[str]) -> bool:
    machine, process = found[1], int(found[2])
    if process == os.getpid() and machine == _machine():
        return path not in _writing
    if time.time() - path.stat().st_mtime > _HOUR:
        return True
    return machine == _machine() and os.name == "posix" and not _lives(process)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it belongs to another user
        return True
    return True


def read(path: str | Path, most: int | None = None) -> bytes:
    """The content of a regular file; never waits for a pipe, nor reads a device without an end.

    Raises
    ------
    InputError
        If it is a folder, a pipe or a device, or has more than ``most`` bytes.
    OSError
        If it cannot be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        kind = "folder" if stat.S_ISDIR(status.st_mode) else "pipe or device"
        raise InputError(f"{path}: expected a file, got a {kind}")
    with os.fdopen(handle, "rb") as stream:
        if most is None:
            return stream.read()
        content = stream.read(most + 1) if status.st_size <= most else b""
        if max(len(content), status.st_size) > most:
            raise InputError(f"{path}: expected a file of at most {most:,} bytes, got a larger one")
        return content


def parsed(text: bytes | str) -> Any:
    """JSON values from a file that anyone may have written.

    Raises
    ------
    ValueError
        If it is no JSON, nested too deeply, or holds a number that is not finite, or an integer
        of more than 64 bits.
    """
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_bounded)
    except RecursionError as error:
        raise ValueError("values are nested too deeply") from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def _bounded(text: str) -> int:
    number = int(text) if len(text) <= 20 else 2**64
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"an integer of {len(text)} digits is too large")
    return number
