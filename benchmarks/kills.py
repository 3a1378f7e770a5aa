"""Whether anything is lost when a training is killed, at any moment, by SIGKILL.

Run:  python benchmarks/kills.py [--kills 200] [--races 200] [--seed 0] [--smoke]

Trainings of a second (a law by Adam; a table and images on noisy mini-batches), which write a
checkpoint after every round, are killed and gone on with, again and again until they end. Half of
the kills come at a random moment of the process's life, half at a chosen point within a write: at
a random one of all calls by which a training touches its folder (mkdir, open, write, fsync,
truncate, replace, unlink), before it, after it, or with half of the bytes written. After every
kill, all files of the folder that have their final name are read. At the end the model, the
configuration and the history must be those of a training that was not killed, to the last bit.

Races: two processes begin a training in the same new folder at the same time; one must have it,
and the other must be told so. Linux only.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CALLS = ("mkdir", "open", "fdopen", "write", "fsync", "ftruncate", "replace", "unlink")
MEASURED = ("test_", "validation_")
"""What begins a history's entries that are measured when there is time."""
CASES: dict[str, dict[str, Any]] = {
    "law": {"data": "parabola", "method": "adam", "epochs": 3000, "batch_size": 0},
    "table": {"data": "table.npy", "epochs": 20, "noise": 0.1, "latent": 2, "batch_size": 16},
    "images": {"data": "images.npy", "epochs": 20, "latent": 3, "batch_size": 16},
}


def settings(case: str, work: Path) -> Any:
    """What a case trains."""
    from autoencodes.plan.settings import Settings

    entries = {"steps_per_block": 2, **CASES[case]}
    if entries["data"].endswith(".npy"):
        entries["data"] = str(work / entries["data"])
    return Settings(**entries)


def child(folder: Path, case: str, point: str) -> None:
    """Trains, or goes on, and kills itself at a point; without one it counts the points."""
    from autoencodes.run import RunFolder, resume, train

    sys.modules["autoencodes.run.train"]._CHECKPOINT_SECONDS = 0.0  # type: ignore[attr-defined]
    sys.modules["autoencodes.training.fit"]._ROUND_SECONDS = 0.05  # type: ignore[attr-defined]
    counts = watch(folder, *point.split(":")) if point != "-" else Counter()
    if not RunFolder(folder).holds_run:
        train(settings(case, folder.parent), folder)
    elif not RunFolder(folder).finished:
        resume(folder)
    print(json.dumps(counts))


def watch(folder: Path, call: str = "", number: str = "0", when: str = "") -> Counter[str]:
    """Counts the calls that touch a folder, and ends the process at one of them."""
    counts: Counter[str] = Counter()

    def touches(target: Any) -> bool:
        if isinstance(target, int):
            target = os.readlink(f"/proc/self/fd/{target}")
        return str(target).startswith(str(folder))

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    class Dying:
        """A stream that dies of half of what is written to it."""

        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def __enter__(self) -> Dying:
            return self

        def __exit__(self, *error: object) -> None:
            self._stream.close()

        def write(self, data: bytes) -> None:
            self._stream.write(data[: len(data) // 2])
            self._stream.flush()
            die()

    def wrapped(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def perform(*arguments: Any, **options: Any) -> Any:
            reading = name == "fdopen" and "w" not in arguments[1]
            if reading or not touches(arguments[0]):
                return original(*arguments, **options)
            counts[name] += 1
            here = name == call and counts[name] == int(number)
            if here and when == "before":
                die()
            if here and when == "half" and name == "write":
                original(arguments[0], arguments[1][: len(arguments[1]) // 2])
                die()
            result = original(*arguments, **options)
            if here and when == "half" and name == "fdopen":
                return Dying(result)
            if here:
                die()
            return result

        return perform

    for name in CALLS:
        setattr(os, name, wrapped(name, getattr(os, name)))
    return counts


def started(folder: Path, case: str, point: str) -> subprocess.Popen[bytes]:
    """A process that trains in a folder."""
    command = [sys.executable, __file__, "--child", str(folder), case, point]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def unreadable(folder: Path) -> list[str]:
    """What of a folder cannot be read, of all that has its final name."""
    from autoencodes.run import RunFolder

    if not folder.exists():
        return []
    run, faults = RunFolder(folder), []
    if not run.holds_run:
        try:
            run.require_vacant()
        except ValueError as error:
            faults.append(str(error))
        return faults
    readers: dict[str, Callable[[], Any]] = {
        "config.toml": lambda: run.config,
        "history.jsonl": lambda: run.history,
        "checkpoint/state.safetensors": lambda: run.checkpoint,
        "model.safetensors": lambda: run.model,
        "samples.safetensors": lambda: run.samples,
        "strip.safetensors": lambda: run.strip,
        "metrics.json": lambda: run.metrics,
        "data.json": lambda: run.record,
    }
    for name, read in readers.items():
        try:
            if (folder / name).exists():
                read()
        except Exception as error:
            faults.append(f"{name}: {error}")
    return faults


def contents(folder: Path) -> tuple[Any, ...]:
    """What must be the same: model, configuration and history, but for clocks and test errors."""
    from autoencodes.run import RunFolder

    lines = [
        {k: v for k, v in line.items() if k != "seconds" and not k.startswith(MEASURED)}
        for line in RunFolder.open(folder).history
    ]
    files = ("model.safetensors", "config.toml")
    return (*((folder / name).read_bytes() for name in files), lines)


def killed(folder: Path, case: str, point: str, after: float) -> tuple[bool, str]:
    """One process in the life of a run: whether it was killed, and what it said else."""
    process = started(folder, case, point)
    if point == "-":
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()
    _, said = process.communicate()
    if process.returncode == -signal.SIGKILL:
        return True, ""
    return False, "" if process.returncode == 0 else said.decode()[-2000:]


def kills(count: int, cases: list[str], work: Path, rng: random.Random) -> bool:
    """Kills, and goes on, until the count is reached and every run has ended."""
    whole, lives, points = {}, {}, {}
    for case in cases:
        for _ in range(min(2, count)):  # the first one compiles
            folder = work / f"whole-{case}-{_}"
            began = time.perf_counter()
            process = started(folder, case, "none:0:before")
            out, said = process.communicate()
            assert process.returncode == 0, said.decode()
            lives[case], points[case] = time.perf_counter() - began, Counter(json.loads(out))
        whole[case] = contents(folder)
        calls = ", ".join(f"{n} {name}" for name, n in sorted(points[case].items()))
        print(f"{case}: {lives[case]:.1f} s a run, which calls {calls}", flush=True)
    done, runs, faults, left = Counter(), 0, [], 0
    for number in itertools.count():
        if done.total() >= count:
            break
        case = cases[number % len(cases)]
        folder, ended, before = work / f"run-{number}", False, len(faults)
        while not ended:
            point = "-"
            if done.total() < count and rng.random() < 0.5:
                call = rng.choice(sorted(points[case]))
                when = rng.choice(["before", "half", "after"])
                point = f"{call}:{rng.randint(1, points[case][call])}:{when}"
            after = rng.uniform(0.3, 1) * lives[case] if done.total() < count else 600.0
            dead, fault = killed(folder, case, point, after)
            done["at a point" if point != "-" else "at a moment"] += dead
            faults += [fault] if fault else []
            faults += unreadable(folder)
            ended = not dead
        runs += 1
        same = len(faults) > before or contents(folder) == whole[case]
        left += sum(1 for path in folder.rglob("*") if path.name.startswith(".autoencodes-"))
        faults += [] if same else [f"{folder}: not what an uninterrupted training gives"]
    how = ", ".join(f"{n} {name}" for name, n in sorted(done.items()))
    print(f"{done.total()} kills ({how}) of {runs} runs: {len(faults)} faults, {left} files left")
    print("\n".join(faults[:20]))
    return not faults and not left


def race(paths: list[Path], barrier: Any, found: Any) -> None:
    """One of two processes that begin a run in every folder at the same time."""
    from autoencodes.errors import InputError
    from autoencodes.plan.facts import Facts
    from autoencodes.plan.resolve import resolve
    from autoencodes.plan.settings import Settings
    from autoencodes.run.keeping import begun

    plan, won = resolve(Settings(data="parabola"), Facts(2, 90, 1.0)), []
    for path in paths:
        barrier.wait()
        try:
            with begun(path, "", plan):
                barrier.wait()
            won.append(True)
        except InputError:
            barrier.wait()
            won.append(False)
        barrier.wait()
    found.put(won)


def races(count: int, work: Path) -> bool:
    """How often two processes, or none, own a folder."""
    context = multiprocessing.get_context("spawn")
    barrier, found = context.Barrier(2), context.Queue()
    paths = [work / f"race-{k}" for k in range(count)]
    for path in paths[::2]:
        path.mkdir()  # half of the folders are there, and empty
    processes = [context.Process(target=race, args=(paths, barrier, found)) for _ in range(2)]
    for process in processes:
        process.start()
    one, other = found.get(timeout=600), found.get(timeout=600)
    owners = Counter(a + b for a, b in zip(one, other, strict=True))
    print(
        f"{count} races: owned by one process {owners[1]}, by two {owners[2]}, by none {owners[0]}"
    )
    return owners[1] == count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--races", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="a kill and 2 races")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(Path(given.child[0]), *given.child[1:])
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        rng = np.random.default_rng(0)
        np.save(work / "table.npy", rng.normal(size=(120, 5)))
        np.save(work / "images.npy", rng.uniform(size=(120, 3, 4)))
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(work / "cache"))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
        good = races(2 if given.smoke else given.races, work)
        count, cases = (1, ["images"]) if given.smoke else (given.kills, list(CASES))
        good &= kills(count, cases, work, random.Random(given.seed))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
