"""The laws of the pictures: whole, valid, the same bytes for the same run, true to the data."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report.cases import CASES, history, reconstruction, rendered, table

from autoencodes.errors import InputError, MissingExtra
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import Block, WidthSchedule
from autoencodes.model.model import Model
from autoencodes.plan.settings import Settings
from autoencodes.plot.words import number, plain
from autoencodes.report import report
from autoencodes.report.charts.columns import explained
from autoencodes.report.findings import Findings
from autoencodes.run.folder import RunFolder
from autoencodes.run.job import prepare

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")

NAMES = ("loss", "reconstructions", "width", "latent")


def written(path: Path, findings: Findings) -> RunFolder:
    """A real run folder that holds the findings."""
    import jax

    entries = {"method": "movement", "tikhonov": 1e-4, "precision": "float32"}
    folder = RunFolder.create(path, prepare(Settings(data="parabola", **entries)).plan)
    flow = Flow(findings.schedule)
    folder.write_model(Model(flow, flow.init(jax.random.key(0))))
    folder.append_history(findings.history)
    dim, latent = findings.schedule.dim, findings.schedule.latent
    facts = {"steps": 9, "parameters": 9, "dim": dim, "latent": latent, "train_mse": 0.1}
    facts |= {"test_mse": 0.1, "seconds": 1.0, "reason": "budget spent"}
    folder.write_metrics(facts | findings.metrics)
    folder.write_samples(findings.samples)
    return folder


@cache
def drawn(case: str) -> dict[str, bytes]:
    return rendered(CASES[case]())


def require_pictures(files: dict[str, bytes]) -> None:
    """PNG and PDF of every name; the PNG decodes and is small, the PDF has pages and an end."""
    for name, content in files.items():
        if name.endswith(".png"):
            image = Image.open(io.BytesIO(content))
            image.load()
            low, high = image.convert("L").getextrema()
            assert low < 128 < high, f"{name} shows nothing"
            assert 1.0 * 200 <= image.width <= 7.05 * 200
            assert image.height <= 9 * 200
            assert len(content) < 300_000
        else:
            assert content.startswith(b"%PDF-")
            assert content.rstrip().endswith(b"%%EOF")
            assert b"/Type3" not in content
            assert b"nan" not in content


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=[pytest.mark.slow] * (k % 3 > 0)) for k, c in enumerate(CASES)]
)
def test_every_kind_of_run_is_drawn_whole(case: str) -> None:
    files = drawn(case)
    assert list(files) == [f"{name}.{kind}" for name in NAMES for kind in ("png", "pdf")]
    require_pictures(files)


def test_nothing_of_the_picture_is_cut_off() -> None:
    """A frame of white, two pixels wide, runs around every picture."""
    for case in ("digits", "gaussian-sign", "table-100", "moons", "bimodal"):
        for name, content in drawn(case).items():
            if name.endswith(".png"):
                pixels = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
                inner = pixels[2:-2, 2:-2]
                assert pixels.astype(int).sum() - inner.astype(int).sum() == 255 * (
                    pixels.size - inner.size
                ), f"{case}: {name} reaches its edge"


def test_draw_writes_what_it_returns(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", CASES["table-5"]())
    found = report(folder.path)
    assert found.figures == tuple(folder.figures / f"{name}.png" for name in NAMES)
    assert found.page.read_text().count("<img ") == len(NAMES)
    expected = {f"{name}.{kind}" for name in NAMES for kind in ("png", "pdf")}
    assert {path.name for path in folder.figures.iterdir()} == expected
    require_pictures({path.name: path.read_bytes() for path in folder.figures.iterdir()})


@pytest.mark.slow
def test_equal_runs_give_equal_bytes_in_another_process(tmp_path: Path) -> None:
    """Whatever the date, the hash seed, the user's settings and the backend."""
    script = (
        "import hashlib\n"
        "from report.cases import CASES\n"
        "from report.cases import rendered\n"
        "files = rendered(CASES['moons']())\n"
        "print(hashlib.sha256(b''.join(files.values())).hexdigest())\n"
    )
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nsavefig.facecolor: red\n")
    settings = {"MATPLOTLIBRC": str(tmp_path), "MPLBACKEND": "svg", "PYTHONHASHSEED": "2"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **settings, "PYTHONPATH": os.pathsep.join(["tests", "."])},
        capture_output=True,
        text=True,
        check=True,
    )
    here = hashlib.sha256(b"".join(drawn("moons").values())).hexdigest()
    assert done.stdout.strip() == here


def test_no_date_and_no_program_in_the_files() -> None:
    for content in drawn("faces").values():
        assert not re.search(rb"CreationDate|ModDate|Software|Producer|Creator", content)


def test_global_settings_are_as_before() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    rendered(CASES["faces"]())
    assert dict(matplotlib.rcParams) == before


def test_a_failure_leaves_what_stood_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from autoencodes.report import figures

    folder = written(tmp_path / "run", CASES["table-5"]())
    folder.figures.mkdir()
    (folder.figures / "loss.png").write_bytes(b"the earlier one")

    def fail(findings: Any) -> Any:
        raise RuntimeError("no ink")

    monkeypatch.setitem(figures._FAMILIES, "latent", fail)
    with pytest.raises(RuntimeError, match="no ink"):
        report(folder.path)
    assert [p.name for p in folder.figures.iterdir()] == ["loss.png"]
    assert (folder.figures / "loss.png").read_bytes() == b"the earlier one"


def test_without_matplotlib_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoencodes.report.compose.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"autoencodes\[figures\]"):
        report("anywhere")


def test_errors_that_overflowed_are_reported(tmp_path: Path) -> None:
    findings = CASES["table-5"]()
    lost = {**findings.metrics, "test_mse": None, "train_mse": None}
    folder = written(tmp_path / "run", replace(findings, metrics=lost))
    assert "test error beyond all numbers per feature" in report(folder.path).page.read_text()


def test_a_folder_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a run nor an experiment"):
        report(tmp_path)


def test_the_package_is_imported_without_matplotlib() -> None:
    script = (
        "import sys; import autoencodes.report; "
        "assert 'matplotlib' not in sys.modules, 'imported early'"
    )
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=True)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [{"step": 0, "epoch": 0, "objective": 0.0, "terminal_cost": 0.0, "test_mse": 0.0}],
        [{"step": 1, "epoch": 1, "objective": 1e300, "terminal_cost": 1e-300, "test_mse": None}],
        [
            {"step": k, "epoch": 1 + k // 9, "objective": k % 3, "terminal_cost": 0, "tau": 0.0}
            for k in range(30)
        ],
        history(2500, 5, 0.1, movement=True, every=2500),
    ],
    ids=["none", "zeros", "extremes", "half an epoch", "one test error"],
)
def test_any_history_is_drawn(lines: list[dict[str, Any]]) -> None:
    from autoencodes.plot import style
    from autoencodes.report import loss

    with style.context():
        figure = loss.picture(replace(CASES["table-5"](), history=lines))
        assert (figure is not None) == bool(lines)
        if figure is not None:
            require_pictures({"loss.png": style.png(figure), "loss.pdf": style.pdf(figure)})


def test_curves_and_pca_share_the_unit_of_the_test_error() -> None:
    from autoencodes.report import loss

    findings = CASES["digits"]()
    axes = loss.picture(findings).axes[0]
    curves = {line.get_label(): line.get_ydata()[-1] for line in axes.get_lines()}
    last = findings.history[-1]
    np.testing.assert_allclose(curves["training error"], last["terminal_cost"] / 64)
    np.testing.assert_allclose(curves["objective J / d"], last["objective"] / 64)
    np.testing.assert_allclose(curves["test error"], last["test_mse"])
    np.testing.assert_allclose(curves["PCA, same latent width"], findings.metrics["pca_test_mse"])


def test_pieces_lose_no_extreme() -> None:
    from autoencodes.report.loss import pieces

    rng = np.random.default_rng(0)
    y = rng.standard_normal(12_345)
    x, low, middle, high = pieces(np.arange(12_345.0), y)
    assert (low.min(), high.max(), x[-1]) == (y.min(), y.max(), 12_344)
    assert np.all((low <= middle) & (middle <= high))


def test_principal_axes_keep_distances_and_share_the_variance() -> None:
    from autoencodes.plot.codes import principal

    rng = np.random.default_rng(0)
    plane = rng.standard_normal((50, 2)) * [3, 1]
    turn = np.linalg.qr(rng.standard_normal((6, 6)))[0][:2]
    found, shares = principal(plane @ turn + 7)
    distances = np.linalg.norm(plane[:, None] - plane[None], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(found[:, None] - found[None], axis=-1), distances)
    np.testing.assert_allclose(shares.sum(), 1)
    assert principal(np.ones((4, 3)))[1].tolist() == [0, 0]


@pytest.mark.parametrize(
    "schedule",
    [
        WidthSchedule.constant(1, 1, 1.0),
        WidthSchedule.autoencoder(5000, (5000, 1), 1, 1.0),
        WidthSchedule.autoencoder(64, (64, 8), 500, 1e6),
        WidthSchedule.autoencoder(256, tuple(range(60, 2, -3)), 1, 1e-3, memory="hold"),
        WidthSchedule(4, [Block((0, 1), 1), Block((2, 3), 60), Block((3, 0), 2)], 1.0),
    ],
    ids=["a single step", "a bottleneck of one", "many steps", "many blocks", "not nested"],
)
def test_any_schedule_is_drawn(schedule: WidthSchedule) -> None:
    from autoencodes.plot import style
    from autoencodes.plot.architecture import architecture

    with style.context():
        figure = architecture(schedule)
        require_pictures({"width.png": style.png(figure), "width.pdf": style.pdf(figure)})


@pytest.mark.slow
def test_degenerate_samples_are_drawn() -> None:
    """One row; rows that are all the same; one image; no spread in the codes."""
    schedule = WidthSchedule.autoencoder(2, (2, 2), 1, 1.0)
    same = np.ones((7, 2))
    one = table(5, (5, 3), 0)
    arrays = {
        name: array if name.endswith("error") else array[:1]
        for name, array in one.samples.arrays.items()
    }
    for findings in (
        reconstruction(same, schedule, np.zeros(7, int), ["only"]),
        reconstruction(np.eye(2), schedule),
        replace(one, samples=replace(one.samples, arrays=arrays)),
        reconstruction(np.zeros((1, 4)), WidthSchedule.constant(4, 1, 1.0), None, None, [1, 4]),
    ):
        require_pictures(rendered(findings))


def test_numbers_and_names_are_read_as_they_are_written() -> None:
    written = [number(v) for v in (0.0, 0.0158, 123.456, 1234.5, 1e-5, 2.346e-12, 1e7)]
    assert written == ["0", "0.0158", "123", "1,234", "1×10⁻⁵", "2.35×10⁻¹²", "1×10⁷"]
    assert plain("a\n$x$") == r"a \$x\$"
    assert plain("x" * 30, 10) == "x" * 9 + "…"


def test_the_beginnings_of_further_trials_are_marked() -> None:
    from autoencodes.plot import style
    from autoencodes.report import course, loss

    lines = [
        {**line, "trial": 1.0 + (k >= 3) + (k >= 7), "lambda_min": 0.1, "gradient_evaluations": k}
        for k, line in enumerate(history(10, 5, 0.1, movement=True), 1)
    ]
    with style.context():
        for module, where in ((loss, 1), (course, 0)):
            figure = module.picture(replace(CASES["table-5"](), history=lines))
            texts = [note.get_text() for note in figure.axes[where].texts]
            assert texts == ["trial 2", "trial 3"], module.__name__


def test_long_names_of_features_leave_room_for_the_axes() -> None:
    from autoencodes.plot import style
    from autoencodes.report.components import picture

    findings = CASES["table-16"]()
    names = [f"MACHINE MADE OF WOOD NUMBER {k}" for k in range(findings.entries)]
    facts = findings.samples.facts | {"features": names}
    long = replace(findings, samples=replace(findings.samples, facts=facts))
    with style.context():  # a warning is an error here
        figure = picture(long)
        style.pdf(figure)
        assert figure.axes[0].get_window_extent().width > 0.4 * figure.bbox.width


def test_a_last_column_without_features_is_no_reason_to_draw_nothing() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 2))
    found = explained(np.array([0.0, 10.0]), rows, np.array([0, 1]), 3)
    assert found[0] == 1
    assert found[2] is None
