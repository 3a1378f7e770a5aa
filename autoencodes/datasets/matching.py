"""Tables brought to the columns that a model was trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autoencodes.datasets.columns import build
from autoencodes.datasets.kinds import Given
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.table import Column, Table
from autoencodes.errors import InputError


def matched(
    table: Table, schema: tuple[Column, ...], missing: str, where: str, unseen: bool = False
) -> Table:
    """The table with exactly the columns of a schema, in its order and with its levels.

    Columns are matched by name; where the table or the schema has none but numbers, by place.

    Raises
    ------
    InputError
        If a column is missing or new, or holds what its column in the schema cannot.

    Examples
    --------
    >>> import pandas as pd
    >>> one = ac.datasets.from_frame(pd.DataFrame({"a": [1, 2], "b": [3.0, 4.5]}))
    >>> two = ac.datasets.from_frame(pd.DataFrame({"b": [5.5, 6.5], "a": [7, 8]}))
    >>> ac.datasets.matched(two, one.columns, "refuse", "the data").x
    array([[7. , 5.5],
           [8. , 6.5]])
    """
    if table.columns == schema:
        return table
    numbered = table.columns is None or _numbered(schema)
    columns = table.columns or tuple(Column(name, dtype=str(table.x.dtype)) for name in table.names)
    if numbered and len(columns) != len(schema):
        raise InputError(
            f"{where} has {len(columns):,} columns, but the model takes {len(schema):,}; give data "
            "of the kind that it was trained on"
        )
    given = [
        Given(column.name, column.values(table.x[:, k]), k + 1, np.isnan(table.x[:, k]))
        for k, column in enumerate(columns)
    ]
    reading = Reading(schema=schema, missing=missing, unseen=unseen)
    made = build(given, reading, where, line=table.line, numbered=numbered)
    notes, said = table.notes, "the model was trained on data without names: matched by number"
    if numbered and table.columns is not None and table.names != made.names:
        notes = (*notes, said)
    return replace(
        made,
        labels=table.labels,
        label_name=table.label_name,
        identifiers={**table.identifiers, **made.identifiers},
        roles=table.roles,
        is_test=table.is_test,
        image_shape=table.image_shape,
        order=table.order,
        notes=(*notes, *made.notes),
    )


def _numbered(schema: tuple[Column, ...]) -> bool:
    """Whether columns were given names by their place."""
    return all(column.name == f"x_{k}" for k, column in enumerate(schema))
