"""A trained model: a flow, its control, and the units of the data."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Num

from autoencodes import atomic, fields
from autoencodes.cost import Control
from autoencodes.errors import InputError, NumericalFailure
from autoencodes.fields import ControlledField
from autoencodes.flow import Flow, Latent
from autoencodes.precision import precision
from autoencodes.scaling import Scaling
from autoencodes.schedule import Block, WidthSchedule
from autoencodes.schemes import name_of, scheme

_FORMAT = "autoencodes-model-1"
_ROWS = 1024
"""Rows pushed at a time: enough for the full rate of matrix products."""


class Model(eqx.Module):
    """A trained flow that reads and writes rows in the data's own units.

    It computes in the control's precision, whatever JAX is set to.

    Parameters
    ----------
    flow : Flow
    control : its control
    scaling : Scaling, optional
        From the data's units to the flow's; by default they are the same.
    image_shape : (int, int), optional
        Height and width, where a row is an image.
    """

    flow: Flow
    control: Control
    scaling: Scaling
    image_shape: tuple[int, int] | None = eqx.field(static=True)

    def __init__(
        self,
        flow: Flow,
        control: Control,
        scaling: Scaling | None = None,
        image_shape: tuple[int, int] | None = None,
    ) -> None:
        dim = flow.schedule.dim
        self.flow = flow
        self.control = jax.tree.map(np.asarray, control)
        with precision(self.dtype):
            flow.check_control(self.control)
        self.scaling = scaling or Scaling(np.zeros(dim), np.ones(dim))
        self.image_shape = image_shape

    @property
    def dtype(self) -> Any:
        """The precision of the control, and of every result."""
        return np.dtype(jax.tree.leaves(self.control)[0].dtype)

    def encode(self, x: Any) -> Latent:
        """Latent values (N, latent) of rows (N, d), and the held ones under memory ``hold``."""

        def encode(rows: Any) -> Latent:
            return self.flow.encode(self.control, rows, held=True)

        return Latent(*_in_pieces(encode, self.control, self._scaled(x)))

    def decode(self, latent: Any, held: Any = None) -> Num[np.ndarray, "particle dim"]:
        """Rows (N, d) that the decoder makes of latent values; without held ones, from 0."""

        def decode(*parts: Any) -> tuple[Any]:
            return (self.flow.decode(self.control, *parts),)

        given = [np.asarray(part) for part in (latent, held) if part is not None]
        width = self.flow.schedule.latent
        if given[0].ndim != 2 or given[0].shape[1] != width:
            raise InputError(
                f"latent values must be an array (N, {width}), one a row; got shape "
                f"{given[0].shape}"
            )
        if len(given) == 2 and (given[1].ndim != 2 or len(given[1]) != len(given[0])):
            raise InputError(
                f"held values must have one row for each of the {len(given[0])} latent rows; got "
                f"shape {given[1].shape}"
            )
        (pushed,) = _in_pieces(decode, self.control, *given)
        return self.scaling.undo(pushed, self.dtype)

    def reconstruct(self, x: Any) -> Num[np.ndarray, "particle dim"]:
        """What the flow makes of rows (N, d), in the data's units."""
        return self.scaling.undo(push(self.flow, self.control, self._scaled(x)), self.dtype)

    def errors(self, x: Any, y: Any = None) -> Num[np.ndarray, " particle"]:
        """The mean squared error of every row over its features, in the flow's units.

        ``y`` are the targets in the data's units; by default the rows themselves.
        """
        scaled = self._scaled(x)
        wanted = scaled if y is None else self._scaled(y)
        pushed = push(self.flow, self.control, scaled)
        return np.asarray(np.mean((pushed - wanted) ** 2, axis=1, dtype=np.float64))

    def _scaled(self, x: Any) -> Num[np.ndarray, "particle dim"]:
        """The rows in the flow's units, once they are known to be rows of its dimension."""
        dim = self.flow.schedule.dim
        if np.ndim(x) != 2 or np.shape(x)[1] != dim:
            raise InputError(
                f"the model takes rows of {dim} features, one a row of an array (N, {dim}); got "
                f"shape {np.shape(x)}: give data of the kind it was trained on"
            )
        return self.scaling.apply(x, self.dtype)


def push(flow: Flow, control: Control, x: Any) -> Num[np.ndarray, "particle dim"]:
    """``flow.push`` of any number of rows, compiled once and in bounded memory."""
    (pushed,) = _in_pieces(lambda rows: (flow.push(control, rows),), control, np.asarray(x))
    return pushed


def _in_pieces(
    function: Callable[..., Any], control: Control, *arrays: np.ndarray
) -> tuple[np.ndarray, ...]:
    """A function of rows, applied to pieces of one size: it compiles once, for any count.

    It runs in the control's precision. The last piece is filled up with copies of its first
    row, which are then dropped.
    """
    count = len(arrays[0])
    if count == 0:
        raise InputError("expected at least one row; got none")
    pieces = []
    for first in range(0, count, _ROWS):
        parts = [array[first : first + _ROWS] for array in arrays]
        fill = _ROWS - len(parts[0])
        filled = [np.concatenate([p, np.repeat(p[:1], fill, axis=0)]) if fill else p for p in parts]
        with precision(jax.tree.leaves(control)[0].dtype):
            results = function(*filled)
        pieces.append([np.asarray(result)[: len(parts[0])] for result in results])
    return tuple(np.concatenate(column) for column in zip(*pieces, strict=True))


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

    tensors = {"scaling.shift": model.scaling.shift, "scaling.scale": model.scaling.scale}
    for j, block in enumerate(model.control):
        for name, array in block.items():
            tensors[f"control.{j}.{name}"] = np.asarray(array, order="C")
    if not all(np.isfinite(a).all() for a in tensors.values()):
        raise NumericalFailure("the model holds numbers that are not finite; it was not written")
    stepped = model.flow.scheme
    header = {
        "format": _FORMAT,
        "schedule": asdict(model.flow.schedule),
        "field": _described(model.flow.field),
        "scheme": {"name": name_of(stepped), "substeps": stepped.substeps},
        "image_shape": model.image_shape,
    }
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
        control: Any = tuple(
            {
                name.split(".", 2)[2]: array
                for name, array in sorted(tensors.items())
                if name.startswith(f"control.{j}.")
            }
            for j in range(len(blocks))
        )
        scaling = Scaling(tensors["scaling.shift"], tensors["scaling.scale"])
        described, stepped = header["field"], header.get("scheme", {"name": "euler"})
        if not all(control) or scaling.shift.shape != (schedule.dim,):
            raise KeyError("the control or the scaling")
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: the model file is incomplete ({error})") from error
    flow = Flow(schedule, field or _built(described), scheme(**stepped))
    return Model(flow, control, scaling, None if shape is None else (shape[0], shape[1]))


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
