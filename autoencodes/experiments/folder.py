"""The folder of an experiment: what was run, what came out, and the parts that it is made of."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autoencodes import __version__, atomic
from autoencodes.catalogue import EXPERIMENTS
from autoencodes.errors import InputError
from autoencodes.experiments.experiment import Results
from autoencodes.experiments.storing import Stored
from autoencodes.experiments.table import ResultTable
from autoencodes.model.storage import DAMAGED, read_tensors, write_tensors
from autoencodes.plot.explorer import Explorer
from autoencodes.plot.motion import Motion
from autoencodes.plot.passage import Passage
from autoencodes.run.machine import machine

_CONFIG = "experiment.json"
_FLOW, _PASSAGE = "flow", "passage"


@dataclass(frozen=True)
class ExperimentFolder:
    """A folder with ``experiment.json``, ``results.safetensors``, ``tables/``, ``parts/``,
    ``figures/`` and ``report.html``.
    """

    path: Path

    @classmethod
    def begin(
        cls, path: str | Path, name: str, quick: bool, settings: dict[str, Any]
    ) -> ExperimentFolder:
        """A new folder, or one in which the same experiment was started.

        Raises
        ------
        InputError
            If something else stands there.
        OSError
            If it cannot be written.
        """
        folder = cls(Path(path))
        asked = {"experiment": name, "quick": quick, "settings": settings}
        # As a file has them: tuples are lists there.
        asked = json.loads(json.dumps(asked, allow_nan=False))
        if cls.is_one(folder.path):
            folder._require(asked)
            return folder
        if folder.path.exists() and not folder.path.is_dir():
            raise InputError(f"{path} is a file; expected the name of a folder, by --out")
        if folder.path.is_dir() and any(folder.path.iterdir()):
            held = "holds a run" if (folder.path / "config.toml").exists() else "is not empty"
            raise InputError(f"{path} {held}; choose another folder with --out")
        folder.path.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**asked, "machine": machine()}, indent=2, ensure_ascii=False)
        atomic.write(folder.path / _CONFIG, text + "\n")
        return folder

    def abandon(self) -> None:
        """Takes away what ``begin`` wrote, where no part has been computed since."""
        if not self.parts.exists():
            (self.path / _CONFIG).unlink()
            with suppress(OSError):  # something else stands there by now
                self.path.rmdir()

    def _require(self, asked: dict[str, Any]) -> None:
        """That the same was started here, by this version: parts of two do not belong together."""
        earlier = self.configuration
        known = {**earlier, "version": earlier["machine"].get("autoencodes")}
        for key, value in {**asked, "version": __version__}.items():
            if known[key] == value:
                continue
            differs = f"{key} {known[key]}, not {value}"
            if key == "settings":
                names = [n for n in value if value[n] != dict(known[key]).get(n)]
                differs = f"other settings ({', '.join(names) or 'some that are gone'})"
            raise InputError(
                f"{self.path} holds an experiment that was started with {differs}; choose another "
                "folder with --out"
            )

    @classmethod
    def is_one(cls, path: str | Path) -> bool:
        """Whether an experiment was started in a folder."""
        return (Path(path) / _CONFIG).is_file()

    @property
    def configuration(self) -> dict[str, Any]:
        """``experiment``, ``quick``, ``settings`` and ``machine``."""
        path = self.path / _CONFIG
        try:
            entries: dict[str, Any] = atomic.parsed(atomic.read(path))
            entries["experiment"], entries["quick"]
            dict(entries["settings"]), dict(entries["machine"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}: expected the configuration of an experiment as autoencodes writes it "
                f"({type(error).__name__}: {error}); run the experiment in another folder"
            ) from error
        return entries

    @property
    def name(self) -> str:
        """The experiment's."""
        return str(self.configuration["experiment"])

    @property
    def parts(self) -> Path:
        """Where the notebook keeps its parts."""
        return self.path / "parts"

    @property
    def figures(self) -> Path:
        """The folder of pictures."""
        return self.path / "figures"

    @property
    def finished(self) -> bool:
        """Whether there are results."""
        return (self.path / "results.safetensors").exists()

    def write(self, results: Results[Any], seconds: float) -> None:
        """Writes results and tables.

        Raises
        ------
        NumericalFailure
            If they hold a number that is not finite; nothing is written then.
        OSError
            If the files cannot be written.
        """
        stored = results.measured.stored()
        arrays = {f"array.{name}": array for name, array in stored.arrays.items()}
        for k, motion in enumerate(results.motions):
            arrays |= {f"{_FLOW}.{k}.{name}": array for name, array in motion.arrays.items()}
        for k, passage in enumerate(results.passages):
            arrays |= {f"{_PASSAGE}.{k}.{name}": array for name, array in passage.arrays.items()}
        facts = {
            "sentence": results.sentence,
            "tables": {name: table.as_dict() for name, table in results.tables.items()},
            "facts": stored.facts,
            "motions": [motion.facts for motion in results.motions],
            "passages": [passage.facts for passage in results.passages],
            "explorers": [asdict(each) for each in results.explorers if each is not None],
            "certificates": results.certificates,
            "notes": results.notes,
            "seconds": seconds,
        }
        write_tensors(self.path / "results.safetensors", arrays, facts, finite=True)
        self.write_tables(results)

    def write_tables(self, results: Results[Any]) -> None:
        """Writes every table as text, CSV and LaTeX."""
        tables = self.path / "tables"
        tables.mkdir(exist_ok=True)
        for name, table in results.tables.items():
            for ending, text in (("txt", table.text), ("csv", table.csv), ("tex", table.latex)):
                atomic.write(tables / f"{name}.{ending}", text)

    def read(self) -> tuple[Results[Any], float]:
        """The results, and the seconds that they took; InputError if there are none yet."""
        path = self.path / "results.safetensors"
        if not path.exists():
            raise InputError(
                f"{self.path} has no results yet; go on with: autoencodes experiment {self.name}"
                f"{' --quick' if self.configuration['quick'] else ''} --out {self.path}"
            )
        facts, arrays = read_tensors(path, "facts", "the results of an experiment")
        try:
            return self._results(facts, arrays), float(facts["seconds"])
        except DAMAGED as error:
            raise InputError(
                f"{path}: expected the results of an experiment as this version writes them; the "
                f"file is of another, or damaged ({type(error).__name__}: {error})"
            ) from error

    def _results(self, facts: dict[str, Any], arrays: dict[str, Any]) -> Results[Any]:
        kind = EXPERIMENTS[self.name].result
        motions = tuple(
            Motion.restored(_under(f"{_FLOW}.{k}.", arrays), entries)
            for k, entries in enumerate(facts["motions"])
        )
        passages = tuple(
            Passage.restored(_under(f"{_PASSAGE}.{k}.", arrays), entries)
            for k, entries in enumerate(facts.get("passages", ()))
        )
        return Results(
            str(facts["sentence"]),
            {name: ResultTable.from_dict(entries) for name, entries in facts["tables"].items()},
            kind.restored(Stored(_under("array.", arrays), facts["facts"])),
            motions,
            facts["certificates"],
            tuple(facts["notes"]),
            passages,
            tuple(Explorer(**each) for each in facts.get("explorers", ())),
        )


def _under(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
