"""What is missing, filled in: beside the mean, nearest neighbours and chained regressions.

    python benchmarks/imputation.py --data-dir DIR [--tables wine] [--shares 0.1,0.3] [--seeds 3]

DIR holds the folder tables/. Of the complete rows of every table, a share of all values is removed
at random. Everyone sees the same gaps and fills them in the same table; the error is the root of
the mean square over what was removed, in units of a column's deviation, over that of the mean.
AutoencODE: ``train --missing mask`` with its default settings, then ``impute``; scikit-learn's
``KNNImputer`` (5 neighbours, standardised columns) and ``IterativeImputer`` with their defaults.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np

TABLES = ("wine", "cancer", "penguins", "cars_num", "sm_macrodata", "weather_num", "pd_quakes")


def numbers(path: Path) -> np.ndarray:
    """The complete rows of a table's columns of numbers."""
    from autoencodes import datasets

    table = datasets.load(path, reading=datasets.Reading(missing="mask")).table
    kept = [k for k, column in enumerate(table.columns) if column.kind == "number"]
    x = table.x[:, kept].astype(np.float64)
    return x[~np.isnan(x).any(axis=1)]


def gaps(x: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Where values are removed: never all of a row."""
    gone = np.random.default_rng(seed).random(x.shape) < share
    gone[gone.all(axis=1), 0] = False
    return gone


def fill_by_flow(x: np.ndarray, epochs: int | None) -> np.ndarray:
    """What ``train --missing mask`` and ``impute`` make of rows with NaN."""
    from autoencodes.plan.settings import Settings
    from autoencodes.run import train

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        names = ",".join(f"c{k}" for k in range(x.shape[1]))
        lines = [",".join("" if v != v else repr(v) for v in row) for row in x.tolist()]
        path.write_text("\n".join([names, *lines]) + "\n")
        outcome = train(Settings(data=str(path), missing="mask", epochs=epochs), f"{folder}/run")
        return np.asarray(outcome.folder.model.impute(x))


def fill_by_neighbours(x: np.ndarray) -> np.ndarray:
    from sklearn.impute import KNNImputer

    mean, deviation = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
    return KNNImputer().fit_transform((x - mean) / deviation) * deviation + mean


def fill_by_regressions(x: np.ndarray) -> np.ndarray:
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it has not converged
        return IterativeImputer(random_state=0).fit_transform(x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--shares", default="0.1,0.3")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--smoke", action="store_true", help="a small made table, a few epochs")
    options = parser.parse_args()
    print(f"{'table':16} {'removed':>7} {'flow':>6} {'neighbours':>10} {'regressions':>11}")
    tables = [] if options.smoke else options.tables.split(",")
    if not options.smoke and options.data_dir is None:
        parser.error("say where the folder tables/ lies, with --data-dir")
    rows = {name: numbers(options.data_dir / "tables" / f"{name}.csv") for name in tables}
    if options.smoke:
        factors = np.random.default_rng(0).normal(size=(2, 60, 2))
        rows = {"made": factors[0] @ factors[1, :2] @ np.ones((2, 4)) + factors[0, :, :1]}
    for name, x in rows.items():
        for share in map(float, options.shares.split(",")):
            ratios = []
            for seed in range(options.seeds):
                gone = gaps(x, share, seed)
                given = np.where(gone, np.nan, x)
                deviation = np.nanstd(given, axis=0)
                mean = np.broadcast_to(np.nanmean(given, axis=0), x.shape)

                def error(filled: np.ndarray, gone=gone, scale=deviation, x=x) -> float:
                    return float(np.sqrt(np.mean(((filled - x) / scale)[gone] ** 2)))

                flow = fill_by_flow(given, 3 if options.smoke else None)
                others = (fill_by_neighbours(given), fill_by_regressions(given))
                ratios.append([error(filled) / error(mean) for filled in (flow, *others)])
            shown = np.mean(ratios, axis=0)
            print(f"{name:16} {share:7.0%} {shown[0]:6.3f} {shown[1]:10.3f} {shown[2]:11.3f}")


if __name__ == "__main__":
    main()
