"""Models that leave the house: as an ONNX graph, as a NumPy module, as JAX's own export."""

from autoencodes.deploy.writing import FORMATS, Exported, export

__all__ = ["FORMATS", "Exported", "export"]
