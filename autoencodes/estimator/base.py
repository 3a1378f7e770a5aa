"""What the estimators share: parameters to settings, rows to a data set, a job to a model.

An estimator is a thin face of the job that the command line has, too: the same settings on the
same rows give the same control, bit for bit.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Shaped
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from autoencodes import checks, datasets
from autoencodes.catalogue import METHODS
from autoencodes.certificate import Certificate, certify
from autoencodes.datasets import Dataset, Reading, Table
from autoencodes.datasets.windows import cut
from autoencodes.errors import InputError, Notice
from autoencodes.measure.empirical import EmpiricalMeasure, checked_weights
from autoencodes.model import pca, storage
from autoencodes.model.model import Model
from autoencodes.plan.plan import Plan
from autoencodes.plan.settings import DECLARATIONS, Settings
from autoencodes.plan.tables import Choice
from autoencodes.run import source
from autoencodes.run.choosing import Shown
from autoencodes.run.job import Job, prepare
from autoencodes.run.start import Start
from autoencodes.training import Result

_ENTRIES = {"n_components": "latent", "random_state": "seed"}
"""Parameters that scikit-learn calls otherwise than the command line."""
_NAME = "the rows"


class Estimator(BaseEstimator):
    """The base of the estimators: what is learned from rows, by which settings.

    Every parameter but the last three is an entry of ``autoencodes.plan.settings.Settings``; None
    leaves it to the default rules, in the light of the data. Values are checked by ``fit``.
    """

    _target: ClassVar[Literal["rows", "classes", "numbers"]] = "rows"

    model_: Model
    result_: Result
    choice_: Choice | None
    plan_: Plan
    n_components_: int
    n_features_in_: int
    _measures: tuple[EmpiricalMeasure, EmpiricalMeasure | None] | None

    def __init__(
        self,
        n_components: int | None = None,
        *,
        effort: str | None = None,
        trim: float | None = None,
        extra: int | None = None,
        widths: tuple[int, ...] | None = None,
        field: str | None = None,
        hidden: int | None = None,
        activation: str | None = None,
        steps_per_block: int | None = None,
        horizon: float | None = None,
        memory: str | None = None,
        rotation: str | None = None,
        scaling: str | None = None,
        tikhonov: float | None = None,
        init_scale: float | None = None,
        noise: float | None = None,
        method: str | None = None,
        learning_rate: float | None = None,
        tau: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        tolerance: float | None = None,
        kinds: Mapping[str, str] | tuple[str, ...] | None = None,
        missing: str = "refuse",
        validation_fraction: float | None = None,
        precision: str | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.effort = effort
        self.trim = trim
        self.extra = extra
        self.widths = widths
        self.field = field
        self.hidden = hidden
        self.activation = activation
        self.steps_per_block = steps_per_block
        self.horizon = horizon
        self.memory = memory
        self.rotation = rotation
        self.scaling = scaling
        self.tikhonov = tikhonov
        self.init_scale = init_scale
        self.noise = noise
        self.method = method
        self.learning_rate = learning_rate
        self.tau = tau
        self.epochs = epochs
        self.batch_size = batch_size
        self.tolerance = tolerance
        self.kinds = kinds
        self.missing = missing
        self.validation_fraction = validation_fraction
        self.precision = precision
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def certificate(self, **options: Any) -> Certificate:
        """What can be concluded of the control over the rows that it was last trained on.

        Parameters
        ----------
        **options
            Those of ``autoencodes.certify``, as ``particles`` or ``seconds``.

        Returns
        -------
        Certificate

        Raises
        ------
        InputError
            If the estimator was read from a file, which does not hold its rows.
        """
        check_is_fitted(self)
        if self._measures is None:
            raise InputError(
                "a certificate is of the rows that were trained on, which an estimator from a file "
                "or another process does not hold: call fit here"
            )
        learned, validation = self._measures
        problem = self.model_.problem(self.plan_.tikhonov)
        made = certify(problem, self.model_.control, learned, validation, **options)
        self._certified = self.model_.control
        return made

    def save(self, path: str | Path) -> None:
        """Writes the model as one file, which ``autoencodes.load`` reads.

        Parameters
        ----------
        path : str or path
            The file; it is written whole or not at all.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        check_is_fitted(self)
        storage.save(path, self.model_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()  # type: ignore[no-untyped-call]
        tags.input_tags.allow_nan = self.missing != "refuse"
        tags.target_tags.required = self._target != "rows"
        return tags

    def __getstate__(self) -> dict[str, Any]:
        # Whoever keeps or sends a model does not mean to send the rows with it.
        state: dict[str, Any] = super().__getstate__()  # type: ignore[no-untyped-call]
        return {**state, "_measures": None} if "_measures" in state else state

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None,
        *,
        anew: bool,
        **more: Any,
    ) -> None:
        """Trains on rows: from a control that is drawn, or from that of the last training.

        A warm start from PCA, θ = 0, is none: of a flow at rest the gradient is 0.
        """
        anew = anew or ("epochs" not in more and self.plan_.epochs == 0)
        settings = self._settings(**more)
        start = None if anew else Start("of the last fit", self.plan_, self.model_, 1)
        reading = source.reading(settings, None if start is None else self.model_.encoding)
        table = self._table(X, reading, reset=anew)
        if reading.window is not None:
            one = np.zeros(len(table.x), np.int64)
            table = cut(table, one, reading.window, reading.stride or 1, _NAME)[0]
        data = self._dataset(table, self._labels(y), sample_weight)
        settings = self._fitting(settings, data)
        if not anew:
            settings = self._continuing(settings, data)
        data = data.validating(settings.validation_fraction or 0.0, settings.split_seed)
        # One pass is too short to compare, and who goes on from PCA, θ = 0, never leaves it.
        show: Shown | Literal[False] | None = _comparing if self.verbose else None
        show = False if "epochs" in more else show
        job = prepare(settings, lambda given, model: data, start, show)
        self._keep(job, job.fit(progress=bool(self.verbose)))

    def _settings(self, **more: Any) -> Settings:
        """The settings that the parameters are: what a user of the command line would give."""
        names = [n for n in inspect.signature(Estimator).parameters if n in DECLARATIONS]
        given: dict[str, Any] = {name: getattr(self, name) for name in names}
        if given["missing"] == "refuse":
            del given["missing"]  # as on the command line, where nobody says so
        if isinstance(self.kinds, Mapping):
            given["kinds"] = tuple(f"{name}={kind}" for name, kind in self.kinds.items())
        given["latent"] = checks.optional(
            checks.positive_integer, self.n_components, "n_components"
        )
        if self.random_state is not None:
            seed = self.random_state
            if isinstance(seed, np.random.RandomState):
                seed = check_random_state(seed).randint(2**31 - 1)
            given["seed"] = checks.seed(seed, "random_state")
        given["validation_fraction"] = self.validation_fraction or 0.0
        if self._target != "rows":
            given["target"] = self._target
        given |= {name: value for name, value in more.items() if value is not None}
        return Settings(data=_NAME, **given)

    def _labels(self, y: Any) -> Shaped[np.ndarray, " particle"] | None:
        """The targets of rows, as a data set has them; None where rows are their own."""
        return None

    def _continuing(self, settings: Settings, data: Dataset) -> Settings:
        """The settings of a training that goes on: its method and course are those of the last."""
        own = METHODS.entries[self.plan_.method].settings
        names = ["method", "noise", "epochs", *(n for n in ("learning_rate", "tau") if n in own)]
        course = {name: getattr(self.plan_, name) for name in names}
        rows, batch = data.count("train"), self.plan_.batch_size
        course["batch_size"] = min(batch, max(1, rows // 2)) if batch else 0
        course = {name: value for name, value in course.items() if value or name == "batch_size"}
        given = {name: value for name, value in settings.given.items() if name != "effort"}
        return Settings(**{**course, **given})

    def _fitting(self, settings: Settings, data: Dataset) -> Settings:
        """The settings, with what the data ask for."""
        return settings

    def _table(self, X: Any, reading: Reading, *, reset: bool) -> Table:
        """Rows to train on, as a table."""
        X = self._checked(X, reset=reset, least=2 if reset else 1)
        if not datasets.is_frame(X):
            return datasets.from_array(X, reading)
        table = datasets.from_frame(X, reading)
        aside = [*table.identifiers, *([table.label_name] if table.label_name else [])]
        said = {kind.partition("=")[0] for kind in reading.kinds}
        indices = [name for name in aside if name in map(str, X.columns) and name not in said]
        if indices and reading.schema is None:
            shown = ", ".join(map(repr, indices[:5])) + (", ..." if indices[5:] else "")
            warnings.warn(
                f"{shown} {'names' if len(indices) == 1 else 'name'} rows or classes and is no "
                "feature: say with kinds, as kinds={'NAME': 'number'}, if it is to be one",
                Notice,
                stacklevel=4,
            )
        return table

    def _checked(self, X: Any, *, reset: bool, least: int = 1) -> Any:
        """Rows as scikit-learn wants them checked; frames, and arrays with text, as they came."""
        text = _has_text(X)
        if text and not reset and hasattr(self, "feature_names_in_"):
            names = [str(name) for name in self.feature_names_in_]
            shown = ", ".join(names[:8]) + (", ..." if names[8:] else "")
            raise InputError(
                f"expected a data frame with the columns {shown}, as in fit; got an array with "
                "text, which has no names: give pandas.DataFrame(X, columns=...) or the like"
            )
        if datasets.is_frame(X) or text:
            validate_data(self, X, reset=reset, skip_check_array=True)
            if not hasattr(X, "__len__") or len(X) >= least:
                return X
            raise InputError(f"expected {least} rows or more; got {len(X)}")
        finite: Any = True if self.missing == "refuse" else "allow-nan"
        return validate_data(
            self, X, reset=reset, ensure_all_finite=finite, ensure_min_samples=least
        )

    def _rows(self, X: Any) -> Any:
        """Rows for the fitted model."""
        check_is_fitted(self)
        return self._checked(X, reset=False)

    def _dataset(
        self,
        table: Table,
        y: Shaped[np.ndarray, " particle"] | None,
        sample_weight: ArrayLike | None,
    ) -> Dataset:
        """The data set of a table, all of whose rows train, each as often as its weight says."""
        count = len(table.x)
        if y is not None and len(y) != count:
            raise InputError(f"y must have one entry for each of the {count} rows; got {len(y)}")
        weights = None
        if sample_weight is not None:
            weights = checked_weights(sample_weight, count, "sample_weight")
        data = Dataset(
            _NAME,
            table.x,
            None,
            y,
            np.zeros(count, bool),
            table.image_shape,
            table.value_range,
            table=table,
            weights=weights,
        )
        return data if self.trim else data.atoms()  # the farthest are a share of rows as they came

    def _keep(self, job: Job, result: Result) -> None:
        """Takes over what a training came to."""
        if result.failed or result.interrupted:
            warnings.warn(f"the training {result.reason}", Notice, stacklevel=5)
        self.model_ = job.model.with_control(result.control)
        self.result_, self.plan_, self.choice_ = result, job.plan, job.choice
        self.n_components_ = self.model_.flow.schedule.latent
        validation = None if job.validation is None else job.held("validation")
        self._measures = job.loaded, validation


def _comparing(step: int, steps: int) -> None:
    """Says on standard error how far the comparison of candidates is."""
    end = "\n" if step >= steps else ""
    print(f"\rcomparing candidates: {step} of {steps} steps", end=end, file=sys.stderr, flush=True)


def _has_text(X: Any) -> bool:
    """Whether an array holds text, so that its columns are not all numbers."""
    if not isinstance(X, list | np.ndarray):
        return False
    given = np.asarray(X, object) if isinstance(X, list) else X
    if given.dtype.kind == "U":
        return given.ndim == 2
    return (
        given.dtype.kind == "O"
        and given.ndim == 2
        and any(isinstance(value, str) for row in given for value in row)
    )


def explained(job: Job, result: Result) -> np.float64:
    """The share of the training rows' variance that reconstruction keeps, in standardised units.

    1 − Σ_i w_i |x̂_i − x_i|² / Σ_i w_i |x_i − x̄|².
    """
    features = job.model.coordinates.features
    train = job.held("train")
    wanted = np.asarray(train.y)[:, :features]
    total = float(pca.variance(wanted, np.asarray(train.weights, np.float64)).mean())
    left = job.errors(result.control, train)["mse"]
    return np.float64(1 - left / total if total > 0 else 1.0)
