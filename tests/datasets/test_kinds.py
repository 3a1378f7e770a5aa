"""What a column is taken for, by its values and as it is said to be."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoencodes.checks import names
from autoencodes.datasets import Column, Reading, Table, formats, from_array, from_frame
from autoencodes.datasets.columns import build
from autoencodes.datasets.kinds import Given
from autoencodes.datasets.matching import matched
from autoencodes.datasets.options import option
from autoencodes.datasets.streams import Source
from autoencodes.errors import InputError

N = 24
COUNT = [str(k) for k in range(N)]


def read(tmp_path: Path, name: str, fields: list[str], **options: Any) -> Table:
    """A column beside one of plain numbers; fields are repeated up to N."""
    fields = (fields * N)[:N]
    rows = [f'"{field}",{(7 * k) % 5 + 0.5}\n' for k, field in enumerate(fields)]
    path = tmp_path / "a.csv"
    path.write_text(f"{name},other\n" + "".join(rows), encoding="utf-8")
    return formats.read(Source(path), Reading(**{"missing": "mask", **options}))


NAMES = [f"n{k}" for k in range(N)]
KINDS: list[tuple[str, list[str], str]] = [
    ("a", ["1", "5", "2"], "number int64"),
    ("a", ["1.0", "5", "2"], "number float64"),
    ("a", ["1", "5", "2.5"], "number float64"),
    ("a", ["1", "5", ""], "number int64"),
    ("a", ["1", "NA", "?", "2.5", "null", "None", "-"], "number float64"),
    ("a", ["1e3", "5", "+2"], "number float64"),
    ("a", ["9223372036854775806", "5"], "identifier"),
    ("a", ["9007199254740992", "5"], "number int64"),
    ("a", ["1.5", "–", "#DIV/0!", "—", "3"], "number float64"),
    ("a", ["10:30", "11:05", "23:59"], "date %H:%M"),
    ("a", ["9:30:10", "11:05:00"], "date %-H:%M:%S"),
    ("a", ["3:04 PM", "11:15 PM"], "date %-I:%M %p"),
    ("a", ["2024-01-31 10:00:00 UTC", "2024-02-01 11:00:00 UTC"], "date %Y-%m-%d %H:%M:%S UTC"),
    ("a", ["31.1.2024 9:00 Uhr", "1.2.2024 11:00 Uhr"], "date %-d.%-m.%Y %-H:%M Uhr"),
    ("a", ["red", "green"], "category str"),
    ("a", ["red", "green", ""], "category str"),
    ("a", ["True", "False"], "boolean str"),
    ("a", ["TRUE", "FALSE", "NA"], "boolean str"),
    ("a", ["yes", "no"], "category str"),
    ("a", ["0", "1"], "number int64"),
    ("a", ["007", "7", "012"], "category str"),
    ("a", ["01", "2.5", "3"], "number float64"),
    ("a", ["5"], "constant int64"),
    ("a", ["5", ""], "constant int64"),
    ("a", ["red"], "constant str"),
    ("a", [""], "constant int64"),
    ("a", ["2020-01-31", "2021-12-01"], "date %Y-%m-%d"),
    ("a", ["2020-01-31", ""], "constant str"),
    ("a", ["Jan-31-2020", "Feb-11-2020"], "date %b-%d-%Y"),
    ("a", ["31.01.2020", "01.02.2020"], "date %d.%m.%Y"),
    ("a", ["31/01/2020", "01/02/2020"], "date %d/%m/%Y"),
    ("a", ["31.1.2020", "1.12.2020"], "date %-d.%-m.%Y"),
    ("a", ["1/31/2020 3:04", "12/1/2020 11:15"], "date %-m/%-d/%Y %-H:%M"),
    ("a", ["1/31/2020 03:04", "12/1/2020 11:15"], "date %-m/%-d/%Y %H:%M"),
    ("a", ["3 Jan 2020", "11 Feb 2020"], "date %-d %b %Y"),
    ("a", ["01/31/2020", "02/01/2020"], "date %m/%d/%Y"),
    ("a", ["1/31/2020 3:04 PM", "2/1/2020 11:15 AM"], "date %-m/%-d/%Y %-I:%M %p"),
    ("a", ["2020-01-31 10:00", "2020-01-31 11:00"], "date %Y-%m-%d %H:%M"),
    ("a", ["2020-01-31T10:00:00Z", "2020-02-01T10:00:00Z"], "date %Y-%m-%dT%H:%M:%SZ"),
    ("a", ["2020-01-31T10:00:00+01:00", "2020-02-01T10:00:00+02:00"],
     "date %Y-%m-%dT%H:%M:%S%z"),
    ("a", ["2020-01-31 10:00:00.25", "2020-01-31 10:00:00.5"], "date %Y-%m-%d %H:%M:%S.%f"),
    ("a", ["31 Jan 2020", "01 Feb 2020"], "date %d %b %Y"),
    ("a", ["20200131", "20200201"], "number int64"),
    ("a", COUNT, "identifier"),
    ("id", list(reversed(COUNT)), "identifier"),
    ("a", list(reversed(COUNT)), "number int64"),
    ("Unnamed: 0", ["5", "3"], "identifier"),
    ("", ["2020-01-31", "2021-12-01"], "identifier"),
    ("a", NAMES, "identifier"),
    ("user_id", [f"{k:04d}" for k in range(N)], "identifier"),
    ("a", [f"{k:04d}" for k in range(N)], "identifier"),
    ("a", [f"2020-01-{k + 1:02d}" for k in range(N)], "date %Y-%m-%d"),
    ("a", [*NAMES[:22], "n1", "n2"], "identifier"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "fields", "expected"), KINDS)
def test_what_a_column_is_taken_for(
    tmp_path: Path, name: str, fields: list[str], expected: str
) -> None:
    table = read(tmp_path, name, fields)
    name = name or "Unnamed: 0"
    found = {c.name: f"{c.kind} {c.dtype}" for c in table.columns or ()}
    found |= dict.fromkeys(table.identifiers, "identifier")
    assert found == {name: expected, "other": "number float64"}
    said = expected.startswith(("identifier", "constant")) or "zeros" in "".join(table.notes)
    assert any(name in note for note in table.notes) == said
    if expected == "identifier":
        assert table.identifiers[name].tolist() == [
            int(f) if f.isdigit() and f == str(int(f)) else f for f in (fields * N)[:N]
        ]
        return
    assert table.columns is not None
    column = table.columns[0]
    # The way back: people's own values, as they stood there.
    values = column.values(table.x[:, 0]).tolist()
    for value, field in zip(values, fields * N, strict=False):
        gone = field.lower() in ("", "na", "?", "null", "none", "-", "–", "—", "#div/0!")
        if gone:
            assert value is None or value != value
        elif column.kind == "number" or column.dtype == "int64":
            # A float64 holds no more digits than it does.
            assert float(value) == pytest.approx(float(field), rel=1e-15)
        elif "%z" in column.dtype:
            assert value in ("2020-01-31T09:00:00+0000", "2020-02-01T08:00:00+0000")
        elif column.kind == "date" and "%f" in column.dtype:
            assert value.rstrip("0") == field
        else:
            assert value == field


@pytest.mark.parametrize(
    ("fields", "facts"),
    [
        (["1.234 l", "3,5 l"], ["'1.234 l'", "may have thousands or decimals", "--decimal"]),
        (["1.250 kg", "2.500 kg"], ["'1.250 kg'", "thousands or decimals", "--decimal"]),
        (["5 kg", "300 g"], ["'5 kg'", "several units ('kg', 'g')", "--drop a"]),
        (["12", "8 %"], ["'8 %'", "several units (none, '%')"]),
        (["$5", "5 €"], ["'$5'", "several units ('$', '€')"]),
        (["555 123", "555 987"], ["'555 123'", "names made of digits", "a=category"]),
        (["1.5", "2.5", "oops"], ["line 4, column 1 ('a')", "'oops'", "--kinds a=category"]),
        ([*(f"{k}.5" for k in range(N - 1)), "oops"], ["line 25", "'oops'"]),
        (["1", "1_000"], ["'1_000'"]),
        (["01/02/2020", "03/04/2020"], ["%d/%m/%Y or %m/%d/%Y", "--kinds 'a=date(%d/%m/%Y)'"]),
        (["2020-01-31", "1.2.2020"], ["line 3", "dates in several forms", "--kinds a=category"]),
        (["1.5", "missing"], ["'missing'", "leave the field empty if the value is missing"]),
        (["1", "inf"], ["line 3", "inf"]),
        (["1", "1e999"], ["line 3", "inf"]),
    ],
)
def test_what_is_neither_is_refused(tmp_path: Path, fields: list[str], facts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "a", fields)
    for fact in ["a.csv", *facts]:
        assert fact in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "kind", "expected"),
    [
        (["1", "2"], "category", "category int64 (1, 2)"),
        (["S", "M", "L"], "S<M<L", "ordinal str ('S', 'M', 'L')"),
        (["10", "9"], "ordinal", "ordinal int64 (9, 10)"),
        (["1", "0"], "boolean", "boolean int64 (0, 1)"),
        (["1", "10"], "log", "log int64 ()"),
        (["01/02/2020"], "date(%d/%m/%Y)", "date %d/%m/%Y ()"),
        (["20200131", "20200201"], "date(%Y%m%d)", "date %Y%m%d ()"),
        (["2020-01-31", "2020-02-01"], "cyclic", "cyclic %Y-%m-%d ()"),
        (["007", "7"], "number", "number int64 ()"),
        (["12.50"], "identifier", "identifier"),
    ],
)
def test_what_a_column_is_said_to_be(
    tmp_path: Path, fields: list[str], kind: str, expected: str
) -> None:
    table = read(tmp_path, "a", fields, kinds=(f"a={kind}",))
    if expected == "identifier":
        assert table.identifiers["a"].tolist() == ["12.50"] * N
        return
    assert table.columns is not None
    column = table.columns[0]
    assert f"{column.kind} {column.dtype} {column.levels}" == expected


@pytest.mark.parametrize(
    ("fields", "kind", "fact"),
    [
        (["a", "b"], "number", "'a'"),
        (["1", "-1"], "log", "positive numbers, got -1"),
        (["a", "b", "c"], "boolean", "two values"),
        (["S", "XL"], "S<M", "expected one of S, M; got 'XL'"),
        (["1", "2"], "constant", "not constant"),
        (["a", "b"], "date", "is not known"),
        (["a", "b"], "flavour", "one of number"),
    ],
)
def test_what_a_column_cannot_be(tmp_path: Path, fields: list[str], kind: str, fact: str) -> None:
    with pytest.raises(InputError, match=fact):
        read(tmp_path, "a", fields, kinds=(f"a={kind}",))


def test_missing_values_are_refused_with_their_columns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 3, column 1 \('a'\).*got NA; .*'a' 12.*--missing"):
        read(tmp_path, "a", ["1", "NA"], missing="refuse")


def test_a_model_takes_its_columns_by_name_and_as_they_were(tmp_path: Path) -> None:
    known = read(tmp_path, "a", ["red", "green"])
    schema = known.columns
    assert schema is not None
    path = tmp_path / "b.csv"
    path.write_text("other,a\n1,green\n2,red\n")
    table = formats.read(Source(path), Reading(schema=schema))
    assert (table.columns, table.x.tolist()) == (schema, [[0, 1], [1, 2]])
    np.testing.assert_array_equal(matched(known, schema, "refuse", "a").x, known.x)
    for text, fact in (
        ("a,others\nred,1\n", "no column 'other' .*did you mean 'others'"),
        ("a,other,new\nred,1,2\n", "without a column 'new'"),
        ("a,other\nblue,1\n", "expected one of green, red; got 'blue'"),
        ("a,other\nred,x\n", "expected a number, got 'x'"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=fact):
            formats.read(Source(path), Reading(schema=schema))


def test_levels_are_the_same_however_they_are_spelled() -> None:
    schema = (
        Column("x_0", "category", "int64", (1, 2)),
        Column("x_1", "boolean", "str", ("False", "True")),
    )
    for array in (
        np.array([[1, True], [2, False]], object),
        np.array([[1.0, "TRUE"], [2.0, "false"]], object),
        np.array([["1", "True"], ["2", "False"]]),
    ):
        made = from_array(array, Reading(schema=schema))
        assert made.x.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("name", ["a", "two words", "a,b", 'the "a"', "it's", "b=c", "größe"])
def test_what_an_error_says_to_type_can_be_typed(name: str) -> None:
    word, value = shlex.split(option("kinds", f"{name}=category"))
    assert word == "--kinds"
    assert Reading(kinds=names(value, "kinds")).said == {name: "category"}
    word, value = shlex.split(option("drop", name, "other"))
    assert names(value, "drop") == (name, "other")


def test_codes_that_are_never_twice_the_same_may_be_identifiers(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--kinds iata=identifier"):
        read(tmp_path, "iata", [f"0{k}M" for k in range(N - 1)] + ["12"])
    with pytest.raises(InputError, match="--kinds iata=category"):
        read(tmp_path, "iata", ["0M", "12"])


def test_dates_may_be_integers_that_are_said_to_be_dates() -> None:
    days = np.array([20240131, 20231201, 20240229])
    options = Reading(kinds=("day=date(%Y%m%d)",))
    table = build([Given("day", days, 1), Given("a", np.array([1.0, 2.5, 0.0]), 2)], options, "a")
    assert table.columns is not None
    assert table.columns[0].kind == "date"
    assert table.columns[0].values(table.x[:, 0]).tolist() == ["20240131", "20231201", "20240229"]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ([1.0, np.nan, 3.0, 4.0], "missing='mask'"),
        (["1,234", "5,678"] * 2, "kinds={\"it's\": 'category'}"),
        (["1", "x"] * 2, "kinds={\"it's\": 'category'}"),
        (["01/02/2020", "03/04/2020"] * 2, "kinds={\"it's\": 'date(%d/%m/%Y)'}"),
    ],
)
def test_who_has_a_frame_is_told_no_options(column: list[object], said: str) -> None:
    pd = pytest.importorskip("pandas")
    with pytest.raises(InputError) as caught:
        from_frame(pd.DataFrame({"it's": column, "b": [1, 2, 3, 5]}))
    assert said in str(caught.value)
    assert "--" not in str(caught.value)


def test_integers_of_many_digits_are_kept_beside_floats(tmp_path: Path) -> None:
    """float64 would make 1700000000000000123 another customer."""
    ids = ["1700000000000000123", "1700000000000000130", ""]
    table = read(tmp_path, "user", ids)
    assert table.names == ("other",)
    assert table.identifiers["user"].tolist() == ids * (N // 3)
    assert any("'user' holds integers of more digits" in note for note in table.notes)
    assert read(tmp_path, "user", ids, kinds=("user=number",)).names == ("user", "other")


def test_times_of_day_in_parquet_are_read(tmp_path: Path) -> None:
    import datetime

    import pandas as pd

    times = [datetime.time(k % 24, 5) for k in range(N)]
    table = from_frame(pd.DataFrame({"at": times, "x": np.arange(N) % 5 + 0.5}))
    assert table.columns is not None
    column = table.columns[0]
    assert (column.kind, column.dtype) == ("date", "%H:%M:%S")
    assert column.values(table.x[:, 0]).tolist() == [str(t) for t in times]
