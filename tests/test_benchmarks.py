"""Every script in benchmarks/ and every measurement of the suite runs, in its smallest form."""

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

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(p for p in (ROOT / "benchmarks").glob("*.py") if not p.stem.startswith("__"))
MEASUREMENTS = [one for one in SUITE if one.name != "programs"]  # of which tests/test_gate.py is
SMOKE = Settings(smoke=True, seconds=0.0, seeds=(0,))


@pytest.mark.slow
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
    assert not status, printed.err
    assert printed.out


@pytest.mark.slow
@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda one: one.name)
def test_every_measurement_runs_and_has_its_place_in_the_page(
    measurement: Measurement, tmp_path: Path
) -> None:
    conduct.main(["--smoke", "--seeds", "0", "--only", measurement.name, "--json", f"{tmp_path}/r"])
    result = json.loads((tmp_path / "r").read_text())
    assert list(result["measurements"]) == [measurement.name]
    assert set(result["measurements"][measurement.name]) == set(measurement.parts(SMOKE))
    assert f"\n## {measurement.title}\n" in page(result)


def test_the_page_of_speed_is_what_was_measured() -> None:
    """After a change: ``python -m benchmarks page docs/measurements/performance.json``."""
    result = json.loads((ROOT / "docs" / "measurements" / "performance.json").read_text())
    assert (ROOT / "docs" / "measurements" / "performance.md").read_text() == page(result)


def _measured(seconds: float) -> list[dict[str, float]]:
    return [{"seconds": seconds}]


def test_an_interruption_keeps_what_was_measured_and_a_run_replaces_its_parts_alone(
    tmp_path: Path,
) -> None:
    def interrupted() -> list[dict[str, float]]:
        raise KeyboardInterrupt

    file = tmp_path / "r.json"
    one = Measurement("one", "One", lambda settings: {}, lambda parts: "")
    with pytest.raises(KeyboardInterrupt):
        conduct.conduct(
            [(one, "one/a", lambda: _measured(1.0)), (one, "one/b", interrupted)], SMOKE, file
        )
    conduct.conduct([(one, "one/c", lambda: _measured(3.0))], SMOKE, file)
    conduct.conduct([(one, "one/c", lambda: _measured(4.0))], SMOKE, file)
    result = json.loads(file.read_text())
    rows = {name: part["rows"] for name, part in result["measurements"]["one"].items()}
    assert rows == {"a": _measured(1.0), "c": _measured(4.0)}
    assert len(result["machines"]) == 1


def test_a_measurement_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        conduct.main(["--smoke", "--only", "programs,stap"])
    assert "stap" in capsys.readouterr().err


def test_what_fails_is_said_and_the_rest_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(conduct, "rate", lambda side: 1e9)

    def failing() -> list[dict[str, float]]:
        raise RuntimeError("no compiler here")

    one = Measurement("one", "One", lambda settings: {}, lambda parts: "")
    file, real = tmp_path / "r.json", Settings(seconds=0.0)
    with pytest.raises(SystemExit, match="not measured: one/a"):
        conduct.conduct(
            [(one, "one/a", failing), (one, "one/b", lambda: _measured(2.0))], real, file
        )
    assert "no compiler here" in capsys.readouterr().err
    assert list(json.loads(file.read_text())["measurements"]["one"]) == ["b"]
