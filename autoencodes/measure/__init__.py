"""Empirical measures, and distances between them."""
