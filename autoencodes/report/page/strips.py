"""Rows of small images, as one picture."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from html import escape

import numpy as np
from jaxtyping import UInt8

from autoencodes.plot.images import passing
from autoencodes.plot.passage import Passage
from autoencodes.report.page.contents import Strip

_GAP = 0.12
"""Between images, in their width."""
_SMALL = 96
"""Pixels across: smaller images are enlarged by a whole factor, so that no browser blurs them."""


def strip(content: Strip, number: int) -> str:
    """A strip with its captions beside the rows."""
    pixels = mosaic(content)
    code = _png(pixels)
    height, width = pixels.shape[:2]
    captions = "\n".join(f"<li>{escape(caption)}</li>" for caption in content.captions)
    alt = (
        f"{content.title}: {len(content.images[0])} images in each of {len(content.images)} rows, "
        f"from above {', '.join(content.captions)}."
    )
    return (
        f'<section class="strip" aria-labelledby="strip-{number}">\n'
        f'<h2 id="strip-{number}">{escape(content.title)}</h2>\n<div class="rows">\n'
        f'<ol aria-hidden="true">\n{captions}\n</ol>\n'
        f'<img src="data:image/png;base64,{code}" width="{width}" height="{height}" '
        f'alt="{escape(alt)}">\n</div>\n</section>'
    )


def films(passages: Sequence[Passage]) -> str:
    """A section with images on their way through the layers, each with a slider and a player."""
    parts = "\n".join(_film(passage, k) for k, passage in enumerate(passages, 1))
    return f"<section>\n<h2>Images through the layers</h2>\n{parts}\n</section>" if parts else ""


def _film(passage: Passage, number: int) -> str:
    """All layers as one picture, of which the script shows one at a time."""
    shown = passing(passage.images, passage.on, passage.shape)
    frames = [(255 * layer).round().astype(np.uint8) for layer in shown]
    captions = passage.captions
    pixels = mosaic(Strip(passage.title, tuple(captions), frames))
    height, width = pixels.shape[:2]
    tall = height // len(captions)
    alt = f"{passage.title}: {len(frames[0])} images at the layer that is chosen."
    return _FILM.format(
        captions=escape(json.dumps(captions)),
        title=escape(passage.title),
        size=f"aspect-ratio: {width} / {tall}; max-width: {width}px",
        code=_png(pixels),
        width=width,
        height=height,
        alt=escape(alt),
        last=len(captions) - 1,
        number=number,
    )


_FILM = """\
<figure class="film" data-captions="{captions}">
<div class="screen" style="{size}"><img src="data:image/png;base64,{code}" width="{width}" \
height="{height}" alt="{alt}"></div>
<div class="vega-bindings"><div class="vega-bind"><label for="film-{number}">layer</label>\
<input type="range" id="film-{number}" min="0" max="{last}" step="1" value="0"></div></div>
<output for="film-{number}"></output>
<figcaption>{title}</figcaption>
</figure>"""


def _png(pixels: UInt8[np.ndarray, "height width 4"]) -> str:
    """As base64."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()


def mosaic(content: Strip) -> UInt8[np.ndarray, "height width 4"]:
    """All images as one, with transparent gaps, half a gap around: rows are equally high."""
    rows = np.stack([np.asarray(row) for row in content.images])
    if rows.ndim == 4:
        rows = np.repeat(rows[..., None], 3, axis=-1)
    factor = max(1, _SMALL // rows.shape[3])
    rows = rows.repeat(factor, axis=2).repeat(factor, axis=3)
    opaque = np.full((*rows.shape[:-1], 1), 255, np.uint8)
    half = max(1, round(_GAP * rows.shape[3] / 2))
    pad = ((0, 0), (0, 0), (half, half), (half, half), (0, 0))
    framed = np.pad(np.concatenate([rows, opaque], axis=-1), pad)
    count, across, height, width, _ = framed.shape
    return framed.transpose(0, 2, 1, 3, 4).reshape(count * height, across * width, 4)
