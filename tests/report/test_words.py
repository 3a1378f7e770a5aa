"""Names from the data in figures: every letter is drawn, or shown by its number."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from autoencodes.plot import style
from autoencodes.plot.classes import Classes, legend, scatter
from autoencodes.plot.words import plain, typeset
from autoencodes.run.verdict import verdict

NAMES = ("中文", "日本語", "한국어", "हिन्दी", "😀", "\x07bell", "\udc80", "$x$", "é λ − ×", "a\nb")


def test_letters_that_no_font_has_are_shown_by_their_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert plain("é λ − × 7") == "é λ − × 7"
    monkeypatch.setattr(style, "letters", lambda: frozenset(map(ord, "abc\\0123456789de")))
    assert plain("a中b") == "a\\u4e2db"
    assert plain("\udc80") == "\\udc80"
    assert len(plain("中" * 50)) == 24


def test_names_in_any_script_are_drawn_without_a_warning() -> None:
    x = np.arange(len(NAMES), dtype=float)
    with style.context():
        figure = Figure()
        axes = figure.subplots()
        classes = Classes.of(len(x), np.arange(len(x)), list(NAMES))
        scatter(axes, x, x, classes)
        legend(figure, classes)
        axes.set_title(plain("中文 😀"))
        assert style.png(figure)
        assert style.pdf(figure)
    assert style.fonts()[0] == "DejaVu Sans"


def test_headlines_have_at_most_25_words() -> None:
    parts = ("test_mse", "train_mse", "validation_mse", "pca_test_mse", "test_mse_bottleneck_only")
    errors = dict.fromkeys(parts, 1.23456e-5)
    metrics = {**errors, "latent": 8, "dim": 64, "validation_rows": 100}
    predicted = {"test_accuracy": 0.98765, "pca_test_mse": None}
    for target, more in (("rows", {}), ("classes", predicted), ("rows", {"pca_exact": True})):
        text = verdict("rows.csv", target, {**metrics, **more})
        assert len(text.split()) <= 25, text
        assert "1.23×10⁻⁵" in text


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("λ = -0.3 in [-1.50e-05, 2e+3]", "λ = −0.3 in [−1.5×10⁻⁵, 2×10³]"),
        ("0.000327 and 0.0001, 0.001", "3.27×10⁻⁴ and 1×10⁻⁴, 0.001"),
        ("95% of 99 % of rows", "95\N{NO-BREAK SPACE}% of 99\N{NO-BREAK SPACE}% of rows"),
        ("bimodal-1d, 2026-11-28, 7-7-7, x1e-3.csv", "bimodal-1d, 2026-11-28, 7-7-7, x1e-3.csv"),
    ],
)
def test_numbers_in_sentences_are_written_one_way(given: str, written: str) -> None:
    assert typeset(given) == written
    assert typeset(written) == written
