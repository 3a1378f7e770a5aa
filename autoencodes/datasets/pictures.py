"""A folder of images: every file a row, under its name."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autoencodes.datasets.parts import SPELLED
from autoencodes.datasets.table import Table, image_shape, table
from autoencodes.errors import InputError, MissingExtra

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_GREY = ("1", "L", "I;16", "I;16B", "I", "F")
_MOST = 1 << 27
"""The most pixels of one image."""


def found_in(folder: Path) -> list[Path]:
    """The images in a folder and two levels of subfolders, by name, but for hidden ones."""
    return sorted(
        path
        for level in ("*", "*/*", "*/*/*")
        for path in folder.glob(level)
        if path.suffix.lower() in ENDINGS
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def read_folder(folder: Path, paths: Sequence[Path]) -> Table:
    """The table of images of one size: grey ones (N, H, W) if all are, else colour (N, H, W, 3).

    Where all lie in subfolders these are the labels; subfolders called train, validation and test
    are the split, and those within them the labels. The files' names are the identifier "file".

    Raises
    ------
    InputError
        If sizes differ, with the files that are odd; if a file is no image or holds several.
    MissingExtra
        If Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise MissingExtra("pillow", "tables", "reading images") from error
    shapes: list[tuple[int, int]] = []
    modes: list[str] = []
    with warnings.catch_warnings(action="ignore"):
        for path in paths:
            with _opened(Image, path) as image:
                turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
                shapes.append(image.size if turned else image.size[::-1])
                modes.append(image.mode)
        _require_one_size(shapes, paths, folder)
        grey = all(mode in _GREY for mode in modes)
        pixels = [_pixels(Image, ImageOps, path, grey) for path in paths]
    stack = np.stack(pixels)
    made = table(stack, str(folder))
    names = [path.relative_to(folder).as_posix() for path in paths]
    labels, split = _folders(names)
    notes = []
    mixed = not grey and any(mode in _GREY for mode in modes)
    if mixed:
        notes.append("grey images among colour ones are taken as colour images")
    if split is not None:
        notes.append("the subfolders train, validation and test are the split")
    if labels is not None:
        notes.append("the subfolders' names are the labels")
    return Table(
        made.x,
        labels,
        image_shape=image_shape(stack.shape, str(folder)),
        value_range=made.value_range,
        identifiers={"file": np.array(names, object)},
        roles={} if split is None else {"split": split},
        notes=tuple(notes),
    )


def _opened(image: Any, path: Path) -> Any:
    """An image whose header is sound and says that it is one of a possible size."""
    try:
        found = image.open(path)
        frames = getattr(found, "n_frames", 1)
    except Exception as error:  # each format has errors of its own
        raise _damaged(path, error) from error
    if frames > 1 or found.width * found.height > _MOST:
        found.close()
        what = f"{frames} frames" if frames > 1 else f"{found.width} x {found.height} pixels"
        raise InputError(f"{path}: expected one image of at most {_MOST:,} pixels, got {what}")
    try:
        found.getexif()  # of a PNG it may stand behind the pixels, which are read on the way
    except Exception as error:
        found.close()
        raise _damaged(path, error) from error
    return found


def _damaged(path: Path, error: Exception) -> InputError:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
    return InputError(
        f"{path}: expected a sound image, got a file that cannot be read ({reason}); save it "
        "again or remove it"
    )


def _require_one_size(shapes: list[tuple[int, int]], paths: Sequence[Path], folder: Path) -> None:
    counts = Counter(shapes)
    usual, _ = counts.most_common(1)[0]
    odd = [(path, shape) for path, shape in zip(paths, shapes, strict=True) if shape != usual]
    if odd:
        shown = ", ".join(f"{p.relative_to(folder)} ({h} x {w})" for p, (h, w) in odd[:5])
        more = f" and {len(odd) - 5} more" if odd[5:] else ""
        raise InputError(
            f"{folder}: expected images of one size, as the {usual[0]} x {usual[1]} pixels of "
            f"{counts[usual]:,} of them; got {shown}{more}: bring them to one size or remove them"
        )


def _pixels(image: Any, operations: Any, path: Path, grey: bool) -> np.ndarray:
    """The pixels of an image, turned as it is to be looked at."""
    try:
        with image.open(path) as found:
            found = operations.exif_transpose(found)
            if grey:
                return np.asarray(found.convert("L") if found.mode in ("1", "L") else found)
            if "A" in found.getbands() or "transparency" in found.info:
                full = found.convert("RGBA")
                if full.getextrema()[3][0] < 255:
                    raise InputError(
                        f"{path}: expected an image without transparent pixels; put it on a "
                        "background first"
                    )
            if found.mode.startswith("I") or found.mode == "F":
                raise InputError(f"{path}: expected 8 bits a colour as in the others")
            return np.asarray(found.convert("RGB"))
    except InputError:
        raise
    except Exception as error:
        raise _damaged(path, error) from error


def _folders(names: list[str]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The labels and the split that subfolders say."""
    parts = [name.split("/")[:-1] for name in names]
    split = None
    if all(part and part[0].lower() in SPELLED for part in parts):
        found = {SPELLED[part[0].lower()] for part in parts}
        if len(found) > 1:
            split = np.array([part[0] for part in parts], object)
            parts = [part[1:] for part in parts]
    if not all(parts) or len({part[0] for part in parts}) < 2:
        return None, split
    return np.array([part[0] for part in parts]), split
