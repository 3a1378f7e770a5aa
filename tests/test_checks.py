"""The vocabulary of argument checks: what each takes, as what, and what it refuses."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import autoencodes as ac
from autoencodes import checks

NO_NUMBERS = [True, np.bool_(True), "3", b"3", None, [3], np.array([3, 4]), float("nan"), object()]


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float32(3), np.array(3), jnp.array(3)])
def test_an_integer_is_pythons_own_wherever_it_comes_from(value: Any) -> None:
    for check in (checks.integer, checks.positive_integer, checks.seed):
        assert type(check(value, "n")) is int
        assert check(value, "n") == 3
    for number in (checks.finite, checks.positive):
        assert type(number(value, "n")) is float
    assert checks.positive_integers([value, 2], "ns") == (3, 2)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda v: type(v).__name__)
def test_what_is_no_number_is_refused_by_name(value: Any) -> None:
    for check in (checks.integer, checks.positive_integer, checks.finite, checks.positive):
        with pytest.raises(ac.InputError, match=r"^n must be .*; got "):
            check(value, "n")
    with pytest.raises(ac.InputError, match=r"^n must be"):
        checks.at_least(value, "n", 0)
    with pytest.raises(ac.InputError, match=r"^n must be"):
        checks.between(value, "n", 0, 9)
    with pytest.raises(ac.InputError, match=r"^n must be"):
        checks.positive_integers([value], "n")


def test_numbers_out_of_range_are_refused_with_the_range() -> None:
    with pytest.raises(ac.InputError, match="n must be an integer, at least 1; got 0"):
        checks.positive_integer(0, "n")
    with pytest.raises(ac.InputError, match=r"n must be an integer; got 2\.5"):
        checks.integer(2.5, "n")
    with pytest.raises(ac.InputError, match="below 4294967296; got 4294967296"):
        checks.seed(2**32)
    with pytest.raises(ac.InputError, match="positive finite number; got inf"):
        checks.positive(np.inf, "n")
    assert checks.positive(np.inf, "n", infinite=True) == np.inf
    with pytest.raises(ac.InputError, match=r"in \(0, 1\]; got 0"):
        checks.between(0, "n", 0, 1, with_low=False)
    with pytest.raises(ac.InputError, match="at least 0; got -1"):
        checks.at_least(-1, "n", 0)
    with pytest.raises(ac.InputError, match="2 positive integers, height and width; got"):
        checks.positive_integers((3, 2, 1), "image", 2, "height and width")


def test_flags_choices_and_what_may_be_absent() -> None:
    assert checks.flag(np.bool_(False), "f") is False
    with pytest.raises(ac.InputError, match="True or False; got 1"):
        checks.flag(1, "f")
    with pytest.raises(ac.InputError, match="one of tanh, relu; got 'tahn'; did you mean tanh"):
        checks.choice("tahn", "activation", ("tanh", "relu"))
    with pytest.raises(ac.InputError, match="one of a, or a thing of yours; got 3"):
        checks.choice(3, "x", ("a",), ", or a thing of yours")
    assert checks.optional(checks.positive, None, "tau") is None
    with pytest.raises(ac.InputError, match="tau must be"):
        checks.optional(checks.positive, -1, "tau")


def test_long_values_are_shown_in_one_line() -> None:
    assert checks.shown(np.zeros((9, 9))) == "an array of shape (9, 9)"
    assert len(checks.shown("x" * 500)) == 80
