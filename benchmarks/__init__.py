"""What is measured: ``python -m benchmarks`` for speed, and a script each for the rest."""
