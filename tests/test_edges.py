"""Every public function that takes arrays: the same values from any array, and clear refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import autoencodes as ac
from autoencodes import precision
from autoencodes.checks import real_rows
from autoencodes.measure.wasserstein import wasserstein
from autoencodes.model.pca import Pca
from autoencodes.second_order.hessian import Hessian

SHAPE = (5, 2)
X = np.random.default_rng(0).integers(-3, 4, SHAPE).astype(float)
FLOW = ac.Flow(ac.WidthSchedule.autoencoder(2, (2, 1), 1, 1.0, memory="hold"))
CONTROL = FLOW.init(jax.random.key(0))
PROBLEM = ac.ControlProblem(FLOW)
MEASURE = ac.EmpiricalMeasure(X)
MODEL = ac.Model(FLOW, CONTROL, ac.Scaling(np.ones(2), np.full(2, 2.0)))
NUMBERS = ac.Readout(ac.SquaredError((0,)), "numbers", (), ac.Scaling(np.zeros(1), np.ones(1)))
CLASSES = ac.Readout(ac.SquaredError(), "classes", (0, 1))
TURNED = ac.Coordinates.of("random", X, 2)
PCA = Pca.fit(X, 1)

ROWS: dict[str, Callable[[Any], Any]] = {
    "EmpiricalMeasure.x": lambda x: ac.EmpiricalMeasure(x).astype(float).x,
    "EmpiricalMeasure.y": lambda x: ac.EmpiricalMeasure(X, x).astype(float).y,
    "objective": lambda x: PROBLEM.objective(CONTROL, ac.EmpiricalMeasure(x, x)),
    "gradient": lambda x: PROBLEM.gradient(CONTROL, ac.EmpiricalMeasure(x)),
    "push": lambda x: FLOW.push(CONTROL, x),
    "trajectory": lambda x: FLOW.trajectory(CONTROL, x),
    "encode": lambda x: FLOW.encode(CONTROL, x),
    "decode": lambda x: FLOW.decode(CONTROL, real_rows(x, "x")[:, :1], np.ones((5, 1))),
    "decode.held": lambda x: FLOW.decode(CONTROL, np.ones((5, 1)), real_rows(x, "x")[:, :1]),
    "inverse": lambda x: FLOW.inverse(CONTROL, x),
    "Model.features": lambda x: MODEL.features(x)[0],
    "Model.encode": lambda x: MODEL.encode(x).latent,
    "Model.decode": lambda x: MODEL.decode(real_rows(x, "x")[:, :1], np.ones((5, 1))),
    "Model.reconstruct": lambda x: MODEL.reconstruct(x),
    "Model.predict": lambda x: MODEL.predict(x),
    "Model.errors": lambda x: MODEL.errors(x),
    "Model.errors.y": lambda x: MODEL.errors(X, x),
    "Model.measure": lambda x: MODEL.measure(x).x,
    "Model.measure.y": lambda x: MODEL.measure(X, x).y,
    "Model.column_errors": lambda x: MODEL.column_errors(x)["x_0"],
    "wasserstein.x": lambda x: wasserstein(x, X + 1),
    "wasserstein.y": lambda x: wasserstein(X + 1, x),
    "Scaling.of": lambda x: ac.Scaling.of("standard", x).scale,
    "Scaling.of.unit": lambda x: ac.Scaling.of("unit", x).scale,
    "Scaling.apply": lambda x: MODEL.scaling.apply(x, float),
    "Scaling.undo": lambda x: MODEL.scaling.undo(x, float),
    "Coordinates.of": lambda x: ac.Coordinates.of("pca", x, 2).rotation,
    "Coordinates.enter": lambda x: TURNED.enter(x, float),
    "Coordinates.leave": lambda x: TURNED.leave(x, float),
    "Pca.fit": lambda x: Pca.fit(x, 1).axes,
    "Pca.reconstruct": lambda x: PCA.reconstruct(x),
    "Pca.mean_squared_error": lambda x: PCA.mean_squared_error(x),
    "by_variance": lambda x: ac.order.by_variance(x).scores,
    "natural": lambda x: ac.order.natural(x).scores,
    "natural.y": lambda x: ac.order.natural(X, x).scores,
    "Readout.predict": lambda x: NUMBERS.predict(x),
    "Readout.costs": lambda x: NUMBERS.costs(x, real_rows(x, "y")[:, :1]),
    "Readout.named": lambda x: CLASSES.named(x),
}
"""What takes rows (N, 2), by name."""

COLUMNS: dict[str, Callable[[Any], Any]] = {
    "EmpiricalMeasure.weights": lambda w: ac.EmpiricalMeasure(X, weights=w).weights,
    "wasserstein.weights": lambda w: wasserstein(X[:, :1], X[:, :1] + 1, w),
    "Scaling.scale": lambda w: ac.Scaling(np.zeros(5), w).scale,
    "Scaling.shift": lambda w: ac.Scaling(w, np.ones(5)).shift,
    "Coordinates.centre": lambda w: ac.Coordinates(5, 5, np.eye(5), w).centre,
    "Readout.targets": lambda w: NUMBERS.targets(w, float),
    "Readout.of": lambda w: ac.Readout.of("numbers", w, "a table").scaling.shift,
}
"""What takes an array (N,) of positive numbers."""
W = np.array([1.0, 2, 3, 1, 2])

CONTROLS: dict[str, Callable[[Any], Any]] = {
    "push": lambda c: FLOW.push(c, X),
    "inverse": lambda c: FLOW.inverse(c, X),
    "objective": lambda c: PROBLEM.objective(c, MEASURE),
    "terminal_cost": lambda c: PROBLEM.terminal_cost(c, MEASURE),
    "penalty": lambda c: PROBLEM.penalty(c),
    "gradient": lambda c: PROBLEM.gradient(c, MEASURE),
    "costate": lambda c: PROBLEM.costate(c, MEASURE),
    "hamiltonian": lambda c: PROBLEM.hamiltonian(CONTROL, MEASURE, c),
    "hvp": lambda c: PROBLEM.hvp(CONTROL, MEASURE, c),
    "pmp_residual": lambda c: PROBLEM.pmp_residual(c, MEASURE),
    "Hessian": lambda c: Hessian(PROBLEM, c, MEASURE).dense(),
    "inner": lambda c: ac.inner(c, CONTROL, 1.0),
    "inner.other": lambda c: ac.inner(CONTROL, c, 1.0),
    "norm": lambda c: ac.norm(c, 1.0),
    "refine": lambda c: ac.refine(c, 2),
    "fit": lambda c: ac.fit(PROBLEM, c, MEASURE, steps=1, method=ac.SGD()).control,
    "Model": lambda c: MODEL.with_control(c).encode(X).latent,
    "certify": lambda c: ac.certify(PROBLEM, c, MEASURE, stop=lambda: True).residual,
}
"""What takes a control."""


def same(found: Any, expected: Any) -> None:
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(np.asarray(a), np.asarray(b), 1e-12, 1e-12),
        tuple(jax.tree.leaves(found)),
        tuple(jax.tree.leaves(expected)),
    )


def alike(x: np.ndarray) -> Iterator[Any]:
    """The same numbers as other arrays; the native one of a kind comes first, as JAX caches it."""
    for kind in ("i4", "f8"):
        if kind == "f8" or (x == np.round(x)).all():
            yield x.astype(kind)
            yield x.astype(f">{kind}")
    yield np.array([Decimal(float(v)) for v in x.ravel()], object).reshape(x.shape)
    yield np.ma.masked_array(x, np.zeros(x.shape, bool))
    yield x.astype(np.longdouble)
    yield x.tolist()
    yield jnp.asarray(x)


def refused(x: np.ndarray) -> Iterator[tuple[Any, str]]:
    """What is no array of real numbers, and what the error says."""
    masked = np.zeros(x.shape, bool)
    masked[-1] = True
    text = x.astype(object)
    text.flat[0] = "3"
    yield x + 0j, "real numbers; got dtype complex128"
    yield jnp.asarray(x) + 0j, "real numbers; got dtype complex128"
    yield x.astype(str), "real numbers; got dtype <U|no numbers"
    yield np.ma.masked_array(x, masked), f"row {len(x) - 1}.* is masked"
    yield text, "got '3', a str, in row 0"
    yield x.astype("datetime64[s]"), "real numbers; got dtype datetime64"


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_the_same_from_any_array(name: str) -> None:
    expected = ROWS[name](X)
    for given in alike(X):
        same(ROWS[name](given), expected)


@pytest.mark.parametrize("name", ROWS)
def test_what_is_no_row_of_real_numbers_is_refused_with_its_place(name: str) -> None:
    cases = list(refused(X))
    for value in (np.nan, np.inf, -np.inf):
        x = X.copy()
        x[3, 0] = value
        for given in (x, jnp.asarray(x), x.astype(np.float32), x.astype(object), x.tolist()):
            cases.append((given, f"{value} in row 3, column 0"))
    for given, message in cases:
        with pytest.raises(ac.InputError, match=message):
            ROWS[name](given)


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_the_same_from_any_array_and_refused_with_the_row(name: str) -> None:
    expected = COLUMNS[name](W)
    for given in alike(W):
        same(COLUMNS[name](given), expected)
    wrong = W.copy()
    wrong[3] = np.nan
    for given, message in [*refused(W), (wrong, "nan in row 3"), (wrong * np.inf, "row ")]:
        if name.startswith("Readout") and isinstance(given, np.ndarray) and given.dtype.kind == "U":
            continue  # a column of text whose entries are numbers
        with pytest.raises(ac.InputError, match=message):
            COLUMNS[name](given)


@pytest.mark.parametrize("name", CONTROLS)
def test_controls_are_the_same_from_any_array(name: str) -> None:
    control = jax.tree.map(np.asarray, CONTROL)
    expected = CONTROLS[name](control)
    for change in (
        lambda a: a.astype(">f8"),
        lambda a: np.ma.masked_array(a, np.zeros(a.shape, bool)),
    ):
        same(CONTROLS[name](jax.tree.map(change, control)), expected)
    with pytest.raises(ac.InputError, match="is masked"):
        CONTROLS[name](jax.tree.map(lambda a: np.ma.masked_array(a, np.full(a.shape, 1)), control))


def test_no_array_but_real_ones_in_native_order_enters_compiled_functions() -> None:
    # What the annotations of a control forbid, and only tests check.
    total = precision.compiled(lambda tree: sum(map(jnp.sum, jax.tree.leaves(tree))))
    for given in alike(W):
        if isinstance(given, np.ndarray):
            same(total({"a": given, "b": [given]}), 2 * W.sum())
    for given, message in refused(W):
        if isinstance(given, np.ndarray):
            with pytest.raises(ac.InputError, match=message):
                total({"a": given})
    tree = {"a": W, "b": jnp.ones(2)}
    assert precision.native(tree) is tree


def test_wide_integers_are_not_cut_where_jax_knows_none() -> None:
    with precision.precision(np.float32):
        far = np.array([[2**40, 3], [2**33, -(2**35)]])
        control = FLOW.init(jax.random.key(0), dtype=np.float32)
        same(FLOW.push(control, far), FLOW.push(control, far.astype(np.float32)))


def test_a_row_that_leaves_the_finite_numbers_is_named() -> None:
    far = np.zeros((3000, 2))
    far[2500] = 1e308
    flow = ac.Flow(FLOW.schedule, ac.fields.Perceptron("identity"))
    control = jax.tree.map(lambda a: 1e3 * jnp.abs(a), CONTROL)
    for push in (flow.push, flow.trajectory, flow.encode):
        with pytest.raises(ac.NumericalFailure, match="first row that does is 2500"):
            push(control, far)
    with pytest.raises(ac.NumericalFailure, match="first row that does is 2500"):
        ac.Model(flow, control).reconstruct(far)


LINEAR = ac.Flow(ac.WidthSchedule.autoencoder(2, (2, 1), 1, 1.0), ac.fields.Perceptron("identity"))
METHODS = (ac.MinimizingMovement(), ac.LBFGS(), ac.SGD(1e-2), ac.AdamW(), ac.ExtendedMSA())


@pytest.mark.parametrize("size", [1e10, 1e15, 1e18, 1e19, 1e30])
@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_what_float32_cannot_square_fails_with_a_reason(method: Any, size: float) -> None:
    control = LINEAR.init(jax.random.key(0), dtype=np.float32)
    result = ac.fit(
        ac.ControlProblem(LINEAR), control, ac.EmpiricalMeasure(X * size), steps=3, method=method
    )
    assert result.failed
    assert "scale the data" in result.reason
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.control))
    for record in result.history:
        assert np.isfinite([value for value in record.values() if value is not None]).all()


@pytest.mark.parametrize("batch_size", [None, 2])
def test_a_descent_that_diverges_fails_and_keeps_its_best_control(batch_size: int | None) -> None:
    problem, measure = ac.ControlProblem(LINEAR), ac.EmpiricalMeasure(X * 1e3)
    result = ac.fit(
        problem,
        LINEAR.init(jax.random.key(0)),
        measure,
        steps=400,
        method=ac.SGD(1e-6, warmup=0.5),
        batch_size=batch_size,
        key=jax.random.key(1),
    )
    objectives = [record["objective"] for record in result.history]
    assert result.failed
    kept = float(problem.objective(result.control, measure))
    if batch_size is None:
        assert min(objectives) < objectives[0]
        np.testing.assert_allclose(kept, min(objectives), 1e-12)
    else:
        assert kept < 2 * objectives[0]


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e-22), (np.float64, 1e-150)])
def test_what_is_too_small_to_square_is_refused_and_nothing_is_not(dtype: Any, size: float) -> None:
    control = FLOW.init(jax.random.key(0), dtype=dtype)
    with pytest.raises(ac.InputError, match="too small for squares"):
        ac.fit(PROBLEM, control, ac.EmpiricalMeasure(X * size), steps=1)
    assert ac.fit(PROBLEM, control, ac.EmpiricalMeasure(X * 0), steps=1).history


def test_a_checkpoint_goes_on_where_integers_are_wider_or_narrower() -> None:
    measure = ac.EmpiricalMeasure(X)

    def fit(steps: int, resume: Any = None) -> ac.Result:
        with precision.precision(np.float32):
            control = FLOW.init(jax.random.key(0), dtype=np.float32)
            return ac.fit(PROBLEM, control, measure, steps=steps, method=ac.LBFGS(), resume=resume)

    whole, part = fit(6), fit(3).resumption
    for wide in (np.int32, np.int64):
        leaves = [
            np.asarray(a).astype(wide if a.dtype.kind == "i" else a.dtype)
            for a in jax.tree.leaves(part.state)
        ]
        same(fit(6, type(part)(leaves, part.step)).control, whole.control)


def test_a_descent_goes_on_from_a_checkpoint_of_before_it_kept_its_best_control() -> None:
    def fit(steps: int, resume: Any = None) -> ac.Result:
        control = FLOW.init(jax.random.key(0))
        options = {"method": ac.Adam(), "resume": resume}
        return ac.fit(PROBLEM, control, MEASURE, steps=steps, **options)

    part = fit(6).resumption
    for missing in (1, 2):  # its number of steps; and what it had seen
        older = type(part)(jax.tree.leaves(part.state)[:-missing], part.step)
        same(fit(6, older).control, fit(6, part).control)
    with pytest.raises(ac.InputError, match="another control, method or precision"):
        fit(6, type(part)(jax.tree.leaves(part.state)[:-3], part.step))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_errors_of_absurd_rows_are_finite_and_in_order_or_refused_with_the_row(dtype: Any) -> None:
    far = np.array([1.0, 1e5, 1e10, 1e15, 1e20, 1e30])
    rows = np.outer(far, [1.0, -2.0])
    model = ac.Model(LINEAR, LINEAR.init(jax.random.key(0), 1e-3, dtype), MODEL.scaling)
    errors = model.errors(rows)
    assert errors.dtype == np.float64
    assert np.isfinite(errors).all()
    assert (np.diff(errors) > 0).all()
    np.testing.assert_allclose(errors[1:-1] * (far[2:] / far[1:-1]) ** 2, errors[2:], 1e-3)
    assert np.isfinite(model.reconstruct(rows.astype(np.float32))).all()
    assert np.isfinite(model.column_errors(rows)["x_1"]).all()
    rows[4] = 9.97e36 * (1e3 if dtype == np.float32 else 1e200)
    for measured in (model.errors, model.column_errors):
        with pytest.raises(ac.InputError, match="row 4"):
            measured(rows)
    assert np.isfinite(PCA.mean_squared_error(rows[:4]))
    huber = ac.Readout(ac.Huber())
    assert np.isfinite(huber.costs(rows[:4].astype(np.float32), X[:4].astype(np.float32))).all()


@pytest.mark.parametrize("cost", [ac.BinaryCrossEntropy()])
def test_targets_that_are_no_probabilities_are_refused_with_the_row(cost: Any) -> None:
    problem = ac.ControlProblem(FLOW, cost)
    y = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])
    assert np.isfinite(problem.objective(CONTROL, ac.EmpiricalMeasure(X[:3], y)))
    for wrong in (-1e-3, 1.5):
        y[1, 1] = wrong
        measure = ac.EmpiricalMeasure(X[:3], y)
        for use in (problem.objective, problem.gradient, problem.pmp_residual):
            with pytest.raises(ac.InputError, match=rf"\[0, 1\]; got {wrong} in row 1, column 1"):
                use(CONTROL, measure)
        with pytest.raises(ac.InputError, match="row 1"):
            ac.fit(problem, CONTROL, measure, steps=1)


def test_labels_are_known_and_what_they_are() -> None:
    text = ac.Readout.of("classes", np.array(["007", "7", "007"]), "a table")
    assert text.classes == ("007", "7")
    np.testing.assert_array_equal(text.targets(["7", "007"], float), [[0, 1], [1, 0]])
    integers = ac.Readout.of("classes", np.array([7, 8], ">i4"), "a table")
    assert integers.classes == (7, 8)
    with pytest.raises(ac.InputError, match="'007' is none of"):
        integers.targets(np.array(["007"]), float)
    for kind in ("classes", "numbers"):
        for strange in (np.nan, np.inf, None, np.ma.masked):
            labels = np.ma.masked_array([1.0, 2.0, 1.0]).astype(object)
            labels[1] = strange
            given = labels if strange is np.ma.masked else np.array(list(labels))
            with pytest.raises(ac.InputError, match="labels of a table"):
                ac.Readout.of(kind, given, "a table")
        with pytest.raises(ac.InputError, match="nan in row 1"):
            ac.Readout.of(kind, np.array([1.0, np.nan]), "a table")
