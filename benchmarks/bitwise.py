"""Whether two trees of the package compute the same numbers, bit for bit.

Run:  python benchmarks/bitwise.py record FILE.json [--only digits,table] [--package DIR]
      python benchmarks/bitwise.py compare BEFORE.json AFTER.json
      python benchmarks/bitwise.py --smoke

``record`` runs a fixed list of command lines (trainings, and what is done with their runs) with
the package in the folder DIR, by default this one, and writes a digest of every array of every
model, every metric, history line and output file; times, memory and the machine are left out.
``compare`` prints what differs, and ends with 1 if something does. Same machine, same libraries:
JAX promises nothing across them. The case ``mnist`` needs $AUTOENCODES_DATA, the folder with
MNIST. ``--smoke`` records one case twice and compares the two.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors import safe_open

UNSTABLE = {
    "lines",
    "seconds",
    "peak_memory_mb",
    "machine",
    "seconds_per_product",
    "created",
    "elapsed",
}
HERE = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("AUTOENCODES_DATA", "../shared/data")).resolve()

VERBS = ("encode", "decode", "reconstruct", "score", "certify-part")
# name: (data, options, further verbs)
CASES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "digits": ("digits", "--epochs 6", VERBS),
    "digits64": ("digits", "--epochs 3 --precision float64", ("reconstruct", "score")),
    "table": ("TABLE", "--latent 3 --epochs 40", ("encode", "reconstruct", "score", "certify")),
    "table64": (
        "TABLE",
        "--latent 3 --epochs 20 --precision float64 --batch-size 0",
        ("score", "certify"),
    ),
    "parabola": ("parabola", "--epochs 60", ("encode", "reconstruct", "certify")),
    "parabola32": ("parabola", "--epochs 60 --precision float32 --record", ("certify",)),
    "sign": ("gaussian-sign", "--epochs 40", ("certify",)),
    "sign-shooting": ("gaussian-sign", "--epochs 20 --inner contraction --tau 0.1", ()),
    "bimodal": ("bimodal-1d", "--epochs 30", ("certify",)),
    "anderson": ("parabola", "--epochs 20 --inner anderson", ()),
    "newton": ("parabola", "--epochs 10 --inner newton-cg", ()),
    "gauss-newton": ("parabola", "--epochs 10 --inner gauss-newton", ()),
    "quasi": ("parabola", "--epochs 10 --inner lbfgs", ()),
    "lbfgs": ("parabola", "--epochs 20 --method lbfgs", ()),
    "msa": ("parabola", "--epochs 20 --method msa", ()),
    "exact-msa": ("parabola", "--epochs 20 --method exact-msa --field linear-in-control", ()),
    "adam": ("TABLE", "--latent 2 --epochs 10 --method adam", ()),
    "adamw": ("TABLE", "--latent 2 --epochs 10 --method adamw", ()),
    "sgd": ("TABLE", "--latent 2 --epochs 10 --method sgd", ()),
    "hold": ("TABLE", "--latent 2 --epochs 10 --memory hold --rotation pca", ("encode", "score")),
    "skip": (
        "TABLE",
        "--latent 2 --epochs 10 --memory skip --extra 2 --time-dependent",
        ("encode", "score"),
    ),
    "two-layer": ("TABLE", "--latent 2 --epochs 10 --field two-layer --hidden 8 --scheme heun", ()),
    "low-rank": (
        "TABLE",
        "--latent 2 --epochs 10 --field low-rank --rank 3 --scheme rk4 --substeps 2",
        (),
    ),
    "pointwise": ("digits", "--latent 8 --epochs 2 --pointwise 4 --order natural", ()),
    "convolution": ("digits", "--latent 8 --epochs 1 --field convolution", ()),
    "classes": ("digits", "--target classes --epochs 4", ("predict", "score", "certify-part")),
    "numbers": ("LABELLED", "--target numbers --epochs 20", ("predict", "score")),
    "huber": ("TABLE", "--latent 2 --epochs 10 --cost huber --delta 0.5 --order random", ()),
    "bce": ("digits", "--epochs 2 --cost binary-cross-entropy --activation softplus", ()),
    "start": ("parabola", "--start PREVIOUS --refine 2 --epochs 10", ("certify",)),
    "smoke": ("parabola", "--epochs 2 --steps-per-block 1", ()),
    "mnist": ("mnist", "--latent 32 --batch-size 256 --epochs 1", ("score",)),
}
EXPERIMENTS = ("classification-natural", "parabola", "backward-equation", "depth-limit", "u-net")


def record(file: Path, only: list[str], package: Path) -> None:
    """Runs the cases with the package of a folder and writes their digests."""
    sys.path.insert(0, str(package))
    import autoencodes

    assert Path(autoencodes.__file__).is_relative_to(package.resolve()), autoencodes.__file__
    results = json.loads(file.read_text()) if file.exists() else {}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        _tables(work)
        for name in only or [*CASES, *(f"experiment-{e}" for e in EXPERIMENTS)]:
            print(name, flush=True)
            results[name] = _case(name, work)
            file.write_text(json.dumps(results, indent=1, sort_keys=True))


def _tables(work: Path) -> None:
    random = np.random.default_rng(7)
    factors = random.normal(size=(400, 3))
    rows = np.tanh(factors @ random.normal(size=(3, 9))) + 0.1 * random.normal(size=(400, 9))
    np.savetxt(
        work / "table.csv", rows * 10 + 3, "%.6f", ",", header="a,b,c,d,e,f,g,h,i", comments=""
    )
    labelled = np.hstack([rows, (rows[:, :1] ** 2 + rows[:, 1:2])])
    np.savetxt(
        work / "labelled.csv", labelled, "%.6f", ",", header="a,b,c,d,e,f,g,h,i,target", comments=""
    )


def _case(name: str, work: Path) -> dict[str, object]:
    out = work / name
    if name.startswith("experiment-"):
        _command(f"experiment {name.removeprefix('experiment-')} --quick --out {out}")
        return _digests(out)
    data, options, verbs = CASES[name]
    source = str({"TABLE": work / "table.csv", "LABELLED": work / "labelled.csv"}.get(data, data))
    options = options.replace("PREVIOUS", str(work / "parabola"))
    more = f" --data-dir {DATA}" if data == "mnist" else ""
    if "PREVIOUS" in CASES[name][1] and not (work / "parabola").exists():
        _command(f"train parabola --epochs 60 --out {work / 'parabola'}")
    _command(f"train {source} {options} --out {out}{more}")
    for verb in verbs:
        if verb == "decode":
            _command(f"decode {out} {out / 'encode.csv'} -o {out / 'decode.csv'}")
        elif verb == "certify":
            _command(f"certify {out} --seconds 100000")
        elif verb == "certify-part":
            _command(f"certify {out} --seconds 100000 --particles 40 --digits 1")
        else:
            _command(f"{verb} {out} {source} -o {out / verb}.csv{more}")
    return _digests(out)


def _command(line: str) -> None:
    from autoencodes import cli

    sys.argv = ["autoencodes", *line.split()]
    try:
        cli.main()
    except SystemExit as end:
        if end.code not in (None, 0):
            raise RuntimeError(f"{line}: exit status {end.code}") from None


def _digests(folder: Path) -> dict[str, object]:
    """What each file of a folder holds: its values where they are few, else a digest."""
    contents: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".safetensors":
            contents[name] = _tensors(path)
        elif path.suffix == ".json":
            contents[name] = _stable(json.loads(path.read_text()))
        elif path.suffix == ".jsonl":
            # Test errors are measured where a round ends, and rounds of many epochs are paced.
            records = [_stable(json.loads(line)) for line in path.read_text().splitlines()]
            kept = [{k: v for k, v in r.items() if not k.startswith("test_")} for r in records]
            contents[f"{name} (but test errors)"] = _hash(json.dumps(kept).encode())
        elif path.suffix in (".csv", ".toml", ".tex", ".txt"):
            text = path.read_text().replace(str(folder.parent), "WORK")
            contents[name] = _hash(text.encode())
    return contents


def _tensors(path: Path) -> dict[str, str]:
    with safe_open(path, "np") as file:
        header = dict(file.metadata() or {})
        digests = {
            k: _hash(np.ascontiguousarray(file.get_tensor(k)).tobytes())
            for k in file.keys()  # noqa: SIM118
        }
    if path.parent.name == "checkpoint":
        header = {}
    return {"": _hash(json.dumps(_stable(_parsed(header)), sort_keys=True).encode()), **digests}


def _parsed(header: dict[str, str]) -> dict[str, object]:
    parsed: dict[str, object] = {}
    for name, value in header.items():
        try:
            parsed[name] = json.loads(value)
        except ValueError:
            parsed[name] = value
    return parsed


def _stable(value: object) -> object:
    if isinstance(value, dict):
        return {k: _stable(v) for k, v in value.items() if k not in UNSTABLE}
    if isinstance(value, list):
        return [_stable(v) for v in value]
    return value


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def compare(before: Path, after: Path) -> int:
    """Prints the paths at which two recordings differ; their number."""
    a, b = (json.loads(path.read_text()) for path in (before, after))
    count = 0
    for name in sorted(set(a) & set(b)):
        for path, left, right in _differences(a[name], b[name], name):
            count += 1
            print(f"{path}: {left} became {right}")
    shared = len(set(a) & set(b))
    print(f"{shared} cases compared, {count} differences")
    return count


def _differences(a: object, b: object, path: str) -> Iterator[tuple[str, object, object]]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(set(a) | set(b)):
            if key in ("history.jsonl", "lines") or (
                "history.jsonl (" in key and not (key in a and key in b)
            ):
                continue
            yield from _differences(a.get(key), b.get(key), f"{path}/{key}")
    elif a != b:
        yield path, a, b


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="one case, twice: does it run?")
    verbs = parser.add_subparsers(dest="verb")
    recording = verbs.add_parser("record")
    recording.add_argument("file", type=Path)
    recording.add_argument("--only", default="")
    recording.add_argument("--package", type=Path, default=HERE)
    comparing = verbs.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    given = parser.parse_args()
    if given.smoke:
        with tempfile.TemporaryDirectory() as folder:
            one, other = Path(folder) / "one.json", Path(folder) / "other.json"
            for file in (one, other):
                record(file, ["smoke"], HERE)
            sys.exit(compare(one, other) > 0)
    elif given.verb == "record":
        record(given.file, [name for name in given.only.split(",") if name], given.package)
    elif given.verb == "compare":
        sys.exit(compare(given.before, given.after) > 0)
    else:
        parser.error("expected record, compare or --smoke")


if __name__ == "__main__":
    main()
