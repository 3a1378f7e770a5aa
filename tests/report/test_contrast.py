"""WCAG 2.2, level AA: text has a contrast of 4.5, what one must see to understand one of 3."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from matplotlib.colors import to_rgb

from autoencodes.plot import style
from autoencodes.plot.classes import Classes

SIGHT = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
"""Machado, Oliveira, Fernandes (2009): linear RGB as it is seen."""


def linear(colour: str) -> np.ndarray:
    c = np.array(to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    lights = sorted(0.05 + linear(c) @ [0.2126, 0.7152, 0.0722] for c in (one, other))
    return float(lights[1] / lights[0])


def lab(colour: str, sight: str) -> np.ndarray:
    seen = np.clip(np.array(SIGHT[sight]) @ linear(colour), 0, 1)
    white = np.array([0.95047, 1, 1.08883])
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    f = (xyz @ seen) / white
    x, y, z = np.where(f > 0.008856, np.cbrt(f), 7.787 * f + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def page() -> dict[str, dict[str, str]]:
    """The page's colours by name, in light and in dark."""
    text = (files("autoencodes.report.page") / "page.css").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", text, re.DOTALL)[:2]
    own = [dict(re.findall(r"--(\w+): (#\w+);", part)) for part in (light, dark)]
    return {"light": own[0], "dark": own[0] | own[1]}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_page_can_be_read(mode: str) -> None:
    colours = page()[mode]
    for ground in ("paper", "wash"):
        for name in ("ink", "soft", "off"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        for name in ("accent", "cell"):
            assert contrast(colours[name], colours[ground]) >= 3, (name, ground)
    assert contrast("#111", "#fff") > contrast("#222", "#fff") > 10
    np.testing.assert_allclose(contrast("#000", "#fff"), 21)


@pytest.mark.parametrize("paper", ["#ffffff", page()["dark"]["paper"]])
def test_classes_stand_out_from_the_paper(paper: str) -> None:
    assert min(contrast(colour, paper) for colour, _ in style.CLASSES) >= 3


def test_figures_can_be_read() -> None:
    assert min(contrast(c, "#fff") for c in (style.SOFT, style.PCA)) >= 4.5
    assert min(contrast(c, "#fff") for c in (style.AUTOENCODE, style.ACCENT, style.FAINT)) >= 3


@pytest.mark.parametrize("sight", SIGHT)
def test_classes_can_be_told_apart(sight: str) -> None:
    any_two, alike = (37, 48) if sight == "normal" else (18, 23)
    for (one, mark), (other, its) in combinations(style.CLASSES, 2):
        distance = np.linalg.norm(lab(one, sight) - lab(other, sight))
        assert distance >= (alike if mark == its else any_two), (one, other)


def test_a_class_has_its_colour_also_where_others_do_not_occur() -> None:
    names = [f"cluster {k}" for k in range(4)]
    whole = Classes.of(4, np.arange(4), names)
    part = Classes.of(3, np.array([3, 1, 3]), names)
    assert part.names == ("cluster 1", "cluster 3")
    assert part.members.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(part.colours, whole.colours[[1, 3]])
    assert part.markers.tolist() == whole.markers[[1, 3]].tolist()
    many = [str(k) for k in range(30)]
    scale = Classes.of(30, np.arange(30), many).colours
    np.testing.assert_array_equal(Classes.of(2, np.array([7, 29]), many).colours, scale[[7, 29]])
