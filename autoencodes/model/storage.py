"""Models on disk: one safetensors file each, with everything but code."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from autoencodes import atomic, fields
from autoencodes.control import Control, ControlTuple
from autoencodes.cost import SquaredError
from autoencodes.datasets import Record
from autoencodes.errors import InputError, NumericalFailure
from autoencodes.fields import ControlledField
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import Block, WidthSchedule
from autoencodes.model.coordinates import Coordinates
from autoencodes.model.encoding import Encoding
from autoencodes.model.model import Model
from autoencodes.model.readout import Readout
from autoencodes.model.scaling import Scaling
from autoencodes.schemes import name_of, scheme

_FORMAT = "autoencodes-model-1"


def save(path: str | Path, model: Model) -> None:
    """Writes a model as one safetensors file, atomically.

    The tensors are the control's arrays and the scaling; schedule and field stand in the
    header, as JSON. Nothing in the file is executed when it is read.

    Raises
    ------
    NumericalFailure
        If the control holds a NaN or an infinity.
    OSError
        If the file cannot be written.
    """
    from safetensors.numpy import save as serialise

    tensors = {
        f"{name}.{part}": array
        for name, owner, parts in (
            ("scaling", model.scaling, ("shift", "scale")),
            ("target", model.readout.scaling, ("shift", "scale")),
            ("coordinates", model.coordinates, ("rotation", "centre")),
            ("encoding", model.encoding, ("fill",)),
        )
        for part in parts
        if (array := getattr(owner, part, None)) is not None
    }
    for j, block in enumerate(model.control):
        for name, array in block.items():
            tensors[f"control.{j}.{name}"] = np.asarray(array)
    if not all(np.isfinite(a).all() for a in tensors.values()):
        raise NumericalFailure("the model holds numbers that are not finite; it was not written")
    stepped = model.flow.scheme
    header = {
        "format": _FORMAT,
        "schedule": asdict(model.flow.schedule),
        "field": _described(model.flow.field),
        "scheme": {"name": name_of(stepped), "substeps": stepped.substeps},
        "image_shape": model.image_shape,
        "features": model.coordinates.features,
        "readout": model.readout.describe(),
        "encoding": None if model.encoding is None else model.encoding.described,
        "record": None if model.record is None else model.record.described,
    }
    tensors = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    atomic.write(path, serialise(tensors, metadata={"autoencodes": json.dumps(header)}))


def load(
    path: str | Path, field: ControlledField | tuple[ControlledField, ...] | None = None
) -> Model:
    """Reads a model that ``save`` wrote, or that of a run folder.

    Parameters
    ----------
    path : path of a model file or of a run folder
    field : ControlledField or tuple, optional
        The field, or those of every block, where they are not the library's own.

    Raises
    ------
    InputError
        If there is no such file, or it is not a model or damaged.
    """
    path = Path(path)
    path = path / "model.safetensors" if path.is_dir() else path
    header, tensors = read_tensors(path, "autoencodes", "a model")
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        header = header if isinstance(header, dict) else {}
        raise InputError(
            f"{path}: expected a model of format {_FORMAT}, got {header.get('format')!r}; "
            "load it with the version of autoencodes that wrote it"
        )
    try:
        written = header["schedule"]
        blocks = [Block(**block) for block in written["blocks"]]
        schedule = WidthSchedule(**{**written, "blocks": blocks})
        shape = header["image_shape"]
        control: Control = ControlTuple(
            {
                name.split(".", 2)[2]: array
                for name, array in sorted(tensors.items())
                if name.startswith(f"control.{j}.")
            }
            for j in range(len(blocks))
        )
        scaling = Scaling(tensors["scaling.shift"], tensors["scaling.scale"])
        described, stepped = header["field"], header.get("scheme", {"name": "euler"})
        coordinates, readout = _surroundings(header, tensors, schedule.dim)
        if not all(control) or scaling.shift.shape != (coordinates.features,):
            raise KeyError("the control or the scaling")
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: the model file is incomplete ({error})") from error
    flow = Flow(schedule, field or _built(described), scheme(**stepped))
    image = None if shape is None else tuple(shape)
    encoding, record = _data(header, tensors, path)
    return Model(flow, control, scaling, image, coordinates, readout, encoding, record)


def _surroundings(
    header: dict[str, Any], tensors: dict[str, np.ndarray], dim: int
) -> tuple[Coordinates, Readout]:
    """How rows enter and what is predicted, as a file has it."""
    coordinates = Coordinates(
        dim,
        header.get("features", dim),
        tensors.get("coordinates.rotation"),
        tensors.get("coordinates.centre"),
    )
    scaling = None
    if "target.shift" in tensors:
        scaling = Scaling(tensors["target.shift"], tensors["target.scale"])
    if "readout" not in header:  # a file from before there were other targets
        return coordinates, Readout(SquaredError())
    return coordinates, Readout.build(header["readout"], scaling)


def _data(
    header: dict[str, Any], tensors: dict[str, np.ndarray], path: Path
) -> tuple[Encoding | None, Record | None]:
    """What a file says of the data; files of before say nothing."""
    described, record = header.get("encoding"), header.get("record")
    try:
        encoding = None if described is None else Encoding.build(described, tensors["encoding.fill"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: what it says of columns is damaged ({error})") from error
    return encoding, None if record is None else Record.read(record, str(path))


def _described(field: ControlledField | tuple[ControlledField, ...]) -> Any:
    """What a file says of the field, or of those of every block."""
    if isinstance(field, tuple):
        return [fields.describe(one) for one in field]
    return fields.describe(field)


def _built(described: Any) -> ControlledField | tuple[ControlledField, ...]:
    """The field, or those of every block, that a file speaks of."""
    if isinstance(described, list):
        return tuple(fields.build(one) for one in described)
    return fields.build(described)


def write_tensors(
    path: Path, arrays: dict[str, np.ndarray], facts: Any, *, finite: bool = False
) -> None:
    """Writes arrays and, under the key "facts", JSON values as a safetensors file, atomically.

    Raises
    ------
    NumericalFailure
        If all numbers are to be finite, and one is not; nothing is written then.
    """
    from safetensors.numpy import save as serialise

    whole = {key: np.asarray(array, order="C") for key, array in arrays.items()}
    lost = [key for key, array in whole.items() if finite and not np.isfinite(array).all()]
    header = {}
    try:
        header = {"facts": json.dumps(facts, allow_nan=False)}
    except ValueError:
        lost.append("a number beside the arrays")
    if lost:
        raise NumericalFailure(
            f"{path.name} was not written: {', '.join(lost)} holds numbers that are not finite"
        )
    atomic.write(path, serialise(whole, metadata=header))


def read_tensors(path: Path, key: str, kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The JSON header under ``key`` and the arrays of a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as deserialise

    try:
        data = path.read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][key])
        return header, deserialise(data)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file; expected {kind}") from error
    except (SafetensorError, KeyError, TypeError, ValueError, struct.error) as error:
        raise InputError(
            f"{path}: expected {kind} as autoencodes writes it; the file is something else, or "
            f"damaged ({type(error).__name__})"
        ) from error
