"""
A certificate
=============

A trained network is usually taken on trust. Here the training is a problem of optimal control, and
some things can be *proved* of its result: how far it is from a best one nearby, whether a small
change of the data changes it much, how much of its quality is luck.
"""

# %%
# Points on a parabola, described by one number. Certificates are computed in double precision,
# which JAX must be told before anything else.

import jax
import matplotlib.pyplot as plt

import autoencodes as ac

jax.config.update("jax_enable_x64", True)
data = ac.datasets.load("parabola")
schedule = ac.WidthSchedule.autoencoder(2, (2, 1), steps_per_block=7, horizon=21.0)
flow = ac.Flow(schedule, ac.fields.Perceptron("tanh"))
problem = ac.ControlProblem(flow, tikhonov=3e-3)
start = flow.init(jax.random.key(0), scale=1.0)
result = ac.fit(problem, start, data.train, method=ac.MinimizingMovement(), steps=200)
print(result.reason)

# %%
# Its first line is what it comes to in practice. The 95 % are of the rows that one did not see.

certificate = ac.certify(problem, result.control, data.train, data.test)
first, *others = certificate.lines()
print(first)

# %%
# The others are for the mathematics, each a conclusion with the numbers that it rests on:

print("\n".join(others))

# %%
# The curvature of what was minimised. All of it lies right of zero where the result is a strict
# minimum: no small change of the weights is better.

ac.plot.spectrum(certificate)
plt.show()

# %%
# The same without Python
# -----------------------
#
# .. code-block:: sh
#
#    autoencodes train parabola --out runs/parabola
#    autoencodes certify runs/parabola
#
# On with :doc:`what each line means and how sure it is </explanation/certificate>`.
