"""Random sub-blocks of the matrix between two groups, and what their mean distance says about
whether the groups have the same disorder (the block sampling of GestaltMatcher's cohort studies).

What a distance says is fitted for each space, from patients whose disorders are known: blocks
between two halves of one disorder are the same, blocks between two disorders are different.
Distance is 1 − similarity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.selection import Selection

LARGEST_BLOCK = 5
SMALLEST_BLOCK = 2
"""Patients a side of a block: as many as both groups have, within these."""
SAMPLES = 1_000
PRIOR = 0.5
"""That two groups have different disorders, before their faces are seen."""


@dataclass(frozen=True)
class BlockThreshold:
    """What block means of one size say.

    `same` and `different`: sorted means `(n,)` of blocks within one disorder and between two.
    `threshold`: the distance that tells them apart best (sensitivity + specificity is highest,
    Youden 1950), with its sensitivity and specificity; `disorders`: how many gave blocks of the
    same.
    """

    same: NDArray[np.float64]
    different: NDArray[np.float64]
    threshold: float
    sensitivity: float
    specificity: float
    disorders: int

    def ppv(self, distance: float) -> float:
        """The probability that groups whose blocks are `distance` apart or more are different:
        sens·prior / (sens·prior + (1 − spec)·(1 − prior)), with sens = P(D ≥ d | different) and
        spec = P(D < d | same). Counts are smoothed by one, so that it is never exactly 0 or 1."""
        sens = (_at_least(self.different, distance) + 1) / (len(self.different) + 1)
        wrong = (_at_least(self.same, distance) + 1) / (len(self.same) + 1)
        return float(sens * PRIOR / (sens * PRIOR + wrong * (1 - PRIOR)))


@dataclass(frozen=True)
class BlockReference:
    """Thresholds by the size of blocks, in the space of a fingerprint; a size for which the
    patients do not suffice is absent."""

    by_size: Mapping[int, BlockThreshold]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Blocks:
    """Random blocks of `size` × `size` patients of two groups: their mean `distance`, the share of
    them at or above the `threshold` of the reference, and `ppv`: how probable it is that groups at
    this mean distance or more have different disorders, if that was as likely as not before."""

    size: int
    distance: float
    threshold: float
    share: float
    ppv: float


def fit_reference(
    selection: Selection, *, samples: int = SAMPLES, seed: int = 0
) -> BlockReference | None:
    """What distances of blocks say in the space of the patients of a selection.

    Patients with one disorder count. Blocks of the same are of two halves, without a patient in
    common, of a disorder with twice as many patients as the block's side; blocks of different ones
    of two disorders with as many as that. Every disorder is as likely to be drawn. None where no
    disorder has four patients, or no two have two.
    """
    means = selection.patient_means()
    places: dict[str, list[int]] = {}
    for place, has in enumerate(selection.disorders):
        if len(has) == 1:
            places.setdefault(has[0], []).append(place)
    groups = [np.array(places[name]) for name in sorted(places)]
    rng = np.random.default_rng(seed)
    found = {}
    for size in range(SMALLEST_BLOCK, LARGEST_BLOCK + 1):
        halves = [one for one in groups if len(one) >= 2 * size]
        sides = [one for one in groups if len(one) >= size]
        if halves and len(sides) > 1:
            found[size] = _fit(means, halves, sides, size, samples, rng)
    return BlockReference(found, selection.fingerprint) if found else None


def sample_blocks(
    distances: NDArray[np.floating],
    reference: BlockReference,
    rng: np.random.Generator,
    samples: int = SAMPLES,
) -> Blocks | None:
    """Random blocks of the distances `(a, b)` between two groups' patients, as large as the groups
    and the reference allow; None where they allow none."""
    sizes = [size for size in reference.by_size if size <= min(distances.shape)]
    if not sizes:
        return None
    size = max(sizes)
    threshold = reference.by_size[size]
    rows = _subsets(rng, distances.shape[0], size, samples)
    columns = _subsets(rng, distances.shape[1], size, samples)
    means = distances[rows[:, :, None], columns[:, None, :]].mean(axis=(1, 2), dtype=np.float64)
    distance = float(means.mean())
    return Blocks(
        size=size,
        distance=distance,
        threshold=threshold.threshold,
        share=float(np.mean(means >= threshold.threshold)),
        ppv=threshold.ppv(distance),
    )


def _fit(
    means: NDArray[np.float32],
    halves: Sequence[NDArray[np.int64]],
    sides: Sequence[NDArray[np.int64]],
    size: int,
    samples: int,
    rng: np.random.Generator,
) -> BlockThreshold:
    same, different = np.empty(samples), np.empty(samples)
    for number in range(samples):
        drawn = rng.permutation(halves[int(rng.integers(len(halves)))])[: 2 * size]
        same[number] = _distance(means, drawn[:size], drawn[size:])
        one, other = rng.choice(len(sides), 2, replace=False).tolist()
        different[number] = _distance(
            means, rng.permutation(sides[one])[:size], rng.permutation(sides[other])[:size]
        )
    same.sort()
    different.sort()
    candidates = np.unique(np.concatenate([same, different]))
    sensitivity = 1 - np.searchsorted(different, candidates) / samples
    specificity = np.searchsorted(same, candidates) / samples
    best = int(np.argmax(sensitivity + specificity))
    return BlockThreshold(
        same=same,
        different=different,
        threshold=float(candidates[best]),
        sensitivity=float(sensitivity[best]),
        specificity=float(specificity[best]),
        disorders=len(halves),
    )


def _distance(
    means: NDArray[np.float32], one: NDArray[np.int64], other: NDArray[np.int64]
) -> float:
    """The mean over all pairs of a block: the inner product of its sides' means, from 1."""
    return 1 - float(means[one].mean(axis=0) @ means[other].mean(axis=0))


def _subsets(rng: np.random.Generator, count: int, size: int, samples: int) -> NDArray[np.int64]:
    """`(samples, size)`: numbers below `count`, none twice in a row."""
    return np.argsort(rng.random((samples, count)), axis=1)[:, :size]


def _at_least(ordered: NDArray[np.float64], value: float) -> int:
    return len(ordered) - int(np.searchsorted(ordered, value))
