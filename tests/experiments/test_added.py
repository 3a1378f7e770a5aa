"""An experiment that is added as CONTRIBUTING.md says is listed, run, drawn and tested."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import autoencodes as ac

ROOT = Path(__file__).parents[2]
PROGRAM = """
import runpy
import sys
from pathlib import Path
from autoencodes.cli import main
from experiments import test_conduct


def call(*arguments):
    sys.argv = ["autoencodes", *arguments]
    try:
        main()
    except SystemExit as end:
        assert not end.code, arguments


call("experiments")
call("experiment", "--help")
call("experiment", "coin", "--quick", "--out", "run")
(over,) = test_conduct.test_every_experiment_is_registered_whole.pytestmark
assert "coin" in over.args[1]
test_conduct.test_every_experiment_is_registered_whole("coin")
tests = runpy.run_path("tests/experiments/test_coin.py")
tests["test_the_mean_settles"](Path("kept"))
"""


def test_the_page_adds_an_experiment(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    package = tmp_path / "autoencodes"
    shutil.copytree(Path(ac.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## Add an experiment")[1]
    files = re.findall(r"^`(\S+\.py)`\n\n```python\n(.*?)```", section, re.S | re.M)
    assert len(files) == 5
    for name, text in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    paths = os.pathsep.join([str(tmp_path), str(ROOT / "tests")])
    here = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "400"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=here, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^coin +How the mean of coin tosses settles at 1/2\n", done.stdout, re.M)
    assert re.search(r"One of [^.]*\bcoin\.", done.stdout)
    assert "After 100 tosses the mean is 0." in done.stdout
    page = (tmp_path / "run" / "report.html").read_text()
    assert "The mean of the first n tosses. Quick run: seed 0, 100 tosses." in page
    assert (tmp_path / "run" / "figures" / "mean.png").exists()
