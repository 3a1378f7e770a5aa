"""The explorer: a page's script decodes what Python decodes."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.resources import files
from itertools import product
from typing import Any

import jax
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.datasets import Column
from autoencodes.fields import LinearInControl, LowRank, Perceptron, Pointwise, TwoLayer
from autoencodes.model.coordinates import Coordinates
from autoencodes.model.encoding import Encoding
from autoencodes.model.model import Model
from autoencodes.model.readout import Readout
from autoencodes.model.scaling import Scaling
from autoencodes.plot import decoder
from autoencodes.plot.explorer import Explorer
from autoencodes.schemes import Euler, Heun, RungeKutta4
from autoencodes.summary import number

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="no Node in PATH to run a page's script in")
RNG = np.random.default_rng(0)


def in_node(action: str, given: Any) -> Any:
    """What the page's classes make of JSON values, in Node."""
    home = files("autoencodes.report.page")
    scripts = "".join((home / n).read_text("utf-8") for n in ("explorer.js",))
    text = f"{scripts}\nconst given = {json.dumps(given)};\nconsole.log(JSON.stringify({action}));"
    command = [str(NODE), "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def model(
    field: Any = None,
    scheme: Any = None,
    memory: Any = "reset",
    rotation: str = "none",
    **more: Any,
) -> Model:
    """Five features, six components, two latent values in the middle, a random control."""
    order = [3, 0, 5, 1, 2, 4]
    schedule = ac.WidthSchedule.autoencoder(6, (5, 3, 2), 2, 2.0, order, memory=memory)
    flow = ac.Flow(schedule, field or Perceptron(), scheme or Euler())
    control = flow.init(jax.random.key(1), 0.8)
    rows = RNG.normal(size=(30, 5)) * [1, 2, 3, 1, 0.1] + [0, 5, 0, 0, 1]
    scaling = Scaling.of("standard", rows)
    coordinates = Coordinates.of(rotation, scaling.apply(rows, np.float64), 6)
    return Model(flow, control, scaling, coordinates=coordinates, **more)


def cases() -> list[Model]:
    """Every field, scheme, activation and coordinate that the script knows."""
    fields = [
        *(Perceptron(activation=name) for name in ("tanh", "relu", "softplus", "sin", "identity")),
        TwoLayer(hidden=3), LowRank(2), LinearInControl(), Pointwise(3),
    ]  # fmt: skip
    made = [model(field, Heun(2)) for field in fields]
    made += [model(None, *rest) for rest in product([Euler(3), RungeKutta4()], ("reset", "hold"))]
    made.append(model(rotation="random", readout=Readout(ac.BinaryCrossEntropy())))
    return made


@needs_node
def test_the_script_decodes_as_python_does() -> None:
    models, z = cases(), RNG.normal(size=(4, 2))
    programs = [decoder.program(each) for each in models]
    assert all(programs)
    action = "given.programs.map((p) => given.z.map((z) => [...new Decoder(p).decode(z)]))"
    found = np.array(in_node(action, {"programs": programs, "z": z.tolist()}))
    for each, made in zip(models, found, strict=True):
        np.testing.assert_allclose(made, each.decode_features(z), rtol=1e-4, atol=1e-5)


def test_what_the_script_cannot_run_is_left_to_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    assert decoder.program(model(Perceptron(activation="gelu"))) is None
    assert decoder.program(model(memory="skip")) is None
    monkeypatch.setattr(decoder, "_MOST", 10)
    assert decoder.program(model()) is None
    monkeypatch.setattr(decoder, "_MOST_DECODED", 10)
    codes, rows = RNG.normal(size=(9, 2)), RNG.normal(size=(9, 5))
    assert Explorer.of("too large for a page", model(), codes, rows) is None


@needs_node
@pytest.mark.parametrize(("shape", "off"), [(None, 1e-3), ((1, 5), 0.1)])
def test_a_grid_holds_the_decoded_rows_and_interpolates(
    shape: tuple[int, int] | None, off: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "_MOST", 10)
    each, codes = model(image_shape=shape), RNG.normal(size=(9, 2))
    found = Explorer.of("a grid", each, codes, RNG.normal(size=(9, 5)))
    assert found is not None
    low, high = np.array(found.facts["low"]), np.array(found.facts["high"])
    share = np.array([[0, 0], [1, 1], [0.25, 0.5], [0.5 / 16, 1]])  # of 17 points an axis
    action = "given.places.map((z) => [...new Latent(given.facts).features(z)])"
    places = (low + share * (high - low)).tolist()
    made = in_node(action, {"facts": found.facts, "places": places})
    wanted = each.decode_features(low + np.vstack([share, [1 / 16, 1], [0, 1]]) * (high - low))
    np.testing.assert_allclose(made[:3], wanted[:3], atol=off)
    np.testing.assert_allclose(made[3], (wanted[4] + wanted[5]) / 2, atol=off)


@needs_node
def test_a_row_stands_in_users_units_and_names() -> None:
    columns = (
        Column("size, mm"), Column("count", dtype="int64"), Column("mass, g", "log"),
        Column("kind", "category", "str", ("<a>", "b")), Column("same", "constant", "str", ("x",)),
    )  # fmt: skip
    each = model(encoding=Encoding(columns, "refuse", np.zeros(5), "float64"))
    codes = RNG.normal(size=(9, 2))
    found = Explorer.of("a table", each, codes, RNG.normal(size=(9, 5)))
    assert found is not None
    z = RNG.normal(size=(5, 2))
    action = (
        "given.z.map((z) => { const l = new Latent(given.facts); return l.row(l.features(z)); })"
    )
    made = in_node(action, {"facts": found.facts, "z": z.tolist()})
    table = each.columns(each.table_of(each.decode_features(z)))
    for k, row in enumerate(made):
        assert [entry["name"] for entry in row] == [column.name for column in columns]
        assert row[0]["text"] == number(float(table["size, mm"][k]))
        assert row[1]["text"] == f"{table['count'][k]:,}".replace("-", "−")
        assert row[2]["text"] == number(float(table["mass, g"][k]))
        assert [row[3]["text"], row[4]["text"]] == [table["kind"][k], "x"]


def test_many_latent_values_have_principal_axes() -> None:
    schedule = ac.WidthSchedule.autoencoder(9, (9, 8), 1, 1.0)
    flow = ac.Flow(schedule)
    each = Model(flow, flow.init(jax.random.key(0)))
    codes = RNG.normal(size=(40, 8)) * np.arange(1, 9)
    facts = Explorer.of("many", each, codes, RNG.normal(size=(5, 9))).facts  # type: ignore[union-attr]
    vectors = np.array(facts["vectors"])
    assert len(facts["names"]) == 4
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(4), atol=1e-4)
    places = (codes - facts["centre"]) @ vectors.T
    np.testing.assert_allclose(places, facts["codes"], rtol=1e-3, atol=1e-3)


@needs_node
def test_numbers_are_written_alike_in_python_and_in_the_page() -> None:
    values = [0, 0.01234, -5, 123.4, 999.4, 999.6, 12345.6, 1e5, 2.345e-12, -1e-5, 3e7, 0.00099996]
    written = [number(float(value)) for value in values]
    assert in_node("given.map(shown)", values) == written
