"""
Widths over time
================

A schedule says when which component is active. Nothing here is trained.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np

import autoencodes as ac

shapes = {
    "autoencoder": ac.WidthSchedule.autoencoder(64, (54, 28, 8), 4, horizon=5.0),
    "encoder, for classes": ac.WidthSchedule.encoder(64, (64, 32, 10), 4, horizon=3.0),
    "any sequence": ac.WidthSchedule.sequence(64, (8, 64, 16), 4, horizon=3.0),
    "images on grids": ac.WidthSchedule.grids((8, 8), [(1, 8, 8), (1, 4, 4)], 4, 5.0, (6,)),
}
figure, axes = plt.subplots(2, 2, figsize=(8, 5), layout="constrained")
for axis, (name, schedule) in zip(axes.flat, shapes.items(), strict=True):
    ac.plot.width(schedule, ax=axis)
    axis.set_title(f"{name}: {schedule.latent} at the narrowest")
plt.show()

# %%
# Which components stay longest is a matter of the *order*. The most varied first is the default for
# data of your own; "natural" is an order that puts first what says most about a target:

x = np.random.default_rng(0).normal(size=(200, 4)) * [1, 5, 2, 3]
print("by variance", ac.order.by_variance(x).components)
print("for the target x_2", ac.order.natural(x, x[:, [2]]).components)
