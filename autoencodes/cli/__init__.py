"""The command line: thin verbs; what is heavy is imported inside them."""

from autoencodes.cli import compare as compare
from autoencodes.cli import deploy as deploy
from autoencodes.cli import show as show
from autoencodes.cli import train as train
from autoencodes.cli import use as use
from autoencodes.cli import verify as verify
from autoencodes.cli.app import app as app
from autoencodes.cli.app import main as main
