"""Results on their way out: names, dtypes and values as they are, and nothing overwritten."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoencodes.datasets import Reading, formats
from autoencodes.datasets.streams import Source
from autoencodes.errors import InputError, Notice
from autoencodes.run import export

COLUMNS: dict[str, np.ndarray] = {
    "whole": np.array([1, -2, 2**53 + 1]),
    "real": np.array([1 / 3, np.nan, -1e-300]),
    "single": np.array([1 / 3, 2.5, 3e8], np.float32),
    "colour, blå": np.array(["red", None, 'a "b"\nc'], object),
    "truth": np.array([True, False, None], object),
    "day": np.array(["2020-01-31", "2020-02-01", "2020-02-02"], "M8[D]"),
}
IDENTIFIERS = {"key": np.array(["r7", "r3", "r5"], object)}


@pytest.mark.parametrize("ending", [e for e in export.ENDINGS if e not in (".npy", ".npz")])
def test_what_is_written_is_read_as_it_was(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    export.write_table(path, COLUMNS, identifiers=IDENTIFIERS)
    kinds = ("key=identifier",)
    table = formats.read(Source(path), Reading(missing="mask", kinds=kinds))
    assert table.order == ("key", *COLUMNS)
    found = {c.name: c.values(table.x[:, k]) for k, c in enumerate(table.columns or ())}
    found |= table.identifiers
    assert found["key"].tolist() == ["r7", "r3", "r5"]
    if ending != ".xlsx":  # which has floats only
        assert (found["whole"].tolist(), found["whole"].dtype) == ([1, -2, 2**53 + 1], np.int64)
    single = np.asarray(found["single"], np.float32)
    np.testing.assert_array_equal(single, COLUMNS["single"])
    np.testing.assert_allclose(found["real"], COLUMNS["real"], 1e-15, 0)
    texts = found["colour, blå"].tolist()
    assert texts == ["red", None, 'a "b"\nc']
    assert [str(v).lower() for v in found["truth"]] == ["true", "false", "none"]
    days = [str(v)[:10] for v in found["day"]]
    assert days == ["2020-01-31", "2020-02-01", "2020-02-02"]


def test_numbers_alone_are_a_matrix(tmp_path: Path) -> None:
    numbers = {"x_0": np.array([1, 2]), "x_1": np.array([3, 4])}
    export.write_table(tmp_path / "a.npy", numbers)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), [[1, 3], [2, 4]])
    export.write_table(tmp_path / "a.npz", numbers, identifiers={"file": np.array(["u", "v"])})
    with np.load(tmp_path / "a.npz") as archive:
        assert archive["x"].tolist() == [[1, 3], [2, 4]]
        assert archive["file"].tolist() == ["u", "v"]
    export.write_table(tmp_path / "b.npz", COLUMNS)
    with np.load(tmp_path / "b.npz") as archive:
        assert archive["whole"].dtype == np.int64
    with pytest.raises(InputError, match="'colour, blå' is none"):
        export.write_table(tmp_path / "b.npy", COLUMNS)


def test_text_that_a_spreadsheet_would_run_is_said(tmp_path: Path) -> None:
    columns = {"text": np.array(["=HYPERLINK(1)", "+1", "a=b"], object)}
    with pytest.warns(Notice, match=r"formulas: =HYPERLINK\(1\);"):
        export.write_table(tmp_path / "a.csv", columns)
    assert (tmp_path / "a.csv").read_text() == "text\n=HYPERLINK(1)\n+1\na=b\n"


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("a.foo", "ends in .npy"),
        ("a", "ends in .npy"),
        ("no/a.csv", "folder that does not exist"),
        ("x" * 260 + ".csv", "more than 255 bytes"),
        ("a\udcff.csv", "no UTF-8"),
        ("a\0.csv", "NUL"),
    ],
)
def test_a_name_that_cannot_be_written_is_refused(tmp_path: Path, name: str, fact: str) -> None:
    with pytest.raises(InputError, match=fact):
        export.require_writable(tmp_path / name)


def test_the_input_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("1,2\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    monkeypatch.setenv("HOME", str(tmp_path))
    for output in (tmp_path / "a.csv", tmp_path / "link.csv", "~/a.csv"):
        with pytest.raises(InputError, match="is the file that is read"):
            export.require_writable(output, "digits", "~/a.csv")
    assert export.require_writable("~/b.csv", "~/a.csv") == tmp_path / "b.csv"
    assert export.require_writable("-") == Path("-")
    long = tmp_path / ("x" * 250 + ".csv")
    export.write_rows(long, np.ones((2, 1)), "x")
    assert long.exists()


def test_standard_output_is_csv_in_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    export.write_table("-", {"ä": np.array([1, 2]), "b": np.array(["ü", None], object)})
    assert stdout.buffer.getvalue().decode() == "ä,b\n1,ü\n2,\n"  # type: ignore[attr-defined]


def test_a_reader_of_standard_output_may_leave() -> None:
    program = (
        "import numpy as np, sys; from autoencodes.run import export; "
        "export.write_rows('-', np.arange(200_000).reshape(-1, 2), 'x')"
    )
    head = f'"{sys.executable}" -c "{program}" | head -1'
    cut = subprocess.run(head, shell=True, capture_output=True, text=True)
    assert (cut.stdout, cut.stderr) == ("x_0,x_1\n", "")


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.csv", "a.parquet"])
def test_latent_rows_come_back_with_their_identifiers(tmp_path: Path, name: str) -> None:
    latent = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]])  # counts up, and is constant
    beside: dict[str, Any] = {} if name == "a.npy" else {"id": np.array([3, 1, 2]), **IDENTIFIERS}
    export.write_rows(tmp_path / name, latent, "latent", identifiers=beside)
    codes, found = export.read_latent(os.fspath(tmp_path / name))
    np.testing.assert_array_equal(codes.latent, latent)
    assert codes.held.shape == (3, 0)
    assert {k: v.tolist() for k, v in found.items()} == {k: v.tolist() for k, v in beside.items()}
