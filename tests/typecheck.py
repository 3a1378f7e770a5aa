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
    unchecked = ("Estimator.__init__", "AnomalyDetector.__init__")
    return function if function.__qualname__ in unchecked else _checked(function)
