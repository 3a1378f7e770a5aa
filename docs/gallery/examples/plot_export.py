"""
A model without autoencodes
===========================

A trained model is written as one Python file that needs NumPy and nothing else; what it computes is
compared with the model before it is written.
"""

# %%
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_wine

import autoencodes as ac

wine = load_wine(as_frame=True).data
encoder = ac.AutoencODE(3, method="adam", epochs=30, batch_size=0).fit(wine)
folder = Path(tempfile.mkdtemp())
made = ac.export(encoder.model_, folder / "wine_model.py", "numpy")
print(made.functions, f"largest difference {made.difference:.0e} over {made.rows} rows")

# %%
# In another process, without JAX: ``import wine_model; wine_model.reconstruct(rows)``.

namespace = {}
exec((folder / "wine_model.py").read_text(), namespace)
rows = namespace["reconstruct"](wine)
print("the same:", all(np.allclose(rows[c], encoder.reconstruct(wine)[c], rtol=1e-4) for c in wine))

# %%
# ``to="onnx"`` writes it for ONNX Runtime, and ``autoencodes export RUN --to numpy -o FILE``
# does it for a run: :doc:`/howto/deploy`.
