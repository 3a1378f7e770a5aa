"""Runs: settings become a trained model in a folder of its own."""

from autoencodes.model.model import Model as Model
from autoencodes.model.storage import load as load
from autoencodes.model.storage import save as save
from autoencodes.plan.plan import Plan as Plan
from autoencodes.plan.settings import Settings as Settings
from autoencodes.run.folder import RunFolder as RunFolder
from autoencodes.run.train import Outcome as Outcome
from autoencodes.run.train import resume as resume
from autoencodes.run.train import train as train

__all__ = ["Model", "Outcome", "Plan", "RunFolder", "Settings", "load", "resume", "save", "train"]
