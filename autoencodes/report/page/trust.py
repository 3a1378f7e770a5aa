"""Up to what error new rows may be entrusted to a model, as HTML: the answer, then its grounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from autoencodes.experiments import ResultTable
from autoencodes.report.page.tables import table, text

_PRACTICE, _COLUMNS, _THEORY = "In practice: ", "By column: ", "In theory: "


def certificates(
    found: Mapping[str, Sequence[str]], columns: Mapping[str, ResultTable] | None = None
) -> str:
    """Every certificate under its name: one line for who uses the model, one for the theorist, then
    the figures, folded; the errors by column after the first.

    Lines of another form, as certificates of before have them, are listed as they are.
    """
    return "\n".join(
        _certificate(name, lines, (columns or {}).get(name)) for name, lines in found.items()
    )


def _certificate(name: str, lines: Sequence[str], columns: ResultTable | None) -> str:
    given = list(lines)
    parts = [f"<h3>{text(name)}</h3>"]
    if given and given[0].startswith(_PRACTICE):
        said = given.pop(0).removeprefix(_PRACTICE)
        parts.append(f'<p class="answer">{text(said[:1].upper() + said[1:])}</p>')
    if columns is not None and columns.rows:
        parts.append(table(columns))
        given = [line for line in given if not line.startswith(_COLUMNS)]
    if given and given[0].startswith(_THEORY):
        said = given.pop(0).removeprefix(_THEORY)
        parts.append(f"<h4>In theory</h4>\n<p>{text(said[:1].upper() + said[1:])}</p>")
    if len(parts) == 1 or not given:
        return "\n".join([*parts, listed(given)])
    folded = f"<details>\n<summary>The figures, one by one</summary>\n{listed(given)}\n</details>"
    return "\n".join([*parts, folded])


def listed(lines: Iterable[str]) -> str:
    """Lines as a list; nothing where there is none."""
    items = "\n".join(f"<li>{text(line)}</li>" for line in lines)
    return f"<ul>\n{items}\n</ul>" if items else ""
