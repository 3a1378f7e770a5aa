"""What does not belong: scores, calibrated p-values, and the columns that are to blame."""

from autoencodes.anomaly.conformal import discoveries, p_values
from autoencodes.anomaly.explain import Explanation, explain
from autoencodes.anomaly.repair import Repair, repair
from autoencodes.anomaly.score import Detector

__all__ = ["Detector", "Explanation", "Repair", "discoveries", "explain", "p_values", "repair"]
