"""Every script in benchmarks/ and every measurement of the suite runs, in its smallest form.

Apart from the tests, which ``pytest`` alone runs: ``pytest tests/smoke``.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from benchmarks.speed import conduct
from benchmarks.speed.measurement import Measurement, Settings
from benchmarks.speed.page import page
from benchmarks.speed.suite import SUITE

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(p for p in (ROOT / "benchmarks").glob("*.py") if not p.stem.startswith("__"))
MEASUREMENTS = [one for one in SUITE if one.name != "programs"]  # of which tests/test_gate.py is
SMOKE = Settings(smoke=True, seconds=0.0, seeds=(0,))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_benchmark_runs(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(script), "--smoke"])
    monkeypatch.syspath_prepend(str(script.parent))
    status: int | str | None = 0
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        status = end.code
    printed = capsys.readouterr()
    assert not status, printed.out + printed.err
    assert printed.out


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda one: one.name)
def test_every_measurement_runs_and_has_its_place_in_the_page(
    measurement: Measurement, tmp_path: Path
) -> None:
    conduct.main(["--smoke", "--seeds", "0", "--only", measurement.name, "--json", f"{tmp_path}/r"])
    result = json.loads((tmp_path / "r").read_text())
    assert list(result["measurements"]) == [measurement.name]
    assert set(result["measurements"][measurement.name]) == set(measurement.parts(SMOKE))
    assert f"\n## {measurement.title}\n" in page(result)
