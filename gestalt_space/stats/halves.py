"""Two halves of a group of points, and a test against a group without a gap.

2-means finds two halves in any group. If the group is a mixture of two kinds, there is a gap: along
the line through the means of the halves, points are close to one of two places. Each point is
projected onto the line through the means of the other points, so that it does not attract the line.
The gap is compared with the gaps of random samples whose principal components have the same
variances as those of the points. So an elongated group has elongated samples: length alone is no
gap, and a larger gap gives a smaller p-value.

Along each component the samples are uniform, the least favourable unimodal distribution, as in the
dip test (Hartigan and Hartigan 1985). SigClust (Liu 2008) compares the variance within halves with
that of normal samples: two halves far apart elongate its samples, and its power fell as the
distance grew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLES = 499
SMALLEST_HALF = 3
"""Smallest number of points in a half: one or two outliers are not a kind of their own."""
_STARTS = 3
_STEPS = 20
_CORRECTIONS = 8
_CORRECTION_SAMPLES = 40
_COMPONENTS = 6
"""Components drawn per point: more would take time and change nothing."""
_LEAST_COSINE = 0.2
"""Smallest cosine with the mean direction; points farther away are projected as if they had it."""

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Halves:
    """`second` `(n,)`: which points are in the smaller half. `apart`: distance of the halves along
    the line through their means, in standard deviations within them; negative if points are on the
    wrong side. `p`: (b + 1)/(m + 1), where b of m samples without a gap have at least as clear a
    gap."""

    second: Flags
    apart: float
    p: float


def halve(points: Floats, *, samples: int = SAMPLES, seed: int = 0) -> Halves:
    """The halves of points `(n, d)` whose directions matter, such as means of unit vectors. Raises
    `ValueError` if the points cannot be divided into two halves."""
    count = len(points)
    if count < 2 * SMALLEST_HALF:
        raise ValueError(f"{count} points are fewer than {2 * SMALLEST_HALF}")
    gram = _inner(_flat(points)[None])
    if np.trace(gram[0]) <= 1e-9 * count:
        return Halves(np.zeros(count, bool), 0.0, 1.0)
    second = _two_means(gram)
    gap, apart = _gaps(gram, second)
    rng = np.random.default_rng(seed)
    drawn = _drawn(_variances(gram[0], points.shape[1], rng), count, samples, rng)
    as_clear = int(np.count_nonzero(_gaps(drawn, _two_means(drawn))[0] >= gap[0] - 1e-12))
    smaller = second[0] if second[0].sum() * 2 <= count else ~second[0]
    return Halves(smaller, float(apart[0]), (as_clear + 1) / (samples + 1))


def _flat(points: Floats) -> Floats:
    """Points projected onto the plane tangent to the sphere at the mean direction (gnomonic
    projection). Otherwise points spread along a line would be bent when scaled to unit length, and
    would accumulate at its ends as in two halves."""
    rows = points / np.linalg.norm(points, axis=1, keepdims=True)
    mean = rows.mean(0)
    cosines = rows @ (mean / max(float(np.linalg.norm(mean)), 1e-12))
    return np.asarray(rows / np.maximum(cosines, _LEAST_COSINE)[:, None])


def _inner(rows: Floats) -> Floats:
    """Inner products `(m, n, n)` of rows `(m, n, d)` less their means."""
    centred = rows - rows.mean(1, keepdims=True)
    return np.asarray(centred @ centred.transpose(0, 2, 1))


def _two_means(grams: Floats) -> Flags:
    """Halves `(m, n)` by 2-means of centred inner products `(m, n, n)`.

    Started from the signs of each of the first components; the best result is kept.
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
    return halves


def _distances(grams: Floats, chosen: Flags) -> Floats:
    weights = chosen / np.maximum(chosen.sum(1, keepdims=True), 1)
    to_mean = np.einsum("mij,mj->mi", grams, weights)
    own = np.einsum("mi,mi->m", to_mean, weights)
    return np.asarray(own[:, None] - 2 * to_mean)


def _gaps(grams: Floats, second: Flags) -> tuple[Floats, Floats]:
    """`(m,)` variance between halves `(m, n)` over that within, along the line through their means,
    and the distance in standard deviations. −1 and 0 where a half is too small."""
    labels = np.stack([~second, second]).astype(np.float64)
    places = _places(grams, labels)
    sizes = np.maximum(labels.sum(2), 1)
    means = (labels * places).sum(2) / sizes
    within = (labels * (places - means[:, :, None]) ** 2).sum((0, 2))
    distance = means[1] - means[0]
    between = sizes.prod(0) / second.shape[1] * np.sign(distance) * distance**2
    enough = sizes.min(0) >= SMALLEST_HALF
    spread = np.sqrt(np.maximum(within, 1e-12) / (second.shape[1] - 2))
    return (
        np.where(enough, between / np.maximum(within, 1e-12), -1.0),
        np.where(enough, distance / spread, 0.0),
    )


def _places(grams: Floats, labels: Floats) -> Floats:
    """`(m, n)`: the position of each point relative to the midpoint between the two means of the
    other points, towards the second. `labels` `(2, m, n)`: 1 for the points in a half."""
    own = np.einsum("mii->mi", grams)
    sizes = np.maximum(labels.sum(2)[:, :, None] - labels, 1)
    sums = np.einsum("mij,hmj->hmi", grams, labels)
    to_means = (sums - labels * own) / sizes
    totals = np.einsum("hmi,hmi->hm", labels, sums)[:, :, None]
    squares = (totals - 2 * labels * sums + labels * own) / sizes**2
    across = np.einsum("mi,mi->m", labels[0], sums[1])[:, None]
    across = (across - labels[0] * sums[1] - labels[1] * sums[0]) / sizes.prod(0)
    length = np.sqrt(np.maximum(squares.sum(0) - 2 * across, 1e-12))
    return np.asarray((to_means[1] - to_means[0] - (squares[1] - squares[0]) / 2) / length)


def _drawn(variances: Floats, count: int, samples: int, rng: np.random.Generator) -> Floats:
    """Centred inner products `(samples, count, count)` of samples that are uniform along each
    component."""
    reach = np.sqrt(3 * variances)
    return _inner(rng.uniform(-reach, reach, (samples, count, len(variances))))


def _variances(gram: Floats, dim: int, rng: np.random.Generator) -> Floats:
    """Variances of components such that samples with them vary, component by component, as the
    points do.

    With few points and many components, the largest sample variances are too large by chance, and
    samples with these variances would vary even more.
    """
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
