"""
Memory: reset, hold and skip in motion
======================================

A hundred points of a parabola pass through the layers of a flow, three times. Between its
switch-off and its switch-on, the second component forgets its value (*reset*), keeps it (*hold*),
or forgets it while the layers after the return still see the old value (*skip*).
"""

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation

import autoencodes as ac

data = ac.datasets.load("parabola")


def trained(memory):
    schedule = schedules[memory]
    flow = ac.Flow(schedule, ac.fields.Perceptron("tanh"))
    problem = ac.ControlProblem(flow, tikhonov=1e-4)
    control = flow.init(jax.random.key(0), scale=1.0)
    result = ac.fit(problem, control, data.train, method=ac.MinimizingMovement(), steps=60)
    return flow, result.control


schedules = {
    memory: ac.WidthSchedule.autoencoder(2, (2, 1), 7, horizon=21.0, memory=memory)
    for memory in ("reset", "hold", "skip")
}


def film(memory, flow, control):
    """Frames of the plane, a step each."""
    x = np.asarray(data.train.x)[::2]
    ways = np.asarray(flow.trajectory(control, x))  # (steps + 1, particle, 2)
    colour = x[:, 0]
    few = np.repeat([block.width < 2 for block in flow.schedule.blocks], 7)
    figure, axes = plt.subplots(figsize=(4, 3.6), layout="constrained")
    low, high = ways.min(axis=(0, 1)), ways.max(axis=(0, 1))
    low, high = low - 0.1 * (high - low), high + 0.1 * (high - low)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.set(xlabel="component 1", ylabel="component 2")
    dots = axes.scatter(*ways[0].T, c=colour, s=12, cmap="viridis")

    def draw(step):
        dots.set_offsets(ways[step])
        off = step < len(few) and few[step]
        state = "component 2 is off" if off else "both components move"
        axes.set_title(f"{memory}, step {step} of {len(few)}: {state}", fontsize=9)
        return (dots,)

    return FuncAnimation(figure, draw, frames=len(ways), interval=350)


# %%
# Reset
# -----
# The second component returns at 0. All that the second half knows is the first one, so the first
# half has to order the points along it.

flow, control = trained("reset")
reset = film("reset", flow, control)

# %%
# Hold
# ----
# The same weights, but the second component rests where it was and goes on from there: what it
# knows passes *around* the bottleneck. No two points ever meet, and the flow can be run backwards.
# To rebuild the rows there is nothing to learn: with all weights 0 nothing moves, and every row
# comes back. So hold is for other tasks than compression: classes, densities, transport.

held = ac.Flow(schedules["hold"], flow.field)
hold = film("hold", held, control)

# %%
# Skip
# ----
# The second component returns at 0, but the velocity that moves it afterwards sees the value that
# it left with, as in a U-net.

skip = film("skip", *trained("skip"))

# %%
# Which to take: :doc:`/explanation/memory`.
