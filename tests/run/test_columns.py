"""Tables as people have them through a training: names, kinds and gaps, from file to file."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autoencodes as ac
from autoencodes import datasets
from autoencodes.cli import main
from autoencodes.errors import InputError
from autoencodes.plan.settings import Settings
from autoencodes.run import RunFolder, resume, train
from autoencodes.run.certify import certify
from autoencodes.run.hiding import with_holes
from autoencodes.run.source import apply_to

ROWS = 60
RANDOM = np.random.default_rng(0)
SIZE = np.sort(RANDOM.normal(size=ROWS))
BASE = np.datetime64("2024-01-01")


def lines(order: tuple[int, ...] = tuple(range(8)), gaps: bool = True) -> str:
    """A table of an identifier, numbers, a category, a truth, a date, a constant and a class."""
    rows = [["name", '"height, cm"', "count", "colour", "is big", "day", "unit", "class"]]
    for k, size in enumerate(SIZE.tolist()):
        day = BASE + np.timedelta64(int(20 * size) + 100, "D")
        height = "" if gaps and k % 9 == 0 else f"{170 + 10 * size:.1f}"
        colour = ("red", "green", "blue")[int(size > 0) + (k % 7 == 0)]
        colour = "" if gaps and k % 11 == 5 else colour
        big, label = str(size > 0.5), "ab"[size > 0]
        row = [f"n{k:03d}", height, str(int(50 + 9 * size)), colour, big, str(day), "m", label]
        rows.append(row)
    return "".join(",".join(row[j] for j in order) + "\n" for row in rows)


def settings(path: Path, **more: Any) -> Settings:
    given = {"epochs": 30, "widths": [6, 3], "steps_per_block": 2, "precision": "float64"}
    return Settings(data=str(path), **{"missing": "mask", **given, **more})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("columns")
    (folder / "t.csv").write_text(lines())
    train(settings(folder / "t.csv", epochs=600), folder / "run")
    return folder


def call(*arguments: Any) -> int:
    before = sys.argv
    sys.argv = ["autoencodes", *map(str, arguments)]
    try:
        main()
        return 0
    except SystemExit as done:
        return int(done.code or 0)
    finally:
        sys.argv = before


def given(run: Path, name: str = "t.csv") -> datasets.Table:
    """A table as the run's model takes it."""
    table = apply_to(RunFolder.open(run / "run"), str(run / name)).table
    assert table is not None
    return table


def columns_of(path: Path) -> dict[str, list[str]]:
    head, *rows = csv.reader(path.read_text().splitlines())
    return dict(zip(head, map(list, zip(*rows, strict=True)), strict=True))


def test_kinds_are_recognised_and_kept_in_the_run(run: Path) -> None:
    folder = RunFolder.open(run / "run")
    record, encoding = folder.record, folder.model.encoding
    assert record is not None
    assert encoding is not None
    assert record == folder.model.record
    kinds = {column.name: column.kind for column in encoding.columns}
    assert kinds == {
        "height, cm": "number",
        "count": "number",
        "colour": "category",
        "is big": "boolean",
        "day": "date",
        "unit": "constant",
    }
    assert (record.rows, record.label, record.others) == (ROWS, "class", ("name",))
    assert encoding.groups == ((2, 3), (5, 2))
    part = record.part_of_rows()
    assert part is not None
    assert [int((part == k).sum()) for k in range(3)] == [42, 6, 12]
    metrics = folder.metrics
    assert metrics["validation_rows"] == 6
    assert metrics["validation_mse"] > 0
    assert "validation_mse" in folder.history[-1]
    assert "test_mse" not in folder.history[-1]


def test_reconstruction_has_names_kinds_and_identifiers(run: Path) -> None:
    out = run / "made.csv"
    assert call("reconstruct", run / "run", run / "t.csv", "-o", out) == 0
    made, before = columns_of(out), columns_of(run / "t.csv")
    assert list(made) == ["name", "height, cm", "count", "colour", "is big", "day", "unit"]
    assert made["name"] == before["name"]
    assert set(made["colour"]) <= {"red", "green", "blue"}
    assert set(made["is big"]) <= {"True", "False"}
    assert set(made["unit"]) == {"m"}
    assert all(value.isdigit() for value in made["count"])
    assert all(str(np.datetime64(day)) == day for day in made["day"])
    right = np.mean([a == b for a, b in zip(made["is big"], before["is big"], strict=True)])
    assert right > 0.8


def test_the_order_of_columns_and_what_is_no_feature_do_not_matter(run: Path) -> None:
    model = RunFolder.open(run / "run").model
    (run / "other.csv").write_text(lines((7, 5, 3, 0, 6, 2, 1, 4)))
    tables = [
        apply_to(RunFolder.open(run / "run"), str(run / n)).table for n in ("t.csv", "other.csv")
    ]
    np.testing.assert_array_equal(*(model.encode(table).latent for table in tables))
    assert all(list(table.identifiers) == ["name"] for table in tables)


@pytest.mark.parametrize(
    ("old", "new", "facts"),
    [
        ("count", "counts", ["no column 'count'", "did you mean 'counts'"]),
        ("unit", "unit,more", ["expected 9 fields"]),
        ("green", "gren", ["line", "colour", "'gren'"]),
    ],
)
def test_other_columns_and_levels_are_refused(
    run: Path, old: str, new: str, facts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "bad.csv").write_text(lines().replace(old, new, 1))
    assert call("score", run / "run", run / "bad.csv") == 2
    said = capsys.readouterr().err
    assert all(fact in said for fact in facts), said


def test_a_new_column_is_refused_by_its_name(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "".join(f"{line},{k if k else 'more'}\n" for k, line in enumerate(lines().splitlines()))
    (run / "new.csv").write_text(text)
    assert call("score", run / "run", run / "new.csv") == 2
    assert "without a column 'more'" in capsys.readouterr().err


def test_imputation_fills_what_is_missing_and_nothing_else(run: Path) -> None:
    out = run / "filled.csv"
    assert call("impute", run / "run", run / "t.csv", "-o", out) == 0
    before, filled = columns_of(run / "t.csv"), columns_of(out)
    assert list(filled) == list(before)
    for name, values in before.items():
        for old, new in zip(values, filled[name], strict=True):
            assert new
            if old and name == "height, cm":
                assert float(new) == float(old)
            elif old:
                assert new == old
    heights = 170 + 10 * SIZE[::9]
    error = np.array([float(v) for v in filled["height, cm"][::9]]) - heights
    assert np.median(abs(error)) < 0.3 * np.std(heights)  # one of few rows may be far out


def test_what_was_not_observed_does_not_count(run: Path) -> None:
    model = RunFolder.open(run / "run").model
    table = given(run)
    errors, by_column = model.errors(table), model.column_errors(table)
    gone = table.missing
    assert gone is not None
    heights = table.names.index("height, cm")
    assert (by_column["height, cm"][gone[:, heights]] == 0).all()
    counted = (~gone).astype(float) @ np.array([1, 1, 3, 2, 1, 0])
    np.testing.assert_allclose(sum(by_column.values()) / counted, errors, rtol=1e-12)
    folder = RunFolder.open(run / "run")
    part = folder.record.part_of_rows()  # type: ignore[union-attr]
    np.testing.assert_allclose(errors[part == 2].mean(), folder.metrics["test_mse"], rtol=1e-9)


def test_hidden_copies_keep_their_targets(run: Path) -> None:
    folder = RunFolder.open(run / "run")
    model = folder.model
    assert model.encoding is not None
    data = model.encoding.entered(apply_to(folder, str(run / "t.csv")))
    rows = data.rows("train")
    assert data.observed is not None
    train_measure = model.paired(model.enter(data.x[rows]), None, data.observed[rows])
    learned = with_holes(model, data, train_measure, seed=0)
    assert learned.size == 5 * train_measure.size
    count = train_measure.size
    np.testing.assert_array_equal(learned.x[:count], train_measure.x)
    for copy in range(1, 5):
        own = slice(copy * count, (copy + 1) * count)
        np.testing.assert_array_equal(learned.y[own], train_measure.y)
        assert (np.asarray(learned.x[own]) != np.asarray(train_measure.x)).any()


def test_frames_come_back_as_frames(run: Path) -> None:
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    model = RunFolder.open(run / "run").model
    frame = pandas.read_csv(run / "t.csv", index_col="name")
    made = model.reconstruct(frame)
    assert isinstance(made, pandas.DataFrame)
    assert [*made.columns, "class"] == list(frame.columns)
    assert (made.index == frame.index).all()
    assert made["count"].dtype == "int64"
    np.testing.assert_allclose(model.errors(frame), model.errors(given(run)), rtol=1e-12)
    filled = model.impute(polars.read_csv(run / "t.csv", try_parse_dates=True))
    assert isinstance(filled, polars.DataFrame)
    assert filled["height, cm"].null_count() == 0


def test_changed_data_are_refused_and_moved_ones_taken(run: Path, tmp_path: Path) -> None:
    text = lines(gaps=False)
    (tmp_path / "a.csv").write_text(text)
    own = settings(tmp_path / "a.csv", missing="refuse", epochs=2)
    train(own, tmp_path / "run")
    os.rename(tmp_path / "a.csv", tmp_path / "b.csv")
    with pytest.raises(InputError, match=r"not there any more.*--data PATH"):
        certify(tmp_path / "run", seconds=0.1)
    certify(tmp_path / "run", data=tmp_path / "b.csv", seconds=0.1)
    (tmp_path / "a.csv").write_text(text.replace("red", "blue", 1))
    with pytest.raises(InputError, match=r"not what .* trained on: other values in 'colour'"):
        certify(tmp_path / "run", seconds=0.1)
    assert call("score", tmp_path / "run", tmp_path / "a.csv") == 2
    assert call("score", tmp_path / "run", tmp_path / "a.csv", "--as-new") == 0
    (tmp_path / "a.csv").write_text("\n".join(text.splitlines()[:-1]) + "\n")
    with pytest.raises(InputError, match="59 rows instead of 60"):
        certify(tmp_path / "run", seconds=0.1)


def test_an_interrupted_run_goes_on_from_any_folder_on_the_same_data_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text(lines(gaps=False))
    monkeypatch.chdir(tmp_path)
    own = settings(Path("a.csv"), missing="refuse", epochs=6)
    whole = train(own, tmp_path / "whole")
    stopped = iter([False, True])
    train(own, tmp_path / "part", stop=lambda: next(stopped, True))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "a.csv").write_text(lines(gaps=False).replace("red", "blue", 1))
    with pytest.raises(InputError, match="other values in 'colour'"):
        resume("../part")
    (tmp_path / "a.csv").write_text(lines(gaps=False))
    outcome = resume("../part")
    assert outcome.folder.finished
    for name in ("model", "history"):
        a, b = getattr(outcome.folder, name), getattr(whole.folder, name)
        if name == "history":
            assert [line["objective"] for line in a] == [line["objective"] for line in b]
        else:
            assert all(
                (x[k] == y[k]).all() for x, y in zip(a.control, b.control, strict=True) for k in x
            )


def test_values_come_out_in_the_precision_of_the_data(tmp_path: Path) -> None:
    times = 1_700_000_000 + np.arange(60) % 31
    x = np.column_stack([times, RANDOM.normal(size=60) * 1e60, RANDOM.integers(0, 9, 60)])
    path = tmp_path / "t.csv"
    rows = "".join(f"{int(a)},{b!r},{int(c)}\n" for a, b, c in x.tolist())
    path.write_text(f"time,huge,small\n{rows}")
    outcome = train(Settings(data=str(path), epochs=300, widths=[3, 2]), tmp_path / "run")
    assert outcome.folder.model.dtype == np.float32
    assert call("reconstruct", tmp_path / "run", path, "-o", tmp_path / "r.csv") == 0
    made = columns_of(tmp_path / "r.csv")
    seconds = np.array([int(v) for v in made["time"]])
    assert len(set(seconds.tolist())) > 10
    assert abs(seconds - times).max() < 60
    huge = np.array([float(v) for v in made["huge"]])
    assert np.isfinite(huge).all()
    assert 1e58 < abs(huge).max() < 1e62
    assert set(made["small"]) <= set(map(str, range(-5, 15)))


def test_describe_says_what_would_be_done(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("describe", run / "t.csv") == 0
    said = capsys.readouterr()
    assert "60 rows" in said.out
    for name, kind in (("colour", "category"), ("day", "date"), ("unit", "constant")):
        assert any(name in line and kind in line for line in said.out.splitlines())
    assert "--missing mask" in said.err
    assert "'name'" in said.err
    assert not (run / "runs").exists()


def test_a_dry_run_writes_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(run.rglob("*"))
    code = call("train", run / "t.csv", "--missing", "mask", "--dry-run", "--out", run / "dry")
    assert code == 0
    said = capsys.readouterr().out
    assert "tikhonov =" in said
    last = said.splitlines()[-1]
    needs = r"here about (\d+ min )?\d+ s and at most about [\d,]+ MiB of memory"
    assert re.fullmatch(rf"# [\d,]+ parameters, [\d.,e-]+ GFLOP an epoch; {needs}", last)
    assert sorted(run.rglob("*")) == before


@pytest.mark.parametrize("data", ["parabola", "digits"])
def test_built_in_data_have_a_dry_run(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", data, "--epochs", "2", "--dry-run") == 0
    assert "# " in capsys.readouterr().out.splitlines()[-1]


def test_the_same_table_gives_the_same_model_from_another_process(run: Path) -> None:
    program = (
        "import sys, autoencodes as ac\n"
        "from autoencodes.run import RunFolder\n"
        "from autoencodes.run.source import apply_to\n"
        "table = apply_to(RunFolder.open('run'), 't.csv').table\n"
        "print(ac.load('run').encode(table).latent.sum().hex())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "JAX_ENABLE_X64": "0"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=run, env=environment, capture_output=True, text=True
    )
    model = ac.load(run / "run")
    table = given(run)
    assert done.stdout.strip() == float(model.encode(table).latent.sum()).hex(), done.stderr


def test_the_record_is_readable(run: Path) -> None:
    kept = json.loads((run / "run" / "data.json").read_text())
    assert kept["rows"] == ROWS
    assert len(kept["sha256"]) == 64
    assert Path(kept["path"]).is_absolute()
    assert {c["name"] for c in kept["columns"]} >= {"colour", "day"}
    again = datasets.Record.of(
        datasets.load(run / "t.csv", reading=datasets.Reading(missing="mask")).table, "x", None
    )
    assert again.sha256 == kept["sha256"]


def test_mask_hides_values_of_a_table_without_gaps_too(tmp_path: Path) -> None:
    """The rule counts the copies with holes: of 80 rows it takes mini-batches that need them."""
    from autoencodes.run.job import prepare

    path = tmp_path / "plain.csv"
    rows = np.random.default_rng(1).normal(size=(80, 3))
    np.savetxt(path, rows, delimiter=",", header="a,b,c", comments="")
    given = Settings(data=str(path), missing="mask", epochs=1, latent=1)
    job = prepare(given, choosing=False)
    assert job.learned.size > job.train.size
    assert job.plan.batch_size < job.learned.size


def test_prices_and_shares_come_back_as_they_were_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a German export to every result, with gaps to fill and negative amounts."""

    def price(size: float) -> str:
        text = f"{1000 + 900 * size:,.2f} EUR"
        return text.translate(str.maketrans(",.", ".,"))

    rows = [["price", "share", "weight"]]
    for k, size in enumerate(SIZE.tolist()):
        gap = k % 10 == 3
        rows.append(["" if gap else price(size), f"{20 + 5 * size:.1f} %", f"{10 + size:.2f}"])
    path = tmp_path / "prices.csv"
    path.write_text("\n".join(";".join(row).replace(".0 %", " %") for row in rows) + "\n")
    train(settings(path, widths=[3, 1], epochs=200), tmp_path / "run")
    run, out = tmp_path / "run", tmp_path / "out.csv"
    for verb in ("impute", "reconstruct"):
        assert call(verb, run, path, "-o", out) == 0
        made = columns_of(out)
        assert all(re.fullmatch(r"-?[\d.]+,\d\d EUR", value) for value in made["price"])
        assert all(re.fullmatch(r"[\d.]+ %", value) for value in made["share"])
        if verb == "impute":
            kept = [(row[0], v) for row, v in zip(rows[1:], made["price"], strict=True) if row[0]]
            assert all(a == b for a, b in kept)
            [filled] = [v for row, v in zip(rows[4:5], made["price"][3:4], strict=True)]
            error = float(filled[:-4].replace(".", "").replace(",", ".")) - (1000 + 900 * SIZE[3])
            assert abs(error) < 400
        # What was written is read as the same rows.
        assert call("score", run, out, "-o", tmp_path / "score.csv") == 0
    said = capsys.readouterr().err
    assert "spreadsheet" not in said  # an amount below zero is no formula
    other = tmp_path / "dollars.csv"
    other.write_text(path.read_text().replace("EUR", "USD"))
    assert call("score", run, other, "-o", out) != 0
    assert "expected a number as '#.##0,00 EUR', got" in capsys.readouterr().err
    assert call("export", run, "--to", "numpy", "-o", tmp_path / "prices.py") == 0
