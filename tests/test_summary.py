"""Representations: of whatever size an object is, a few short lines."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import autoencodes as ac
from autoencodes import datasets
from autoencodes.datasets import Dataset

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 784))
ORDER = ac.order.by_variance(X)


def model(target: str = "rows") -> ac.Model:
    schedule = ac.WidthSchedule.autoencoder(784, (784, 400, 200, 100, 50, 32), 1, 1.0, None, "skip")
    flow = ac.Flow(schedule, ac.fields.LowRank(2))
    coordinates = ac.Coordinates.of("pca", X[:, :784], 784)
    readout = ac.Readout.of(target, np.arange(40), "rows")
    control = flow.init(jax.random.key(0), dtype="float32")
    return ac.Model(flow, control, ac.Scaling.of("standard", X), (28, 28), coordinates, readout)


def objects() -> dict[str, object]:
    trained = model("classes")
    data = Dataset(
        "<a>&b" * 50, X, X, np.arange(40), np.arange(40) < 5, (28, 28), (0.0, 255.0), False
    )
    return {
        "model": trained,
        "scaling": trained.scaling,
        "coordinates": trained.coordinates,
        "readout": trained.readout,
        "order": ORDER,
        "dataset": data,
        "digits": datasets.load("digits"),
    }


@pytest.fixture(scope="module")
def shown() -> dict[str, object]:
    return objects()


NAMES = ("model", "scaling", "coordinates", "readout", "order", "dataset", "digits")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_representation_is_at_most_ten_lines_of_a_hundred_columns(
    name: str, shown: dict[str, object]
) -> None:
    text = repr(shown[name])
    lines = text.splitlines()
    assert lines[0] == type(shown[name]).__name__
    assert 2 <= len(lines) <= 10
    assert max(map(len, lines)) <= 100
    assert str(shown[name]) == text


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_gets_the_same_as_a_small_table(name: str, shown: dict[str, object]) -> None:
    page = shown[name]._repr_html_()  # type: ignore[attr-defined]
    assert page.startswith("<table>")
    assert page.count("<tr>") == len(repr(shown[name]).splitlines()) - 1
    assert len(page) < 2500
    assert "<a>" not in page
    assert ("&lt;a&gt;&amp;b" in page) == (name == "dataset")


def test_what_a_model_and_a_data_set_say() -> None:
    assert repr(model()).splitlines() == [
        "Model",
        "  rows      784 features in 784 dimensions, rotated, images 28 x 28",
        "  latent    32 values, memory skip",
        "  widths    784, 400, 200, 100, 50, 32, 50, 100, 200, 400, 784",
        "  flow      11 steps of Euler to T = 1",
        "  field     LowRank(rank=2)",
        f"  control   {sum(a.size for a in jax.tree.leaves(model().control)):,} entries, float32",
        "  predicts  rows, by SquaredError",
    ]
    assert repr(datasets.load("digits")).splitlines() == [
        "Dataset",
        "  name    digits",
        "  rows    1,797 of 64 features (images 8 x 8), uint8",
        "  split   1,438 to train on, 359 to test on",
        "  values  from 0 to 16",
        "  labels  10 different",
    ]
