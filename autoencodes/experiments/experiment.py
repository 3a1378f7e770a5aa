"""What an experiment is: a frozen configuration, a computation in parts, and its results."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from autoencodes.experiments.notebook import Notebook
from autoencodes.experiments.storing import Measured
from autoencodes.experiments.table import ResultTable
from autoencodes.plot.explorer import Explorer
from autoencodes.plot.motion import Motion
from autoencodes.plot.passage import Passage

if TYPE_CHECKING:
    from autoencodes.plot.picture import Picture


Kind = TypeVar("Kind", bound=Measured)


class ExperimentSettings(BaseModel):
    """An experiment's configuration: frozen, typed, unknown entries refused.

    Each experiment derives its own, whose defaults are the full run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @property
    @abstractmethod
    def sizes(self) -> str:
        """What the figures' captions say of the run: seeds, sizes, restarts."""


def seeds(chosen: Sequence[int]) -> str:
    """Seeds in words."""
    first, last = chosen[0], chosen[-1]
    if len(chosen) == 1:
        return f"seed {first}"
    whole = list(chosen) == list(range(first, last + 1))
    return f"seeds {first} to {last}" if whole else f"seeds {', '.join(map(str, chosen))}"


@dataclass(frozen=True)
class Results(Generic[Kind]):
    """What came out, all that a report needs."""

    sentence: str
    """The result, with its main figures."""
    tables: dict[str, ResultTable]
    """The first is the one that the report opens with."""
    measured: Kind
    """What the figures are drawn from; finite numbers."""
    motions: tuple[Motion, ...] = ()
    """Flows to be looked at."""
    certificates: dict[str, list[str]] = field(default_factory=dict)
    """``Certificate.lines()`` by the name of the control that is certified."""
    notes: tuple[str, ...] = ()
    """What a reader has to know: starts that failed, what was left out, and why."""
    passages: tuple[Passage, ...] = ()
    """Images on their way through the layers: each is a picture, and motions are not shown then."""
    explorers: tuple[Explorer | None, ...] = ()
    """Decoders to be moved by hand; None where one cannot be shown."""


@dataclass(frozen=True)
class Experiment:
    """A result of the paper or of the theory, as a computation that anyone can repeat.

    It is registered in ``catalogue.EXPERIMENTS`` under its name, with a line that says what it
    shows, and with ``full`` and ``quick``, how long the two runs take on two cores.
    """

    full: ExperimentSettings
    quick: ExperimentSettings
    """The configurations of the two runs; quick ends within a minute on two cores."""
    run: Callable[[Any, Notebook], Results[Any]]
    """ExperimentSettings and a notebook to Results. It never draws."""
    result: type[Measured]
    """That of ``Results.measured``."""
    pictures: str = ""
    """The module whose ``pictures(results, settings)`` draws, by default ``pictures`` beside that
    of ``run``; imported to draw, not to run."""
    precision: str = "float64"
    """"float64" or "float32": that of everything within ``run``."""

    def __post_init__(self) -> None:
        if not self.pictures:
            beside = self.run.__module__.rpartition(".")[0]
            object.__setattr__(self, "pictures", f"{beside}.pictures")

    def draw(self, results: Results[Any], settings: ExperimentSettings) -> list[Picture]:
        """The pictures of what ``run`` returned for the settings, within ``style.context()``."""
        drawn: list[Picture] = import_module(self.pictures).pictures(results, settings)
        return drawn
