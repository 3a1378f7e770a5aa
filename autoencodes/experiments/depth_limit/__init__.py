"""Δt → 0 at a fixed horizon: do the trained controls converge, as functions of time?"""
