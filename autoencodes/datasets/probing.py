"""Files that compiled libraries read, read first by another process: a damaged one may end it.

Libraries for HDF5, Parquet and Arrow can crash on a damaged file, print their own traces, ask for
all memory or never come back. What happens to another process is an error here.
"""

from __future__ import annotations

import os
import subprocess
import sys

from autoencodes.datasets.streams import Source
from autoencodes.errors import InputError

_SECONDS = 20.0
_BYTES_A_SECOND = 2e6
_MEMORY = 1 << 33
_TIMES = 64
"""How many times its size a file may take of memory while it is read, beside ``_MEMORY``."""

PROGRAM = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[3]),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (ImportError, ValueError, OSError):
    pass
import io
kind, path = sys.argv[1:3]
source = io.BytesIO(sys.stdin.buffer.read()) if path == "-" else path
if kind == "hdf5":
    import h5py
    with h5py.File(source, "r") as file:
        def read(name, item):
            if isinstance(item, h5py.Dataset) and item.shape is not None:
                if item.nbytes <= int(sys.argv[3]) // 8:
                    item[()]
        file.visititems(read)
else:
    import polars
    getattr(polars, kind)(source)
"""


def probe(source: Source, kind: str, what: str) -> None:
    """Has another process read a file whole, by "hdf5" or by one of Polars' readers.

    What that process says of the file is not repeated: the reader says it again, here.

    Raises
    ------
    InputError
        If the process crashes, or does not come to an end in a time that the size allows.
    """
    if not sys.executable:
        return
    limit = _MEMORY + _TIMES * source.size
    path = "-" if source.path is None else os.path.abspath(source.path)
    command = [sys.executable, "-P", "-c", PROGRAM, kind, path, str(limit)]
    seconds = _SECONDS + source.size / _BYTES_A_SECOND
    try:
        done = subprocess.run(
            command,
            input=source.content,
            capture_output=True,
            timeout=seconds,
            env={**os.environ, "RUST_BACKTRACE": "0", "POLARS_MAX_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        fault = f"its reader did not come to an end in {seconds:.0f} s"
    except OSError:
        return  # no process can be started here: the file is read without one
    else:
        if done.returncode >= 0 and b"panicked" not in done.stderr:
            return
        fault = "its reader crashes"
    raise InputError(
        f"{source}: expected a sound {what} file, got one that cannot be read ({fault}); write it "
        "again"
    )
