"""A trained model: a flow, its control, and the units of the data."""

from __future__ import annotations

import json
import struct
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
from autoencodes.scaling import Scaling
from autoencodes.schedule import Block, WidthSchedule

_FORMAT = "autoencodes-model-1"
_ROWS = 4096
"""Rows pushed at a time: memory does not grow with the data."""


class Model(eqx.Module):
    """A trained flow that reads and writes rows in the data's own units.

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
        flow.check_control(control)
        dim = flow.schedule.dim
        self.flow = flow
        self.control = control
        self.scaling = scaling or Scaling(np.zeros(dim), np.ones(dim))
        self.image_shape = image_shape

    @property
    def dtype(self) -> Any:
        """The precision of the control, and of every result."""
        return np.dtype(jax.tree.leaves(self.control)[0].dtype)

    def encode(self, x: Any) -> Latent:
        """Latent values (N, latent) of rows (N, d), and the held ones under memory ``hold``."""
        pieces = [
            self.flow.encode(self.control, rows, held=True) for rows in self._scaled_pieces(x)
        ]
        return Latent(*(np.concatenate([p[k] for p in pieces]) for k in range(2)))

    def decode(self, latent: Any, held: Any = None) -> Num[np.ndarray, "particle dim"]:
        """Rows (N, d) that the decoder makes of latent values; without held ones, from 0."""
        latent = np.asarray(latent)
        held = None if held is None else np.asarray(held)
        pieces = [
            self.flow.decode(
                self.control,
                latent[first : first + _ROWS],
                None if held is None else held[first : first + _ROWS],
            )
            for first in range(0, max(len(latent), 1), _ROWS)
        ]
        return self.scaling.undo(np.concatenate(pieces), self.dtype)

    def reconstruct(self, x: Any) -> Num[np.ndarray, "particle dim"]:
        """What the flow makes of rows (N, d), in the data's units."""
        pieces = [self.flow.push(self.control, rows) for rows in self._scaled_pieces(x)]
        return self.scaling.undo(np.concatenate(pieces), self.dtype)

    def errors(self, x: Any, y: Any = None) -> Num[np.ndarray, " particle"]:
        """The mean squared error of every row over its features, in the flow's units.

        ``y`` are the targets in the data's units; by default the rows themselves.
        """
        pieces = []
        targets = self._scaled_pieces(x if y is None else y)
        for rows, wanted in zip(self._scaled_pieces(x), targets, strict=True):
            pushed = np.asarray(self.flow.push(self.control, rows))
            pieces.append(np.mean((pushed - wanted) ** 2, axis=1, dtype=np.float64))
        return np.concatenate(pieces)

    def _scaled_pieces(self, x: Any) -> Any:
        x = self.flow.rows(x)
        for first in range(0, max(len(x), 1), _ROWS):
            yield self.scaling.apply(x[first : first + _ROWS], self.dtype)


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
            tensors[f"control.{j}.{name}"] = np.ascontiguousarray(array)
    if not all(np.isfinite(a).all() for a in tensors.values()):
        raise NumericalFailure("the model holds numbers that are not finite; it was not written")
    header = {
        "format": _FORMAT,
        "schedule": asdict(model.flow.schedule),
        "field": fields.describe(model.flow.field),
        "image_shape": model.image_shape,
    }
    atomic.write(path, serialise(tensors, metadata={"autoencodes": json.dumps(header)}))


def load(path: str | Path, field: ControlledField | None = None) -> Model:
    """Reads a model that ``save`` wrote, or that of a run folder.

    Parameters
    ----------
    path : path of a model file or of a run folder
    field : ControlledField, optional
        The field, where it is not one of the library's own.

    Raises
    ------
    InputError
        If there is no such file, it is not a model or damaged, or it is in float64 while
        JAX computes in float32.
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
        written = header["schedule"]
        blocks = [Block(**block) for block in written["blocks"]]
        schedule = WidthSchedule(**{**written, "blocks": blocks})
        shape = header["image_shape"]
        control = tuple(
            {
                name.split(".", 2)[2]: array
                for name, array in sorted(tensors.items())
                if name.startswith(f"control.{j}.")
            }
            for j in range(len(blocks))
        )
        scaling = Scaling(tensors["scaling.shift"], tensors["scaling.scale"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: the model file is incomplete ({error})") from error
    if any(a.dtype == np.float64 for b in control for a in b.values()):
        _require_float64(path)
    flow = Flow(schedule, field or fields.build(header["field"]))
    control = jax.tree.map(jax.numpy.asarray, control)
    return Model(flow, control, scaling, None if shape is None else (shape[0], shape[1]))


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


def _require_float64(path: Path) -> None:
    if not jax.config.read("jax_enable_x64"):
        raise InputError(
            f"{path}: the model is in float64, but JAX is set to float32; call "
            "jax.config.update('jax_enable_x64', True) before anything else"
        )
