"""Tables as HTML: people read three digits, and find all of them under the pointer."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from autoencodes.experiments import ResultTable
from autoencodes.experiments.table import Cell, shown
from autoencodes.summary import typeset


def table(content: ResultTable) -> str:
    """A table under its caption; the first cell of a row names the row."""
    numeric = content.numeric
    head = "".join(
        f'<th scope="col"{_kind(right)}>{text(name)}</th>'
        for name, right in zip(content.columns, numeric, strict=True)
    )
    rows = "\n".join(
        "<tr>" + "".join(_cell(cell, k == 0, numeric[k]) for k, cell in enumerate(row)) + "</tr>"
        for row in content.rows
    )
    caption = text(content.caption)
    return (
        f'<div class="scroll" role="region" aria-label="{caption}" tabindex="0">\n'
        f"<table>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    )


def entries(caption: str, content: dict[str, Any]) -> str:
    """Names and JSON values, nested ones under their names joined by dots."""
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in _flat("", content)
    )
    if not rows:
        return ""
    return (
        f'<details>\n<summary>{escape(caption)}</summary>\n<table class="entries">\n'
        f"<tbody>\n{rows}\n</tbody>\n</table>\n</details>"
    )


def text(words: str) -> str:
    """Words as HTML, with their numbers as ``summary.number`` writes them."""
    return escape(typeset(words))


def _flat(prefix: str, content: dict[str, Any]) -> list[tuple[str, str]]:
    pairs = []
    for name, value in content.items():
        if isinstance(value, dict) and value:
            pairs += _flat(f"{prefix}{name}.", value)
        else:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            pairs.append((f"{prefix}{name}", shown))
    return pairs


def _cell(cell: Cell, first: bool, right: bool) -> str:
    tag, scope = ("th", ' scope="row"') if first else ("td", "")
    return f"<{tag}{scope}{_kind(right)}{_digits(cell)}>{escape(shown(cell))}</{tag}>"


def _kind(right: bool) -> str:
    return ' class="number"' if right else ""


def _digits(cell: Cell) -> str:
    if cell is None:
        return ' title="none"'
    # repr has as many digits as tell the number from its neighbours.
    full = repr(cell) if isinstance(cell, float) else ""
    return f' title="{full}"' if full not in ("", shown(cell)) else ""
