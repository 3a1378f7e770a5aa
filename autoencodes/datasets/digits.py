"""The 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import Real

from autoencodes.catalogue import DATASETS
from autoencodes.datasets.table import Table


@DATASETS.register("digits", "1,797 images of 8 x 8", rank=0, defaults={"latent": 8})
def read(data_dir: str | Path | None = None) -> Table:
    """The digits, pixels in 0, ..., 16, with their classes 0, ..., 9 and no split."""
    values = _values()
    return Table(
        x=values[:, :-1].astype(np.uint8),
        labels=values[:, -1].astype(np.int64),
        image_shape=(8, 8),
        value_range=(0.0, 16.0),
    )


def _values() -> Real[np.ndarray, "row entry"]:
    """The pixels of every image, and then its class.

    From scikit-learn's own file where it lies as it has for years: importing ``sklearn.datasets``
    takes a second, with SciPy and pandas.
    """
    for folder in getattr(find_spec("sklearn"), "submodule_search_locations", None) or ():
        path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            return np.loadtxt(path, delimiter=",")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target])
