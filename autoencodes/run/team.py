"""Several processes that train together: how they meet, agree, and part."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np

from autoencodes.errors import InputError, MissingExtra, NumericalFailure
from autoencodes.measure.placement import Placement
from autoencodes.run.machine import versions

Made = TypeVar("Made")

_HEARTBEAT = 30
"""Seconds after which a process that is not heard of is taken for gone."""


@dataclass(frozen=True)
class Team:
    """The processes of one training, each of which makes the same calls in the same order.

    Process 0 writes. Every process reads the data, and keeps on its devices the particles that are
    its own.
    """

    placement: Placement
    number: int
    count: int

    @classmethod
    def join(
        cls, coordinator: str | None, processes: int | None, process: int | None, seconds: int
    ) -> Team:
        """Waits until all processes are there.

        What is not given is found by JAX: under SLURM, Open MPI, Kubernetes and on TPUs.

        Raises
        ------
        InputError
            If there is no cluster to be found, the port is taken, or others have other versions. If
            the others do not come, JAX ends the process.
        """
        if processes != 1:
            named = coordinator is not None
            try:
                jax.distributed.initialize(
                    coordinator,
                    processes,
                    process,
                    cluster_detection_method="deactivate" if named else None,
                    initialization_timeout=seconds,
                    heartbeat_timeout_seconds=_HEARTBEAT,
                )
            except (ValueError, RuntimeError) as error:
                raise InputError(_why_not(coordinator, str(error))) from None
        team = cls(Placement.over(), jax.process_index(), jax.process_count())
        about = {"number of processes": processes, **versions()}
        team.agreed("meets the others", lambda: None, lambda _: about)
        return team

    @property
    def writes(self) -> bool:
        """Whether it is this process that writes."""
        return self.number == 0

    def told(self, doing: str, what: Any) -> list[Any]:
        """What every process says, in their order.

        Raises
        ------
        InputError
            If they are not ``doing`` the same.
        """
        own = np.frombuffer(json.dumps([doing, what]).encode(), np.uint8)
        lengths = self.placement.gathered(np.asarray(own.size, np.int32))
        padded = np.zeros(int(lengths.max()), np.uint8)
        padded[: own.size] = own
        pairs = zip(self.placement.gathered(padded), lengths, strict=True)
        answers = [json.loads(row[:length].tobytes()) for row, length in pairs]
        for number, (other, _) in enumerate(answers):
            if other != answers[0][0]:
                raise InputError(
                    f"process 0 {answers[0][0]}, process {number} {other}: start all processes "
                    "with the same command"
                )
        return [said for _, said in answers]

    def agreed(
        self, doing: str, make: Callable[[], Made], facts: Callable[[Made], Mapping[str, object]]
    ) -> Made:
        """What every process makes for itself, once all have made the same.

        Raises
        ------
        InputError
            If one could not, with its message, or if ``facts`` differ, with the first that does.
        """
        failure: Exception | None = None
        own: dict[str, Any] = {}
        try:
            made = make()
            own["facts"] = {name: str(value) for name, value in facts(made).items()}
        except (InputError, MissingExtra, NumericalFailure, OSError) as error:
            failure, own["error"] = error, str(error)
        answers = self.told(doing, own)
        for number, answer in enumerate(answers):
            if "error" in answer:
                if failure is not None and number == self.number:
                    raise failure
                raise InputError(f"process {number} of {self.count} cannot: {answer['error']}")
        for number, answer in enumerate(answers):
            for name, value in answers[0]["facts"].items():
                if (other := answer["facts"].get(name)) != value:
                    raise InputError(
                        f"all processes must have the same {name}; process 0 has {value}, process "
                        f"{number} {other}: start all with the same options, files and versions"
                    )
        return made

    @contextmanager
    def copied(self, path: Path, names: tuple[str, ...]) -> Iterator[Path]:
        """A folder as process 0 has it: itself there, elsewhere a copy of some files of it."""
        contents: dict[str, bytes] = {}
        if self.writes:
            contents = {n: (path / n).read_bytes() for n in names if (path / n).is_file()}
        sizes = self.told("resumes a training", {n: len(c) for n, c in contents.items()})[0]
        with tempfile.TemporaryDirectory(prefix="autoencodes-") as own:
            for name, size in sizes.items():
                content = np.frombuffer(contents.get(name, bytes(size)), np.uint8)
                sent = self.placement.first(content)
                if not self.writes:
                    target = Path(own) / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(sent.tobytes())
            yield path if self.writes else Path(own)

    def part(self) -> None:
        """Waits for the others: whoever leaves early would be taken for dead."""
        self.placement.highest((0,))


def _why_not(coordinator: str | None, said: str) -> str:
    """Why processes cannot meet, and what to do."""
    if "RPC server" in said:
        return f"process 0 cannot listen at {coordinator}: the port is taken; give another PORT"
    if coordinator is None:
        return (
            "no cluster is found that tells how many processes there are (SLURM, Open MPI, "
            "Kubernetes): start one process a task of such a job, or give every process "
            f"--coordinator HOST:PORT --processes N --process I ({said})"
        )
    return f"the processes cannot meet at {coordinator}: {said}"
