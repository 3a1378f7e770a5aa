"""Double precision where it is asked for, and nowhere else."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import jax
import numpy as np
from numpy.typing import DTypeLike


def precision(dtype: DTypeLike) -> AbstractContextManager[object]:
    """A context in which JAX computes in ``dtype``, whatever its global setting.

    By default JAX rounds float64 to float32; the context sets that, for this thread and for as
    long as it lasts. float32 needs no setting.
    """
    return jax.enable_x64(True) if np.dtype(dtype) == np.float64 else nullcontext()
