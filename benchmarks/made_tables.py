"""Made tables with what real ones have: gaps, codes, text, dates, identifiers, odd delimiters.

    python benchmarks/made_tables.py [FOLDER]

Writes them into FOLDER (by default one that is removed again) and lists them; ``files.py`` runs the
command line on them. What needs an extra that is not installed is skipped, and said.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

Columns = dict[str, Any]
"""Values by name, as many in every column."""


def write(path: Path, columns: Columns) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def base(rows: int = 200, seed: int = 0) -> tuple[np.random.Generator, np.ndarray, Columns]:
    """Numbers with a structure: three factors behind six columns."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3)) @ random.normal(size=(3, 6))
    return random, x, {f"v{k}": x[:, k] for k in range(6)}


def of_numbers() -> dict[str, Columns]:
    """The columns of made tables that are numbers, but for one that names the row."""
    random, x, columns = base()
    scales = np.array([1e9, 1e-9, 1.0, 1e4, 1e-3, 1e6])
    moments = 1_700_000_000 + np.cumsum(random.integers(1, 30, len(x)))
    gapped, y, _ = base(seed=1)
    marks = ("NA", "", "n/a", "-", "null", "NaN")
    holes = [
        [round(v, 3) if gapped.random() > 0.15 else marks[gapped.integers(6)] for v in row]
        for row in y.tolist()
    ]
    few = np.round(base(40)[1] + 9, 2)
    return {
        "the index of df.to_csv()": {"": range(200)}
        | {name: np.round(column, 3) for name, column in columns.items()},
        "missing markers: na, empty, n/a, -, null": dict(
            zip(columns, zip(*holes, strict=True), strict=True)
        ),
        "ranges from 1e-9 to 1e9, a unix time, skewed amounts": {"seen": moments}
        | dict(zip(columns, (x * scales).T, strict=True)),
        "one column": {"height": np.round(x[:, 0], 3)},
        "years as columns' names, a name for every row": {
            "region": [f"region {k}" for k in range(40)]
        }
        | {str(2015 + k): few[:, k] for k in range(6)},
    }


def of_kinds() -> dict[str, Columns]:
    """The columns of made tables with text, dates and codes."""
    random, x, _ = base(240)
    days = np.datetime64("2021-01-01") + random.integers(0, 900, 240)
    codes, _, columns = base(150)
    drawn = np.random.default_rng(0).integers(0, 3, 120)
    return {
        "dates, identifiers, booleans, constant columns, text with 1 to many levels": {
            "order_id": [f"A{10_000 + 7 * k}" for k in range(240)],
            "day": days,
            "paid": x[:, 0] > 0,
            "currency": ["EUR"] * 240,
            "size": ["SML"[min(int(abs(v)), 2)] for v in x[:, 1]],
            "shop": [f"shop {k % 12}" for k in range(240)],
            "comment": [f"remark no. {k} of {random.integers(100)}" for k in range(240)],
            "empty": [""] * 240,
            "price": [round(float(np.exp(v / 3)), 2) for v in x[:, 2]],
        },
        "text alone": {
            "place": [("north", "south", "east")[k] for k in drawn],
            "level": [("low", "high")[int(k > 0)] for k in drawn],
            "answer": ["yes"[: 1 + k] for k in drawn],
        },
        "codes with leading zeros, times of day, thousands marks": {
            "zip": [f"{codes.integers(40):05d}" for _ in range(150)],
            "at": [f"{k % 24:02d}:{k % 60:02d}" for k in range(150)],
            "sold": [f"{1000 + k:,}" for k in range(150)],
        }
        | columns,
    }


def wide(path: Path) -> None:
    random = np.random.default_rng(0)
    x = np.round(random.normal(size=(60, 4)) @ random.normal(size=(4, 20_000)), 4)
    write(path, {f"gene_{k}": x[:, k] for k in range(20_000)})


def comma(path: Path) -> None:
    lines = ["Größe;Länge;Höhe;Tiefe;Breite;Fläche"]
    lines += [";".join(f"{v:.2f}".replace(".", ",") for v in row) for row in base()[1]]
    path.write_text("\n".join(lines) + "\n", encoding="cp1252")


def exported(path: Path) -> None:
    import polars as pl

    random, _, columns = base(120)
    frame = pl.DataFrame(columns).with_columns(
        pl.Series("kind", [("a", "b", None)[k] for k in random.integers(0, 3, 120)]),
        pl.Series("day", (np.datetime64("2024-01-01") + np.arange(120)).astype("datetime64[D]")),
        pl.Series("count", random.integers(0, 9, 120)),
    )
    if path.suffix == ".xlsx":
        frame.write_excel(path)
    else:
        frame.write_parquet(path)


FORMATS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "20,000 columns": ("csv", wide),
    "semicolons and decimal commas, in cp1252": ("csv", comma),
    "no header, tabs": ("tsv", lambda p: np.savetxt(p, base()[1], fmt="%.4f", delimiter="\t")),
    "parquet with dates, integers and null": ("parquet", exported),
    "the same as an excel workbook": ("xlsx", exported),
}
"""Made tables that are more than columns in a CSV: the ending of the file, and what writes it."""


def made_tables(folder: Path) -> Iterator[tuple[str, Path | str]]:
    """Tables with what real ones have, written to a folder; or why one cannot be."""
    plain = {
        title: ("csv", partial(write, columns=columns))
        for title, columns in (of_numbers() | of_kinds()).items()
    }
    for number, (title, (ending, save)) in enumerate((FORMATS | plain).items()):
        path = folder / f"made_{number}.{ending}"
        try:
            save(path)
        except ImportError as error:
            yield f"made: {title}", str(error)
        else:
            yield f"made: {title}", path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="where to write them")
    parser.add_argument("--smoke", action="store_true", help="the same: they are small")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.folder or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        for title, path in made_tables(folder):
            said = f"skipped: {path}" if isinstance(path, str) else path.name
            print(f"{title:84} {said}")


if __name__ == "__main__":
    main()
