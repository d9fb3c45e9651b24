"""Two groups of vectors in several kinds: how far their means lie apart, whether one group varies
more, and whether a shift is the same in all kinds. Kinds are what both groups have, such as
disorders.

Means and spreads are kept apart. A group of noisier vectors of unit length has shorter means, so
means are compared after each group was brought to one length, and a distance is read against what
the groups' own variances give by chance (Alekseyenko 2016; Anderson 2017), so that unequal variances
and sizes are no difference of means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

_SHORTEST = 1e-12
_LEAST_PATTERN = 0.25
"""Of the variance that chance gives: with less, how kinds lie to each other says nothing of length."""


@dataclass(frozen=True)
class Cells:
    """Groups by kinds, in each of `m` labellings.

    Of the first and the second group: `counts` `(2, m, k)` of units; `means` `(2, m, k, d)`;
    `squares` `(2, m, k)`: mean inner products of two different units, which estimate the squared
    length of the true mean without bias; `noise` `(2, m, k)`: expected squared distance of `means`
    from the true ones. Zero where a group has fewer than two units of a kind.
    """

    counts: Floats
    means: Floats
    squares: Floats
    noise: Floats

    @property
    def weights(self) -> Floats:
        """`(m, k)`: n·n′/(n + n′), 0 for a kind without two units in each group."""
        first, second = self.counts
        there = (first >= 2) & (second >= 2)
        return np.where(there, first * second / np.maximum(first + second, 1), 0)


@dataclass(frozen=True)
class Shift:
    """A difference of means in each of `m` labellings, `(m,)` overall and `(m, k)` by kind.

    `half_square`: half the squared distance of the means, brought to length 1: 1 − their cosine.
    Without bias: 0 in the mean where there is none, then as often below. `ratio`: the squared
    distance over what chance gives, about 1 where there is none.
    """

    half_square: Floats
    ratio: Floats


def compact(vectors: NDArray[np.floating]) -> Floats:
    """Vectors `(u, d)` in as few dimensions as keep their inner products: `(u, min(u, d))`."""
    wide = np.asarray(vectors, dtype=np.float64)
    return np.linalg.qr(wide.T, mode="r").T if wide.shape[1] > wide.shape[0] else wide


def cells(vectors: Floats, kinds: Numbers, first: Floats, second: Floats) -> Cells:
    """Means and variances of units `(u, d)` whose kinds, `(u,)`, are numbered from 0, where the
    rows of `first` and `second` `(m, u)` are 1 for those in a group and 0 for others."""
    number = int(kinds.max(initial=-1)) + 1
    shape = (2, len(first), number)
    counts, squares, noise = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    means = np.zeros((*shape, vectors.shape[1]))
    lengths = np.einsum("ud,ud->u", vectors, vectors)
    for kind in range(number):
        there = np.flatnonzero(kinds == kind)
        for group, rows in enumerate((first, second)):
            chosen = rows[:, there]
            count = chosen.sum(axis=1)
            total, own = chosen @ vectors[there], chosen @ lengths[there]
            whole = np.einsum("md,md->m", total, total)
            enough = np.maximum(count, 2)
            counts[group, :, kind] = count
            means[group, :, kind] = total / np.maximum(count, 1)[:, None]
            squares[group, :, kind] = np.where(
                count >= 2, (whole - own) / (enough * (enough - 1)), 0
            )
            noise[group, :, kind] = np.where(
                count >= 2, (own - whole / enough) / ((enough - 1) * enough), 0
            )
    return Cells(counts, means, squares, noise)


def shift(of: Cells) -> Shift:
    """How far the directions of the groups' means lie apart, over all kinds and in each.

    Each group is brought to one length by that of its means, pooled over kinds: photos that are
    noisier shorten them all.
    """
    weights = of.weights
    share = weights / weights.sum(axis=1, keepdims=True)
    length = np.sqrt(np.maximum((share * of.squares).sum(axis=2), _SHORTEST))[:, :, None]
    cross = np.einsum("mkd,mkd->mk", *of.means)
    halves = (of.squares / length**2).sum(axis=0) / 2 - cross / length.prod(axis=0)
    chance = (of.noise / length**2).sum(axis=0)
    overall, expected = (share * halves).sum(axis=1), (share * chance).sum(axis=1)
    return Shift(
        np.column_stack([overall, halves]),
        1 + 2 * np.column_stack([overall, halves]) / np.maximum(
            np.column_stack([expected, chance]), _SHORTEST
        ),
    )


def disagreement(of: Cells) -> Shift:
    """How far the groups' kinds lie to each other in different ways: what is left of a shift when
    what is common to all kinds, a shift and a length, is taken away from each group.

    `half_square` overall: 1 − the correlation of the kinds' deviations from their mean in the two
    groups; by kind: half the squared distance of what the kind's shift has beyond the mean of the
    other kinds', NaN where chance hides how the kinds lie. Needs three kinds, as lengths of two are
    alike by construction.
    """
    weights = of.weights
    total = weights.sum(axis=1, keepdims=True)
    share = weights / total
    apart = of.means - np.einsum("mk,gmkd->gmd", share, of.means)[:, :, None]
    lost = share * (1 - share)
    chance = (lost * of.noise).sum(axis=2)
    found = np.einsum("mk,gmkd,gmkd->gm", share, apart, apart) - chance
    length = np.sqrt(np.maximum(np.maximum(found, _LEAST_PATTERN * chance), _SHORTEST))
    shown = (found > _LEAST_PATTERN * chance).all(axis=0)
    scaled = apart / length[:, :, None, None]
    noise = (of.noise / length[:, :, None] ** 2).sum(axis=0)
    gap = scaled[1] - scaled[0]
    squares = np.einsum("mkd,mkd->mk", gap, gap)
    overall, expected = (share * squares).sum(axis=1), (lost * noise).sum(axis=1)
    # A kind less the mean of the others is its deviation from the mean of all, by 1 − share.
    rest = np.maximum(1 - share, _SHORTEST)
    alone = squares / rest**2
    others = ((share**2 * noise).sum(axis=1, keepdims=True) - share**2 * noise) / rest**2
    both = np.column_stack([overall, alone])
    expects = np.column_stack([expected, noise + others])
    halves = (both - expects) / 2
    halves[~shown] = np.nan
    return Shift(halves, both / np.maximum(expects, _SHORTEST))


def aligned(vectors: Floats, kinds: Numbers, second: NDArray[np.bool_]) -> Floats:
    """Units `(u, d)` of whom the `second` group `(u,)` is brought to the length of the first and
    moved onto it by what is common to all kinds: what is permuted where such a shift is no news
    (Freedman and Lane 1983)."""
    of = cells(vectors, kinds, *_labels(second))
    share = of.weights / of.weights.sum(axis=1, keepdims=True)
    middle = np.einsum("mk,gmkd->gd", share, of.means)
    apart = of.means[:, 0] - middle[:, None]
    chance = (share * (1 - share) * of.noise).sum(axis=2)[:, 0]
    found = np.einsum("k,gkd,gkd->g", share[0], apart, apart) - chance
    length = np.sqrt(np.maximum(np.maximum(found, _LEAST_PATTERN * chance), _SHORTEST))
    group = second.astype(int)
    return (vectors - middle[group]) / length[group][:, None]


def _labels(second: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Rows `(1, u)` of who is in the first group and who in the second."""
    chosen = second[None].astype(np.float64)
    return 1 - chosen, chosen
