"""What every test shares: double precision, reproducible properties, and where MNIST lies."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

# Most of the tests' time is the compilation of tiny problems: leave the machine code as it comes,
# from the emitters that compile in half the time, in one piece. (XLA ends the process at a flag
# that it does not know; jaxlib 0.8 to 0.10 know these. Who has another sets XLA_FLAGS.)
# What users run is compiled with all optimisations in .ci/run's last step.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
    " --xla_cpu_parallel_codegen_split_count=1",
)
# And compile the same program once: the workers, and the commands they start, share what the
# first of them compiled. Only the process that made the folder removes it.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="autoencodes-tests-")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

import hypothesis
import jax
import pytest

jax.config.update("jax_enable_x64", True)

# Tracing makes many objects, few of them in cycles, and every collection walks all of JAX's.
gc.set_threshold(200_000, 20, 20)

# A test asserts a law, not a time; and it asserts the same cases on every machine.
hypothesis.settings.register_profile(
    "autoencodes", deadline=None, derandomize=True, print_blob=True, database=None
)
hypothesis.settings.load_profile("autoencodes")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder that holds MNIST, or a skip that says how to provide it."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("AUTOENCODES_DATA", beside))
    if not (folder / "mnist").is_dir() and not (folder / "train-images-idx3-ubyte.gz").is_file():
        pytest.skip("MNIST is absent: set AUTOENCODES_DATA to the folder that holds it")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _freeze() -> None:
    """What the tests have imported stays; no collection need walk it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _forget_compiled() -> Iterator[None]:
    """Compiled programs take memory maps, of which a process may have some 65,000: each module
    begins without those of the ones before it. Within one they are kept."""
    from autoencodes import precision

    precision._FEWEST_PROGRAMS = 10**6
    yield
    jax.clear_caches()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """With --durations: the seconds of every file too, and what should be marked and is not."""
    if terminalreporter.config.getoption("durations") is None:
        return
    files: Counter[str] = Counter()
    unmarked: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                files[report.location[0]] += report.duration
                if "slow" not in report.keywords:
                    unmarked[report.nodeid] += report.duration
    terminalreporter.section("seconds by file")
    for name, seconds in files.most_common():
        terminalreporter.write_line(f"{seconds:8.1f} {name}")
    terminalreporter.section("not marked slow: more than 5 seconds")
    for name, seconds in unmarked.most_common():
        if seconds > 5:
            terminalreporter.write_line(f"{seconds:8.1f} {name}")
