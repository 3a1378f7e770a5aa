"""Series as windows: which rows stand together, what is said of them, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autoencodes.datasets import Column, Reading, Table
from autoencodes.datasets.parts import TEST, TRAIN, VALIDATION
from autoencodes.datasets.windows import cut, of_rows
from autoencodes.errors import InputError


def table(count: int, **roles: Any) -> Table:
    x = np.c_[np.arange(float(count)), np.arange(count) % 2]
    columns = (Column("price"), Column("state", "category", "str", ("a", "b")))
    given = {name: np.asarray(values) for name, values in roles.items()}
    return Table(x, columns=columns, roles=given, identifiers=dict(given), line=2)


def train(count: int) -> np.ndarray:
    return np.zeros(count, np.int64)


@pytest.mark.parametrize(("length", "stride"), [(1, 1), (3, 1), (3, 2), (4, 4), (11, 1), (11, 7)])
def test_windows_hold_every_row_and_are_in_the_order_of_time(length: int, stride: int) -> None:
    rng = np.random.default_rng(0)
    when = rng.permutation(11)
    made, part, windows = cut(table(11, time=when), train(11), length, stride, "a")
    assert windows.uncovered == 0
    assert (part == TRAIN).all()
    assert made.names[-2:] == ("price[t]", "state[t]")
    assert made.names[0] == ("price[t]" if length == 1 else f"price[t-{length - 1}]")
    times = when[windows.places]
    np.testing.assert_array_equal(np.diff(times, axis=1), 1)
    assert set(np.diff(times[:, 0])) <= {stride, (11 - length) % stride}
    np.testing.assert_array_equal(made.x[:, ::2], windows.places)
    np.testing.assert_array_equal(made.identifiers["time"], times[:, -1])
    assert made.place(0, 0).startswith(f"line {2 + windows.places[0, -1]}, column 'price")
    assert of_rows(made.columns or (), length) == table(11).columns


def test_no_window_is_in_two_series_or_two_parts() -> None:
    group, when = np.array(list("ab") * 20), np.repeat(np.arange(20), 2)
    part = np.where(when >= 14, TEST, np.where(when >= 10, VALIDATION, TRAIN))
    made, parts, windows = cut(table(40, time=when, group=group), part, 4, 1, "a")
    for of in (group, part):
        assert (of[windows.places] == of[windows.places][:, :1]).all()
    np.testing.assert_array_equal(np.bincount(parts), [14, 2, 6])
    assert made.notes == ()


def test_what_windows_say_of_rows_is_their_mean() -> None:
    _, _, windows = cut(table(7), train(7), 3, 2, "a")
    values = np.random.default_rng(1).normal(size=(3, 6))
    found = windows.by_row(values)
    for row in range(7):
        said = [values[m, 2 * k : 2 * k + 2] for m in range(3) for k in range(3)
                if windows.places[m, k] == row]  # fmt: skip
        np.testing.assert_allclose(found[row], np.mean(said, axis=0))
    some = windows.taken(np.array([0])).by_row(values[:1])
    assert np.isnan(some[3:]).all()
    assert not np.isnan(some[:3]).any()


def test_short_series_gaps_and_equal_times_are_said() -> None:
    when = np.r_[0:10, 0:2, 20:24].astype(float)
    group = np.repeat(["a", "b", "a"], [10, 2, 4])
    when[-1] = when[-2]
    made, _, windows = cut(table(16, time=when, group=group), train(16), 3, 1, "a.csv")
    assert windows.uncovered == 2
    said = "; ".join(made.notes)
    assert "2 rows have the time of another row" in said
    assert "1 gap that is larger than usual: windows are of rows, and cross it" in said
    assert "2 rows are in no window: they are 1 stretch of fewer than 3 rows" in said
    irregular = np.cumsum(np.random.default_rng(0).exponential(size=200))
    assert cut(table(200, time=irregular), train(200), 3, 1, "a")[0].notes == ()


def test_what_gives_no_windows_is_refused() -> None:
    with pytest.raises(InputError, match="longest stretch has 5: give a smaller window"):
        cut(table(5), train(5), 6, 1, "a")
    part = np.r_[train(8), [VALIDATION] * 2, [TEST] * 4]
    with pytest.raises(InputError, match=r"of a series to test on, .* longest stretch has 4"):
        cut(table(14), part, 5, 1, "a")
    made, parts, _ = cut(table(14), part, 4, 1, "a")
    assert VALIDATION not in parts
    assert "there is no window for validation" in made.notes
    twice = table(10, time=np.repeat(np.arange(5), 2))
    with pytest.raises(InputError, match="name the column that tells the series apart as group"):
        cut(twice, train(10), 3, 1, "a")
    gone = table(3, time=np.array([1.0, np.nan, 2.0]))
    with pytest.raises(InputError, match="the column of times has no value in 1 rows"):
        cut(gone, train(3), 2, 1, "a")


def test_reading_takes_a_stride_of_a_window_at_most() -> None:
    assert Reading(window=3, stride=3, time="t", group="g").roles == {"group": "g", "time": "t"}
    with pytest.raises(InputError, match="got stride 4 and window 3"):
        Reading(window=3, stride=4)
    with pytest.raises(InputError, match="no window"):
        Reading(stride=1)
    with pytest.raises(InputError, match="one of split, group and time"):
        Reading(time="t", group="g")
    with pytest.raises(InputError, match="window"):
        Reading(window=0)
