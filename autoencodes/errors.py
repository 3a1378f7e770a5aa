"""The errors a user can cause, so that an interface can tell them from defects."""


class InputError(ValueError):
    """What was given cannot be used; the message says what was expected, what came, what to do.

    Examples
    --------
    >>> ac.WidthSchedule.constant(dim=0, steps=1, horizon=1.0)
    Traceback (most recent call last):
        ...
    autoencodes.errors.InputError: the dimension must be an integer, at least 1; got 0
    """


class MissingExtra(ImportError):
    """An optional dependency is absent; the message names the extra that installs it.

    Parameters
    ----------
    package, extra, purpose : str
        What is absent, the extra of this package that installs it, and what it is needed for.

    Examples
    --------
    >>> raise ac.MissingExtra("polars", "tables", "reading .parquet")
    Traceback (most recent call last):
        ...
    autoencodes.errors.MissingExtra: reading .parquet needs the package polars, which is not
    installed; install it with: pip install 'autoencodes[tables]'
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed; "
            f"install it with: pip install 'autoencodes[{extra}]'"
        )


class NumericalFailure(ArithmeticError):
    """A computation left the finite numbers; the message says which, and what to try.

    Parameters
    ----------
    message : str
    row : int, optional
        The first row, counted from 0, of which the result is not finite, where rows are pushed.

    Examples
    --------
    >>> raise ac.NumericalFailure("the flow leaves the finite numbers", row=3)
    Traceback (most recent call last):
        ...
    autoencodes.errors.NumericalFailure: the flow leaves the finite numbers (the first row that
    does is 3, counted from 0)
    """

    def __init__(self, message: str, row: int | None = None) -> None:
        place = "" if row is None else f" (the first row that does is {row}, counted from 0)"
        super().__init__(message + place)
        self.message, self.row = message, row

    def after(self, rows: int) -> "NumericalFailure":
        """The same of rows that stand behind so many others."""
        return self if self.row is None else NumericalFailure(self.message, self.row + rows)


class Notice(UserWarning):
    """What a user should know of, though the work goes on; the command line shows it as a line."""
