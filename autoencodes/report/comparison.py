"""Several runs beside each other: what they are, how they ended, and in what they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoencodes import atomic
from autoencodes.errors import InputError, MissingExtra
from autoencodes.experiments import ResultTable
from autoencodes.model.storage import DAMAGED
from autoencodes.run.folder import RunFolder
from autoencodes.summary import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from autoencodes.report.page import Chart

_APART = {"data_dir", "out"}
"""Settings that change nothing of a result."""


@dataclass(frozen=True)
class Comparison:
    """Runs beside each other.

    ``results`` has a row for each run, ``settings`` one for each setting in which they differ, and
    ``notes`` say where their errors cannot be compared.
    """

    folders: tuple[RunFolder, ...]
    results: ResultTable
    settings: ResultTable
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it, for a terminal."""
        differ = (
            self.settings.text if self.settings.rows else "They do not differ in any setting.\n"
        )
        return "\n".join([self.results.text, differ, *self.notes])

    def write(self, path: Path) -> None:
        """One page with the tables and the errors over the time of training, without network.

        Raises
        ------
        MissingExtra
            If matplotlib is not installed.
        """
        if find_spec("matplotlib") is None:
            raise MissingExtra("matplotlib", "figures", "drawing figures")
        from autoencodes.plot import style
        from autoencodes.plot.picture import Picture
        from autoencodes.report.compose import render
        from autoencodes.report.page import Drawn, Page, html

        with style.context():
            curves = _curves(self.folders)
            shown = [] if curves is None else [Picture("errors", *curves)]
            files = render(shown)
        drawn = tuple(Drawn(p.name, files[f"{p.name}.png"], p.caption, p.alt) for p in shown)
        page = Page(
            title="Runs compared",
            about=", ".join(folder.path.name for folder in self.folders),
            sentence="",
            tables={"results": self.results, "settings": self.settings},
            motions=(),
            certificates={},
            notes=self.notes,
            configuration={},
            machine={},
            seconds=sum(float(f.metrics["seconds"]) for f in self.folders),
            pictures=drawn,
            charts=_charts(self.folders),
        )
        atomic.write(path, html(page))


def compare(paths: Sequence[str | Path]) -> Comparison:
    """Runs beside each other, in the order given.

    Raises
    ------
    InputError
        If there are fewer than two, or one holds no run that has ended.
    """
    if len(paths) < 2:
        raise InputError(f"expected at least two runs to compare; got {len(paths)}")
    folders = tuple(RunFolder.open(path) for path in paths)
    for folder in folders:
        if not (folder.path / "metrics.json").is_file():
            raise InputError(
                f"{folder.path} has not ended; let it, or continue it with: "
                f"autoencodes train --out {folder.path} --resume"
            )
    names = _names([folder.path for folder in folders])
    rows = [{"run": name, **_result(folder)} for name, folder in zip(names, folders, strict=True)]
    caption = f"{len(folders)} runs; errors are squared, per feature, in the units of training."
    results = ResultTable.of(caption, _columns(rows), rows)
    entries = [vars(folder.config) for folder in folders]
    differ = [
        key
        for key in dict.fromkeys(key for own in entries for key in own)
        if key not in _APART and len({repr(own.get(key)) for own in entries}) > 1
    ]
    table = [
        {"setting": key, **{n: _cell(e.get(key)) for n, e in zip(names, entries, strict=True)}}
        for key in differ
    ]
    columns = {"setting": "setting", **{name: name for name in names}}
    settings = ResultTable.of("The settings in which they differ.", columns, table)
    return Comparison(folders, results, settings, _notes(folders, names))


def listed(parent: Path) -> ResultTable:
    """The runs in a folder, the latest last.

    Raises
    ------
    InputError
        If there is no such folder, or no run in it.
    """
    if not parent.is_dir():
        raise InputError(f"{parent}: there is no such folder; give the one that holds the runs")
    found = [p for p in sorted(parent.iterdir()) if RunFolder(p).holds_run]
    if not found:
        raise InputError(f"{parent} holds no run; 'autoencodes train' writes them to runs/NAME")
    found.sort(key=_when)
    rows = []
    for path in found:
        row: dict[str, Any] = {"run": path.name}
        try:
            folder = RunFolder(path)
            row |= {"data": Path(folder.config.data).name, "latent": folder.config.latent}
            row |= _result(folder) if (path / "metrics.json").is_file() else {"ended": "not yet"}
        except (InputError, *DAMAGED) as error:
            row["ended"] = f"cannot be read: {str(error)[:60]}"
        when = datetime.fromtimestamp(_when(path))
        rows.append({**row, "when": when.strftime("%Y-%m-%d %H:%M")})
    return ResultTable.of(f"{len(rows)} runs in {parent}.", _columns(rows), rows)


def _when(path: Path) -> float:
    """When a run was last written to."""
    names = ("metrics.json", "history.jsonl", "config.toml")
    return max((path / n).stat().st_mtime for n in names if (path / n).exists())


_HEADINGS = {
    "run": "run",
    "data": "data",
    "latent": "latent",
    "test error": "test_mse",
    "of PCA's": "ratio",
    "validation error": "validation_mse",
    "training error": "train_mse",
    "accuracy": "test_accuracy",
    "parameters": "parameters",
    "steps": "steps",
    "s": "seconds",
    "ended": "ended",
    "when": "when",
}


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The headings under which something was measured."""
    known = {key for row in rows for key, value in row.items() if value is not None}
    return {heading: key for heading, key in _HEADINGS.items() if key in known}


def _result(folder: RunFolder) -> dict[str, Any]:
    """What was measured at the end of a run."""
    metrics = folder.metrics
    test, pca = metrics.get("test_mse"), metrics.get("pca_test_mse")
    ratio = float(test) / float(pca) if test is not None and pca else None
    words = ("interrupted", "failed", "converged")
    ended = next((word for word in words if metrics.get(word)), "budget spent")
    kept = {key: metrics.get(key) for key in _HEADINGS.values() if key in metrics}
    return {**kept, "ratio": ratio, "ended": ended}


def _names(paths: Sequence[Path]) -> list[str]:
    """The folders' names; with what stands before them where two are called the same."""
    names = [path.name for path in paths]
    whole = [str(path) for path in paths]
    return [w if names.count(n) > 1 else n for n, w in zip(names, whole, strict=True)]


def _cell(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return "-".join(map(str, value))
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _notes(folders: Sequence[RunFolder], names: Sequence[str]) -> tuple[str, ...]:
    """Where errors cannot be compared, and by which rows to choose."""
    first, notes = folders[0], []
    for folder, name in zip(folders[1:], names[1:], strict=True):
        one, other = first.record, folder.record
        if one is None or other is None:
            if folder.config.data != first.config.data:
                notes.append(f"{name} was trained on other data than {names[0]}.")
        elif changes := one.changes(other):
            notes.append(f"{name} was trained on other data than {names[0]}: {changes}.")
        elif one.parts != other.parts:
            notes.append(f"{name} tests other rows of the same data than {names[0]}.")
        if folder.config.scaling != first.config.scaling:
            notes.append(
                f"{name} scales by {folder.config.scaling}, {names[0]} by {first.config.scaling}: "
                "compare their errors over PCA's, which have no units."
            )
    validated = all(folder.metrics.get("validation_mse") is not None for folder in folders)
    notes.append(
        "Choose by the validation error; test rows only judge what was chosen."
        if validated
        else "Not every run has validation rows: who chooses by test errors finds them too small."
    )
    return tuple(notes)


def _charts(folders: Sequence[RunFolder]) -> tuple[Chart, ...]:
    """The errors as a chart, a part of which can be enlarged."""
    from autoencodes.plot import style
    from autoencodes.report.charts.curves import ENLARGE, Curve, curves
    from autoencodes.report.page import Chart

    names = _names([folder.path for folder in folders])
    shown = []
    for k, (name, folder) in enumerate(zip(names, folders, strict=True)):
        kind = _told(folder)
        if kind is not None:
            title = f"{name} ({kind.removesuffix('_mse')})"
            shown.append(Curve(title, style.look(k)[0], folder.history, kind))
    spec = curves(shown, "squared error per feature")
    if spec is None:
        return ()
    caption = f"Errors on rows that were not learned from, over the training. {ENLARGE}"
    alt = "; ".join(f"{c.name} ends at {number(c.points()[-1]['v'])}" for c in shown)
    return (Chart("errors", spec, caption, f"Curves: {alt}."),)


def _told(folder: RunFolder) -> str | None:
    """By which entry of its history a run's error on rows not learned from is told."""
    history = folder.history
    kinds = ("validation_mse", "test_mse")
    return next((k for k in kinds if any(line.get(k) is not None for line in history)), None)


def _curves(folders: Sequence[RunFolder]) -> tuple[Figure, str, str] | None:
    """The errors on rows not learned from over the seconds of training; caption, alternative.

    None where no run recorded any.
    """
    from matplotlib.figure import Figure

    from autoencodes.plot import style
    from autoencodes.plot.scales import logarithmic

    figure = Figure(figsize=(2 * style.COLUMN, 2.6))
    axes = figure.subplots()
    ends: list[str] = []
    shown: list[np.ndarray] = []
    for name, folder in zip(_names([f.path for f in folders]), folders, strict=True):
        kind = _told(folder)
        if kind is None:
            continue
        told = [line for line in folder.history if line.get(kind) is not None]
        seconds = np.array([line["seconds"] for line in told], float)
        values = np.array([line[kind] for line in told], float)
        which = kind.removesuffix("_mse")
        axes.plot(seconds, values, linewidth=1.2, label=f"{name} ({which})")
        ends.append(f"{name} ends at {values[-1]:.3g}")
        shown.append(values)
    if not ends:
        return None
    logarithmic(axes, "y", np.concatenate(shown))
    axes.legend(fontsize=6)
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("squared error per feature")
    said = "; ".join(ends)
    return (
        figure,
        f"Errors on rows that were not learned from, over the time of training: {said}.",
        said,
    )
