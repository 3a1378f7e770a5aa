"""Files that were damaged or altered, by accident or on purpose: refused, whatever they say."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from safetensors.numpy import load as deserialise
from safetensors.numpy import save as serialise

import autoencodes as ac
from autoencodes import datasets
from autoencodes.errors import InputError, Notice
from autoencodes.model.storage import read_tensors, write_tensors
from autoencodes.plan.settings import Settings, read_toml
from autoencodes.report import report
from autoencodes.run import Model, RunFolder, export, train


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model file."""
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    schedule = ac.WidthSchedule.autoencoder(4, (4, 2), 2, 2.0)
    flow = ac.Flow(schedule, ac.fields.Perceptron())
    ac.save(path, Model(flow, flow.init(jax.random.key(0)), image_shape=(2, 2)))
    return path.read_bytes()


def unsigned(
    written: bytes,
    header: Callable[[dict[str, Any]], object] = lambda header: None,
    arrays: Callable[[dict[str, np.ndarray]], object] = lambda arrays: None,
) -> bytes:
    """The file with other contents and, as those of earlier versions, without a checksum."""
    (length,) = struct.unpack("<Q", written[:8])
    entries = json.loads(json.loads(written[8 : 8 + length])["__metadata__"]["autoencodes"])
    del entries["sha256"]
    tensors = {name: array.copy() for name, array in deserialise(written).items()}
    header(entries)
    arrays(tensors)
    return serialise(tensors, metadata={"autoencodes": json.dumps(entries)})


def test_a_bit_that_flipped_anywhere_in_a_tensor_is_noticed(tmp_path: Path, written: bytes) -> None:
    path, rng = tmp_path / "m.safetensors", np.random.default_rng(0)
    (length,) = struct.unpack("<Q", written[:8])
    for at in rng.integers(8 + length, len(written), 60):
        flipped = bytearray(written)
        flipped[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        with pytest.raises(InputError, match=r"m\.safetensors: .*checksum differs"):
            ac.load(path)


def test_what_has_no_checksum_still_opens(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "m.safetensors").write_bytes(written)
    (tmp_path / "older.safetensors").write_bytes(unsigned(written))
    one, other = (ac.load(tmp_path / f"{name}.safetensors") for name in ("m", "older"))
    x = np.ones((3, 4))
    np.testing.assert_array_equal(one.reconstruct(x), other.reconstruct(x))


HEADERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a list of blocks": lambda h: h.update(schedule=[1]),
    "text of blocks": lambda h: h["schedule"].update(blocks="many"),
    "a block of None": lambda h: h["schedule"]["blocks"].append(None),
    "components beyond all": lambda h: h["schedule"]["blocks"][0].update(active=[0, 10**15]),
    "components as text": lambda h: h["schedule"]["blocks"][0].update(active=["0"]),
    "steps beyond all": lambda h: h["schedule"]["blocks"][0].update(steps=10**12),
    "dimensions beyond all": lambda h: h["schedule"].update(dim=10**12),
    "a dimension as text": lambda h: h["schedule"].update(dim="4"),
    "no horizon": lambda h: h["schedule"].pop("horizon"),
    "a field that is a number": lambda h: h.update(field=7),
    "a field of None": lambda h: h.update(field=None),
    "a field with other arguments": lambda h: h["field"].update(arguments=[1]),
    "a scheme that is a list": lambda h: h.update(scheme=[]),
    "no substeps": lambda h: h.update(scheme={"name": "euler", "substeps": None}),
    "an image of one side": lambda h: h.update(image_shape=[4]),
    "an image of text": lambda h: h.update(image_shape="4x"),
    "features as text": lambda h: h.update(features="4"),
    "features beyond all": lambda h: h.update(features=10**12),
    "a readout of None": lambda h: h.update(readout=None),
    "a readout of numbers": lambda h: h.update(readout={"cost": 1, "target": 2}),
    "another format": lambda h: h.update(format=1),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_of_other_types_is_refused(tmp_path: Path, written: bytes, name: str) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(unsigned(written, HEADERS[name]))
    with pytest.raises(InputError, match=r"m\.safetensors: "):
        ac.load(path)


def put(name: str, value: float) -> Callable[[dict[str, np.ndarray]], object]:
    return lambda arrays: arrays[name].__setitem__(0, value)


@pytest.mark.parametrize(
    "change",
    [
        *(put("scaling.scale", value) for value in (np.inf, -1.0, 0.0, np.nan)),
        *(put("control.0.b", value) for value in (np.inf, np.nan)),
        put("scaling.shift", np.inf),
        lambda arrays: arrays.pop("scaling.scale"),
        lambda arrays: arrays.update({"control.0.W": arrays["control.0.W"].astype(np.int64)}),
        lambda arrays: arrays.update({"scaling.scale": arrays["scaling.scale"][:1]}),
        lambda arrays: arrays.update({"control.0.W": arrays["control.0.W"][:, :1]}),
    ],
)
def test_numbers_that_no_model_has_are_refused(
    tmp_path: Path, written: bytes, change: Callable[[dict[str, np.ndarray]], object]
) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(unsigned(written, arrays=change))
    with pytest.raises(InputError, match=r"m\.safetensors: "):
        ac.load(path)


def test_arrays_of_another_byte_order_are_written_as_the_numbers_they_are(tmp_path: Path) -> None:
    x = np.arange(5.0)
    write_tensors(tmp_path / "x.safetensors", {"x": x.astype(">f8")}, {})
    np.testing.assert_array_equal(read_tensors(tmp_path / "x.safetensors", "facts", "x")[1]["x"], x)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"a" + b".a" * 50_000 + b" = 1", "more than 100 dots"),
        (b"a = " + b"9" * 5000, "expected a configuration in TOML"),
        (b"\xff\xfe", "expected a configuration in TOML"),
        (b"#" * 5_000_000, "at most 4,000,000 bytes"),
    ],
    ids=["deep", "dots", "digits", "encoding", "long"],
)
def test_a_hostile_configuration_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "c.toml").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_toml(tmp_path / "c.toml")
    with pytest.raises(InputError, match="got a pipe or device"):
        read_toml("/dev/zero")


def test_a_configuration_is_read_as_editors_write_it(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"\xef\xbb\xbfepochs = 3\r\nwidths = [8, 4]\r\n")
    assert Settings(**read_toml(tmp_path / "c.toml")).given == {"widths": (8, 4), "epochs": 3}
    for text in ("epochs = true", 'widths = [8, "4"]', "epochs = 1979-05-27", "data = {a = 1}"):
        (tmp_path / "c.toml").write_text(text)
        with pytest.raises(InputError, match="must be"):
            Settings(**read_toml(tmp_path / "c.toml"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on small images."""
    folder = tmp_path_factory.mktemp("hostile")
    np.save(folder / "x.npy", np.random.default_rng(0).uniform(size=(40, 2, 2)))
    settings = Settings(data=str(folder / "x.npy"), widths=(4, 2), steps_per_block=1, epochs=2)
    return train(settings, folder / "run").folder.path


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("history.jsonl", b"\xff\xfe\n"),
        ("history.jsonl", b'{"step": true}\n'),
        ("history.jsonl", b'{"step": 1, "objective": "x"}\n'),
        ("history.jsonl", b'{"step": 1, "objective": 1e999}\n'),
        ("metrics.json", b"[" * 100_000),
        ("metrics.json", b'{"test_mse": "\xff"}'),
    ],
)
def test_lines_and_metrics_that_are_none_are_refused(run: Path, file: str, content: bytes) -> None:
    before = (run / file).read_bytes()
    (run / file).write_bytes(content)
    try:
        with pytest.raises(InputError, match=file):
            RunFolder(run).history, RunFolder(run).metrics
    finally:
        (run / file).write_bytes(before)


SAMPLES: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "without rows": lambda a, f: a.pop("originals"),
    "flat rows": lambda a, f: a.update(originals=a["originals"].ravel()),
    "other rows": lambda a, f: a.update(reconstructions=a["reconstructions"][:, :1]),
    "flat codes": lambda a, f: a.update(latent=a["latent"].ravel()),
    "an image of text": lambda a, f: f.update(image_shape="x"),
    "an image beyond all": lambda a, f: f.update(image_shape=[10**9, 10**9]),
    "no target": lambda a, f: f.pop("reconstructs"),
    "another target": lambda a, f: f.update(target="classes"),
    "a cost of None": lambda a, f: f.update(entries=None),
    "short paths": lambda a, f: a.update(paths=a["paths"][:1]),
    "components beyond all": lambda a, f: a.update(path_components=np.array([99])),
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (k % 4 > 0)) for k, n in enumerate(SAMPLES)]
)
def test_a_report_of_altered_samples_is_refused(run: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    path = run / "samples.safetensors"
    before = path.read_bytes()
    facts, arrays = read_tensors(path, "facts", "samples")
    SAMPLES[name](arrays, facts)
    write_tensors(path, arrays, facts)
    try:
        with pytest.raises(InputError, match="cannot be drawn"):
            report(run, animate="gif" if "components" in name or "paths" in name else None)
    finally:
        path.write_bytes(before)


def test_labels_that_a_spreadsheet_computes_are_said(tmp_path: Path) -> None:
    labels = np.array(["=HYPERLINK(1)", "-1", "plain"], object)
    with pytest.warns(Notice, match="HYPER"):
        export.write_rows(tmp_path / "y.csv", labels, "class")
    assert (tmp_path / "y.csv").read_text() == "class\n=HYPERLINK(1)\n-1\nplain\n"


def test_the_input_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "x.npy").touch()
    (tmp_path / "y.npy").symlink_to("x.npy")
    for name in ("x.npy", "y.npy"):
        with pytest.raises(InputError, match="is the file that is read"):
            export.require_writable(tmp_path / name, tmp_path / "x.npy")
    export.require_writable(tmp_path / "z.npy", tmp_path / "x.npy")


def test_an_image_whose_pixels_are_damaged_is_named(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for k in range(3):
        image.fromarray(np.full((4, 4), 9 * k, np.uint8)).save(tmp_path / f"{k}.png")
    damaged = bytearray((tmp_path / "1.png").read_bytes())
    damaged[damaged.index(b"IDAT") + 6] ^= 0xFF
    (tmp_path / "1.png").write_bytes(damaged)
    with pytest.raises(InputError, match=r"1\.png: expected a sound image"):
        datasets.load(str(tmp_path))
