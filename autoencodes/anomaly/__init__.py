"""What does not belong: scores, calibrated p-values, and the columns that are to blame."""

from autoencodes.anomaly.conformal import discoveries, p_values
from autoencodes.anomaly.explain import Explanation, explain
from autoencodes.anomaly.outside import Outside
from autoencodes.anomaly.repair import Repair, repair
from autoencodes.anomaly.score import Detector
from autoencodes.anomaly.steps import of_rows

__all__ = [
    "Detector",
    "Explanation",
    "Outside",
    "Repair",
    "discoveries",
    "explain",
    "of_rows",
    "p_values",
    "repair",
]
