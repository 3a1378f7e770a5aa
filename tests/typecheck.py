"""The run-time type checker of the test suite: every jaxtyping shape is checked at every call."""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype

# PEP 484's numeric tower: an int is welcome where a float is expected.
_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its arguments checked, but for the parameters of estimators.

    Those may be anything until ``fit``: scikit-learn asks for it.
    """
    return function if function.__qualname__ == "Estimator.__init__" else _checked(function)
