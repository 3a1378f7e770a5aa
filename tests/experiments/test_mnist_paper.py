"""The paper's network on MNIST: its widths, what is said of its codes, and the run in small."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import numpy as np
import pytest

import autoencodes as ac
from autoencodes import datasets
from autoencodes.catalogue import EXPERIMENTS
from autoencodes.datasets import Dataset
from autoencodes.experiments.experiment import Results
from autoencodes.experiments.mnist_paper import codes
from autoencodes.experiments.mnist_paper import problem as paper
from autoencodes.experiments.mnist_paper.problem import Bench, MnistPaperSettings, Reading
from autoencodes.experiments.mnist_paper.result import DEFAULT, PAPER, MnistPaperResult
from autoencodes.experiments.notebook import Notebook


@pytest.mark.parametrize("fall", ["geometric", "linear"])
def test_twenty_three_layers(fall: str) -> None:
    widths = Reading(fall=fall).widths(784, 32)
    schedule = ac.WidthSchedule.autoencoder(784, widths, 1, 23.0)
    assert schedule.steps == 23
    assert schedule.step_size == 1
    assert (schedule.widths[0], schedule.widths[-1]) == (784, 784)
    assert [k for k, width in enumerate(schedule.widths) if width == 32] == [10, 11, 12]
    falls = np.diff(schedule.widths[:11])
    ratios = np.divide(schedule.widths[1:11], schedule.widths[:10])
    assert np.ptp(falls) <= 1 if fall == "linear" else np.ptp(ratios) < 0.01
    assert Reading().offered
    assert not Reading(activation="gelu").offered


def test_zeros_are_exact_where_the_activation_has_one() -> None:
    """From θ₀ = 0, pixels that are never lit stay 0 with gelu, and equal with softplus."""
    rng = np.random.default_rng(0)
    x = np.concatenate([np.zeros((40, 3)), rng.uniform(size=(40, 3))], axis=1)
    schedule = ac.WidthSchedule.autoencoder(6, (6, 4), 1, 3.0)  # the dark ones stay
    found = {}
    for name in ("gelu", "softplus"):
        problem = ac.ControlProblem(ac.Flow(schedule, ac.fields.Perceptron(name)), tikhonov=1e-4)
        start = problem.flow.init(jax.random.key(0), 0.0)
        assert not any(np.asarray(leaf).any() for leaf in jax.tree.leaves(start))
        measure, method = ac.EmpiricalMeasure(x), ac.MetricMovement(0.01)
        result = ac.fit(problem, start, measure, method=method, steps=20)
        assert result.history[-1]["objective"] < result.history[0]["objective"]
        found[name] = np.asarray(problem.flow.encode(result.control, x))
    assert (found["gelu"][:, :3] == 0).all()
    assert np.abs(found["gelu"][:, 3]).max() > 0.1
    assert (np.abs(found["softplus"]).max(axis=0) > 0.1).all()
    np.testing.assert_allclose(found["softplus"][:, :2], found["softplus"][:, 1:3], atol=1e-12)


def test_codes_of_a_known_answer() -> None:
    labels = np.repeat(np.arange(10), 3)
    z = np.zeros((30, 4))
    z[:, 0] = labels + np.tile([-1.0, 0, 1], 10)
    z[labels == 7, 1] = 2
    z[:, 2] = 0.05
    sizes, overall = codes.root_mean_squares(z, labels), codes.root_mean_square(z)
    assert sizes[7, 1] == 2
    assert overall[1] == pytest.approx((4 / 10) ** 0.5)
    assert codes.nonzero(overall, overall, 0.1).tolist() == [True, True, False, False]
    assert codes.nonzero(sizes, overall)[:, 1].tolist() == [c == 7 for c in range(10)]
    mean, deviation = codes.by_class(z, labels)
    assert mean[5].tolist() == pytest.approx([5, 0, 0.05, 0])
    assert deviation[5, 0] == pytest.approx((2 / 3) ** 0.5)
    between = codes.distances(mean)
    assert between[1, 4] == pytest.approx(3)
    assert codes.rank(between, 0, 9) == 45
    assert codes.rank(between, 0, 1) == 1
    said = codes.described(z, labels, ((0, 1), (0, 9)))
    assert said["nonzero"] == {"0.001": 3, "0.01": 2, "0.1": 2}
    assert (said["exactly_zero"], said["same"], said["classes"]) == (1, False, [1, 2])
    assert said["varying"] == 2


def made(*_: object, **__: object) -> Dataset:
    """Images of 4 x 4, ten classes: each a bright pixel more, and noise."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 10
    x = (rng.uniform(0, 60, (400, 16)) + 150 * (np.arange(16) <= labels[:, None])).astype(np.uint8)
    part = np.arange(400)
    return Dataset(
        "mnist", x, None, labels, part >= 300, (4, 4), (0.0, 255.0), is_validation=part % 300 < 60
    )


TINY = MnistPaperSettings(
    seeds=(0, 1),
    latent=3,
    steps=60,
    tried=30,
    readings=(Reading(), Reading(activation="gelu", order="index")),
    taus=(0.02,),
    batch_size=32,
    rows=200,
    validation=50,
    test=80,
    followed=60,
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results[MnistPaperResult]:
    from autoencodes.precision import precision

    with pytest.MonkeyPatch.context() as patch, precision("float32"):
        patch.setattr(datasets, "load", made)
        patch.setattr(paper, "_ENCODER", 1)  # 1 + 3 + 1 layers
        return paper.run(TINY, Notebook(Path(tmp_path_factory.mktemp("notebook"))))


@pytest.mark.slow
def test_results_state_what_was_measured(results: Results[MnistPaperResult]) -> None:
    result = results.measured
    assert len(results.sentence.split()) <= 25
    assert results.sentence.startswith("Seeds 0 to 1, 200 images")
    assert [(run.network, run.seed) for run in result.runs] == [
        (PAPER, 0),
        (DEFAULT, 0),
        (PAPER, 1),
        (DEFAULT, 1),
    ]
    assert f"{result.median(PAPER, 'test'):.4f}" in results.sentence
    assert result.chosen == "softplus, geometric, by variance, T = 1, τ = 0.02"
    assert "softplus" in result.readings[0].name
    assert result.schedule.widths == (16, 3, 3, 3, 16)
    assert result.of(DEFAULT)[0].steps == 60
    images = np.mean((result.reconstructions - result.originals) ** 2, axis=(1, 2))
    for name, error in zip(result.names, images, strict=True):
        assert error == pytest.approx(result.of(name)[0].test, rel=1)
    assert results.tables["errors"].rows[-1][0] == "PCA, 3 components"
    assert len(results.tables["codes"].rows) == 4
    assert any("1 left at least as many components 0" in note for note in results.notes)
    stored = result.stored()
    again = MnistPaperResult.restored(stored._replace(facts=json.loads(json.dumps(stored.facts))))
    assert again.runs == result.runs
    assert again.schedule == result.schedule


def test_the_pictures_are_drawn() -> None:
    pytest.importorskip("matplotlib")
    from autoencodes.experiments.mnist_paper.pictures import pictures
    from autoencodes.experiments.mnist_paper.result import Run
    from autoencodes.plot import style

    rng = np.random.default_rng(0)
    layers = (rng.uniform(1, 5, 24), rng.uniform(1, 5, 18))
    ranks = {"4/9": 1, "3/5": 2}
    runs = tuple(
        Run(n, 0, 10, 1.0, 2.0, 0.02, 0.02, {"0.01": 32}, 0, True, (32, 32), 32, 9.0, ranks)
        for n in (PAPER, DEFAULT)
    )
    result = MnistPaperResult(
        names=(PAPER, DEFAULT),
        originals=rng.uniform(size=(10, 784)),
        reconstructions=rng.uniform(size=(2, 10, 784)),
        **{name: rng.uniform(size=(2, 10, 32)) for name in ("size", "mean", "deviation")},
        overall=rng.uniform(0.1, 1, (2, 32)),
        distances=np.stack([codes.distances(rng.uniform(size=(10, 32))) for _ in range(2)]),
        averages=rng.uniform(size=(10, 784)),
        decoded=rng.uniform(size=(2, 10, 784)),
        entropy=layers,
        dimensions=layers,
        widths=tuple(np.abs(np.arange(n) - n // 2) + 3 for n in (24, 18)),
        schedule=ac.WidthSchedule.autoencoder(784, Reading().widths(784, 32), 1, 1.0),
        runs=runs,
        readings=(),
        chosen="softplus",
    )
    with style.context():
        drawn = pictures(Results("", {}, result), MnistPaperSettings())
        assert len(drawn) == 7
        assert all(len(picture.caption.split()) <= 30 for picture in drawn)
        assert all(len(style.png(picture.figure)) > 5000 for picture in drawn)


@pytest.mark.slow
def test_the_quick_run_takes_few_rows_of_mnist(data_dir: Path) -> None:
    settings = EXPERIMENTS["mnist-paper"].quick
    bench = Bench.prepared(settings, str(data_dir))
    assert len(bench.rows("train")) == settings.rows
    assert len(bench.rows("validation")) == settings.validation
    assert bench.rows("train").max() <= 1
    assert len(np.unique(bench.labels)) == 10
