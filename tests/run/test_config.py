"""Configurations: typed, complete, and the same after a round trip through TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autoencodes.errors import InputError
from autoencodes.plan.resolve import falling
from autoencodes.plan.settings import TrainConfig, from_toml, make, read_toml, to_toml


@pytest.mark.parametrize(
    ("dim", "latent", "widths"),
    [
        (64, 8, (64, 52, 42, 32, 23, 15, 8)),
        (602, 30, (602, 517, 437, 362, 291, 226, 166, 113, 67, 30)),
        (30, 4, (30, 25, 20, 15, 11, 7, 4)),
        (5, 2, (5, 4, 3, 2)),
        (2, 1, (2, 1)),
        (3, 3, (3,)),
        (1, 1, (1,)),
    ],
)
def test_widths_fall_to_the_latent_one(dim: int, latent: int, widths: Any) -> None:
    assert falling(dim, latent) == widths


@pytest.mark.parametrize("dim", [1, 2, 3, 5, 8, 30, 64, 500])
@pytest.mark.parametrize("rows", [2, 100, 10_000, 1_000_000])
def test_every_entry_is_decided_for_any_data(dim: int, rows: int) -> None:
    entries = make(data="table.csv").completed(dim, rows, 1.0 * dim, "standard").model_dump()
    assert [name for name, value in entries.items() if value is None] == [
        "data_dir",
        "delta",  # of the huber cost alone
        "start",  # of trainings that go on from another
        "refine",
        "hidden",  # of the two-layer field and the convolution alone
        "rank",  # of the low-rank field alone
        "grids",  # of the convolution alone
        "kernel",  # of the convolution alone
        "pointwise",  # for those who ask
        "learning_rate",  # of Adam and its like alone
    ]
    assert entries["widths"][0] == dim
    assert entries["latent"] == entries["widths"][-1]
    assert entries["epochs"] >= 1


@pytest.mark.parametrize("carried", [3, 40, 64])
def test_widths_begin_with_what_carries_the_variance(carried: int) -> None:
    config = make(data="digits").completed(64, 1438, 4.7, "unit", carried)
    assert config.widths == falling(max(carried, 8), 8)
    assert make(widths=(64, 8)).completed(64, 1438, 4.7, "unit", carried).widths == (64, 8)


def test_a_convolution_on_all_pixels_comes_before_the_widths() -> None:
    made = make(data="digits", field="convolution").completed(
        64, 1438, 4.7, "unit", 54, image=(8, 8)
    )
    assert (made.grids, made.kernel, made.hidden) == (((4, 4, 4),), 1, 16)
    assert made.widths == falling(54, 8)
    odd = make(data="x.npy", field="convolution").completed(35, 90, 7.0, "unit", image=(7, 5))
    assert odd.grids == ((1, 7, 5),)
    coarse = make(data="digits", field="convolution", grids=((4, 4, 4), (2, 2, 2)), latent=8)
    assert coarse.completed(64, 1438, 4.7, "unit", image=(8, 8)).widths == falling(8, 8)


def test_long_trainings_on_mini_batches_take_smaller_steps() -> None:
    taus = [
        make(data="digits", epochs=epochs).completed(64, 1280, 4.7, "unit").tau
        for epochs in (10, 100, 1600)
    ]
    assert taus == pytest.approx([5e-3, 5e-3, 5e-3 * 16**-0.25])
    assert make(data="digits", tau=0.1, epochs=1600).completed(64, 1280, 4.7, "unit").tau == 0.1
    assert make(data="digits", batch_size=0).completed(64, 1280, 4.7, "unit").tau == 1e10


def test_what_is_given_takes_precedence_over_the_preset() -> None:
    config = make(data="digits", latent=5, tikhonov=0.0, epochs=3).completed(64, 1438, 4.7, "unit")
    assert (config.latent, config.tikhonov, config.epochs) == (5, 0.0, 3)
    assert config.widths == falling(64, 5)
    wide = make(data="parabola", widths=(2, 2)).completed(2, 200, 0.4, "none")
    assert (wide.widths, wide.latent, wide.horizon) == ((2, 2), 2, 21.0)
    assert make(data="parabola", latent=2).completed(2, 200, 0.4, "none").widths == (2,)


def test_toml_keeps_every_entry(tmp_path: Path) -> None:
    config = make(data='a "b"\\\n\t\x7fé.csv', data_dir="/x").completed(7, 90, 7.0, "standard")
    (tmp_path / "c.toml").write_text(to_toml(config))
    assert from_toml(tmp_path / "c.toml") == config


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"latents": 3}, "unknown configuration entry 'latents'; expected one of data, "),
        ({"tikhonov": -1.0}, "tikhonov: .*greater than or equal to 0; got -1.0"),
        ({"horizon": 0.0}, "horizon: .*greater than 0; got 0.0"),
        ({"horizon": float("nan")}, "horizon: .*finite number; got nan"),
        ({"widths": ()}, "widths: "),
        ({"widths": (8, 0)}, r"widths\.1: .*greater than 0; got 0"),
        ({"method": "rmsprop"}, "method: .*'movement', 'adam', .*; got 'rmsprop'"),
        ({"memory": "keep"}, "memory: .*'reset', 'hold' or 'skip'; got 'keep'"),
        ({"epochs": "many"}, "epochs: .*got 'many'"),
        ({"test_fraction": 1.0}, "test-fraction: .*less than 1; got 1.0"),
    ],
)
def test_a_wrong_entry_is_named(entries: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(**entries)


def test_contradictions_are_named() -> None:
    with pytest.raises(InputError, match="latent 3 contradicts the narrowest of the widths, 8"):
        make(latent=3, widths=(64, 8)).completed(64, 100, 64.0, "standard")
    with pytest.raises(InputError, match="latent must not exceed the dimension of the flow, 4"):
        make(latent=5).completed(4, 100, 4.0, "standard")


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("a = [1,\n")
    for path in (tmp_path / "c.toml", tmp_path / "absent.toml", tmp_path):
        with pytest.raises(InputError, match="expected a configuration in TOML"):
            read_toml(path)


def test_a_configuration_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrainConfig().seed = 3
