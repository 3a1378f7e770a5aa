"""What is said of a table before training, and of an error after it, that no number shows."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from autoencodes.cli.app import app
from autoencodes.datasets.table import Column, Table
from autoencodes.plan.facts import Facts
from autoencodes.plan.resolve import resolve
from autoencodes.plan.settings import Settings
from autoencodes.run import RunFolder, train
from autoencodes.run.describe import advice
from autoencodes.run.filled import beyond, decoded, remade
from autoencodes.run.verdict import remarks


def _table(last: float | None = None, order: str = "rising", **facts: Any) -> Table:
    random = np.random.default_rng(0)
    amount, when = random.uniform(-1, 9, 40).round(2), np.arange(40) * 86400.0
    when = {"rising": when, "falling": when[::-1], "mixed": random.permutation(when)}[order]
    if last is not None:
        amount[-1] = amount[:-1].sum() + last
    columns = (Column("amount", "number", "float64"), Column("when", "date", "%Y-%m-%d"))
    return Table(np.c_[amount, when], columns=columns, line=2, **facts)


@pytest.mark.parametrize(
    ("last", "warned"), [(0.0, True), (5.0, True), (50.0, False), (None, False)]
)
def test_a_total_below_the_rows_is_seen(last: float | None, warned: bool) -> None:
    said = "\n".join(advice(_table(last, "mixed")))
    assert ("the last row (line 41) holds the sum of all others, or nearly, in" in said) is warned


@pytest.mark.parametrize(("name", "warned"), [("Summe:", True), ("Total", True), ("Anna", False)])
def test_a_last_row_that_is_called_a_total_is_seen(name: str, warned: bool) -> None:
    table = _table(None, "mixed")
    named = replace(table, identifiers={"who": np.array([*(f"n{k}" for k in range(39)), name])})
    assert (f"the last row (line 41) is called {name!r}" in "\n".join(advice(named))) is warned
    place = np.r_[np.arange(39) % 3, 3.0]
    columns = (*table.columns, Column("who", "category", "str", ("a", "b", "c", name)))
    levelled = Table(np.c_[table.x, place], columns=columns, line=2)
    assert (f"the last row (line 41) is called {name!r}" in "\n".join(advice(levelled))) is warned


@pytest.mark.parametrize("order", ["rising", "falling", "mixed"])
def test_rows_in_the_order_of_time_are_seen(order: str) -> None:
    assert ("--time when tests on the last rows" in "\n".join(advice(_table(None, order)))) is (
        order != "mixed"
    )


def test_nothing_is_said_of_time_where_rows_are_parted_by_it() -> None:
    assert not advice(_table(None, "rising", roles={"time": np.arange(40)}))


@pytest.mark.parametrize(("rows", "latent"), [(42, 20), (2, 1), (401, 100), (5000, 100)])
def test_few_rows_are_not_learned_by_heart_through_as_many_numbers(rows: int, latent: int) -> None:
    assert resolve(Settings(data="genes.npy"), Facts(800, rows, 800.0)).latent == latent


@pytest.mark.parametrize(("rows", "warned"), [(1, True), (19, True), (20, False)])
def test_an_error_of_few_rows_is_no_judgement(rows: int, warned: bool) -> None:
    said = remarks({"train_mse": 1.0, "test_mse": 1.0, "test_rows": rows})
    assert any("says little" in sentence for sentence in said) is warned


@pytest.mark.parametrize(
    ("made", "said"),
    [(2.0, ""), (5.3, ""), (6.0, "'kg' 1, as 6 (else 1 to 5)"), (-1.0, "--kinds kg=log keeps")],
)
def test_values_filled_in_that_nobody_has_seen_are_said(made: float, said: str) -> None:
    x = np.array([[1.0], [np.nan], [5.0]])
    told = beyond(Table(x, columns=(Column("kg", "number", "float64"),)), {"kg": np.r_[1, made, 5]})
    assert (said in told[0]) if said else told == ()


@pytest.mark.parametrize(
    ("marker", "count", "warned"),
    [(-999.0, 3, True), (9999.0, 2, True), (9.96921e36, 4, True), (-999.0, 1, False),
     (5.0, 3, False), (-998.0, 3, False)],
)  # fmt: skip
def test_a_number_that_stands_for_nothing_is_seen(marker: float, count: int, warned: bool) -> None:
    table = _table(None, "mixed")
    table.x[3 : 3 + count, 0] = marker
    said = "\n".join(advice(table))
    assert (f"{marker:g} in 'amount' ({count} times)" in said) is warned


@pytest.mark.parametrize(
    ("made", "said"), [(5.3, ""), (6.0, "reconstructed outside .*'kg' 1, as 6 .else 1 to 5.")]
)
def test_reconstructions_that_nobody_has_seen_are_said(made: float, said: str) -> None:
    x = np.array([[1.0], [np.nan], [5.0]])
    table = Table(x, columns=(Column("kg", "number", "float64"),))
    told = remade(table, {"kg": np.r_[1, 2, made]})
    assert re.search(said, told[0]) if said else told == ()
    many = Table(np.tile(x, 9), columns=tuple(Column(f"c{k}") for k in range(9)))
    (told_once,) = remade(many, {f"c{k}": np.r_[1, 2, 99] for k in range(9)})
    assert told_once.endswith("and 4 more columns")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("decoded")
    random = np.random.default_rng(0)
    lines = [f"{a:.3f},{a + 0.1 * b:.3f}" for a, b in random.uniform(1, 2, (60, 2))]
    (folder / "t.csv").write_text("\n".join(["kg,m", *lines]))
    small: dict[str, Any] = {"epochs": 2, "steps_per_block": 1, "method": "adam", "latent": 1}
    train(Settings(data=str(folder / "t.csv"), **small), folder / "run")
    return RunFolder.open(folder / "run")


def test_what_is_decoded_is_compared_with_the_rows_that_the_run_keeps(run: RunFolder) -> None:
    assert decoded(run, {"kg": np.array([1.5]), "m": np.array([1.5])}) == ()
    (said,) = decoded(run, {"kg": np.array([1.5, -3.0]), "m": np.array([1.5, 1.6])})
    assert "test rows hold: 'kg' 1, as -3 (else 1." in said
    assert "'m'" not in said
    file = run.path.parent / "latent.csv"
    for value, warned in ((0.0, False), (1e3, True)):
        file.write_text(f"latent_0\n{value}\n")
        arguments = ["decode", str(run.path), str(file), "-o", str(file.with_suffix(".npz"))]
        told = CliRunner().invoke(app, arguments)
        assert told.exit_code == 0
        assert ("decoded outside" in told.output) is warned
