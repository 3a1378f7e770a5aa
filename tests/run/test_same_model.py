"""The same settings on the same rows give the same model, bit for bit, whatever surrounds them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autoencodes.plan.settings import Settings
from autoencodes.run.train import train

_CHANGED = {
    "JAX_ENABLE_X64": "0",  # the tests have it on
    "PYTHONHASHSEED": "7",
    "LC_ALL": "C",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@pytest.mark.slow
def test_nothing_of_the_surroundings_changes_a_model(tmp_path: Path) -> None:
    data = tmp_path / "täble.csv"
    rows = np.random.default_rng(0).normal(size=(300, 12)) * 10.0 ** np.arange(-6, 6)
    np.savetxt(data, rows, "%.17g", ",", header=",".join(f"c{k}" for k in range(12)), comments="")
    here = train(Settings(data=str(data), epochs=2), tmp_path / "here").folder
    program = "import sys; from autoencodes.cli import main; sys.argv[0] = 'autoencodes'; main()"
    if hasattr(os, "sched_setaffinity"):  # on one core
        program = f"import os; os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}}); {program}"
    command = [sys.executable, "-c", program, "train", str(data), "--out", str(tmp_path / "there")]
    command += ["--epochs", "2"]
    environment = {**os.environ, **_CHANGED}
    done = subprocess.run(command, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    there = tmp_path / "there"
    for name in ("model.safetensors", "components.csv"):
        assert (here.path / name).read_bytes() == (there / name).read_bytes(), name
    machine = json.loads((there / "metrics.json").read_text())["machine"]
    assert machine["OMP_NUM_THREADS"] == "1"
    # A flag of XLA's may change the order of sums: what was set stands in the record.
    assert machine.get("XLA_FLAGS", "") == os.environ.get("XLA_FLAGS", "")
    assert machine["jax_default_prng_impl"] == "threefry2x32"
