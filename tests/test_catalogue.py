"""Catalogues: members are known by their registrations alone, and imported when asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import pytest
from problems import small

import autoencodes as ac
from autoencodes.catalogue import (
    ACTIVATIONS,
    COSTS,
    FIELDS,
    METHODS,
    SCHEMES,
    SOLVERS,
    Catalogue,
    _registrations,
)
from autoencodes.cost import terminal_cost
from autoencodes.fields.field import configured
from autoencodes.plan.facts import Facts
from autoencodes.plan.resolve import resolve
from autoencodes.plan.settings import DECLARATIONS, Settings
from autoencodes.schemes import scheme

HERE = Path(__file__).parent
TOYS = {
    "fields/spinning.py": """
import jax
from autoencodes.catalogue import ACTIVATIONS, FIELDS
from autoencodes.fields.field import ControlledField

@FIELDS.register("spinning", "(A-A')x", settings=("hidden",), example={"hidden": 2})
class Spinning(ControlledField):
    hidden: int = 1

    def velocity(self, t, x, theta):
        return self.hidden * (theta["A"] - theta["A"].T) @ x[: len(theta["A"])]

    def init(self, key, width, scale, seen=0):
        return {"A": scale * jax.random.normal(key, (width, width))}

ACTIVATIONS.register("cube", "a^3")(lambda a: a**3)
""",
    "schemes/midpoint.py": """
from autoencodes.catalogue import SCHEMES
from autoencodes.schemes.scheme import Scheme

@SCHEMES.register("midpoint", "order 2", order=2)
class Midpoint(Scheme):
    def slope(self, velocity, t, x, step):
        return velocity(t + step / 2, x + step / 2 * velocity(t, x))
""",
    "cost.py": """
@COSTS.register("quartic", "sum_i (z_i-y_i)^4", targets=("rows",))
class Quartic(Comparison):
    def loss(self, z, y):
        return jnp.sum((z - y) ** 4)

    def link(self, z):
        return z
""",
}
"""One file a member, and what is written there: nothing else is touched."""
FOUND = """
import autoencodes as ac
from autoencodes.catalogue import *
assert "spinning" in FIELDS.choices and "spinning" in FIELDS.having("hidden")
assert "cube" in ACTIVATIONS and "midpoint" in SCHEMES and "quartic" in COSTS
made = ac.fields.build({"name": "spinning", "hidden": 3})
assert ac.fields.build(ac.fields.describe(made)) == made
assert ac.fields.Perceptron("cube") != ac.fields.Perceptron("tanh")
flow = ac.Flow(ac.WidthSchedule.constant(2, 1, 1.0), made)
assert type(ac.ControlProblem(flow, "quartic").cost).__name__ == "Quartic"

from autoencodes.flow import sweep
from autoencodes.plan.settings import Settings
settings = Settings(
    field="spinning", activation="cube", scheme="midpoint", cost="quartic", hidden=2
)
assert settings.field == "spinning"

import problems, test_cost, test_every_field, test_fields, test_schemes
names = [case.name for case in problems.CASES]
for added in ("field spinning", "activation cube", "scheme midpoint", "cost quartic"):
    assert added in names, names
assert type(made) in map(type, test_fields.BUILT_IN)
assert "quartic" in [COSTS.name_of(type(cost)) for cost in test_cost.COSTS]
assert sweep.fields(test_every_field.flow("spinning", "skip"))[0] == ac.fields.build(
    {"name": "spinning", "hidden": 2}
)
"""


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


def test_what_is_registered_while_the_program_runs_is_there_at_once() -> None:
    @FIELDS.register("resting", "0")
    class Resting(ac.fields.Translation): ...

    @SCHEMES.register("resting", "order 0")
    class Standing(ac.Euler): ...

    @COSTS.register("resting", "|z-y|^2")
    class Halted(ac.SquaredError): ...

    ACTIVATIONS.register("resting", "0")(jnp.zeros_like)
    try:
        assert type(ac.fields.build({"name": "resting"})) is Resting
        assert ac.fields.describe(Resting()) == {"name": "resting"}
        assert type(scheme("resting")) is Standing
        assert type(terminal_cost("resting")) is Halted
        assert ac.fields.Perceptron("resting").activation == "resting"
    finally:
        for catalogue in (FIELDS, SCHEMES, COSTS, ACTIVATIONS):
            catalogue.remove("resting")
    with pytest.raises(ac.InputError, match="activation must be one of tanh"):
        ac.fields.Perceptron("resting")


def test_what_a_registered_field_lacks_is_said() -> None:
    class Logistic(ac.fields.Translation):
        rank: int

    facts = Facts(64, 1438, 4.7, (0.0, 16.0))
    try:
        FIELDS.register("logistic")(Logistic)
        with pytest.raises(ac.InputError, match=r'needs rank: .* settings=\("rank",\), or'):
            configured("logistic", {"activation": "tanh"})
        with pytest.raises(ac.InputError, match="field logistic has no activation; got relu"):
            resolve(Settings(field="logistic", activation="relu"), facts)
        resolve(Settings(**resolve(Settings(field="logistic"), facts).entries), facts)
        with pytest.raises(AssertionError, match=r"logistic needs arguments \(rank\): give"):
            small("logistic")
        FIELDS.register("logistic", settings=("gain",))(Logistic)
        with pytest.raises(ac.InputError, match=r"the field logistic .*'gain'.* no entry"):
            resolve(Settings(), facts)
    finally:
        FIELDS.remove("logistic")


def test_settings_of_members_are_entries_of_a_configuration() -> None:
    for catalogue in (FIELDS, METHODS, COSTS, SCHEMES, SOLVERS):
        for entry in catalogue.entries.values():
            assert set(entry.settings) <= DECLARATIONS.keys(), entry


def test_what_is_no_literal_in_a_registration_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "logistic.py"
    path.write_text('A = "a"\n\n@FIELDS.register("logistic", A)\ndef f(): ...\n')
    with pytest.raises(ac.InputError, match=r"^autoencodes/fields/logistic.py, line 3: name, help"):
        list(_registrations(("autoencodes.fields.logistic", path), "FIELDS"))


def test_a_member_is_added_in_one_file_and_tested_without_being_listed(tmp_path: Path) -> None:
    shutil.copytree(Path(ac.__file__).parent, tmp_path / "autoencodes")
    for path, text in TOYS.items():
        with (tmp_path / "autoencodes" / path).open("a", encoding="utf-8") as file:
            file.write(text)
    environment = {
        **os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{HERE}", "COLUMNS": "200"
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", FOUND], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "autoencodes", "train", "--help"]
    helped = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    for added in ("spinning", "(A-A')x", "cube", "midpoint", "quartic"):
        assert added in helped.stdout


def test_two_files_that_register_one_name_are_refused(tmp_path: Path) -> None:
    shutil.copytree(Path(ac.__file__).parent, tmp_path / "autoencodes")
    again = tmp_path / "autoencodes" / "schemes" / "again.py"
    again.write_text('SCHEMES.register("heun", "order 3")(None)', encoding="utf-8")
    program = "from autoencodes.catalogue import SCHEMES; SCHEMES.names"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert "schemes.again and autoencodes.schemes.runge_kutta both register" in done.stderr
