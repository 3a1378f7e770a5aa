"""Training by the mean-field maximum principle: particles beside a grid method."""
