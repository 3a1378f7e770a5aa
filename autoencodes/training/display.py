"""How ``fit`` shows a training on request: a bar in a terminal or notebook, else plain lines."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

from autoencodes.training.result import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_LINE_SECONDS, _NOTEBOOK_SECONDS = 10.0, 0.25
"""The time between two plain lines, and between two states of a notebook's bar."""


def bar(text: str, total: float | None = None, **options: Any) -> Bar:
    """A bar of one task, started; the options are those of rich's ``Progress``."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(30), TextColumn("{task.description}"), TimeElapsedColumn())
    made = Progress(*columns, **options)
    made.add_task(text, total=total)
    made.start()
    return made


def _notebook() -> Any:
    """IPython's ``display`` where a notebook is at work, which has a kernel; else None."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return ipython.display.display if ipython and hasattr(shell, "kernel") else None


class ProgressDisplay:
    """Shows every ``Progress`` that it is called with, in a notebook below the cell and else on
    standard error; a context, for the bar.
    """

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._cell: Any = None
        self._numbers = self._line = ""
        self._due = self._share = 0.0

    def __enter__(self) -> ProgressDisplay:
        if (display := _notebook()) is not None:
            self._cell = display({"text/plain": "compiling"}, raw=True, display_id=True)
        elif sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console

            # No thread, and the host's streams stay its own.
            own = {"auto_refresh": False, "redirect_stdout": False, "redirect_stderr": False}
            self._bar = bar("compiling", console=Console(stderr=True), **own)
        return self

    def __call__(self, progress: Progress) -> None:
        """Shows the step, and the last record's objective and residual."""
        for record in progress.records[-1:]:
            residual = record.get("residual")
            self._numbers = f"  J {record['objective']:.6g}" + (
                "" if residual is None else f"  residual {residual:.1e}"
            )
        line = f"step {progress.step} of {progress.steps}{self._numbers}"
        if self._bar is not None:
            self._bar.update(
                self._bar.task_ids[0],
                total=progress.steps,
                completed=progress.step,
                description=line,
                refresh=True,
            )
            return
        self._line = f"{line}  {progress.seconds:.0f} s"
        self._share = progress.step / max(progress.steps, 1)
        if time.monotonic() >= self._due:
            self._print()

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._line:
            self._print()

    def _print(self) -> None:
        if self._cell is not None:
            bar = f'<progress value="{self._share:.4f}" aria-label="training"></progress> '
            self._cell.update({"text/plain": self._line, "text/html": bar + self._line}, raw=True)
        elif sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):  # a closed stream ends no training
                print(self._line, file=sys.stderr, flush=True)
        pause = _LINE_SECONDS if self._cell is None else _NOTEBOOK_SECONDS
        self._line, self._due = "", time.monotonic() + pause
