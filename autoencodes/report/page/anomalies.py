"""The rows that belong where they are least of all, as HTML."""

from __future__ import annotations

from html import escape

from autoencodes.run.worst import Guilty, Odd, Worst

_PARTS = {"train": "trained on", "validation": "set apart", "test": "test row"}


def anomalies(worst: Worst | None) -> str:
    """Row by row the columns that are most to blame, the largest score first."""
    if worst is None or not worst.rows:
        return ""
    head = (
        '<th scope="col">column</th><th scope="col" class="number">value</th>'
        '<th scope="col" class="number">recon&shy;structed</th>'
        '<th scope="col" class="share">of the score</th>'
    )
    rows = "\n".join(map(_row, worst.rows))
    return (
        f'<p class="remarks">{escape(_said(worst))}</p>\n'
        '<table class="odd">\n'
        '<caption class="unseen">The rows with the largest scores, and their columns</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n{rows}\n</table>"
    )


def _row(odd: Odd) -> str:
    """The name of a row, what is said of it as a whole, and a line for every column."""
    p = [] if odd.p_value is None else [f"p = {odd.p_value:.2g}"]
    facts = " · ".join([f"score {odd.score:.3g}", *p, _PARTS[odd.part]])
    lines = "".join(map(_line, odd.columns))
    repair = ""
    if odd.repair:
        words = escape(odd.repair.replace(" -> ", " → "))
        repair = f'<tr class="repair"><td colspan="4">ordinary with {words}</td></tr>\n'
    return (
        f'<tbody>\n<tr class="name"><th scope="rowgroup" colspan="4"><strong>{escape(odd.name)}'
        f"</strong> <span>{escape(facts)}</span></th></tr>\n{lines}{repair}</tbody>"
    )


def _line(column: Guilty) -> str:
    part = min(max(column.share, 0.0), 1.0)
    return (
        f'<tr><th scope="row">{escape(column.name)}</th>'
        f'<td class="number">{escape(column.value)}</td>'
        f'<td class="number">{escape(column.reconstruction)}</td>'
        f'<td class="share"><span style="--part:{part:.2f}"></span>{column.share:.0%}</td></tr>\n'
    )


def _said(worst: Worst) -> str:
    """What the scores are, and what their p-values promise."""
    said = f"The {len(worst.rows)} rows with the largest scores of {worst.of:,}. "
    if worst.window is not None:
        said += (
            f"A row's score is what the windows of {worst.window} rows put down to it on average. "
        )
    if not worst.calibration:
        return said + "No rows were set apart, so that there are no p-values."
    promise = "an ordinary row from the same source has p at most a with a chance of at most a."
    if worst.window is not None:
        promise = "this holds approximately, for rows of a series depend on each other."
    return (
        f"{said}A p-value compares with {worst.calibration:,} rows set apart: {promise} Of rows "
        "that were trained on or set apart there is none."
    )
