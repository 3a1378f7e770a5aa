"""Double precision where it is asked for, and nowhere else."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import numpy as np


def precision(dtype: Any) -> AbstractContextManager[Any]:
    """A context in which JAX computes in ``dtype``, whatever its global setting.

    JAX rounds float64 to float32 unless told otherwise; the context tells it, for this
    thread and for as long as it lasts. float32 needs no telling.
    """
    return jax.enable_x64(True) if np.dtype(dtype) == np.float64 else nullcontext()
