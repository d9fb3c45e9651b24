"""Warm matches of single photos through a pool of eight threads beside one thread, on one gallery.

python -m benchmarks.threads [--patients 60] [--probes 96]

The built-in models on simulated photos, decoding, detection and encoding included, as requests
come to a service. Both ways are taken in turn, and the ratio is the median of the rounds. Before,
what is asked is answered once, so that every model is open; the answers of both ways are the same.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2

from benchmarks.table import keep, seconds
from gestalt_space import Gallery, PhotoRecord
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.subjects import SampledSubjects
from gestalt_space.types import Disorder

SEED = 15
THREADS = 8
ROUNDS = 7
SIDE = 640
"""Pixels of a simulated photo's sides."""
HEADER = ("what", "one thread, requests/s", f"{THREADS} threads, requests/s", "ratio", "asked")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=60)
    parser.add_argument("--probes", type=int, default=96)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photos = simulated(Path(folder), given.patients + given.probes)
        rows = [
            Intake(path.name, path, PhotoRecord(path.name, f"P{n}", (Disorder(f"D{n % 10}"),)))
            for n, path in enumerate(photos[: given.patients])
        ]
        probes = [PhotoSource(path.name, path, largest=True) for path in photos[given.patients :]]
        with Gallery.open(Path(folder) / "home", detector="builtin") as gallery:
            gallery.add(rows, largest=True)
            measured = [
                measure(
                    "photo to descriptor",
                    lambda probe: next(gallery.pipeline.run([probe]))[0].sha256,
                    probes,
                ),
                measure("match", partial(lines_of, gallery), probes),
            ]
    keep(
        "threads",
        f"python -m benchmarks.threads --patients {given.patients} --probes {given.probes}"
        f"  # seed {SEED}",
        HEADER,
        measured,
    )


def measure(
    what: str, answer: Callable[[PhotoSource], object], probes: Sequence[PhotoSource]
) -> tuple[str, ...]:
    """A row: requests a second by one thread and by several, and the ratio."""
    wanted = list(map(answer, probes))
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(THREADS) as several:
        assert list(several.map(answer, probes)) == wanted
        alone, together = [], []
        for _ in range(ROUNDS):
            alone += seconds(lambda: list(one.map(answer, probes)))
            together += seconds(lambda: list(several.map(answer, probes)))
    ratio = statistics.median(a / b for a, b in zip(alone, together, strict=True))
    rates = (f"{len(probes) / statistics.median(taken):.1f}" for taken in (alone, together))
    return what, *rates, f"{ratio:.2f} ×", "at least 1.6 × on two cores"


def lines_of(gallery: Gallery, probe: PhotoSource) -> object:
    """What a match ranks, to the last digit."""
    (match,) = gallery.match([probe])
    return [(line.id, line.similarity) for line in match.lines]


def simulated(folder: Path, count: int) -> list[Path]:
    """Photos of one person each, as JPEG files."""
    plan = CohortPlan(disorders=10, patients=count, photos_per_patient=1, seed=SEED)
    paths = []
    for shot in draw_cohort(plan, SampledSubjects(Persons.builtin())).photos():
        paths.append(folder / f"{shot.id}.jpg")
        pixels = cv2.resize(shot.portrait.pixels, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(paths[-1]), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return paths


if __name__ == "__main__":
    main()
