"""Two processes against one, and what a killed process leaves.

    python benchmarks/cluster.py speed       gradients of a whole measure: seconds and bytes
    python benchmarks/cluster.py kills       one of two trainings' processes killed, again and again
    python benchmarks/cluster.py --smoke     speed, of a gradient that takes no time

``speed``: one process on one core, then two on a core each (taskset), joined over the loopback; the
median of seven gradients, for several numbers of rows and of weights. Bytes are those of the
all-reduce of one gradient: as many numbers as the control has, and one more. ``ceiling`` is what
two processes that are not joined do at once, over what one does alone: more is not to be had.

``kills``: a training of two processes, of which one (in turn the first and the second) is killed at
a random moment (of three, one in the first 20 s, two in the first 40 s of the training itself), and
that is started anew with --resume as often as it was killed; then it is finished by one process and
compared with a training that nobody disturbed. A clean end: the other process has exit status 1
and a message within 60 s.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

_ROUNDS = 7
_LIMIT = 60.0
_SIZES = ((32, 2_000), (32, 20_000), (32, 100_000), (128, 20_000))
"""Columns and rows."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=["speed", "kills", "worker"])
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument(
        "--smoke", action="store_true", help="speed, of a gradient that takes no time"
    )
    parser.add_argument("--times", type=int, default=20, help="how often a process is killed")
    options = parser.parse_args()
    if options.part == "worker":
        worker(*options.rest)
        return
    if options.smoke or options.part == "speed":
        speed(((4, 20),) if options.smoke else _SIZES)
    if options.part == "kills":
        kills(options.times, 60_000)


def speed(sizes: tuple[tuple[int, int], ...]) -> None:
    """A table of gradients, by one process and by two."""
    print("| columns | rows | weights | bytes a step | one process | two | ratio | ceiling |")
    print("|---|---|---|---|---|---|---|---|")
    text = json.dumps(sizes)
    (one,) = _work(text, 1)
    two, _ = _work(text, 2)
    # What two cores of this machine can do at once, with nothing between them.
    each, other = _work(text, 1, copies=2)
    for (columns, rows), a, b, c, d in zip(sizes, one, two, each, other, strict=True):
        spent = f"{1e3 * a['seconds']:.1f} ms | {1e3 * b['seconds']:.1f} ms"
        ratio = a["seconds"] / b["seconds"]
        ceiling = a["seconds"] / c["seconds"] + a["seconds"] / d["seconds"]
        about = f"{a['weights']:,} | {a['bytes']:,}"
        print(f"| {columns} | {rows:,} | {about} | {spent} | {ratio:.2f} | {ceiling:.2f} |")
        assert b["difference"] < 1e-5, "the gradients differ"


def _work(sizes: str, count: int, copies: int = 1) -> list[list[dict[str, Any]]]:
    """What so many processes measured, each on a core of its own; or copies of one, not joined."""
    place = f"localhost:{_port()}"
    cores = sorted(os.sched_getaffinity(0))
    pinned = [
        subprocess.Popen(
            [
                *("taskset", "-c", str(cores[k % len(cores)]), sys.executable, __file__),
                *("worker", sizes, place, str(count), str(k // copies)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for k in range(count * copies)
    ]
    said = [process.communicate(timeout=600)[0] for process in pinned]
    return [json.loads(text.splitlines()[-1]) for text in said]


def worker(sizes: str, place: str, count: str, number: str) -> None:
    """One of the processes that measure."""
    import jax

    import autoencodes as ac

    if int(count) > 1:
        jax.distributed.initialize(place, int(count), int(number))
    results = []
    for columns, rows in json.loads(sizes):
        x = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
        schedule = ac.WidthSchedule.autoencoder(columns, [columns, columns // 4], 5, 1.0)
        problem = ac.ControlProblem(ac.Flow(schedule))
        control = problem.flow.init(jax.random.key(0))
        whole = ac.EmpiricalMeasure(x)
        measure = whole.spread() if int(count) > 1 else whole
        few = ac.EmpiricalMeasure(x[:20])
        apart = problem.gradient(control, few.spread() if int(count) > 1 else few)
        here = problem.gradient(control, few)
        pairs = zip(jax.tree.leaves(apart), jax.tree.leaves(here), strict=True)
        weights = sum(leaf.size for leaf in jax.tree.leaves(control))
        times = []
        for _ in range(_ROUNDS + 1):
            began = time.perf_counter()
            problem.gradient(control, measure, 1024)
            times.append(time.perf_counter() - began)
        results.append(
            {
                "seconds": float(np.median(times[1:])),
                "weights": weights,
                "bytes": 4 * (weights + 1),
                "difference": max(float(np.abs(np.asarray(a) - b).max()) for a, b in pairs),
            }
        )
    print(json.dumps(results), flush=True)


def kills(times: int, epochs: int) -> None:
    """Kills one of two processes, and goes on, so many times."""
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as place:
        table, run, calm = (Path(place) / name for name in ("made.csv", "run", "calm"))
        rows = np.random.default_rng(0).normal(size=(201, 4))
        np.savetxt(table, rows, delimiter=",", header="a,b,c,d", comments="")
        options = "--latent 1 --widths 4,1 --method adam --steps-per-block 2 --learning-rate 0.01"
        options += f" --precision float64 --batch-size 32 --missing refuse --epochs {epochs}"
        command = [sys.executable, "-m", "autoencodes", "train", str(table), *options.split()]

        def more() -> list[str]:
            return ["--out", str(run), *(["--resume"] if (run / "config.toml").exists() else [])]

        clean = early = resumed = 0
        for k in range(times):
            before, given = _step(run), more()
            if "--resume" not in given:
                shutil.rmtree(run, ignore_errors=True)
            pair = _pair([*command, *given])
            started = time.time()
            if k % 3:  # while they train; else at any moment from the start on
                state = run / "checkpoint" / "state.safetensors"
                while pair[0].poll() is None and not _newer(state, started):
                    time.sleep(0.1)
            time.sleep(chance.uniform(0, 40 if k % 3 else 20))
            moment = time.time() - started
            pair[k % 2].send_signal(signal.SIGKILL)
            began = time.perf_counter()
            text = pair[1 - k % 2].communicate(timeout=300)[1]
            spent, status = time.perf_counter() - began, pair[1 - k % 2].returncode
            pair[k % 2].communicate()
            apart = "have not met" in text
            end = status == 1 and (apart or "--resume" in text) and spent < _LIMIT
            clean, early = clean + end, early + apart
            resumed += "--resume" in given and _step(run) >= before
            print(
                f"kill {k + 1}: process {k % 2} after {moment:.1f} s, "
                f"{'before they met' if apart else f'at step {before} to {_step(run)}'}; the other "
                f"ended after {spent:.1f} s with status {status}; load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
            if not end:
                print(text[-2000:])
        last = subprocess.run([*command, *more()], capture_output=True, text=True)
        subprocess.run([*command, "--out", str(calm)], capture_output=True, check=True)
        a, b = (json.loads((f / "metrics.json").read_text()) for f in (run, calm))
        print(
            f"{times} kills, {early} of them before the processes had met: {clean} clean ends; "
            f"{resumed} of the starts went on from a checkpoint; finished by one process with "
            f"status {last.returncode}; objective {a['objective']:.12g} and, undisturbed, "
            f"{b['objective']:.12g}, {abs(a['objective'] / b['objective'] - 1):.1e} apart"
        )


def _pair(command: list[str]) -> list[subprocess.Popen[str]]:
    """The same command as two processes that train together."""
    joined = ["--coordinator", f"localhost:{_port()}", "--processes", "2", "--process"]
    return [
        subprocess.Popen(
            [*command, *joined, str(k)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for k in range(2)
    ]


def _newer(path: Path, moment: float) -> bool:
    """Whether a file has been written since."""
    return path.exists() and path.stat().st_mtime > moment


def _step(run: Path) -> int:
    """The step of a run's checkpoint."""
    from autoencodes.run import RunFolder

    saved = RunFolder(run).checkpoint
    return 0 if saved is None else saved.step


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
