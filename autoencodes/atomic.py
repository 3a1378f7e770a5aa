"""Files that are either whole or absent."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write(path: str | Path, content: bytes | str) -> None:
    """Writes a file so that no reader, and no crash, ever sees a part of it.

    The content goes to a hidden file in the same folder, is flushed to the disk, and
    takes the name in one step; on failure the hidden file is removed and what stood
    there before stays.

    Raises
    ------
    OSError
        If the folder is absent or read-only, or the disk is full.
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    mode = 0o666 & ~_umask()
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _umask() -> int:
    """The process's file-creation mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
