"""``ac.plot``: each draws into the axes that it is given, and returns them."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.errors import InputError

X = np.random.default_rng(0).normal(size=(60, 4))


@pytest.fixture(scope="module")
def fitted() -> ac.AutoencODE:
    return ac.AutoencODE(2, method="adam", epochs=3, batch_size=0, widths=(4, 2)).fit(X)


def test_axes_are_taken_and_returned(fitted: ac.AutoencODE) -> None:
    schedule = fitted.model_.flow.schedule
    groups = np.where(X[:, 0] > 0, "high", "low")
    drawn = {
        "loss": lambda ax: ac.plot.loss(fitted, ax=ax),
        "width": lambda ax: ac.plot.width(schedule, ax=ax),
        "latent": lambda ax: ac.plot.latent(fitted, X, groups, ax=ax),
        "reconstruction": lambda ax: ac.plot.reconstruction(fitted.model_, X, ax=ax),
        "flow": lambda ax: ac.plot.flow(fitted, X, (0,), X[:, 0], ax=ax),
        "spectrum": lambda ax: ac.plot.spectrum(np.arange(3.0), ax=ax),
    }
    assert sorted(drawn) == sorted(ac.plot.__all__)
    for draw in drawn.values():
        _, axes = plt.subplots()
        assert draw(axes) is axes
        assert axes.has_data()
        assert axes.get_ylabel()
    plt.close("all")


def test_what_is_drawn_is_what_the_model_says(fitted: ac.AutoencODE) -> None:
    codes = fitted.transform(X)
    points = ac.plot.latent(fitted, X).collections[0].get_offsets()
    np.testing.assert_allclose(points, codes, rtol=1e-6)
    axes = ac.plot.reconstruction(fitted, X)
    made = fitted.model_.scaling.apply(fitted.reconstruct(X), np.float64)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), np.ravel(made), atol=1e-5)
    path = ac.plot.flow(fitted, X[:5], (1, 0)).lines[0].get_xydata()
    assert len(path) == fitted.model_.flow.schedule.steps + 1
    plt.close("all")


def test_a_certificate_is_shown_as_text_and_as_a_spectrum(fitted: ac.AutoencODE) -> None:
    certificate = fitted.certificate(method="lanczos")
    axes = ac.plot.spectrum(certificate)
    ends = [line.get_ydata() for line in axes.lines[1:]]
    for drawn, end in zip(ends, ("lambda_min", "lambda_max"), strict=True):
        interval = getattr(certificate.curvature, end)
        np.testing.assert_array_equal(drawn, [interval.lower, interval.upper])
    assert certificate._repr_html_().count("<li>") == len(certificate.lines())
    plt.close("all")


def test_what_cannot_be_drawn_is_said(fitted: ac.AutoencODE) -> None:
    with pytest.raises(InputError, match="fitted estimator"):
        ac.plot.latent(ac.AutoencODE(), X)
    with pytest.raises(InputError, match="components of 0 to 3"):
        ac.plot.flow(fitted, X, (0, 4))
    with pytest.raises(InputError, match="one entry for each"):
        ac.plot.latent(fitted, X, [1, 2])
    with pytest.raises(InputError, match="no step was made"):
        ac.plot.loss([])
    plt.close("all")
