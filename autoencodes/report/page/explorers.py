"""Explorers of latent space: the data of each, and the bare elements that ``pad.js`` fills."""

from __future__ import annotations

import json
from html import escape

import numpy as np

from autoencodes.plot.classes import Classes
from autoencodes.plot.explorer import Explorer
from autoencodes.report.page.scenes import legend, shades

_SIZE, _EDGE = 200, 8
_WIDE = 224
"""CSS pixels of a decoded image, about."""


def explorers(content: tuple[Explorer, ...]) -> str:
    """A section with every explorer; empty if there are none."""
    if not content:
        return ""
    parts = "\n".join(_explorer(each, k) for k, each in enumerate(content, 1))
    planes = "".join(
        f'<option value="explorer-{k}">{escape(each.plane)}</option>'
        for k, each in enumerate(content, 1)
        if each.plane
    )
    if planes:
        parts = f'<p><label>plane <select class="which">{planes}</select></label></p>\n{parts}'
    return (
        "<section>\n<h2>Explore the latent space</h2>\n"
        "<noscript><p>To move through latent space, allow this page its script.</p></noscript>\n"
        f"{parts}\n</section>"
    )


def _explorer(explorer: Explorer, number: int) -> str:
    facts = explorer.facts
    codes = np.array(facts["codes"])
    labels = None if facts["labels"] is None else np.array(facts["labels"])
    classes = Classes.of(len(codes), labels, facts["label_names"])
    sliders = "\n".join(
        f'<div><label for="explorer-{number}-{k}">{escape(name)}</label><input type="range" '
        f'id="explorer-{number}-{k}" min="{low}" max="{high}" step="any">'
        '<output aria-live="off"></output></div>'
        for k, (name, low, high) in enumerate(
            zip(facts["names"], facts["low"], facts["high"], strict=True)
        )
    )
    data = json.dumps(facts, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _EXPLORER.format(
        number=number,
        title=escape(explorer.title),
        pad=_pad(explorer, codes, classes) if len(facts["names"]) > 1 else "",
        sliders=sliders,
        made=_made(explorer),
        legend=legend(classes, ()),
        remarks=escape(_remarks(explorer)),
        data=data.replace("<", "\\u003c"),
    )


_EXPLORER = """\
<section class="explorer" id="explorer-{number}" aria-labelledby="explorer-{number}-title">
<h3 id="explorer-{number}-title">{title}</h3>
<div class="board">
<div class="controls">
{pad}
{sliders}
<button type="button" class="start">back to the most central row</button>
</div>
<div class="made">
{made}
</div>
</div>
{legend}
<p class="remarks">{remarks}</p>
<script type="application/json">{data}</script>
</section>"""


def _pad(explorer: Explorer, codes: np.ndarray, classes: Classes) -> str:
    """The first two axes as a plane with the codes of test rows, and a mark that moves."""
    low, high = (np.array(explorer.facts[name][:2]) for name in ("low", "high"))
    places = _EDGE + (codes[:, :2] - low) / (high - low) * (_SIZE - 2 * _EDGE)
    colours = shades(classes)
    shapes = {"o": "a1.7 1.7 0 1 0 .01 0z", "^": "l-1.7 3.2h3.4z",
              "s": "h1.6v3.2h-3.2v-3.2z", "D": "l2 2-2 2-2-2z"}  # fmt: skip
    marks = "".join(
        f'<path d="M{x:.1f} {_SIZE - y - 1.7:.1f}{shapes[str(classes.markers[member])]}" '
        f'fill="{colours[member]}"/>'
        for (x, y), member in zip(places.tolist(), classes.members.tolist(), strict=True)
    )
    across, up = map(escape, explorer.facts["names"][:2])
    return (
        f'<svg class="pad" viewBox="0 0 {_SIZE} {_SIZE}" role="img" aria-label="{len(codes)} test '
        f'rows over {across} and {up}; the sliders below move the mark">'
        f'<g class="marks">{marks}</g><text x="{_SIZE - 4}" y="{_SIZE - 4}" text-anchor="end">'
        f'{across} →</text><text x="4" y="10">↑ {up}</text>'
        '<path class="here" d="M0-9V-3M0 3V9M-9 0H-3M3 0H9M3 0A3 3 0 1 1-3 0A3 3 0 1 1 3 0"/></svg>'
    )


def _made(explorer: Explorer) -> str:
    """Where the decoded image, or row, comes to stand."""
    facts = explorer.facts
    if "shape" in facts:
        height, width = facts["shape"][:2]
        factor = max(1, round(_WIDE / max(height, width)))
        return (
            f'<canvas width="{width}" height="{height}" role="img" aria-label="decoded image" '
            f'style="width:{factor * width}px"></canvas>'
        )
    track = '<span class="where"></span>'
    rows = "\n".join(
        f'<tr><th scope="row">{escape(column["name"])}</th><td class="number"></td>'
        f"<td>{'' if 'levels' in column else track}</td></tr>"
        for column in facts["columns"]
    )
    return (
        '<div class="scroll" role="region" aria-label="the decoded row" tabindex="0">\n'
        '<table><caption>The decoded row</caption>\n<thead><tr><th scope="col">column</th>'
        '<th scope="col" class="number">value</th><th scope="col">least to largest</th></tr>'
        f"</thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def _remarks(explorer: Explorer) -> str:
    """What one has to know to read it."""
    facts = explorer.facts
    count, axes = len(facts["codes"]), len(facts["names"])
    begin = "" if facts["grid"] else "; press one to begin with its values"
    said = [f"Marks are {count:,} test rows{begin}."]
    if axes == 1:
        said = []
    if axes < facts["of"] or facts["names"][0].startswith("axis"):
        said.append(
            f"Of {facts['of']} latent dimensions {axes} principal axes of the codes, with their "
            "shares of the variance; along the others their mean."
        )
    if facts["grid"]:
        points = " × ".join([str(facts["grid"]["count"])] * axes)
        said.append(f"Decoded beforehand at {points} points, and interpolated between them.")
    else:
        said.append("The trained decoder is computed in this page.")
    if facts["held"]:
        said.append("Values that go around the bottleneck are 0 here.")
    return " ".join(said)
