"""λ_min of the Hessian along the training, for several weights: an extension of Table 1."""
