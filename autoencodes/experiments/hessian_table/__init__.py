"""λ_min of the Hessian along the training, for several Tikhonov weights (the paper's table)."""
