"""Rows that stand out, as HTML: those that belong where they are least, or fare best or worst."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from autoencodes.report.page.contents import Extremes
from autoencodes.report.page.tables import text
from autoencodes.run.worst import Guilty, Odd, Worst
from autoencodes.summary import number

_PARTS = {"train": "trained on", "validation": "set apart", "test": "test row", "new": "new row"}


def anomalies(worst: Worst | None) -> str:
    """Row by row the columns that are most to blame, the largest score first."""
    if worst is None or not worst.rows:
        return ""
    facts = [" · ".join([f"score {number(o.score)}", *_p(o), _PARTS[o.part]]) for o in worst.rows]
    caption = "The rows with the largest scores, and their columns"
    return f'<p class="remarks">{text(_said(worst))}</p>\n' + _listed(
        worst.rows, facts, caption, "of the score"
    )


def extremes(found: Extremes | None) -> str:
    """The rows that are reconstructed best and worst, with the columns farthest off."""
    if found is None or not found.worst:
        return ""
    parts = []
    for name, rows in (("least", found.best), ("largest", found.worst)):
        caption = f"Of {found.of:,} test rows the {len(rows)} with the {name} error"
        facts = [f"error {number(odd.score)}" for odd in rows]
        parts.append(f"<h3>{caption}</h3>\n" + _listed(rows, facts, caption, "of the error"))
    said = (
        "An error is a row's mean square per feature, in the units trained in; below each row the "
        "columns that are farthest off."
    )
    return f'<p class="remarks">{said}</p>\n' + "\n".join(parts)


def _listed(rows: Sequence[Odd], facts: Sequence[str], caption: str, share: str) -> str:
    head = (
        '<th scope="col">column</th><th scope="col" class="number">value</th>'
        '<th scope="col" class="number">recon&shy;structed</th>'
        f'<th scope="col" class="share">{share}</th>'
    )
    lines = "\n".join(_row(odd, said) for odd, said in zip(rows, facts, strict=True))
    return (
        f'<table class="odd">\n<caption class="unseen">{escape(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n{lines}\n</table>"
    )


def _p(odd: Odd) -> list[str]:
    return [] if odd.p_value is None else [f"p = {number(odd.p_value, 2)}"]


def _row(odd: Odd, facts: str) -> str:
    """The name of a row, what is said of it as a whole, and a line for every column."""
    lines = "".join(map(_line, odd.columns))
    repair = ""
    if odd.repair:
        words = text(odd.repair.replace(" -> ", " → "))
        repair = f'<tr class="repair"><td colspan="4">ordinary with {words}</td></tr>\n'
    return (
        f'<tbody>\n<tr class="name"><th scope="rowgroup" colspan="4"><strong>{escape(odd.name)}'
        f"</strong> <span>{escape(facts)}</span></th></tr>\n{lines}{repair}</tbody>"
    )


def _line(column: Guilty) -> str:
    part = min(max(column.share, 0.0), 1.0)
    shown = text(f"{column.share:.0%}")
    return (
        f'<tr><th scope="row">{_broken(column.name)}</th>'
        f'<td class="number">{text(column.value)}</td>'
        f'<td class="number">{text(column.reconstruction)}</td>'
        f'<td class="share"><span style="--part:{part:.2f}"></span>{shown}</td></tr>\n'
    )


def _broken(name: str) -> str:
    """A name that may go on in a further line where its words are joined."""
    return escape(name).replace("_", "_<wbr>")


def _said(worst: Worst) -> str:
    """What the scores are, and what their p-values promise."""
    said = f"{worst.called[:1].upper()}{worst.called[1:]}. " if worst.called else ""
    said += f"The {len(worst.rows)} rows with the largest scores of {worst.of:,}"
    said += ". " if worst.source else " of the table that was trained on. "
    if worst.window is not None:
        said += (
            f"A row's score is what the windows of {worst.window} rows put down to it on average. "
        )
    if not worst.calibration:
        return said + "No rows were set apart, so that there are no p-values."
    promise = (
        "of ordinary rows from the same source at most 1 in 20 has a p-value of 0.05 or less, 1 in "
        "100 one of 0.01."
    )
    if worst.window is not None:
        promise = "what it promises holds approximately, for rows of a series depend on each other."
    said += f"A p-value compares with {worst.calibration:,} rows set apart: {promise}"
    if any(odd.part in ("train", "validation") for odd in worst.rows):
        said += " Of rows that were trained on or set apart there is none."
    return said
