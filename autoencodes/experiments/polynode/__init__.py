"""PolyNODE's spirals and sphere, through a flow of varying width."""
