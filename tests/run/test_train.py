"""The training job: reproducible, resumable, and honest about how it ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from autoencodes import datasets, fields
from autoencodes.errors import InputError
from autoencodes.model.pca import Pca
from autoencodes.plan.settings import Settings
from autoencodes.report import report
from autoencodes.report.findings import Findings
from autoencodes.run import RunFolder, resume, train
from autoencodes.run.job import Job, prepare
from autoencodes.run.verdict import verdict

SMALL = {"widths": (64, 8), "steps_per_block": 1, "epochs": 3}

EXACT = {"method": "exact-msa", "field": "linear-in-control"}


def config(**entries: Any) -> Settings:
    return Settings(**{**SMALL, **entries})


class Stopper:
    """A watcher that asks for the end once a training has come to a step."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.reached = False

    def asked(self) -> bool:
        return self.reached

    def begin(self, job: Any) -> None: ...

    def advance(self, progress: Any) -> None:
        self.reached = self.step <= progress.step < progress.steps


def without_clocks(folder: RunFolder) -> list[dict[str, Any]]:
    """The history but for the time, and for when there was time to measure the test error."""
    return [
        {name: value for name, value in line.items() if name not in ("seconds", "test_mse")}
        for line in folder.history
    ]


def test_a_run_leaves_what_the_design_promises(tmp_path: Path) -> None:
    outcome = train(config(), tmp_path / "run")
    found = {p.name for p in (tmp_path / "run").iterdir()}
    assert found >= {
        "config.toml",
        "history.jsonl",
        "metrics.json",
        "model.safetensors",
        "checkpoint",
    }
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics == outcome.metrics
    assert metrics["pca_exact"] is False
    assert {
        "train_mse",
        "test_mse",
        "pca_test_mse",
        "gradient_evaluations",
        "seconds",
        "steps",
        "seed",
        "peak_memory_mb",
    } <= set(metrics)
    lines = outcome.folder.history
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert {
        "step",
        "epoch",
        "objective",
        "terminal_cost",
        "gradient_evaluations",
        "seconds",
        "test_mse",
    } <= set(lines[0])
    assert lines[-1]["gradient_evaluations"] == metrics["gradient_evaluations"] == metrics["steps"]
    assert lines[-1]["test_mse"] == metrics["test_mse"]
    # A test error costs a tenth of an epoch here: it is measured in the first, last and fourth.
    assert [line.get("test_mse") is None for line in lines] == [False, True, False]


def test_metrics_are_those_of_the_model_in_its_units(tmp_path: Path) -> None:
    outcome = train(config(), tmp_path / "run")
    data, model = datasets.load("digits"), outcome.folder.model
    unit = data.x / 16
    errors = np.mean((model.reconstruct(data.x) / 16 - unit) ** 2, axis=1)
    np.testing.assert_allclose(model.errors(data.x), errors, rtol=1e-5)
    test, fitted = unit[data.is_test], unit[~data.is_test]
    np.testing.assert_allclose(
        [outcome.metrics["train_mse"], outcome.metrics["test_mse"]],
        [errors[~data.is_test].mean(), errors[data.is_test].mean()],
        rtol=1e-5,
    )
    left, _, right = np.linalg.svd(fitted - fitted.mean(axis=0), full_matrices=False)
    residual = test - fitted.mean(axis=0)
    residual = residual - residual @ right[:8].T @ right[:8]
    np.testing.assert_allclose(outcome.metrics["pca_test_mse"], np.mean(residual**2), rtol=1e-5)
    assert left.shape[1] == 64


def test_pca_of_every_direction_is_exact() -> None:
    x = np.random.default_rng(0).normal(size=(30, 5))
    assert Pca.fit(x, 5).mean_squared_error(x) < 1e-28
    assert Pca.fit(x, 2).mean_squared_error(x) < Pca.fit(x, 1).mean_squared_error(x)


@pytest.mark.parametrize(
    "entries",
    [
        {"memory": "hold"},
        {"data": "moons", "epochs": 20, "widths": (2, 1), "steps_per_block": 2},
    ],
    ids=["digits with mini-batches", "moons by movements"],
)
@pytest.mark.slow
def test_the_same_seed_gives_the_same_model_bitwise(
    tmp_path: Path, entries: dict[str, Any]
) -> None:
    one, two, other = (
        train(config(**entries, seed=seed), tmp_path / name)
        for name, seed in (("one", 3), ("two", 3), ("other", 4))
    )
    file = "model.safetensors"
    assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert (tmp_path / "one" / file).read_bytes() != (tmp_path / "other" / file).read_bytes()
    assert without_clocks(one.folder) == without_clocks(two.folder)
    assert other.metrics["pca_test_mse"] == one.metrics["pca_test_mse"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "entries",
    [
        {"noise": 0.1},
        {"method": "adam", "epochs": 2},
        {"data": "moons", "epochs": 30, "widths": (2, 1)},
    ],
    ids=["movement on mini-batches", "adam", "movement on the whole"],
)
def test_an_interrupted_run_resumes_bit_for_bit(tmp_path: Path, entries: dict[str, Any]) -> None:
    settings = config(**entries)
    whole = train(settings, tmp_path / "whole")
    assert not whole.metrics["interrupted"]
    stopper = Stopper(whole.metrics["steps"] // 3)
    cut = train(settings, tmp_path / "cut", stopper, stopper.asked)
    assert cut.metrics["interrupted"]
    assert "interrupted after step" in cut.metrics["reason"]
    assert (tmp_path / "cut" / "model.safetensors").exists()
    again = resume(tmp_path / "cut")
    for file in ("model.safetensors", "config.toml"):
        assert (tmp_path / "cut" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert again.metrics["reason"] == whole.metrics["reason"]
    assert without_clocks(again.folder) == without_clocks(whole.folder)


@pytest.mark.slow
def test_a_recorded_training_knows_its_curvature_along_the_way(tmp_path: Path) -> None:
    entries = {"data": "parabola", "epochs": 5, "widths": (2, 1), "tikhonov": 0.1}
    outcome = train(config(**entries, record=True), tmp_path / "run")
    measured = [line for line in outcome.folder.history if "lambda_min" in line]
    assert [line["step"] for line in measured] == list(range(1, len(outcome.folder.history) + 1))
    for line in measured:
        assert line["lambda_min"] <= line["lambda_max"]
        assert 0 <= line["lambda_min_error"] < 1e-6 * line["lambda_max"]
        assert {"residual", "control_norm", "tau", "contraction", "sweeps"} <= set(line)
    assert any(path.name == "course.png" for path in report(outcome.folder.path).figures)


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    [*({"method": name} for name in ("adamw", "sgd", "lbfgs", "msa")), EXACT],
    ids=lambda method: method["method"],
)
def test_every_method_trains_by_its_name(tmp_path: Path, method: dict[str, Any]) -> None:
    entries = {"data": "parabola", "widths": (2, 1)}
    metrics = train(config(**entries, **method), tmp_path / "run").metrics
    assert metrics["steps"] == 3
    assert not metrics["failed"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entries", "field"),
    [
        ({"field": "two-layer", "hidden": 5}, fields.TwoLayer(5, "sin")),
        ({"field": "low-rank"}, fields.LowRank(1, "sin")),
        ({"field": "linear-in-control"}, fields.LinearInControl("sin")),
        (
            {"time_dependent": True, "substeps": 2},
            fields.TimeDependent(fields.Perceptron("sin"), 21.0),
        ),
    ],
)
def test_every_field_trains_by_its_name_and_is_read_again(
    tmp_path: Path, entries: dict[str, Any], field: fields.ControlledField
) -> None:
    entries = {"data": "parabola", "widths": (2, 1), "activation": "sin", **entries}
    outcome = train(config(**entries), tmp_path / "run")
    assert not outcome.metrics["failed"]
    assert outcome.folder.model.flow.field == field


@pytest.mark.slow
def test_a_convolution_trains_on_grids_and_is_read_again(tmp_path: Path) -> None:
    entries = {"grids": ((4, 4, 4), (2, 4, 4)), "widths": (16, 4), "hidden": 3, "kernel": 3}
    outcome = train(config(field="convolution", **entries), tmp_path / "run")
    assert not outcome.metrics["failed"]
    flow = outcome.folder.model.flow
    assert flow.field == fields.convolutions([(4, 4, 4), (2, 4, 4)], (16, 4), 3, 3)
    assert flow.schedule.widths == (64, 32, 16, 4, 16, 32, 64)
    assert outcome.folder.history[-1]["objective"] < outcome.folder.history[0]["objective"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"method": "lbfgs", "batch_size": 50}, "method lbfgs works on all rows"),
        ({"noise": 0.1, "batch_size": 0}, "noise is for mini-batches"),
        ({"inner": "newton-cg"}, "inner newton-cg is how movements on all rows are solved"),
        ({"inner": "anderson", "method": "adam", "batch_size": 0}, "got method adam"),
        ({"learning_rate": 0.1}, "learning-rate belongs to adam, .*got method movement"),
        ({"tau": 0.1, "method": "adam"}, "tau is the step of movements; got method adam"),
        (
            {"hidden": 9},
            "hidden belongs to the two-layer and the convolution field; got field perc",
        ),
        ({"method": "exact-msa"}, "needs a field that is linear in the control; got field perc"),
        ({**EXACT, "scheme": "heun"}, "Euler steps that share no control; got scheme heun with"),
        ({**EXACT, "substeps": 2}, "got scheme euler with substeps 2: leave both out, or"),
        ({**EXACT, "tikhonov": 0.0}, "exact-msa needs tikhonov above 0"),
        ({"rank": 9, "field": "two-layer"}, "rank belongs to the low-rank field; got field two-"),
        ({"kernel": 3}, "kernel belongs to the convolution field; got field perceptron"),
        ({"grids": ((4, 4, 4),)}, "grids belongs to the convolution field; got field perceptron"),
        ({"field": "convolution", "data": "parabola"}, "convolution field is for images"),
        (
            {"field": "convolution", "grids": ((5, 4, 4),)},
            "need 128 components; got 64: add --extra 64",
        ),
        ({"field": "convolution", "grids": ((1, 3, 3),)}, "must divide the image's 8 x 8"),
        ({"field": "convolution", "kernel": 2}, "kernel must be an odd integer"),
    ],
)
def test_an_entry_that_would_do_nothing_is_refused_before_anything_is_written(
    tmp_path: Path, entries: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        train(config(**entries), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_killed_before_its_first_checkpoint_starts_anew(tmp_path: Path) -> None:
    settings = config()
    RunFolder.create(tmp_path / "run", prepare(settings).plan)
    (tmp_path / "run" / "history.jsonl").write_text('{"step": 22, "epoch": 1}\n{"st')
    assert resume(tmp_path / "run").metrics["steps"] == prepare(settings).steps
    train(settings, tmp_path / "whole")
    file = "model.safetensors"
    assert (tmp_path / "run" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert [line["epoch"] for line in RunFolder.open(tmp_path / "run").history] == [1, 2, 3]


def test_what_cannot_be_resumed_is_refused(tmp_path: Path) -> None:
    train(config(epochs=1), tmp_path / "run")
    with pytest.raises(InputError, match="finished run"):
        resume(tmp_path / "run")
    with pytest.raises(InputError, match="holds no run"):
        resume(tmp_path / "nowhere")
    (tmp_path / "run" / "metrics.json").unlink()
    with pytest.raises(InputError, match="started with seed 0, not 1"):
        resume(tmp_path / "run", {"seed": 1})


def test_a_folder_that_is_not_empty_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    train(config(epochs=1), tmp_path / "run")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*")}
    with pytest.raises(InputError, match="already holds a run"):
        train(config(epochs=1), tmp_path / "run")
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*")}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    with pytest.raises(InputError, match="is not empty"):
        train(config(epochs=1), tmp_path / "mine")
    with pytest.raises(InputError, match="is a file"):
        train(config(epochs=1), tmp_path / "mine" / "notes.txt")


def test_bad_data_or_settings_create_no_folder(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3,x\n")
    for entries in ({"data": str(tmp_path / "bad.csv")}, {"widths": (65, 8)}, {"latent": 7}):
        with pytest.raises(InputError):
            train(config(**entries), tmp_path / "run")
    assert [p.name for p in tmp_path.iterdir()] == ["bad.csv"]


@pytest.mark.parametrize(
    ("entries", "first"),
    [({}, 5), ({"order": "index"}, 8), ({"memory": "hold"}, 8), ({"scaling": "none"}, 6)],
)
def test_components_that_carry_nothing_are_never_active(
    tmp_path: Path, entries: dict[str, Any], first: int
) -> None:
    x = np.random.default_rng(0).normal(size=(60, 8))
    x[:, [1, 4, 6]] = [3.0, 0.0, 0.0]  # unless it is centred, the 3 has to be reproduced
    np.save(tmp_path / "t.npy", x)
    job = prepare(Settings(data=str(tmp_path / "t.npy"), latent=2, **entries))
    assert job.model.flow.schedule.widths[0] == first
    if not entries:  # what is never active has its mean, here its only value
        found = job.model.reconstruct(x)
        np.testing.assert_allclose(found[:, [1, 4, 6]], x[:, [1, 4, 6]], atol=1e-6)


@pytest.mark.slow
def test_folders_are_numbered_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("my.table.npy", np.random.default_rng(0).normal(size=(50, 4)))
    for name in ("my", "my-2", "my-3"):
        outcome = train(Settings(data="my.table.npy", epochs=1, steps_per_block=1))
        assert outcome.folder.path == Path("runs") / name


def test_precision_is_the_users_choice_whatever_jax_is_set_to(tmp_path: Path) -> None:
    for number, precision in enumerate(("float32", "float64")):
        outcome = train(config(epochs=1, precision=precision), tmp_path / str(number))
        model = outcome.folder.model
        assert model.dtype == np.dtype(precision)
        assert model.reconstruct(datasets.load("digits").x).dtype == np.dtype(precision)
    with jax.enable_x64(False):
        again = train(config(epochs=1, precision="float64"), tmp_path / "again")
        assert again.folder.model.dtype == np.float64
    file = "model.safetensors"
    assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "1" / file).read_bytes()


@pytest.mark.slow
def test_a_failure_is_reported_and_leaves_a_finite_model(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(60, 3)))
    settings = Settings(
        data=str(tmp_path / "x.npy"),
        activation="identity",
        method="adam",
        learning_rate=1e12,
        epochs=50,
        steps_per_block=3,
    )
    outcome = train(settings, tmp_path / "run")
    assert outcome.metrics["failed"]
    assert "not finite" in outcome.metrics["reason"]
    assert "smaller learning rate" in outcome.metrics["reason"]
    model = outcome.folder.model
    assert all(np.isfinite(a).all() for block in model.control for a in block.values())


def test_supervised_laws_have_no_pca(tmp_path: Path) -> None:
    outcome = train(Settings(data="bimodal-1d", epochs=5), tmp_path / "run")
    assert outcome.metrics["pca_test_mse"] is None
    assert not outcome.folder.samples.facts["reconstructs"]


@pytest.mark.parametrize("content", ["not JSON\n", "[1, 2]\n", '{"epoch": 3}\n'])
def test_a_damaged_run_folder_is_named(tmp_path: Path, content: str) -> None:
    train(config(epochs=1), tmp_path / "run")
    folder = RunFolder.open(tmp_path / "run")
    (tmp_path / "run" / "history.jsonl").write_text(content)
    with pytest.raises(InputError, match=r"history\.jsonl: .* damaged"):
        folder.history  # noqa: B018
    if not content.startswith("{"):
        (tmp_path / "run" / "metrics.json").write_text(content)
        with pytest.raises(InputError, match=r"metrics\.json"):
            folder.metrics  # noqa: B018


def test_a_converged_run_that_lost_its_metrics_can_be_finished(tmp_path: Path) -> None:
    before = train(Settings(data="bimodal-1d"), tmp_path / "run")
    assert before.metrics["converged"]
    (tmp_path / "run" / "metrics.json").unlink()
    after = resume(tmp_path / "run")
    assert after.metrics["converged"]
    assert after.metrics["test_mse"] == pytest.approx(before.metrics["test_mse"], rel=1e-4)


@pytest.mark.slow
def test_an_interrupt_in_the_recorder_loses_no_line_of_the_history(
    tmp_path: Path, monkeypatch: Any
) -> None:
    settings = Settings(data="parabola", method="adam", epochs=4, batch_size=0, record=True)
    whole = train(settings, tmp_path / "whole")
    measured, calls = Job.errors, []

    def interrupted(self: Job, control: Any, measure: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measured(self, control, measure)

    monkeypatch.setattr(Job, "errors", interrupted)
    stopped = train(settings, tmp_path / "run")
    assert stopped.metrics["interrupted"]
    monkeypatch.undo()
    resumed = resume(tmp_path / "run")
    steps = [record["step"] for record in resumed.folder.history]
    assert steps == [record["step"] for record in whole.folder.history] == [1, 2, 3, 4]


@pytest.mark.slow
def test_a_pca_that_is_exact_is_no_yardstick(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(60, 2)) @ random.normal(size=(2, 5)) + 3
    np.save(tmp_path / "plane.npy", rows)
    data = str(tmp_path / "plane.npy")
    outcome = train(Settings(data=data, latent=2, epochs=1), tmp_path / "run")
    assert outcome.metrics["pca_exact"] is True
    said = verdict("plane", "rows", outcome.metrics)
    assert "PCA is exact here" in said
    assert "× PCA" not in said
    findings = Findings.read(outcome.folder)
    assert findings.error("pca_test_mse") is None
    assert findings.titled("PCA", "pca_test_mse") == "PCA\nexact"


def test_a_folder_that_cannot_be_made_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="--out"):
        train(Settings(data="nowhere.csv"), tmp_path / "file" / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
