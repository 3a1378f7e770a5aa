"""Delimited text: numbers come back exactly; an error names the line and column of an editor."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from autoencodes import datasets
from autoencodes.datasets import dialect
from autoencodes.errors import InputError

X = np.random.default_rng(0).normal(size=(7, 3))


def _text(x: np.ndarray, mark: str = ",", header: str = "") -> str:
    return header + "".join(mark.join(map(repr, row)) + "\n" for row in x.tolist())


def _load(tmp_path: Path, text: str | bytes, name: str = "a.csv") -> datasets.Dataset:
    raw = text.encode() if isinstance(text, str) else text
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return datasets.load(str(tmp_path / name))


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["", "a{}b{}c\n", '"a, b"{}"c;d"{} c\n'])
@pytest.mark.parametrize("name", ["a.csv", "A.CSV.gz"])
def test_numbers_come_back_exactly(tmp_path: Path, mark: str, header: str, name: str) -> None:
    found = _load(tmp_path, _text(X, mark, header.format(mark, mark)), name)
    np.testing.assert_array_equal(found.x, X)
    assert (found.labels, found.image_shape, found.value_range) == (None, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n3,4",
        "1,2\r\n3,4\r\n",
        "\ufeff1,2\n3,4\n",
        "1,2\n3,4\n\n  \n",
        ' 1 ,"2"\n"3", 4\n',
        "\ufeff# a,b\n1,2\n3,4\n",
        "1e0,+2\n3.,04\n",
    ],
)
def test_spellings_of_the_same_table(tmp_path: Path, text: str) -> None:
    np.testing.assert_array_equal(_load(tmp_path, text).x, [[1, 2], [3, 4]])


def test_a_single_column(tmp_path: Path) -> None:
    np.testing.assert_array_equal(_load(tmp_path, "s\n1\n2\n3\n").x, [[1], [2], [3]])


@pytest.mark.parametrize("name", ["label", "Labels", "CLASS", "target"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["3", "1", "3"], [3, 1, 3]),
        (["3.0", "1.0", "3.0"], [3, 1, 3]),
        (["b_1", "a", "b_1"], ["b_1", "a", "b_1"]),
        (['"b, c"', "1", "1"], ["b, c", "1", "1"]),
    ],
)
def test_a_column_of_labels_is_taken_out(
    tmp_path: Path, name: str, given: list[str], expected: list[object]
) -> None:
    rows = "".join(f"{k},{label},{10 * k}\n" for k, label in enumerate(given))
    found = _load(tmp_path, f"u,{name},v\n{rows}")
    np.testing.assert_array_equal(found.x, [[0, 0], [1, 10], [2, 20]])
    assert found.labels is not None
    assert found.labels.tolist() == expected


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("1,2\n3,x\n", ["line 2, column 2", "'x'"]),
        ("a,b\n1,2\n\n", ["at least 2 rows", "got 1"]),
        ("a,b\n1,2\n3,x\n", ["line 3, column 2 ('b')", "'x'"]),
        ("a,b\n1,2\n,4\n", ["line 3, column 1 ('a')", "empty field"]),
        ("1,2\n3,4\n5\n", ["line 3", "expected 2 fields", "got 1"]),
        ("1,2\n3,4,5\n5,6\n", ["line 2", "expected 2 fields", "got 3"]),
        ("a,b,c\n1,2\n3,4\n", ["line 2", "expected 3 fields", "got 2"]),
        ("a,label\n1,u\n2,v,w\n", ["line 3", "expected 2 fields", "got 3"]),
        ("a,b,label\n1,2\n3,4\n", ["line 2", "expected 3 fields", "got 2"]),
        ("a,label\n1,u\n2,\n", ["line 3, column 2 ('label')", "a label", "empty"]),
        ("1,2\n\n3,4\n", ["line 2", "empty line"]),
        ("1,2\n3,nan\n", ["line 2, column 2", "nan"]),
        ("a,b\n1,2\n-inf,4\n", ["line 3, column 1 ('a')", "-inf"]),
        ("label,b\nu,2\nv,1e999\n", ["line 3, column 2 ('b')", "inf"]),
        ("1,setosa\n2,setosa\n", ["line 1, column 2", "'setosa'", "header"]),
        ("1,2\n3,1_000\n", ["line 2, column 2", "'1_000'"]),
        ("1,2\n3,\uff11\n", ["line 2, column 2"]),
        ("a;b\n1,234;2\n3,567;4\n", ["line 2, column 1 ('a')", "'1,234'", "--decimal"]),
        ("a;b\n1.234;2\n3,5;4\n", ["line 3, column 1 ('a')", "'3,5'", "--decimal"]),
        ('1,2\n3,"4\n', ["line 2", "quotes"]),
        ('label,a\n"u,1\nv",2\nw,x\n', ["line 4, column 2 ('a')", "'x'"]),
        ('a,label\n1,"u\nv"\n2,w\n3,"x\n', ["line 5", "quotes"]),
        ('1,2\n3,"4"5\n', ["line 2", "quotes"]),
        ("label\nu\nv\n", ["at least one column", "'label'"]),
        ("label,class,a\n1,2,3\n", ["label and class"]),
        ("a,b\n", ["below the header", "none"]),
        ("\n\n", ["none"]),
        ("# a,b\n# c\n", ["none but comments"]),
        ("#", ["none but comments"]),
        (",\n1,2\n", ["line 1, column 1", "empty field"]),
        ("1,2\n3,4\n".encode("utf-16-le"), ["line 1", "NUL", "--encoding"]),
        (b"1,2\n3,\xff\n", ["UTF-8"]),
        (b"1,2\n3,\0\n", ["line 2"]),
        (b"%PDF-1.4\n%\xe2\xe3\n", ["a PDF", "CSV"]),
        (b"1,2\n3,\xff\1\n", ["UTF-8", "byte 6"]),
    ],
)
def test_the_error_names_line_and_column(
    tmp_path: Path, text: str | bytes, facts: list[str]
) -> None:
    for name in ("bad.csv", "bad.csv.gz"):
        with pytest.raises(InputError) as caught:
            _load(tmp_path, text, name)
        for fact in ["bad.csv", *facts]:
            assert fact in str(caught.value)


def test_the_line_is_right_far_down(tmp_path: Path) -> None:
    # Beyond the rows that NumPy reads at once.
    lines = ["1,2"] * 60_000
    lines[55_554] = "1,x"
    with pytest.raises(InputError, match="line 55555, column 2"):
        _load(tmp_path, "\n".join(lines))
    lines[55_554] = "inf,2"
    with pytest.raises(InputError, match="line 55555, column 1"):
        _load(tmp_path, "\n".join(lines))


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "LONGEST_LINE", 100)
    with pytest.raises(InputError, match="line 2 of more than 100 characters"):
        _load(tmp_path, "1,2\n" + "3" * 1000, "a.csv.gz")


def test_a_first_line_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at most 1,048,576 columns, got 1,048,577"):
        _load(tmp_path, "1," * 2**20 + "1\n", "a.csv.gz")


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    raw = gzip.compress(_text(X).encode())
    (tmp_path / "a.csv.gz").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(InputError, match="truncated"):
        datasets.load(str(tmp_path / "a.csv.gz"))


def test_years_name_the_columns_of_a_wide_series(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    below = "Aruba,1,2,3\nAngola,4,5,9\nChad,4,4,1\n"
    path.write_text(f"Country Name,2015,2016,2017\n{below}")
    table = datasets.load(path).table
    assert table is not None
    assert table.names == ("Country Name", "2015", "2016", "2017")
    assert table.x[:, 1:].tolist() == [[1, 2, 3], [4, 5, 9], [4, 4, 1]]
    assert "header of numbers" in table.notes[0]
    # A row that counts is a row where others count as well, and where it holds no years.
    for first in ("Cuba,1,2,3", "Cuba,2015,2018,2019"):
        path.write_text(f"{first}\n{below}")
        with pytest.raises(InputError, match="line 1"):
            datasets.load(path)
    path.write_text("1990,1991,1992\n2000,2001,2002\n1980,1981,1982\n")
    assert datasets.load(path).x.shape == (3, 3)


@pytest.mark.parametrize(("name", "mark"), [("a.txt", " "), ("a.csv", ","), ("b.csv", ";")])
def test_names_of_rows_stand_before_a_shorter_header(tmp_path: Path, name: str, mark: str) -> None:
    text = '"mpg"_"cyl"\n"Mazda RX4"_21_6\n"Datsun"_22.8_4\n"Hornet"_18.7_8\n'
    (tmp_path / name).write_text(text.replace("_", mark))
    table = datasets.load(tmp_path / name).table
    assert table is not None
    assert table.names == ("mpg", "cyl")
    assert table.identifiers["Unnamed: 0"].tolist() == ["Mazda RX4", "Datsun", "Hornet"]
    # A delimiter at the end of every row is no name.
    (tmp_path / "b.csv").write_text("a,b\n1,2,\n3,4,\n")
    with pytest.raises(InputError, match="expected 2 fields"):
        datasets.load(tmp_path / "b.csv")


def test_lines_that_were_not_taken_apart_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("ID tx T\n0 M 1 5\n1 H 2 6\n2 H 2 4\n")
    for missing in ("refuse", "mask"):
        with pytest.raises(InputError, match="--delimiter space"):
            datasets.load(path, reading=datasets.Reading(missing=missing))
    table = datasets.load(path, reading=datasets.Reading(delimiter="space")).table
    assert table is not None
    assert table.names == ("ID", "tx", "T")


def test_a_column_without_any_value_is_carried_along(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,empty,b\n1,,2\n3,,5\n4,NA,4\n")
    table = datasets.load(path).table  # and nothing is missing that there could be
    assert table is not None
    assert table.missing is None
    assert table.columns is not None
    assert table.columns[1].kind == "constant"
    assert table.columns[1].values(table.x[:, 1]).tolist() == [None, None, None]
    again = datasets.load(path, reading=datasets.Reading(schema=table.columns), to_split=False)
    assert again.table is not None
    assert again.table.missing is None
