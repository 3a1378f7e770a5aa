"""Two processes train together by the command line, end together, and go on as any number."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from autoencodes.cli.cluster import WAIT, Meeting
from autoencodes.errors import InputError
from autoencodes.plan.settings import Settings
from autoencodes.run import RunFolder, resume, train

EPOCHS = 150
SMALL = {"latent": 1, "widths": (3, 1), "steps_per_block": 1, "method": "adam"}
OPTIONS = {"learning_rate": 1e-3, "precision": "float64", "batch_size": 20, "epochs": EPOCHS}


def pair(table: Path, out: Path, *more: str) -> list[subprocess.Popen[str]]:
    """The same training as two processes on two devices each."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{probe.getsockname()[1]}"
    words = [sys.executable, "-m", "autoencodes", "train", str(table), "--out", str(out), *more]
    for name, value in {**SMALL, **OPTIONS}.items() if "--resume" not in more else ():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        words += [f"--{name.replace('_', '-')}", text]
    words += ["--coordinator", place, "--processes", "2", "--process"]
    quick = {"JAX_NUM_CPU_DEVICES": "2", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    environment = {**os.environ, **quick}
    return [
        subprocess.Popen([*words, str(k)], stderr=subprocess.PIPE, text=True, env=environment)
        for k in range(2)
    ]


@pytest.mark.slow
def test_two_processes_one_and_two_again_make_one_training(tmp_path: Path) -> None:
    table, out = tmp_path / "made.csv", tmp_path / "run"
    rows = np.random.default_rng(0).normal(size=(81, 3))
    np.savetxt(table, rows, delimiter=",", header="a,b,c", comments="")

    first = pair(table, out)
    saved, deadline = out / "checkpoint" / "state.safetensors", time.monotonic() + 120
    while not saved.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    first[1].send_signal(signal.SIGKILL)
    said = first[0].communicate(timeout=60)[1]
    first[1].communicate(timeout=60)
    assert first[0].returncode == 1
    assert "another process of this training has ended" in said
    assert "--resume" in said
    assert "Traceback" not in said

    asked = iter([False, True])
    alone = resume(out, stop=lambda: next(asked, True))
    assert alone.metrics["interrupted"]

    last = pair(table, out, "--resume")
    ends = [process.communicate(timeout=200)[1] for process in last]
    assert [process.returncode for process in last] == [0, 0], ends
    calm = train(Settings(data=str(table), **SMALL, **OPTIONS), tmp_path / "calm")
    found = RunFolder(out).metrics
    for name in ("objective", "train_mse", "test_mse", "pca_test_mse"):
        assert found[name] == pytest.approx(calm.metrics[name], rel=1e-10)
    assert [line["step"] for line in RunFolder(out).history] == [
        line["step"] for line in calm.folder.history
    ]


def test_a_meeting_is_whole_or_refused() -> None:
    assert Meeting.of(False, None, None, None, None) is None
    assert Meeting.of(True, None, None, None, 9) == Meeting(None, None, None, 9)
    assert Meeting.of(False, "node-1:9900", 2, 1, None) == Meeting("node-1:9900", 2, 1, WAIT)
    for given, said in (
        (("node-1:9900", None, None, 9), "no --processes and no --process"),
        (("node-1", 2, 0, 9), "HOST:PORT"),
        (("node-1:9900", 2, 2, 9), "below 2"),
        ((None, None, None, 9), "--wait is for processes"),
    ):
        with pytest.raises(InputError, match=said):
            Meeting.of(False, *given)


def test_processes_that_do_not_meet_or_are_not_told_alike_say_so(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "autoencodes", "train", "moons", "--processes", "2"]
    alone = [*words, "--process", "1", "--coordinator", "nowhere.invalid:9900", "--wait", "1"]
    ended = subprocess.run(alone, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert ended.returncode == 1
    assert "have not met within 1 s at nowhere.invalid:9900. Check" in ended.stderr
    assert "nowhere.invalid is not known on this machine" in ended.stderr
