"""Two classes in the plane through a bottleneck of one component (the paper, section 5.1)."""
