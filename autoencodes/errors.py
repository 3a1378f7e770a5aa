"""The errors a user can cause, so that an interface can tell them from defects."""


class InputError(ValueError):
    """What was given cannot be used; the message says what was expected, what came, what to do."""


class MissingExtra(ImportError):
    """An optional dependency is absent; the message names the extra that installs it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed; "
            f"install it with: pip install 'autoencodes[{extra}]'"
        )


class NumericalFailure(ArithmeticError):
    """A computation left the finite numbers; the message says which, and what to try."""


class Notice(UserWarning):
    """What a user should know of, though the work goes on; the command line shows it as a line."""
