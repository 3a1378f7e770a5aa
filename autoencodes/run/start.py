"""Going on from an earlier run: its model, on its own grid or a finer one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from autoencodes.control import refine
from autoencodes.datasets import Dataset
from autoencodes.errors import InputError
from autoencodes.flow.flow import Flow
from autoencodes.model.model import Model
from autoencodes.plan.plan import Plan
from autoencodes.plan.settings import DECLARATIONS, Settings
from autoencodes.precision import precision
from autoencodes.run.folder import RunFolder
from autoencodes.schemes import scheme


@dataclass(frozen=True)
class Start:
    """The run that a training starts from, opened once.

    Parameters
    ----------
    path : its folder
    plan : what was trained there
    model : what came of it
    factor : how much finer the grid of the control becomes
    """

    path: str
    plan: Plan
    model: Model
    factor: int

    @classmethod
    def of(cls, settings: Settings) -> Start | None:
        """The run that the settings name; None where they name none.

        Raises
        ------
        InputError
            If there is no such run, or no model in it.
        """
        if settings.start is None:
            return None
        folder = RunFolder.open(settings.start)
        factor = 1 if settings.refine is None else settings.refine
        return cls(settings.start, folder.config, folder.model, factor)

    def continued(self, settings: Settings) -> Settings:
        """The settings with all that follows from the run.

        What its model settles must not be given otherwise; which rows are held out neither, where
        the data are the same, or rows would be tested that were trained on. What is usual (data,
        scheme, precision, λ) is taken over unless something else is given.

        Raises
        ------
        InputError
            If an entry that was given contradicts the model.
        """
        given = settings.given
        parts = ["model"]
        if given.get("data", self.plan.data) == self.plan.data:
            parts.append("rows")
        settled = self._entries(*parts)
        settled["steps_per_block"] = self.plan.steps_per_block * self.factor
        for name, value in settled.items():
            if given.get(name) not in (None, value):
                raise InputError(self._contradiction(settings, name, given[name], value))
        return Settings(**{**self._entries("usual"), **given, **settled})

    def beginning(self, settings: Settings, data: Dataset) -> Model:
        """The model that a training on these data begins with, on its grid.

        Raises
        ------
        InputError
            If it is not a model of such rows.
        """
        model = self.model
        features = data.dim if model.encoding is None else model.encoding.size
        if model.coordinates.features != features:
            raise InputError(
                f"the model of {self.path} has {model.coordinates.features} features; got data "
                f"with {features}: start from a run on data of this kind"
            )
        dtype = model.dtype if settings.precision is None else np.dtype(settings.precision)
        with precision(model.dtype):
            control = refine(model.control, self.factor)
        finer = model.flow.refined(self.factor)
        flow = Flow(finer.schedule, finer.field, scheme(settings.scheme, settings.substeps))
        control = jax.tree.map(lambda values: np.asarray(values, dtype), control)
        return Model(
            flow,
            control,
            model.scaling,
            model.image_shape,
            model.coordinates,
            model.readout,
            model.encoding,
            data.record,
        )

    def _entries(self, *parts: str) -> dict[str, Any]:
        """The entries of the run's plan of which it says something in these ways."""
        names = (name for name, declared in DECLARATIONS.items() if declared.start in parts)
        return {name: getattr(self.plan, name) for name in names}

    def _contradiction(self, settings: Settings, name: str, given: Any, value: Any) -> str:
        option = name.replace("_", "-")
        shown = ",".join(str(v) for v in value) if isinstance(value, tuple) else value
        finer = f", on the {self.factor} times finer grid" if self.factor > 1 else ""
        advice = f"{option} {shown} is taken over: leave it out"
        if value is None:
            advice = f"it has none with field {settings.field}: leave it out"
        if name == "steps_per_block":
            advice += ", or refine"
        return f"{option} {given} contradicts the run {self.path}{finer}; {advice}"
