"""
A set of images
===============

Handwritten digits of 8 × 8 pixels, through 8 numbers instead of 64.
"""

# %%
# The images come with the package. A fifth of them is kept apart to judge by. To be quick, this
# page trains for 40 passes over the images; the command at its end takes 120, and makes a smaller
# error.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA

import autoencodes as ac

data = ac.datasets.load("digits")
train, test = np.asarray(data.train.x) / 16, np.asarray(data.test.x) / 16  # grey values in [0, 1]
encoder = ac.AutoencODE(8, scaling="none", epochs=40).fit(train)

# %%
# What comes back, beside what principal components (PCA) make of the same eight numbers:

pca = PCA(8).fit(train)
rows = {
    "original": test,
    "autoencodes": encoder.reconstruct(test),
    "PCA": pca.inverse_transform(pca.transform(test)),
}
figure, axes = plt.subplots(3, 8, figsize=(7, 3), layout="constrained")
for line, (name, images) in zip(axes, rows.items(), strict=True):
    line[0].set_ylabel(name)
    for axis, image in zip(line, images, strict=False):
        axis.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
plt.show()

# %%
# Errors on the images kept apart, as the mean of the squares a pixel:

for name in ("autoencodes", "PCA"):
    print(f"{name:12} {np.mean((rows[name] - test) ** 2):.4f}")

# %%
# What the layers do: the number of active pixels falls to eight and grows again.

ac.plot.width(encoder)
plt.show()

# %%
# The same without Python
# -----------------------
#
# .. code-block:: sh
#
#    autoencodes train digits                # or a folder of images, or mnist
#    autoencodes train photographs/ --latent 20
#
# On with :doc:`what the layers can be made of </explanation/architectures>`, or :doc:`a GPU
# </howto/gpu>`.
