"""Pictures one after the other, as a file: GIF by Pillow, MP4 by ffmpeg."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from autoencodes import atomic
from autoencodes.errors import InputError
from autoencodes.plot import style

PACE = 80
"""Milliseconds for which a picture stands."""
HOLD = 1600
"""Milliseconds for which the last one does."""
LARGEST = 3_000_000
"""Bytes of a GIF: beyond, every other picture is left out."""
_COLOURS, _GREYS = 256, 32

Pixels = UInt8[np.ndarray, "height width 4"]
_RESOLUTION = 160


def write(
    path: str | Path,
    frames: Callable[[int], Iterator[Pixels]],
    colours: Callable[[], Float[np.ndarray, "colour 3"]],
) -> Path:
    """Writes a film as a GIF, or as an MP4 if the path ends in ``.mp4``.

    ``frames`` draws the pictures, of so many dots an inch; ``colours`` are those that a GIF has.

    Raises
    ------
    InputError
        If the path ends otherwise, or ffmpeg is needed and not found, or refuses.
    OSError
        If the file cannot be written.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in (".gif", ".mp4"):
        raise InputError(f"expected a path that ends in .gif or .mp4; got {path}")
    ffmpeg = require_encoder() if ending == ".mp4" else ""
    with style.context():
        if ending == ".gif":
            gif(frames(_RESOLUTION), colours(), path)
        else:
            mp4(frames(2 * _RESOLUTION), ffmpeg, path)
    return path


def gif(pictures: Iterable[Pixels], colours: Float[np.ndarray, "colour 3"], path: Path) -> None:
    """Frames in one palette, which has the given colours; fewer of them if they take too much.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    palette = _palette(colours)
    nearest = _nearest(palette)
    images = []
    for picture in pictures:
        red, green, blue = np.moveaxis(picture[..., :3] >> 3, -1, 0)
        image = Image.fromarray(nearest[red, green, blue])
        image.putpalette(palette.tobytes())
        images.append(image)
    every = 1
    while True:
        chosen = images[:-1:every] + images[-1:]
        stream, (first, *rest) = io.BytesIO(), chosen
        times = [every * PACE] * len(rest) + [HOLD]
        first.save(stream, "GIF", save_all=True, append_images=rest, duration=times, loop=0)
        content = stream.getvalue()
        if len(content) <= LARGEST or len(chosen) <= 2:
            break
        every *= 2
    atomic.write(path, content)


def _palette(colours: Float[np.ndarray, "colour 3"]) -> UInt8[np.ndarray, "shade 3"]:
    """Greys, and each colour in steps towards the white of the paper: what a picture is made of."""
    own = colours[: _COLOURS - _GREYS]
    steps = (_COLOURS - _GREYS) // len(own)
    towards = np.arange(1, steps + 1)[:, None, None] / steps
    tints = (1 - towards * (1 - own)).reshape(-1, 3)
    greys = np.linspace(0, 1, _GREYS)[:, None].repeat(3, axis=1)
    return (255 * np.concatenate([greys, tints])).round().astype(np.uint8)


def _nearest(palette: UInt8[np.ndarray, "shade 3"]) -> UInt8[np.ndarray, "32 32 32"]:
    """The place in the palette of every colour of five bits a channel; white is white."""
    levels = np.arange(32) * 255 / 31
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    shades = palette.astype(np.float64)
    # |c − s|² without |c|², which is the same for all shades s.
    distances = (shades**2).sum(axis=1) - 2 * cube @ shades.T
    return distances.argmin(axis=1).reshape(32, 32, 32).astype(np.uint8)


def require_encoder() -> str:
    """Where ffmpeg is; InputError if it is not in PATH."""
    path = shutil.which("ffmpeg")
    if path is None:
        raise InputError(
            "an MP4 needs the program ffmpeg, which is not in PATH; install it, or take the GIF "
            "of --animate"
        )
    return path


def mp4(pictures: Iterator[Pixels], ffmpeg: str, path: Path) -> None:
    """Frames through ffmpeg, which pads them to even sizes, as players need.

    Raises
    ------
    InputError
        If ffmpeg refuses.
    OSError
        If the file cannot be written.
    """
    first = next(pictures)
    tall, wide = first.shape[:2]
    handle, whole = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".mp4", dir=path.parent)
    os.close(handle)
    command = [
        *(ffmpeg, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgba"),
        *("-s", f"{wide}x{tall}", "-r", str(1000 / PACE), "-i", "-"),
        *("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white", "-pix_fmt", "yuv420p"),
        *("-movflags", "+faststart", "-fflags", "+bitexact", whole),
    ]
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdin is not None
            # It closes the pipe early where it refuses; what it says then is read below.
            with suppress(BrokenPipeError):
                for picture in _held(first, pictures):
                    process.stdin.write(picture.tobytes())
            said = process.communicate()[1].decode(errors="replace").strip()
        if process.returncode:
            raise InputError(
                f"ffmpeg could not write {path}{said and ': '}{said}; choose a path that ends in "
                ".gif, which needs no ffmpeg"
            )
        atomic.write(path, Path(whole).read_bytes())
    finally:
        os.unlink(whole)


def _held(first: Pixels, rest: Iterable[Pixels]) -> Iterator[Pixels]:
    """All pictures, the last one for a while."""
    picture = first
    yield picture
    for picture in rest:
        yield picture
    yield from [picture] * (HOLD // PACE)
