"""The laws of the animation: true to the states, the same bytes, small."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from report.motions import motion

from autoencodes.errors import InputError

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")

from autoencodes.plot import film, style  # noqa: E402
from autoencodes.plot.animation import animate, frames, moments, positions  # noqa: E402


def test_moments_are_quarter_layers_but_not_too_many() -> None:
    np.testing.assert_allclose(moments(6), np.arange(25) / 4)
    assert len(moments(1000)) == 150
    assert moments(1000)[-1] == 1000


def test_positions_are_the_states_and_straight_lines_between() -> None:
    found = motion()
    for layer in (0, 3, 6):
        np.testing.assert_allclose(positions(found, layer), found.states[layer])
    middle = (found.states[1] + found.states[2]) / 2
    np.testing.assert_allclose(positions(found, 1.5), middle)


@pytest.mark.parametrize("dim", [1, 2, 3, 20])
def test_a_gif_has_a_frame_for_every_moment(dim: int, tmp_path: Path) -> None:
    found = motion(dim, layers=3, targets=np.zeros((7, dim)) if dim < 3 else None)
    path = animate(found, tmp_path / "flow.gif")
    assert path.stat().st_size < film.LARGEST
    with Image.open(path) as image:
        assert image.n_frames == len(moments(3))
        shown = []
        for k in range(image.n_frames):
            image.seek(k)
            shown.append(np.asarray(image.convert("RGB")).astype(int))
    assert (shown[0][:3, :3] == 255).all(), "paper is white"
    assert (shown[0] != shown[-1]).any()
    assert {path.name for path in tmp_path.iterdir()} == {"flow.gif"}


def test_the_same_flow_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (animate(motion(layers=2), tmp_path / f"{k}.gif") for k in range(2))
    assert one.read_bytes() == two.read_bytes()


def test_a_particle_is_drawn_where_it_is() -> None:
    """Of two, one stands and one moves evenly: so does the middle of their colour."""
    states = np.zeros((4, 2, 2))
    states[:, 0, 0] = (0, 1, 2, 3)
    states[:, 1] = (3, 2)
    found = motion(particles=2, layers=3, states=states, labels=None, label_names=())
    with style.context():
        pictures = list(frames(found, 80))
    middles = []
    for picture in pictures:
        red, _, blue = np.moveaxis(picture[..., :3].astype(int), -1, 0)
        # The grey of the architecture is a little blue too.
        weights = np.clip(blue - red - 20, 0, None).sum(axis=0)
        middles.append(np.average(np.arange(len(weights)), weights=weights))
    steps = np.diff(middles)
    assert steps.mean() > 2
    # Marks stand on whole pixels.
    np.testing.assert_allclose(steps, steps.mean(), atol=2)


def test_the_axis_of_what_is_off_fades() -> None:
    found = motion(layers=6, states=np.ones((7, 7, 2)))
    with style.context():
        pictures = list(frames(found, 80))
    # Left of the plane stand the vertical axis, its numbers and its name.
    dark = np.array([(p[: len(p) // 2, :50, :3].max(axis=-1) < 110).sum() for p in pictures])
    off = ~found.active[np.ceil(moments(6)).astype(int), 1]
    assert off.any()
    assert dark[off].max() < 0.5 * dark[~off].min()


def test_a_gif_too_large_has_fewer_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film, "LARGEST", 15_000)
    path = animate(motion(layers=3), tmp_path / "flow.gif")
    with Image.open(path) as image:
        assert 2 <= image.n_frames < len(moments(3))
        assert image.info["duration"] > film.PACE


@pytest.mark.parametrize(
    ("name", "message"), [("flow.avi", "ends in .gif or .mp4"), ("flow.mp4", "install it, or")]
)
def test_what_cannot_be_written_is_said(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(InputError, match=message):
        animate(motion(), tmp_path / name)


def program(tmp_path: Path, text: str) -> str:
    path = tmp_path / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_ffmpeg_gets_every_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in counts the bytes that it is given."""
    fake = program(tmp_path, 'for last; do :; done; wc -c > "$last"')
    monkeypatch.setattr(shutil, "which", lambda _: fake)
    path = animate(motion(layers=1), tmp_path / "flow.mp4")
    with style.context():
        size = next(frames(motion(layers=1), 320)).size
    assert int(path.read_text()) == size * (len(moments(1)) + film.HOLD // film.PACE)
    assert {path.name for path in tmp_path.iterdir()} == {"ffmpeg", "flow.mp4"}


def test_what_ffmpeg_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = program(tmp_path, "echo 'no such codec' >&2; exit 3")
    monkeypatch.setattr(shutil, "which", lambda _: fake)
    with pytest.raises(InputError, match="no such codec"):
        animate(motion(layers=1), tmp_path / "flow.mp4")
    assert {path.name for path in tmp_path.iterdir()} == {"ffmpeg"}


def test_a_real_ffmpeg_makes_a_film(tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg in PATH")
    path = animate(motion(layers=2), tmp_path / "flow.mp4")
    assert path.read_bytes()[4:8] == b"ftyp"
