"""Models on disk: one safetensors file each, with everything but code."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from autoencodes import atomic, fields
from autoencodes.checks import positive_integers
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
_CHECKSUM = "sha256"
_MOST = 100_000
"""The most dimensions beyond the numbers in a file, and the most parts of a step."""

DAMAGED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What comes of values that have other types, names or shapes than ours."""


def save(path: str | Path, model: Model) -> None:
    """Writes a model as one safetensors file, atomically.

    The tensors are the control's arrays and the scaling; schedule and field stand in the
    header, as JSON, and with them the SHA-256 of all. Nothing in the file is executed when it is
    read.

    Parameters
    ----------
    path : path
        Of the file; one that is there is replaced once the new one is whole.
    model : Model

    Raises
    ------
    NumericalFailure
        If the control holds a NaN or an infinity.
    OSError
        If the file cannot be written.

    See Also
    --------
    autoencodes.load : the way back
    autoencodes.export : files for where there is no autoencodes

    Examples
    --------
    >>> ac.save("small.safetensors", ac.Model(flow, theta))
    >>> ac.load("small.safetensors").flow.schedule == schedule
    True
    """
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
    }
    for name in ("encoding", "record"):  # files of before have none, and stay what they are
        if (part := getattr(model, name)) is not None:
            header[name] = part.described
    atomic.write(path, _serialised(tensors, "autoencodes", header))


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

    See Also
    --------
    autoencodes.save : the way there
    autoencodes.Model : what it returns

    Examples
    --------
    >>> ac.save("small.safetensors", ac.Model(flow, theta))
    >>> again = ac.load("small.safetensors").control
    >>> all(np.array_equal(a["W"], b["W"]) for a, b in zip(again, theta))
    True
    """
    path = Path(path)
    path = path / "model.safetensors" if path.is_dir() else path
    header, tensors = read_tensors(path, "autoencodes", "a model")
    if header.get("format") != _FORMAT:
        raise InputError(
            f"{path}: expected a model of format {_FORMAT}, got {header.get('format')!r}; "
            "load it with the version of autoencodes that wrote it"
        )
    try:
        return _restored(header, tensors, field)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except DAMAGED as error:
        raise InputError(
            f"{path}: the model file is incomplete or damaged ({type(error).__name__}: {error})"
        ) from error


def _restored(
    header: dict[str, Any],
    tensors: dict[str, np.ndarray],
    field: ControlledField | tuple[ControlledField, ...] | None,
) -> Model:
    """The model that a file's header and arrays describe."""
    for name, array in tensors.items():
        whole = array.dtype.kind == "f" or not name.startswith("control.")
        if not whole or (array.dtype.kind == "f" and not np.isfinite(array).all()):
            raise InputError(f"the model is damaged: {name} holds no finite real numbers")
    written = header["schedule"]
    blocks = [Block(**block) for block in written["blocks"]]
    schedule = WidthSchedule(**{**written, "blocks": blocks})
    control: Control = ControlTuple(
        {
            name.split(".", 2)[2]: array
            for name, array in sorted(tensors.items())
            if name.startswith(f"control.{j}.")
        }
        for j in range(len(blocks))
    )
    scaling = _scaling(tensors, "scaling")
    coordinates, readout = _surroundings(header, tensors, schedule.dim)
    if not all(control) or scaling.shift.shape != (coordinates.features,):
        raise InputError("the model file is incomplete: the control or the scaling is not whole")
    stepped = scheme(**header.get("scheme", {"name": "euler"}))
    # Of what no array bears out, no more is believed than any model has.
    held = sum(array.size for array in tensors.values())
    if schedule.dim > max(held, _MOST) or stepped.substeps > _MOST:
        raise InputError(
            f"the model is damaged: {schedule.dim} dimensions in steps of {stepped.substeps} "
            f"parts, with {held} numbers"
        )
    flow = Flow(schedule, field or _built(header["field"]), stepped)
    shape = header["image_shape"]
    if shape is not None:
        shape = positive_integers(shape, "image_shape", None, "height and width", 2)
    encoding, record = header.get("encoding"), header.get("record")
    return Model(
        flow,
        control,
        scaling,
        shape,
        coordinates,
        readout,
        None if encoding is None else Encoding.build(encoding, tensors["encoding.fill"]),
        None if record is None else Record.read(record),
    )


def _scaling(tensors: dict[str, np.ndarray], name: str) -> Scaling:
    """A scaling, which has one positive scale for every shift."""
    shift, scale = tensors[f"{name}.shift"], tensors[f"{name}.scale"]
    if shift.shape != scale.shape or shift.ndim != 1 or not (scale > 0).all():
        raise InputError(f"the model is damaged: {name}.scale is not positive, one a component")
    return Scaling(shift, scale)


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
        scaling = _scaling(tensors, "target")
    if "readout" not in header:  # a file from before there were other targets
        return coordinates, Readout(SquaredError())
    return coordinates, Readout.build(header["readout"], scaling)


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
    lost = [key for key, array in arrays.items() if finite and not np.isfinite(array).all()]
    try:
        json.dumps(facts, allow_nan=False)
    except ValueError:
        lost.append("a number beside the arrays")
    if lost:
        raise NumericalFailure(
            f"{path.name} was not written: {', '.join(lost)} holds numbers that are not finite"
        )
    atomic.write(path, _serialised(arrays, "facts", facts))


def read_tensors(path: Path, key: str, kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The JSON object under ``key`` and the arrays of a safetensors file.

    Raises
    ------
    InputError
        If there is no such file, it is something else, or not as it was written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as deserialise

    try:
        data = atomic.read(path)
        (length,) = struct.unpack("<Q", data[:8])
        header = atomic.parsed(atomic.parsed(data[8 : 8 + length])["__metadata__"][key])
        tensors = deserialise(data)
        # Files of earlier versions have no checksum.
        written = header.pop(_CHECKSUM, None)
        whole = written in (None, _digest(tensors, header))
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file; expected {kind}") from error
    except InputError:
        raise
    except (SafetensorError, *DAMAGED, struct.error) as error:
        raise InputError(
            f"{path}: expected {kind} as autoencodes writes it; the file is something else, or "
            f"damaged ({type(error).__name__})"
        ) from error
    if not whole:
        raise InputError(
            f"{path}: the content is not what was written (its checksum differs): the file was "
            f"damaged or altered; expected {kind} as autoencodes writes it"
        )
    return header, tensors


def _serialised(arrays: dict[str, np.ndarray], key: str, header: dict[str, Any]) -> bytes:
    """A safetensors file of arrays and, under a key, of JSON values with the checksum of all."""
    from safetensors.numpy import save as serialise

    whole = {
        name: np.asarray(array, array.dtype.newbyteorder("="), order="C")
        for name, array in arrays.items()
    }
    header = {**header, _CHECKSUM: _digest(whole, header)}
    return serialise(whole, metadata={key: json.dumps(header, allow_nan=False)})


def _digest(arrays: dict[str, np.ndarray], header: dict[str, Any]) -> str:
    """SHA-256 of arrays with their names, types and shapes, and of the JSON values beside them."""
    digest = hashlib.sha256(json.dumps(header).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
