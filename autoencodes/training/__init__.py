"""Training: methods that improve a control, and the one loop that runs them."""

from autoencodes.training.adam import Adam as Adam
from autoencodes.training.fit import fit as fit
from autoencodes.training.method import Method as Method
from autoencodes.training.movement import MinimizingMovement as MinimizingMovement
from autoencodes.training.result import Progress as Progress
from autoencodes.training.result import Result as Result
from autoencodes.training.result import Resumption as Resumption

__all__ = ["Adam", "Method", "MinimizingMovement", "Progress", "Result", "Resumption", "fit"]
