"""What is said of a table before training, and of an error after it, that no number shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autoencodes.datasets.table import Column, Table
from autoencodes.plan.facts import Facts
from autoencodes.plan.resolve import resolve
from autoencodes.plan.settings import Settings
from autoencodes.run.describe import advice
from autoencodes.run.filled import beyond
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
