"""Every format: rows come back as they were written, with names, order, types and identifiers."""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import json
import lzma
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from autoencodes import datasets
from autoencodes.datasets import Reading, Table, formats
from autoencodes.datasets.streams import Source
from autoencodes.errors import InputError, MissingExtra

pl = pytest.importorskip("polars")
pd = pytest.importorskip("pandas")
h5py = pytest.importorskip("h5py")

COUNT = 12
DAYS = [datetime.date(2020, 1, 30) + datetime.timedelta(days=3 * k) for k in range(COUNT)]
COLUMNS: dict[str, list[Any]] = {
    "key": [f"r{k:03d}" for k in range(COUNT)],
    "whole": [k * k - 7 for k in range(COUNT)],
    "real": [k / 7 for k in range(COUNT)],
    "colour": [["red", "green", "blå"][k % 3] for k in range(COUNT)],
    "truth": [k % 2 == 0 for k in range(COUNT)],
    "day": DAYS,
    "gaps": [None if k == 4 else k + 0.5 for k in range(COUNT)],
    "label": ["u", "v"] * (COUNT // 2),
}
NAN = np.nan
READING = Reading(missing="mask")


def read(path: Path, **options: Any) -> Table:
    return formats.read(Source(path), Reading(**{"missing": "mask", **options}))


def values(table: Table) -> dict[str, list[Any]]:
    """The columns in people's own values, identifiers and labels with them."""
    assert table.columns is not None
    found = {c.name: c.values(table.x[:, k]).tolist() for k, c in enumerate(table.columns)}
    found |= {name: column.tolist() for name, column in table.identifiers.items()}
    if table.labels is not None:
        found[table.label_name or "labels"] = table.labels.tolist()
    return {name: found[name] for name in COLUMNS}


def as_text(columns: dict[str, list[Any]]) -> list[list[str]]:
    rows = [
        ["" if v is None else str(v) for v in row] for row in zip(*columns.values(), strict=True)
    ]
    return [list(columns), *rows]


def write(path: Path) -> None:
    frame = pl.DataFrame(COLUMNS)
    ending = path.suffix
    if ending in (".parquet", ".pq"):
        frame.write_parquet(path)
    elif ending in (".feather", ".arrow"):
        (frame.write_ipc if ending == ".feather" else frame.write_ipc_stream)(path)
    elif ending == ".xlsx":
        frame.write_excel(path, "rows")
    elif ending == ".jsonl":
        path.write_text("".join(json.dumps(row, default=str) + "\n" for row in frame.to_dicts()))
    elif ending == ".json":
        path.write_text(json.dumps(frame.to_dicts(), default=str, indent=1))
    else:
        mark = {".tsv": "\t", ".txt": "|"}.get(ending, ",")
        text = "".join(mark.join(row) + "\n" for row in as_text(COLUMNS))
        path.write_bytes(gzip.compress(text.encode()) if ending == ".gz" else text.encode())


NAMES = ["a.csv", "a.csv.gz", "a.tsv", "a.txt", "a.parquet", "a.feather", "a.arrow", "a.xlsx",
         "a.jsonl", "a.json"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_rows_come_back_as_they_were(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    write(path)
    table = read(path)
    found = values(table)
    assert table.columns is not None
    kinds = {c.name: c.kind for c in table.columns}
    assert kinds == {
        "whole": "number", "real": "number", "colour": "category", "truth": "boolean",
        "day": "date", "gaps": "number",
    }  # fmt: skip
    assert {c.name: c.dtype for c in table.columns if c.kind == "number"} == {
        "whole": "int64", "real": "float64", "gaps": "float64",
    }  # fmt: skip
    day = [d.isoformat() if isinstance(d, str) is False and hasattr(d, "isoformat") else d
           for d in found.pop("day")]  # fmt: skip
    assert [d[:10] for d in day] == [d.isoformat() for d in DAYS]
    truth = [str(v).lower() == "true" for v in found.pop("truth")]
    assert truth == COLUMNS["truth"]
    gaps = [None if v != v else v for v in found.pop("gaps")]
    assert gaps == COLUMNS["gaps"]
    np.testing.assert_allclose(found.pop("real"), COLUMNS["real"], 1e-14 if "xlsx" in name else 0)
    assert found == {k: v for k, v in COLUMNS.items() if k in found}
    assert table.order == tuple(COLUMNS)
    if name != "a.txt":  # piped, the same
        stdin = type("Piped", (), {"buffer": io.BytesIO(path.read_bytes()), "closed": False,
                                   "isatty": lambda self: False})()  # fmt: skip
        monkeypatch.setattr(sys, "stdin", stdin)
        piped = datasets.load("-", reading=READING)
        np.testing.assert_array_equal(piped.x, table.x)
        assert (piped.name, piped.path) == ("standard input", None)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_come_in_and_go_out(library: str) -> None:
    frame = pl.DataFrame(COLUMNS)
    native = {"pandas": frame.to_pandas, "pyarrow": frame.to_arrow, "polars": frame.clone}[
        library
    ]()
    assert datasets.is_frame(native)
    table = datasets.from_frame(native, READING)
    found = values(table)
    for name in ("key", "whole", "real", "colour", "truth", "label"):
        assert found[name] == COLUMNS[name]
    columns = {c.name: c.values(table.x[:, k]) for k, c in enumerate(table.columns or ())}
    made = datasets.to_frame_like(native, columns)
    assert type(made) is type(native)
    again = datasets.from_frame(made, READING)
    assert again.columns == table.columns
    np.testing.assert_array_equal(again.x, table.x)


def test_what_pandas_knows_of_a_column_is_kept() -> None:
    frame = pd.DataFrame(
        {
            "size": pd.Categorical(list("SMLSM"), ["S", "M", "L", "XL"], ordered=True),
            "grade": pd.Categorical([3, 1, 3, None, 1]),
            "count": pd.array([1, None, 2**62 + 1, 4, 5], dtype="Int64"),
            "sure": pd.array([True, None, False, True, True], dtype="boolean"),
            "when": pd.to_datetime(["2020-01-01 12:00"] * 2 + ["2021-05-05"] * 3, format="mixed")
            .tz_localize("Europe/Berlin"),
            "lasts": pd.to_timedelta([1, 2, 3, 4, 6], "min"),
            "many": [1, "a", None, 2.5, "b"],
        },
        index=pd.Index([7, 5, 9, 1, 2], name="id"),
    )  # fmt: skip
    with pytest.raises(InputError, match="'many'"):
        datasets.from_frame(frame, READING)
    table = datasets.from_frame(frame.drop(columns="many"), READING)
    assert [(c.name, c.kind, c.dtype, c.levels) for c in table.columns or ()] == [
        ("size", "ordinal", "str", ("S", "M", "L", "XL")),
        ("grade", "category", "int64", (1, 3)),
        ("count", "number", "int64", ()),
        ("sure", "boolean", "bool", (False, True)),
        ("when", "date", "datetime64[us]", ()),
        ("lasts", "number", "float64", ()),
    ]
    assert table.identifiers["id"].tolist() == [7, 5, 9, 1, 2]
    assert (table.x[0, 4], table.x[0, 5]) == (1577876400.0, 60.0)
    assert table.columns is not None
    made = datasets.to_frame_like(frame, {"grade": table.columns[1].values(table.x[:, 1])})
    assert made.index.tolist() == frame.index.tolist()
    assert made["grade"].tolist()[:3] == [3, 1, 3]


def test_an_index_that_only_counts_is_none_and_columns_may_be_numbers() -> None:
    frame = pd.DataFrame(np.arange(6.0).reshape(3, 2))
    table = datasets.from_frame(frame)
    assert (table.names, dict(table.identifiers)) == (("0", "1"), {})
    assert list(datasets.from_frame(frame.iloc[[2, 0]]).identifiers) == ["index"]
    with pytest.raises(InputError, match="two columns are called 'a'"):
        datasets.from_frame(frame.set_axis(["a", "a"], axis=1))


def test_an_index_of_pandas_in_parquet_names_the_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.5, 3.0]}, index=pd.Index([7.5, 5.0, 7.5], name="key"))
    frame.to_parquet(tmp_path / "a.parquet")
    table = read(tmp_path / "a.parquet")
    assert (table.names, table.identifiers["key"].tolist()) == (("a",), [7.5, 5.0, 7.5])


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[1, 2], [3, 5]], ">i4"), [[1, 2], [3, 5]]),
        (np.array([["1", "x"], ["2", "y"], ["3", "x"]]), [[1, 0], [2, 1], [3, 0]]),
        (np.array([[1, True], [2.5, False], [None, True]], object), [[1, 1], [2.5, 0], [NAN, 1]]),
        (np.ma.masked_equal([[1, 2], [3, 9], [4, 4]], 9), [[1, 2], [3, NAN], [4, 4]]),
        (np.array([["1970-01-02"], ["1970-01-01"]], "M8[D]"), [[86400], [0]]),
        (np.array([(1, 0.5), (2, 0.7)], [("a", ">i2"), ("b", "f4")]), [[1, 0.5], [2, 0.7]]),
        ([[1, 2], [3, 5]], [[1, 2], [3, 5]]),
    ],
)  # fmt: skip
def test_arrays_of_every_kind_come_in(array: Any, expected: list[list[float]]) -> None:
    table = datasets.from_array(array, READING)
    np.testing.assert_allclose(table.x, expected, rtol=1e-6)
    assert table.x.dtype.isnative
    assert table.x.dtype.kind in "iuf"


@pytest.mark.parametrize(
    ("array", "facts"),
    [
        (np.ones((3, 2), complex), ["complex128"]),
        (np.full((3, 2), b"a"), ["S1"]),
        (np.array([[1, b"a"], [2, b"b"]], object), ["'x_1'", "bytes", "row 0"]),
        (np.array([[1, 1j], [2, 2]], object), ["'x_1'", "complex"]),
        (np.array([[1.0, 2.0], [3.0, np.nan]]), ["nan", "row 1, column 1"]),
        (np.array([1, "a", None], object), ["shape (3,)"]),
        ([[1, 2], [3]], ["same length"]),
        (np.zeros(3, [("a", "f4", (2,)), ("b", "f4")]), ["'a'", "no single value"]),
    ],
)
def test_arrays_that_are_no_table_are_refused(array: Any, facts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        datasets.from_array(array)
    for fact in facts:
        assert fact in str(caught.value)


def test_records_in_a_file_have_names(tmp_path: Path) -> None:
    records = np.array([(1, 0.5, "u"), (2, 0.7, "v")], [("n", "<i8"), ("ä", "f8"), ("s", "U1")])
    np.save(tmp_path / "a.npy", records)  # a name beyond Latin-1 would make a header 3.0
    with open(tmp_path / "b.npy", "wb") as stream:
        np.lib.format.write_array(stream, records, (3, 0))
    for name in ("a.npy", "b.npy"):
        table = read(tmp_path / name)
        assert [(c.name, c.kind) for c in table.columns or ()] == [
            ("n", "number"), ("ä", "number"), ("s", "category"),
        ]  # fmt: skip


@pytest.mark.parametrize("version", [2, 3])
def test_a_header_of_four_gigabytes_is_refused_first(tmp_path: Path, version: int) -> None:
    raw = b"\x93NUMPY" + bytes([version, 0]) + b"\xff\xff\xff\xff" + b"{" * 1000
    (tmp_path / "a.npy").write_bytes(raw)
    with pytest.raises(InputError, match="a header of 4,294,967,295 bytes"):
        read(tmp_path / "a.npy")


def test_arrays_of_hdf5_and_npz_are_named(tmp_path: Path) -> None:
    x, other = np.arange(12.0).reshape(6, 2), np.ones((4, 3))
    np.savez(tmp_path / "a.npz", one=x, other=other)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/one"], file["other"] = x, other
    for name, key in (("a.npz", "one"), ("a.h5", "group/one")):
        with pytest.raises(InputError, match=f"{key}, other; .*--key"):
            read(tmp_path / name)
        np.testing.assert_array_equal(read(tmp_path / name, key=key).x, x)
        with pytest.raises(InputError, match="no array 'two'"):
            read(tmp_path / name, key="two")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"], file["y"] = x, ["a", "b"] * 3
    labels = read(tmp_path / "b.h5").labels
    assert labels is not None
    assert labels.tolist() == ["a", "b"] * 3
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file.create_dataset("x", (10**6, 10**6), "f8", chunks=(100, 100))
    with pytest.raises(InputError, match=r"promises 8,000,000,000,000 bytes"):
        read(tmp_path / "c.h5")
    (tmp_path / "d.h5").write_bytes((tmp_path / "b.h5").read_bytes()[:900])
    with pytest.raises(InputError, match="sound HDF5"):
        read(tmp_path / "d.h5")


def test_sheets_of_a_workbook(tmp_path: Path) -> None:
    xlsxwriter = pytest.importorskip("xlsxwriter")
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        for name, factor in (("first", 1), ("second", 2), ("empty", 0)):
            sheet = book.add_worksheet(name)
            if factor:
                sheet.write_row(0, 0, ["a", "b"])
                for k in range(3):
                    sheet.write_row(k + 1, 0, [factor * k, k / 2])
    with pytest.raises(InputError, match=r"'first', 'second'; .*--sheet"):
        read(tmp_path / "a.xlsx")
    assert read(tmp_path / "a.xlsx", sheet="second").x[:, 0].tolist() == [0, 2, 4]
    with pytest.raises(InputError, match="no sheet 'third'"):
        read(tmp_path / "a.xlsx", sheet="third")


def test_a_list_of_objects_may_break_its_lines_anywhere(tmp_path: Path) -> None:
    rows = [{"a": k, "b": f"{k % 2}x"} for k in range(4)]
    for text in ("[{}]", "[\n{}]", "[{}\n]", "\n[ {}\n\n]\n"):
        objects = ",\n".join(map(json.dumps, rows))
        (tmp_path / "a.json").write_text(text.replace("{}", objects))
        table = read(tmp_path / "a.json")
        assert table.x.tolist() == [[0, 0], [1, 1], [2, 0], [3, 1]]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ('{"a": 1}\n{"a": [1]}\n', ["line 2", "'a'", "a list"]),
        ('{"a": 1}\n\n{"a": 1\n', ["line 3", "JSON object"]),
        ('{"a": 1}\n{"a": 1, "a": 2}\n', ["line 2", "twice"]),
        ('{"a": 1}\n[1]\n', ["line 2", "[1]"]),
        ("[1, 2]\n[1]\n", ["line 2", "expected 2 entries"]),
        ("[" * 100_000 + "\n", ["line 1", "nested"]),
        ('{"a": "\\ud800"}\n', ["line 1", "half of a character"]),
        ('{"a": {"0": 1, "1": 2}}', ["an object"]),
        ('{"a": {"b": 1}, "a.b": 2}\n{"a": {"b": 1}}\n', ["line 1", "'a.b'", "twice"]),
        ('{"a": ' * 9 + "{}" + "}" * 9 + '\n{"a": 1}\n', ["line 1", "at most 8 objects"]),
        ('{"a": 1' + "0" * 400 + '}\n{"a": 1}\n', ["line 1", "inf"]),
        ('{"a": 1' + "0" * 5000 + "}\n", ["line 1"]),
    ],
)
def test_json_that_is_no_table_is_refused(tmp_path: Path, text: str, facts: list[str]) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(InputError) as caught:
        read(tmp_path / "a.jsonl")
    for fact in ["a.jsonl", *facts]:
        assert fact in str(caught.value)


def test_objects_in_rows_are_columns_and_what_is_dropped_may_be_anything(tmp_path: Path) -> None:
    rows = [{"a": {"b": k, "c": {"d": k * k}}, "e": [1, k]} for k in range(4)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    table = read(tmp_path / "a.jsonl", drop=("e",))
    assert list(table.names) == ["a.b", "a.c.d"]
    assert table.x.tolist() == [[k, k * k] for k in range(4)]
    with pytest.raises(InputError, match="--drop e"):
        read(tmp_path / "a.jsonl")


def _images(folder: Path, mode: str, names: list[str], size: tuple[int, int] = (4, 3)) -> None:
    rng = np.random.default_rng(0)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shape = (*size[::-1], 3) if mode == "RGB" else size[::-1]
        Image.fromarray(rng.integers(0, 256, shape, np.uint8), mode=None).save(folder / name)


@pytest.mark.parametrize(("mode", "shape"), [("L", (3, 4)), ("RGB", (3, 4, 3))])
def test_a_folder_of_images(tmp_path: Path, mode: str, shape: tuple[int, ...]) -> None:
    _images(tmp_path, mode, ["b.png", "a.png", "c/d.png"])
    (tmp_path / "notes.txt").write_text("no image")
    found = datasets.load(tmp_path, test_fraction=0.3)
    assert (found.image_shape, found.value_range, found.x.dtype) == (shape, (0, 255), np.uint8)
    assert found.table is not None
    assert found.table.identifiers["file"].tolist() == ["a.png", "b.png", "c/d.png"]
    with Image.open(tmp_path / "b.png") as image:
        np.testing.assert_array_equal(found.x[1], np.asarray(image).ravel())
    assert found.labels is None
    _images(tmp_path, mode, ["odd.png"], (5, 5))
    with pytest.raises(InputError, match=r"odd\.png \(5 x 5\)"):
        datasets.load(tmp_path)
    (tmp_path / "odd.png").write_bytes(b"\x89PNG none")
    with pytest.raises(InputError, match=r"odd\.png: expected a sound image"):
        datasets.load(tmp_path)


def test_subfolders_of_images_are_labels_and_parts(tmp_path: Path) -> None:
    _images(tmp_path / "one", "L", ["cat/1.png", "dog/1.png", "dog/2.png"])
    labels = datasets.load(tmp_path / "one").labels
    assert labels is not None
    assert labels.tolist() == ["cat", "dog", "dog"]
    _images(tmp_path / "two", "L", ["train/cat/1.png", "train/dog/1.png", "test/dog/2.png"])
    found = datasets.load(tmp_path / "two")
    assert found.is_test.tolist() == [True, False, False]
    assert found.labels is not None
    assert found.labels.tolist() == ["dog", "cat", "dog"]


def test_options_that_have_no_meaning_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((3, 2)))
    for name in ("sheet", "key", "delimiter", "encoding"):
        with pytest.raises(InputError, match=f"--{name} has no meaning"):
            read(tmp_path / "a.npy", **{name: ";"})
    np.save(tmp_path / "i.npy", np.ones((3, 2, 2)))
    with pytest.raises(InputError, match="images have no columns"):
        read(tmp_path / "i.npy", drop=("x_1",))


def test_columns_of_an_array_may_be_chosen(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(12.0).reshape(4, 3) ** 2)
    table = read(tmp_path / "a.npy", drop=("x_1",), kinds=("x_2=log",))
    assert [(c.name, c.kind) for c in table.columns or ()] == [("x_0", "number"), ("x_2", "log")]


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.xlsx", "a.h5"])
def test_damaged_files_are_refused(tmp_path: Path, name: str) -> None:
    path, rng = tmp_path / name, np.random.default_rng(0)
    if name == "a.h5":
        with h5py.File(path, "w") as file:
            file["x"] = np.arange(12.0).reshape(6, 2)
    else:
        write(path)
    sound = path.read_bytes()
    for k in range(12 if name == "a.xlsx" else 3):  # the others have a process each
        damaged = np.frombuffer(sound, np.uint8).copy()
        damaged[rng.integers(0, damaged.size, 20)] = rng.integers(0, 256, 20)
        path.write_bytes(damaged.tobytes()[: len(sound) // (1 + k % 2)])
        try:
            found = read(path)
        except InputError as error:
            assert name in str(error)  # noqa: PT017
        else:
            assert len(found.x) > 0


@pytest.mark.parametrize(
    ("name", "package"),
    [("a.parquet", "polars"), ("a.xlsx", "fastexcel"), ("a.h5", "h5py"), ("folder", "pillow")],
)
def test_a_package_that_is_absent_is_named(
    tmp_path: Path, name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    if name == "folder":
        _images(path, "L", ["a.png"])
    else:
        path.write_bytes(b"anything")
    monkeypatch.setitem(sys.modules, {"pillow": "PIL"}.get(package, package), None)
    with pytest.raises(MissingExtra, match=rf"{package}.*autoencodes\[tables\]"):
        datasets.load(path)
    monkeypatch.setitem(sys.modules, "narwhals.stable.v2", None)
    with pytest.raises(MissingExtra, match="narwhals"):
        datasets.from_frame(pd.DataFrame({"a": [1]}))


PACKED = {
    "gzip": ("a.csv.gz", gzip.compress),
    "bzip2": ("a.csv.bz2", bz2.compress),
    "xz": ("a.csv.xz", lzma.compress),
    "zip": ("a.zip", lambda content: zipped({"deep/a.csv": content, "__MACOSX/._a.csv": b"x"})),
}


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("packing", PACKED)
def test_compressed_text_is_read_and_damaged_refused(tmp_path: Path, packing: str) -> None:
    rows = "".join(f"{k % 7},{k * 1.25}\n" for k in range(500))
    name, pack = PACKED[packing]
    content = pack(f"a,b\n{rows}".encode())
    (tmp_path / name).write_bytes(content)
    read = formats.read(Source(tmp_path / name), Reading())
    np.testing.assert_array_equal(read.x, [[k % 7, k * 1.25] for k in range(500)])
    for wrong in (content[:-30], content[:40], content[:30] + b"\xff" * 9 + content[39:]):
        (tmp_path / name).write_bytes(wrong)
        with pytest.raises(InputError, match=rf"sound {packing} data"):
            formats.read(Source(tmp_path / name), Reading())


def test_an_archive_of_several_files_is_refused_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"one.csv": b"a\n1\n", "two.csv": b"a\n1\n"}))
    with pytest.raises(InputError, match=r"archive of one file, got 2 \('one.csv', 'two.csv'\)"):
        formats.read(Source(tmp_path / "a.zip"), Reading())
    (tmp_path / "a.zip").write_bytes(zipped({"one.png": b"a\n1\n"}))
    with pytest.raises(InputError, match=r"one of the formats .*\.zip"):
        formats.read(Source(tmp_path / "a.zip"), Reading())
