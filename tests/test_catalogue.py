"""Catalogues: members are known by their registrations alone, and imported when asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import autoencodes as ac
from autoencodes.catalogue import Catalogue


def test_a_member_registered_while_the_program_runs_is_listed_and_can_go() -> None:
    toys: Catalogue[object] = Catalogue("toy", "TOYS", "autoencodes.fields")
    assert toys.names == ()

    @toys.register("spinning", "turns", settings=("speed",))
    class Spinning: ...

    assert toys.names == ("spinning",)
    assert toys["spinning"] is Spinning
    assert toys.name_of(Spinning) == "spinning"
    assert toys.entries["spinning"].facts == {"settings": ("speed",)}
    with pytest.raises(ac.InputError, match="another toy 'spinning'"):
        toys.register("spinning")(object())
    with pytest.raises(ac.InputError, match="toy must be one of spinning; got 'spining'; did you"):
        toys["spining"]
    toys.remove("spinning")
    assert "spinning" not in toys


def test_names_and_helps_are_known_without_importing_a_member() -> None:
    program = (
        "import sys\n"
        "from autoencodes import catalogue as c\n"
        "kinds = [v for v in vars(c).values() if isinstance(v, c.Catalogue)]\n"
        "assert len(kinds) >= 8\n"
        "for kind in kinds: [(e.name, e.help) for e in kind.entries.values()]\n"
        "heavy = {'jax', 'numpy', 'equinox', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
