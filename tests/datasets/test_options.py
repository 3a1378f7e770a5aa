"""Advice names options where they are typed, and parameters where rows come in Python."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import autoencodes as ac
from autoencodes.datasets.options import in_python, option, typed

CASES: dict[str, dict[str, list[Any]]] = {
    "a gap": {"a": [1.0, None, 3.0], "b": [1.0, 2.0, 4.0]},
    "a unit": {"a": ["1,5 kg", "2", "3"], "b": [1, 2, 3]},
    "text alone": {"a": ["x", "y", "z"]},
    "two labels": {"label": ["a", "b", "a"], "class": ["a", "b", "a"], "z": [1, 2, 3]},
    "a date of two forms": {"a": ["01/02/2020", "03/04/2020", "05/06/2020"], "b": [1, 2, 3]},
    "a constant": {"a": [1, 1, 1]},
}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_speaks_to_who_reads_it(case: str, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(CASES[case])
    with pytest.raises(ac.InputError) as in_memory:
        ac.datasets.from_frame(frame)
    assert not re.search(r"--\w", str(in_memory.value))
    assert "  " not in str(in_memory.value)
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ac.InputError, match=r" --(kinds|missing|label|delimiter)"):
        ac.datasets.load(tmp_path / "t.csv")


def test_a_parameter_is_what_the_estimators_take() -> None:
    assert option("kinds", "a=number", "b c=date(%d)") == "--kinds 'a=number,b c=date(%d)'"
    assert option("drop") == "--drop"
    with in_python():
        assert eval(option("kinds", "a=x=number").partition("=")[2]) == {"a=x": "number"}
        assert option("missing", "mask") == "missing='mask'"
        assert typed(" with --drop") == ""
    assert typed(" with --drop") == " with --drop"
    with pytest.raises(ac.InputError), in_python():
        raise ac.InputError("it ends where an error passes, too")
    assert option("kinds") == "--kinds"
