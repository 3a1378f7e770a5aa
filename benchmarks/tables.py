"""The command line on tables as people have them: described, trained on, written back, compared.

    python benchmarks/tables.py [--data-dir DIR] [--epochs 20] [--only NAME ...] [--markdown FILE]

Tables: those in DIR/tables; scikit-learn's own; files that lie in installed packages (lifelines,
linearmodels, matplotlib, palmerpenguins, plotly, pyarrow, statsmodels, vega_datasets: what is not
installed is skipped, and said); and made ones with what real tables have. For each, as a user
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

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
            if column.whole and not all(re.fullmatch(r"-?\d+", t) for t in own):
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
        frame = pd.read_csv(
            path,
            sep=None,
            engine="python",
            dtype=str,
            comment="#",
            encoding="utf-8-sig",
            encoding_errors="replace",
        )
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
        names = [str(n) for n in loaded.feature_names]
        targets = np.asarray(loaded.target).reshape(len(loaded.data), -1)
        if targets.shape[1] > 1:
            more = [str(n) for n in loaded.target_names]
        else:
            more = ["target" if targets.dtype.kind in "iu" else "progression"]
        path = folder / f"{name}.csv"
        rows = zip(loaded.data.tolist(), targets.tolist(), strict=True)
        write(path, [*names, *more], [[*a, *b] for a, b in rows])
        yield f"scikit-learn: {name}", path


def write(path: Path, names: list[str], rows: list[list[Any]], mark: str = ",") -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=mark)
        writer.writerow(names)
        writer.writerows(rows)


def made_tables(
    folder: Path, makers: tuple[Callable[[Path], Path | None], ...]
) -> Iterator[tuple[str, Path | str]]:
    """Tables with what real ones have."""
    for number, make in enumerate(makers):
        path = folder / f"made_{number}.csv"
        try:
            path = make(path) or path
        except ImportError as error:
            yield f"made: {told(make)}", str(error)
        else:
            yield f"made: {told(make)}", path


def told(make: Callable[[Path], Path | None]) -> str:
    return str(make.__doc__).splitlines()[0].rstrip(".").lower()


def base(rows: int = 200, seed: int = 0) -> tuple[np.random.Generator, np.ndarray]:
    """Numbers with a structure: three factors behind six columns."""
    random = np.random.default_rng(seed)
    return random, random.normal(size=(rows, 3)) @ random.normal(size=(3, 6))


def wide(path: Path) -> None:
    """20,000 columns."""
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 4)) @ random.normal(size=(4, 20_000))
    write(path, [f"gene_{k}" for k in range(20_000)], np.round(x, 4).tolist())


def indexed(path: Path) -> None:
    """The index of df.to_csv()."""
    _, x = base()
    rows = [[k, *row] for k, row in enumerate(np.round(x, 3).tolist())]
    write(path, ["", *(f"v{k}" for k in range(6))], rows)


def comma(path: Path) -> None:
    """Semicolons and decimal commas, in cp1252."""
    _, x = base()
    lines = ["Größe;Länge;Höhe;Tiefe;Breite;Fläche"]
    lines += [";".join(f"{v:.2f}".replace(".", ",") for v in row) for row in x]
    path.write_text("\n".join(lines) + "\n", encoding="cp1252")


def mixed(path: Path) -> None:
    """Dates, identifiers, booleans, constant columns, text with 1 to many levels."""
    random, x = base(240)
    days = np.datetime64("2021-01-01") + random.integers(0, 900, len(x))
    names = ["order_id", "day", "paid", "currency", "size", "shop", "comment", "empty", "price"]
    rows = [
        [
            f"A{10_000 + 7 * k}",
            days[k],
            x[k, 0] > 0,
            "EUR",
            "SML"[min(int(abs(x[k, 1])), 2)],
            f"shop {k % 12}",
            f"remark no. {k} of {random.integers(100)}",
            "",
            round(float(np.exp(x[k, 2] / 3)), 2),
        ]
        for k in range(len(x))
    ]
    write(path, names, rows)


def gaps(path: Path) -> None:
    """Missing markers: NA, empty, n/a, -, null."""
    random, x = base(seed=1)
    marks = ("NA", "", "n/a", "-", "null", "NaN")
    rows = [
        [str(round(v, 3)) if random.random() > 0.15 else marks[random.integers(6)] for v in row]
        for row in x.tolist()
    ]
    write(path, [f"v{k}" for k in range(6)], rows)


def ranges(path: Path) -> None:
    """Ranges from 1e-9 to 1e9, a Unix time, skewed amounts."""
    random, x = base()
    scales = np.array([1e9, 1e-9, 1.0, 1e4, 1e-3, 1e6])
    moments = 1_700_000_000 + np.cumsum(random.integers(1, 30, len(x)))
    rows = [[int(t), *row] for t, row in zip(moments, (x * scales).tolist(), strict=True)]
    write(path, ["seen", *(f"v{k}" for k in range(6))], rows)


def single(path: Path) -> None:
    """One column."""
    write(path, ["height"], [[v] for v in np.round(base()[1][:, 0], 3).tolist()])


def texts(path: Path) -> None:
    """Text alone."""
    random = np.random.default_rng(0)
    places, marks = ("north", "south", "east"), ("low", "high")
    rows = [[places[k], marks[int(k > 0)], "yes"[: 1 + k]] for k in random.integers(0, 3, 120)]
    write(path, ["place", "level", "answer"], rows)


def codes(path: Path) -> None:
    """Codes with leading zeros, times of day, thousands marks."""
    random, x = base(150)
    rows = [
        [
            f"{random.integers(40):05d}",
            f"{k % 24:02d}:{k % 60:02d}",
            f"{1000 + k:,}",
            *x[k].tolist(),
        ]
        for k in range(len(x))
    ]
    write(path, ["zip", "at", "sold", *(f"v{k}" for k in range(6))], rows)


def years(path: Path) -> None:
    """Years as columns' names, a name for every row."""
    _, x = base(40)
    rows = [[f"region {k}", *row] for k, row in enumerate(np.round(x + 9, 2).tolist())]
    write(path, ["region", *map(str, range(2015, 2021))], rows)


def positions(path: Path) -> None:
    """No header, tabs."""
    np.savetxt(path, base()[1], fmt="%.4f", delimiter="\t")


def exported(path: Path, ending: str, method: str) -> Path:
    import polars as pl

    random, x = base(120)
    frame = pl.DataFrame({f"v{k}": x[:, k] for k in range(6)}).with_columns(
        pl.Series("kind", [("a", "b", None)[k] for k in random.integers(0, 3, len(x))]),
        pl.Series("day", (np.datetime64("2024-01-01") + np.arange(len(x))).astype("datetime64[D]")),
        pl.Series("count", random.integers(0, 9, len(x))),
    )
    path = path.with_suffix(ending)
    getattr(frame, method)(path)
    return path


def parquet(path: Path) -> Path:
    """Parquet with dates, integers and null."""
    return exported(path, ".parquet", "write_parquet")


def workbook(path: Path) -> Path:
    """The same as an Excel workbook."""
    return exported(path, ".xlsx", "write_excel")


MADE: tuple[Callable[[Path], Path | None], ...] = (
    wide, indexed, comma, mixed, gaps, ranges, single, texts, codes, years, positions, parquet,
    workbook,
)  # fmt: skip


def collected(folder: Path, data_dir: Path | None) -> Iterator[tuple[str, Path | str]]:
    """All tables by name, or why one is not there."""
    if data_dir is not None:
        for path in sorted((data_dir / "tables").iterdir()):
            yield f"tables: {path.name}", path
    yield from of_sklearn(folder)
    yield from made_tables(folder, MADE)
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
    parser.add_argument("--smoke", action="store_true", help="three tables, two epochs")
    options = parser.parse_args()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tables: Any = collected(folder, options.data_dir)
        if options.smoke:
            tables, options.epochs = made_tables(folder, (mixed, gaps, years)), 2
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
