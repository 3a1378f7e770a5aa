"""The verbs that use a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from autoencodes.cli.app import Data, DataDir, Output, Run, expanded, verb
from autoencodes.cli.conclusion import conclude, require_free_output, say


@verb()
def encode(run: Run, data: Data, output: Output, data_dir: DataDir = None) -> None:
    """Write the latent values of every row of DATA.

    Under memory hold or skip, an .npz file also keeps the values that go around the bottleneck.

    Example: autoencodes encode runs/mine table.csv -o latent.csv
    """
    model, rows, path = _opened(run, data, data_dir, output)
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
    from autoencodes.run import RunFolder, export

    path = _writable(output, file)
    model = RunFolder.open(run).model
    codes, identifiers = export.read_latent(file)
    features = model.decode_features(codes.latent, codes.held if codes.held.shape[1] else None)
    _write_columns(path, model, model.table_of(features), identifiers)


@verb()
def reconstruct(run: Run, data: Data, output: Output, data_dir: DataDir = None) -> None:
    """Write what the model makes of every row of DATA, in the data's units.

    Columns have their names, integers are rounded, a category is its likeliest level.

    Example: autoencodes reconstruct runs/mine table.csv -o rows.csv
    """
    model, rows, path = _opened(run, data, data_dir, output)
    table = _table(rows)
    _write_columns(path, model, model.reconstruct(table).x, table.identifiers)


@verb()
def impute(run: Run, data: Data, output: Output, data_dir: DataDir = None) -> None:
    """Write DATA with its missing values filled in from their reconstruction; all else as it was.

    RUN was trained with --missing mask (or mean).

    Example: autoencodes impute runs/gaps gaps.csv -o filled.csv
    """
    model, rows, path = _opened(run, data, data_dir, output)
    if rows.windows is not None:
        from autoencodes.errors import InputError

        raise InputError(
            f"{run} was trained on windows of {rows.windows.length} rows, in which a value stands "
            f"{rows.windows.length} times; impute needs a run on rows: train one without --window"
        )
    table, missing = _table(rows), rows.table.missing
    filled = model.impute(table)
    columns = model.columns(filled.x)
    beside = dict(table.identifiers)
    if table.label_name is not None:
        beside[table.label_name] = table.labels
    from autoencodes.run import export

    whole = {**beside, **columns}
    export.write_table(path, {name: whole[name] for name in _in_order(table, whole)})
    count = 0 if missing is None else int(missing.sum())
    _wrote(path, len(filled.x), f"{len(filled.x):,} rows, {count:,} values filled in", filled=count)


@verb()
def predict(run: Run, data: Data, output: Output, data_dir: DataDir = None) -> None:
    """Write the class or number that the model predicts for every row of DATA.

    For classes an .npz file also has their probabilities. Of a model whose targets are rows, the
    same as reconstruct.

    Example: autoencodes predict runs/digits new.npy -o classes.csv
    """
    import numpy as np

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
    column = {"classes": "class", "numbers": "number"}[model.readout.target]
    _write(path, predicted, column, rows, **more)


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
    data_dir: DataDir = None,
) -> None:
    """Report the mean squared error over DATA, in the units of training, and of classes the
    accuracy.

    Example: autoencodes score runs/mine new.csv --per-column -o errors.csv
    """
    from autoencodes.run import export

    model, rows, path = _opened(run, data, data_dir, output, as_new)
    targets = rows.y if model.readout.target == "rows" else rows.labels
    errors = model.errors(_given(rows), targets)
    columns = model.column_errors(_given(rows)) if per_column else {}
    if path is not None:
        if columns:
            name = "error" if "error" not in columns else "error of the row"
            own = {name: errors, **columns}
            export.write_table(path, own, identifiers=_identifiers(rows), stem="error")
            _wrote(path, len(errors), f"{len(errors):,} rows")
        else:
            _write(path, errors, "error", rows)
    per = {"rows": " per feature", "classes": " of probabilities, per class", "numbers": ""}
    noun, unit = "rows" if rows.windows is None else "windows", per[model.readout.target]
    print(f"{noun} {rows.size}: mean squared error {errors.mean():.6g}{unit}")
    conclude(rows=rows.size, error=errors.mean(), columns={n: e.mean() for n, e in columns.items()})
    parts = {"all": slice(None)}
    if rows.is_test.any() and not rows.is_test.all():
        names = [name for name in ("train", "validation", "test") if rows.has(name)]
        parts |= {name: rows.rows(name) for name in names}
        conclude(errors={name: errors[parts[name]].mean() for name in names})
        for name in names:
            own = errors[parts[name]]
            print(f"{name} rows {own.size}: {own.mean():.6g}")
    if model.readout.target == "classes":
        right = model.predict(_given(rows)).astype(str) == targets.astype(str)
        shares = {name: right[at].mean() for name, at in parts.items()}
        conclude(accuracy=shares)
        print(", ".join(f"{name} rows: {share:.4f} right" for name, share in shares.items()))
    quantiles = ", ".join(f"{q}% {_percentile(errors, q):.3g}" for q in (50, 90, 99, 100))
    print(f"error of a row, percentiles: {quantiles}")
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
        typer.Option("--explain", help="Also every column's share of the score, and repairs."),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Say which rows of DATA do not belong: a score, a p-value and whether it is an anomaly.

    The larger the score, the more abnormal the row.

    Example: autoencodes anomalies runs/mine new.csv --explain -o odd.csv
    """
    from autoencodes.checks import between
    from autoencodes.run import RunFolder, export, source
    from autoencodes.run.anomalies import judge

    between(alpha, "--alpha", 0.0, 1.0, with_low=False, with_high=False)
    path = None if output is None else _writable(output, data)
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
        _wrote(path, len(judged.scores), f"{len(judged.scores):,} rows")
    found = None if judged.anomalies is None else int(judged.anomalies.sum())
    conclude(rows=len(judged.scores), anomalies=found, alpha=alpha, statement=judged.statement)
    count = "" if found is None else f", {found:,} anomalies"
    tell(f"rows {len(judged.scores):,}{count} at alpha {alpha:g}")
    for line in _worst(judged, names):
        tell(line)
    for sentence in judged.statement:
        tell(sentence)


def _worst(judged: Any, identifiers: dict[str, Any], most: int = 10) -> list[str]:
    """The rows with the largest scores, one a line."""
    import numpy as np

    lines = []
    worst = np.argsort(-judged.scores, kind="stable")[:most]
    for row in worst[~np.isnan(judged.scores[worst])].tolist():
        name = ", ".join(f"{key} {values[row]}" for key, values in identifiers.items())
        line = f"row {row}{f' ({name})' if name else ''}: score {judged.scores[row]:.4g}"
        if judged.p_values is not None:
            line += f", p {judged.p_values[row]:.3g}" + (
                ", anomaly" if judged.anomalies[row] else ""
            )
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
        lines.append(line)
    return lines


def _opened(
    run: Path, data: str, data_dir: Path | None, output: Path | None, as_new: bool = True
) -> tuple[Any, Any, Any]:
    """A run's model, all rows of some data, and where results go: asked before any work."""
    from autoencodes.run import RunFolder, source

    path = None if output is None else _writable(output, data)
    folder = RunFolder.open(run)
    rows = source.apply_to(folder, data, data_dir, as_new=as_new)
    for note in () if rows.table is None else rows.table.notes:
        say(note)
    return folder.model, rows, path


def _writable(output: Path, data: str | Path) -> Path:
    """Where results go, if they can: asked before any work."""
    from autoencodes.run import export

    if str(output) == export.STDOUT:
        require_free_output()
    return export.require_writable(output, data)


def _wrote(path: Path, rows: int, text: str, **entries: Any) -> None:
    """Says what was written."""
    conclude(output=path, rows=rows, **entries)
    say(f"wrote {path}: {text}")


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
    _wrote(path, len(result), f"{' × '.join(str(n) for n in result.shape)} values")


def _write_columns(path: Any, model: Any, numbers: Any, identifiers: dict[str, Any]) -> None:
    """Writes the columns of a table in people's own values."""
    from autoencodes.run import export

    columns = model.columns(numbers)
    export.write_table(path, columns, identifiers=identifiers)
    _wrote(path, len(numbers), f"{len(numbers)} × {len(columns)} values")


def _percentile(values: Any, share: int) -> float:
    import numpy as np

    return float(np.percentile(values, share))
