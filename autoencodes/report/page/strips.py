"""Rows of small images, as one picture."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
from jaxtyping import UInt8

from autoencodes.report.page.contents import Strip

_GAP = 0.12
"""Between images, in their width."""
_SMALL = 96
"""Pixels across: smaller images are enlarged by a whole factor, so that no browser blurs them."""


def strip(content: Strip, number: int) -> str:
    """A strip with its captions beside the rows."""
    from PIL import Image

    pixels = mosaic(content)
    height, width = pixels.shape[:2]
    captions = "\n".join(f"<li>{escape(caption)}</li>" for caption in content.captions)
    alt = (
        f"{content.title}: {len(content.images[0])} images in each of {len(content.images)} rows, "
        f"from above {', '.join(content.captions)}."
    )
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    code = base64.b64encode(stream.getvalue()).decode()
    return (
        f'<section class="strip" aria-labelledby="strip-{number}">\n'
        f'<h2 id="strip-{number}">{escape(content.title)}</h2>\n<div class="rows">\n'
        f'<ol aria-hidden="true">\n{captions}\n</ol>\n'
        f'<img src="data:image/png;base64,{code}" width="{width}" height="{height}" '
        f'alt="{escape(alt)}">\n</div>\n</section>'
    )


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
