"""Cross-validation of fixed networks under many labellings at once: all that depends on labels,
class layers and weights of regions, is fitted anew for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gestalt_space.classifiers.class_layer import Probabilities
from gestalt_space.progress import Progress, no_progress
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.stats.mixture_weights import mixture_weights
from gestalt_space.stats.softmax_regression import predict_many
from gestalt_space.training.classifier.fitted import photo_weights, scaling
from gestalt_space.types import Descriptors

Floats = NDArray[np.float64]
_AT_ONCE = 2_000_000
"""Probabilities of photos in memory at a time."""


def permuted(
    classes: Numbers, families: Numbers, folds: Numbers, draws: int, rng: np.random.Generator
) -> Numbers:
    """Labellings `(draws, p)` in which families exchange their labels `(p,)` with families of the
    same fold. All of a family have one label, and are in one fold."""
    _, first, unit = np.unique(families, return_index=True, return_inverse=True)
    labels = np.tile(classes[first], (draws, 1))
    for fold in np.unique(folds):
        there = np.flatnonzero(folds[first] == fold)
        order = rng.random((draws, len(there))).argsort(axis=1)
        labels[:, there] = classes[first[there]][order]
    return np.asarray(labels[:, unit.ravel()], dtype=np.int64)


def class_top1(
    regions: Sequence[Descriptors],
    owners: Numbers,
    labellings: Numbers,
    folds: Numbers,
    count: int,
    ridge: float,
    *,
    equal_weights: bool,
    progress: Progress = no_progress,
) -> Floats:
    """The share of patients whose class is the first, its unweighted mean over `count` classes, for
    each labelling `(m,)`; the rest as in `mean_probabilities`."""
    parts = []
    for some, mean in mean_probabilities(
        regions, owners, labellings, folds, count, ridge, equal_weights=equal_weights
    ):
        parts.append(_top1(mean, some, count))
        progress(sum(map(len, parts)), len(labellings))
    return np.concatenate(parts)


def mean_probabilities(
    regions: Sequence[Descriptors],
    owners: Numbers,
    labellings: Numbers,
    folds: Numbers,
    count: int,
    ridge: float,
    *,
    equal_weights: bool,
) -> Iterator[tuple[Numbers, Probabilities]]:
    """Some of the labellings at a time, with the probabilities `(m, p, count)` of patients by other
    folds.

    `regions`: descriptors `(n, d)` of photos by each region's network. `owners` `(n,)`: patients of
    photos. `labellings` `(m, p)`, `folds` `(p,)`: as in `cross_fit`.
    """
    most = max(1, _AT_ONCE // (len(owners) * count))
    for start in range(0, len(labellings), most):
        some = labellings[start : start + most]
        found = np.stack(
            [_cross_validated(one, owners, some, folds, count, ridge) for one in regions], axis=2
        )
        yield some, _averaged(found, some, folds, equal_weights)


def _cross_validated(
    descriptors: Descriptors,
    owners: Numbers,
    labellings: Numbers,
    folds: Numbers,
    count: int,
    ridge: float,
) -> Probabilities:
    """Probabilities `(m, p, c)` of patients by class layers of other folds."""
    found = np.empty((*labellings.shape, count))
    photos_of = np.bincount(owners, minlength=len(folds))
    for fold in range(int(folds.max()) + 1):
        asked = folds[owners] == fold
        mean, spread = scaling(descriptors[~asked])
        rows = (descriptors - mean) / spread
        classes = labellings[:, owners[~asked]]
        weights = np.stack([photo_weights(one, owners[~asked]) for one in classes])
        photos = predict_many(rows[~asked], classes, count, weights, ridge, rows[asked])
        held = np.flatnonzero(folds == fold)
        place = np.searchsorted(held, owners[asked])
        sums = np.zeros((len(held), len(labellings), count))
        np.add.at(sums, place, photos.transpose(1, 0, 2))
        found[:, held] = (sums / photos_of[held][:, None, None]).transpose(1, 0, 2)
    return found


def _averaged(
    by_region: Probabilities, labellings: Numbers, folds: Numbers, equal_weights: bool
) -> Probabilities:
    """The mean `(m, p, c)` over regions of `(m, p, r, c)`, of each fold with weights from the
    others."""
    if equal_weights:
        return np.asarray(by_region.mean(axis=2))
    true = np.take_along_axis(by_region, labellings[:, :, None, None], axis=3)[..., 0]
    mean = np.empty((*labellings.shape, by_region.shape[3]))
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        weights = mixture_weights(true[:, ~held], _cases(labellings[:, ~held]))
        mean[:, held] = np.einsum("mprc,mr->mpc", by_region[:, held], weights)
    return mean


def _cases(labellings: Numbers) -> Floats:
    """How much each patient counts, so that all classes count the same."""
    classes = labellings.max() + 1
    counts = np.stack([np.bincount(one, minlength=classes) for one in labellings])
    used = np.count_nonzero(counts, axis=1)[:, None]
    own = np.take_along_axis(counts, labellings, axis=1)
    return np.asarray(labellings.shape[1] / (used * own))


def _top1(mean: Probabilities, labellings: Numbers, count: int) -> Floats:
    hits = mean.argmax(axis=2) == labellings
    shares = []
    for one in range(count):
        mine = labellings == one
        shares.append(np.sum(hits & mine, axis=1) / np.maximum(np.sum(mine, axis=1), 1))
    return np.asarray(np.mean(shares, axis=0))
