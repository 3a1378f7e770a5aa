"""Anomalies: ours beside isolation forest, ECOD, COPOD, neighbours, PCA and an MLP autoencoder.

    python benchmarks/adbench.py run RESULTS.jsonl [--seeds 0,1] [--only NAME,...]
    python benchmarks/adbench.py fdr FDR.jsonl
    python benchmarks/adbench.py page RESULTS.jsonl > docs/measurements/adbench.md
    python benchmarks/adbench.py --smoke

``run`` goes on where RESULTS ends: a line for every table or law and seed. Tables are those of
$AUTOENCODES_DATA/adbench (ADBench's protocol: 70 % of the rows train, as they come, 30 % test,
stratified; at most 10,000 rows; fewer than 1,000 are drawn anew up to 1,000), laws the curved ones
of ``anomaly_laws``. ``fdr`` measures false discoveries on all 20 laws, with a short fit of
each and 20 detectors.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from anomaly_laws import FLAT, LAWS, Law
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPRegressor

import autoencodes as ac
from autoencodes.anomaly import Detector, discoveries
from autoencodes.measure.trimming import core, mahalanobis

DATA = Path(os.environ.get("AUTOENCODES_DATA", "../shared/data")) / "adbench"
SHORT: dict[str, Any] = {"rotation": "pca", "method": "adam", "epochs": 5}
"""A fit of a second: what is promised does not depend on how good it is."""


def table(name: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training rows, test rows and the labels of those (1: anomaly)."""
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as archive:
        x, y = archive["X"].astype(float), archive["y"].astype(int).ravel()
    if len(y) < 1000:
        drawn = np.random.default_rng(seed).choice(len(y), 1000, replace=True)
        x, y = x[drawn], y[drawn]
    if len(y) > 10_000:
        x, _, y, _ = train_test_split(x, y, train_size=10_000, stratify=y, random_state=seed)
    a, b, _, labels = train_test_split(x, y, test_size=0.3, stratify=y, random_state=seed)
    return a, b, labels


def of_law(law: Law, seed: int, count: int = 1000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As ``table``; one training row in twenty is an anomaly."""
    rng = np.random.default_rng(seed)
    a = np.vstack([law.rows(count - count // 20, rng), law.odd(count // 20, rng)])
    b = np.vstack([law.rows(count, rng), law.odd(count // 10, rng)])
    return a, b, np.r_[np.zeros(count, int), np.ones(count // 10, int)]


def _tails(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """−log of the shares of rows a that are at most, at least, as large as rows b, by column."""
    left, right = np.empty(b.shape), np.empty(b.shape)
    for j in range(a.shape[1]):
        ordered = np.sort(a[:, j])
        left[:, j] = np.searchsorted(ordered, b[:, j], side="right")
        right[:, j] = len(a) - np.searchsorted(ordered, b[:, j], side="left")
    return tuple(-np.log(np.maximum(n, 1) / (len(a) + 1)) for n in (left, right))  # type: ignore


def _skew(a: np.ndarray) -> np.ndarray:
    centred = a - a.mean(0)
    deviation = np.maximum(centred.std(0), 1e-12)
    return np.asarray(((centred / deviation) ** 3).mean(0))


def ecod(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Li, Zhao, Hu, Botta, Ionescu, Chen, TKDE 2022."""
    left, right = _tails(a, b)
    skewed = np.where(_skew(a) < 0, left, right)
    return np.asarray(np.max([left.sum(1), right.sum(1), skewed.sum(1)], axis=0))


def copod(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Li, Zhao, Botta, Ionescu, Hu, ICDM 2020."""
    left, right = _tails(a, b)
    skewed = np.where(_skew(a) < 0, left, right)
    return np.asarray(np.maximum((left + right) / 2, skewed).sum(1))


def _neighbours(a: np.ndarray, b: np.ndarray, k: int) -> np.ndarray:
    found = NearestNeighbors(n_neighbors=min(k, len(a))).fit(a).kneighbors(b)[0]
    return np.asarray(found[:, -1])


def peers(k: int, seed: int) -> dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    """Scores of standardised rows b, from rows a: the larger, the more abnormal."""

    def forest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(-IsolationForest(random_state=seed).fit(a).score_samples(b))

    def pca(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        axes = np.linalg.svd(a - a.mean(0), full_matrices=False)[2][:k].T
        centred = b - a.mean(0)
        return np.asarray(((centred - centred @ axes @ axes.T) ** 2).sum(1))

    def mlp(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        net = MLPRegressor(
            hidden_layer_sizes=(32, k, 32), activation="tanh", max_iter=300, random_state=seed
        )
        made = net.fit(a, a).predict(b)
        return np.asarray(((np.reshape(made, b.shape) - b) ** 2).sum(1))

    return {
        "trimmed Mahalanobis": lambda a, b: mahalanobis(b, a[core(a)]),
        "trimmed 20 neighbours": lambda a, b: _neighbours(a[core(a)], b, 20),
        "isolation forest": forest,
        "ECOD": ecod,
        "COPOD": copod,
        "5 neighbours": lambda a, b: _neighbours(a, b, 5),
        "20 neighbours": lambda a, b: _neighbours(a, b, 20),
        "PCA": pca,
        "Mahalanobis": lambda a, b: mahalanobis(b, a),
        "MLP autoencoder": mlp,
    }


def compared(
    a: np.ndarray, b: np.ndarray, labels: np.ndarray, k: int | None, seed: int, **options: Any
) -> tuple[dict[str, Any], ac.AnomalyDetector]:
    """Area under the ROC curve, average precision and seconds of every method."""
    started = time.perf_counter()
    detector = ac.AnomalyDetector(k, random_state=seed, **options).fit(a)
    scores = {"ours": -detector.score_samples(b)}
    seconds = {"ours": time.perf_counter() - started}
    mean, deviation = a.mean(0), a.std(0)
    deviation = np.where(deviation > 1e-12 * np.maximum(abs(mean), 1e-300), deviation, 1)
    a, b = (a - mean) / deviation, (b - mean) / deviation
    for name, score in peers(detector.n_components_, seed).items():
        started = time.perf_counter()
        scores[name] = score(a, b)
        seconds[name] = time.perf_counter() - started
    line = {
        "area": {n: float(roc_auc_score(labels, s)) for n, s in scores.items()},
        "precision": {n: float(average_precision_score(labels, s)) for n, s in scores.items()},
        "seconds": seconds,
        "rows": len(a),
        "columns": a.shape[1],
        "places": len(detector.detector_.places),
    }
    return line, detector


def promised(detector: Detector, law: Law, draws: range, alpha: float = 0.1) -> Any:
    """False discoveries among the rows called, and power, over draws of calibration and new rows;
    beside it the rule of the 95th percentile.
    """
    found = []
    for draw in draws:
        rng = np.random.default_rng(1000 + draw)
        apart = detector.calibrated(law.rows(500, rng))
        assert apart.calibration is not None
        x, odd = np.vstack([law.rows(180, rng), law.odd(20, rng)]), np.arange(200) >= 180
        called = discoveries(apart.p_values(x), alpha)
        raw = apart.score(x) > np.quantile(apart.calibration, 0.95)
        found.append([*_judged(called, odd), *_judged(raw, odd)])
    return np.mean(found, axis=0).tolist()


def _judged(called: np.ndarray, odd: np.ndarray) -> tuple[float, float]:
    """The share of ordinary rows among those called, and of anomalies that are called."""
    return float((called & ~odd).sum() / max(1, called.sum())), float(called[odd].mean())


def blamed(detector: ac.AnomalyDetector, law: Law, count: int = 60) -> list[float]:
    """How often the column that was changed by 2 deviations has the largest share; how exactly the
    shares add up.
    """
    rng = np.random.default_rng(77)
    x = law.rows(count, rng)
    deviation = law.rows(2000, rng).std(0)
    planted = rng.integers(x.shape[1], size=count)
    x[np.arange(count), planted] += 2 * deviation[planted] * rng.choice([-1, 1], count)
    shares, scores = detector.explain(x), -detector.score_samples(x)
    gap = np.abs(shares.sum(1) - scores) / np.maximum(scores, 1e-12)
    return [float((shares.argmax(1) == planted).mean()), float(gap.max())]


def run(results: Path, seeds: list[int], only: list[str] | None) -> None:
    """Measures what RESULTS does not have yet."""
    lines = results.read_text().splitlines() if results.exists() else []
    done = {(line["name"], line["seed"]) for line in map(json.loads, lines)}
    for seed in seeds:
        for name in only or [*LAWS, *sorted(path.stem for path in DATA.glob("*.npz"))]:
            if (name, seed) in done:
                continue
            if name in LAWS:
                law = LAWS[name]
                line, detector = compared(*of_law(law, seed), law.k, seed)
                line |= {
                    "promised": promised(detector.detector_, law, range(20)),
                    "blamed": blamed(detector, law),
                }
            else:
                line, _ = compared(*table(name, seed), None, seed)
            with results.open("a") as file:
                file.write(json.dumps({"name": name, "seed": seed, **line}) + "\n")
            print(f"{name} {seed}: {line['area']['ours']:.3f}", file=sys.stderr, flush=True)


def fdr(results: Path, seeds: range) -> str:
    """False discoveries on all laws: a flow of each, and for every seed a detector fitted to other
    contaminated rows, calibration and new rows.
    """
    lines = results.read_text().splitlines() if results.exists() else []
    done = {(line["name"], line["seed"]): line["promised"] for line in map(json.loads, lines)}
    for name, law in (LAWS | FLAT).items():
        missing = [seed for seed in seeds if (name, seed) not in done]
        if missing:
            fit = ac.AnomalyDetector(law.k, random_state=0, **SHORT).fit(of_law(law, 0, 400)[0])
        for seed in missing:
            fitted = Detector.fit(fit.model_, of_law(law, seed, 400)[0])
            done[name, seed] = found = promised(fitted, law, range(seed, seed + 1))
            with results.open("a") as file:
                file.write(json.dumps({"name": name, "seed": seed, "promised": found}) + "\n")
    head = (
        "| law | false among called, alpha 0.1 | found | false by the 95th percentile | found |\n"
        "|---|--:|--:|--:|--:|\n"
    )
    rows, body = np.array([done[name, seed] for name in LAWS | FLAT for seed in seeds]), []
    by_law = zip(LAWS | FLAT, rows.reshape(-1, len(seeds), 4), strict=True)
    for name, values in (("**all**", rows), *by_law):
        error = values[:, 0].std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        first, *others = values.mean(0)
        body.append(
            f"| {name} | {first:.3f} ± {error:.3f} | " + " | ".join(f"{v:.3f}" for v in others)
        )
    return head + " |\n".join(body) + " |"


def page(results: Path) -> str:
    """The tables of the documentation."""
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    parts = []
    for title, chosen in (
        ("ADBench", [n for n in lines if n["name"] not in LAWS]),
        ("Curved laws", [n for n in lines if n["name"] in LAWS]),
    ):
        if not chosen:
            continue
        methods = list(chosen[0]["area"])
        parts.append(f"### {title}: area under the ROC curve\n\n" + _table(chosen, methods, "area"))
        parts.append(f"### {title}: average precision\n\n" + _table(chosen, methods, "precision"))
    laws = [line for line in lines if "promised" in line]
    if laws:
        head = (
            "| law | false among called, alpha 0.1 | found | false by the 95th percentile | found "
            "| column named first |\n|---|---|---|---|---|---|\n"
        )
        body = [
            f"| {line['name']} | " + " | ".join(f"{v:.3f}" for v in line["promised"])
            + f" | {line['blamed'][0]:.2f} |" for line in laws
        ]  # fmt: skip
        parts.append("### What is promised, and the reason\n\n" + head + "\n".join(body))
    return "\n\n".join(parts) + "\n"


def _table(lines: list[dict[str, Any]], methods: list[str], what: str) -> str:
    """A row for every table, the mean over seeds, and the mean and spread over all."""
    names = list(dict.fromkeys(line["name"] for line in lines))
    values = {
        name: [[line[what][m] for m in methods] for line in lines if line["name"] == name]
        for name in names
    }
    means = np.array([np.mean(values[name], axis=0) for name in names])
    spread = np.array([np.std(values[name], axis=0) for name in names]).mean(0)
    rows = [("mean", means.mean(0)), ("spread over seeds", spread), *zip(names, means, strict=True)]
    head = f"| | {' | '.join(methods)} |\n|{'---|' * (len(methods) + 1)}\n"
    body = [f"| {name} | " + " | ".join(f"{v:.3f}" for v in row) + " |" for name, row in rows]
    seconds = np.mean([[line["seconds"][m] for m in methods] for line in lines], axis=0)
    body.append("| seconds | " + " | ".join(f"{v:.1f}" for v in seconds) + " |")
    return head + "\n".join(body)


def smoke() -> None:
    """One law, few rows, hardly any training."""
    law = LAWS["sensors in 20"]
    line, detector = compared(*of_law(law, 0, 200), law.k, 0, **SHORT)
    line |= {
        "promised": promised(detector.detector_, law, range(1)),
        "blamed": blamed(detector, law, 8),
    }
    assert line["blamed"][1] < 1e-6
    print(json.dumps(line))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=("run", "fdr", "page"), nargs="?")
    parser.add_argument("results", type=Path, nargs="?")
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--only")
    parser.add_argument("--smoke", action="store_true")
    given = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    if given.smoke:
        smoke()
    elif given.verb is None or given.results is None:
        parser.error("say run RESULTS.jsonl, fdr RESULTS.jsonl, page RESULTS.jsonl or --smoke")
    elif given.verb == "run":
        only = None if given.only is None else given.only.split(",")
        run(given.results, [int(seed) for seed in given.seeds.split(",")], only)
    elif given.verb == "fdr":
        print(fdr(given.results, range(20)))
    else:
        print(page(given.results))


if __name__ == "__main__":
    main()
