"""Schemes: each has the order that its registration says."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.catalogue import SCHEMES
from autoencodes.schemes import name_of, scheme


@pytest.mark.parametrize("name", SCHEMES)
def test_the_error_falls_with_the_order(name: str) -> None:
    # x' = x cos t, x(0) = 1: x(t) = exp(sin t).
    def error(steps: int) -> float:
        x, h = jnp.ones(1), 2.0 / steps
        for k in range(steps):
            x = x + h * scheme(name).slope(lambda t, z: z * jnp.cos(t), jnp.asarray(k * h), x, h)
        return abs(float(x[0]) - float(np.exp(np.sin(2.0))))

    order = np.log2(error(32) / error(64))
    assert order == pytest.approx(SCHEMES.entries[name].facts["order"], abs=0.15)


@pytest.mark.parametrize("name", SCHEMES)
def test_a_scheme_is_known_by_its_name(name: str) -> None:
    assert name_of(scheme(name, 3)) == name
    assert type(SCHEMES[name](substeps=np.int64(3)).substeps) is int


def test_what_is_no_scheme_is_refused_with_the_list() -> None:
    with pytest.raises(ac.InputError, match=r"scheme must be one of euler, heun, rk4.*got 'rk5'"):
        scheme("rk5")
    with pytest.raises(ac.InputError, match=r"substeps must be an integer, at least 1; got 0"):
        scheme("euler", 0)
