"""
Two classes through layers
==========================

Points are moved until the first component alone says which class they belong to; the second is
switched off on the way. Every line is a point.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np

import autoencodes as ac

data = ac.datasets.load("moons")
x, y = np.asarray(data.train.x)[:600], data.part_labels("train")[:600]
classifier = ac.AutoencODEClassifier(method="adam", epochs=150, batch_size=0).fit(x, y)
print(f"right on unseen points: {classifier.score(data.test.x, data.part_labels('test')):.3f}")

# %%
# What the classifier says of every place in the plane, and the points:

across, up = np.meshgrid(np.linspace(-2, 2.6, 120), np.linspace(-1.4, 1.8, 100))
says = classifier.predict_proba(np.c_[across.ravel(), up.ravel()])[:, 1].reshape(across.shape)
figure, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
levels = axes.contourf(across, up, says, np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.7)
axes.scatter(*x.T, c=y, s=6, cmap="RdBu_r", edgecolor="black", linewidth=0.2)
axes.set(xlabel="component 1", ylabel="component 2")
figure.colorbar(levels, label="probability of the second class")
plt.show()
