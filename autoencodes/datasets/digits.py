"""The 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from autoencodes.catalogue import DATASETS
from autoencodes.datasets.table import Table


@DATASETS.register("digits", "1,797 images of 8 x 8", rank=0, defaults={"latent": 8})
def read(data_dir: str | Path | None = None) -> Table:
    """The digits, pixels in 0, ..., 16, with their classes 0, ..., 9 and no split."""
    from sklearn.datasets import load_digits  # heavy: the command's help does without

    bunch = load_digits()
    return Table(
        x=bunch.data.astype(np.uint8),
        labels=bunch.target.astype(np.int64),
        image_shape=(8, 8),
        value_range=(0.0, 16.0),
    )
