"""How many minimisers, and whether pure shooting contracts, over a grid of Tikhonov weights."""
