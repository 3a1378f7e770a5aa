"""Images on their way through the layers, and the rows that fare best and worst."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("PIL.Image")
from PIL import Image
from report.motions import passage

from autoencodes.errors import InputError
from autoencodes.plan.settings import Settings
from autoencodes.plot import images, style
from autoencodes.plot.passage import Passage
from autoencodes.plot.passing import animate
from autoencodes.report import report
from autoencodes.run.folder import RunFolder
from autoencodes.run.train import train


def trained(path: Path, data: Path, **entries: Any) -> RunFolder:
    settings = {"epochs": 1, "steps_per_block": 1, "latent": 2, **entries}
    return train(Settings(data=str(data), **settings), path).folder


def colours(home: Path) -> RunFolder:
    """A run on colour images of two kinds, taller than wide."""
    rng = np.random.default_rng(0)
    for k in range(40):
        kind = home / "data" / "ab"[k % 2]
        kind.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (4, 3, 3), np.uint8)
        Image.fromarray(pixels).save(kind / f"{k}.png")
    return trained(home / "run", home / "data", widths=(30, 12, 2), latent=None)


def test_what_is_off_is_pale_and_what_leaves_the_range_is_coloured() -> None:
    states = np.array([[[0.0, 1.0, 0.5, 0.2]], [[-1.0, 2.0, 0.5, 7.0]]])
    on = np.array([[True] * 4, [True, True, True, False]])
    first, last = images.passing(states, on, (2, 2))[:, 0]
    np.testing.assert_allclose(first[..., 0].ravel(), states[0, 0])
    assert np.ptp(first, axis=-1).max() == 0
    below, above, grey, off = last.reshape(4, 3)
    assert below[2] > below[0]
    assert above[0] > above[2]
    assert np.ptp(grey) == 0
    np.testing.assert_allclose(off, images.to_rgb(style.PALE))


def test_a_film_goes_through_the_layers_and_shows_images(tmp_path: Path) -> None:
    found = passage()
    assert found.captions[:2] == ["input", "after layer 4 of 8: 5 of 6 components on"]
    path = animate(found, tmp_path / "flow.gif")
    with Image.open(path) as film:
        assert film.n_frames == 13
        shades = []
        for k in (0, 12):
            film.seek(k)
            shades.append(np.asarray(film.convert("L"))[30, 30])
    assert shades[0] > 240
    assert shades[1] < 80
    with pytest.raises(InputError, match=r"ends in .gif or .mp4"):
        animate(found, tmp_path / "flow.avi")


@pytest.mark.slow
def test_colour_images_pass_and_are_ranked(tmp_path: Path) -> None:
    folder = colours(tmp_path)
    arrays, model = folder.samples.arrays, folder.model
    data = arrays["originals"]
    shown = Passage.of("images", model, data, ("a", "b"))
    np.testing.assert_allclose(shown.images[0], data, atol=1e-6)
    np.testing.assert_allclose(shown.images[-1], arrays["reconstructions"], atol=1e-5)
    assert shown.on[0].all()
    assert shown.on[1:].sum(axis=1).tolist() == shown.widths[1:].tolist()
    again = Passage.restored(shown.arrays, shown.facts)
    assert again.facts == shown.facts
    for which, sign in (("best", 1), ("worst", -1)):
        errors = arrays[f"{which}_errors"]
        assert (np.diff(sign * errors) >= 0).all()
        off = np.mean((arrays[which][:, 0] - arrays[which][:, 1]) ** 2, axis=1)
        np.testing.assert_allclose(errors, off, rtol=1e-4)
    assert arrays["best_errors"][-1] <= arrays["worst_errors"][-1]
    made = report(folder.path)
    names = {path.stem for path in made.figures}
    assert {"passage", "best", "worst", "reconstructions"} <= names
    text = made.page.read_text("utf-8")
    assert "<canvas" in text
    assert 'class="film"' in text
    assert 'id="chart-flow-1"' not in text  # no pixel against another
    assert report(folder.path, animate="gif").animations == (folder.path / "figures/flow-1.gif",)


def test_rows_are_ranked_in_users_names_and_units(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    lines = [f"{1000 + 50 * a:.1f},{'xy'[k % 2]},{b:.4f},id{k}" for k, (a, b) in
             enumerate(rng.normal(size=(60, 2)))]  # fmt: skip
    lines[7] = "90000.0,x,0.5,id7"
    (tmp_path / "t.csv").write_text("mass_g,kind,length_m,name\n" + "\n".join(lines) + "\n")
    folder = trained(
        tmp_path / "run", tmp_path / "t.csv", widths=(3, 1), latent=None, test_fraction=0.5
    )
    facts = folder.samples.facts
    for which in ("best", "worst"):
        for row in facts["extremes"][which]:
            number = int(row["name"].removeprefix("name id"))
            given = dict(
                zip(("mass_g", "kind", "length_m"), lines[number].split(","), strict=False)
            )
            for column in row["columns"]:
                value = given[column["name"]]
                if column["name"] != "kind":
                    read = float(column["value"].replace(",", ""))
                    np.testing.assert_allclose(read, float(value), rtol=1e-3, atol=0.5)
                else:
                    assert column["value"] == value
                assert 0 < column["share"] <= 1
    text = report(folder.path).page.read_text("utf-8")
    assert "Best and worst rows" in text
    assert "mass_<wbr>g" in text
    assert f"Of {facts['tested']} test rows the 5 with the largest error" in text
