"""A training in several processes, from the command line: options, and one process's watchman.

What ends a process of JAX from below (a peer that is gone, memory that is not there) leaves no time
for a word. So the process that was started watches another, which does the work: it says how that
ended, and ends with a status that says so too. If the watchman itself is killed, the work ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from autoencodes.checks import integer, positive_integer
from autoencodes.errors import InputError

if TYPE_CHECKING:
    from autoencodes.run.team import Team

WAIT = 50
"""Seconds from a process's start to its meeting with the others, where nothing else is said."""
_WATCHED = "AUTOENCODES_WATCHED"
_KNOWN = (0, 1, 2, 130)
"""The exit statuses of work that has said itself how it ended."""
_LOST = ("Gloo", "UNAVAILABLE", "Connection", "distributed service", "coordination service")
"""What JAX says, among other words, of a process that does not answer."""
_GO_ON = (
    "What was saved is whole: start all processes anew with --out RUN --resume, as many as there "
    "are (the run need not have as many as before)"
)
_GONE = (
    f"another process of this training has ended or does not answer; its message says why. {_GO_ON}"
)

_LAST = 1.0
"""Seconds that process 0, by which the others notice an end, leaves them for their own words."""

_team: Team | None = None
_told: int | None = None
"""Where a process that is watched tells that it has met the others."""


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
        wait: int | None,
    ) -> Meeting | None:
        """From the options; None where there is one process only."""
        given = {"--coordinator": coordinator, "--processes": processes, "--process": process}
        absent = [name for name, value in given.items() if value is None]
        seconds = positive_integer(WAIT if wait is None else wait, "wait")
        if len(absent) == 3:
            if wait is not None and not distributed:
                raise InputError(
                    "--wait is for processes that train together: give --distributed, or "
                    "--coordinator HOST:PORT --processes N --process I"
                )
            return cls(None, None, None, seconds) if distributed else None
        if coordinator is None or processes is None or process is None:
            raise InputError(
                "without a cluster's own numbers every process is told --coordinator HOST:PORT "
                f"--processes N --process I; got no {' and no '.join(absent)}"
            )
        count = positive_integer(processes, "processes")
        number = integer(process, "process", 0, count)
        host, _, port = coordinator.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise InputError(f"coordinator must be HOST:PORT, as node-1:9900; got {coordinator}")
        return cls(coordinator, count, number, seconds)

    def join(self) -> Team:
        """Waits for the others."""
        global _team
        from autoencodes.run.team import Team

        _team = Team.join(*self)
        if _told is not None:
            with contextlib.suppress(OSError):
                os.write(_told, b"met")
        return _team


def name() -> str:
    """Which of several processes speaks."""
    return "" if _team is None else f" (process {_team.number} of {_team.count})"


def part() -> None:
    """Ends a training in several processes: nobody leaves before all are done."""
    global _team
    if _team is not None:
        _team.part()
        _team = None


def lost(error: BaseException) -> str | None:
    """What to say of an error of JAX, if it is another process that does not answer."""
    if _team is None or not any(word in str(error) for word in _LOST):
        return None
    return _GONE


def watched() -> bool:
    """Whether this process does the work that another watches."""
    return _told is not None


@contextlib.contextmanager
def present() -> Iterator[None]:
    """A command; where others may wait for its process, that ends at once if it fails."""
    _enter()
    status = 1
    try:
        yield
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
    except BaseException:
        if _team is not None:
            traceback.print_exc()
        raise
    finally:
        if _team is not None and status:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()
            if _team.writes:
                time.sleep(_LAST)
            os._exit(status)  # JAX's own farewell would wait for the others


def _enter() -> None:
    """Where this process is watched: speaks where the watchman does, and ends when it ends."""
    global _told
    if (watchman := os.environ.pop(_WATCHED, None)) is None:
        return
    parent, out, err, _told = (int(n) for n in watchman.split(","))
    # What compiled code prints goes elsewhere, and is shown if nothing else says what happened.
    sys.stdout, sys.stderr = (os.fdopen(f, "w", closefd=False) for f in (out, err))

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def watch(meeting: Meeting) -> int:
    """Does the command in a process of its own; its exit status, and if it has none a message."""
    if not hasattr(os, "fork"):
        raise InputError("several processes train on Linux and macOS only")
    heard, told = os.pipe()
    out, err = os.dup(1), os.dup(2)
    met = interrupted = False
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

        def forward(number: int, frame: Any) -> None:
            nonlocal interrupted
            interrupted = not met
            work.send_signal(number if met else signal.SIGKILL)  # it waits, and nothing is lost

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as SIGHUP under nohup
                signal.signal(number, forward)
        in_time = bool(select.select([heard], [], [], meeting.seconds)[0])
        met = in_time and os.read(heard, 3) == b"met"
        if not in_time:
            work.kill()
        status = work.wait()
        noise.seek(0)
        words = noise.read().decode(errors="replace")
    if interrupted:
        print("autoencodes: interrupted before the training began", file=sys.stderr)
        return 130
    if status in _KNOWN:
        return status
    said = _said(status, words) if met else _alone(meeting, words if in_time else "")
    print(f"autoencodes: {said}", file=sys.stderr)
    return 1


def _alone(meeting: Meeting, words: str) -> str:
    """What to check where the processes did not meet."""
    if "incarnation" in words:
        return (
            f"another process was told this one's number (--process {meeting.process}): give every "
            f"process a number of its own, 0 to {(meeting.processes or 1) - 1}, and start all anew"
        )
    place = meeting.coordinator or "the first process's host"
    said = (
        f"the processes of this training have not met within {meeting.seconds} s at {place}. "
        "Check that all of them were started, that every one was told the same number of "
        "processes and a number of its own (--process 0 to N-1), that HOST is where process 0 "
        "runs and known by that name to the others, and that PORT is free there and no firewall "
        "closes it; --wait SECONDS waits longer"
    )
    host = (meeting.coordinator or "").rpartition(":")[0].strip("[]")
    try:
        socket.getaddrinfo(host or None, 1)
    except OSError:
        said = f"{said}. The name {host} is not known on this machine"
    return said


def _said(status: int, words: str) -> str:
    """How work ended that could not say so itself."""
    if status == -signal.SIGABRT and any(word in words for word in _LOST):
        return _GONE
    cause = f"signal {-status}" if status < 0 else f"status {status}"
    if status == -signal.SIGKILL:
        cause = "killed (signal 9), as a machine does that has no memory left, or a scheduler"
    spoken = [line for line in words.splitlines() if line.strip() and not line.startswith(" ")]
    last = f" Its last words: {spoken[-1][:300]}." if spoken and status != -signal.SIGKILL else ""
    return f"the work of this process was ended: {cause}.{last} {_GO_ON}"
