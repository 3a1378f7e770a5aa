"""Error against time: ours and the peers on digits and MNIST, over seeds.

Clocks count training alone: no reading, no compilation, no errors taken along the way. The peers
get the same scaled rows, and for their last training as many seconds as ours took; PyTorch's search
before that is counted by itself. MNIST's validation rows are 5,000 of its training rows, which the
peers do not train on; ours has all of them, since nothing is chosen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import autoencodes as ac
from autoencodes.plan.settings import Settings as Job
from autoencodes.run.job import prepare
from benchmarks.speed.measurement import (
    Measurement,
    Part,
    Parts,
    Row,
    Settings,
    digits,
    table,
)
from benchmarks.speed.peers import Rows, pca, regressor, searched

LATENT = 30
"""Of MNIST; of digits it is 8, the default."""
SECONDS = {False: (8, 5.0, 40.0), True: (24, 20.0, 160.0)}
"""Of MNIST: how many are tried, for how long each, and seconds of the last training; full: True."""
LOOKS = 40


def trained(job: Any) -> tuple[float, list[tuple[float, float]]]:
    """Seconds of a training, and the test errors along the way."""
    spent, at, curve = 0.0, 0.0, []
    due = job.steps / LOOKS

    def watch(progress: ac.Progress) -> None:
        nonlocal spent, at
        spent += time.perf_counter() - at
        if progress.step >= due * (len(curve) + 1) or progress.step >= job.steps:
            curve.append((spent, job.errors(progress.control, job.test)["mse"]))
        at = time.perf_counter()

    job.fit([lambda progress: True])  # compiles
    job.errors(job.model.control, job.test)
    at = time.perf_counter()
    job.fit([watch])
    return spent, curve


def rows_of(job: Any, seed: int) -> Rows:
    train, test = (np.asarray(m.x, np.float32) for m in (job.train, job.test))
    if job.validation is not None:
        return Rows(
            train,
            np.asarray(job.validation.x, np.float32),
            test,
            job.model.flow.schedule.latent,
            job.plan.batch_size or 256,
        )
    order = np.random.default_rng(seed).permutation(len(train))
    kept = min(5_000, len(train) // 10)
    latent = job.model.flow.schedule.latent
    return Rows(train[order[kept:]], train[order[:kept]], test, latent, job.plan.batch_size)


def compared(job: Any, seed: int, tries: int, each: float | None) -> list[Row]:
    spent, curve = trained(job)
    ours = curve[-1][1]
    rows = rows_of(job, seed)
    peers = [pca(rows), regressor(rows, spent, seed)]
    if find_spec("torch"):
        peers.append(searched(rows, tries, each or spent / 3, spent, seed))
    for peer in peers:
        peer["ours there after"] = next((s for s, e in curve if e <= peer["error"]), None)
    first = {"who": "autoencodes", "seconds": spent, "error": ours}
    return [{"seed": seed, **row} for row in (first, *peers)]


def of_digits(seed: int, settings: Settings) -> list[Row]:
    given = {"widths": (64, 8), "steps_per_block": 1, "epochs": 1} if settings.smoke else {}
    job = prepare(Job(data="digits", seed=seed, **given))
    tries = 24 if settings.full else settings.of(8, 1)
    return compared(job, seed, tries, settings.of(None, 0.01))


def of_mnist(seed: int, settings: Settings) -> list[Row]:
    """As many epochs as fit into the time, by a step that is measured before."""
    tries, each, last = SECONDS[settings.full]
    given: dict[str, Any] = {"data": "mnist", "latent": LATENT, "batch_size": 256, "seed": seed}
    job = prepare(Job(**given, epochs=1))
    at: list[tuple[float, int]] = []
    job.fit([lambda p: at.append((time.perf_counter(), p.step)) or len(at) > 8])
    step = (at[-1][0] - at[1][0]) / (at[-1][1] - at[1][1])
    epochs = max(1, round(last / (step * job.steps)))
    return compared(prepare(Job(**given, epochs=epochs)), seed, tries, each)


def parts(settings: Settings) -> Mapping[str, Part]:
    made = {f"digits-{seed}": partial(of_digits, seed, settings) for seed in settings.seeds}
    folder = os.environ.get("AUTOENCODES_DATA")
    if folder and (Path(folder) / "mnist").is_dir() and not settings.smoke:
        made |= {f"mnist-{seed}": partial(of_mnist, seed, settings) for seed in settings.seeds}
    return dict(list(made.items())[:1]) if settings.smoke else made


def page(parts: Parts) -> str:
    text = [
        "Test error an entry against seconds of training: the clock counts neither reading nor "
        "compilation. Peers\ntrain on the same scaled rows for as long as ours did; PyTorch's "
        "multilayer perceptron (AdamW, cosine) is the\nbest on validation rows of several drawn "
        "at random (one to four hidden layers a side, widths from d/2 to 4 d,\nrate, decay, "
        "activation), whose search is counted beside it; scikit-learn's is `MLPRegressor` with "
        "layers\nd, √(d k), k and back. *Ours there*: the share of the peer's seconds (its last "
        "training's) after which the\nflow's test error was at most the peer's in the end."
    ]
    for data in ("digits", "mnist"):
        own = [row for name, rows in parts.items() if name.startswith(data) for row in rows]
        if own:
            text.append(_of_data(data, own))
    return "\n\n".join(text)


def _of_data(data: str, own: list[Row]) -> str:
    seeds = sorted({row["seed"] for row in own})
    reference = {row["seed"]: row["error"] for row in own if row["who"] == "PCA"}
    body = []
    for who in dict.fromkeys(row["who"] for row in own):
        rows = [row for row in own if row["who"] == who]
        errors = [row["error"] for row in rows]
        shares = [row["error"] / reference[row["seed"]] for row in rows]
        took = f"{np.median([row['seconds'] for row in rows]):.3g}"
        searches = [row["search"] for row in rows if "search" in row]
        body.append(
            [
                who,
                f"{np.median(errors):.5f} ({min(errors):.5f} to {max(errors):.5f})",
                f"{np.median(shares):.3f}",
                took + (f" + {np.median(searches):.3g} of search" if searches else ""),
                _there(rows),
            ]
        )
    head = ["", "test error", "of PCA's", "seconds", "ours there"]
    choices = sorted({f"{row['choice']}" for row in own if "choice" in row})
    tries = sorted({row["tries"] for row in own if "tries" in row})
    chosen = f"\n\nPyTorch's choices among {tries[0]}: {'; '.join(choices)}." if tries else ""
    name = {"digits": "Digits, latent 8", "mnist": f"MNIST, latent {LATENT}"}[data]
    many = "one seed" if len(seeds) == 1 else f"median of {len(seeds)} seeds, in brackets the range"
    return f"**{name}**, {many}:\n\n{table(head, body)}{chosen}"


def _there(rows: list[Row]) -> str:
    if "ours there after" not in rows[0]:
        return ""
    shares = [
        np.inf if (after := row["ours there after"]) is None else after / row["seconds"]
        for row in rows
    ]
    middle = float(np.median(shares))
    return "never" if np.isinf(middle) else digits(middle)


QUALITY = Measurement("quality", "Error against time", parts, page)
