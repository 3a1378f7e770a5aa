"""What a certificate promises of new rows: against counts over many of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoencodes.certificate.new_rows import NewRows, _proportion, _within
from autoencodes.plan.settings import Settings
from autoencodes.report import report
from autoencodes.run import RunFolder, train
from autoencodes.run.certify import certify


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs on a table with gaps, on its rows alone, and on classes."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    lines, plain = ["who,a,b,sort,day,count,label"], ["a,b,label"]
    for k in range(200):
        a = rng.normal()
        b = a + 0.1 * rng.normal()
        gone = "" if k % 9 == 0 else f"{100 * b:.2f}"
        sort, day = ("red", "blue")[k % 2], f"2024-0{k % 9 + 1}-11"
        lines.append(f"p{k},{a:.3f},{gone},{sort},{day},{k % 7},{'up' if a > 0 else 'down'}")
        plain.append(f"{a:.3f},{b:.3f},{'up' if a > 0 else 'down'}")
    (folder / "t.csv").write_text("\n".join(lines))
    (folder / "plain.csv").write_text("\n".join(plain))
    small: dict[str, Any] = {"epochs": 20, "steps_per_block": 2, "method": "adam", "latent": 2}
    small |= {"test_fraction": 0.4}
    kinds = {"kinds": ("who=identifier",), "drop": ("label",)}
    train(Settings(data=str(folder / "t.csv"), missing="mask", **kinds, **small), folder / "table")
    data = str(folder / "plain.csv")
    train(Settings(data=data, target="classes", **small | {"latent": None}), folder / "classes")
    return folder


def test_nine_in_ten_new_errors_are_within_what_is_said() -> None:
    rng = np.random.default_rng(0)
    held = []
    for _ in range(2000):
        errors = rng.exponential(size=20)
        said = _within("a", errors[:-1], errors[:-1], repr).within
        held.append(errors[-1] <= float(str(said)))
    assert 0.88 < np.mean(held) < 0.97  # 18 of 19: in 0.9 to 0.95
    assert _within("a", errors[:8], errors[:8], repr).within is None


@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
def test_a_share_lies_in_its_interval(share: float) -> None:
    hits = np.random.default_rng(1).binomial(30, share, 2000)
    low, high = np.transpose([_proportion(int(k), 30) for k in hits])
    assert np.mean((low <= share) & (share <= high)) >= 0.945


def test_a_table_is_judged_by_its_columns_in_their_own_units(runs: Path) -> None:
    made, path = certify(runs / "table", seconds=0.1)
    known = made.new_rows
    assert isinstance(known, NewRows)
    named = {column.name: column for column in known.columns}
    assert set(named) == {"a", "b", "sort", "day", "count"}
    folder = RunFolder.open(runs / "table")
    # The error is the run's own, and so are the columns.
    assert known.error.value == pytest.approx(folder.metrics["test_mse"], rel=1e-5)
    assert known.rows == folder.metrics["test_rows"] == 80
    assert named["b"].rows < 80  # gaps do not count
    assert str(named["day"].within).endswith("days")
    assert named["sort"].within is None
    assert 0 <= named["sort"].right <= 1  # type: ignore[operator]
    assert float(str(named["b"].within)) > 10 * float(str(named["a"].within)) / 2
    said = made.lines()
    assert said[0].startswith("In practice: new rows")
    assert said[1].startswith("By column: a within ")
    assert "; each in at least 9 of 10 new rows. Categories: sort right in " in said[1]
    assert said[2].startswith("In theory: ")
    assert not {"cost", "PMP residual", "control"} & set(said[0].replace(",", "").split())
    # Copies with more hidden are no rows: what is compared with test rows are rows as they came.
    assert made.copies == 4
    assert made.particles == 5 * folder.metrics["train_rows"]
    assert "and 4 copies of each with more values hidden" in said[2]
    held = json.loads(path.read_text())
    assert held["new_rows"]["columns"][0]["name"] == "a"


def test_classes_are_judged_by_how_many_are_right(runs: Path) -> None:
    made, _ = certify(runs / "classes", seconds=0.1)
    assert made.new_rows is not None
    accuracy = RunFolder.open(runs / "classes").metrics["test_accuracy"]
    low, high = made.new_rows.right or (1, 0)
    assert low < accuracy < high or accuracy == high == 1
    assert "are classified right (95 %); the commonest class is in" in made.lines()[0]


def test_a_report_says_it_first_and_what_it_lacks(runs: Path) -> None:
    pytest.importorskip("matplotlib")
    (runs / "table" / "certificate.json").unlink(missing_ok=True)
    text = report(runs / "table").page.read_text("utf-8")
    assert "autoencodes certify RUN adds it to this page" in text
    assert "autoencodes anomalies RUN DATA --explain adds it to this page" in text
    certify(runs / "table", seconds=0.1)
    text = report(runs / "table").page.read_text("utf-8")
    answer, theory = text.index('<p class="answer">'), text.index("<h4>In theory</h4>")
    assert text.index("<h2>Certificate</h2>") < answer < theory < text.index("<h2>Figures</h2>")
    assert answer < text.index("within", answer) < theory  # the table of columns
    assert theory < text.index("<summary>The figures, one by one</summary>")
    assert "adds it to this page" in text  # the anomalies
    assert "certify RUN adds" not in text
