"""The verbs that use a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from autoencodes.cli.app import Data, DataDir, Drop, MemoryLimit, Output, Run, expanded, verb
from autoencodes.cli.conclusion import conclude, say, warn
from autoencodes.cli.results import (
    WORST,
    called_line,
    in_blocks,
    judge_blocks,
    numbered,
    redrawn,
    say_errors,
    score_blocks,
    worst_line,
    writable,
    written_in_blocks,
    wrote,
)


@verb()
def encode(
    run: Run,
    data: Data,
    output: Output,
    drop: Drop = None,
    data_dir: DataDir = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Write the latent values of every row of DATA.

    Under memory hold or skip, an .npz file also keeps the values that go around the bottleneck.

    Example: autoencodes encode runs/mine table.csv -o latent.csv
    """
    if written_in_blocks(
        run,
        data,
        output,
        memory_limit,
        lambda model: lambda rows: numbered("latent", model.encode(_given(rows)).latent),
        drop=drop,
    ):
        return
    model, rows, path = _opened(run, data, data_dir, output, drop=drop)
    codes = model.encode(_given(rows))
    more = {"held": codes.held} if codes.held.shape[1] else {}
    _write(path, codes.latent, "latent", rows, **more)


@verb()
def decode(
    run: Run,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", parser=expanded, help="Latent rows, as encode wrote."),
    ],
    output: Output,
) -> None:
    """Write the rows that the decoder makes of latent values.

    Example: autoencodes decode runs/mine latent.csv -o rows.csv
    """
    from autoencodes.run import RunFolder, export, filled

    path, folder = writable(output, file), RunFolder.open(run)
    model = folder.model
    codes, identifiers = export.read_latent(file)
    features = model.decode_features(codes.latent, codes.held if codes.held.shape[1] else None)
    made = _write_columns(path, model, model.table_of(features), identifiers)
    _warned(filled.decoded(folder, made))


@verb()
def reconstruct(
    run: Run,
    data: Data,
    output: Output,
    drop: Drop = None,
    data_dir: DataDir = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Write what the model makes of every row of DATA, in the data's units.

    Columns have their names, integers are rounded, a category is its likeliest level.

    Example: autoencodes reconstruct runs/mine table.csv -o rows.csv
    """
    if written_in_blocks(run, data, output, memory_limit, _reconstructed, drop=drop):
        return
    model, rows, path = _opened(run, data, data_dir, output, drop=drop)
    _write_remade(path, model, rows)


def _reconstructed(model: Any) -> Any:
    return lambda rows: model.columns(model.reconstruct(_table(rows)).x)


@verb()
def impute(
    run: Run,
    data: Data,
    output: Output,
    drop: Drop = None,
    data_dir: DataDir = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Write DATA with its missing values filled in from their reconstruction; all else as it was.

    RUN was trained with --missing mask (or mean).

    Example: autoencodes impute runs/gaps gaps.csv -o filled.csv
    """
    if written_in_blocks(run, data, output, memory_limit, _imputed, drop=drop, identified=False):
        return
    model, rows, path = _opened(run, data, data_dir, output, drop=drop)
    if rows.windows is not None:
        from autoencodes.errors import InputError

        raise InputError(
            f"{run} was trained on windows of {rows.windows.length} rows, in which a value stands "
            f"{rows.windows.length} times; impute needs a run on rows: train one without --window"
        )
    missing = rows.table.missing
    columns = _imputed(model)(rows)
    from autoencodes.run import export, filled

    export.write_table(path, columns)
    count = 0 if missing is None else int(missing.sum())
    wrote(path, rows.size, f"{rows.size:,} rows, {count:,} values filled in", filled=count)
    _warned(filled.beyond(rows.table, columns))


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


@verb()
def predict(
    run: Run,
    data: Data,
    output: Output,
    drop: Drop = None,
    data_dir: DataDir = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Write the class or number that the model predicts for every row of DATA.

    For classes an .npz file also has their probabilities. Of a model whose targets are rows, the
    same as reconstruct.

    Example: autoencodes predict runs/digits new.npy -o classes.csv
    """
    import numpy as np

    if written_in_blocks(run, data, output, memory_limit, _predicted, drop=drop):
        return
    model, rows, path = _opened(run, data, data_dir, output, drop=drop)
    if model.readout.target == "rows":
        _write_remade(path, model, rows)
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


@verb()
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
    drop: Drop = None,
    data_dir: DataDir = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Report the mean squared error over DATA, in the units of training, and of classes the
    accuracy.

    Example: autoencodes score runs/mine new.csv --per-column -o errors.csv
    """
    from autoencodes.run import export

    streamed = in_blocks(run, data, output, memory_limit, as_new=as_new, drop=drop)
    if streamed is not None:
        score_blocks(*streamed, per_column)
        return
    model, rows, path = _opened(run, data, data_dir, output, as_new=as_new, drop=drop)
    targets = rows.y if model.readout.target == "rows" else rows.labels
    errors = model.errors(_given(rows), targets)
    columns = model.column_errors(_given(rows)) if per_column else {}
    if path is not None:
        if columns:
            name = "error" if "error" not in columns else "error of the row"
            own = {name: errors, **columns}
            export.write_table(path, own, identifiers=_identifiers(rows), stem="error")
            wrote(path, len(errors), f"{len(errors):,} rows")
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
    conclude(columns={n: e.mean() for n, e in columns.items()})
    say_errors(noun, model.readout.target, means, shares, lambda q: _percentile(errors, q))
    for name, own in sorted(columns.items(), key=lambda pair: -pair[1].mean()):
        print(f"column {name}: {own.mean():.6g}")


@verb()
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
        typer.Option(
            "--explain",
            help="Also every column's share of the score, and repairs; the report shows the worst.",
        ),
    ] = False,
    drop: Drop = None,
    data_dir: DataDir = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Say which rows of DATA do not belong: a score, a p-value and whether it is an anomaly.

    The larger the score, the more abnormal the row.

    Example: autoencodes anomalies runs/mine new.csv --explain -o odd.csv
    """
    from autoencodes.checks import between
    from autoencodes.run import RunFolder, export, source
    from autoencodes.run.anomalies import judge

    between(alpha, "--alpha", 0.0, 1.0, with_low=False, with_high=False)
    streamed = in_blocks(run, data, output, memory_limit, drop=drop, unseen=True)
    if streamed is not None:
        judge_blocks(RunFolder.open(run), *streamed[1:], alpha, explain)
        return
    path = None if output is None else writable(output, data)
    folder = RunFolder.open(run)
    rows = source.apply_to(folder, data, data_dir, drop=drop or (), unseen=True)
    for note in () if rows.table is None else rows.table.notes:
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
        wrote(path, len(judged.scores), f"{len(judged.scores):,} rows")
    found = None if judged.anomalies is None else int(judged.anomalies.sum())
    conclude(statement=judged.statement)
    tell(called_line(len(judged.scores), found, judged.beyond, alpha))
    for line in _worst(judged, names):
        tell(line)
    for sentence in judged.statement:
        tell(sentence)
    if explain:
        from autoencodes.run import worst

        called = called_line(len(judged.scores), found, judged.beyond, alpha)
        try:
            if worst.keep_judged(folder, rows, judged, called) is not None:
                redrawn(folder.path)
        except OSError as error:
            warn(f"autoencodes: the report shows none of these rows: {error}")


def _worst(judged: Any, identifiers: dict[str, Any]) -> list[str]:
    """The rows with the largest scores, one a line."""
    import numpy as np

    worst = np.argsort(-judged.scores, kind="stable")[:WORST]
    return [
        worst_line(
            judged,
            row,
            row,
            ", ".join(f"{key} {values[row]}" for key, values in identifiers.items()),
        )
        for row in worst[~np.isnan(judged.scores[worst])].tolist()
    ]


def _opened(
    run: Path,
    data: str,
    data_dir: Path | None,
    output: Path | None,
    *,
    as_new: bool = True,
    drop: str | None,
) -> tuple[Any, Any, Any]:
    """A run's model, all rows of some data, and where results go: asked before any work."""
    from autoencodes.run import RunFolder, source

    path = None if output is None else writable(output, data)
    folder = RunFolder.open(run)
    rows = source.apply_to(folder, data, data_dir, as_new=as_new, drop=drop or ())
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
    wrote(path, len(result), f"{' × '.join(str(n) for n in result.shape)} values")


def _write_remade(path: Any, model: Any, rows: Any) -> None:
    """Writes the reconstruction of rows, and warns of what nobody has seen in it."""
    from autoencodes.run import filled

    table = _table(rows)
    made = _write_columns(path, model, model.reconstruct(table).x, table.identifiers)
    if rows.windows is None:
        _warned(filled.remade(table, made))


def _warned(sentences: Any) -> None:
    """Says of values that nobody has seen."""
    conclude(notes=sentences)
    for sentence in sentences:
        warn(sentence)


def _write_columns(
    path: Any, model: Any, numbers: Any, identifiers: dict[str, Any]
) -> dict[str, Any]:
    """Writes the columns of a table in people's own values, and returns them."""
    from autoencodes.run import export

    columns = model.columns(numbers)
    export.write_table(path, columns, identifiers=identifiers)
    wrote(path, len(numbers), f"{len(numbers)} × {len(columns)} values")
    return dict(columns)


def _percentile(values: Any, share: int) -> float:
    import numpy as np

    return float(np.percentile(values, share))
