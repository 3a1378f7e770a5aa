"""Charts: the specification of each, the picture that it takes the place of, and where it comes."""

from __future__ import annotations

import json
from html import escape

from autoencodes.report.page.contents import Chart
from autoencodes.report.page.tables import text


def chart(content: Chart, picture: str) -> str:
    """A chart; ``picture``, the figure of the same name, stands where no script runs."""
    facts = {"spec": {**content.spec, "description": content.alt}, "rows": content.rows}
    data = json.dumps(facts, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    name = escape(content.name)
    return _CHART.format(
        name=name,
        picture=picture,
        caption=text(content.caption),
        rows="" if content.rows is None else _rows(content),
        said="<output></output>\n" if "play" in content.spec.get("usermeta", {}) else "",
        data=data.replace("<", "\\u003c"),
    )


_CHART = """\
<div class="chart" id="chart-{name}">
{picture}<figure class="moved">
<div class="drawn"></div>
{said}<figcaption>{caption}</figcaption>
{rows}</figure>
<script type="application/json">{data}</script>
</div>
"""


def _rows(content: Chart) -> str:
    """Where the rows within the frame are listed."""
    columns = (content.rows or {})["columns"]
    heads = "".join(
        f'<th scope="col"{"" if "levels" in c else " class=number"}>{escape(c["name"])}</th>'
        for c in columns
    )
    return (
        '<p class="remarks said" role="status"></p>\n'
        '<div class="scroll" role="region" aria-label="the rows in the frame" tabindex="0">\n'
        f'<table><thead><tr><th scope="col">row</th>{heads}</tr></thead><tbody></tbody></table>\n'
        "</div>\n"
    )
