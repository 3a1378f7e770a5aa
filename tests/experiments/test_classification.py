"""The classifications: which component is off, what counts as arrived, what the report says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autoencodes.experiments import EXPERIMENTS
from autoencodes.experiments.classification import problem as classification
from autoencodes.experiments.classification.problem import ClassificationSettings
from autoencodes.experiments.notebook import Notebook

TINY = {"seeds": (0,), "particles": 100, "fresh": 200, "steps": 12}


@pytest.mark.parametrize("off", [0, 1])
def test_the_component_is_off_in_the_middle(off: int) -> None:
    (network,) = ClassificationSettings(switched_off=off).networks
    schedule = classification.control_problem(ClassificationSettings(), network).flow.schedule
    assert schedule.step_size == 1
    assert [block.active for block in schedule.blocks] == [(0, 1), (1 - off,), (0, 1)]


def test_both_orders_are_run_on_the_papers_networks_and_the_rest_is_an_extension() -> None:
    settings = EXPERIMENTS["classification-unnatural"].full
    own = [network for network in settings.networks if network.order == "unnatural"]
    other = [network for network in settings.networks if network.order == "natural"]
    paper = [network.blocks for network in own if network.origin == "paper"]
    assert paper == [network.blocks for network in other]
    assert paper[0] == (7, 7, 7)
    assert {sum(blocks) for blocks in paper} == {20, 21, 40}
    assert [n.blocks for n in own if n.origin == "extension"] == [(8, 4, 8), (16, 8, 16)]


def test_the_text_counts_the_seeds_that_ran() -> None:
    settings = ClassificationSettings(switched_off=0, both_orders=True, seeds=(0, 1, 4))
    rows = [
        {"order": order, "accuracy": a, "convex": a > 0.985, "starts": 1}
        for order, accuracies in (("unnatural", (0.97, 0.98, 1.0)), ("natural", (1.0, 0.98, 0.99)))
        for a in accuracies
    ]
    sentence = classification._sentence(settings, rows)
    assert sentence == (
        "Unnatural order: 2 of 3 trainings (1 network, seeds 0, 1, 4) classify at least 98% of "
        "5,000 fresh particles; natural (99%): 2 of 3."
    )
    assert len(sentence.split()) <= 25
    found = classification._found(settings, rows)
    assert "from 97.00% to 100.00%, mean 98.33%; λ_min(H) > 0 at the end of 1." in found[0]
    assert "6 of 6 trainings kept their first random start" in found[-1]


@pytest.mark.slow
def test_results_of_a_training_are_those_of_its_states(tmp_path: Path) -> None:
    settings = ClassificationSettings(blocks=((3, 2, 3),), **TINY)
    results = classification.run(settings, Notebook(tmp_path))
    (row,) = results.tables["accuracy"].rows
    (motion,) = results.motions
    final = motion.states[-1]
    right = np.where(final[:, 0] < 0, 0, 1) == motion.labels
    assert row[3] == pytest.approx(right.mean())
    assert f"{row[3]:.2%}" in results.sentence
    assert len(results.sentence.split()) <= 25
    assert (motion.states[4:6, :, 1] == 0).all()
    assert len(results.certificates) == 1


@pytest.mark.slow
def test_starts_that_do_not_converge_are_restarted_and_reported(tmp_path: Path) -> None:
    # From θ = 0, a saddle where x₁ is off, gradients vanish: no start can leave it.
    settings = ClassificationSettings(
        switched_off=0, blocks=((3, 2, 3),), scale=0.0, starts=2, **{**TINY, "steps": 3}
    )
    results = classification.run(settings, Notebook(tmp_path))
    assert results.tables["accuracy"].rows[0][-1] == 2
    assert "restarted from another" in results.notes[-2]
    assert "no start remains" in results.notes[-1]
    assert "0 of 1 trainings" in results.sentence
