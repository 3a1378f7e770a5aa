"""Whether a damaged or hostile file ever ends in anything but a result or a clean refusal.

Run:  python benchmarks/fuzz.py [--seconds 600] [--seed 0] [--only KIND ...] [--keep DIR] [--smoke]

One small file of every kind that is read is mutated: bits, bytes and pieces of it; numbers and
types in its JSON or TOML, with the lengths around them and the checksum mended, so that what lies
behind is reached; sizes in binary headers. Then it is read, in a process of its own, which is ended
after 20 seconds. Reported: whatever is no result and no ``InputError`` (for files that
are damaged on purpose an ``OSError`` is none either), hangs, and memory above twice the input and
64 MB. ``READERS`` has one line for every kind; ``--keep`` writes the files that failed.
"""

from __future__ import annotations

import argparse
import copy
import json
import multiprocessing
import os
import random
import resource
import shutil
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SECONDS = 20
MEMORY = 64 * 2**20
STRANGE: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**31,
    2**62,
    10**30,
    1e308,
    -0.5,
    "",
    "x",
    "\x1b[31m",
    "\ud800",
    [],
    {},
    [[[]]],
    [1, "2"],
    {"a": 1},
)
"""What stands where something else was expected."""


@dataclass(frozen=True)
class Reader:
    """A kind of file: where it lies in the corpus, how it is read, how it is mutated."""

    file: str
    read: Callable[[Path], Any]
    mutate: Callable[[bytes, random.Random], bytes]


def read_model(path: Path) -> Any:
    from autoencodes.model.storage import load

    return load(path).reconstruct(np.zeros((2, 4)))


def read_run(path: Path) -> Any:
    """Everything that a run folder's own verbs read of it."""
    from autoencodes.run import RunFolder

    folder = RunFolder.open(path.parent if path.parent.name != "checkpoint" else path.parents[1])
    return folder.config, folder.history, folder.strip, folder.metrics, folder.record


def read_checkpoint(path: Path) -> Any:
    from autoencodes.run import RunFolder

    folder = RunFolder.open(path.parents[1])
    return folder.checkpoint_of(folder.config)


def rewound(path: Path) -> Any:
    import warnings

    from autoencodes.run import RunFolder

    warnings.simplefilter("ignore")
    return RunFolder.open(path.parent).rewind_history(10)


def read_report(path: Path) -> Any:
    from autoencodes.report import report

    return report(path.parent)


def read_settings(path: Path) -> Any:
    from autoencodes.plan.settings import Settings, read_toml

    return Settings(**read_toml(path))


def read_data(path: Path) -> Any:
    from autoencodes import datasets

    return datasets.load(str(path))


def read_codes(path: Path) -> Any:
    from autoencodes.run.export import read_latent

    return read_latent(path)


def bits(data: bytes, rng: random.Random) -> bytes:
    """Some bits, bytes or pieces changed, doubled, moved or cut off."""
    content = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        at = rng.randrange(len(content) or 1)
        end = min(len(content), at + rng.choice([1, 4, 32]))
        match rng.randrange(7):
            case 0 if content:
                content[at] ^= 1 << rng.randrange(8)
            case 1 if content:
                content[at] = rng.randrange(256)
            case 2:
                content[at:end] = b""
            case 3:
                content[at:at] = content[at:end] * rng.choice([1, 2, 100])
            case 4:
                content = content[:at]
            case 5:
                content[at:end] = rng.choice([b"\xff" * 8, b"\x00" * 8, b"[" * 5000, b"9" * 400])
            case 6:
                content[at:at] = rng.choice([b'"', b"\n", b"nan", b"1e999", b"-", b"\xef\xbb\xbf"])
    return bytes(content)


def values(entries: Any, rng: random.Random) -> Any:
    """JSON values with one of them replaced, removed, doubled or made large."""
    entries = copy.deepcopy(entries)
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, entry in items:
            places.append((value, key))
            if isinstance(entry, dict | list):
                walk(entry)

    walk(entries)
    for _ in range(rng.choice([1, 1, 2])):
        if not places:
            break
        owner, key = rng.choice(places)
        try:
            match rng.randrange(4):
                case 0 if isinstance(owner, dict):
                    del owner[key]
                case 1 if isinstance(owner[key], list) and owner[key]:
                    owner[key] = owner[key] * 3
                case 2 if isinstance(owner[key], int | float):
                    owner[key] = owner[key] * rng.choice([-1, 2, 10**6, 10**15, 0.5])
                case _:
                    owner[key] = copy.deepcopy(rng.choice(STRANGE))
        except (LookupError, TypeError):
            continue
    return entries


def lines(data: bytes, rng: random.Random) -> bytes:
    """A line of JSON with another value, or bits."""
    parts = data.split(b"\n")
    at = rng.randrange(len(parts))
    if rng.random() < 0.5 or not parts[at]:
        return bits(data, rng)
    parts[at] = json.dumps(values(json.loads(parts[at]), rng)).encode()
    return b"\n".join(parts)


def whole_json(data: bytes, rng: random.Random) -> bytes:
    """A JSON file with another value, or bits."""
    if rng.random() < 0.5:
        return bits(data, rng)
    return json.dumps(values(json.loads(data), rng)).encode()


def toml(data: bytes, rng: random.Random) -> bytes:
    """A TOML file with another value, or bits."""
    import tomllib

    from autoencodes.plan.settings import to_toml

    if rng.random() < 0.3:
        return bits(data, rng)
    entries = values(tomllib.loads(data.decode()), rng)
    try:
        return to_toml(entries).replace("None", "{}").encode()
    except ValueError:
        return data + json.dumps(entries).encode()


def tensors(data: bytes, rng: random.Random) -> bytes:
    """A safetensors file: its header's values, its JSON's with the checksum mended, or bits."""
    from autoencodes.model.storage import _CHECKSUM, _digest

    if rng.random() < 0.3:
        return bits(data, rng)
    (length,) = struct.unpack("<Q", data[:8])
    header, rest = json.loads(data[8 : 8 + length]), data[8 + length :]
    (key,) = header["__metadata__"]
    if rng.random() < 0.6:
        from safetensors.numpy import load, save

        arrays = load(data)
        entries = values(
            {k: v for k, v in json.loads(header["__metadata__"][key]).items() if k != _CHECKSUM},
            rng,
        )
        if rng.random() < 0.4 and arrays:
            name = rng.choice(sorted(arrays))
            arrays[name] = np.asarray(altered(arrays[name], rng), order="C")
        entries = entries | ({_CHECKSUM: _digest(arrays, entries)} if rng.random() < 0.5 else {})
        return save(arrays, metadata={key: json.dumps(entries)})
    header = values(header, rng)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + rest


def altered(array: np.ndarray, rng: random.Random) -> np.ndarray:
    """An array of another shape, type or content."""
    match rng.randrange(6):
        case 0:
            return array[..., None]
        case 1:
            return array.reshape(-1)
        case 2:
            return array.reshape(-1)[:0]
        case 3:
            return array.astype(rng.choice(["f2", "f8", "i8", "u1", "?"]))
        case 4 if array.size and array.dtype.kind == "f":
            array = array.copy()
            array.flat[rng.randrange(array.size)] = rng.choice([np.nan, np.inf, -np.inf, 1e30, -1])
            return array
        case _:
            return -array if array.dtype.kind in "fi" else array


def numpy_file(data: bytes, rng: random.Random) -> bytes:
    """A .npy file whose header says something else, or bits."""
    if rng.random() < 0.5:
        return bits(data, rng)
    version = rng.choice([1, 2, 3])
    start = 10 if data[6] == 1 else 12
    (length,) = struct.unpack("<H", data[8:10])
    header = data[start : start + length].decode("latin1")
    shape = rng.choice(["(1,)", "(4, 3)", "(0, 3)", "(3000000000, 1000)", "(-1, 3)", "(2**62,)"])
    kind = rng.choice(["<f8", ">f4", "<c8", "|O", "<U9", "<M8[s]", "|V8", "<f2", ">i4"])
    header = rng.choice(
        [
            f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n",
            header.replace("False", rng.choice(["True", "1", "None", "[" * 200])),
            header[: rng.randrange(len(header))],
        ]
    )
    size = rng.choice([len(header), len(header), 2**31, 0])
    form = "<H" if version == 1 else "<I"
    packed = struct.pack(form, min(size, 65535 if version == 1 else 2**32 - 1))
    return b"\x93NUMPY" + bytes([version, 0]) + packed + header.encode() + data[start + length :]


def text(data: bytes, rng: random.Random) -> bytes:
    """A table of text with another cell, delimiter, encoding or line, or bits."""
    if rng.random() < 0.4:
        return bits(data, rng)
    rows = data.split(b"\n")
    at = rng.randrange(len(rows))
    cells = rows[at].split(b",")
    odd = [b"", b"nan", b"1e999", b"0x1f", b'"', b"\x00", b"\xff", b"=1+1", b"\x1b[2J", b"9" * 5000]
    cells[rng.randrange(len(cells))] = rng.choice(odd)
    rows[at] = b",".join(cells * rng.choice([1, 1, 3]))
    content = b"\n".join(rows)
    return rng.choice(
        [content, content.replace(b",", b";"), content.decode("latin1").encode("utf-16")]
    )


READERS: dict[str, Reader] = {
    "model": Reader("run/model.safetensors", read_model, tensors),
    "older model": Reader("older.safetensors", read_model, tensors),
    "history": Reader("run/history.jsonl", read_run, lines),
    "history to resume": Reader("run/history.jsonl", rewound, lines),
    "checkpoint": Reader("run/checkpoint/state.safetensors", read_checkpoint, tensors),
    "samples": Reader("run/samples.safetensors", read_report, tensors),
    "strip": Reader("run/strip.safetensors", read_report, tensors),
    "metrics": Reader("run/metrics.json", read_run, whole_json),
    "metrics in a report": Reader("run/metrics.json", read_report, whole_json),
    "record": Reader("run/data.json", read_run, whole_json),
    "config": Reader("run/config.toml", read_run, toml),
    "settings": Reader("run/config.toml", read_settings, toml),
    "npy": Reader("x.npy", read_data, numpy_file),
    "npz": Reader("x.npz", read_data, bits),
    "csv": Reader("x.csv", read_data, text),
    "idx": Reader("x-idx3-ubyte", read_data, bits),
    "idx.gz": Reader("x-idx3-ubyte.gz", read_data, bits),
    "jsonl": Reader("x.jsonl", read_data, lines),
    "parquet": Reader("x.parquet", read_data, bits),
    "arrow": Reader("x.arrow", read_data, bits),
    "xlsx": Reader("x.xlsx", read_data, bits),
    "hdf5": Reader("x.h5", read_data, bits),
    "csv.gz": Reader("x.csv.gz", read_data, bits),
    "image": Reader("pictures/3.png", lambda path: read_data(path.parent), bits),
    "codes": Reader("codes.npz", read_codes, bits),
}


def corpus(folder: Path) -> None:
    """One small file of every kind."""
    import gzip

    from autoencodes.plan.settings import Settings
    from autoencodes.run import train

    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (40, 2, 2), dtype=np.uint8)
    np.save(folder / "images.npy", images)
    np.save(folder / "x.npy", rng.normal(size=(9, 4)))
    np.savez(folder / "x.npz", x=rng.normal(size=(9, 4)), y=np.arange(9) % 3)
    np.savez_compressed(folder / "codes.npz", latent=np.ones((9, 2)), held=np.ones((9, 1)))
    np.savetxt(folder / "x.csv", rng.normal(size=(9, 4)), delimiter=",", header="a,b,c,label")
    idx = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in images.shape)
    (folder / "x-idx3-ubyte").write_bytes(idx + images.tobytes())
    (folder / "x-idx3-ubyte.gz").write_bytes(gzip.compress(idx + images.tobytes()))
    (folder / "x.csv.gz").write_bytes(gzip.compress((folder / "x.csv").read_bytes()))
    tables(folder, {name: rng.normal(size=9) for name in "abc"} | {"name": list("xyzxyzxyz")})
    data = str(folder / "images.npy")
    train(Settings(data=data, widths=(4, 2), steps_per_block=1, epochs=3), folder / "run")
    whole = (folder / "run" / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])
    entries = json.loads(header["__metadata__"]["autoencodes"])
    entries.pop("sha256")
    header["__metadata__"]["autoencodes"] = json.dumps(entries)
    text = json.dumps(header).encode()
    older = struct.pack("<Q", len(text)) + text + whole[8 + length :]
    (folder / "older.safetensors").write_bytes(older)


def tables(folder: Path, columns: dict[str, Any]) -> None:
    """One small file of every format of tables that a library reads, and a folder of images."""
    import h5py
    import polars
    from PIL import Image

    frame = polars.DataFrame(columns)
    frame.write_ndjson(folder / "x.jsonl")
    frame.write_parquet(folder / "x.parquet")
    frame.write_ipc(folder / "x.arrow")
    frame.write_excel(folder / "x.xlsx")
    with h5py.File(folder / "x.h5", "w") as file:
        file["x"] = np.arange(36.0).reshape(9, 4)
    (folder / "pictures").mkdir()
    for k in range(9):
        Image.fromarray(np.full((4, 4), 20 * k, np.uint8)).save(folder / "pictures" / f"{k}.png")


def verdict(reader: Reader, path: Path, size: int) -> str:
    """What is wrong with how a file was read; nothing if it was read or refused."""
    from autoencodes.errors import InputError, MissingExtra, NumericalFailure

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    try:
        reader.read(path)
    except (InputError, NumericalFailure, MissingExtra):
        pass
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}: {error}"[
            :300
        ]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    if grown > 2 * size + MEMORY:
        return f"memory: {grown / 2**20:.0f} MB for {size:,} bytes"
    spent = time.perf_counter() - began
    return f"slow: {spent:.0f} s for {size:,} bytes" if spent > SECONDS / 2 else ""


def work(tasks: Any, results: Any, folder: Path) -> None:
    """Reads files, one after the other, until there are no more; within 8 GiB of addresses."""
    resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
    for reader in READERS.values():  # what a sound file takes is no fault of a damaged one
        reader.read(folder / reader.file)
    results.put("ready")
    while (task := tasks.get()) is not None:
        kind, content = task
        path = folder / READERS[kind].file
        sound = path.read_bytes()
        path.write_bytes(content)
        try:
            results.put(verdict(READERS[kind], path, len(content)))
        finally:
            path.write_bytes(sound)


class Worker:
    """A process that reads; one that hangs or dies is replaced."""

    def __init__(self, corpus: Path) -> None:
        self._corpus = corpus
        self._context = multiprocessing.get_context("spawn")
        self._start()

    def _start(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name) / "corpus"
        shutil.copytree(self._corpus, folder)
        self._tasks, self._results = self._context.Queue(), self._context.Queue()
        arguments = (self._tasks, self._results, folder)
        self._process = self._context.Process(target=work, args=arguments, daemon=True)
        self._process.start()
        assert self._results.get(timeout=300) == "ready"

    def read(self, kind: str, content: bytes) -> str:
        """What is wrong with how a file of a kind was read."""
        self._tasks.put((kind, content))
        for _ in range(SECONDS * 10):
            try:
                return str(self._results.get(timeout=0.1))
            except Exception:
                if not self._process.is_alive():
                    break
        fault = "hangs" if self._process.is_alive() else f"dies ({self._process.exitcode})"
        self.stop()
        self._start()
        return fault

    def stop(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.join()
        self._folder.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=READERS, default=list(READERS))
    parser.add_argument("--keep", type=Path, help="a folder for the files that failed")
    parser.add_argument("--smoke", action="store_true", help="a second")
    given = parser.parse_args()
    os.environ.setdefault("MPLBACKEND", "agg")
    tried: Counter[str] = Counter()
    faults: dict[str, list[str]] = {kind: [] for kind in given.only}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        corpus(folder)
        worker = Worker(folder)
        end = time.monotonic() + (1 if given.smoke else given.seconds)
        number = 0
        while time.monotonic() < end:
            kind = given.only[number % len(given.only)]
            rng = random.Random(f"{given.seed} {number}")
            content = READERS[kind].mutate((folder / READERS[kind].file).read_bytes(), rng)
            tried[kind] += 1
            if fault := worker.read(kind, content):
                faults[kind].append(fault)
                if given.keep:
                    given.keep.mkdir(parents=True, exist_ok=True)
                    name = Path(READERS[kind].file)
                    (given.keep / f"{number:06d}-{name.name}").write_bytes(content)
            number += 1
        worker.stop()
    for kind, found in faults.items():
        print(f"{kind}: {tried[kind]} files, {len(found)} faults")
        for fault, count in Counter(found).most_common(8):
            print(f"    {count} × {fault}")
    sys.exit(1 if any(faults.values()) else 0)


if __name__ == "__main__":
    main()
