"""Runs beside each other."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from test_cli import call

from autoencodes.errors import InputError
from autoencodes.plan.settings import Settings
from autoencodes.report.comparison import compare, listed
from autoencodes.run import RunFolder, train


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs on the same rows that differ in λ, and one on other rows of the same file."""
    folder = tmp_path_factory.mktemp("runs")
    rows = np.random.default_rng(0).normal(size=(40, 3))
    np.savetxt(folder / "t.csv", rows, delimiter=",", header="a,b,c", comments="")
    base = {"data": str(folder / "t.csv"), "epochs": 3, "widths": [3, 1], "steps_per_block": 1}
    for name, more in (
        ("one", {"tikhonov": 0.1}),
        ("two", {"tikhonov": 0.2, "scaling": "unit"}),
        ("other", {"tikhonov": 0.1, "test_fraction": 0.5}),
    ):
        train(Settings(**{**base, **more}), folder / name)
    return folder


def test_runs_are_compared_by_results_and_settings(parent: Path, tmp_path: Path) -> None:
    found = compare([parent / "one", parent / "two"])
    names = {row[0]: row[1:] for row in found.settings.rows}
    assert names["tikhonov"] == (0.1, 0.2)
    assert "epochs" not in names
    assert [row[0] for row in found.results.rows] == ["one", "two"]
    column = found.results.columns.index("test error")
    for row, name in zip(found.results.rows, ("one", "two"), strict=True):
        assert row[column] == RunFolder(parent / name).metrics["test_mse"]
    assert any("which have no units" in note for note in found.notes)
    found.write(tmp_path / "both.html")
    page = (tmp_path / "both.html").read_text()
    assert "tikhonov" in page
    assert not re.search(r'(src|href)="http', page)


def test_what_cannot_be_compared_is_said(parent: Path) -> None:
    (note, *_) = compare([parent / "one", parent / "other"]).notes
    assert note == "other tests other rows of the same data than one."
    with pytest.raises(InputError, match="at least two"):
        compare([parent / "one"])
    with pytest.raises(InputError, match="holds no run"):
        compare([parent / "one", parent])


def test_runs_are_listed_with_those_that_cannot_be_read(
    parent: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken, begun = parent / "broken", parent / "begun"
    for folder in (broken, begun):
        folder.mkdir()
        (folder / "config.toml").write_bytes((parent / "one" / "config.toml").read_bytes())
    (broken / "metrics.json").write_text("{")
    table = listed(parent)
    ended = {row[0]: row[table.columns.index("ended")] for row in table.rows}
    assert ended["begun"] == "not yet"
    assert str(ended["broken"]).startswith("cannot be read")
    assert ended["one"] == "budget spent"
    assert call("runs", parent) == 0
    assert "budget spent" in capfd.readouterr().out
    assert call("runs", parent / "one") == 2
    assert call("compare", parent / "one", parent / "begun") == 2
    assert "has not ended" in capfd.readouterr().err
