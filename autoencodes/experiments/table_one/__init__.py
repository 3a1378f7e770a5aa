"""λ_min of the Hessian every 80 epochs of the classification (the paper's Table 1)."""
