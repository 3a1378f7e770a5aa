"""The rule for tables: what it holds for, what the folds choose, and what they do not see."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencodes import datasets
from autoencodes.cost import ByColumn, Turned
from autoencodes.errors import InputError
from autoencodes.model.pca import Pca
from autoencodes.plan import tables
from autoencodes.plan.settings import Settings, read_toml
from autoencodes.plan.tables import Candidate, Choice, Fold
from autoencodes.run import choosing, resume, train
from autoencodes.run.folder import RunFolder
from autoencodes.run.job import Job, prepare


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables: one on a curve, one of independent numbers."""
    path, random = tmp_path_factory.mktemp("tables"), np.random.default_rng(0)
    t = random.uniform(-2, 2, 60)
    curve = np.stack([t, t**2, np.sin(2 * t), random.normal(size=60) / 50], axis=1)
    np.savetxt(path / "curve.csv", curve, delimiter=",", header="a,b,c,d", comments="")
    np.save(path / "noise.npy", random.normal(size=(60, 4)))
    return path


def settings(folder: Path, name: str, **entries: Any) -> Settings:
    return Settings(**{"data": str(folder / name), "latent": 1, "precision": "float64", **entries})


@pytest.fixture(scope="module")
def curved(folder: Path) -> Job:
    return prepare(settings(folder, "curve.csv", epochs=300))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({}, True),
        ({"epochs": 3, "latent": 2, "seed": 1, "trim": 0.1, "drop": ("a",)}, True),
        ({"tikhonov": 1e-3}, False),
        ({"field": "perceptron"}, False),
        ({"widths": (4, 1)}, False),
        ({"tikhonov": 1e-3, "effort": "quick"}, True),
    ],
)
def test_the_rule_holds_where_nothing_of_the_model_is_given(
    folder: Path, entries: dict[str, Any], expected: bool
) -> None:
    given = Settings(data=str(folder / "curve.csv"), **entries)
    assert tables.holds(given, datasets.load(given.data)) is expected


@pytest.mark.parametrize("name", ["digits", "parabola"])
def test_images_and_laws_keep_their_rule(name: str) -> None:
    data = datasets.load(name)
    assert not tables.holds(Settings(data=name), data)
    with pytest.raises(InputError, match="effort"):
        tables.holds(Settings(data=name, effort="quick"), data)


def test_effort_beside_what_the_rule_settles_is_refused(folder: Path) -> None:
    given = settings(folder, "curve.csv", effort="default", rotation="random")
    with pytest.raises(InputError, match="settles rotation"):
        prepare(given)


def folded(costs: list[list[float]], pca: list[float], rows: int = 9) -> list[Fold]:
    """Folds of so many rows, each of which costs the same."""
    return [
        Fold(np.outer(own, np.ones(rows)), np.full(rows, rest), np.ones(rows))
        for own, rest in zip(costs, pca, strict=True)
    ]


@pytest.mark.parametrize("better", [0.9, 0.55])
def test_a_few_rows_that_gain_much_are_not_enough(folder: Path, better: float) -> None:
    """The mean may be far below PCA's by chance: most rows have to be better, by more than that."""
    plan = prepare(settings(folder, "curve.csv"), choosing=False).plan
    costs = np.where(np.arange(20) < 20 * better, 0.1, 1.05)
    folds = [Fold(costs[None], np.ones(20), np.ones(20)) for _ in range(3)]
    _, choice = tables.chosen(plan, [Candidate(0.1, 0.01, plan.tikhonov)], folds, "3 folds")
    assert choice.what.startswith("PCA") is (better < 0.6)
    assert choice.candidates[0]["rows_better"] == pytest.approx(better)


def test_weights_count_by_their_ratios_alone(folder: Path) -> None:
    """Also where they are those of joined rows, of which the commonest has weight 1."""
    plan = prepare(settings(folder, "curve.csv"), choosing=False).plan
    tried = [Candidate(0.1, 0.01, plan.tikhonov)]
    costs = np.where(np.arange(20) < 14, 0.1, 1.05)
    choices = [
        tables.chosen(
            plan, tried, [Fold(costs[None], np.ones(20), np.full(20, w)) for _ in range(3)], "folds"
        )[1]
        for w in (0.01, 1.0)
    ]
    assert choices[0].what == choices[1].what
    assert choices[0].what.startswith("the flow")


@pytest.mark.parametrize(
    ("costs", "what"),
    [
        ([[0.5, 0.9], [0.6, 0.9], [0.7, 0.9]], "noise 0.1"),
        ([[0.5, np.nan], [0.6, 0.9], [0.7, 0.9]], "noise 0.1"),
        ([[1.2, 0.9], [1.2, 0.9], [0.1, 0.9]], "noise 0.3"),  # better in one fold alone
        ([[1.01, 0.99], [1.01, 0.99], [1.01, 0.99]], "PCA"),  # hardly better
        ([[np.inf, np.nan]] * 3, "PCA"),
        ([[0.9, 0.1], [0.9, 1.1], [0.9, 1.2]], "noise 0.1"),
    ],
)
def test_the_folds_choose_what_is_better_in_most_of_them(
    folder: Path, costs: list[list[float]], what: str
) -> None:
    plan = prepare(settings(folder, "curve.csv"), choosing=False).plan
    tried = [Candidate(0.1, 0.01, plan.tikhonov), Candidate(0.3, 0.03, plan.tikhonov)]
    taken, choice = tables.chosen(plan, tried, folded(costs, [1.0] * 3), "3 folds")
    assert what in choice.what
    assert taken.epochs == (0 if what == "PCA" else plan.epochs)
    assert Choice.read(json.loads(json.dumps(choice.described))) == choice


def test_a_fold_that_overflows_says_nothing(folder: Path) -> None:
    plan = prepare(settings(folder, "curve.csv"), choosing=False).plan
    tried, costs = [Candidate(0.1, 0.01, plan.tikhonov)], [[0.5], [0.6], [np.inf]]
    taken, choice = tables.chosen(plan, tried, folded(costs, [1.0, 1.0, np.inf]), "3 folds")
    assert taken.noise == 0.01
    assert "in 2 of 2 folds" in choice.because
    _, choice = tables.chosen(plan, tried, folded(costs, [np.inf] * 3), "3 folds")
    assert "far off" in choice.because


@pytest.mark.parametrize("size", [0, 42, 1000])
def test_steps_that_see_all_rows_are_not_compared(folder: Path, size: int) -> None:
    with pytest.raises(InputError, match=f"got batch-size {size}"):
        prepare(settings(folder, "curve.csv", effort="quick", batch_size=size), choosing=False)


@pytest.mark.parametrize("entries", [{}, {"effort": "quick", "method": "adam"}, {"trim": 0.2}])
def test_a_configuration_taken_back_is_the_same_training(
    folder: Path, tmp_path: Path, entries: dict[str, Any]
) -> None:
    job = prepare(settings(folder, "curve.csv", **entries), choosing=False)
    assert prepare(job.plan).plan == job.plan
    (tmp_path / "config.toml").write_text(job.plan.toml)
    again = prepare(Settings(**read_toml(tmp_path / "config.toml")))
    assert again.plan == job.plan
    np.testing.assert_array_equal(again.train.x, job.train.x)


@pytest.mark.parametrize(("role", "words"), [("group", "groups"), ("time", "time")])
def test_rows_that_belong_together_are_left_out_together(
    folder: Path, role: str, words: str
) -> None:
    """A row is told by the others of its group, and by those next to it in time."""
    data = datasets.load(folder / "curve.csv")
    marks = np.arange(60) // 5
    assert data.table is not None
    table = replace(data.table, roles={role: marks.astype(float if role == "time" else str)})
    rows = np.random.default_rng(0).permutation(60)
    left_out, said = choosing._left_out(replace(data, table=table), rows, 3)
    assert words in said
    assert np.bincount(left_out).tolist() == [20, 20, 20]
    assert all(len(set(left_out[marks[rows] == mark])) == 1 for mark in range(12))
    one = replace(data.table, roles={"group": np.full(60, "a")})
    left_out, said = choosing._left_out(replace(data, table=one), rows, 3)
    assert (np.bincount(left_out).tolist(), said) == ([20, 20, 20], "")


def test_labels_that_only_colour_tell_no_rows_apart(folder: Path) -> None:
    """Or a fold would be judged by rows that it has learned from, under another label."""
    x = np.tile(np.random.default_rng(0).normal(size=(20, 4)), (2, 1))
    np.savez(folder / "labelled.npz", x=x, label=np.repeat(["a", "b"], 20))
    job = prepare(settings(folder, "labelled.npz"), choosing=False)
    rows = job.data.x[job.data.rows("train")]
    assert len(np.unique(rows, axis=0)) == len(rows)
    both = prepare(settings(folder, "labelled.npz", target="classes", latent=2), choosing=False)
    assert both.train.size > len(rows)


def test_effort_is_of_no_training_that_goes_on(folder: Path, tmp_path: Path) -> None:
    start = train(settings(folder, "noise.npy", latent=4), tmp_path / "run").folder.path
    given = Settings(data=str(folder / "noise.npy"), start=str(start), effort="quick")
    with pytest.raises(InputError, match="leave effort out"):
        prepare(given)


def test_a_curve_is_learned_and_noise_is_left_to_pca(folder: Path, curved: Job) -> None:
    assert curved.choice is not None
    assert curved.choice.what.startswith("the flow")
    assert curved.plan.noise > 0
    assert "3 folds of 42 training rows" in curved.choice.by
    few = prepare(settings(folder, "noise.npy", epochs=30, effort="quick"))
    assert few.choice is not None
    assert few.choice.what.startswith("PCA")


def test_folds_see_neither_validation_nor_test_rows(folder: Path, curved: Job) -> None:
    """Whatever stands in those rows, the choice is the same."""
    data = datasets.load(folder / "curve.csv", validation_fraction=None)
    x = data.x.copy()
    held = ~np.isin(np.arange(data.size), np.arange(data.size)[data.rows("train")])
    x[held] = 7.0
    names = np.where(data.is_test, "test", np.where(held, "validation", "train"))
    lines = [",".join([*(repr(float(v)) for v in row), n]) for row, n in zip(x, names, strict=True)]
    other = folder / "other.csv"
    other.write_text("a,b,c,d,part\n" + "\n".join(lines) + "\n")
    job = prepare(settings(folder, "other.csv", epochs=300, split="part"))
    assert job.choice == curved.choice
    assert job.plan.noise == curved.plan.noise


def test_pca_is_the_flow_at_rest(folder: Path, tmp_path: Path) -> None:
    """θ = 0: reconstruction is PCA's, nothing is trained, and the folder is whole."""
    random = np.random.default_rng(1)
    np.save(tmp_path / "few.npy", random.normal(size=(9, 4)))
    outcome = train(settings(tmp_path, "few.npy"), tmp_path / "run")
    run = RunFolder.open(tmp_path / "run")
    job = prepare(run.config, lambda s, m: datasets.load(s.data, validation_fraction=None))
    np.testing.assert_allclose(outcome.metrics["test_mse"], outcome.metrics["pca_test_mse"])
    x = np.load(tmp_path / "few.npy")
    scaled = job.model.scaling.apply(x, np.float64)
    pca = Pca.fit(job.features("train"), 1)
    expected = job.model.scaling.undo(pca.reconstruct(scaled), np.float64)
    np.testing.assert_allclose(run.model.reconstruct(x), expected, atol=1e-12)
    assert outcome.metrics["chosen"]["what"].startswith("PCA")
    assert "too few" in outcome.metrics["chosen"]["because"]
    assert run.choice is not None
    assert run.history == []


def test_a_run_that_goes_on_keeps_its_choice(folder: Path, tmp_path: Path) -> None:
    chosen = settings(folder, "curve.csv", epochs=300, effort="quick")
    whole = train(chosen, tmp_path / "whole")
    train(chosen, tmp_path / "run", stop=lambda: True)
    before = RunFolder.open(tmp_path / "run").choice
    outcome = resume(tmp_path / "run")
    assert outcome.metrics["chosen"]["because"] == whole.metrics["chosen"]["because"]
    assert outcome.folder.choice == before
    for a, b in zip(
        jax.tree.leaves(outcome.folder.model.control),
        jax.tree.leaves(whole.folder.model.control),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_rows_far_off_are_not_learned_from(folder: Path) -> None:
    x = np.loadtxt(folder / "curve.csv", delimiter=",", skiprows=1)
    x[:5] += 40.0
    np.save(folder / "off.npy", x)
    job = prepare(settings(folder, "off.npy", trim=0.3), choosing=False)
    assert job.train.size < 42
    assert not np.isin(np.arange(5), job.data.numbers[job.data.rows("train")]).any()


def test_a_cost_behind_a_rotation_is_the_cost_of_the_columns() -> None:
    random = np.random.default_rng(2)
    rotation, _ = np.linalg.qr(random.normal(size=(4, 4)))
    centre, z = random.normal(size=4), random.normal(size=4)
    y = np.array([0.3, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0])
    own = ByColumn(groups=((1, 2),), masked=True, sharpness=3.0)
    turned = Turned(own, rotation, centre)
    x, target = jnp.asarray((z - centre) @ rotation), jnp.asarray(y)
    np.testing.assert_allclose(turned(x, target), own(jnp.asarray(z), target), rtol=1e-12)
    assert turned.target_dim(4) == own.target_dim(4) == 8
    slope = jax.grad(turned)(x, target)
    np.testing.assert_allclose(slope, rotation.T @ jax.grad(own)(jnp.asarray(z), target), rtol=1e-9)
    shares = own.link(jnp.array([0.0, 0.0, 1.0, 0.0]))
    np.testing.assert_allclose(shares[2], 1 / (1 + np.exp(-3.0)), rtol=1e-12)


def test_categories_and_gaps_are_learned_in_rotated_coordinates(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    kind = random.integers(0, 3, 60)
    lines = [f"{k + random.normal() / 9:.4f},{k * 2 + random.normal() / 9:.4f},{'xyz'[k]}"
             for k in kind]  # fmt: skip
    lines[3] = ",1.0,x"
    (tmp_path / "t.csv").write_text("a,b,c\n" + "\n".join(lines) + "\n")
    for missing in ("mask", "mean"):
        job = prepare(settings(tmp_path, "t.csv", missing=missing, effort="quick"), choosing=False)
        assert job.model.coordinates.rotation is not None
        errors = job.errors(job.model.control, job.train)
        assert errors["cost"] > 0
        probabilities = job.model.read(job.train.x)[:, 2:]
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-9)
