"""Two clusters on the line pushed apart: control, paths, value function and density at once."""
