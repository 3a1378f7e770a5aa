"""
A first model, explained
========================

For whoever has trained a model before, by any library, and has never heard of optimal control. At
the end you will know what an AutoencODE is, what its few knobs do, and how to tell whether it
learned anything. It takes a quarter of an hour.
"""

# %%
# What an autoencoder is for
# --------------------------
#
# Three sensors are mounted on one machine. Whatever the machine does, it does with *one* speed, so
# that the three readings always move together, along a curve:

import jax
import matplotlib.pyplot as plt
import numpy as np

import autoencodes as ac

speed = np.random.default_rng(0).uniform(-1, 1, 200)
readings = np.c_[speed, speed**2, np.sin(3 * speed)]
readings += 0.02 * np.random.default_rng(1).normal(size=readings.shape)

axes = plt.figure(figsize=(4, 3.4)).add_subplot(projection="3d")
axes.scatter(*readings.T, c=speed, s=8)
axes.set(xlabel="sensor 1", ylabel="sensor 2", zlabel="sensor 3")
plt.show()

# %%
# An *autoencoder* finds the speed without being told of it. It has two halves: the encoder turns
# three readings into one number, the decoder turns the number into three readings again. The halves
# are trained together, so that what comes out is as close as can be to what went in. The number in
# the middle is called the *latent value*.

encoder = ac.AutoencODE(1, effort="quick", epochs=100).fit(readings)
latent = encoder.transform(readings)
print(latent.shape, f"share of the spread that is kept: {encoder.explained_variance_ratio_:.3f}")

# %%
# Did it find the speed? Up to a change of units: the latent value rises or falls with the speed all
# along.

figure, axes = plt.subplots(figsize=(4, 3), layout="constrained")
axes.plot(speed, latent[:, 0], ".")
axes.set(xlabel="the true speed", ylabel="the latent value")
plt.show()

# %%
# Layers that are steps in time
# -----------------------------
#
# Most autoencoders are stacks of layers of falling and growing width. Ours is a *motion*. Every row
# is a particle, and a velocity says at every moment where it goes. Small steps of this motion are
# what others call layers:
#
# .. math::
#
#    x_{l+1} = x_l + \Delta t\, F(x_l, \theta_l), \qquad F(x, \theta) = \tanh(W x + b).
#
# The weights :math:`\theta_l = (W_l, b_l)` of every step are what is learned. To squeeze the rows
# through one number, components are *switched off* on the way in and on again on the way out. The
# picture shows how many of three are active at a time.

schedule = ac.WidthSchedule.autoencoder(3, (3, 1), steps_per_block=6, horizon=6.0)
ac.plot.width(schedule)
plt.show()

# %%
# In the middle only one component moves; the other two are reset to 0 and come back from there. All
# that the second half knows of a row is that one component.
#
# Training
# --------
#
# Three things are put together: the motion, what is to be small (the squared distance between what
# comes out and what went in, plus :math:`\lambda` times the size of the weights), and a method.

flow = ac.Flow(schedule, ac.fields.Perceptron("tanh"))
problem = ac.ControlProblem(flow, cost="squared", tikhonov=1e-4)
rows = ac.EmpiricalMeasure(readings)
start = flow.init(jax.random.key(0), scale=0.5)
result = ac.fit(problem, start, rows, method=ac.MinimizingMovement(), steps=300)
print(result.reason)
ac.plot.loss(result)
plt.show()

# %%
# The curve never rises: the method looks for the best control *near* the last one, again and again,
# and each of these searches is easy. You need not choose a learning rate.
#
# The weights may change all the time, and they are steering something: that is *optimal control*,
# the mathematics of rockets and thermostats. It is why much more can be said of the result than of
# an ordinary network; :doc:`a certificate </generated/start/plot_4_certificate>` says it.
#
# Watching it
# -----------
#
# Every line is a row on its way through the layers.

ac.plot.flow(ac.Model(flow, result.control), readings)
plt.show()

# %%
# Did it learn anything?
# ----------------------
#
# Three questions, in this order:
#
# 1. *Is it better than plain linear compression?* PCA is compared with in every training, and
#    ``AutoencODE`` keeps PCA itself where nothing beats it: ``encoder.choice_`` says so.
# 2. *On rows that it has not seen?* ``encoder.score(new_rows)`` is minus the mean squared error, in
#    units of each column's spread.
# 3. *With how many numbers?* :doc:`Choosing k </howto/choose-k>`.

new = np.random.default_rng(2).uniform(-1, 1, 100)
unseen = np.c_[new, new**2, np.sin(3 * new)]
print(f"error on unseen rows {-encoder.score(unseen):.4f}; by always saying the mean it would be 1")

# %%
# The knobs, in the order in which they matter
# --------------------------------------------
#
# ==================  ==================  =====================================================
# in Python           on a command line   what it does
# ==================  ==================  =====================================================
# ``n_components``    ``--latent``        how many numbers a row goes through
# ``effort``          ``--effort``        how many settings are compared for a table
# ``epochs``          ``--epochs``        how long it trains
# ``missing``         ``--missing``       what becomes of missing values
# ``tikhonov``        ``--tikhonov``      how dear large weights are (regularisation λ)
# ``memory``          ``--memory``        what becomes of components that are switched off
# ==================  ==================  =====================================================
#
# Everything else has a default that was :doc:`found by measurement </explanation/defaults>`. Go on
# with :doc:`your own columns </howto/data>` or :doc:`the second tutorial
# </generated/tutorials/plot_paper>`.
