"""Which latent dimension costates, λ and the held-out error point to, where it is known."""
