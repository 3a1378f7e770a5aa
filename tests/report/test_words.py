"""Names from the data in figures: every letter is drawn, or shown by its number."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from autoencodes.plot import style
from autoencodes.plot.classes import Classes, legend, scatter
from autoencodes.plot.words import plain

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
