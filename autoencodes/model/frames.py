"""What the columns of a data frame are beside their numbers: zones of time, and lengths of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Shaped

from autoencodes import datasets


def like(frame: Any, columns: Mapping[str, Shaped[np.ndarray, " particle"]]) -> Any:
    """A data frame of columns, as those of one name in another are: moments and lengths of time.

    A table has the moments of a zone as universal time, and lengths of time in seconds; in a frame
    they come back in their zone, and as lengths of time.

    Parameters
    ----------
    frame : data frame
        That the rows came in.
    columns : mapping of str to array (N,)
        As ``Encoding.values`` gives them.
    """
    import narwhals.stable.v2 as nw

    pandas = type(frame).__module__.split(".")[0] == "pandas"
    if pandas and not all(isinstance(name, str) for name in frame.columns):
        return datasets.to_frame_like(frame, columns)  # names are others now
    schema = nw.from_native(frame).lazy().collect_schema()
    given = {name: schema.get(name) for name in columns}
    timed = dict(columns)
    for name, values in columns.items():
        if given[name] == nw.Duration and values.dtype.kind in "fiu":
            timed[name] = _lengths(values)
    made = datasets.to_frame_like(frame, timed)
    zones = {
        name: dtype.time_zone
        for name, dtype in given.items()
        if isinstance(dtype, nw.Datetime) and dtype.time_zone and columns[name].dtype.kind == "M"
    }
    if not zones:
        return made
    wrapped = nw.from_native(made)
    return wrapped.with_columns(
        nw.col(name).dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        for name, zone in zones.items()
    ).to_native()


def _lengths(seconds: Shaped[np.ndarray, " particle"]) -> Shaped[np.ndarray, " particle"]:
    """Seconds as NumPy's lengths of time, to the microsecond; none where there is no number."""
    numbers = seconds.astype(np.float64)
    known = np.isfinite(numbers)
    made = np.round(np.where(known, numbers, 0) * 1e6).astype("timedelta64[us]")
    made[~known] = np.timedelta64("NaT")
    return made
