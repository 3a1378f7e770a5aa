"""The command line on tables as people have them: described, trained on, written back, compared.

    python benchmarks/files.py [--data-dir DIR] [--epochs 20] [--only NAME ...] [--markdown FILE]

Tables: those in DIR/tables; scikit-learn's own; files that lie in installed packages (lifelines,
linearmodels, matplotlib, palmerpenguins, plotly, pyarrow, statsmodels, vega_datasets: what is not
installed is skipped, and said); and made ones (``made_tables.py``). For each, as a user
would: ``describe F``, ``train F --epochs E --out RUN``, ``score``, ``reconstruct -o`` and, where
values are missing, ``impute -o``. Where ``train`` is refused with advice that names an option, the
option is taken and ``train`` tried again, at most three times; a refusal without such advice is
the result.

Checked: exit status 0 or 2, no traceback, no warning; and of what is written that it has the rows
of the input in their order, its columns by name, identifiers and constant columns as they came,
levels and integers as such, no value that is not finite, and after ``impute`` every value that was
there unchanged. pandas, where it is installed, reads the input a second time for it. Printed: a
line for every table, with the test error over PCA's at the same latent width; last, what failed.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import io
import json
import os
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from made_tables import made_tables, write

PACKAGED = {
    "lifelines": "datasets/ ACTG175.csv canadian_senators.csv dd.csv g3.csv holly_molly_polly.tsv "
    "lung.csv lymph_node.csv mice.csv nh4.csv",
    "linearmodels": "datasets/ card/card.csv.bz2",
    "matplotlib": "mpl-data/sample_data/ Stocks.csv",
    "palmerpenguins": "data/ penguins-raw.csv",
    "plotly": "package_data/datasets/ election.csv.gz gapminder.csv.gz tips.csv.gz",
    "pyarrow": "tests/data/parquet/ v0.7.1.parquet",
    "sklearn": "datasets/data/ breast_cancer.csv iris.csv linnerud_exercise.csv",
    "statsmodels": "datasets/ co2/co2.csv danish_data/data.csv elec_equip/elec_equip.csv "
    "elnino/elnino.csv spector/spector.csv "
    "fair/fair_pt.csv fertility/fertility.csv modechoice/modechoice.csv randhie/randhie.csv "
    "scotland/src/scotvote.csv statecrime/statecrime.csv",
    "vega_datasets": "_data/ airports.csv barley.json cars.json la-riots.csv seattle-weather.csv "
    "us-employment.csv",
}
"""Files in packages: the folder that they lie in, and their names there."""
ADVICE = (
    r"--missing mask",
    r"--kinds '([^']+)'",
    r"--kinds (\S[^;,]*?=(?:category|identifier|number))",
    r"--delimiter (space)",
    r"--drop (\w+)",
    r"--widths (64,8)",
)
"""Options that a refusal may name, in the order in which they are taken."""
TRIES = 3


@dataclass
class Outcome:
    """What became of a table."""

    name: str
    rows: str = ""
    kinds: str = ""
    missing: str = ""
    happened: str = ""
    ratio: str = ""
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def cells(self) -> tuple[str, ...]:
        seconds = f"{self.seconds:.0f}"
        return self.name, self.rows, self.kinds, self.missing, self.happened, self.ratio, seconds


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str


@contextmanager
def captured(out: Path, err: Path) -> Iterator[None]:
    """Everything that is printed goes into two files, also what compiled code prints."""
    kept = os.dup(1), os.dup(2)
    streams = sys.stdout, sys.stderr
    with out.open("w", encoding="utf-8") as first, err.open("w", encoding="utf-8") as second:
        os.dup2(first.fileno(), 1)
        os.dup2(second.fileno(), 2)
        sys.stdout, sys.stderr = first, second
        try:
            yield
        finally:
            sys.stdout, sys.stderr = streams
            for number, old in enumerate(kept, 1):
                os.dup2(old, number)
                os.close(old)


def command(folder: Path, *words: str) -> Said:
    """``autoencodes WORDS`` in this process, as a process of its own would print it."""
    from autoencodes.cli import main

    out, err = folder / "out.txt", folder / "err.txt"
    status: int | str | None = 0
    before = sys.argv
    with captured(out, err), warnings.catch_warnings():
        warnings.simplefilter("always")
        sys.argv = ["autoencodes", *words]
        try:
            main()
        except SystemExit as end:
            status = end.code
        except BaseException:
            traceback.print_exc()
            status = 1
        finally:
            sys.argv = before
    texts = [path.read_text("utf-8", "replace") for path in (out, err)]
    return Said(status if isinstance(status, int) else int(status is not None), *texts)


def tried(path: Path, folder: Path, epochs: int, told: str) -> Outcome:
    """Runs the verbs on a table."""
    made = Outcome(told)
    start = time.perf_counter()
    run, options = folder / "run", list[str]()
    described = command(folder, "describe", str(path))
    if described.status != 2:
        judge(described, "describe", made)
    for _ in range(TRIES + 1):
        words = ("train", str(path), "--epochs", str(epochs), "--out", str(run), *options)
        said = command(folder, *words)
        more = [] if said.status != 2 else advised(said.err, options)
        if not more:
            break
        options += more
    said_options = " ".join(f"'{o}'" if re.search(r"[ ()]", o) else o for o in options)
    if said.status == 2:
        words_said = " ".join(said.err.split()).replace(f"{path}", path.name)
        made.happened = "refused: " + words_said.removeprefix("autoencodes: ")
        if "Traceback" in said.err or described.status == 1:
            made.faults.append(f"train: {said.err[-300:]}")
    else:
        judge(said, "train", made)
        made.happened = f"trained with `{said_options}`" if options else "trained"
        if said.status == 0:
            facts(run, path, options, made)
            used(run, path, folder, options, made)
    made.seconds = time.perf_counter() - start
    return made


def advised(text: str, options: list[str]) -> list[str]:
    """The option that a refusal names, if it was not taken before."""
    flat = " ".join(text.split())
    for pattern in ADVICE:
        if found := re.search(pattern, flat):
            name = found[0].split()[0]
            words = [name, found[1]] if found.groups() else found[0].split()
            if not any([*options[k : k + 2]] == words for k in range(len(options))):
                return words
    return []


def judge(said: Said, verb: str, made: Outcome) -> None:
    """Notes what no command should end in."""
    if said.status:
        made.faults.append(f"{verb}: exit status {said.status}: {said.err[-300:].strip()}")
    for bad in ("Traceback", "Warning"):
        if bad in said.err + said.out:
            line = next(line for line in (said.err + said.out).splitlines() if bad in line)
            made.faults.append(f"{verb}: {line.strip()[:200]}")


def read(path: Path, options: list[str]) -> Any:
    """The table as the library reads it, with what was said of it."""
    from autoencodes import datasets

    pairs = list(zip(options[::2], options[1::2], strict=True))
    kinds = tuple(value for name, value in pairs if name == "--kinds")
    one = {name[2:]: value for name, value in pairs if name in ("--delimiter", "--drop")}
    reading = datasets.Reading(missing="mask", kinds=kinds, **one)
    return datasets.load(path, reading=reading, to_split=False).table


def facts(run: Path, path: Path, options: list[str], made: Outcome) -> None:
    """Size, columns by kind, share of missing values, and the error beside PCA's."""
    table = read(path, options)
    kinds = Counter(c.kind for c in table.columns or ())
    if table.columns is None:
        kinds["number"] = table.x.shape[1]
    kinds["identifier"] = len(table.identifiers)
    kinds["label"] = int(table.labels is not None)
    made.rows = f"{len(table.x):,}"
    made.kinds = ", ".join(f"{n:,} {kind}" for kind, n in kinds.items() if n)
    gone = table.missing
    made.missing = "" if gone is None else f"{gone.mean():.2%}"
    measured = json.loads((run / "metrics.json").read_text())
    error, other = measured["test_mse"], measured["pca_test_mse"]
    if not np.isfinite(error):
        made.faults.append(f"train: test error {error}")
    made.ratio = (
        "PCA is exact" if measured["pca_exact"] else f"{error / other:.2f}" if other else ""
    )


def used(run: Path, path: Path, folder: Path, options: list[str], made: Outcome) -> None:
    """Scores, reconstructs and imputes, and compares what was written with what was read."""
    table = read(path, options)
    scored = command(folder, "score", str(run), str(path))
    judge(scored, "score", made)
    if not re.search(r"mean squared error \d", scored.out):
        made.faults.append(f"score: {scored.out[:200]!r}")
    out = folder / "reconstructed.csv"
    judge(command(folder, "reconstruct", str(run), str(path), "-o", str(out)), "reconstruct", made)
    if out.exists():
        compare(out, table, path, made)
    if table.missing is None:
        return
    out = folder / "imputed.csv"
    judge(command(folder, "impute", str(run), str(path), "-o", str(out)), "impute", made)
    if out.exists():
        whole(out, table, made)


def fields_of(path: Path) -> tuple[list[str], list[list[str]]]:
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8"))))
    return rows[0], rows[1:]


def compare(out: Path, table: Any, path: Path, made: Outcome) -> None:
    """Whether a reconstruction has the rows, names and identifiers of the input."""
    names, rows = fields_of(out)
    expected = [*table.identifiers, *table.names]
    if names != expected:
        made.faults.append(f"reconstruct: columns {names[:6]}, expected {expected[:6]}")
        return
    if len(rows) != len(table.x):
        made.faults.append(f"reconstruct: {len(rows)} rows of {len(table.x)}")
        return
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    for name, values in table.identifiers.items():
        known = ["" if v is None or v != v else str(v) for v in values.tolist()]
        if list(columns[name]) != known and values.dtype.kind != "M":
            made.faults.append(f"reconstruct: identifier {name!r} has changed")
    for column in table.columns or ():
        own = columns[column.name]
        if column.kind == "constant":
            right = {str(level) for level in column.levels} or {""}
        elif column.levels:
            right = set(map(str, column.levels))
        else:
            right = None
            if not all(own) or any(t.lower().lstrip("-") in ("nan", "inf") for t in own):
                made.faults.append(f"reconstruct: {column.name!r} has values that are not there")
            digits = [re.sub(r"\D*$|[,.' ](?=\d{3})", "", t) if column.form else t for t in own]
            if column.whole and not all(re.fullmatch(r"-?\d+", t) for t in digits):
                made.faults.append(f"reconstruct: {column.name!r} is not whole any more")
        if right is not None and not set(own) <= right:
            made.faults.append(f"reconstruct: {column.name!r} has {set(own) - right}")
    second(path, table, made)


def second(path: Path, table: Any, made: Outcome) -> None:
    """What pandas reads in the input: as many rows, the same names, the same identifiers."""
    try:
        import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return
    if not path.name.endswith((".csv", ".tsv", ".csv.gz")) or table.columns is None:
        return
    if table.names[0].startswith("x_") or any("encoding" in note for note in table.notes):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = {"comment": "#", "encoding": "utf-8-sig", "encoding_errors": "replace"}
        frame = pd.read_csv(path, sep=None, engine="python", dtype=str, **text)
    if len(frame) != len(table.x):
        made.faults.append(f"pandas reads {len(frame)} rows, and not {len(table.x)}")
    lost = {str(name) for name in frame.columns} ^ set(table.order)
    if lost and not any(name.startswith("Unnamed") for name in lost):
        made.faults.append(f"pandas reads other columns: {sorted(lost)[:4]}")
    for name, values in table.identifiers.items():
        if name in frame.columns and len(frame) == len(values):
            own = frame[name].fillna("").astype(str).str.strip().tolist()
            known = ["" if v is None or v != v else str(v) for v in values.tolist()]
            wrong = [pair for pair in zip(own, known, strict=True) if pair[0] not in (pair[1], "")]
            if wrong:
                made.faults.append(f"pandas reads {name!r} as {wrong[0][0]!r}, not {wrong[0][1]!r}")


def whole(out: Path, table: Any, made: Outcome) -> None:
    """Whether imputed rows have all values, and those that were there as they were."""
    names, rows = fields_of(out)
    known = [name for name in table.order if name in names]
    if names != known or len(rows) != len(table.x):
        made.faults.append(f"impute: {len(rows)} rows, columns {names[:6]}, expected {known[:6]}")
        return
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    gone = np.isnan(table.x)
    for k, column in enumerate(table.columns):
        values = column.values(table.x[:, k])
        own = columns[column.name]
        for row, text in enumerate(own):
            if gone[row, k]:
                if not text and column.levels and column.kind != "constant":
                    made.faults.append(f"impute: {column.name!r} is not filled in row {row}")
                    break
            elif text != str("" if values[row] is None else values[row]) and not close(
                text, values[row]
            ):
                made.faults.append(f"impute: {column.name!r} was {values[row]}, is {text}")
                break


def close(text: str, value: Any) -> bool:
    """Whether a field is the number that was there."""
    try:
        return float(text) == float(value)
    except (TypeError, ValueError):
        return False


def packaged() -> Iterator[tuple[str, Path | str]]:
    """Files in installed packages, which are not imported; or why there is none."""
    for package, listed in PACKAGED.items():
        base, *names = listed.split()
        found = importlib.util.find_spec(package)
        for name in names:
            if found is None or found.origin is None:
                yield f"{package}: {name}", f"{package} is not installed"
                continue
            path = Path(found.origin).parent / base / name
            yield f"{package}: {path.name}", path if path.exists() else f"there is no {path.name}"


def of_sklearn(folder: Path) -> Iterator[tuple[str, Path | str]]:
    """scikit-learn's small data sets as frames, written to CSV as pandas does."""
    from sklearn import datasets

    for name in ("iris", "diabetes", "wine", "breast_cancer", "linnerud", "digits"):
        loaded = getattr(datasets, f"load_{name}")()
        targets = np.asarray(loaded.target).reshape(len(loaded.data), -1)
        if targets.shape[1] > 1:
            more = [str(n) for n in loaded.target_names]
        else:
            more = ["target" if targets.dtype.kind in "iu" else "progression"]
        columns = dict(zip([str(n) for n in loaded.feature_names], loaded.data.T, strict=True))
        path = folder / f"{name}.csv"
        write(path, columns | dict(zip(more, targets.T, strict=True)))
        yield f"scikit-learn: {name}", path


def collected(folder: Path, data_dir: Path | None) -> Iterator[tuple[str, Path | str]]:
    """All tables by name, or why one is not there."""
    if data_dir is not None:
        for path in sorted((data_dir / "tables").iterdir()):
            yield f"tables: {path.name}", path
    yield from of_sklearn(folder)
    yield from made_tables(folder)
    yield from packaged()


def markdown(outcomes: list[Outcome]) -> str:
    """The lines as a table of a page."""
    head = ("table", "rows", "columns", "missing", "what happened", "error / PCA's", "s")
    rows = [head, ("---", "--:", "---", "--:", "---", "--:", "--:"), *(o.cells for o in outcomes)]
    return "".join(f"| {' | '.join(c.replace('|', '/') for c in row)} |\n" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, help="the folder that holds tables/")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=[], help="parts of the names of tables")
    parser.add_argument("--markdown", type=Path, help="also write the lines there")
    parser.add_argument("--smoke", action="store_true", help="a table, two epochs")
    options = parser.parse_args()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tables = collected(folder, options.data_dir)
        if options.smoke:
            tables, options.epochs = made_tables(folder), 2
            options.only = ["missing markers"]
        for number, (name, path) in enumerate(tables):
            if options.only and not any(part in name for part in options.only):
                continue
            if isinstance(path, str):
                print(f"{name:42} skipped: {path}", flush=True)
                continue
            own = folder / f"table_{number}"
            own.mkdir()
            outcome = tried(path, own, options.epochs, name)
            outcomes.append(outcome)
            print(f"{name:42} " + "  ".join(outcome.cells[1:]), flush=True)
            for fault in outcome.faults:
                print(f"    FAULT {fault}", flush=True)
    if options.markdown is not None:
        options.markdown.write_text(markdown(outcomes))
    failed = [o.name for o in outcomes if o.faults]
    refused = sum(o.happened.startswith("refused") for o in outcomes)
    print(f"{len(outcomes)} tables: {len(outcomes) - refused} trained, {refused} refused", end="")
    print(f"; faults in {', '.join(failed)}" if failed else "; no fault")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
