"""From what a user gave and what the data are to a training in which everything is decided."""
