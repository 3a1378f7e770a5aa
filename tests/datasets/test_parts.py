"""Which rows train, validate and test; and the record, which knows data again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoencodes import datasets
from autoencodes.datasets import Reading, Record, Table
from autoencodes.datasets.parts import TEST, TRAIN, VALIDATION, parts
from autoencodes.errors import InputError

N = 100


def of(role: str | None, values: Any = None, **shares: float) -> np.ndarray:
    roles = {} if role is None else {role: np.asarray(values)}
    table = Table(np.zeros((N, 1)), roles=roles)
    return parts(table, "a", seed=3, **{"test": 0.2, "validation": 0.1, **shares})


def test_parts_at_random_have_their_shares_and_depend_on_the_seed_alone() -> None:
    part = of(None)
    assert np.bincount(part).tolist() == [70, 10, 20]
    np.testing.assert_array_equal(part, of(None))
    # The rows to test on are the same whether some validate or not.
    np.testing.assert_array_equal(part == TEST, of(None, validation=0.0) == TEST)


def test_a_column_names_the_parts() -> None:
    part = of("split", ["train", "Val", " test ", "training"] * 25)
    assert part[:4].tolist() == [TRAIN, VALIDATION, TEST, TRAIN]
    with pytest.raises(InputError, match="got 'holdout' in row 3"):
        of("split", ["train", "test", "holdout", "test"] * 25)
    with pytest.raises(InputError, match="no row for test"):
        of("split", ["train"] * N)


@pytest.mark.parametrize("groups", [2, 3, 10, N])
def test_no_group_is_in_two_parts(groups: int) -> None:
    names = np.array([f"g{k * 7 % groups}" for k in range(N)], object)
    part = of("group", names)
    for name in set(names):
        assert len(set(part[names == name])) == 1
    assert {TRAIN, TEST} <= set(part.tolist())
    if groups == N:
        assert np.bincount(part).tolist() == [70, 10, 20]
    with pytest.raises(InputError, match="one group, 'g'"):
        of("group", ["g"] * N)
    with pytest.raises(InputError, match="no value in 1 rows, the first is row 8"):
        of("group", [1.0] * 7 + [np.nan] + [2.0] * 92)


TIMES = [
    np.arange(N)[::-1] * 3.5,
    np.array("2020-01-01", "M8[D]") + np.arange(N)[::-1],
]


@pytest.mark.parametrize("times", TIMES)
def test_the_last_rows_test_and_those_before_them_validate(times: np.ndarray) -> None:
    part = of("time", times)
    assert np.bincount(part).tolist() == [70, 10, 20]
    moments = times.astype(np.float64)
    assert moments[part == TRAIN].max() < moments[part == VALIDATION].min()
    assert moments[part == VALIDATION].max() < moments[part == TEST].min()


def test_rows_of_one_moment_stay_together() -> None:
    part = of("time", np.repeat(np.arange(5), 20))
    assert [set(part[20 * k : 20 * k + 20]) for k in range(5)] == [{0}, {0}, {0}, {1}, {2}]
    part = of("time", np.array(["31.01.2020", "01.02.2020"] * 50, object))
    assert part.tolist() == [TRAIN, TEST] * 50
    for times, fact in (
        (np.zeros(N), "does not part the rows"),
        (np.array(["NaT", "2020-01-01"] * 50, "M8[D]"), "no value in 50 rows"),
        (np.array(["soon", "later"] * 50, object), "got 'soon'"),
    ):
        with pytest.raises(InputError, match=fact):
            of("time", times)


def test_the_role_of_a_column_comes_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("who,a\n" + "".join(f"p{k % 5},{k * k}\n" for k in range(20)))
    found = datasets.load(path, reading=Reading(group="who"))
    assert found.table is not None
    assert (found.table.names, found.table.identifiers["who"].tolist()[:2]) == (
        ("a",),
        ["p0", "p1"],
    )
    assert {k % 5 for k in np.flatnonzero(found.is_test)} == {
        k % 5 for k in range(20) if found.is_test[k]
    }
    with pytest.raises(InputError, match="no column 'whom' for group; did you mean 'who'"):
        datasets.load(path, reading=Reading(group="whom"))


def _record(text: str, tmp_path: Path, name: str = "a.csv") -> Record:
    (tmp_path / name).write_text(text)
    return datasets.load(tmp_path / name, validation_fraction=0.2).record


SOUND = "a,b,label\n" + "".join(f"{k},{k / 7:.3f},{'uv'[k % 2]}\n" for k in range(5, 20))


def test_a_record_is_of_the_content_and_comes_back(tmp_path: Path) -> None:
    record = _record(SOUND, tmp_path)
    again = Record.read(json.loads(json.dumps(record.described)))
    assert again == record
    part = again.part_of_rows()
    assert part is not None
    assert np.bincount(part).tolist() == [9, 3, 3]
    # The same content under another name, delimiter and compression.
    other = _record(SOUND.replace(",", "\t"), tmp_path, "b.tsv")
    assert record.changes(other) == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("5,0.714,v\n", "", "14 rows instead of 15"),
        ("a,b,", "a,c,", "without the columns 'b'; with new columns 'c'"),
        ("6,0.857", "6,0.858", "other values in 'b'"),
        ("6,0.857,u", "6,0.857,v", "other labels"),
    ],
)
def test_what_changed_is_said(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SOUND
    record = _record(SOUND, tmp_path)
    assert said in record.changes(_record(SOUND.replace(old, new, 1), tmp_path, "b.csv"))


@pytest.mark.parametrize(
    "described",
    [None, 5, {}, {"rows": "x"}, {"columns": [{"name": 1}]}, {"parts": {"train": "9-z"}}],
)
def test_a_damaged_record_is_refused(tmp_path: Path, described: Any) -> None:
    if isinstance(described, dict) and described:
        described = {**_record(SOUND, tmp_path).described, **described}
    with pytest.raises(InputError, match="damaged"):
        Record.read(described)
