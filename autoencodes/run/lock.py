"""One writer per run folder: a lock that dies with its process."""

from __future__ import annotations

import errno
import os
import platform
import time
from contextlib import suppress
from pathlib import Path

from autoencodes import atomic
from autoencodes.errors import InputError

NAME = ".lock"
_EXCLUSIVE = ".lock-held"
_ABSENT = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)
"""What a file system says that has no such locks."""


class Lock:
    """The right to write a folder; a context, at whose end it is given up.

    It is the system's lock on the file ``.lock`` in the folder, which ends with the process,
    however that ends. Where the system has none (Windows, some network file systems), it is the
    file ``.lock-held`` itself, and one that a killed process left has to be removed by hand; the
    error says so. Hidden files that killed processes left in the folder are removed.

    Parameters
    ----------
    folder : an existing folder

    Raises
    ------
    InputError
        If another process, or another training of this one, writes the folder; it says who.
    OSError
        If the folder is absent or cannot be written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._handle: int | None = None
        self._exclusive = False
        self._take()

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    @property
    def held(self) -> bool:
        """Whether the folder under this name is still the one that was locked.

        It is not once it was renamed or removed. A lock file that someone removed is made again,
        where nobody else has done so.
        """
        if self._handle is None:
            return False
        try:
            same = os.path.samestat(os.stat(self.folder), self._status)
        except OSError:
            return False
        if same and not self._intact():
            self._close()
            try:
                self._take()
            except (InputError, OSError):
                return False
        return same

    def move(self, folder: str | Path) -> None:
        """Gives the folder up and takes another one."""
        self.release()
        self.folder = Path(folder)
        self._take()

    def release(self) -> None:
        """Gives the folder up; the lock's file goes with it."""
        if self._handle is None:
            return
        ours = self._intact()
        if self._exclusive:  # Windows removes no open file
            self._close()
        if ours:
            with suppress(OSError):
                os.unlink(self._path)
        if self._handle is not None:
            self._close()

    @property
    def _path(self) -> Path:
        return self.folder / (_EXCLUSIVE if self._exclusive else NAME)

    def _take(self) -> None:
        while self._handle is None:
            self._handle = self._opened()
            # Between the two steps the one before may have removed the file on its way out.
            if not self._intact():
                self._close()
        self._status = os.stat(self.folder)
        os.ftruncate(self._handle, 0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        with suppress(OSError):  # a full disk: the lock holds, it only does not say whose it is
            os.write(
                self._handle, f"process {os.getpid()} on {platform.node()}, {since}\n".encode()
            )
        for part in (".", "checkpoint", "figures"):
            atomic.sweep(self.folder / part)

    def _opened(self) -> int:
        """The open file of the lock, which is taken."""
        path = self.folder / NAME
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise atomic.named(error, path) from error
        taken = _locked(handle)
        if taken:
            return handle
        os.close(handle)
        if taken is False:
            raise _refused(self.folder, path)
        with suppress(OSError):
            os.unlink(path)
        path = self.folder / _EXCLUSIVE
        self._exclusive = True
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError as error:
            advice = f"; if that process is gone, remove {path}"
            raise _refused(self.folder, path, advice) from error

    def _intact(self) -> bool:
        """Whether the lock's file still stands in the folder."""
        assert self._handle is not None
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._handle))
        except OSError:
            return False

    def _close(self) -> None:
        assert self._handle is not None
        os.close(self._handle)
        self._handle = None


def is_leftover(name: str) -> bool:
    """Whether a file in a run folder is none of a run's: a lock, or what a killed write left."""
    return name in (NAME, _EXCLUSIVE) or atomic.is_temporary(name)


def holder(folder: str | Path) -> str | None:
    """Who writes a folder, in words; None where nobody does."""
    if any((Path(folder) / name).exists() for name in (NAME, _EXCLUSIVE)):
        try:
            Lock(folder).release()
        except InputError as error:
            return str(error)
        except OSError:
            pass
    return None


def _locked(handle: int) -> bool | None:
    """Whether the system's lock on a file is taken now; None where it has none."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
    return True


def _refused(folder: Path, path: Path, advice: str = "") -> InputError:
    try:
        text = atomic.read(path, 1000).decode(errors="replace").strip()
    except (OSError, InputError):
        text = ""
    who = "".join(c for c in text if c.isprintable()) or "it does not say which"
    return InputError(
        f"{folder} is being written by another process ({who}); wait until that ends, or choose "
        f"another folder{advice}"
    )
