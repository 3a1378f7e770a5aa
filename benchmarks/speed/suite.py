"""All measurements, in the order of the page."""

from __future__ import annotations

from benchmarks.speed.cores import CORES
from benchmarks.speed.fitting import FIT
from benchmarks.speed.gradient import GRADIENT
from benchmarks.speed.growth import GROWTH
from benchmarks.speed.job import JOB
from benchmarks.speed.measurement import Measurement
from benchmarks.speed.memory import MEMORY
from benchmarks.speed.programs import PROGRAMS
from benchmarks.speed.quality import QUALITY
from benchmarks.speed.small import SMALL
from benchmarks.speed.startup import STARTUP
from benchmarks.speed.step import STEP

SUITE: tuple[Measurement, ...] = (
    STEP, GRADIENT, FIT, JOB, STARTUP, QUALITY, SMALL, GROWTH, MEMORY, CORES, PROGRAMS,
)  # fmt: skip
