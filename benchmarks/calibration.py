"""Calibration of a large gallery, and what its verdicts and lower bounds do for new patients.

python -m benchmarks.calibration

Simulated descriptors: each disorder and each person is a direction on the sphere, a face the sum of
both and of what differs between photos. The bound's galleries are drawn anew with patients of the
same disorders; the true ratio is that of all of them together, or 1 where disorders have no face.
"""

from __future__ import annotations

import tracemalloc

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import keep, seconds
from gestalt_space.ranking.calibration import (
    EDGES,
    Calibration,
    fit_calibration,
    verdict_of,
)
from gestalt_space.ranking.grouping import Grouping, grouping
from gestalt_space.types import Descriptors
from tests.made import unit

SEED = 23
DIM = 512
SMALL_DIM = 64
NEW = 2_000
GALLERIES = 100
POOLED = 300
SUPPORTING = 2.08
LIKENESS = 0.6
"""How much of a face is its disorder's, beside 1 of the person's own."""
QUANTILES = (25, 50, 75, 90, 97, 99.5)
WHERE = f"at percentiles {', '.join(map(str, QUANTILES))} of the own disorder's similarities"


def main() -> None:
    rows = [*_speed(), *_verdicts(), *_bounds()]
    keep(
        "calibration",
        f"python -m benchmarks.calibration  # seed {SEED}",
        ("what", "found", "asked or by construction"),
        rows,
    )


def _speed() -> list[tuple[str, str, str]]:
    rng = np.random.default_rng(SEED)
    rows = []
    for photos, patients, disorders, asked in (
        (400, 250, 20, "well under 1 s"),
        (20_000, 13_000, 2_000, "under 60 s"),
    ):
        gallery = _gallery(rng, patients, unit(rng, disorders, DIM), 0.8, photos=photos)
        name = f"fit, {photos:,} photos × {DIM}"
        taken = seconds(lambda gallery=gallery: fit_calibration(*gallery))[0]
        rows.append((name, f"{taken:.2f} s", asked))
        held = gallery[0].nbytes / 1e6
        rows.append(
            (
                f"{name}: most memory beside the descriptors' {held:.0f} MB",
                _most(gallery),
                "bounded",
            )
        )
    return rows


def _verdicts() -> list[tuple[str, str, str]]:
    """Verdicts for new patients, whose disorder is in the gallery or not."""
    rows = []
    for patients, disorders in ((600, 200), (600, 30), (600, 3), (60, 10)):
        rng = np.random.default_rng([SEED, patients, disorders])
        told: dict[str, list[NDArray[np.float64]]] = {"absent": [], "present": []}
        for _ in range(5):
            centres = unit(rng, 2 * disorders, SMALL_DIM)
            here, elsewhere = centres[:disorders], centres[disorders:]
            faces, groups = _gallery(rng, patients, here, LIKENESS)
            found = fit_calibration(faces, groups)
            for who, of in (("absent", elsewhere), ("present", here)):
                probes, _ = _gallery(rng, NEW, of, LIKENESS)
                told[who].append(_shares(found, (probes @ faces.T).max(axis=1)))
        for who, asked in (("absent", "80 / 15 / 5 %"), ("present", "")):
            shares = " / ".join(f"{100 * share:.0f}" for share in np.mean(told[who], axis=0))
            name = f"{patients} patients of {disorders} disorders, a new one's disorder {who}"
            rows.append((f"{name}: no close / weak / close match", f"{shares} %", asked))
    return rows


def _shares(found: Calibration, best: NDArray[np.float32]) -> NDArray[np.float64]:
    percentiles = [found.best_percentile(float(value)) for value in best]
    verdicts = [verdict_of(one) for one in percentiles if one is not None]
    names = ("no close match", "weak match", "close match")
    return np.array([verdicts.count(name) / len(verdicts) for name in names])


def _bounds() -> list[tuple[str, str, str]]:
    """How often a lower bound lies above the true ratio, at quantiles of the similarities of
    patients to their own disorder."""
    rows = []
    for patients, disorders, strength in ((60, 10, 0), (200, 20, 0), (60, 10, 0.5), (200, 20, 0.4)):
        rng = np.random.default_rng([SEED, patients])
        centres = unit(rng, disorders, SMALL_DIM)
        fits = [
            fit_calibration(*_gallery(rng, patients, centres, strength)) for _ in range(GALLERIES)
        ]
        true, places = _truth(rng, patients, centres, strength)
        lower = np.stack([one.ratio_lower for one in fits if len(one.ratio)])
        over = (lower[:, places] > true[places] * (1 + 1e-6)).mean(axis=0)
        name = f"{patients} patients of {disorders} disorders"
        name += " without a face of their own" if not strength else ""
        shares = ", ".join(f"{100 * share:.0f}" for share in over)
        rows.append((f"{name}: bound above the true ratio, {WHERE}", f"{shares} %", "5 %"))
        if not strength:
            share = 100 * (lower[:, -1] >= SUPPORTING).mean()
            rows.append((f"{name}: any bound that is called supporting", f"{share:.0f} %", ""))
    return rows


def _truth(
    rng: np.random.Generator, patients: int, centres: Descriptors, strength: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The true ratio in each bin, and the bins of the quantiles, from many galleries by plain
    counting."""
    bins = len(EDGES) - 1
    same, other = np.zeros(bins), np.zeros(bins)
    for _ in range(POOLED):
        faces, groups = _gallery(rng, patients, centres, strength, photos=patients)
        owner = groups.group_of_member[np.argsort(groups.members)]
        similar = faces @ faces.T
        np.fill_diagonal(similar, -2)
        for group in range(len(groups.groups)):
            nearest = similar[:, owner == group].max(axis=1)
            for values, into in ((nearest[owner == group], same), (nearest[owner != group], other)):
                into += np.histogram(values[values > -2], EDGES)[0]
    same, other = same / same.sum(), other / other.sum()
    places = np.searchsorted(np.cumsum(same), np.array(QUANTILES) / 100)
    if not strength:
        return np.ones(bins), places
    width = 9  # bins, over which the counted ratio is smoothed
    kernel = np.ones(width) / width
    below = np.convolve(other, kernel, "same")
    smooth = np.convolve(same, kernel, "same") / np.maximum(below, 1e-12)
    return smooth, places


def _gallery(
    rng: np.random.Generator,
    patients: int,
    centres: Descriptors,
    strength: float,
    *,
    photos: int | None = None,
) -> tuple[Descriptors, Grouping]:
    """Patients of disorders drawn from `centres` `(g, d)`, each with a photo or more."""
    disorder = rng.integers(0, len(centres), patients)
    more = rng.integers(0, patients, (photos or patients) - patients)
    owner = np.concatenate([np.arange(patients), more])
    person = unit(rng, patients, centres.shape[1])
    faces = strength * centres[disorder][owner] + person[owner]
    faces += 0.3 * unit(rng, len(owner), centres.shape[1])
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    pairs = np.stack([np.arange(patients), disorder], axis=1)
    return faces.astype(np.float32), grouping(np.arange(len(owner)), owner, pairs)


def _most(gallery: tuple[Descriptors, Grouping]) -> str:
    """The most memory in arrays during a fit, as NumPy tells it to tracemalloc."""
    tracemalloc.start()
    fit_calibration(*gallery)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return f"{most / 1e6:.0f} MB"


if __name__ == "__main__":
    main()
