"""What is exported is the model: every field and memory, in every format."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.catalogue import ACTIVATIONS, FIELDS
from autoencodes.deploy import FORMATS, export
from autoencodes.errors import InputError, NumericalFailure
from autoencodes.fields import Convolution, Perceptron, TimeDependent
from autoencodes.fields.field import build
from autoencodes.flow.flow import Flow
from autoencodes.model.model import Model
from autoencodes.model.scaling import Scaling
from autoencodes.schemes import Heun, RungeKutta4

HERE = [to for to in FORMATS if to != "onnx" or importlib.util.find_spec("onnx")]


def model(field: Any, memory: str = "reset", dtype: Any = np.float64, **more: Any) -> Model:
    schedule = ac.WidthSchedule.autoencoder(4, (2,), 1, 1.0, memory=memory)
    flow = Flow(schedule, field, **more)
    control = flow.init(jax.random.key(1), 1.0, dtype)
    return Model(flow, control, Scaling(np.arange(4.0), 1.0 + np.arange(4.0)))


def fields() -> list[Any]:
    """One of each."""
    made = []
    for name in FIELDS:
        if name not in ("convolution", "time-dependent"):
            made.append(build({"name": name, **FIELDS.entries[name].facts.get("example", {})}))
    return [*made, TimeDependent(Perceptron())]


CASES = [
    *itertools.product(fields(), ("reset", "hold", "skip")),
    *((Perceptron(name), "reset") for name in ACTIVATIONS.names if name != "tanh"),
]


@pytest.mark.parametrize(("field", "memory"), CASES)
def test_every_field_and_memory_is_exported(field: Any, memory: str, tmp_path: Path) -> None:
    try:
        made = model(field, memory)
    except InputError:
        assert memory == "skip"  # some fields see no stored values
        return
    for to in HERE:
        if to == "jax" and memory != "skip":
            continue  # JAX's own knows all that JAX does: a part is enough
        result = export(made, tmp_path / f"m{FORMATS[to]}", to)
        # ONNX runtimes have these functions in float32 alone.
        single = to == "onnx" and getattr(field, "activation", "") in ("gelu", "sin")
        assert result.difference is None or result.difference < (1e-5 if single else 1e-11)


@pytest.mark.parametrize("to", HERE)
@pytest.mark.parametrize("scheme", [Heun(2), RungeKutta4()], ids=lambda s: type(s).__name__)
def test_schemes_are_exported(scheme: Any, to: str, tmp_path: Path) -> None:
    result = export(model(Perceptron(), scheme=scheme), tmp_path / f"m{FORMATS[to]}", to)
    assert result.difference is None or result.difference < 1e-11


@pytest.mark.parametrize("to", HERE)
def test_convolutions_are_exported(to: str, tmp_path: Path) -> None:
    schedule = ac.WidthSchedule.constant(16, 2, 1.0)
    flow = Flow(schedule, Convolution((1, 4, 4), 3, 2))
    made = Model(flow, flow.init(jax.random.key(0), 1.0, np.float32))
    result = export(made, tmp_path / f"m{FORMATS[to]}", to)
    assert result.difference is None or result.difference < 1e-6


MIXED = {
    "colour": ["red", "green", None, "blue", "red", "red", "blue", "green"] * 8,
    "size": [float(k % 7) + 0.5 for k in range(64)],
    "log size": [float(np.exp(k % 5)) for k in range(64)],
    "rank": ["low", "mid", "high", "mid"] * 16,
    "when": [f"{1 + k % 28:02d}.03.2024" for k in range(64)],
    "ok": [True, False] * 32,
    "price": [f"{1000 + 37 * k:,}".replace(",", ".") + f",{k:02d} EUR" for k in range(64)],
}
KINDS = {"log size": "log", "rank": "low<mid<high", "when": "cyclic(%d.%m.%Y)"}


@pytest.fixture(scope="module")
def mixed() -> Model:
    """A model of a table with text, gaps, dates, truths and logarithms."""
    import pandas

    encoder = ac.AutoencODE(
        2, kinds=KINDS, missing="mask", method="adam", epochs=2, batch_size=0, widths=(6, 2)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return encoder.fit(pandas.DataFrame(MIXED)).model_


@pytest.mark.parametrize("to", HERE)
def test_a_table_s_columns_are_encoded_inside(mixed: Model, to: str, tmp_path: Path) -> None:
    result = export(mixed, tmp_path / f"m{FORMATS[to]}", to)
    assert result.functions == ("encode", "decode", "reconstruct", "score")
    assert result.difference is None or result.difference < 1e-5


def test_the_module_needs_numpy_alone(mixed: Model, tmp_path: Path) -> None:
    """It reads people's values by name, and gives them back; the model's own are beside it."""
    import pandas

    export(mixed, tmp_path / "portable.py", "numpy")
    latent = mixed.encode(pandas.DataFrame(MIXED)).latent
    own = mixed.reconstruct(pandas.DataFrame(MIXED))["when"].tolist()
    np.save(tmp_path / "latent.npy", latent)
    script = f"""
import sys
for name in ("jax", "autoencodes", "pandas", "sklearn"):
    sys.modules[name] = None
import numpy as np
import portable
rows = {MIXED!r}
latent = portable.encode(rows)
assert np.abs(latent - np.load("latent.npy")).max() < 1e-5
made = portable.reconstruct(rows)
assert set(made) == set(rows) and set(made["colour"]) <= {{"red", "green", "blue"}}, made
assert made["when"] == {own!r}, made["when"]
assert all(isinstance(v, float) for v in made["price"]), made["price"]  # in the unit, EUR
assert portable.score(rows).shape == (64,)
assert list(portable.decode(latent)["rank"]) == list(made["rank"])
gaps = dict(rows, size=["NA", "7", " ? ", *map(str, rows["size"][3:])])
plain = dict(rows, size=[None, 7, float("nan"), *rows["size"][3:]])
assert (portable.encode(gaps) == portable.encode(plain)).all()
for wrong, words in ((dict(rows, colour=["pink"] * 64), "pink"),
    (dict(rows, price=["5.00 USD"] * 64), "#.##0,00 EUR"), ({{"size": [1.0]}}, "colour")):
    try:
        portable.encode(wrong)
    except ValueError as error:
        assert words in str(error), error
    else:
        raise AssertionError(words)
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)


def test_the_module_writes_values_as_the_model_does(tmp_path: Path) -> None:
    import pandas

    rng = np.random.default_rng(0)
    at = pandas.Timestamp("2024-03-30") + pandas.to_timedelta(rng.integers(0, 10**7, 60), unit="s")
    frame = pandas.DataFrame(
        {
            "day": at.strftime("%Y-%m-%d"),
            "second": at.strftime("%d.%m.%Y %H:%M:%S"),
            "minute": at.strftime("%Y-%m-%d %H:%M"),
            "zoned": at.strftime("%Y-%m-%dT%H:%M:%S+0000"),
            "moment": at,
            "few": rng.integers(0, 3, 60).astype(np.uint8),
            "count": pandas.array([None, *range(59)], "Int64"),
            "ok": pandas.array([True, None, *([True, False] * 29)], "boolean"),
            "unit": "kg",
        }
    )
    encoder = ac.AutoencODE(
        2, missing="mask", method="adam", epochs=2, batch_size=0, precision="float64"
    )
    made = encoder.fit(frame).model_
    export(made, tmp_path / "written.py", "numpy")
    spec = importlib.util.spec_from_file_location("written", tmp_path / "written.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    want, got = made.reconstruct(frame), module.reconstruct(frame)
    moments = np.array(got.pop("moment"), "M8[us]") - want["moment"].to_numpy()
    assert np.abs(moments).max() <= np.timedelta64(2, "us")  # what float64 has of seconds
    for name in got:
        told = pandas.Series(np.asarray(got[name])).astype(want[name].dtype)
        pandas.testing.assert_series_equal(told, want[name], check_names=False, rtol=1e-5)
    np.testing.assert_allclose(module.score(frame), made.errors(frame), rtol=1e-4)


@pytest.mark.parametrize("to", HERE)
@pytest.mark.parametrize("target", ["classes", "numbers"])
def test_predictions_are_exported(target: str, to: str, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 4))
    estimator: Any = ac.AutoencODEClassifier if target == "classes" else ac.AutoencODERegressor
    fitted = estimator(epochs=2, method="adam", batch_size=0, steps_per_block=1).fit(x, x[:, 0] > 0)
    result = export(fitted.model_, tmp_path / f"m{FORMATS[to]}", to)
    assert result.functions == ("encode", "predict")
    assert result.difference is None or result.difference < 1e-5


def test_what_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = model(Perceptron())
    monkeypatch.setattr(sys.modules["autoencodes.deploy.writing"], "TOLERANCE", -1.0)
    with pytest.raises(NumericalFailure, match="nothing was written"):
        export(made, tmp_path / "m.py", "numpy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", HERE)
def test_a_difference_as_large_as_the_model_rounds_is_none_of_the_file(
    to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model(Perceptron(), dtype=np.float32)
    monkeypatch.setattr(sys.modules["autoencodes.deploy.writing"], "TOLERANCE", 0.0)
    result = export(made, tmp_path / f"m{FORMATS[to]}", to)
    assert result.files[0].exists()
    if result.difference is not None and result.difference > 0:
        assert result.rounding is not None
        assert 0 < result.rounding < 1e-5
        assert result.difference <= 4 * result.rounding


def test_names_and_formats_are_checked(tmp_path: Path) -> None:
    made = model(Perceptron())
    with pytest.raises(InputError, match=r"ends in \.onnx"):
        export(made, tmp_path / "m.py", "onnx")
    with pytest.raises(InputError, match="onnx"):
        export(made, tmp_path / "m.py", "tensorflow")
