"""Models: units, files, and the same numbers wherever they are loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.model.scaling import Scaling
from autoencodes.run import Model, load, save

X = np.random.default_rng(1).normal(2.0, 3.0, (37, 5))


def model(memory: str = "reset", dtype: str = "float64", field: Any = None) -> Model:
    schedule = ac.WidthSchedule.autoencoder(5, (4, 2), 2, 2.0, (3, 1, 0, 4, 2), memory)
    flow = ac.Flow(schedule, field or ac.fields.Perceptron())
    control = flow.init(jax.random.key(0), dtype=dtype)
    return Model(flow, control, Scaling.of("standard", X), None)


@pytest.mark.parametrize("memory", ["reset", "hold"])
def test_decode_of_encode_is_reconstruct(memory: str) -> None:
    trained = model(memory)
    codes = trained.encode(X)
    assert codes.held.shape[1] == (3 if memory == "hold" else 0)
    np.testing.assert_array_equal(trained.decode(*codes), trained.reconstruct(X))


def test_results_are_in_the_datas_units_and_errors_in_the_flows() -> None:
    trained = model()
    z = trained.scaling.apply(X, float)
    pushed = np.asarray(trained.flow.push(trained.control, z))
    np.testing.assert_allclose(trained.reconstruct(X), trained.scaling.undo(pushed, float))
    np.testing.assert_allclose(trained.errors(X), np.mean((pushed - z) ** 2, axis=1))
    y = X + trained.scaling.scale
    np.testing.assert_allclose(trained.errors(X, y), np.mean((pushed - z - 1) ** 2, axis=1))


def test_rows_do_not_depend_on_the_rows_beside_them() -> None:
    trained = model()
    many = np.tile(X, (60, 1))
    assert len(many) > 2048
    np.testing.assert_array_equal(trained.reconstruct(many)[-37:], trained.reconstruct(X))


@pytest.mark.parametrize(
    ("dtype", "memory", "field"),
    [
        ("float32", "reset", ac.fields.Perceptron("sin")),
        ("float64", "hold", ac.fields.Perceptron("sin")),
        ("float32", "hold", ac.fields.TwoLayer(5)),
        ("float64", "reset", ac.fields.LowRank(2, "relu")),
        ("float64", "skip", ac.fields.LinearInControl("sin")),
        ("float32", "skip", ac.fields.TimeDependent(ac.fields.LowRank(2), 2.0)),
    ],
)
def test_a_saved_model_comes_back_equal(
    tmp_path: Path, dtype: str, memory: str, field: ac.fields.ControlledField
) -> None:
    before = model(memory, dtype, field)
    save(tmp_path / "m.safetensors", before)
    after = load(tmp_path / "m.safetensors")
    assert after.flow.schedule == before.flow.schedule
    assert after.flow.field == before.flow.field
    assert after.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(after.reconstruct(X), before.reconstruct(X))
    save(tmp_path / "n.safetensors", after)
    assert (tmp_path / "m.safetensors").read_bytes() == (tmp_path / "n.safetensors").read_bytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_new_process_gives_bitwise_the_same_output(tmp_path: Path, dtype: str) -> None:
    trained = model(dtype=dtype)
    save(tmp_path / "m.safetensors", trained)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", trained.reconstruct(X))
    program = (
        "import numpy as np, autoencodes as ac\n"
        "y = ac.load('m.safetensors').reconstruct(np.load('x.npy'))\n"
        "before = np.load('y.npy')\n"
        "assert y.dtype == before.dtype and (y == before).all()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


class Linear(ac.fields.ControlledField):
    """A x, a field of the user's own."""

    def velocity(self, t: Any, x: Any, theta: Any) -> Any:
        return theta["A"] @ x

    def init(self, key: Any, width: int, scale: float) -> Any:
        return {"A": scale * jax.random.normal(key, (width, width))}


def test_a_field_of_the_users_own_is_saved_by_name_and_given_back_on_load(tmp_path: Path) -> None:
    before = model(field=Linear())
    save(tmp_path / "m.safetensors", before)
    with pytest.raises(ac.InputError, match=r"Linear' is not built in .* field="):
        load(tmp_path / "m.safetensors")
    after = load(tmp_path / "m.safetensors", field=Linear())
    np.testing.assert_array_equal(after.reconstruct(X), before.reconstruct(X))


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "other"])
def test_what_is_no_model_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "m.safetensors"
    save(path, model())
    whole = path.read_bytes()
    if damage == "other":
        from safetensors.numpy import save_file

        save_file({"a": np.ones(3)}, path)
    else:
        path.write_bytes({"empty": b"", "text": b"hello, world", "cut": whole[:-9]}[damage])
    with pytest.raises(ac.InputError, match=r"m\.safetensors: expected a model"):
        load(path)


def test_a_missing_model_and_wrong_shapes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ac.InputError, match="no such file"):
        load(tmp_path / "nothing")
    with pytest.raises(ac.InputError, match=r"rows of 5 features.*got shape \(3, 4\)"):
        model().encode(np.ones((3, 4)))
    with pytest.raises(ac.InputError, match="at least one row"):
        model().reconstruct(np.ones((0, 5)))


def test_a_model_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    broken = model()
    broken.control[0]["b"] = np.full((2, 4), np.nan)
    with pytest.raises(ac.NumericalFailure, match="not written"):
        save(tmp_path / "m.safetensors", broken)
    assert list(tmp_path.iterdir()) == []
