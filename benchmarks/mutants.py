"""How many small faults in the core the tests notice: mutants of six rooms, drawn at random.

    pip install cosmic-ray  # anywhere on the PATH: no dependency of the package
    python benchmarks/mutants.py [--mutants 30] [--seed 0] [--rooms flow,cost] [--work DIR]

cosmic-ray changes one operator, number, comparison, ... of a copy of the tree, and that room's own
tests run until one fails. Drawn are places of the code, all alike, then one of the changes that the
tool knows there (most of them would else be those of arithmetic). Rooms take turns, ten mutants
each, so that a run that is ended early has a sample of every room; with ``--work`` it goes on
later. Unions of annotations are left out: nothing evaluates them. ``--smoke`` says what would be
tested by what, without the tool.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("autoencodes", "tests", "benchmarks", "docs")
FILES = ("pyproject.toml", "README.md", "CONTRIBUTING.md")
_TURN = 10


@dataclass(frozen=True)
class Room:
    """What is mutated, and the tests that are to notice: quick ones first."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


ROOMS = {
    "pontryagin": Room(("pontryagin.py",), ("test_known_answers", "test_pontryagin")),
    "flow": Room(
        ("flow",),
        ("test_schedule", "test_grid", "test_inverse", "test_flow", "test_continuous"),
    ),
    "cost": Room(("cost.py",), ("test_cost", "test_known_answers")),
    "second_order": Room(
        ("second_order",),
        ("test_spectrum", "test_davidson", "test_certificate_truth", "test_certificate"),
    ),
    "certificate": Room(
        ("certificate",), ("test_certificate_truth", "test_bounds", "test_certificate")
    ),
    "training": Room(
        ("training",),
        (
            "test_solvers",
            "test_movement",
            "test_metric",
            "test_exact_msa",
            "test_baselines",
            "test_together",
            "test_fit",
            "test_every_method",
        ),
    ),
}


@dataclass(frozen=True)
class Outcome:
    """What became of one mutant."""

    room: str
    place: str
    change: str
    end: str
    diff: str


def copied(work: Path) -> Path:
    """A copy of the tree to spoil; one that is there is gone on with."""
    tree = work / "tree"
    if not tree.exists():
        for name in FOLDERS:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, tree / name, ignore=ignored)
        for name in FILES:
            shutil.copy(ROOT / name, tree / name)
    return tree


def command(room: Room, python: str, seconds: int) -> str:
    """What tests a mutant; one that hangs is noticed."""
    files = " ".join(f"tests/{name}.py" for name in room.tests)
    chosen = "-x -q -n 0 -m 'not slow' -p no:cacheprovider"
    return f"timeout {seconds} {python} -m pytest {chosen} {files}"


def session(tool: str, tree: Path, file: Path, room: Room, run: str, turn: int, seed: str) -> None:
    """A session of the tool that holds the mutants of one turn."""
    paths = [f"autoencodes/{name}" for name in room.modules]
    file.with_suffix(".toml").write_text(
        f"[cosmic-ray]\nmodule-path = {paths}\ntimeout = 7200.0\nexcluded-modules = []\n"
        f'test-command = {json.dumps(run)}\n[cosmic-ray.distributor]\nname = "local"\n'
    )
    made = file.with_suffix(".made")
    call = [tool, "init", str(file.with_suffix(".toml")), str(made), "--force"]
    subprocess.run(call, cwd=tree, check=True)
    with sqlite3.connect(made) as database:
        drawn = mutants(database, turn, seed)
        marks = ",".join("?" * len(drawn))
        for table in ("mutation_specs", "work_items"):
            database.execute(f"DELETE FROM {table} WHERE job_id NOT IN ({marks})", drawn)
    made.rename(file)


def mutants(database: sqlite3.Connection, turn: int, seed: str) -> list[str]:
    """The turn's share of all places in a random order, and one change of each."""
    found = database.execute(
        "SELECT module_path, start_pos_row, start_pos_col, operator_name, operator_args, job_id "
        "FROM mutation_specs WHERE operator_name NOT LIKE '%BinaryOperator_BitOr_%' "
        "ORDER BY 1, 2, 3, 4, occurrence, 5"
    ).fetchall()
    places = [list(changes) for _, changes in groupby(found, key=lambda row: row[:3])]
    drawn = random.Random(seed)
    drawn.shuffle(places)
    chosen = [drawn.choice(changes)[-1] for changes in places]
    return chosen[turn * _TURN : (turn + 1) * _TURN]


def outcomes(name: str, file: Path) -> Iterator[Outcome]:
    """What became of the mutants of a session that were tested."""
    with sqlite3.connect(file) as database:
        rows = database.execute(
            "SELECT module_path, start_pos_row, operator_name, test_outcome, diff FROM "
            "mutation_specs JOIN work_results USING (job_id) ORDER BY 1, 2"
        ).fetchall()
    for module, line, operator, end, diff in rows:
        lines = [text for text in (diff or "").splitlines() if text[:1] in "+-"]
        changed = "\n".join(text for text in lines if text[:3] not in ("+++", "---"))
        yield Outcome(name, f"{module}:{line}", operator.removeprefix("core/"), end, changed)


def told(found: list[Outcome]) -> str:
    """The score by room, and every survivor."""
    lines = ["room; mutants; noticed"]
    for name in ROOMS:
        own = [one for one in found if one.room == name]
        killed = sum(one.end != "SURVIVED" for one in own)
        share = f" ({100 * killed / len(own):.0f} %)" if own else ""
        lines.append(f"{name}; {len(own)}; {killed}{share}")
    killed = sum(one.end != "SURVIVED" for one in found)
    lines.append(f"all; {len(found)}; {killed} ({100 * killed / max(1, len(found)):.0f} %)")
    lines += [
        f"survived: {one.place} {one.change}\n{one.diff}" for one in found if one.end == "SURVIVED"
    ]
    return "\n".join(lines)


def sound(tree: Path, run: str) -> bool:
    """Whether the tests pass before anything is changed."""
    return subprocess.run(run, shell=True, cwd=tree, stdout=subprocess.DEVNULL).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--mutants", type=int, default=30, help="of every room, a multiple of 10")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rooms", default=",".join(ROOMS))
    parser.add_argument("--seconds", type=int, default=300, help="after which a test hangs")
    parser.add_argument("--work", type=Path, help="where copy and sessions stay")
    parser.add_argument("--python", default=shlex.quote(sys.executable), help="runs the tests")
    parser.add_argument("--tool", default="cosmic-ray")
    parser.add_argument("--told", action="store_true", help="only tell what is known in --work")
    parser.add_argument("--smoke", action="store_true", help="say what would be tested by what")
    given = parser.parse_args()
    if given.smoke:
        for name, room in ROOMS.items():
            missing = [m for m in room.modules if not (ROOT / "autoencodes" / m).exists()]
            missing += [t for t in room.tests if not (ROOT / "tests" / f"{t}.py").exists()]
            print(f"{name}: {command(room, 'python', given.seconds)}")
            if missing:
                print(f"not there: {', '.join(missing)}", file=sys.stderr)
                return 1
        return 0
    work = given.work or Path(tempfile.mkdtemp())
    tree, names, found = copied(work), given.rooms.split(","), []
    os.environ["PYTHONPATH"] = str(tree)
    for turn in range(given.mutants // _TURN):
        for name in names:
            file = work / f"{name}-{given.seed}-{turn}.sqlite"
            run = command(ROOMS[name], given.python, given.seconds)
            if not given.told:
                if turn == 0 and not file.exists() and not sound(tree, run):
                    raise SystemExit(f"{name}: the tests fail as it is: {run}")
                if not file.exists():
                    session(given.tool, tree, file, ROOMS[name], run, turn, f"{given.seed} {name}")
                call = [given.tool, "exec", str(file.with_suffix(".toml")), str(file)]
                subprocess.run(call, cwd=tree, check=True)
            if file.exists():
                found += outcomes(name, file)
    print(told(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
