"""The Hessian of the objective, and both ends of its spectrum.

Read ``hessian`` (its products), ``gauss_newton`` (its larger part, as a matrix) and
``preconditioner`` (that part's rough inverse), then ``lanczos`` and ``davidson`` (the ends of a
spectrum, from products), ``curvature`` (both together, on H) and ``shooting`` (what follows for
the shooting map).
"""
