"""Going on from an earlier run: its model, on its own grid or a finer one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from autoencodes.control import Control, refine
from autoencodes.datasets import Dataset
from autoencodes.errors import InputError
from autoencodes.flow.flow import Flow
from autoencodes.model.model import Model
from autoencodes.plan.plan import Plan
from autoencodes.plan.settings import DECLARATIONS, Settings
from autoencodes.precision import precision
from autoencodes.run.folder import RunFolder
from autoencodes.schemes import scheme

Objective = Callable[[Control], float]


@dataclass(frozen=True)
class Start:
    """The run that a training starts from, opened once.

    Parameters
    ----------
    path : its folder
    plan : what was trained there
    model : what came of it, or where a certificate saw the objective lie lower
    factor : how much finer the grid of the control becomes
    left : what came of it, where ``model`` is to lie lower; else None
    """

    path: str
    plan: Plan
    model: Model
    factor: int
    left: Model | None = None

    @classmethod
    def of(cls, settings: Settings) -> Start | None:
        """The run that the settings name; None where they name none.

        Raises
        ------
        InputError
            If there is no such run, or no model in it, or no lower one if it is to be left.
        """
        if settings.start is None:
            return None
        folder = RunFolder.open(settings.start)
        factor = 1 if settings.refine is None else settings.refine
        model = folder.model
        if not settings.leave_saddle:
            return cls(settings.start, folder.config, model, factor)
        lower = folder.lower
        if lower is None:
            raise InputError(
                f"{settings.start}: no control is known at which its objective lies lower; look "
                f"for one with: autoencodes certify {settings.start}"
            )
        return cls(settings.start, folder.config, lower, factor, model)

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
        finer = model.flow.refined(self.factor)
        flow = Flow(finer.schedule, finer.field, scheme(settings.scheme, settings.substeps))
        return Model(
            flow,
            self._carried(model, settings),
            model.scaling,
            model.image_shape,
            model.coordinates,
            model.readout,
            model.encoding,
            data.record,
        )

    def refuse_no_fall(self, settings: Settings, objective: Objective) -> None:
        """InputError unless the objective lies lower here than at the model that is left.

        The certificate may have seen other rows, another precision or an earlier model.
        """
        if self.left is None:
            return
        before, now = (objective(self._carried(m, settings)) for m in (self.left, self.model))
        if not now < before:
            raise InputError(
                f"leave-saddle: over these training rows the objective is {now:.9g} where the "
                f"certificate of {self.path} saw it lie lower, and {before:.9g} at the run's own "
                f"model; certify the run as it is now, over all its rows (autoencodes certify "
                f"{self.path}), take --precision float64, or leave --leave-saddle out"
            )

    def _carried(self, model: Model, settings: Settings) -> Control:
        """A model's control on the grid, and in the precision, of the training."""
        dtype = model.dtype if settings.precision is None else np.dtype(settings.precision)
        with precision(model.dtype):
            control = refine(model.control, self.factor)
        return jax.tree.map(lambda values: np.asarray(values, dtype), control)

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
