"""Configurations: typed, complete, and the same after a round trip through TOML."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autoencodes.errors import InputError
from autoencodes.plan.facts import Facts
from autoencodes.plan.plan import Plan
from autoencodes.plan.resolve import falling, resolve
from autoencodes.plan.settings import Settings, read_toml
from autoencodes.run.job import prepare

DIGITS = Facts(64, 1438, 4.7, (0.0, 16.0))


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
    entries = vars(resolve(Settings(data="table.csv"), Facts(dim, rows, 1.0 * dim)))
    assert [name for name, value in entries.items() if value is None] == [
        "data_dir",
        *(
            "split",
            "group",
            "time",
            "window",
            "stride",
            "columns",
            "drop",
            "label",
            "kinds",
        ),  # for those who ask
        *("sheet", "key", "delimiter", "decimal", "encoding"),  # of some files
        "memory_limit",  # of the machine, where the run is
        "delta",  # of the huber cost alone
        "start",  # of trainings that go on from another
        "refine",
        "hidden",  # of the two-layer field and the convolution alone
        "rank",  # of the low-rank field alone
        "grids",  # of the convolution alone
        "kernel",  # of the convolution alone
        "pointwise",  # for those who ask
        "effort",  # of the rule for tables alone
        "learning_rate",  # of Adam and its like alone
    ]
    assert entries["widths"][0] == dim
    assert entries["latent"] == entries["widths"][-1]
    assert entries["epochs"] >= 1


@pytest.mark.parametrize("carried", [3, 40, 64])
def test_widths_begin_with_what_carries_the_variance(carried: int) -> None:
    facts = replace(DIGITS, carried=carried)
    assert resolve(Settings(data="digits"), facts).widths == falling(max(carried, 8), 8)
    assert resolve(Settings(widths=(64, 8)), facts).widths == (64, 8)


def test_a_convolution_on_all_pixels_comes_before_the_widths() -> None:
    images = replace(DIGITS, image=(8, 8))
    made = resolve(Settings(data="digits", field="convolution"), replace(images, carried=54))
    assert (made.grids, made.kernel, made.hidden) == (((4, 4, 4),), 1, 16)
    assert made.widths == falling(54, 8)
    odd = resolve(Settings(data="x.npy", field="convolution"), Facts(35, 90, 7.0, image=(7, 5)))
    assert odd.grids == ((1, 7, 5),)
    coarse = Settings(data="digits", field="convolution", grids=((4, 4, 4), (2, 2, 2)), latent=8)
    assert resolve(coarse, images).widths == falling(8, 8)


def test_long_trainings_on_mini_batches_take_smaller_steps() -> None:
    facts = replace(DIGITS, rows=1280)
    taus = [resolve(Settings(data="digits", epochs=n), facts).tau for n in (10, 100, 1600)]
    assert taus == pytest.approx([5e-3, 5e-3, 5e-3 * 16**-0.25])
    assert resolve(Settings(data="digits", tau=0.1, epochs=1600), facts).tau == 0.1
    assert resolve(Settings(data="digits", batch_size=0), facts).tau == 1e10


def test_what_is_given_takes_precedence_over_the_preset() -> None:
    plan = resolve(Settings(data="digits", latent=5, tikhonov=0.0, epochs=3), DIGITS)
    assert (plan.latent, plan.tikhonov, plan.epochs) == (5, 0.0, 3)
    assert plan.widths == falling(64, 5)
    law = Facts(2, 200, 0.4)
    wide = resolve(Settings(data="parabola", widths=(2, 2)), law)
    assert (wide.widths, wide.latent, wide.horizon, wide.scaling) == ((2, 2), 2, 21.0, "none")
    assert resolve(Settings(data="parabola", latent=2), law).widths == (2,)


def test_toml_keeps_every_entry(tmp_path: Path) -> None:
    settings = Settings(data='a "b"\\\n\t\x7fé.csv', data_dir="/x")
    plan = resolve(settings, Facts(7, 90, 7.0))
    (tmp_path / "c.toml").write_text(plan.toml)
    again = Settings(**read_toml(tmp_path / "c.toml"))
    assert Plan.of(again) == resolve(again, Facts(7, 90, 7.0)) == plan


def test_what_an_earlier_version_wrote_is_read_as_it_was_meant() -> None:
    entries = resolve(Settings(data="digits"), DIGITS).entries
    for name in ("mirror", "cost", "order", "noise", "rotation", "scheme"):
        del entries[name]
    plan = Plan.of(Settings(**entries))
    assert (plan.mirror, plan.cost, plan.order, plan.noise) == (True, "squared", "variance", 0.0)
    assert (plan.rotation, plan.scheme) == ("none", "euler")
    del entries["horizon"], entries["widths"]
    with pytest.raises(InputError, match="one without widths, horizon"):
        Plan.of(Settings(**entries))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"latents": 3}, "unknown configuration entry 'latents'; expected one of data, "),
        ({"tikhonov": -1.0}, "tikhonov must be a finite number, at least 0; got -1.0"),
        ({"horizon": 0.0}, "horizon must be a positive finite number; got 0.0"),
        ({"horizon": float("nan")}, "horizon must be a positive finite number; got nan"),
        ({"widths": ()}, "widths must be positive integers"),
        ({"widths": (8, 0)}, r"widths must be positive integers; got \(8, 0\)"),
        ({"method": "rmsprop"}, "method must be one of movement, adam, .*; got 'rmsprop'"),
        ({"memory": "keep"}, "memory must be one of reset, hold, skip; got 'keep'"),
        ({"epochs": "many"}, "epochs must be an integer, at least 0; got 'many'"),
        ({"test_fraction": 1.0}, r"test-fraction must be a number in \(0, 1\); got 1.0"),
    ],
)
def test_a_wrong_entry_is_named(entries: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings(**entries)


def test_every_fault_is_named() -> None:
    with pytest.raises(InputError, match=r"'latents'.*; latent must .*; seed must be .* got True"):
        Settings(latents=3, latent=1.5, seed=True)


def test_contradictions_are_named() -> None:
    with pytest.raises(InputError, match="latent 3 contradicts the narrowest of the widths, 8"):
        resolve(Settings(latent=3, widths=(64, 8)), Facts(64, 100, 64.0))
    with pytest.raises(InputError, match="latent must not exceed the dimension of the flow, 4"):
        resolve(Settings(latent=5), Facts(4, 100, 4.0))


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("a = [1,\n")
    for path in (tmp_path / "c.toml", tmp_path / "absent.toml", tmp_path):
        with pytest.raises(InputError, match="expected a configuration in TOML"):
            read_toml(path)


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError, match="seed"):
        Settings().seed = 3  # type: ignore[misc]


def test_a_control_that_the_machine_cannot_hold_is_refused(monkeypatch: Any) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: 100)
    with pytest.raises(InputError, match="--widths 64,8"):
        prepare(Settings(data="digits"))
