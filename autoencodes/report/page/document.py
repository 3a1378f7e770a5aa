"""The page as a whole: its order, its head, and what it says of the run."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from html import escape
from importlib.resources import files

from autoencodes.report.page.anomalies import anomalies, extremes
from autoencodes.report.page.charts import chart
from autoencodes.report.page.contents import Drawn, Page
from autoencodes.report.page.explorers import explorers
from autoencodes.report.page.flows import flows
from autoencodes.report.page.library import EXTRA, PACKAGE, Library, library
from autoencodes.report.page.strips import films, strip
from autoencodes.report.page.tables import entries, table, text
from autoencodes.report.page.trust import certificates, listed

_PAGE_WIDE = 1000
"""Pixels from which on a picture is as wide as a paper's page: on a phone it keeps a width at which
it can be read, and is moved sideways."""

_SHARPNESS = 0.6
"""CSS pixels for each of a picture's: its smallest letters are then as large as small print."""


def html(page: Page) -> str:
    """The page, the same text for the same content.

    It asks the network for nothing: styles, script, pictures and data stand in it, and a policy in
    its head forbids all else.
    """
    drawing = library() if page.charts or page.motions else None
    tables = [table(each) for each in page.tables.values()]
    ran_on = {**page.machine, "seconds": json.loads(f"{page.seconds:.4g}")}
    body = [
        _opening(page),
        *tables[:1],
        _section("Certificate", certificates(page.certificates, page.columns)),
        "" if page.passages or drawing is None else flows(page.motions),
        films(page.passages),
        explorers(page.explorers),
        *[strip(each, k) for k, each in enumerate(page.strips, 1)],
        _section("Figures", _figures(page, drawing)),
        _section("Best and worst rows", extremes(page.extremes)),
        *[_section(title, anomalies(worst)) for title, worst in page.anomalies.items()],
        _section("Further tables", "".join(tables[1:])),
        _section("Notes", listed(page.notes)),
        _section("Configuration", entries("What was run", page.configuration)),
        _section("Machine", entries("Where, and with which versions", ran_on)),
        "" if drawing is None else _terms(drawing),
    ]
    own = base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode()
    digests = [own] if drawing is None else [own, drawing.digest]
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    return _TEMPLATE.format(
        policy=escape(_POLICY.format(scripts=scripts)),
        title=escape(page.title),
        about=escape(page.about),
        style=_packed("page.css"),
        body="\n".join(part for part in body if part),
        library="" if drawing is None else _LIBRARY.format(packed=drawing.packed),
        script=_script(),
    )


_TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="{about}">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
{library}<script>{script}</script>
</body>
</html>
"""

_LIBRARY = """\
<script type="text/plain" id="library">{packed}</script>
"""


_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "script-src {scripts}; base-uri 'none'; form-action 'none'"
)
"""Only these scripts may run, and nothing may be fetched."""


def _script() -> str:
    return "".join(map(_packed, ("explorer.js", "pad.js", "player.js", "charts.js")))


def _packed(name: str) -> str:
    """A file that lies beside this one."""
    return (files("autoencodes.report.page") / name).read_text(encoding="utf-8")


def _opening(page: Page) -> str:
    known = {"seed": page.configuration, "cores": page.machine, "autoencodes": page.machine}
    stated = {name: origin[name] for name, origin in known.items() if name in origin}
    cores = stated.get("cores")
    on = "" if cores is None else f" on {cores} core{'' if cores == 1 else 's'}"
    facts = [
        *([f"seed {stated['seed']}"] if "seed" in stated else []),
        _duration(page.seconds) + on,
        *([f"autoencodes {stated['autoencodes']}"] if "autoencodes" in stated else []),
    ]
    return (
        f'<header>\n<h1>{escape(page.title)}</h1>\n<p class="about">{text(page.about)}</p>\n'
        f'<p class="facts">{escape(" · ".join(facts))}</p>\n</header>\n'
        + (f'<p class="sentence">{text(page.sentence)}</p>' if page.sentence else "")
    )


def _figures(page: Page, drawing: Library | None) -> str:
    """Pictures and charts; a chart takes the place of the picture of its name."""
    pictures = {drawn.name: drawn for drawn in page.pictures}
    charts = {chart.name: chart for chart in page.charts}
    if drawing is None:
        lacking = _WITHOUT if charts or page.motions else ""
        return "".join(map(_figure, pictures.values())) + lacking
    found = []
    for name in dict.fromkeys([*charts, *pictures]):
        picture = "" if name not in pictures else _figure(pictures[name])
        found.append(chart(charts[name], picture) if name in charts else picture)
    return "".join(found)


_WITHOUT = (
    f'<p class="remarks">Here are pictures only. With the package {PACKAGE} '
    f"(pip install 'autoencodes[{EXTRA}]') this page also has a flow that plays, curves that zoom, "
    "errors by column, and a latent space in which rows can be looked up: draw it again with "
    "autoencodes report.</p>\n"
)


def _terms(drawing: Library) -> str:
    """The licence that the library is passed on under."""
    return (
        "<details>\n<summary>Licence of the script that draws the charts</summary>\n"
        f'<pre class="terms">{escape(drawing.terms)}</pre>\n</details>'
    )


def _figure(drawn: Drawn) -> str:
    width, height = struct.unpack(">II", drawn.png[16:24])
    code = base64.b64encode(drawn.png).decode()
    wide, sideways = (
        (' class="wide"', f' tabindex="0" role="region" aria-label="{escape(drawn.name)}"')
        if width > _PAGE_WIDE
        else ("", "")
    )
    return (
        f'<figure{wide}>\n<div class="card"{sideways}><img src="data:image/png;base64,{code}" '
        f'width="{width * _SHARPNESS:.0f}" height="{height * _SHARPNESS:.0f}" '
        f'alt="{text(drawn.alt)}"></div>\n'
        f"<figcaption>{text(drawn.caption)}</figcaption>\n</figure>\n"
    )


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>" if content else ""


def _duration(seconds: float) -> str:
    """Seconds as a reader says them."""
    if seconds < 99.5:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
