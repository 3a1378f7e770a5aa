"""The run-time type checker of the test suite: every jaxtyping shape is checked at every call."""

from collections import Counter
from collections.abc import Callable
from types import CodeType
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

# PEP 484's numeric tower: an int is welcome where a float is expected.
_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))

# A function inside another is defined anew at every call of that one, and would be compiled anew
# with its checks: a quarter of the tests' time. It is checked in its first few lives.
_LIVES = 5
_lives: Counter[CodeType] = Counter()
_jaxtyped = jaxtyping.jaxtyped


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its arguments checked, but for the parameters of estimators.

    Those may be anything until ``fit``: scikit-learn asks for it.
    """
    unchecked = ("Estimator.__init__", "AnomalyDetector.__init__")
    return function if function.__qualname__ in unchecked else _checked(function)


def _first_lives(*, typechecker: Any) -> Callable[[Any], Any]:
    """What the import hook puts before every function and class of the package."""

    def decorate(function: Any) -> Any:
        if "<locals>" in getattr(function, "__qualname__", ""):
            code = getattr(function, "__code__", None)
            _lives[code] += 1
            if _lives[code] > _LIVES:
                return function
        return _jaxtyped(function, typechecker=typechecker)

    return decorate


jaxtyping.jaxtyped = _first_lives
