"""One core and two: a step of trainings of three sizes, each in a process bound to its cores."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from benchmarks.speed import child
from benchmarks.speed.measurement import Measurement, Part, Parts, Row, Settings, digits, table


def steps(seconds: float, smoke: bool) -> dict[str, float]:
    """In a subprocess: the median step of each size, in turn."""
    import numpy as np

    import autoencodes as ac
    from benchmarks.speed import fitting, step
    from benchmarks.speed.measurement import Turn, in_turn

    names = ("small",) if smoke else ("mnist-256", "wide-256")
    turns = {}
    for name in names:
        network = step.SMALL if smoke else step.NETWORKS[name]
        x = np.random.default_rng(0).random((4096, network.dim), "f")
        turns[name] = Turn(step.ours(network, x, ac.MetricMovement()), step.ROUND)
    if not smoke:
        turns["digits"] = Turn(partial(fitting.fit, fitting.DIGITS, 1_293, 64, 400), 400)
    return {name: row["median"] for name, row in in_turn(turns, seconds).items()}


def rows(settings: Settings) -> list[Row]:
    found = []
    for cores in (1, 2):
        if settings.smoke:
            own = steps(settings.seconds, True)
        else:
            own, _ = child.call("cores:steps", settings.seconds, False, cores=cores)
        found += [{"cores": cores, "what": name, "median": value} for name, value in own.items()]
    return found


def parts(settings: Settings) -> Mapping[str, Part]:
    return {"steps": partial(rows, settings)}


NAMES = {"mnist-256": "MNIST's, batch 256", "wide-256": "784-400-200-100-32, two steps, batch 256",
         "digits": "digits, batch 64, through `fit`"}  # fmt: skip


_SMALL = """\
Products of small matrices do not repay being divided among cores: there the second core serves best
for another training, as a table's candidates have it (a thread each)."""


def page(parts: Parts) -> str:
    own = {(row["what"], row["cores"]): row["median"] for row in parts["steps"]}
    body, least = [], min(own[name, 1] / own[name, 2] for name, _ in own)
    for name in dict.fromkeys(name for name, _ in own):
        one, two = own[name, 1], own[name, 2]
        cells = [digits(1e3 * one), digits(1e3 * two), f"{one / two:.2f}"]
        body.append([NAMES.get(name, name), *cells])
    return f"""\
Processes bound to one core and to two; milliseconds a step:

{table(["", "one core", "two cores", "times as fast on two"], body)}

{_SMALL if least < 1.1 else ""}""".rstrip()


CORES = Measurement("cores", "One core and two", parts, page)
