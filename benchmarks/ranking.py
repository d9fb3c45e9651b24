"""Ranking beside the matrix product that it rests on, and the calibration of a gallery.

python -m benchmarks.ranking

Random unit descriptors of 512 numbers: 1,000 probes against 50,000 photos of 30,000 patients with
5,000 disorders, half of the probes with an own patient who is left out; and a gallery of 20,000
photos, calibrated. What is computed once for a gallery, its centroids' lengths, is told apart.
"""

from __future__ import annotations

import statistics

import numpy as np

from benchmarks.table import keep, seconds
from gestalt_space.gallery.calibration.fitting import fit_calibration
from gestalt_space.ranking.aggregation import AGGREGATIONS, measure_centroids, score_groups
from gestalt_space.ranking.grouping import Grouping, grouping
from gestalt_space.ranking.ranks import ranks_of
from gestalt_space.types import Descriptors
from tests.made import unit

SEED = 17
DIM = 512
PROBES = 1_000
REPEATS = 7


def main() -> None:
    rng = np.random.default_rng(SEED)
    descriptors, groups = _gallery(rng, photos=50_000, patients=30_000, disorders=5_000)
    probes = unit(rng, PROBES, DIM)
    own = np.where(np.arange(PROBES) % 2, -1, rng.choice(groups.patients, PROBES))
    truth = rng.integers(0, len(groups.groups), PROBES)
    centroids = measure_centroids(descriptors, groups)
    similarities = probes @ descriptors.T

    def rank(*aggregations: str) -> None:
        chosen = [how for how in AGGREGATIONS if how in aggregations]
        scores = score_groups(similarities, groups, chosen, own=own, centroids=centroids)
        for how in chosen:
            ranks_of(scores[how], truth)

    rank(*AGGREGATIONS)  # what a gallery's grouping keeps is made on first use
    product, everything = [], []
    for _ in range(REPEATS):
        product.append(seconds(lambda: probes @ descriptors.T)[0])
        everything.append(seconds(lambda: rank(*AGGREGATIONS))[0])
    ratio = statistics.median(b / a for a, b in zip(product, everything, strict=True))
    base = statistics.median(product)
    rows = [
        ("the matrix product alone", f"{base:.2f} s", "1.00 ×", ""),
        (
            "all aggregations and ranks besides",
            f"{statistics.median(everything):.2f} s",
            f"{ratio:.2f} ×",
            "at most 1.5 ×",
        ),
    ]
    for how in AGGREGATIONS:
        taken = statistics.median(seconds(lambda how=how: rank(how), REPEATS))
        rows.append((f"{how} alone, besides", f"{taken:.2f} s", f"{taken / base:.2f} ×", ""))
    taken = seconds(lambda: measure_centroids(descriptors, groups))[0]
    rows.append(("lengths of the centroids, once for a gallery", f"{taken:.2f} s", "", ""))

    smaller = _gallery(rng, photos=20_000, patients=13_000, disorders=2_000)
    taken = seconds(lambda: fit_calibration(*smaller))[0]
    rows.append(("calibration of 20,000 photos", f"{taken:.1f} s", "", "under 60 s"))
    keep(
        "ranking",
        f"python -m benchmarks.ranking  # seed {SEED}, medians of {REPEATS}",
        ("what", "time", "beside the product", "asked"),
        rows,
    )


def _gallery(
    rng: np.random.Generator, *, photos: int, patients: int, disorders: int
) -> tuple[Descriptors, Grouping]:
    pairs = np.stack([np.arange(patients), rng.integers(0, disorders, patients)], axis=1)
    owner = rng.integers(0, patients, photos)
    return unit(rng, photos, DIM), grouping(np.arange(photos), owner, pairs)


if __name__ == "__main__":
    main()
