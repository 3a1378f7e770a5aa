"""What the suite of measurements keeps, refuses and writes; tests/smoke runs all of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.speed import conduct
from benchmarks.speed.measurement import Measurement, Settings
from benchmarks.speed.page import page

ROOT = Path(__file__).parents[1]
SMOKE = Settings(smoke=True, seconds=0.0, seeds=(0,))


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
