"""How fast patients are simulated on one core, and whether YuNet takes them for faces.

`python -m benchmarks.simulation [../shared]`
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.table import keep
from gestalt_space.faces.yunet import YunetDetector
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.subjects import SampledSubjects
from gestalt_space.types import Photo

SEED = 13
PERSONS = 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path, nargs="?")
    shared = parser.parse_args().shared
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    with threadpool_limits(1):
        rows = [("persons with phenotype and capture, 160 px, photos/s, one core", *_speed())]
    if shared is not None:
        found = _found(YunetDetector(shared / "models" / "yunet_n.onnx"))
        rows.append((f"YuNet finds a face in {PERSONS:,} sampled persons", f"{found:.1%}", "98 %"))
    keep(
        "simulation",
        f"python -m benchmarks.simulation{' ../shared' * (shared is not None)} (seed {SEED})",
        ("what", "measured", "asked"),
        rows,
    )


def _speed() -> tuple[str, str]:
    cohort = draw_cohort(
        CohortPlan(disorders=60, patients=480, seed=SEED), SampledSubjects(Persons.builtin())
    )
    photos = cohort.photos()
    next(photos)
    start = time.perf_counter()
    count = sum(1 for _ in photos)
    return f"{count / (time.perf_counter() - start):.0f}", "60"


def _found(detector: YunetDetector) -> float:
    """Share of persons in whose portraits, as they are, a face is found."""
    persons, rng = Persons.builtin(), np.random.default_rng(SEED)
    portraits = (persons.portrait(persons.sample(rng), rng) for _ in range(PERSONS))
    return (
        sum(bool(detector.find(Photo("", portrait.pixels, "", "PNG"))) for portrait in portraits)
        / PERSONS
    )


if __name__ == "__main__":
    main()
