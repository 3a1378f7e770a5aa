"""The verbs of experiments and reports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from test_cli import call

from autoencodes.cli.app import INTERRUPTED
from autoencodes.cli.interruption import terminated_by_interrupt
from autoencodes.experiments import EXPERIMENTS
from autoencodes.experiments.classification import problem as classification


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The natural classification, for a moment."""
    settings = classification.ClassificationSettings(
        blocks=((2, 1, 2),), seeds=(0,), particles=50, fresh=60, steps=4, starts=1
    )
    known = EXPERIMENTS["classification-natural"]
    small = replace(known, full=settings, quick=settings)
    monkeypatch.setitem(EXPERIMENTS._members, "classification-natural", small)


def test_experiments_are_listed_with_what_they_take(capfd: pytest.CaptureFixture[str]) -> None:
    assert call("experiments") == 0
    said = capfd.readouterr().out
    for name, entry in EXPERIMENTS.entries.items():
        assert name in said
        assert entry.help in said
        assert f"{entry.facts['full']}; --quick: {entry.facts['quick']}" in said
    EXPERIMENTS.register("walk", "it has no times")(object())
    try:
        assert call("experiments") == 2
    finally:
        EXPERIMENTS.remove("walk")
    assert "experiment walk: register it with full= and quick=" in capfd.readouterr().err


@pytest.mark.usefixtures("tiny")
def test_an_experiment_writes_its_report_and_is_redrawn(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert call("experiment", "classification-natural", "--out", out, "--animate") == 0
    said = capfd.readouterr()
    assert "fresh particles" in said.out
    assert f"results in {out}: report.html with 2 figures, 1 animation beside them" in said.err
    assert "part 1 of 2: natural, 2/1/2, seed 0" in said.err
    assert (out / "figures" / "flow-1.gif").read_bytes().startswith(b"GIF8")
    page = (out / "report.html").read_bytes()
    for path in out.rglob("*.p*"):
        path.unlink()
    assert call("report", out) == 0
    assert (out / "report.html").read_bytes() == page
    assert (out / "figures" / "particles-2-1-2.pdf").exists()
    assert capfd.readouterr().out.split()[-1] == str(out / "report.html")


@pytest.mark.usefixtures("tiny")
def test_all_experiments_run_one_after_the_other(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in its folder; what one lacks stops no other, and is told at the end."""
    monkeypatch.setattr(
        type(EXPERIMENTS), "__iter__", lambda self: iter(["mnist", "classification-natural"])
    )
    code = call("experiment", "all", "--quick", "--data-dir", tmp_path, "--out", tmp_path / "all")
    said = capfd.readouterr()
    assert code == 1
    assert "without results: mnist" in said.err
    assert (tmp_path / "all" / "classification-natural" / "report.html").is_file()
    assert "fresh particles" in said.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["experiment", "parabla"], "experiment must be one of"),
        (["experiment", "classification-natural", "--mp4"], "needs the program ffmpeg"),
        (["report", "nowhere"], "neither a run nor an experiment"),
        (["report", "."], "neither a run nor an experiment"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_left(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg there
    assert call(*arguments) == 2
    assert message in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_termination_is_an_interruption_while_an_experiment_runs() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminated_by_interrupt():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.slow
def test_ctrl_c_keeps_the_parts_and_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "autoencodes", "experiment", "classification-natural"]
    process = subprocess.Popen(
        [*command, "--quick", "--out", str(out)], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not list(out.glob("parts/*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == INTERRUPTED, said
    assert f"--quick --out {out}" in said
    assert not (out / "results.safetensors").exists()
