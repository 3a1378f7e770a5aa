"""How much memory rows may take: of the whole process's, what its libraries leave."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from autoencodes.errors import InputError

PROGRAM = 700 * 2**20
"""Bytes that the program takes with its libraries, beside any rows."""
_CONTAINER = Path("/sys/fs/cgroup/memory.max")
_LEAST = PROGRAM + 200 * 2**20


def half() -> int:
    """The limit where none is given: half of the machine's memory, or of the container's, in bytes;
    never so little that no row could be read.
    """
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        whole = 8 * 2**30
    with suppress(OSError, ValueError):  # "max" where a container has no limit
        whole = min(whole, int(_CONTAINER.read_text()))
    return max(whole // 2, _LEAST)


def room(limit: int) -> int:
    """The bytes that rows may take under a limit of the whole process.

    Raises
    ------
    InputError
        If that is too little for any rows.
    """
    if limit < _LEAST:
        raise InputError(
            f"memory-limit is that of the whole process, whose libraries take {PROGRAM / 1e6:.0f} "
            f"MB before any row is read; got {limit / 1e6:.0f} MB: give {_LEAST / 1e6:.0f} MB or "
            "more"
        )
    return limit - PROGRAM
