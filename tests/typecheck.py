"""The run-time type checker of the test suite: every jaxtyping shape is checked at every call."""

from beartype import BeartypeConf, beartype

# PEP 484's numeric tower: an int is welcome where a float is expected.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
