"""How fast: one module a measurement, one place where they are listed (``suite``)."""
