"""Stability in the data: how far value and minimiser go when the law moves by a small W₁."""
