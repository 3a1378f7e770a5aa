"""Trainings on other targets than the rows, in other coordinates and orders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autoencodes as ac
from autoencodes import datasets
from autoencodes.cli import main
from autoencodes.errors import InputError
from autoencodes.flow.sweep import fields
from autoencodes.plan.settings import Settings
from autoencodes.report import report
from autoencodes.run import RunFolder, resume, train
from autoencodes.run.certify import certify
from autoencodes.run.job import prepare

BLOBS = [[0, 0, 1], [3, 0, -1], [0, 3, 1]]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three well separated classes with names, and a number that depends on the rows."""
    random = np.random.default_rng(0)
    names = random.integers(3, size=120)
    x = np.array(BLOBS)[names] + 0.3 * random.normal(size=(120, 3))
    path = tmp_path_factory.mktemp("table")
    text = [
        "a,b,c,label",
        *(f"{a:.6f},{b:.6f},{c:.6f},{'pqr'[k]}s" for (a, b, c), k in zip(x, names, strict=True)),
    ]
    (path / "classes.csv").write_text("\n".join(text) + "\n")
    numbers = np.tanh(x[:, 0]) + 7
    text = [
        "a,b,c,target",
        *(f"{a:.6f},{b:.6f},{c:.6f},{n:.6f}" for (a, b, c), n in zip(x, numbers, strict=True)),
    ]
    (path / "numbers.csv").write_text("\n".join(text) + "\n")
    return path


def config(path: Path | str, **entries: Any) -> Any:
    return Settings(
        **{
            "data": str(path),
            "epochs": 30,
            "widths": (3,),
            "steps_per_block": 4,
            "horizon": 2.0,
            **entries,
        }
    )


@pytest.fixture(scope="module")
def classifier(table: Path) -> RunFolder:
    settings = config(table / "classes.csv", target="classes", order="natural", epochs=60)
    return train(settings, table / "classifier").folder


@pytest.mark.slow
def test_a_classifier_separates_the_classes(classifier: RunFolder) -> None:
    metrics, model = classifier.metrics, classifier.model
    assert metrics["test_accuracy"] >= 0.95
    assert 0 < metrics["train_cost"] < 0.2
    assert metrics["pca_test_mse"] is None
    data = datasets.load(classifier.config.data)
    assert (model.predict(data.x) == data.labels).mean() > 0.95
    probabilities = model.probabilities(data.x)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert model.readout.classes == ("ps", "qs", "rs")
    assert set(model.readout.cost.components or ()) == set(model.flow.schedule.blocks[-1].active)
    with pytest.raises(InputError, match="predicts classes and cannot reconstruct"):
        model.reconstruct(data.x)
    with pytest.raises(InputError, match="'zz' is none of the 3 classes"):
        model.measure(data.x[:1], np.array(["zz"]))


@pytest.mark.slow
def test_its_objective_certificate_and_pictures_are_those_of_its_cost(
    classifier: RunFolder,
) -> None:
    model, job = classifier.model, prepare(classifier.config)
    problem = model.problem(classifier.config.tikhonov)
    found = float(problem.objective(model.control, job.train))
    assert found == pytest.approx(classifier.metrics["objective"], rel=1e-5)
    certificate, _ = certify(classifier.path, seconds=20)
    assert certificate.train_cost.value == pytest.approx(classifier.metrics["train_cost"], rel=1e-4)
    assert "predictions.png" in [path.name for path in report(classifier.path).figures]


def test_the_order_is_reported_with_every_score(classifier: RunFolder) -> None:
    lines = (classifier.path / "components.csv").read_text().splitlines()
    assert lines[0] == "component,place,score (gain in R² of the targets),feature"
    order = prepare(classifier.config).order
    table = np.array([line.split(",")[:3] for line in lines[1:]], float)
    assert [int(i) for i in np.argsort(table[:, 1])] == list(order.components)
    np.testing.assert_allclose(table[:, 2], order.scores, rtol=1e-6)


def test_the_command_line_predicts_and_scores(
    classifier: RunFolder, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    data = classifier.config.data
    for name in ("p.csv", "p.npz"):
        arguments = ["predict", str(classifier.path), data, "-o", str(tmp_path / name)]
        monkeypatch.setattr("sys.argv", ["autoencodes", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
    written = (tmp_path / "p.csv").read_text().split()
    assert written[0] == "class"
    assert set(written[1:]) == {"ps", "qs", "rs"}
    with np.load(tmp_path / "p.npz") as archive:
        assert archive["probabilities"].shape == (120, 3)
        assert (archive["classes"][archive["probabilities"].argmax(1)] == archive["class"]).all()
    monkeypatch.setattr("sys.argv", ["autoencodes", "score", str(classifier.path), data])
    with pytest.raises(SystemExit):
        main()
    assert "test rows: " in (said := capsys.readouterr().out)
    assert "right" in said


@pytest.mark.slow
def test_numbers_are_predicted_in_their_own_units(table: Path) -> None:
    settings = config(
        table / "numbers.csv",
        target="numbers",
        cost="huber",
        widths=(3, 2, 1),
        order="natural",
        epochs=200,
    )
    outcome = train(settings, table / "numbers")
    model, data = outcome.folder.model, datasets.load(settings.data)
    labels = np.array(data.labels, float)
    assert model.predict(data.x).shape == labels.shape
    assert np.mean((model.predict(data.x) - labels) ** 2) < 0.3 * labels.var()
    assert outcome.metrics["test_mse"] < 0.5
    assert "test_accuracy" not in outcome.metrics
    assert [b.width for b in model.flow.schedule.blocks] == [3, 2, 1]


@pytest.mark.parametrize(
    ("entries", "drawn"),
    [
        ({"extra": 2, "widths": (5, 2)}, False),
        ({"rotation": "pca", "order": "random", "widths": (3, 2)}, False),
        ({"rotation": "random", "extra": 1, "widths": (4, 1)}, True),
        (
            {
                "cost": "binary-cross-entropy",
                "scaling": "unit",
                "order": (2, 0, 1),
                "widths": (3, 1),
            },
            True,
        ),
        ({"order": "natural", "mirror": False, "widths": (3, 1, 3)}, False),
        ({"extra": 1, "memory": "skip", "cost": "huber", "delta": 0.5, "widths": (4, 2)}, True),
    ],
    ids=str,
)
@pytest.mark.slow
def test_rows_in_other_coordinates_orders_and_costs(
    table: Path, tmp_path: Path, entries: dict[str, Any], drawn: bool
) -> None:
    outcome = train(config(table / "classes.csv", **entries), tmp_path / "run")
    model, data = (
        outcome.folder.model,
        datasets.load(table / "classes.csv", validation_fraction=None),
    )
    x = data.test.x
    errors = model.errors(x)
    assert errors.mean() == pytest.approx(outcome.metrics["test_mse"], rel=1e-4)
    assert outcome.metrics["pca_test_mse"] > 0
    again = model.scaling.apply(model.reconstruct(x), np.float64)
    wanted = model.scaling.apply(x, np.float64)
    assert np.mean((again - wanted) ** 2) == pytest.approx(errors.mean(), rel=1e-4)
    codes = model.encode(x)
    np.testing.assert_allclose(model.decode(*codes), model.reconstruct(x), atol=1e-4)
    assert model.flow.schedule.dim == 3 + entries.get("extra", 0)
    problem = ac.ControlProblem(model.flow, model.readout.cost, outcome.folder.config.tikhonov)
    objective = problem.objective(model.control, model.measure(data.train.x))
    assert float(objective) == pytest.approx(outcome.metrics["objective"], rel=1e-4)
    if drawn:
        pictures = report(outcome.folder.path).figures
        assert not [path for path in pictures if path.stat().st_size == 0]


def test_zero_control_in_principal_coordinates_is_pca(table: Path) -> None:
    settings = config(table / "classes.csv", rotation="pca", widths=(3, 2), precision="float64")
    job = prepare(settings)
    nothing = [{name: 0 * a for name, a in block.items()} for block in job.model.control]
    from autoencodes.model.pca import Pca

    pca = Pca.fit(job.features("train"), 2).mean_squared_error(job.features("test"))
    assert job.errors(tuple(nothing), job.test)["mse"] == pytest.approx(pca, rel=1e-10)


def test_trainings_on_classes_resume_as_if_uninterrupted(table: Path, tmp_path: Path) -> None:
    settings = config(table / "classes.csv", target="classes", epochs=6)

    class Stop:
        def begin(self, job: Any) -> None: ...

        def advance(self, progress: Any) -> None:
            if progress.step >= 2:
                raise KeyboardInterrupt

    train(settings, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(settings, tmp_path / "run", Stop(), lambda: False)  # who gives stop handles signals
    resume(tmp_path / "run")
    file = "model.safetensors"
    assert (tmp_path / "run" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert "test_accuracy" in json.loads((tmp_path / "run" / "metrics.json").read_text())


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"data": "parabola", "target": "numbers"}, "parabola has no labels to predict"),
        ({"target": "numbers"}, "labels of classes.csv are no numbers"),
        ({"target": "classes", "widths": (3, 2)}, "target of 3 entries .* the last of the widths"),
        ({"target": "classes", "cost": "binary-cross-entropy"}, "costs for target classes are"),
        ({"cost": "cross-entropy"}, "costs for target rows are squared, huber, binary-cross"),
        ({"delta": 0.3}, "delta belongs to the huber cost"),
        ({"cost": "binary-cross-entropy", "scaling": "standard"}, "take scaling unit"),
        ({"cost": "binary-cross-entropy", "scaling": "unit", "rotation": "pca"}, "rotation none"),
        ({"extra": 1}, "1 extra components are never active with the widths 3"),
        ({"mirror": False, "widths": (3, 1)}, "end with 1 active components, and the others are 0"),
        ({"target": "classes", "memory": "hold"}, "memory hold is for components that return"),
        ({"target": "classes", "widths": (2,), "data": "five.csv"}, "read from .*add --extra 3"),
        ({"method": "exact-msa", "field": "linear-in-control", "pointwise": 2}, "a pointwise step"),
        ({"order": (0, 1)}, r"components 0\.\.2 exactly once; got 2"),
        ({"order": (0, 1, 1)}, "some of them twice"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_written(
    table: Path, tmp_path: Path, entries: dict[str, Any], message: str, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{k % 7},{k % 3},{k % 5}" for k in range(20)]
    Path("five.csv").write_text("\n".join(["a,b,label", *rows]) + "\n")
    with pytest.raises(InputError, match=message):
        train(config(**{"path": table / "classes.csv", **entries}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unlabelled_table_is_predicted_and_not_scored(
    classifier: RunFolder, tmp_path: Path
) -> None:
    np.save(tmp_path / "rows.npy", datasets.load(classifier.config.data).x[:4])
    rows = datasets.load(tmp_path / "rows.npy", to_split=False)
    assert classifier.model.predict(rows.x).shape == (4,)
    with pytest.raises(InputError, match="the data have no labels to compare with"):
        classifier.model.errors(rows.x, rows.labels)


def test_numbers_are_standardised_by_the_training_rows_alone(table: Path) -> None:
    job = prepare(config(table / "numbers.csv", target="numbers", widths=(3, 1)))
    assert np.asarray(job.train.y).mean() == pytest.approx(0, abs=1e-6)
    assert np.asarray(job.test.y).mean() != pytest.approx(0, abs=1e-3)


def test_the_natural_order_is_that_of_the_targets_where_a_law_has_its_own() -> None:
    for split in range(3):
        job = prepare(Settings(data="gaussian-sign", order="natural", split_seed=split))
        assert job.order.components == (0, 1)


@pytest.mark.slow
def test_a_last_step_moves_every_component_alike(table: Path, tmp_path: Path) -> None:
    entries = {"widths": (3, 1), "pointwise": 4, "time_dependent": True}
    model = train(config(table / "classes.csv", **entries), tmp_path / "run").folder.model
    *others, last = fields(model.flow)
    assert last == ac.fields.Pointwise(4)
    assert all(isinstance(field, ac.fields.TimeDependent) for field in others)
    assert model.flow.schedule.widths == (3, 1, 3, 3)
