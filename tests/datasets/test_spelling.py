"""Numbers that people write with a unit, a currency, or marks among their digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoencodes.datasets import Column, Reading, Table, formats, from_frame
from autoencodes.datasets.matching import matched
from autoencodes.datasets.spelling import Spelling, spelling, written
from autoencodes.datasets.streams import Source
from autoencodes.errors import InputError

WRITTEN: list[tuple[list[str], str, list[float]]] = [
    (["149,00 EUR", "1.299,50 EUR"], "#.##0,00 EUR", [149, 1299.5]),
    (["12 %", "8 %"], "0 %", [12, 8]),
    (["12%", "12.5%"], "0.0%", [12, 12.5]),
    (["-$5.10", "$1", "($7)", "$-2"], "$0.00", [-5.1, 1, -7, -2]),
    (["$1,200.00", "$5"], "$#,##0.00", [1200, 5]),
    (["1,250,000", "950"], "#,##0", [1250000, 950]),
    (["1'250.00", "3.5"], "#'##0.00", [1250, 3.5]),
    (["1’250.00", "3.5"], "#’##0.00", [1250, 3.5]),
    (["1 250,50", "12"], "# ##0,00", [1250.5, 12]),
    (["1\u00a0250,00\u00a0€", "2,00\u00a0€"], "#\u00a0##0,00\u00a0€", [1250, 2]),
    (["12,34,567.00", "1.00"], "#,##0.00", [1234567, 1]),
    (["1.250 kg", "0.950 kg"], "0.000 kg", [1.25, 0.95]),
    (["85 m2", "90 m2"], "0 m2", [85, 90]),
    (["−5 °C", "+12.5 °C"], "0.0 °C", [-5, 12.5]),
    (["-.5 l", ".25 l"], "0.00 l", [-0.5, 0.25]),
    (["149,00-", "3,00"], "0,00", [-149, 3]),
    (["US$ 5.00", "US$ 1,200.00"], "US$ #,##0.00", [5, 1200]),
    (["2,5 EUR/kg", "3,25 EUR/kg"], "0,00 EUR/kg", [2.5, 3.25]),
    (["3 Stück", "4 Stück"], "0 Stück", [3, 4]),
    (["−12345", "67890"], "0", [-12345, 67890]),
]  # fmt: skip
NEITHER = [
    ["12A", "12B"], ["A12", "A13"], ["Q1", "Q2"], ["3 PM", "4 PM"], ["10:30", "11:30"],
    ["007 A", "008 A"], ["2020 Q1", "2020 Q2"], ["1.2.2024", "1.3.2024"], ["1-2", "3-4"],
    ["192.168.100.1", "10.0.0.1"], ["1_000", "2_000"], ["1e3 kg", "2e3 kg"], ["kg", "%"],
    ["12 Main St", "14 Side St"], ["5 kg", "red"], ["1,2,3", "4,5,6"], ["١٢ EUR", "٣ EUR"],
]  # fmt: skip
DOUBTFUL = [
    (["1,250", "950"], "may have thousands or decimals"),
    ([f"{k},000" for k in range(1, 9)], "may have thousands or decimals"),
    (["1.250", "3,5"], "may have thousands or decimals"),
    (["1.250 kg", "2.500 kg"], "may have thousands or decimals"),
    (["5 kg", "300 g"], "several units ('kg', 'g')"),
    (["1.2k", "3.4M"], "several units"),
    (["5 €", "$5"], "several units"),
    (["5", "5 €"], "several units (none, '€')"),
    (["555 123", "555 124"], "names made of digits"),
]


@pytest.mark.parametrize(("fields", "form", "values"), WRITTEN)
def test_numbers_as_people_write_them(fields: list[str], form: str, values: list[float]) -> None:
    how = spelling(fields, None)
    assert isinstance(how, Spelling)
    assert (how.form, how.numbers(fields)) == (form, values)
    assert Spelling.read(form) == how
    again = [how.text(value) for value in values]
    assert how.numbers(again) == values
    assert all(map(written, [*fields, *again]))


@pytest.mark.parametrize("fields", NEITHER)
def test_names_are_no_numbers(fields: list[str]) -> None:
    assert spelling(fields, None) is None


@pytest.mark.parametrize(("fields", "why"), DOUBTFUL)
def test_what_may_be_two_numbers_is_in_doubt(fields: list[str], why: str) -> None:
    how = spelling(fields, None)
    assert isinstance(how, str)
    assert why in how


def test_the_decimal_mark_of_other_columns_tells_thousands_and_the_users_tells_both() -> None:
    def numbers(fields: list[str], *known: Any) -> Any:
        how = spelling(fields, *known)
        return how.numbers(fields) if isinstance(how, Spelling) else how

    assert numbers(["1,250", "950"], ".") == [1250, 950]
    assert numbers(["1.250 EUR", "950 EUR"], ",") == [1250, 950]
    assert numbers(["1.250 EUR", "3,5 EUR"], ",") == [1250, 3.5]
    # Beside points elsewhere, a point may still part thousands: files are joined of several.
    assert "thousands or decimals" in numbers(["1.250 EUR", "2.500 EUR"], ".")
    assert numbers(["1.250 EUR", "2.500 EUR"], ".", True) == [1.25, 2.5]
    assert numbers(["1,250", "950"], ",", True) == [1.25, 950]
    assert "decimal mark is ," in numbers(["1,250.50", "950"], ",", True)


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=20),
    st.sampled_from(["", " EUR", "%", " kg", "\u00a0°C"]),
    st.sampled_from(["", "$", "CHF "]),
    st.sampled_from([(".", ","), (",", "."), (".", ""), (",", ""), (".", "'"), (",", "\u202f")]),
    st.integers(0, 4).filter(lambda places: places != 3),
)
def test_what_is_written_is_read_as_the_same_number(
    whole: list[int], after: str, before: str, marks: tuple[str, str], places: int
) -> None:
    if before and after not in ("", "%"):
        after = ""
    how = Spelling(before, after, marks[1], marks[0] if places else ".", places)
    how = Spelling.read(how.form)
    values = [float(value) / 10**places for value in whole]
    fields = [how.text(value) for value in values]
    assert how.numbers(fields) == values
    found = spelling(fields, None)
    if isinstance(found, Spelling):  # else in doubt, and it says so
        assert found.numbers(fields) == values
    else:
        assert isinstance(found, str)


def table(folder: Path, text: str, name: str = "a.csv", **options: Any) -> Table:
    (folder / name).write_text(text, encoding="utf-8")
    return formats.read(Source(folder / name), Reading(**{"missing": "mask", **options}))


PRICES = (
    "price;share;size\n149,00 EUR;12 %;1,5\n1.299,50 EUR;8,5 %;2,5\n;9 %;3,5\n-5,00 EUR;7 %;1\n"
)


def test_a_file_of_prices_is_numbers_and_comes_back_as_it_was(tmp_path: Path) -> None:
    read = table(tmp_path, PRICES)
    assert read.columns is not None
    assert [(c.kind, c.dtype, c.form) for c in read.columns] == [
        ("number", "float64", "#.##0,00 EUR"),
        ("number", "float64", "0,0 %"),
        ("number", "float64", ""),
    ]
    np.testing.assert_array_equal(read.x[:, 0], [149, 1299.5, np.nan, -5])
    assert read.columns[0].values(read.x[:, 0]).tolist() == [
        "149,00 EUR", "1.299,50 EUR", None, "-5,00 EUR",
    ]  # fmt: skip
    assert any("'price' is numbers written as #.##0,00 EUR" in note for note in read.notes)
    again = Column.read(read.columns[0].described)
    assert again == read.columns[0]
    assert "form" not in read.columns[2].described  # records of older data keep their fingerprint


def test_new_data_are_read_in_the_unit_of_the_model_or_refused(tmp_path: Path) -> None:
    schema = table(tmp_path, PRICES).columns

    def prices(*fields: str) -> list[float]:
        rows = "".join(f"{field};5 %;1,5\n" for field in fields)
        read = table(tmp_path, "price;share;size\n" + rows, "b.csv", schema=schema)
        assert read.columns == schema
        return read.x[:, 0].tolist()

    assert prices("10,00 EUR", "1.000,00EUR", "7 EUR") == [10, 1000, 7]
    assert prices("1.250 EUR", "3.500 EUR") == [1250, 3500]  # thousands, as the model's
    assert prices("10,00", "12,50") == [10, 12.5]
    assert prices("149.5", "2") == [149.5, 2]  # as programs write it
    for wrong in (
        ["10,00 USD", "11,00 EUR"],
        ["10 %"],
        ["10,00 EUR", "5"],
        ["1.250"],
        ["1.25 EUR"],
    ):
        with pytest.raises(InputError, match=r"line \d.*'#\.##0,00 EUR'"):
            prices(*wrong)


def test_a_frame_with_prices_is_matched_to_a_file(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    schema = table(tmp_path, PRICES).columns
    assert schema is not None
    frame = pd.DataFrame(
        {"price": ["1.000,00 EUR", None], "share": ["5 %", "6 %"], "size": [1.0, 2]}
    )
    read = matched(from_frame(frame, Reading(missing="mask")), schema, "mask", "the frame")
    np.testing.assert_array_equal(read.x, [[1000, 5, 1], [np.nan, 6, 2]])
    numbers = pd.DataFrame({"price": [1000.0, 2.5], "share": [5, 6], "size": [1.0, 2]})
    read = matched(from_frame(numbers), schema, "mask", "the frame")
    np.testing.assert_array_equal(read.x[:, 0], [1000, 2.5])


def test_kinds_say_that_numbers_with_a_unit_are_names_or_logarithms(tmp_path: Path) -> None:
    text = "price,other\n" + "".join(f"{1 + k % 4} EUR,{k % 5}\n" for k in range(20))
    read = table(tmp_path, text, kinds=("price=category",))
    assert read.columns is not None
    assert read.columns[0].levels == ("1 EUR", "2 EUR", "3 EUR", "4 EUR")
    read = table(tmp_path, text, kinds=("price=log",))
    assert read.columns is not None
    assert (read.columns[0].kind, read.columns[0].form) == ("log", "0 EUR")
    with pytest.raises(InputError, match="several units"):
        table(tmp_path, text + "5 %,2\n", kinds=("price=number",))


def test_a_column_of_distinct_prices_does_not_name_the_rows(tmp_path: Path) -> None:
    text = "weight,other\n" + "".join(f"{1 + k / 8:.3f} kg,{k % 5}\n" for k in range(24))
    read = table(tmp_path, text, decimal=".")
    assert read.names == ("weight", "other")
