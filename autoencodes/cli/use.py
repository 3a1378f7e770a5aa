"""The verbs that use a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from autoencodes.cli.app import Data, DataDir, MemoryLimit, Output, Run, app, expanded, say

_WORST = 10
"""Rows with the largest scores that are shown."""


@app.command()
def encode(
    run: Run,
    data: Data,
    output: Output,
    data_dir: DataDir = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Write the latent values of every row of DATA.

    Under memory hold or skip, an .npz file also keeps the values that go around the bottleneck.
    """
    if _written_in_blocks(
        run,
        data,
        output,
        memory_limit,
        lambda model: lambda rows: _numbered("latent", model.encode(_given(rows)).latent),
    ):
        return
    model, rows, path = _opened(run, data, data_dir, output)
    codes = model.encode(_given(rows))
    more = {"held": codes.held} if codes.held.shape[1] else {}
    _write(path, codes.latent, "latent", rows, **more)


@app.command()
def decode(
    run: Run,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", parser=expanded, help="Latent rows, as encode wrote."),
    ],
    output: Output,
) -> None:
    """Write the rows that the decoder makes of latent values."""
    from autoencodes.run import RunFolder, export

    path = export.require_writable(output, file)
    model = RunFolder.open(run).model
    codes, identifiers = export.read_latent(file)
    features = model.decode_features(codes.latent, codes.held if codes.held.shape[1] else None)
    _write_columns(path, model, model.table_of(features), identifiers)


@app.command()
def reconstruct(
    run: Run,
    data: Data,
    output: Output,
    data_dir: DataDir = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Write what the model makes of every row of DATA, in the data's units.

    Columns have their names, integers are rounded, a category is its likeliest level.
    """
    if _written_in_blocks(run, data, output, memory_limit, _reconstructed):
        return
    model, rows, path = _opened(run, data, data_dir, output)
    table = _table(rows)
    _write_columns(path, model, model.reconstruct(table).x, table.identifiers)


def _reconstructed(model: Any) -> Any:
    return lambda rows: model.columns(model.reconstruct(_table(rows)).x)


@app.command()
def impute(
    run: Run,
    data: Data,
    output: Output,
    data_dir: DataDir = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Write DATA with its missing values filled in from their reconstruction; all else as it was.

    RUN was trained with --missing mask (or mean).
    """
    if _written_in_blocks(run, data, output, memory_limit, _imputed, identified=False):
        return
    model, rows, path = _opened(run, data, data_dir, output)
    if rows.windows is not None:
        from autoencodes.errors import InputError

        raise InputError(
            f"{run} was trained on windows of {rows.windows.length} rows, in which a value stands "
            f"{rows.windows.length} times; impute needs a run on rows: train one without --window"
        )
    missing = rows.table.missing
    columns = _imputed(model)(rows)
    from autoencodes.run import export

    export.write_table(path, columns)
    count = 0 if missing is None else int(missing.sum())
    say(f"wrote {path}: {rows.size:,} rows, {count:,} values filled in")


def _imputed(model: Any) -> Any:
    """Rows with what is missing in them filled, and all else, in the order of the file."""

    def filled(rows: Any) -> dict[str, Any]:
        table = _table(rows)
        beside = dict(table.identifiers)
        if table.label_name is not None:
            beside[table.label_name] = table.labels
        whole = {**beside, **model.columns(model.impute(table).x)}
        return {name: whole[name] for name in _in_order(table, whole)}

    return filled


@app.command()
def predict(
    run: Run,
    data: Data,
    output: Output,
    data_dir: DataDir = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Write the class or number that the model predicts for every row of DATA.

    For classes an .npz file also has their probabilities. Of a model whose targets are rows, the
    same as reconstruct.
    """
    import numpy as np

    if _written_in_blocks(run, data, output, memory_limit, _predicted):
        return
    model, rows, path = _opened(run, data, data_dir, output)
    if model.readout.target == "rows":
        table = _table(rows)
        _write_columns(path, model, model.reconstruct(table).x, table.identifiers)
        return
    predicted = model.predict(_given(rows))
    more = {}
    if model.readout.gives_probabilities:
        more = {
            "probabilities": model.probabilities(_given(rows)),
            "classes": np.array(model.readout.classes),
        }
    _write(path, predicted, _PREDICTED[model.readout.target], rows, **more)


_PREDICTED = {"classes": "class", "numbers": "number"}


def _predicted(model: Any) -> Any:
    if model.readout.target == "rows":
        return _reconstructed(model)
    column = _PREDICTED[model.readout.target]
    return lambda rows: {column: model.predict(_given(rows))}


@app.command()
def score(
    run: Run,
    data: Data,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", parser=expanded, help="Also write every row's error."
        ),
    ] = None,
    per_column: Annotated[
        bool, typer.Option("--per-column", help="Also the errors of every column, by name.")
    ] = False,
    as_new: Annotated[
        bool, typer.Option("--as-new", help="Take the run's own file, changed since, for new rows.")
    ] = False,
    data_dir: DataDir = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Report the mean squared error over DATA, in the units of training, and of classes the
    accuracy.
    """
    from autoencodes.run import export

    streamed = _in_blocks(run, data, output, memory_limit, as_new)
    if streamed is not None:
        _score_blocks(*streamed, per_column)
        return
    model, rows, path = _opened(run, data, data_dir, output, as_new)
    targets = rows.y if model.readout.target == "rows" else rows.labels
    errors = model.errors(_given(rows), targets)
    columns = model.column_errors(_given(rows)) if per_column else {}
    if path is not None:
        if columns:
            name = "error" if "error" not in columns else "error of the row"
            own = {name: errors, **columns}
            export.write_table(path, own, identifiers=_identifiers(rows), stem="error")
            say(f"wrote {path}: {len(errors):,} rows")
        else:
            _write(path, errors, "error", rows)
    noun = "rows" if rows.windows is None else "windows"
    parts = {"all": slice(None)}
    if rows.is_test.any() and not rows.is_test.all():
        parts |= {n: rows.rows(n) for n in ("train", "validation", "test") if rows.has(n)}
    shares = {}
    if model.readout.target == "classes":
        right = model.predict(_given(rows)).astype(str) == targets.astype(str)
        shares = {name: right[at].mean() for name, at in parts.items()}
    means = {name: (errors[at].size, errors[at].mean()) for name, at in parts.items()}
    _say_errors(noun, model.readout.target, means, shares, lambda q: _percentile(errors, q))
    for name, own in sorted(columns.items(), key=lambda pair: -pair[1].mean()):
        print(f"column {name}: {own.mean():.6g}")


def _say_errors(
    noun: str, target: str, means: dict[str, Any], right: dict[str, Any], percentile: Any
) -> None:
    """Prints the errors of all rows and of the parts, as (number, mean) by name."""
    per = {"rows": " per feature", "classes": " of probabilities, per class", "numbers": ""}[target]
    count, mean = means["all"]
    print(f"{noun} {count}: mean squared error {mean:.6g}{per}")
    for name in [name for name in means if name != "all"]:
        print(f"{name} rows {means[name][0]}: {means[name][1]:.6g}")
    if right:
        print(", ".join(f"{name} rows: {share:.4f} right" for name, share in right.items()))
    quantiles = ", ".join(f"{q}% {percentile(q):.3g}" for q in (50, 90, 99, 100))
    print(f"error of a row, percentiles: {quantiles}")


@app.command()
def anomalies(
    run: Run,
    data: Data,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", parser=expanded, help="Write all rows; -: as CSV."
        ),
    ] = None,
    alpha: Annotated[
        float,
        typer.Option(
            help="Of the rows called anomalies, at most this share is ordinary, on average."
        ),
    ] = 0.05,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Also every column's share of the score, and repairs."),
    ] = False,
    data_dir: DataDir = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Say which rows of DATA do not belong: a score, a p-value and whether it is an anomaly.

    The larger the score, the more abnormal the row.
    """
    from autoencodes.checks import between
    from autoencodes.run import RunFolder, export, source
    from autoencodes.run.anomalies import judge

    between(alpha, "--alpha", 0.0, 1.0, with_low=False, with_high=False)
    streamed = _in_blocks(run, data, output, memory_limit)
    if streamed is not None:
        _judge_blocks(RunFolder.open(run), *streamed[1:], alpha, explain)
        return
    path = None if output is None else export.require_writable(output, data)
    folder = RunFolder.open(run)
    rows = source.apply_to(folder, data, data_dir)
    for note in () if rows.windows is None or rows.table is None else rows.table.notes:
        say(note)
    judged = judge(folder, rows, alpha=alpha, reasons=explain)
    columns, judged_rows = judged.columns, rows.table if rows.windows is None else rows.windows.rows
    names = {} if judged_rows is None else dict(judged_rows.identifiers)
    tell = say if str(path) == export.STDOUT else print
    if path is not None:
        named = {
            (f"{name} of the data" if name in columns else name): values
            for name, values in names.items()
        }
        export.write_table(path, columns, identifiers=named, stem="anomaly")
        say(f"wrote {path}: {len(judged.scores):,} rows")
    count = "" if judged.anomalies is None else f", {int(judged.anomalies.sum()):,} anomalies"
    tell(f"rows {len(judged.scores):,}{count} at alpha {alpha:g}")
    for line in _worst(judged, names):
        tell(line)
    for sentence in judged.statement:
        tell(sentence)


def _worst(judged: Any, identifiers: dict[str, Any]) -> list[str]:
    """The rows with the largest scores, one a line."""
    import numpy as np

    worst = np.argsort(-judged.scores, kind="stable")[:_WORST]
    return [
        _worst_line(
            judged,
            row,
            row,
            ", ".join(f"{key} {values[row]}" for key, values in identifiers.items()),
        )
        for row in worst[~np.isnan(judged.scores[worst])].tolist()
    ]


def _worst_line(judged: Any, row: int, number: int, name: str) -> str:
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
            if shares[k] > 0
        )
    if judged.repairs.get(row):
        line += f"; {judged.repairs[row]}"
    return line


def _in_blocks(
    run: Path, data: str, output: Path | None, limit: str | None, as_new: bool = True
) -> tuple[Any, Any, Any] | None:
    """A run's model, rows that do not fit into memory, and where results go; None if they fit."""
    from autoencodes import checks
    from autoencodes.run import RunFolder, export, source

    path = None if output is None else export.require_writable(output, data)
    folder = RunFolder.open(run)
    size = None if limit is None else checks.memory(limit, "memory-limit")
    rows = source.apply_in_blocks(folder, data, size, path, as_new=as_new)
    if rows is None:
        return None
    for note in rows.head.notes:
        say(note)
    say(f"{rows.size:,} rows are read a block at a time")
    return folder.model, rows, path


def _written_in_blocks(
    run: Path,
    data: str,
    output: Path,
    limit: str | None,
    made: Any,
    identified: bool = True,
) -> bool:
    """Writes what ``made(model)`` makes of rows that do not fit; False if they fit."""
    streamed = _in_blocks(run, data, output, limit)
    if streamed is None:
        return False
    from autoencodes.run import applying

    model, rows, path = streamed
    count = applying.written(path, rows, made(model), identified=identified)
    say(f"wrote {path}: {count:,} rows")
    return True


def _numbered(stem: str, values: Any) -> dict[str, Any]:
    """The columns of an array, named by their places."""
    return {f"{stem}_{k}": values[:, k] for k in range(values.shape[1])}


def _score_blocks(model: Any, rows: Any, path: Any, per_column: bool) -> None:
    """What ``score`` says of rows that do not fit."""
    from autoencodes.run import applying

    found = applying.scored(model, rows, path, per_column)
    if path is not None:
        say(f"wrote {path}: {rows.size:,} rows")
    _say_errors(
        "rows",
        model.readout.target,
        {part: (found.counts[part], found.mean(part)) for part in found.totals},
        {part: count / found.counts[part] for part, count in found.right.items()},
        found.percentiles.at,
    )
    for name, total in sorted(found.columns.items(), key=lambda pair: -pair[1]):
        print(f"column {name}: {total / rows.size:.6g}")


def _judge_blocks(folder: Any, rows: Any, path: Any, alpha: float, reasons: bool) -> None:
    """What ``anomalies`` says of rows that do not fit."""
    from autoencodes.run import applying, export

    called = applying.called(folder, rows, path, alpha=alpha, reasons=reasons, most=_WORST)
    tell = say if str(path) == export.STDOUT else print
    if path is not None:
        say(f"wrote {path}: {rows.size:,} rows")
    count = "" if called.anomalies is None else f", {called.anomalies:,} anomalies"
    tell(f"rows {rows.size:,}{count} at alpha {alpha:g}")
    for row in called.worst:
        name = ", ".join(f"{key} {value}" for key, value in row.identifiers.items())
        tell(_worst_line(row.judged, 0, row.number, name))
    for sentence in called.statement:
        tell(sentence)


def _opened(
    run: Path, data: str, data_dir: Path | None, output: Path | None, as_new: bool = True
) -> tuple[Any, Any, Any]:
    """A run's model, all rows of some data, and where results go: asked before any work."""
    from autoencodes.run import RunFolder, export, source

    path = None if output is None else export.require_writable(output, data)
    folder = RunFolder.open(run)
    rows = source.apply_to(folder, data, data_dir, as_new=as_new)
    for note in () if rows.table is None else rows.table.notes:
        say(note)
    return folder.model, rows, path


def _table(rows: Any) -> Any:
    """Rows as a table."""
    from autoencodes.datasets import Table

    return rows.table or Table(rows.x, rows.labels)


def _given(rows: Any) -> Any:
    """Rows as the model takes them: their table, where they have one."""
    return rows.x if rows.table is None else rows.table


def _identifiers(rows: Any) -> dict[str, Any]:
    return {} if rows.table is None else dict(rows.table.identifiers)


def _in_order(table: Any, columns: dict[str, Any]) -> list[str]:
    """Names in the order of the file, as far as that is known."""
    place = {name: k for k, name in enumerate(table.order)}
    return sorted(columns, key=lambda name: place.get(name, len(place)))


def _write(path: Any, result: Any, stem: str, rows: Any, **more: Any) -> None:
    """Writes an array with one entry or row for each row, and the identifiers beside it."""
    from autoencodes.run import export

    export.write_rows(path, result, stem, identifiers=_identifiers(rows), **more)
    say(f"wrote {path}: {' × '.join(str(n) for n in result.shape)} values")


def _write_columns(path: Any, model: Any, numbers: Any, identifiers: dict[str, Any]) -> None:
    """Writes the columns of a table in people's own values."""
    from autoencodes.run import export

    columns = model.columns(numbers)
    export.write_table(path, columns, identifiers=identifiers)
    say(f"wrote {path}: {len(numbers)} × {len(columns)} values")


def _percentile(values: Any, share: int) -> float:
    import numpy as np

    return float(np.percentile(values, share))
