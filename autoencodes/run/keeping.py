"""What is kept of a training while it goes on, whatever happens to the disk meanwhile."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from autoencodes.errors import InputError
from autoencodes.plan.plan import Plan
from autoencodes.run.folder import RunFolder
from autoencodes.run.lock import Lock
from autoencodes.training import Resumption


@contextmanager
def begun(path: Path | None, name: str, plan: Plan) -> Iterator[Keeper]:
    """A run folder of one's own for a new training, locked; by default ``runs/NAME``, numbered.

    Raises
    ------
    InputError
        If something stands there already, or another process came first; nothing is written then.
    OSError
        If it cannot be written; nothing is left then.
    """
    if path is not None:
        RunFolder(path).require_vacant()
    made, path = (_made(path), path) if path is not None else (True, _numbered(Path("runs"), name))
    try:
        with Lock(path) as lock:
            yield Keeper(RunFolder.create(path, plan), lock, [])
    finally:
        if made and path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _made(path: Path) -> bool:
    """Makes a folder; whether it was not there before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


def _numbered(parent: Path, name: str) -> Path:
    """Makes the first of parent/name, parent/name-2, ... that is nobody's."""
    while not _made(path := RunFolder.vacant(parent, name)):
        pass  # another process made it in the meantime
    return path


class Keeper:
    """Writes what a training has come to into its folder; what cannot be written, later.

    An error of the disk ends no training: it is said once, as a warning, and what it concerned is
    written with what comes next. At the end ``settled`` gives the folder, anew if the old one was
    moved or removed.

    Parameters
    ----------
    folder : the run folder
    lock : the right to write it
    earlier : the history so far
    """

    def __init__(self, folder: RunFolder, lock: Lock, earlier: Sequence[dict[str, Any]]) -> None:
        self.folder = folder
        self.plan = folder.config
        self.earlier = list(earlier)
        self._lock = lock
        self._unwritten: list[dict[str, Any]] = []
        self._warned = ""

    def add(self, records: Sequence[dict[str, Any]]) -> None:
        """Adds lines to the history."""
        self._unwritten.extend(records)
        self._try(self._write_history)

    def check(self, resumption: Resumption) -> None:
        """Replaces the checkpoint, with the history up to it on the disk."""

        def write() -> None:
            self._write_history()
            self.folder.sync_history()
            self.folder.write_checkpoint(resumption, self.plan)

        self._try(write)

    def picture(self, epoch: int, images: np.ndarray) -> None:
        """Keeps what the model makes of the sample images after an epoch."""
        self._try(lambda: self.folder.add_to_strip(epoch, images))

    def settled(self) -> RunFolder:
        """The folder for the results: where it was moved or removed, a new one of its name.

        If that cannot be made where it was, it is made in ``runs``, or among temporary files.
        """
        if self._lock.held:
            return self.folder
        before = self.folder.path
        parents = [before.parent, Path("runs").resolve(), Path(tempfile.gettempdir())]
        for parent in parents:
            try:
                path = _numbered(parent, before.name)
                self._lock.move(path)
                self.folder = RunFolder.create(path, self.plan)
                break
            except OSError:
                if parent is parents[-1]:
                    raise
        warnings.warn(
            f"{before} was moved or removed while the training went on; its results are in {path}",
            stacklevel=2,
        )
        return self.folder

    def _write_history(self) -> None:
        self.folder.append_history(self._unwritten)
        self._unwritten.clear()

    def _try(self, write: Callable[[], None]) -> None:
        try:
            if not self._lock.held:
                raise InputError(f"{self.folder.path} was moved or removed")
            write()
        except (InputError, OSError) as error:
            text = f"{error}; the training goes on, and writes again when it can"
            if text != self._warned:
                self._warned = text
                warnings.warn(text, stacklevel=2)
