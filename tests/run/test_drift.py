"""A stream of batches: what is said of each before it is learned from."""

from __future__ import annotations

import numpy as np
import pytest

import autoencodes as ac
from autoencodes.run.drift import Prequential, distance


def test_running_error_and_chance_are_those_of_all_rows_so_far() -> None:
    random, stream = np.random.default_rng(0), Prequential()
    parts = [random.exponential(size=n) for n in (40, 7, 300, 1)]
    for k, part in enumerate(parts):
        seen = stream.add(part)
        earlier = np.concatenate(parts[: k + 1])
        np.testing.assert_allclose(seen.running_error, earlier.mean(), rtol=1e-12)
        assert seen.error == part.mean()
        if 0 < k < 3:
            before = np.concatenate(parts[:k])
            chance = part.var(ddof=1) / len(part) + before.var(ddof=1) / len(before)
            np.testing.assert_allclose(seen.z, (part.mean() - before.mean()) / chance**0.5)
    assert stream.batches[0].z is None
    assert stream.batches[-1].z is None
    assert stream.running_error == stream.batches[-1].running_error


def test_of_batches_of_one_law_z_is_about_a_standard_normal_number() -> None:
    random, stream = np.random.default_rng(1), Prequential()
    for _ in range(400):
        stream.add(random.exponential(size=50))
    z = np.array([seen.z for seen in stream.batches[20:]], float)
    assert abs(z.mean()) < 0.2
    assert 0.8 < z.std() < 1.25
    changed = stream.add(2 + random.exponential(size=50)).z
    assert changed is not None
    assert changed > 4


def test_a_batch_is_scored_before_it_is_learned_and_told_from_the_certified_control() -> None:
    random = np.random.default_rng(0)

    def batch(count: int = 40) -> np.ndarray:
        t = random.uniform(-1, 1, count)
        return np.c_[t, t**2] + 0.05 * random.normal(size=(count, 2))

    encoder = ac.AutoencODE(1, noise=0.05, widths=(2, 1), epochs=2, batch_size=8)
    encoder.partial_fit(batch())
    assert encoder.stream_.batches == []
    for certified in (False, True):
        if certified:
            encoder.certificate(particles=20, seconds=1)
            start = encoder.model_.control
        rows = batch()
        expected = encoder.model_.errors(rows)
        encoder.partial_fit(rows)
        seen = encoder.stream_.batches[-1]
        assert seen.error == pytest.approx(expected.mean())
        assert seen.distance == (0.0 if certified else None)
    encoder.partial_fit(batch())
    step = encoder.model_.flow.schedule.step_size
    apart = encoder.stream_.batches[-1].distance
    assert apart is not None
    assert apart > 0
    assert distance(encoder.model_.control, start, step) != apart
    encoder.fit(batch())
    assert not hasattr(encoder, "stream_")
