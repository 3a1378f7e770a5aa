"""``python -m autoencodes`` is the command line."""

from autoencodes.cli import main

main()
