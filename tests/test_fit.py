"""The training loop: reasons to stop, the history, mini-batches, and going on."""

from __future__ import annotations

import importlib
import io
import math
import re
import signal
import sys
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import BY_NAME, flat

import autoencodes as ac

CASE = BY_NAME["constant, relu"]
KNOWN = BY_NAME["translation, reset"]
KEY = jax.random.key(0)
METHODS = {
    "movement": ac.MinimizingMovement(1.0, "contraction"),
    "adam": ac.Adam(learning_rate=0.05),
}
FIELDS = ("step", "epoch", "objective", "terminal_cost", "gradient_evaluations", "seconds")

every_method = pytest.mark.parametrize("name", METHODS)
every_batch = pytest.mark.parametrize("batch_size", [None, 2])


def train(name: str = "movement", steps: int = 8, **options: Any) -> ac.Result:
    if options.get("batch_size"):
        options = {"key": KEY, **options}
    method = METHODS[name]
    return ac.fit(CASE.problem, CASE.control, CASE.measure, method=method, steps=steps, **options)


def timeless(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**record, "seconds": 0} for record in history]


@every_method
@every_batch
def test_the_history_has_one_record_an_epoch_and_counts_upwards(
    name: str, batch_size: int | None
) -> None:
    result = train(name, batch_size=batch_size)
    batches = 1 if batch_size is None else 7 // batch_size
    ends = [*range(batches, 9, batches)]
    ends += [] if ends[-1] == 8 else [8]
    assert [record["step"] for record in result.history] == ends
    assert [record["epoch"] for record in result.history] == [*range(1, len(ends) + 1)]
    for record in result.history:
        assert set(FIELDS) <= set(record)
        assert all(math.isfinite(value) for value in record.values())
    for counter in ("gradient_evaluations", "seconds"):
        assert (np.diff([0, *(record[counter] for record in result.history)]) > 0).all()
    assert result.resumption.step == 8
    assert result.resumption.gradient_evaluations == result.history[-1]["gradient_evaluations"]
    if name == "adam":
        assert result.resumption.gradient_evaluations == 8


@every_method
def test_a_training_that_spent_its_budget_says_so(name: str) -> None:
    result = train(name)
    assert result.reason == "budget spent: all 8 steps were made"
    assert not any((result.converged, result.failed, result.interrupted))


@every_method
@pytest.mark.parametrize("tolerance", [1e-2, 1e-4])
def test_a_training_converges_when_the_residual_reaches_the_tolerance(
    name: str, tolerance: float
) -> None:
    movement = ac.MinimizingMovement(first_tau=1e3)
    method = {"movement": movement, "adam": ac.Adam(learning_rate=0.02)}[name]
    problem = ac.ControlProblem(KNOWN.flow, tikhonov=0.5)
    start = (KNOWN.control, KNOWN.measure)
    result = ac.fit(problem, *start, method=method, steps=2000, tolerance=tolerance)
    assert result.converged, result.reason
    assert not result.failed
    assert result.reason.startswith("converged: the PMP residual is")
    assert problem.pmp_residual(result.control, KNOWN.measure) <= tolerance * (1 + 1e-9)
    assert result.history[-1]["residual"] <= tolerance
    assert all(record["residual"] > tolerance for record in result.history[:-1])


def test_a_stationary_control_is_recognised_at_working_precision() -> None:
    result = ac.fit(KNOWN.problem, KNOWN.control, KNOWN.measure, steps=20_000, tolerance=0.0)
    assert result.reason.startswith(("stalled: no movement", "converged"))
    assert not result.failed
    assert result.history[-1]["residual"] < 1e-12


@every_method
def test_a_callback_stops_the_training(name: str) -> None:
    seen: list[ac.Progress] = []

    def stop(progress: ac.Progress) -> bool:
        seen.append(progress)
        return progress.step >= 1

    result = train(name, callbacks=[stop, seen.append])
    assert result.reason == f"stopped by a callback after step {seen[-1].step} of 8"
    assert not any((result.converged, result.failed, result.interrupted))
    assert [type(progress) for progress in seen] == [ac.Progress] * 2
    assert (seen[0].step, seen[0].steps, seen[0].batches) == (1, 8, 1)
    assert list(seen[0].records) == result.history
    np.testing.assert_array_equal(flat(seen[0].control), flat(result.control))


def test_callbacks_see_every_record_once() -> None:
    records: list[Any] = []
    result = train("adam", batch_size=2, callbacks=[lambda p: records.extend(p.records)])
    assert records == result.history


def interrupt(progress: ac.Progress) -> None:
    signal.raise_signal(signal.SIGINT)


@every_method
@every_batch
def test_an_interrupted_training_goes_on_bit_for_bit(name: str, batch_size: int | None) -> None:
    whole = train(name, batch_size=batch_size)
    part = train(name, batch_size=batch_size, callbacks=[interrupt])
    assert part.interrupted
    assert not any((part.converged, part.failed))
    # After its first round a training over mini-batches stands in the middle of an epoch.
    assert part.reason == "interrupted after step 1 of 8"
    rest = train(name, batch_size=batch_size, resume=part.resumption)
    assert rest.reason == whole.reason
    np.testing.assert_array_equal(flat(rest.control), flat(whole.control))
    assert timeless(part.history + rest.history) == timeless(whole.history)
    for found, expected in zip(
        jax.tree.leaves(rest.resumption.state), jax.tree.leaves(whole.resumption.state), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    seconds = [record["seconds"] for record in part.history + rest.history]
    assert seconds == sorted(seconds)


def handlers() -> list[Any]:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


@pytest.mark.parametrize("stop", [None, lambda: False])
def test_signal_handlers_are_the_same_before_during_and_after(stop: Any) -> None:
    before, during = handlers(), []
    train(callback=lambda progress: during.append(handlers()), stop=stop)
    assert all(seen == before for seen in [*during, handlers()])
    assert during


@pytest.mark.parametrize("rounds", [0, 2])
def test_an_interrupt_within_a_round_leaves_the_last_complete_one(
    rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = importlib.import_module("autoencodes.training.fit")
    calls, real, whole = [], loop._round, train("adam", every=1, batch_size=2)

    def broken(*arguments: Any) -> Any:
        calls.append(len(calls))
        if len(calls) > rounds:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_round", broken)
        part = train("adam", every=1, batch_size=2)
    assert part.interrupted
    assert part.reason == f"interrupted after step {rounds} of 8"
    assert part.resumption.step == rounds
    rest = train("adam", every=1, batch_size=2, resume=part.resumption)
    np.testing.assert_array_equal(flat(rest.control), flat(whole.control))
    assert timeless(part.history + rest.history) == timeless(whole.history)


def test_stop_is_asked_after_every_round_and_leaves_interrupts_to_the_host() -> None:
    asked: list[int] = []

    def stop() -> bool:
        asked.append(len(asked))
        return len(asked) == 3

    result = train("adam", every=1, stop=stop)
    assert result.interrupted
    assert not any((result.converged, result.failed))
    assert result.reason == "interrupted after step 3 of 8"
    assert len(asked) == result.resumption.step == 3
    with pytest.raises(KeyboardInterrupt):
        train(callback=interrupt, stop=lambda: False)


def test_a_stop_after_the_last_step_interrupts_nothing() -> None:
    result = train(steps=1, stop=lambda: True)
    assert not result.interrupted
    assert result.reason == "budget spent: all 1 steps were made"


def test_one_callback_and_a_progress_of_ones_own_are_called_every_round() -> None:
    seen: dict[str, list[int]] = {"callback": [], "callbacks": [], "progress": []}

    def progress(now: ac.Progress) -> bool:
        seen["progress"].append(now.step)
        return True  # as tqdm's update does: it stops nothing

    train(
        every=1,
        callback=lambda p: seen["callback"].append(p.step),
        callbacks=[lambda p: seen["callbacks"].append(p.step)],
        progress=progress,
    )
    assert list(seen.values()) == [[*range(1, 9)]] * 3
    assert train(callback=lambda p: True).reason == "stopped by a callback after step 1 of 8"


def test_progress_is_lines_elsewhere_and_a_bar_in_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train()
    assert capsys.readouterr() == ("", "")
    result = train(progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    first, last = err.splitlines()
    assert first.startswith(f"step 1 of 8  J {result.history[0]['objective']:.6g}  residual ")
    assert last.startswith(f"step 8 of 8  J {result.history[-1]['objective']:.6g}  residual ")
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    streams = sys.stdout, sys.stderr
    train(progress=True, callback=lambda p: streams != (sys.stdout, sys.stderr))
    assert "step 8 of 8" in terminal.getvalue()
    assert "\r" in terminal.getvalue() or "\x1b[" in terminal.getvalue()


@pytest.mark.parametrize("unwanted", [False, True])
def test_colours_go_where_they_are_not_wanted(
    unwanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("COLORTERM", raising=False)
    monkeypatch.setenv("NO_COLOR", "1") if unwanted else monkeypatch.delenv("NO_COLOR", False)
    train(progress=True)
    colours = re.findall(r"\x1b\[[0-9;]*(?:3[0-8]|9[0-7])[0-9;]*m", terminal.getvalue())
    assert "step 8 of 8" in terminal.getvalue()
    assert bool(colours) != unwanted


def test_progress_is_one_bar_in_a_notebook(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, str]] = []
    cell = SimpleNamespace(update=lambda data, raw: shown.append(data))

    def display(data: dict[str, str], *, raw: bool, display_id: bool) -> SimpleNamespace:
        shown.append(data)
        return cell

    ipython = SimpleNamespace(
        get_ipython=lambda: SimpleNamespace(kernel=0), display=SimpleNamespace(display=display)
    )
    monkeypatch.setitem(sys.modules, "IPython", ipython)  # type: ignore[arg-type]
    train(progress=True)
    assert capsys.readouterr() == ("", "")
    assert shown[0] == {"text/plain": "compiling"}
    assert shown[-1]["text/plain"].startswith("step 8 of 8  J ")
    assert '<progress value="1.0000"' in shown[-1]["text/html"]


@every_method
def test_stopping_after_every_round_changes_nothing(name: str) -> None:
    whole, part = train(name, batch_size=2), None
    history: list[Any] = []
    while part is None or part.resumption.step < 8:
        resume = part and part.resumption
        part = train(name, batch_size=2, resume=resume, callbacks=[lambda progress: True])
        history += part.history
    np.testing.assert_array_equal(flat(part.control), flat(whole.control))
    assert timeless(history) == timeless(whole.history)


def test_the_arrays_of_the_state_suffice_to_go_on() -> None:
    whole, part = train(), train(callbacks=[lambda progress: True])
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(part.resumption.state)]
    resume = type(part.resumption)(leaves, part.resumption.step)
    np.testing.assert_array_equal(flat(train(resume=resume).control), flat(whole.control))


def test_a_finished_training_has_nothing_to_go_on_with() -> None:
    whole = train()
    again = train(resume=whole.resumption)
    assert again.history == []
    assert again.reason == whole.reason
    np.testing.assert_array_equal(flat(again.control), flat(whole.control))


def test_a_resumption_of_another_training_is_refused() -> None:
    for other in (train("adam").resumption, type(train().resumption)([])):
        with pytest.raises(ac.InputError, match="another control, method or precision"):
            train("movement", resume=other)


@pytest.mark.parametrize("batch_size", [7, 50])
@every_method
def test_a_batch_of_all_particles_is_the_whole_measure(name: str, batch_size: int) -> None:
    whole = train(name)
    result = train(name, batch_size=batch_size)
    np.testing.assert_array_equal(flat(result.control), flat(whole.control))
    assert timeless(result.history) == timeless(whole.history)


def test_a_streamed_training_is_the_unstreamed_one() -> None:
    # The contraction's decisions are discrete; the rounding of a sum does not change them here.
    streamed, whole = train(stream_size=3), train()
    np.testing.assert_allclose(flat(streamed.control), flat(whole.control), rtol=1e-9, atol=1e-12)


def test_the_precision_of_the_control_is_that_of_the_training() -> None:
    single = jax.tree.map(lambda a: a.astype(jnp.float32), CASE.control)
    for method in METHODS.values():
        result = ac.fit(CASE.problem, single, CASE.measure, method=method, steps=2)
        assert {a.dtype for a in jax.tree.leaves(result.control)} == {jnp.dtype("float32")}


@pytest.mark.parametrize("steps", [1, 3])
def test_adam_is_the_formula_of_kingma_and_ba_with_a_cosine_rate(steps: int) -> None:
    method = ac.Adam(learning_rate=0.1, warmup=0.0)
    found = ac.fit(CASE.problem, CASE.control, CASE.measure, method=method, steps=steps)
    control, mean, square = flat(CASE.control), 0.0, 0.0
    for k in range(steps):
        shaped, at = [], 0
        for leaf in jax.tree.leaves(CASE.control):
            shaped.append(jnp.asarray(control[at : at + leaf.size].reshape(leaf.shape)))
            at += leaf.size
        theta = jax.tree.unflatten(jax.tree.structure(CASE.control), shaped)
        gradient = flat(CASE.problem.gradient(theta, CASE.measure))
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        fair, spread = mean / (1 - 0.9 ** (k + 1)), square / (1 - 0.999 ** (k + 1))
        rate = 0.1 * (1 + math.cos(math.pi * k / steps)) / 2
        control = control - rate * fair / (np.sqrt(spread) + 1e-8)
    np.testing.assert_allclose(flat(found.control), control, rtol=1e-10, atol=1e-12)


def test_adam_fails_with_a_reason_and_a_finite_control() -> None:
    huge = jax.tree.map(lambda a: 1e200 * a, CASE.control)
    result = ac.fit(CASE.problem, huge, CASE.measure, method=METHODS["adam"], steps=5)
    assert result.failed
    assert result.reason.startswith("failed: the objective or its gradient is not finite")
    np.testing.assert_array_equal(flat(result.control), flat(huge))


def test_adam_does_not_freeze_in_silence_where_its_moments_overflow() -> None:
    # J and g are finite, and |g|² is not: the second moment stays infinite, the step 0.
    far = ac.EmpiricalMeasure(1e100 * np.asarray(CASE.measure.x))
    assert CASE.problem.objective(CASE.control, far) < 1e210
    result = ac.fit(CASE.problem, CASE.control, far, method=METHODS["adam"], steps=8)
    moments = [np.asarray(leaf) for leaf in jax.tree.leaves(result.resumption.state)]
    assert result.failed or all(np.isfinite(leaf).all() for leaf in moments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": -1}, "steps must be an integer, at least 0; got -1"),
        (
            {"batch_size": 0, "key": KEY},
            "batch_size must be an integer, at least 1, or None",
        ),
        ({"stream_size": 0}, "stream_size must be an integer, at least 1, or None; got 0"),
        ({"tolerance": -1e-3}, "tolerance must be a finite number, at least 0"),
        ({"tolerance": math.nan}, "tolerance must be a finite number, at least 0; got nan"),
        ({"batch_size": 2, "key": None}, r"pass key=jax.random.key\(seed\)"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ac.InputError, match=message):
        train(**options)


def test_no_step_leaves_the_control_as_it_is() -> None:
    result = train(steps=0)
    assert result.history == []
    assert result.reason == "no step was asked for"
    for a, b in zip(jax.tree.leaves(result.control), jax.tree.leaves(CASE.control), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_does_not_fit_the_problem_is_refused_before_any_step() -> None:
    thin = ac.EmpiricalMeasure(np.ones((4, 2)))
    with pytest.raises(ac.InputError, match="measure must live in dimension 3"):
        ac.fit(CASE.problem, CASE.control, thin, steps=1)
    with pytest.raises(ac.InputError, match=r"control\[0\]\['W'\] must have shape"):
        ac.fit(CASE.problem, BY_NAME["constant"].control, CASE.measure, steps=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be a positive"),
        ({"learning_rate": math.nan}, "learning_rate must be a positive"),
        ({"learning_rate": math.inf}, "learning_rate must be a positive"),
        ({"warmup": 1.0}, r"warmup must be a number in \[0, 1\); got 1"),
        ({"warmup": -0.1}, r"warmup must be a number in \[0, 1\)"),
    ],
)
def test_an_adam_that_cannot_be_says_why(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ac.InputError, match=message):
        ac.Adam(**options)


def test_what_is_shown_of_a_large_training_is_short_and_says_how_it_ended() -> None:
    flow = ac.Flow(ac.WidthSchedule.autoencoder(784, [784, 30], 1, 1.0))
    x = np.random.default_rng(0).uniform(size=(3, 784))
    shown: list[str] = []
    control = flow.init(KEY)
    method = ac.Adam()
    result = ac.fit(
        ac.ControlProblem(flow),
        control,
        ac.EmpiricalMeasure(x),
        method=method,
        steps=2,
        callback=lambda progress: shown.extend([repr(progress), repr(progress.resumption)]),
    )
    entries = f"{sum(a.size for a in jax.tree.leaves(control)):,} entries"
    for text in [repr(result), *shown]:
        assert len(text.splitlines()) <= 10
        assert max(map(len, text.splitlines())) <= 100
    for text in (repr(result), result._repr_html_()):
        assert "budget spent: all 2 steps were made" in text
        assert entries in text
        assert f"{result.history[-1]['objective']:.6g}" in text
    assert shown[0].startswith("Progress(step 1 of 2, ")
    assert entries in shown[0]
    assert len(result._repr_html_()) < 1000
