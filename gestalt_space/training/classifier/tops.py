"""Top-k of photos by a classifier, with intervals by the bootstrap over families."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.classifiers.class_layer import Probabilities
from gestalt_space.evaluation.topk import TOPS
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.resampling import Bootstrap, estimate


@dataclass(frozen=True, slots=True)
class TopShare:
    """How often the true class is among the first `k`: `photos`, the share of photos, and
    `classes`, its unweighted mean over classes (Hsieh 2022). `chance`: of an order at random."""

    k: int
    photos: Estimate
    classes: Estimate
    chance: float


def ranks_of(probabilities: Probabilities, classes: Numbers) -> Numbers:
    """The rank `(n,)` of the true class, from 1; of equal probabilities it is the last."""
    own = probabilities[np.arange(len(classes)), classes]
    return np.asarray((probabilities >= own[:, None]).sum(axis=1), dtype=np.int64)


def top_shares(
    probabilities: Probabilities, classes: Numbers, families: Numbers, seed: int
) -> tuple[TopShare, ...]:
    """Top-k of photos `(n, c)` with `classes` and `families` `(n,)`; a k of all classes or more is
    left out, but for the first."""
    count = probabilities.shape[1]
    ranks = ranks_of(probabilities, classes)
    units, family = np.unique(families, return_inverse=True)
    drawn = np.concatenate(list(Bootstrap(seed=seed).weights(len(units))))
    cells = _cells(np.ones(len(ranks)), family, classes, len(units), count)
    everybody = np.ones((1, len(units)))
    found = []
    for k in TOPS:
        if k >= count and k > 1:
            break
        hits = _cells((ranks <= k).astype(float), family, classes, len(units), count)
        shares = [
            estimate(float(mean(hits, cells, everybody)[0]), mean(hits, cells, drawn))
            for mean in (_photo_mean, _class_mean)
        ]
        found.append(TopShare(k, shares[0], shares[1], k / count))
    return tuple(found)


def _cells(
    values: NDArray[np.float64], family: Numbers, classes: Numbers, units: int, count: int
) -> NDArray[np.float64]:
    """Sums `(u, c)` over the photos of each family and class."""
    sums = np.zeros((units, count))
    np.add.at(sums, (family, classes), values)
    return sums


def _photo_mean(
    hits: NDArray[np.float64], cells: NDArray[np.float64], weights: NDArray[np.floating]
) -> NDArray[np.float64]:
    return np.asarray((weights @ hits.sum(axis=1)) / (weights @ cells.sum(axis=1)))


def _class_mean(
    hits: NDArray[np.float64], cells: NDArray[np.float64], weights: NDArray[np.floating]
) -> NDArray[np.float64]:
    there = weights @ cells
    share = np.divide(weights @ hits, there, out=np.full(there.shape, np.nan), where=there > 0)
    return np.asarray(np.nanmean(share, axis=1))
