"""How well small tables are reconstructed: AutoencODE by its defaults, beside what people use.

    python benchmarks/tables.py [--data-dir DIR] [--only NAME ...] [--seeds 3] [--peers all]
        [--results FILE] [--markdown docs/measurements/tables.md]

Tables: those in DIR/tables (DIR from ``--data-dir``, else ``$AUTOENCODES_DATA``; CSV with a header,
or NPY) and scikit-learn's small ones, with their targets where these are measurements. Of each, the
columns in which more than half the values are numbers, and the rows that are complete. A fifth of
the rows, drawn by the seed, is the test; d columns are reconstructed through
k = max(1, min(d // 2, max(2, d // 8))) numbers (a swiss roll through 2), by everyone. The error is
the mean square over the test rows of columns standardised by the training rows, divided by PCA's.

AutoencODE: ``ac.AutoencODE(n_components=k, random_state=seed).fit``, on the rows as they are, in a
process of its own: its seconds count the interpreter's start, imports and compilation, as a user
waits for them. Peers, on standardised rows, the seconds of the fit alone with all that it tunes:

- PCA;
- kernel PCA with a Gaussian kernel: its width, and the ridge of its inverse, by validation rows (at
  most 3,000 rows);
- three MLP autoencoders of scikit-learn, d-h-k-h-d, h = 8 and 32 with tanh, 128 with max(0, x): at
  most 2,000 epochs, stopped early by 15 % of the training rows;
- a denoising autoencoder of PyTorch (a CPU build does; a line says if there is none), d-64-k-64-d
  with tanh; the noise, of three levels, and the best step by validation rows.

``--results FILE`` keeps what was measured, split by split. What it has of the peers for the same
rows is not measured again (to change a peer, remove the file), AutoencODE always is; ``--peers
none`` leaves out peers that FILE has not, ``--peers only`` leaves AutoencODE as it is in FILE.
``--markdown FILE`` replaces what stands between the two markers of a page. ``--given
'{"effort": "thorough"}'`` gives AutoencODE arguments. ``--fit NAME SEED`` is one fit of it, here.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np

OURS = "AutoencODE"
MARKERS = (
    "<!-- the lines below are written by benchmarks/tables.py -->",
    "<!-- end of what benchmarks/tables.py writes -->",
)
Reconstruction = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Table:
    """A table of numbers, and through how many of them a row is to go."""

    name: str
    x: np.ndarray
    latent: int

    def split(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Training rows and test rows, as they are."""
        rows = len(self.x)
        held = np.zeros(rows, bool)
        count = min(max(round(0.2 * rows), 1), rows - 1)
        held[np.random.default_rng(seed).permutation(rows)[:count]] = True
        return self.x[~held], self.x[held]


def standard(train: np.ndarray) -> Reconstruction:
    """Columns to mean 0 and deviation 1 over the training rows; a constant column stays one."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    still = deviation <= 1e-12 * np.maximum(abs(mean), 1e-300)
    return lambda x: (x - mean) / np.where(still, 1.0, deviation)


def table_of(name: str, x: np.ndarray) -> Table:
    x = x[:, np.isfinite(x).mean(axis=0) > 0.5]
    x = x[np.isfinite(x).all(axis=1)]
    columns = x.shape[1]
    latent = max(1, min(columns // 2, max(2, columns // 8)))
    return Table(name, x, 2 if name == "swiss" else latent)


def in_folder(data_dir: Path | None) -> Iterator[Table]:
    """The tables of a folder; a line where there is none."""
    folder = None if data_dir is None else data_dir / "tables"
    if folder is None or not folder.is_dir():
        where = "give the folder that holds tables/ by --data-dir or AUTOENCODES_DATA"
        print(f"tables of a folder skipped: {where}", flush=True)
        return
    for path in sorted(folder.iterdir()):
        if path.suffix == ".npy":
            yield table_of(path.stem, np.load(path).astype(float))
        elif path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8") as stream:
                _, *rows = csv.reader(stream)
            yield table_of(path.stem, np.array([list(map(number, row)) for row in rows]))


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def of_sklearn() -> Iterator[Table]:
    from sklearn import datasets

    for name in ("iris", "diabetes", "wine", "breast_cancer", "linnerud", "digits"):
        loaded = getattr(datasets, f"load_{name}")()
        x, target = loaded.data, np.asarray(loaded.target)
        if target.dtype.kind == "f":
            x = np.column_stack([x, target])
        yield table_of(f"scikit-learn: {name}", np.asarray(x, float))


def parted(x: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Of the training rows, those to fit and a fifth to choose by."""
    order = np.random.default_rng([seed, 1]).permutation(len(x))
    held = max(1, len(x) // 5)
    return x[order[held:]], x[order[:held]]


def mean_square(reconstruction: Reconstruction, x: np.ndarray) -> float:
    return float(np.mean((reconstruction(x) - x) ** 2))


def pca(x: np.ndarray, latent: int, seed: int) -> Reconstruction:
    from sklearn.decomposition import PCA

    model = PCA(latent, svd_solver="full").fit(x)
    return lambda y: model.inverse_transform(model.transform(y))


def kernel_pca(x: np.ndarray, latent: int, seed: int) -> Reconstruction:
    from sklearn.decomposition import KernelPCA

    if len(x) > 3_000:
        x = x[np.random.default_rng(seed).permutation(len(x))[:3_000]]

    def fitted(rows: np.ndarray, gamma: float, ridge: float) -> Reconstruction:
        fixed = {"kernel": "rbf", "fit_inverse_transform": True, "random_state": seed}
        model = KernelPCA(latent, gamma=gamma / rows.shape[1], alpha=ridge, **fixed).fit(rows)
        return lambda y: model.inverse_transform(model.transform(y))

    fit, held = parted(x, seed)
    gammas, ridges = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0), 10.0 ** np.arange(-8, 1)
    grid = [(gamma, ridge) for gamma in gammas for ridge in ridges]
    best = min(grid, key=lambda pair: mean_square(fitted(fit, *pair), held))
    return fitted(x, *best)


def mlp(x: np.ndarray, latent: int, seed: int, hidden: int, activation: str) -> Reconstruction:
    from sklearn.neural_network import MLPRegressor

    model = MLPRegressor(
        hidden_layer_sizes=(hidden, latent, hidden),
        activation=activation,
        learning_rate_init=1e-2 if hidden < 100 else 3e-3,
        batch_size=min(128, round(0.8 * len(x))),
        max_iter=2_000,
        early_stopping=True,
        validation_fraction=0.15,
        n_iter_no_change=200,
        tol=0.0,
        random_state=seed,
    )
    model.fit(x, x)
    return model.predict


def denoising(x: np.ndarray, latent: int, seed: int) -> Reconstruction:
    import torch

    torch.manual_seed(seed)
    fit, held = (torch.tensor(rows, dtype=torch.float32) for rows in parted(x, seed))
    noise, steps = torch.tensor([0.05, 0.2, 0.6])[:, None, None], 3_000
    theta = []  # of one network for every level of noise, all trained at once
    for before, after in pairwise((x.shape[1], 64, latent, 64, x.shape[1])):
        for size in (before, 1):
            drawn = (2 * torch.rand(len(noise), size, after) - 1) / before**0.5
            theta.append(drawn.requires_grad_())

    def network(y: Any, theta: list[Any]) -> Any:
        hidden = torch.baddbmm(theta[1], y.expand(len(noise), -1, -1), theta[0]).tanh()
        hidden = torch.baddbmm(theta[5], torch.baddbmm(theta[3], hidden, theta[2]), theta[4]).tanh()
        return torch.baddbmm(theta[7], hidden, theta[6])

    adam = torch.optim.AdamW(theta, lr=1e-2, weight_decay=1e-4)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    best, kept = torch.full((len(noise),), np.inf), [part.detach().clone() for part in theta]
    for step in range(1, steps + 1):
        rows = fit[torch.randint(len(fit), (len(noise), min(128, len(fit))))]
        disturbed = rows + noise * torch.randn_like(rows)
        loss = ((network(disturbed, theta) - rows) ** 2).mean(dim=(1, 2)).sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
        slower.step()
        if step % 50 == 0:
            with torch.no_grad():
                error = ((network(held, theta) - held) ** 2).mean(dim=(1, 2))
                for own, part in zip(kept, theta, strict=True):
                    own[error < best] = part[error < best]
                best = torch.minimum(best, error)
    chosen = int(best.argmin())

    def reconstruction(y: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.tensor(y, dtype=torch.float32), kept)[chosen].numpy().astype(float)

    return reconstruction


PEERS: dict[str, Callable[[np.ndarray, int, int], Reconstruction]] = {
    "PCA": pca,
    "kernel PCA": kernel_pca,
    "MLP 8": partial(mlp, hidden=8, activation="tanh"),
    "MLP 32": partial(mlp, hidden=32, activation="tanh"),
    "MLP 128": partial(mlp, hidden=128, activation="relu"),
    "denoising": denoising,
}


def of_peer(name: str, table: Table, seed: int) -> dict[str, float]:
    """Test error and seconds of one fit."""
    train, test = table.split(seed)
    scale = standard(train)
    for module in ("sklearn.decomposition", "sklearn.neural_network"):
        importlib.import_module(module)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLPRegressor: that it has not converged
        reconstruction = PEERS[name](scale(train), table.latent, seed)
    seconds = time.perf_counter() - start
    return {"error": mean_square(reconstruction, scale(test)), "seconds": seconds}


def fit_here(table: Table, seed: int, given: dict[str, Any]) -> float:
    """The test error of AutoencODE, fitted in this process."""
    import autoencodes as ac

    train, test = table.split(seed)
    model = ac.AutoencODE(n_components=table.latent, random_state=seed, **given).fit(train)
    scale = standard(train)
    return float(np.mean((scale(np.asarray(model.reconstruct(test))) - scale(test)) ** 2))


def fit_alone(table: Table, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """The same in a process of its own, without compiled programs that a cache may have."""
    words = [sys.executable, __file__, "--fit", table.name, str(seed)]
    words += ["--given", json.dumps(options.given)]
    words += ["--data-dir", str(options.data_dir)] if options.data_dir else []
    known = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    start = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, env=known)
    seconds = time.perf_counter() - start
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    last = lines[-1] if lines else f"exit status {done.returncode}"
    if done.returncode or not np.isfinite(float(last)):
        return {"failed": last, "seconds": seconds}
    return {"error": float(last), "seconds": seconds}


def measure(
    table: Table, options: argparse.Namespace, results: dict[str, Any], save: Callable[[], None]
) -> None:
    """Adds what is asked for and not known to the results of a table."""
    same = hashlib.sha256(table.x.tobytes()).hexdigest()[:16]
    if results.get(table.name, {}).get("fingerprint") != same:
        rows, columns = table.x.shape
        shape = {"rows": rows, "columns": columns, "latent": table.latent}
        results[table.name] = {"fingerprint": same, **shape, "fits": {}}
    fits = results[table.name]["fits"]
    for seed in range(options.seeds):
        for name in options.methods:
            known = fits.setdefault(name, {})
            if name == OURS:
                fit = fit_alone(table, seed, options)
            elif str(seed) not in known:
                fit = of_peer(name, table, seed)
            else:
                continue
            package = {OURS: "autoencodes", "denoising": "torch"}.get(name, "scikit-learn")
            by = f"{package} {importlib.metadata.version(package)}"
            by += f" with {options.given}" if name == OURS and options.given else ""
            known[str(seed)] = fit | {"by": by, "on": str(date.today())}
            save()


def geometric(values: Any) -> float:
    """The geometric mean: errors of tables differ by factors."""
    return float(np.exp(np.mean(np.log(values))))


@dataclass(frozen=True)
class Line:
    """What became of a table: errors over PCA's, by method and seed."""

    name: str
    entry: dict[str, Any]
    seeds: int

    @property
    def exact(self) -> bool:
        return any(self.fit("PCA", seed)["error"] < 1e-12 for seed in range(self.seeds))

    def fit(self, method: str, seed: int) -> dict[str, Any]:
        return self.entry["fits"].get(method, {}).get(str(seed), {})

    def ratios(self, method: str) -> np.ndarray:
        """Test error over PCA's, one a seed; NaN where it was not measured or has failed."""
        own = [self.fit(method, seed).get("error", np.nan) for seed in range(self.seeds)]
        return np.array(own) / [self.fit("PCA", seed)["error"] for seed in range(self.seeds)]

    def ratio(self, method: str) -> float:
        """The geometric mean over the seeds."""
        return geometric(self.ratios(method))

    @property
    def best(self) -> np.ndarray:
        """The least of the peers' in every split: no one can choose so well."""
        return np.nanmin([self.ratios(name) for name in PEERS], axis=0)

    def seconds(self, method: str) -> float:
        return max(self.fit(method, seed).get("seconds", np.nan) for seed in range(self.seeds))

    @property
    def cells(self) -> tuple[str, ...]:
        entry, ours, best = self.entry, self.ratios(OURS), self.best
        size = f"{entry['rows']:,} × {entry['columns']} → {entry['latent']}"
        errors = map(shown, (self.ratio(OURS), ours.max(), geometric(best)))
        which = ", ".join(name for name in PEERS if (self.ratios(name) == best).any())
        ahead = "–" if np.isnan(ours).any() else f"{(ours < best).sum()} of {self.seeds}"
        others = (shown(self.ratio(name)) for name in PEERS if name != "PCA")
        return (self.name, size, *errors, which, ahead, *others)


def shown(ratio: float) -> str:
    return "–" if np.isnan(ratio) else f"{ratio:.{2 if ratio >= 0.1 else 3}f}"


HEAD = (
    *("table", "size → k", OURS, "its worst split", "best peer", "which", "splits ahead"),
    *(name for name in PEERS if name != "PCA"),
)


def summary(title: str, lines: list[Line]) -> list[str]:
    from scipy import stats

    means = {name: geometric([line.ratio(name) for line in lines]) for name in (*PEERS, OURS)}
    peers = ", ".join(f"{name} {shown(means[name])}" for name in PEERS)
    best = geometric([line.best for line in lines])
    said = [
        f"{title}, {len(lines)} tables, geometric means: {peers}; the best of them, picked by the "
        f"test rows of every split, {shown(best)}."
    ]
    if np.isnan(means[OURS]):
        return [*said, f"{OURS} was not measured on all."]
    logs = np.log([line.ratio(OURS) / geometric(line.best) for line in lines])
    ahead, count = int((logs < 0).sum()), len(lines)
    chance = stats.binomtest(ahead, count, alternative="greater").pvalue
    worst = max(lines, key=lambda line: line.ratios(OURS).max())
    said.append(
        f"{OURS} {shown(means[OURS])}, ahead of the best peer on {ahead} (by chance so often or "
        f"more: p = {chance:.2g}); worst split {shown(worst.ratios(OURS).max())} ({worst.name}); "
        f"longest fit {max(line.seconds(OURS) for line in lines):.0f} s."
    )
    if count > 2:
        half = stats.t.ppf(0.975, count - 1) * logs.std(ddof=1) / np.sqrt(count)
        low, middle, high = np.exp(logs.mean() + half * np.array([-1, 0, 1]))
        said.append(
            f"Its error is {middle:.2f} of the best peer's (95 % interval over tables {low:.2f} "
            f"to {high:.2f})."
        )
    return said


def grid(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    whole = (head, ("---", *("--:" for _ in head[1:])), *rows)
    return "".join(f"| {' | '.join(row)} |\n" for row in whole).replace("nan", "–")


def markdown(lines: list[Line], summaries: list[list[str]]) -> str:
    told = "\n".join("- " + " ".join(said) for said in summaries)
    errors = grid(HEAD, [line.cells for line in lines])
    rows = [(line.name, *(f"{line.seconds(m):.1f}" for m in (OURS, *PEERS))) for line in lines]
    times = grid(("table", OURS, *PEERS), rows)
    longest = "Seconds a fit, the longest of the seeds:"
    return f"{conditions(lines)}\n\n{told}\n\n{errors}\n{longest}\n\n{times}"


def conditions(lines: list[Line]) -> str:
    """What was run and when, in a sentence: as kept with every fit."""
    kept = [method for line in lines for method in line.entry["fits"].values()]
    by, on = (sorted({fit[k] for seeds in kept for fit in seeds.values()}) for k in ("by", "on"))
    return f"{', '.join(by)}; {lines[0].seeds} seeds; until {on[-1]}; {os.cpu_count()} cores."


def put(page: Path, text: str) -> None:
    """Replaces what stands between a page's markers, or writes a page of it."""
    whole = page.read_text("utf-8") if page.exists() else "\n".join(MARKERS) + "\n"
    before, first, rest = whole.partition(MARKERS[0])
    _, last, after = rest.partition(MARKERS[1])
    if not first or not last:
        sys.exit(f"{page}: expected the line {MARKERS[0]!r} and after it {MARKERS[1]!r}")
    page.write_text(f"{before}{first}\n\n{text}\n{last}{after}", "utf-8")


def asked() -> argparse.Namespace:
    """The command line's options, and the methods that they ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, help="the folder that holds tables/")
    parser.add_argument("--only", nargs="+", default=[], help="parts of the names of tables")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--given", type=json.loads, default={}, help="of AutoencODE, as JSON")
    parser.add_argument("--peers", choices=("all", "none", "only"), default="all")
    parser.add_argument("--results", type=Path, help="a file that keeps what was measured")
    parser.add_argument("--markdown", type=Path, help="a page to write into")
    parser.add_argument("--smoke", action="store_true", help="a small table, one seed")
    parser.add_argument("--fit", nargs=2, metavar=("NAME", "SEED"), help="one fit in this process")
    options = parser.parse_args()
    if options.data_dir is None and "AUTOENCODES_DATA" in os.environ:
        options.data_dir = Path(os.environ["AUTOENCODES_DATA"])
    if options.smoke:
        options.only, options.seeds, options.given = ["linnerud"], 1, {"epochs": 2}
    peers = [name for name in PEERS if name == "PCA" or options.peers != "none"]
    if not options.fit and "denoising" in peers and importlib.util.find_spec("torch") is None:
        peers.remove("denoising")
        print("the denoising autoencoder is skipped: torch is not installed", flush=True)
    options.methods = peers if options.peers == "only" else [*peers, OURS]
    return options


def main() -> None:
    options = asked()
    tables = chain(in_folder(options.data_dir), of_sklearn())
    if options.fit is not None:
        name, seed = options.fit
        table = next(table for table in tables if table.name == name)
        print(fit_here(table, int(seed), options.given))
        return
    results: dict[str, Any] = {}
    if options.results is not None and options.results.exists():
        results = json.loads(options.results.read_text("utf-8"))

    def chosen(name: str) -> bool:
        return not options.only or any(part in name for part in options.only)

    for name in filter(chosen, results if OURS in options.methods else ()):
        results[name]["fits"].pop(OURS, None)  # what is not measured again must not look as if

    def save() -> None:
        if options.results is not None:
            partly = options.results.with_name(options.results.name + ".part")
            partly.write_text(json.dumps(results, indent=1), "utf-8")
            partly.replace(options.results)

    lines, failed, seen = [], False, set[bytes]()
    print(*HEAD, "seconds", sep="  ", flush=True)
    for table in filter(lambda table: chosen(table.name), tables):
        if table.x.tobytes() in seen:
            print(f"{table.name}: the same rows as a table before", flush=True)
            continue
        seen.add(table.x.tobytes())
        measure(table, options, results, save)
        line = Line(table.name, results[table.name], options.seeds)
        for seed in range(options.seeds):
            if why := line.fit(OURS, seed).get("failed"):
                failed = True
                print(f"{table.name}, seed {seed}: FAILED: {why}", flush=True)
        if line.exact:
            print(f"{table.name}: PCA is exact", flush=True)
            continue
        lines.append(line)
        print(*line.cells, f"{line.seconds(OURS):.0f} s", sep="  ", flush=True)
    own = [line for line in lines if not line.name.startswith("scikit-learn")]
    groups = (("Of the folder", own), ("In all", lines))
    summaries = [summary(*group) for group in groups if group[1]]
    print(*chain(*summaries), sep="\n", flush=True)
    if options.markdown is not None:
        put(options.markdown, markdown(lines, summaries))
    sys.exit(failed)


if __name__ == "__main__":
    main()
