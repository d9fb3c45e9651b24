"""Is a group of patients one cluster, or two? A test against a single Gaussian cluster.

The statistic is that of SigClust (Liu, Hayes, Nobel and Marron 2008,
doi:10.1198/016214508000000454): the share of the variance that stays within two clusters found by
2-means. It is compared with that of Gaussian samples of the same size whose principal components
vary as those of the patients do. In a few patients with many components the largest variances come
out too large by chance, and such samples would vary more still; so the variances that are drawn
from are corrected until the samples vary as the patients do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.types import Descriptors

FEWEST = 8
"""Patients below which nothing is said: no two halves of three could be told from chance."""
SAMPLES = 499
_STARTS = 3
_STEPS = 20
_CORRECTIONS = 8
_CORRECTION_SAMPLES = 40
_COMPONENTS = 6
"""Components that are drawn, for each patient: more would take time and change nothing."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Halves:
    """Two halves of a group, and how clear they are.

    `second` `(n,)`: who is in the smaller one. `within`: share 0..1 of the variance that stays
    within the halves. `silhouette`: mean over the patients, −1..1, by cosine distance. `p`: share
    of samples of one cluster that fall into halves as clear, (b + 1) / (m + 1).
    """

    second: NDArray[np.bool_]
    within: float
    silhouette: float
    p: float


def halve(descriptors: Descriptors, *, samples: int = SAMPLES, seed: int = 0) -> Halves:
    """The two halves of patients by their descriptors `(n, d)`, each of unit length.

    `samples`: of one cluster, to compare with. Raises `ValueError` for fewer than `FEWEST`.
    """
    count = len(descriptors)
    if count < FEWEST:
        raise ValueError(f"{count} patients are fewer than {FEWEST}")
    rows = np.asarray(descriptors, np.float64)
    gram = _centred(rows @ rows.T)
    if np.trace(gram) <= 1e-9 * count:
        return Halves(np.zeros(count, bool), 1.0, 0.0, 1.0)
    within, second = _two_means(gram[None])
    rng = np.random.default_rng(seed)
    variances = _corrected(gram, rows.shape[1], rng)
    compared = _two_means(_drawn(variances, count, samples, rng))[0]
    labels = second[0] if second[0].sum() * 2 <= count else ~second[0]
    as_clear = int((compared <= within[0] + 1e-12).sum())
    return Halves(
        labels, float(within[0]), silhouette_of(rows, labels), (as_clear + 1) / (samples + 1)
    )


def silhouette_of(descriptors: NDArray[np.floating], labels: NDArray[np.generic]) -> float:
    """Mean silhouette (Rousseeuw 1987) by cosine distance; 0 where there is one cluster."""
    from sklearn.metrics import silhouette_score

    kinds = len(np.unique(labels))
    if not 1 < kinds < len(labels):
        return 0.0
    return float(silhouette_score(descriptors, labels, metric="cosine"))


def _centred(gram: Floats) -> Floats:
    """Inner products `(…, n, n)` of rows less their mean."""
    rows = gram.mean(-1, keepdims=True)
    columns = gram.mean(-2, keepdims=True)
    return np.asarray(gram - rows - columns + rows.mean(-2, keepdims=True))


def _two_means(grams: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """2-means by centred inner products `(m, n, n)`: share within `(m,)`, and halves `(m, n)`.

    Begun at the signs of each of the first components; the best end is taken.
    """
    vectors = np.linalg.eigh(grams)[1]
    totals = np.trace(grams, axis1=1, axis2=2)
    best = np.full(len(grams), np.inf)
    halves = np.zeros(grams.shape[:2], dtype=bool)
    for start in range(1, _STARTS + 1):
        labels = vectors[:, :, -start] > 0
        for _ in range(_STEPS):
            # Squared distance to a mean, less what both halves share: |mean|² − 2 row · mean.
            far = [_distances(grams, chosen) for chosen in (labels, ~labels)]
            moved = far[0] < far[1]
            if (moved == labels).all():
                break
            labels = moved
        ones = labels.sum(1)
        sums = np.einsum("mi,mij,mj->m", labels, grams, labels)
        others = labels.shape[1] - ones
        # The rows are centred, so the sums of the halves are opposite.
        between = sums / np.maximum(ones, 1) + sums / np.maximum(others, 1)
        within = np.where((ones > 0) & (others > 0), 1 - between / totals, 1.0)
        better = within < best
        best[better], halves[better] = within[better], labels[better]
    return best, halves


def _distances(grams: Floats, chosen: NDArray[np.bool_]) -> Floats:
    weights = chosen / np.maximum(chosen.sum(1, keepdims=True), 1)
    to_mean = np.einsum("mij,mj->mi", grams, weights)
    own = np.einsum("mi,mi->m", to_mean, weights)
    return np.asarray(own[:, None] - 2 * to_mean)


def _drawn(variances: Floats, count: int, samples: int, rng: np.random.Generator) -> Floats:
    """Centred inner products `(samples, count, count)` of Gaussian samples."""
    rows = rng.standard_normal((samples, count, len(variances))) * np.sqrt(variances)
    return _centred(rows @ rows.transpose(0, 2, 1))


def _corrected(gram: Floats, dim: int, rng: np.random.Generator) -> Floats:
    """Variances of components whose samples vary, component by component, as the patients do."""
    count = len(gram)
    seen = np.maximum(np.linalg.eigvalsh(gram)[::-1][: count - 1], 0)
    components = min(dim, _COMPONENTS * count)
    variances = np.full(components, seen.sum() / ((count - 1) * components))
    for _ in range(_CORRECTIONS):
        drawn = np.linalg.eigvalsh(_drawn(variances, count, _CORRECTION_SAMPLES, rng))
        expected = drawn[:, ::-1][:, : count - 1].mean(0)
        ratio = seen / np.maximum(expected, 1e-12)
        shown = min(count - 1, components)
        variances[:shown] *= ratio[:shown]
        # What is beyond the components that can be seen goes on as the last of them.
        variances[shown:] = variances[:shown].min() if shown < components else 0
        variances = np.sort(variances)[::-1]
        variances *= seen.sum() / ((count - 1) * variances.sum())
    return variances
