"""How long `gestalt cohort cluster` takes for a cohort of thousands, stage by stage.

python -m benchmarks.cohort_cluster_time [PATIENTS]
"""

from __future__ import annotations

import sys
import time

import numpy as np

from benchmarks.cohort_clusters import persons, shift, unit
from benchmarks.table import keep
from gestalt_space.cohort.arrays import selection_of
from gestalt_space.cohort.clusters import cluster
from gestalt_space.progress import Progress, no_progress

PATIENTS, DISORDERS, STRENGTH = 2_000, 40, 1.0


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else PATIENTS
    rng = np.random.default_rng(0)
    of = rng.integers(0, DISORDERS, count)
    centres = np.stack([shift(rng, STRENGTH) for _ in range(DISORDERS)])
    rows = unit(persons(rng, count) + centres[of]).astype(np.float32)
    selection = selection_of(rows, disorders=[f"D{number:02}" for number in of])
    begun: list[tuple[str, float]] = []

    def stages(title: str, unit: str) -> Progress:  # noqa: ARG001 - as `Stages` has it
        begun.append((title, time.perf_counter()))
        return no_progress

    start = time.perf_counter()
    cluster(selection, stages=stages)
    ends = [at for _, at in begun[1:]] + [time.perf_counter()]
    table = [(title, f"{end - at:.1f}") for (title, at), end in zip(begun, ends, strict=True)]
    table.append(("together", f"{ends[-1] - start:.1f}"))
    title = (f"{count:,} patients with {DISORDERS} disorders", "seconds")
    keep("cohort-cluster-time", "python -m benchmarks.cohort_cluster_time", title, table)


if __name__ == "__main__":
    main()
