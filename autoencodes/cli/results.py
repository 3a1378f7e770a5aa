"""What the verbs that use a model say and write, of rows that are loaded or pass in blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autoencodes.cli.conclusion import conclude, require_free_output, say, warn
from autoencodes.errors import InputError, MissingExtra

WORST = 10
"""Rows with the largest scores that are shown."""


def redrawn(run: Path) -> None:
    """Draws the report of a run anew, where it has one: it shows what has been found since."""
    from autoencodes.report import report

    if not (run / "report.html").exists():
        return
    try:
        page = report(run).page
    except (InputError, MissingExtra, OSError) as error:
        warn(f"autoencodes: {run / 'report.html'} is as it was before: {error}")
        return
    say(f"wrote {page}")


def say_errors(
    noun: str, target: str, means: dict[str, Any], right: dict[str, Any], percentile: Any
) -> None:
    """Prints the errors of all rows and of the parts, as (number, mean) by name."""
    per = {"rows": " per feature", "classes": " of probabilities, per class", "numbers": ""}[target]
    count, mean = means["all"]
    conclude(rows=count, error=mean)
    if len(means) > 1:
        conclude(errors={name: own[1] for name, own in means.items() if name != "all"})
    print(f"{noun} {count}: mean squared error {mean:.6g}{per}")
    for name in [name for name in means if name != "all"]:
        print(f"{name} rows {means[name][0]}: {means[name][1]:.6g}")
    if right:
        conclude(accuracy=right)
        print(", ".join(f"{name} rows: {share:.4f} right" for name, share in right.items()))
    quantiles = ", ".join(f"{q}% {percentile(q):.3g}" for q in (50, 90, 99, 100))
    print(f"error of a row, percentiles: {quantiles}")


def worst_line(judged: Any, row: int, number: int, name: str) -> str:
    """What is said of a row, whose number and name in the data are given."""
    import numpy as np

    line = f"row {number}{f' ({name})' if name else ''}: score {judged.scores[row]:.4g}"
    if judged.p_values is not None:
        line += f", p {judged.p_values[row]:.3g}" + (", anomaly" if judged.anomalies[row] else "")
    if judged.explanation is not None:
        shares = judged.explanation.shares[row]
        first = np.argsort(-shares, kind="stable")[:3]
        line += "; " + ", ".join(
            f"{judged.explanation.names[k]} {shares[k] / max(judged.scores[row], 1e-300):.0%}"
            for k in first
            if round(shares[k] / max(judged.scores[row], 1e-300), 2) > 0
        )
    if judged.repairs.get(row):
        line += f"; {judged.repairs[row]}"
    return line


def called_line(rows: int, anomalies: int | None, beyond: int, alpha: float) -> str:
    """How many rows are called anomalies, and how many are odder than all that were set apart."""
    conclude(rows=rows, anomalies=anomalies, above_all_set_apart=beyond, alpha=alpha)
    if anomalies is None:
        return f"rows {rows:,} at alpha {alpha:g}"
    line = f"rows {rows:,}, {anomalies:,} anomalies at alpha {alpha:g}"
    if beyond and not anomalies:
        verb = "scores" if beyond == 1 else "score"
        line += f"; but {beyond:,} {verb} above every row set apart: look at the first below"
    return line


def in_blocks(
    run: Path,
    data: str,
    output: Path | None,
    limit: str | None,
    *,
    as_new: bool = True,
    drop: str | None,
    unseen: bool = False,
) -> tuple[Any, Any, Any] | None:
    """A run's model, rows that do not fit into memory, and where results go; None if they fit."""
    from autoencodes import checks
    from autoencodes.run import RunFolder, source

    path = None if output is None else writable(output, data)
    folder = RunFolder.open(run)
    size = None if limit is None else checks.memory(limit, "memory-limit")
    columns: Any = {"drop": drop or (), "unseen": unseen}
    rows = source.apply_in_blocks(folder, data, size, path, as_new=as_new, **columns)
    if rows is None:
        return None
    for note in rows.head.notes:
        say(note)
    say(f"{rows.size:,} rows are read a block at a time")
    return folder.model, rows, path


def written_in_blocks(
    run: Path,
    data: str,
    output: Path,
    limit: str | None,
    made: Any,
    *,
    drop: str | None,
    identified: bool = True,
) -> bool:
    """Writes what ``made(model)`` makes of rows that do not fit; False if they fit."""
    streamed = in_blocks(run, data, output, limit, drop=drop)
    if streamed is None:
        return False
    from autoencodes.run import applying

    model, rows, path = streamed
    count = applying.written(path, rows, made(model), identified=identified)
    wrote(path, count, f"{count:,} rows")
    return True


def numbered(stem: str, values: Any) -> dict[str, Any]:
    """The columns of an array, named by their places."""
    return {f"{stem}_{k}": values[:, k] for k in range(values.shape[1])}


def score_blocks(model: Any, rows: Any, path: Any, per_column: bool) -> None:
    """What ``score`` says of rows that do not fit."""
    from autoencodes.run import applying

    found = applying.scored(model, rows, path, per_column)
    if path is not None:
        wrote(path, rows.size, f"{rows.size:,} rows")
    say_errors(
        "rows",
        model.readout.target,
        {part: (found.counts[part], found.mean(part)) for part in found.totals},
        {part: count / found.counts[part] for part, count in found.right.items()},
        found.percentiles.at,
    )
    conclude(columns={name: total / rows.size for name, total in found.columns.items()})
    for name, total in sorted(found.columns.items(), key=lambda pair: -pair[1]):
        print(f"column {name}: {total / rows.size:.6g}")


def judge_blocks(folder: Any, rows: Any, path: Any, alpha: float, reasons: bool) -> None:
    """What ``anomalies`` says of rows that do not fit."""
    from autoencodes.run import applying, export

    called = applying.called(folder, rows, path, alpha=alpha, reasons=reasons, most=WORST)
    tell = say if str(path) == export.STDOUT else print
    if path is not None:
        wrote(path, rows.size, f"{rows.size:,} rows")
    conclude(statement=called.statement)
    tell(called_line(rows.size, called.anomalies, called.beyond, alpha))
    for row in called.worst:
        name = ", ".join(f"{key} {value}" for key, value in row.identifiers.items())
        tell(worst_line(row.judged, 0, row.number, name))
    for sentence in called.statement:
        tell(sentence)


def writable(output: Path, data: str | Path) -> Path:
    """Where results go, if they can: asked before any work."""
    from autoencodes.run import export

    if str(output) == export.STDOUT:
        require_free_output()
    return export.require_writable(output, data)


def wrote(path: Path, rows: int, text: str, **entries: Any) -> None:
    """Says what was written."""
    conclude(output=path, rows=rows, **entries)
    say(f"wrote {path}: {text}")
