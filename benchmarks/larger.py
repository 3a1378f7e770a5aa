"""Tables that do not fit: an epoch over Parquet parts that are read a block at a time.

    python benchmarks/larger.py --rows 1,5,20 --folder PLACE    (millions; PLACE keeps the parts)
    python benchmarks/larger.py --smoke

Rows are 32 columns of float32 that lie near a curved surface of dimension 4, drawn from seed 0 in
parts of a million. Every training is a process of its own: one epoch of `autoencodes train` by the
default rule under ``--limit``, with its comparison of candidates and the errors of all parts, and
then the same rows loaded whole. Printed are seconds for what comes before the training (columns,
moments, comparison), rows a second in the epoch once its program is compiled, the seconds for the
errors of all rows, and the largest resident memory of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS, PART, GROUP = 32, 1_000_000, 65_536


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", default="1", help="millions of rows, as 1,5,20")
    parser.add_argument("--limit", default="1.5GB", help="the memory limit of the process")
    parser.add_argument("--folder", type=Path, help="where the parts are kept")
    parser.add_argument("--only", choices=("streamed", "loaded"), help="one of the two")
    parser.add_argument("--smoke", action="store_true", help="of 6,000 rows")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measured(*options.child)))
        return
    counts = [6_000] if options.smoke else [round(1e6 * float(n)) for n in options.rows.split(",")]
    print("| rows | how | bytes of Parquet | before, s | rows/s | errors, s | peak memory, MB |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for count in counts:
            data = (options.folder or Path(scratch)) / f"rows-{count}"
            size = written(data, count)
            for how in (options.only,) if options.only else ("streamed", "loaded"):
                limit = {"streamed": options.limit, "loaded": "1TB"}[how]
                made = in_a_process(data, limit, how == "streamed")
                print(
                    f"| {count:,} | {how} | {size / 1e6:,.0f} MB | {made['before']:.1f} | "
                    f"{made['rate']:,.0f} | {made['errors']:.1f} | {made['memory']:,.0f} |",
                    flush=True,
                )


def written(folder: Path, count: int) -> int:
    """The bytes of the parts, which are written unless they are there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    bent, straight = random.normal(size=(2, 4, COLUMNS))
    for number, first in enumerate(range(0, count, PART)):
        path = folder / f"part-{number:04d}.parquet"
        if path.exists():
            continue
        own = np.random.default_rng([0, number])
        rows = min(PART, count - first)
        z = own.normal(size=(rows, 4))
        noise = 0.1 * own.normal(size=(rows, COLUMNS))
        x = (np.tanh(z @ bent) + 0.3 * z @ straight + noise).astype(np.float32)
        table = pa.table({f"c{k}": x[:, k] for k in range(COLUMNS)})
        pq.write_table(table, path.with_suffix(".part"), row_group_size=GROUP)
        path.with_suffix(".part").rename(path)
    return sum(path.stat().st_size for path in folder.glob("*.parquet"))


def in_a_process(data: Path, limit: str, streamed: bool) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", str(data), limit, str(streamed)]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


def measured(data: str, limit: str, streamed: str) -> dict[str, Any]:
    """One training in this process, measured."""
    import resource

    from autoencodes.plan.settings import Settings
    from autoencodes.run import source
    from autoencodes.run.job import prepare

    began = time.perf_counter()
    settings = Settings(data=data, epochs=1, memory_limit=limit, effort="quick")
    how = streamed == "True"
    job = prepare(settings, lambda given, model: source.read(given, model, streamed=how))
    ready = time.perf_counter()
    seen: list[tuple[int, float]] = []
    result = job.fit([lambda progress: seen.append((progress.step, time.perf_counter()))])
    (first, then), (last, now) = seen[0], seen[-1]
    batch = job.plan.batch_size
    between = time.perf_counter()
    errors = job.errors_of_parts(result.control)
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "before": ready - began,
        "rate": batch * (last - first) / (now - then),
        "errors": time.perf_counter() - between,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20,
        "mse": {part: own["mse"] for part, own in errors.items()},
        "streamed": job.streamed is not None,
        "load": os.getloadavg()[0],
    }


if __name__ == "__main__":
    main()
