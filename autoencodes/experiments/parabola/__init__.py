"""A parabola in the plane, reconstructed through a bottleneck of one component (the paper, 5.2)."""
