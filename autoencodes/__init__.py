"""AutoencODEs: continuous-time autoencoders trained as mean-field optimal control.

``import autoencodes as ac``; every public name is here. Names load on first use, so that
the command line can answer ``--help`` without importing JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoencodes import datasets, fields, order
    from autoencodes.certificate import Certificate, certify
    from autoencodes.continuous import ContinuousFlow
    from autoencodes.coordinates import Coordinates
    from autoencodes.cost import (
        BinaryCrossEntropy,
        Comparison,
        CrossEntropy,
        Huber,
        SquaredError,
        TerminalCost,
        inner,
        norm,
        refine,
    )
    from autoencodes.errors import InputError, MissingExtra, NumericalFailure
    from autoencodes.flow import Flow, Latent
    from autoencodes.measure import EmpiricalMeasure
    from autoencodes.pontryagin import ControlProblem
    from autoencodes.readout import Readout
    from autoencodes.run import Model, load, save
    from autoencodes.scaling import Scaling
    from autoencodes.schedule import Block, WidthSchedule
    from autoencodes.schemes import Euler, Heun, RungeKutta4, Scheme
    from autoencodes.training import (
        LBFGS,
        SGD,
        Adam,
        AdamW,
        Anderson,
        Contraction,
        ExactMSA,
        ExtendedMSA,
        GaussNewton,
        InnerSolver,
        Method,
        MetricMovement,
        MinimizingMovement,
        NewtonCG,
        Progress,
        QuasiNewton,
        Result,
        fit,
    )

__version__ = "0.1.0"

_HOMES = {
    "Certificate": "certificate",
    "certify": "certificate",
    "ContinuousFlow": "continuous",
    "Coordinates": "coordinates",
    "BinaryCrossEntropy": "cost",
    "Comparison": "cost",
    "CrossEntropy": "cost",
    "Huber": "cost",
    "SquaredError": "cost",
    "TerminalCost": "cost",
    "inner": "cost",
    "norm": "cost",
    "refine": "cost",
    "InputError": "errors",
    "MissingExtra": "errors",
    "NumericalFailure": "errors",
    "Flow": "flow",
    "Latent": "flow",
    "EmpiricalMeasure": "measure",
    "ControlProblem": "pontryagin",
    "Readout": "readout",
    "Model": "run.model",
    "load": "run.storage",
    "save": "run.storage",
    "Scaling": "scaling",
    "Block": "schedule",
    "WidthSchedule": "schedule",
    "Euler": "schemes",
    "Heun": "schemes",
    "RungeKutta4": "schemes",
    "Scheme": "schemes",
    "LBFGS": "training",
    "SGD": "training",
    "Adam": "training",
    "QuasiNewton": "training",
    "NewtonCG": "training",
    "InnerSolver": "training",
    "GaussNewton": "training",
    "Contraction": "training",
    "Anderson": "training",
    "AdamW": "training",
    "ExactMSA": "training",
    "ExtendedMSA": "training",
    "MetricMovement": "training",
    "Method": "training",
    "MinimizingMovement": "training",
    "Progress": "training",
    "Result": "training",
    "fit": "training",
}
_MODULES = ("datasets", "fields", "order")

__all__ = ["__version__", *_HOMES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"autoencodes.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"autoencodes.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'autoencodes' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
