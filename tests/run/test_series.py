"""Runs on windows of series: what the verbs make of them, row by row of the file."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import autoencodes as ac
from autoencodes.cli.app import app
from autoencodes.errors import Notice
from autoencodes.plan.settings import Settings
from autoencodes.run import train

HOURS = 90


def write(path: Path, odd: tuple[int, ...] = (), missing: bool = False, seed: int = 0) -> Path:
    """Two machines, hour by hour, in random order; at odd hours of the first load is reversed."""
    rng = np.random.default_rng(seed)
    rows = []
    for machine in "ab":
        for t in range(HOURS):
            load = np.sin(t / 3) * (-1 if t in odd and machine == "a" else 1)
            heat = np.cos(t / 3)
            gone = missing and t % 30 == 5
            rows.append(
                [
                    f"2020-01-{1 + t // 24:02d} {t % 24:02d}:00",
                    machine,
                    f"{load + 0.05 * rng.normal():.3f}",
                    "" if gone else f"{heat + 0.05 * rng.normal():.3f}",
                    "hot" if heat > 0 else "cold",
                ]
            )
    rng.shuffle(rows)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["when", "machine", "load", "heat", "state"], *rows])
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("series")
    data = write(folder / "series.csv", missing=True)
    settings = Settings(
        data=str(data), missing="mask", latent=2, epochs=3, tikhonov=1e-3, time="when",
        group="machine", window=4, test_fraction=0.3, validation_fraction=0.3,
    )  # fmt: skip
    train(settings, folder / "run")
    return folder / "run"


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def lines(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_every_row_of_the_file_is_judged_in_its_order(run: Path, tmp_path: Path) -> None:
    data, out = write(tmp_path / "new.csv", odd=(41,), seed=1), tmp_path / "judged.csv"
    said = invoke("anomalies", run, data, "-o", out, "--explain")
    rows, given = lines(out), lines(data)
    assert list(rows[0]) == (
        ["machine", "when", "row", "score", "p_value", "anomaly"]
        + [f"share of {name}" for name in ("load", "heat", "state")]
    )
    assert [(r["when"], r["machine"]) for r in rows] == [(r["when"], r["machine"]) for r in given]
    scores = np.array([float(r["score"]) for r in rows])
    shares = [[float(r[f"share of {name}"]) for name in ("load", "heat", "state")] for r in rows]
    np.testing.assert_allclose(np.sum(shares, axis=1), scores, rtol=1e-6, atol=1e-9)
    odd = next(k for k, r in enumerate(given) if (r["machine"], r["when"][8:]) == ("a", "02 17:00"))
    assert np.argmax(scores) == odd
    assert np.argmax(shares[odd]) == 0
    assert all(0 < float(r["p_value"]) <= 1 for r in rows)
    assert "about the share a" in said
    assert "worth about" in said


def test_the_run_s_own_rows_are_known_and_short_series_left_out(run: Path, tmp_path: Path) -> None:
    own, out = run.parent / "series.csv", tmp_path / "judged.csv"
    assert "126 of the" not in invoke("anomalies", run, own, "-o", out)
    assert "windows" in invoke("score", run, own)
    some = tmp_path / "some.csv"
    text = own.read_text().splitlines()
    picked = [line for line in text[1:] if ",a," in line or "2020-01-01 0" in line][:-1]
    few = [line for line in picked if ",b," in line][:3]
    some.write_text("\n".join([text[0], *[p for p in picked if ",b," not in p], *few]))
    said = invoke("anomalies", run, some, "-o", out)
    assert "3 rows are in no window" in said
    assert [r["score"] for r in lines(out)[-3:]] == ["", "", ""]
    assert [r["anomaly"] for r in lines(out)[-3:]] == ["", "", ""]
    some.write_text("\n".join([text[0], *few]))
    with pytest.raises(ac.InputError, match="expected 4 consecutive rows"):
        invoke("anomalies", run, some)


def test_other_verbs_have_a_line_for_every_window_or_refuse(run: Path, tmp_path: Path) -> None:
    data, out = run.parent / "series.csv", tmp_path / "out.csv"
    invoke("reconstruct", run, data, "-o", out)
    first = lines(out)[0]
    assert list(first) == (
        ["machine", "when"] + [f"{n}[t{k}]" for k in ("-3", "-2", "-1", "") for n in
                               ("load", "heat", "state")]
    )  # fmt: skip
    with pytest.raises(ac.InputError, match=r"windows of 4 rows.*impute needs a run on rows"):
        invoke("impute", run, data, "-o", out)
    with pytest.warns(Notice, match="windows overlap"):
        invoke("certify", run, "--seconds", "1")
    assert "features" in invoke("describe", data, "--window", "4", "--time", "when",
                                "--group", "machine", "--stride", "2")  # fmt: skip
    for options in (("--window", "4"), ("--window", "4", "--time", "when", "--target", "classes")):
        with pytest.raises(ac.InputError, match=r"--time NAME|leave window or target out"):
            invoke("train", data, "--missing", "mask", "--label", "state", "--group", "machine",
                   *options, "--dry-run")  # fmt: skip
