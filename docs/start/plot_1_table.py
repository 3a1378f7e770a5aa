"""
A table
=======

You have rows with more columns than you can look at, some values are missing, and one column is
text. Here every row is described by two numbers, from which it can be rebuilt.
"""

# %%
# The table: 178 wines, twelve measurements and a name of the colour; every twentieth value is
# missing.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

import autoencodes as ac

wine = load_wine(as_frame=True)
table = wine.data.drop(columns="color_intensity")
table["colour"] = np.where(wine.data["color_intensity"] > 4.7, "deep", "light")
gone = np.random.default_rng(0).random((len(table), 12)) < 0.05
table.iloc[:, :12] = table.iloc[:, :12].mask(gone)
table.head(3)

# %%
# ``missing="mask"`` says what to do with gaps: they are not learned from, and they are filled.
# Nothing else has to be chosen. Several settings are compared on rows held out, plain linear
# compression (PCA) is one of them, and the best is kept.

encoder = ac.AutoencODE(2, missing="mask", effort="quick", epochs=60).fit(table)
print(encoder.choice_.what, encoder.choice_.because)

# %%
# Every row as a point. The growers' three kinds of wine were never shown to the model; they are the
# colours of the picture.

ac.plot.latent(encoder, table, colour=wine.target)
plt.show()

# %%
# How much is kept? The share of the columns' spread that survives the way through two numbers:

print(f"{encoder.explained_variance_ratio_:.2f}")

# %%
# And the rows again, in their own units. Missing values are filled with what the rest of the row
# suggests.

row = int(np.flatnonzero(gone.any(axis=1))[0])
column = table.columns[int(np.flatnonzero(gone[row])[0])]
print(f"row {row}: {column} was {table[column][row]} and becomes", end=" ")
print(f"{encoder.reconstruct(table)[column][row]:.3g}; in truth {wine.data[column][row]}")

# %%
# The same without Python
# -----------------------
#
# .. code-block:: sh
#
#    autoencodes describe wine.csv                             # what it makes of your columns
#    autoencodes train wine.csv --latent 2 --missing mask --out runs/wine
#    autoencodes encode runs/wine wine.csv -o two-numbers.csv
#    autoencodes impute runs/wine wine.csv -o filled.csv
#
# ``runs/wine/report.html`` shows all of it on one page. On with :doc:`your own columns
# </howto/data>`, :doc:`how many numbers to keep </howto/choose-k>`, or :doc:`pipelines of
# scikit-learn </howto/estimator>`.
