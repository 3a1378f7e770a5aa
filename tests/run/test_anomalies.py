"""The verb ``anomalies``: what it writes and says, and what it refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import autoencodes as ac
from autoencodes.anomaly import Outside, repair
from autoencodes.cli.app import app
from autoencodes.plan.settings import Settings
from autoencodes.report import report
from autoencodes.run import RunFolder, source, train, worst
from autoencodes.run import anomalies as run_anomalies
from autoencodes.run.anomalies import FILE

NAMES = ("items", "price", "total", "land")


def _write(path: Path, odd: bool) -> Path:
    rng = np.random.default_rng(1)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "items", "price", "total", "land"])
        for k in range(160):
            items, price = int(rng.integers(1, 9)), float(rng.uniform(5, 40))
            total = items * price * (10 if odd and k == 7 else 1)
            shown = "" if k % 20 == 3 else f"{price:.2f}"
            writer.writerow([f"A-{k}", items, shown, f"{total:.2f}", ["DE", "FR", "IT"][k % 3]])
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("anomalies")
    data = _write(folder / "orders.csv", odd=True)
    settings = Settings(
        data=str(data), missing="mask", latent=2, epochs=3, tikhonov=1e-3, test_fraction=0.3
    )
    train(settings, folder / "run")
    return folder / "run"


def _invoke(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["anomalies", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_every_row_is_judged_and_explained(run: Path, tmp_path: Path) -> None:
    data, out = run.parent / "orders.csv", tmp_path / "odd.csv"
    said = _invoke(run, data, "-o", out, "--explain")
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == (
        ["name", "row", "score", "p_value", "anomaly", *(f"share of {n}" for n in NAMES), "repair"]
    )
    assert [int(row["row"]) for row in rows] == list(range(160))
    assert rows[7]["name"] == "A-7"
    scores = np.array([float(row["score"]) for row in rows])
    assert scores[7] >= np.sort(scores)[-8]  # of 160, by a model that has hardly learned
    shares = [[float(row[f"share of {n}"]) for n in NAMES] for row in rows]
    np.testing.assert_allclose(np.sum(shares, axis=1), scores, rtol=1e-6)
    assert all(0 < float(row["p_value"]) <= 1 for row in rows)
    assert "promised" in said
    assert "trained on" in said
    assert "row 7 (name A-7): score" in said


def test_what_is_needed_is_kept_in_the_run(run: Path, tmp_path: Path) -> None:
    data, out = run.parent / "orders.csv", tmp_path / "odd.csv"
    _invoke(run, data, "-o", out)
    kept = (run / FILE).read_bytes()
    other = _write(tmp_path / "other.csv", odd=False)
    aside = data.rename(tmp_path / "aside.csv")
    try:
        said = _invoke(run, other, "-o", "-")
        assert said.splitlines()[0] == "name,row,score,p_value,anomaly"
        assert (run / FILE).read_bytes() == kept
        (run / FILE).unlink()
        with pytest.raises(ac.InputError, match="not there any more"):
            _invoke(run, other)
        (run / FILE).write_bytes(kept[:100])
    finally:
        aside.rename(data)
    _invoke(run, other)
    assert (run / FILE).read_bytes() == kept


def test_rows_beyond_all_are_pointed_at_though_none_can_be_called(
    run: Path, tmp_path: Path
) -> None:
    lines = (run.parent / "orders.csv").read_text().splitlines()
    odd = lines[1].split(",")
    odd[lines[0].split(",").index("total")] = "90000"
    new = tmp_path / "new.csv"
    new.write_text("\n".join([*lines[:20], ",".join(odd)]) + "\n")
    said = _invoke(run, new)
    assert "0 anomalies at alpha 0.05; but 2 score above every row set apart" in said
    assert "says little here" in said


def test_levels_out_of_range_are_refused(run: Path) -> None:
    data = run.parent / "orders.csv"
    with pytest.raises(ac.InputError, match="alpha"):
        _invoke(run, data, "--alpha", "1.5")


def test_the_report_shows_the_worst_rows(run: Path) -> None:
    pytest.importorskip("matplotlib")
    page, kept = run / "report.html", run / worst.FILE
    report(run)
    assert "<h2>Anomalies</h2>" not in page.read_text()
    assert CliRunner().invoke(app, ["report", str(run)]).exit_code == 0
    found = worst.kept(RunFolder(run))
    assert found is not None
    assert len(found.rows) == 10
    scores = [odd.score for odd in found.rows]
    assert scores == sorted(scores, reverse=True)
    assert {odd.p_value is None for odd in found.rows if odd.part != "test"} <= {True}
    assert all(0 < (odd.p_value or 1) <= 1 and odd.columns for odd in found.rows)
    text = page.read_text()
    assert "<h2>Anomalies</h2>" in text
    assert "of the table that was trained on" in text
    assert all(f"<strong>{odd.name}</strong>" in text for odd in found.rows)
    whole = kept.read_text()
    kept.write_text(whole.replace(worst.fingerprint(RunFolder(run).model), "another"))
    assert worst.kept(RunFolder(run)) is None
    kept.write_text(whole[:200])
    with pytest.raises(ac.InputError, match="remove it, and it is made anew"):
        report(run)
    data = run.parent / "orders.csv"
    aside = data.rename(run.parent / "aside.csv")
    try:
        kept.write_text(whole)
        assert "no new anomalies" in CliRunner().invoke(app, ["report", str(run)]).output
        assert page.read_text() == text
    finally:
        aside.rename(data)


def test_the_report_shows_the_worst_of_rows_that_were_judged(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page = report(run).page
    lines = (run.parent / "orders.csv").read_text().splitlines()
    lines[12] = lines[12].rsplit(",", 1)[0] + ",XX"
    data = tmp_path / "new & odd.csv"
    data.write_text("\n".join(lines))
    before = page.read_text()
    _invoke(run, data)
    assert page.read_text() == before  # without reasons there is nothing to show
    said = _invoke(run, data, "--explain")
    assert f"wrote {page}" in said
    found = worst.kept(RunFolder(run), worst.NEW)
    assert found is not None
    assert found.source == "new & odd.csv"
    assert {odd.part for odd in found.rows} == {"new"}
    assert all(odd.p_value is not None and odd.columns for odd in found.rows)
    strange = next(odd for odd in found.rows if odd.name == "name A-11")
    assert strange.columns[0].name == "land"
    assert "land" in [guilty.name for guilty in strange.columns]
    assert "a new value" in [guilty.value for guilty in strange.columns]
    text = page.read_text()
    assert "<h2>Anomalies in new &amp; odd.csv</h2>" in text
    assert found.called.split("\n")[0][:9] in text.replace("Rows", "rows")
    # Rows of the run's own table are known: of those that trained there is no p-value.
    _invoke(run, run.parent / "orders.csv", "--explain")
    found = worst.kept(RunFolder(run), worst.NEW)
    assert found is not None
    assert {odd.p_value is None for odd in found.rows if odd.part != "test"} <= {True}
    (run / worst.NEW).unlink()


def test_a_level_never_seen_is_judged_as_one_that_no_ordinary_row_has(
    run: Path, tmp_path: Path
) -> None:
    lines = (run.parent / "orders.csv").read_text().splitlines()
    lines[12] = lines[12].rsplit(",", 1)[0] + ",XX"
    data, out = tmp_path / "new.csv", tmp_path / "odd.csv"
    data.write_text("\n".join(lines))
    said = _invoke(run, data, "-o", out, "--explain")
    assert "'land' has values that the model has never seen ('XX')" in said
    with out.open() as file:
        rows = list(csv.DictReader(file))
    shares = {name: float(rows[11][f"share of {name}"]) for name in NAMES}
    assert max(shares, key=lambda name: shares[name]) == "land"
    scores = [float(row["score"]) for row in rows]
    assert np.argsort(scores)[::-1].tolist().index(11) < 8  # as above
    assert sum(shares.values()) == pytest.approx(scores[11], rel=1e-6)
    folder = RunFolder.open(run)
    detector = run_anomalies.detector(folder)
    table = source.apply_to(folder, str(data), unseen=True).table
    assert detector.score(table) == pytest.approx(scores)
    (mended,) = repair(detector, table.taken(np.array([11])), 0.0)
    assert mended.changes["land"][0] == "a new value"
    with pytest.raises(ac.InputError, match=r"expected one of DE, FR, IT; got 'XX'.*anomalies"):
        source.apply_to(folder, str(data))


def test_columns_in_another_unit_are_named(run: Path, tmp_path: Path) -> None:
    with (run.parent / "orders.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["total"] = f"{float(row['total']) * 1e6:.2f}"
    data = tmp_path / "cents.csv"
    with data.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    said = _invoke(run, data)
    assert "total: 160 of 160 values lie outside all that is ordinary to the run" in said
    assert "items:" not in said
    found = run_anomalies.detector(RunFolder.open(run))
    blocks = Outside(found)
    for part in np.array_split(source.apply_to(RunFolder.open(run), str(data)).table.x, 3):
        blocks.add(part)
    assert blocks.sentences(found.model.named.names)[0] in said


def test_of_many_columns_in_another_unit_few_are_named() -> None:
    x = np.random.default_rng(0).normal(size=(60, 30))
    fitted = ac.AnomalyDetector(2, method="adam", epochs=2, batch_size=0, tikhonov=1e-3).fit(x)
    counts = Outside(fitted.detector_)
    counts.add(x + 100)
    said = counts.sentences(fitted.model_.named.names)
    assert len(said) == 6
    assert said[-1] == "most values of 25 more columns lie outside, too"


def test_a_column_that_the_model_does_not_know_can_be_dropped(run: Path, tmp_path: Path) -> None:
    lines = (run.parent / "orders.csv").read_text().splitlines()
    added = [f"{line},{'colour' if k == 0 else k}" for k, line in enumerate(lines)]
    data, out = tmp_path / "more.csv", tmp_path / "out.csv"
    data.write_text("\n".join(added))
    for verb in ("anomalies", "encode", "reconstruct", "impute", "predict", "score"):
        refused = CliRunner().invoke(app, [verb, str(run), str(data), "-o", str(out)])
        assert isinstance(refused.exception, ac.InputError)
        assert "without a column 'colour'; rename it, leave it out (--drop colour)" in str(
            refused.exception
        )
        done = CliRunner().invoke(app, [verb, str(run), str(data), "-o", str(out), "--drop=colour"])
        assert done.exit_code == 0, done.output
        with out.open() as file:
            assert len(list(csv.DictReader(file))) == 160


def test_rows_from_standard_input_are_judged_by_later(tmp_path: Path) -> None:
    data, out = _write(tmp_path / "orders.csv", odd=False), tmp_path / "run"
    quick = ["--missing=mask", "--latent=2", "--epochs=2", "--tikhonov=1e-3", "--test-fraction=0.3"]
    train = ["train", "-", "--out", str(out), *quick]
    assert CliRunner().invoke(app, train, input=data.read_bytes()).exit_code == 0
    assert "160 rows" in _invoke(out, data, "-o", tmp_path / "odd.csv")
    verb = ["certify", str(out), "--seconds", "1"]
    with pytest.raises(ac.InputError, match=r"was not kept .*pipe the same rows .*--data PATH"):
        CliRunner().invoke(app, verb, input=b"", catch_exceptions=False)
