"""A training in several processes, from the command line: options, and one process's watchman.

What ends a process of JAX from below (a peer that is gone, memory that is not there) leaves no time
for a word. So the process that was started watches another, which does the work: it says how that
ended, and ends with a status that says so too. If the watchman itself is killed, the work ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from autoencodes.checks import integer, positive_integer
from autoencodes.errors import InputError

_WATCHED = "AUTOENCODES_WATCHED"
_KNOWN = (0, 1, 2, 130)
"""The exit statuses of work that has said itself how it ended."""
_LOST = ("Gloo", "UNAVAILABLE", "Connection", "distributed service", "coordination service")
"""What JAX says, among other words, of a process that does not answer."""

_name = ""
_farewell: Callable[[], None] | None = None


class Meeting(NamedTuple):
    """How the processes of a training find each other: as options say, else as the cluster does."""

    coordinator: str | None
    processes: int | None
    process: int | None
    seconds: int

    @classmethod
    def of(
        cls,
        distributed: bool,
        coordinator: str | None,
        processes: int | None,
        process: int | None,
        wait: int,
    ) -> Meeting | None:
        """From the options; None where there is one process only."""
        given = {"--coordinator": coordinator, "--processes": processes, "--process": process}
        absent = [name for name, value in given.items() if value is None]
        seconds = positive_integer(wait, "wait")
        if len(absent) == 3:
            return cls(None, None, None, seconds) if distributed else None
        if absent and (processes != 1 or coordinator is not None):
            raise InputError(
                "without a cluster's own numbers every process is told --coordinator HOST:PORT "
                f"--processes N --process I; got no {' and no '.join(absent)}"
            )
        count = positive_integer(processes, "processes")
        number = integer(0 if process is None else process, "process", 0, count)
        host, _, port = (coordinator or "localhost:1").rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise InputError(f"coordinator must be HOST:PORT, as node-1:9900; got {coordinator}")
        return cls(coordinator, count, number, seconds)

    def join(self) -> Any:
        """Waits for the others; returns the ``Team``."""
        global _name, _farewell
        from autoencodes.run.team import Team

        team = Team.join(self.coordinator, self.processes, self.process, self.seconds)
        _name, _farewell = f" (process {team.number} of {team.count})", team.part
        _tell_watchman()
        return team


def name() -> str:
    """Which of several processes speaks."""
    return _name


def part() -> None:
    """Ends a training in several processes: nobody leaves before all are done."""
    global _farewell
    if _farewell is not None:
        _farewell()
        _farewell = None


def lost(error: BaseException) -> str | None:
    """What to say of an error of JAX, if it is another process that does not answer."""
    if _farewell is None or not any(word in str(error) for word in _LOST):
        return None
    return _GONE


def leave(status: int) -> None:
    """Ends this process at once where others may wait for it: so they learn that it has gone."""
    if _farewell is not None and status:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(status)


_GO_ON = (
    "What was saved is whole: start all processes anew with --out RUN --resume, as many as there "
    "are (the run need not have as many as before)"
)
_GONE = (
    f"another process of this training has ended or does not answer; its message says why. {_GO_ON}"
)


def watched() -> bool:
    """Whether this process does the work that another watches."""
    return _WATCHED in os.environ


def enter() -> None:
    """Where this process is watched: speaks where the watchman does, and ends when it ends."""
    if not watched():
        return
    parent, out, err, _ = (int(n) for n in os.environ[_WATCHED].split(","))
    # What compiled code prints goes elsewhere, and is shown if nothing else says what happened.
    sys.stdout, sys.stderr = (os.fdopen(f, "w", closefd=False) for f in (out, err))

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _tell_watchman() -> None:
    """That all processes have met."""
    if watched():
        with contextlib.suppress(OSError):
            os.write(int(os.environ[_WATCHED].split(",")[3]), b"met")


def watch(meeting: Meeting) -> int:
    """Does the command in a process of its own; its exit status, and if it has none a message."""
    if not hasattr(os, "fork"):
        raise InputError("several processes train on Linux and macOS only")
    heard, told = os.pipe()
    out, err = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as noise:
        work = subprocess.Popen(
            [sys.executable, "-P", "-m", "autoencodes", *sys.argv[1:]],
            stdout=noise,
            stderr=noise,
            pass_fds=(out, err, told),
            env={**os.environ, _WATCHED: f"{os.getpid()},{out},{err},{told}"},
            process_group=0,
        )
        os.close(told)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: work.send_signal(number))
        status = work.wait()
        if status in _KNOWN:
            return status
        noise.seek(0)
        words = noise.read().decode(errors="replace")
    print(
        f"autoencodes: {_said(meeting, status, os.read(heard, 3) == b'met', words)}",
        file=sys.stderr,
    )
    return 1


def _said(meeting: Meeting, status: int, met: bool, words: str) -> str:
    """How work ended that could not say so itself."""
    if status == -signal.SIGABRT and not met:
        place = meeting.coordinator or "the first process's host"
        return (
            f"the processes of this training have not met within {meeting.seconds} s at {place}. "
            "Check that all of them were started, that every one was told the same "
            "number of processes and a number of its own (--process 0 to N-1), that "
            "HOST is where process 0 runs and known by that name to the others, and that no "
            "firewall closes PORT; --wait SECONDS waits longer"
        )
    if status == -signal.SIGABRT and any(word in words for word in _LOST):
        return _GONE
    cause = f"signal {-status}" if status < 0 else f"status {status}"
    if status == -signal.SIGKILL:
        cause = "killed (signal 9), as a machine does that has no memory left, or a scheduler"
    spoken = [line for line in words.splitlines() if line.strip() and not line.startswith(" ")]
    last = f" Its last words: {spoken[-1][:300]}." if spoken and status != -signal.SIGKILL else ""
    return f"the work of this process was ended: {cause}.{last} {_GO_ON}"
