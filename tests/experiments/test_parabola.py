"""The parabola: its architecture, other decoders, and what the results say."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.experiments.experiment import Results
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.experiments.parabola import problem as parabola
from autoencodes.experiments.parabola.pictures import pictures
from autoencodes.experiments.parabola.problem import ParabolaSettings
from autoencodes.experiments.parabola.result import ParabolaResult
from autoencodes.plot import style

TINY = ParabolaSettings(
    blocks=(2, 1, 2),
    seeds=(0,),
    fresh=100,
    steps=15,
    decoder_steps=10,
    starts=2,
    decoders=(("perceptron", 3), ("two-layer", 2)),
    others=(("softplus", (2, 1, 2)),),
)


def test_the_architecture_is_the_papers() -> None:
    schedule = parabola._problem(ParabolaSettings()).flow.schedule
    assert schedule == ac.WidthSchedule.autoencoder(2, (2, 1), 7, 21.0)
    assert schedule.step_size == 1
    assert schedule.memory == "reset"


def test_forty_layers_stand_beside_it_in_the_decoder_and_evenly() -> None:
    others = ParabolaSettings().others
    for activation in ("tanh", "softplus"):
        blocks = [blocks for name, blocks in others if name == activation]
        forty = [b for b in blocks if sum(b) == 40]
        assert len(forty) == 2
        assert {max(b) - min(b) <= 1 for b in forty} == {True, False}
    problem = parabola._problem(ParabolaSettings(), "softplus", (7, 7, 26))
    assert problem.flow.schedule.steps == 40
    assert problem.flow.schedule.step_size == 1


def test_a_decoder_of_the_same_field_and_layers_can_be_the_own_one() -> None:
    """The last block of the flow, as a flow of its own from (z, 0), ends where the flow does."""
    flow = parabola._problem(TINY).flow
    control = flow.init(jax.random.key(1), 1.0)
    x = np.random.default_rng(0).normal(size=(20, 2))
    start = parabola.embedded(flow, control, x)
    alone = parabola.decoding(TINY, "perceptron", 2).flow.push(control[-1:], start)
    np.testing.assert_allclose(alone, flow.push(control, x), atol=1e-12)


def test_pca_of_a_line_leaves_nothing_of_it() -> None:
    s = np.linspace(-1, 1, 20)
    line = ac.EmpiricalMeasure(np.stack([1 + s, 2 - 3 * s], axis=1))
    assert parabola._pca(line, line) == pytest.approx(0, abs=1e-25)
    curve = ac.EmpiricalMeasure(np.stack([s, s**2], axis=1))
    assert parabola._pca(curve, curve) == pytest.approx(np.var(s**2))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results[ParabolaResult]:
    notebook = Notebook(Path(tmp_path_factory.mktemp("notebook")))
    with pytest.MonkeyPatch.context() as patch:
        # Certificates have tests of their own, and take as long as all the rest.
        patch.setattr(parabola, "certified", lambda *_: Part(facts={"lines": ["a line"]}))
        return parabola.run(TINY, notebook)


@pytest.mark.slow
def test_results_state_what_was_measured(results: Results[ParabolaResult]) -> None:
    rows = results.tables["errors"].rows
    error, per_component = rows[0][1:3]
    (motion,) = results.motions
    assert per_component == error / 2
    # Few steps do not converge: both starts are reported and counted.
    assert rows[0][-1] == 2
    failures = [note for note in results.notes if note.startswith("tanh, 2/1/2, seed 0: ")]
    assert "restarted" in failures[0]
    assert "no start remains" in failures[1]
    assert "0 of 1 trainings" in results.sentence
    assert len(results.sentence.split()) <= 25
    shown = np.mean(np.sum((motion.states[-1] - motion.targets) ** 2, axis=1))
    assert shown == pytest.approx(error)
    assert tuple(row[0] for row in results.tables["decoders"].rows) == results.measured.decoders
    assert f"{error:.1e}" in results.notes[0]
    first, other = results.measured.networks
    assert (first.fresh_cost, first.network) == (error, "tanh, 2/1/2")
    assert other.network == "softplus, 2/1/2"
    assert f"{other.fresh_cost:.1e}" in next(n for n in results.notes if n.startswith("softplus:"))
    assert first.reach >= np.abs(motion.states).max()


@pytest.mark.slow
def test_the_pictures_are_drawn(results: Results[ParabolaResult]) -> None:
    pytest.importorskip("matplotlib")
    with style.context():
        drawn = pictures(results, TINY)
        assert [picture.name for picture in drawn] == [
            "phases",
            "decoders",
            "networks",
            "architecture",
        ]
        assert all(len(picture.caption.split()) <= 25 for picture in drawn)
        assert all(len(style.png(picture.figure)) > 5000 for picture in drawn)
