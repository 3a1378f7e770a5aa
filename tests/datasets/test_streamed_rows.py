"""Files that are read a block at a time hold the same table as when they are loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoencodes import datasets
from autoencodes.datasets import Reading
from autoencodes.datasets.streamed import Streamed
from autoencodes.errors import InputError

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

ROWS = 900
ROOM = 12 * 8 * 8 * 100
"""Room for blocks of a hundred rows of eight columns."""


def columns() -> dict[str, Any]:
    """Names, numbers with gaps, codes, a level and a truth that come late, dates and counts."""
    random = np.random.default_rng(0)
    k = np.arange(ROWS)
    return {
        "name": [f"n{i}" for i in k],
        "height": [None if i % 50 == 3 else round(float(random.normal()), 4) for i in k],
        "code": [f"{i % 90:03d}" for i in k],
        "colour": ["violet" if i == ROWS - 2 else ("red", "blue")[i % 2] for i in k],
        "late": [1.0 if i == ROWS - 3 else 0.0 for i in k],
        "day": [f"2024-01-{1 + i % 28:02d}" for i in k],
        "count": (k % 17).tolist(),
    }


def text(path: Path) -> Path:
    given = columns()
    lines = [";".join(given)]
    for row in zip(*given.values(), strict=True):
        lines.append(";".join("" if value is None else str(value) for value in row))
    path.write_text("\n".join(lines) + "\n")
    return path


def parquet(path: Path) -> Path:
    pl.DataFrame(columns()).write_parquet(path, row_group_size=50)
    return path


def folder(path: Path) -> Path:
    (path / "year=2024").mkdir(parents=True)
    frame = pl.DataFrame(columns())
    for k in range(3):
        part = frame[k * 300 : (k + 1) * 300]
        part.write_parquet(path / ("year=2024" if k else "") / f"p{k}.parquet", row_group_size=50)
    return path


def array(path: Path) -> Path:
    np.save(path, np.random.default_rng(0).normal(size=(ROWS, 8)))
    return path


@pytest.mark.parametrize(
    ("write", "name"),
    [(text, "t.csv"), (parquet, "t.parquet"), (folder, "parts"), (array, "t.npy")],
)
def test_blocks_are_the_rows_that_are_loaded(
    write: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / name)
    monkeypatch.setattr("autoencodes.datasets.streamed.SAMPLE", 300)
    reading = Reading(missing="mask")
    rows = datasets.stream(path, reading=reading, room=ROOM, always=True)
    assert isinstance(rows, Streamed)
    whole = datasets.load(path, reading=reading).table
    assert whole is not None
    assert rows.head.columns == whole.columns
    assert rows.head.identifiers.keys() == whole.identifiers.keys()
    blocks = [table for _, table, _ in rows.tables()]
    assert len(blocks) > 1 or name == "t.csv"
    np.testing.assert_array_equal(np.concatenate([block.x for block in blocks]), whole.x)
    assert rows.record.sha256 == datasets.load(path, reading=reading).record.sha256
    assert datasets.stream(path, reading=reading, room=10**9) is None


def test_a_value_that_is_missing_where_none_may_be_is_told_with_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoencodes.datasets.streamed.SAMPLE", 20)
    x = np.random.default_rng(0).normal(size=(ROWS, 8))
    x[ROWS - 1, 2] = np.nan
    np.save(tmp_path / "t.npy", x)
    rows = datasets.stream(tmp_path / "t.npy", room=ROOM, always=True)
    assert rows is not None
    with pytest.raises(InputError, match=r"from row 800 on: .*nan.*--missing mask"):
        list(rows.tables())


def test_parts_of_other_columns_are_refused(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1.0, 2.0], "b": [1, 2]}).write_parquet(tmp_path / "1.parquet")
    pl.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}).write_parquet(tmp_path / "2.parquet")
    for read in (
        lambda: datasets.load(tmp_path),
        lambda: datasets.stream(tmp_path, room=1000, always=True),
    ):
        with pytest.raises(InputError, match=r"'b' as .* instead of .*one schema"):
            read()


def test_row_groups_that_do_not_fit_and_other_formats_are_refused_with_advice(
    tmp_path: Path,
) -> None:
    pl.DataFrame(columns()).write_parquet(tmp_path / "t.parquet", row_group_size=ROWS)
    with pytest.raises(InputError, match=r"row_group_size=\d+"):
        datasets.stream(tmp_path / "t.parquet", room=ROOM // 4, always=True)
    pl.DataFrame(columns()).write_ipc(tmp_path / "t.arrow")
    with pytest.raises(InputError, match="convert it, or give a larger --memory-limit"):
        datasets.stream(tmp_path / "t.arrow", room=1000)
