"""AutoencODEs: continuous-time autoencoders trained as mean-field optimal control.

``import autoencodes as ac``; every public name is here. Names load on first use, so that
the command line can answer ``--help`` without importing JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoencodes import datasets, fields, plot
    from autoencodes.certificate import Certificate
    from autoencodes.certificate.certify import certify
    from autoencodes.control import Control, inner, norm, refine
    from autoencodes.cost import (
        BinaryCrossEntropy,
        Comparison,
        CrossEntropy,
        Huber,
        SquaredError,
        TerminalCost,
    )
    from autoencodes.deploy import Exported, export
    from autoencodes.errors import InputError, MissingExtra, NumericalFailure
    from autoencodes.estimator import (
        AnomalyDetector,
        AutoencODE,
        AutoencODEClassifier,
        AutoencODERegressor,
    )
    from autoencodes.flow.continuous import ContinuousFlow
    from autoencodes.flow.flow import Flow, Latent
    from autoencodes.flow.schedule import Block, WidthSchedule
    from autoencodes.measure.empirical import EmpiricalMeasure
    from autoencodes.model import order
    from autoencodes.model.coordinates import Coordinates
    from autoencodes.model.model import Model
    from autoencodes.model.readout import Readout
    from autoencodes.model.scaling import Scaling
    from autoencodes.model.storage import load, save
    from autoencodes.pontryagin import ControlProblem
    from autoencodes.schemes import Euler, Heun, RungeKutta4, Scheme
    from autoencodes.training import (
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
    from autoencodes.training.adam import Adam
    from autoencodes.training.adamw import AdamW
    from autoencodes.training.lbfgs import LBFGS
    from autoencodes.training.sgd import SGD

__version__ = "0.2.0"

_HOMES = {
    "Certificate": "certificate",
    "certify": "certificate",
    "Control": "control",
    "inner": "control",
    "norm": "control",
    "refine": "control",
    "BinaryCrossEntropy": "cost",
    "Comparison": "cost",
    "CrossEntropy": "cost",
    "Huber": "cost",
    "SquaredError": "cost",
    "TerminalCost": "cost",
    "Exported": "deploy",
    "export": "deploy",
    "InputError": "errors",
    "MissingExtra": "errors",
    "NumericalFailure": "errors",
    "AnomalyDetector": "estimator",
    "AutoencODE": "estimator",
    "AutoencODEClassifier": "estimator",
    "AutoencODERegressor": "estimator",
    "ContinuousFlow": "flow.continuous",
    "Flow": "flow.flow",
    "Latent": "flow.flow",
    "Block": "flow.schedule",
    "WidthSchedule": "flow.schedule",
    "EmpiricalMeasure": "measure.empirical",
    "Coordinates": "model.coordinates",
    "Model": "model.model",
    "Readout": "model.readout",
    "Scaling": "model.scaling",
    "load": "model.storage",
    "save": "model.storage",
    "ControlProblem": "pontryagin",
    "Euler": "schemes",
    "Heun": "schemes",
    "RungeKutta4": "schemes",
    "Scheme": "schemes",
    "Adam": "training.adam",
    "AdamW": "training.adamw",
    "Anderson": "training",
    "Contraction": "training",
    "ExactMSA": "training",
    "ExtendedMSA": "training",
    "GaussNewton": "training",
    "InnerSolver": "training",
    "LBFGS": "training.lbfgs",
    "Method": "training",
    "MetricMovement": "training",
    "MinimizingMovement": "training",
    "NewtonCG": "training",
    "Progress": "training",
    "QuasiNewton": "training",
    "Result": "training",
    "SGD": "training.sgd",
    "fit": "training",
}
_MODULES = {
    "datasets": "datasets",
    "fields": "fields",
    "order": "model.order",
    "plot": "plot",
}

__all__ = ["__version__", *_HOMES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"autoencodes.{_MODULES[name]}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"autoencodes.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'autoencodes' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
