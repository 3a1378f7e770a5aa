r"""
The paper's objects
===================

For whoever knows mean-field optimal control, or has read Cipriani, Fornasier and Scagliotti's *From
NeurODEs to AutoencODEs* (2024): which object of the library is which of the theory, checked
numerically at each step. The notation is that of :doc:`the theory </explanation/theory>`, which has
the proofs.
"""

# %%
# The measure and the flow
# ------------------------
#
# The data are an empirical measure :math:`\mu_0^N = \frac1N \sum_i \delta_{x^i}` on
# :math:`\mathbb{R}^d`. Components that are active in block j move by
# :math:`\dot x = F(t, x, \theta(t))`, the others rest. All of it in double precision:

import jax
import matplotlib.pyplot as plt
import numpy as np

import autoencodes as ac

jax.config.update("jax_enable_x64", True)
data = ac.datasets.load("bimodal-1d")
mu = data.train
print(mu)

# %%
schedule = ac.WidthSchedule.constant(1, steps=20, horizon=1.0)
flow = ac.Flow(schedule, ac.fields.Perceptron("tanh"))
theta = flow.init(jax.random.key(0), scale=1.0)

# %%
# A control is a step function of time in :math:`L^2([0, T]; \mathbb{R}^m)`, whose inner product has
# the factor :math:`\Delta t`. So norms, gradients and eigenvalues do not depend on how fine the
# grid is:

dt = schedule.step_size
print(ac.norm(theta, dt), ac.norm(ac.refine(theta, 2), dt / 2))

# %%
# The problem
# -----------
#
# .. math::
#
#    J(\theta) = \int |x_T - y|^2 \, d\mu_T(x, y) + \lambda \|\theta\|^2_{L^2}
#
# Here the particles are to reach −1 or 1, whichever the law assigns to them.

problem = ac.ControlProblem(flow, cost="squared", tikhonov=0.1)
print(problem.objective(theta, mu))

# %%
# Costates run back from :math:`p_L = \nabla_x \ell`, one along every particle, and give the
# gradient
# :math:`\nabla J(\theta)_l = 2\lambda\theta_l + \sum_i w_i (\partial_\theta F_l)^\top p^i_{l+1}`.
# It is that of the discrete flow, to rounding. Automatic differentiation has another inner product,
# and is to be divided by :math:`\Delta t`:

by_costates = problem.gradient(theta, mu)
by_autodiff = jax.grad(problem.objective)(theta, mu)
pairs = zip(jax.tree.leaves(by_costates), jax.tree.leaves(by_autodiff), strict=True)
print(max(float(np.abs(a - b / dt).max()) for a, b in pairs))

# %%
# Minimizing movements
# --------------------
#
# :math:`\theta^{k+1} \in \arg\min_\theta J(\theta) + \frac{1}{2\tau} \|\theta - \theta^k\|^2`. Near
# :math:`\theta^k` this is strongly convex for small τ, whether J is or not. τ adapts itself.

result = ac.fit(problem, theta, mu, method=ac.MinimizingMovement(), steps=200)
print(result.reason)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
ac.plot.loss(result, ax=left)
right.semilogy([line["residual"] for line in result.history])
right.set(xlabel="movement", ylabel="optimality error (PMP residual)")
plt.show()

# %%
# The maximum principle
# ---------------------
#
# At the minimiser each :math:`H_l(\eta) = -\sum_i w_i\, p^i_{l+1} \cdot F(x^i_l, \eta) - \lambda
# |\eta|^2` is stationary in its own control. Moving the control away by a little in any direction
# lowers the sum of them to second order, if it is a maximum:

best = result.control
others = [flow.init(jax.random.key(k), scale=0.1) for k in range(1, 4)]
for other in others:
    moved = jax.tree.map(lambda a, b: a + b, best, other)
    print(float((problem.hamiltonian(best, mu, moved) - problem.hamiltonian(best, mu)).sum()))

# %%
# Second order
# ------------
#
# ``hvp`` is the Hessian in :math:`L^2` on a direction. Both ends of its spectrum come with
# intervals in which an eigenvalue lies for certain; where the smallest is positive, J is strictly
# convex around the minimiser.

certificate = ac.certify(problem, best, mu, data.test)
print(certificate)

# %%
# Varying width
# -------------
#
# The parabola through one component, under each memory. ``reset`` lets nothing around the
# bottleneck; ``hold`` keeps the flow a homeomorphism of the plane, which has an inverse; ``skip``
# shows what was stored to the decoder's field. Rebuilding rows under hold is trivial: with θ = 0
# nothing moves.

data = ac.datasets.load("parabola")
for memory in ("reset", "hold", "skip"):
    schedule = ac.WidthSchedule.autoencoder(2, (2, 1), 5, horizon=10.0, memory=memory)
    flow = ac.Flow(schedule, ac.fields.Perceptron("tanh"))
    problem = ac.ControlProblem(flow, tikhonov=1e-3)
    theta = flow.init(jax.random.key(0), scale=1.0)
    result = ac.fit(problem, theta, data.train, method=ac.MinimizingMovement(), steps=100)
    print(memory, float(problem.objective(result.control, data.test)))

# %%
# :doc:`Memory </explanation/memory>` shows the three at work. On with :doc:`the theory
# </explanation/theory>`, :doc:`the theorems beside their measurements
# </measurements/theorems/README>`, :doc:`the paper's experiments </gallery/experiments>` and
# :doc:`a field of your own </howto/own-field>`.
