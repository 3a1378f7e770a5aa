"""The data of a run: read as its settings say, and known again later."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from autoencodes import datasets
from autoencodes.checks import names
from autoencodes.datasets import Column, Dataset, Reading, Record
from autoencodes.datasets.formats import STANDARD_INPUT
from autoencodes.datasets.parts import Known, Split
from autoencodes.datasets.streamed import Streamed
from autoencodes.datasets.windows import of_rows
from autoencodes.errors import InputError
from autoencodes.model.encoding import Encoding
from autoencodes.model.model import Model
from autoencodes.plan.plan import Plan
from autoencodes.plan.settings import Settings
from autoencodes.run import memory
from autoencodes.run.folder import RunFolder
from autoencodes.run.growing import require_growing


def reading(given: Settings | Plan, encoding: Encoding | None = None) -> Reading:
    """How the settings say that columns are read; as a model takes them, where there is one."""
    entries = given.entries
    own = {name: entries[name] for name in Reading.__dataclass_fields__ if name in entries}
    if encoding is not None:
        own |= {"schema": _columns(given, encoding), "missing": encoding.missing, "kinds": ()}
    return Reading(**own)


def _columns(given: Settings | Plan, encoding: Encoding) -> tuple[Column, ...]:
    """The columns of the data that a model was trained on, one row a line."""
    window = given.window
    return encoding.columns if window is None else of_rows(encoding.columns, window)


def read(
    given: Settings | Plan,
    model: Model | None = None,
    place: str | None = None,
    *,
    streamed: bool | None = None,
) -> Dataset | Streamed:
    """The data that settings name, or those at another place, in their parts.

    Where they do not fit into the memory limit, by default half of the machine's, they are
    ``Streamed``; or as ``streamed`` says.
    """
    options: dict[str, Any] = {
        "seed": given.split_seed,
        "test_fraction": given.test_fraction,
        "validation_fraction": given.validation_fraction,
        "reading": reading(given, None if model is None else model.encoding),
    }
    name = given.data if place is None else place
    if streamed is not False:
        limit = memory.half() if given.memory_limit is None else given.memory_limit
        how: dict[str, Any] = {"always": streamed is True, "strict": given.memory_limit is not None}
        found = datasets.stream(name, **options, room=memory.room(limit), **how)
        if found is not None:
            return found
    return datasets.load(name, data_dir=given.data_dir, **options)


def read_again(
    folder: RunFolder, data: str | None, given: Settings | Plan, model: Model | None
) -> Dataset | Streamed:
    """The data that a run was trained on, which must be what they were.

    They are looked for where the run was told (from the working folder) and where they were then,
    or where ``data`` says; the same content in another place will do.

    Raises
    ------
    InputError
        If they are not there, or their content is not what it was; with what changed.
    """
    record = folder.record
    streamed = record is not None and record.split is not None
    if record is None or record.path is None:
        try:
            loaded = read(given, model, data, streamed=streamed)
        except InputError as error:
            if data is not None or given.data != STANDARD_INPUT:
                raise
            raise InputError(
                f"{folder.path} was trained on standard input, which was not kept ({error}): pipe "
                "the same rows into this command, or say where they are with --data PATH"
            ) from error
        _require_same(record, loaded, folder.path)
        return loaded
    places = [data] if data is not None else [given.data, record.path]
    there = [place for place in dict.fromkeys(places) if place and os.path.exists(place)]
    if not there:
        raise InputError(
            f"the data of {folder.path} are not there any more: looked for {' and '.join(places)}; "
            "say where they are with --data PATH"
        )
    refusal: InputError | None = None
    for place in there:
        try:
            loaded = read(given, model, place, streamed=streamed)
            _require_same(record, loaded, folder.path)
        except InputError as error:
            refusal = refusal or error
        else:
            return loaded
    assert refusal is not None
    raise refusal


def _require_same(record: Record | None, data: Dataset | Streamed, run: Path) -> None:
    """InputError if the content of data is not what a record says."""
    if record is None:
        return
    changes = record.changes(data.record)
    if changes:
        raise InputError(
            f"{data.path or data.name} is not what {run} was trained on: {changes}; give the data "
            "as they were (--data PATH says where they are), or train anew"
        )


def apply_to(
    folder: RunFolder,
    data: str,
    data_dir: Path | None = None,
    *,
    as_new: bool = True,
    drop: str | tuple[str, ...] = (),
    unseen: bool = False,
) -> Dataset:
    """Data that a run's model is to be applied to: the run's own in their parts, others whole.

    Columns are matched to those of the model by name, but for those to ``drop``; values of a
    category that the model has never seen are refused unless ``unseen``. Whether they are the run's
    own is known by their content.

    Raises
    ------
    InputError
        If they cannot be used, or are the run's own file with other content, unless ``as_new``.
    """
    plan, record = folder.config, folder.record
    loaded = datasets.load(
        data,
        data_dir=data_dir or plan.data_dir,
        seed=plan.split_seed,
        test_fraction=plan.test_fraction,
        validation_fraction=plan.validation_fraction,
        to_split=record is None and data == plan.data,
        reading=_for_model(folder, data, drop, unseen),
    )
    if record is None:
        return loaded
    if loaded.path is not None and loaded.path == record.path:
        said = f"{loaded.path} is not what {folder.path} was trained on: "
        changes = record.changes(loaded.record)
        if changes and not as_new:
            raise InputError(
                f"{said}{changes}; give the data as they were, or take --as-new: then all rows are "
                "new ones, and none of them is known to have trained"
            )
    return loaded.parted(record)


def apply_in_blocks(
    folder: RunFolder,
    data: str,
    limit: int | None = None,
    output: Path | None = None,
    *,
    as_new: bool = True,
    drop: str | tuple[str, ...] = (),
    unseen: bool = False,
) -> Streamed | None:
    """``apply_to`` for data that do not fit into the memory limit, which are read a block at a
    time; None if they fit.

    Raises
    ------
    InputError
        As ``apply_to``.
    """
    plan, record = folder.config, folder.record
    rows = datasets.stream(
        data,
        seed=plan.split_seed,
        reading=_for_model(folder, data, drop, unseen),
        room=memory.room(memory.half() if limit is None else limit),
        strict=limit is not None,
        to_split=False,
    )
    if rows is None:
        return None
    if output is not None:
        require_growing(output)
    if record is not None:
        rows = rows.typed(record.dtype)
    same = record is not None and record.rows == rows.size and not record.changes(rows.record)
    if record is not None and not same and rows.path == record.path and not as_new:
        raise InputError(
            f"{rows.path} is not what {folder.path} was trained on: {record.changes(rows.record)}; "
            "give the data as they were, or take --as-new: then all rows are new ones, and none of "
            "them is known to have trained"
        )
    rows.split = Split(plan.split_seed, 0.0, 0.0)
    if same and record is not None and record.split is None:
        known = record.part_of_rows()
        rows.split = rows.split if known is None else Known(known)
    elif same and record is not None and record.split is not None:
        by_column = record.split.role and record.split.role not in rows.head.roles
        rows.split = rows.split if by_column else record.split
    return rows


def _for_model(
    folder: RunFolder, data: str, drop: str | tuple[str, ...] = (), unseen: bool = False
) -> Reading:
    """How data are read that a run's model is applied to."""
    plan, model, record = folder.config, folder.model, folder.record
    own = data in (plan.data, None if record is None else record.path)
    of_file = ("sheet", "key", "delimiter", "decimal", "encoding") if own else ()
    options: dict[str, Any] = {name: getattr(plan, name) for name in of_file}
    options |= {"drop": names(drop, "drop"), "unseen": unseen}
    if model.encoding is not None:
        schema = _columns(plan, model.encoding)
        options |= {"schema": schema, "missing": model.encoding.missing}
    if plan.window is not None:
        options |= {n: getattr(plan, n) for n in ("window", "stride", "time", "group")}
    if record is not None:
        options |= {"aside": record.others, "label": record.label}
    if own and record is not None and record.split is not None and record.split.role:
        options[record.split.role] = getattr(plan, record.split.role)
    return Reading(**options)
