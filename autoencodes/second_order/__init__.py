"""The Hessian of the objective, and both ends of its spectrum."""
