"""Two groups of vectors in several kinds, such as the disorders that both groups have: how far the
means of the groups are apart, and how much of that is common to all kinds.

Means and spreads are separated. Noisier unit vectors have shorter means, so each group is rescaled
to the same length before means are compared, and distances are tested relative to the variance
within the groups (Alekseyenko 2016; Anderson, Walsh and Clarke 2017). So unequal noise and unequal
sizes do not appear as a difference of means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Members = NDArray[np.bool_]

_SHORTEST = 1e-12
_LEAST_PATTERN = 0.25
"""Smallest visible squared length of the differences between kinds, relative to chance."""
_AT_ONCE = 4_000_000
"""Numbers of means in memory at a time."""


@dataclass(frozen=True)
class GroupMoments:
    """Groups by kinds, for each of `m` labellings; the first and the second group come first.

    `counts` `(2, m, k)`: units. `means` `(2, m, k, d)`. `squares` `(2, m, k)`: mean inner products
    of two different units, an unbiased estimate of the squared length of the true mean. `noise`
    `(2, m, k)`: the expected squared distance of `means` from the true means. The last two are 0 if
    a group has fewer than two units of a kind.
    """

    counts: Floats
    means: Floats
    squares: Floats
    noise: Floats

    @property
    def shares(self) -> Floats:
        """`(m, k)`: the weight of each kind, n·n′/(n + n′), normalised to 1; 0 without two units in
        each group."""
        first, second = self.counts
        there = (first >= 2) & (second >= 2)
        weights = np.where(there, first * second / np.maximum(first + second, 1), 0)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Shift:
    """Differences of means for each of `m` labellings, of `c` kinds each: `(m, c)`.

    `half_square`: an unbiased estimate of half the squared distance: without a difference it is 0
    on average, and as often negative as positive. `ratio`: the squared distance relative to its
    expectation by chance, about 1 without a difference; this is the test statistic.
    """

    half_square: Floats
    ratio: Floats

    @classmethod
    def of(cls, squares: Floats, chance: Floats) -> Shift:
        """From squared distances and their expectations by chance."""
        return cls((squares - chance) / 2, squares / np.maximum(chance, _SHORTEST))


def reduce_dimensions(vectors: NDArray[np.floating]) -> Floats:
    """Vectors `(u, d)` in the smallest number of dimensions that preserves their inner products:
    `(u, min(u, d))`."""
    wide = np.asarray(vectors, dtype=np.float64)
    if wide.shape[1] <= wide.shape[0]:
        return wide
    return np.ascontiguousarray(np.linalg.qr(wide.T).R.T)


def group_moments(vectors: Floats, kinds: Numbers, first: Floats, second: Floats) -> GroupMoments:
    """The moments of units `(u, d)`, whose kinds `(u,)` are numbered from 0. The rows of `first`
    and `second` `(m, u)` are 1 for units in the group and 0 for others."""
    number = int(kinds.max(initial=-1)) + 1
    shape = (2, len(first), number)
    counts, own = np.zeros(shape), np.zeros(shape)
    totals = np.zeros((*shape, vectors.shape[1]))
    lengths = np.einsum("ud,ud->u", vectors, vectors)
    for kind in range(number):
        there = np.flatnonzero(kinds == kind)
        for group, rows in enumerate((first, second)):
            chosen = rows[:, there]
            counts[group, :, kind] = chosen.sum(axis=1)
            own[group, :, kind] = chosen @ lengths[there]
            totals[group, :, kind] = chosen @ vectors[there]
    return _moments(counts, own, totals)


def moments_left_out(vectors: Floats, kinds: Numbers, first: Members) -> Iterator[GroupMoments]:
    """The moments without each unit in turn, in blocks of some units.

    By subtraction from those of all, so that time and memory grow with the number of units, and not
    with its square.
    """
    groups = np.where(first, 0, 1)
    number, dim = int(kinds.max(initial=-1)) + 1, vectors.shape[1]
    counts, own = np.zeros((2, number)), np.zeros((2, number))
    totals = np.zeros((2, number, dim))
    lengths = np.einsum("ud,ud->u", vectors, vectors)
    np.add.at(counts, (groups, kinds), 1)
    np.add.at(own, (groups, kinds), lengths)
    for group in (0, 1):
        for kind in range(number):
            totals[group, kind] = vectors[(groups == group) & (kinds == kind)].sum(axis=0)
    most = max(1, _AT_ONCE // max(1, dim * number))
    for start in range(0, len(vectors), most):
        part = slice(start, start + most)
        cell = groups[part], np.arange(len(vectors[part])), kinds[part]
        count, rest, total = (
            np.repeat(of[:, None], len(vectors[part]), axis=1) for of in (counts, own, totals)
        )
        count[cell] -= 1
        rest[cell] -= lengths[part]
        total[cell] -= vectors[part]
        yield _moments(count, rest, total)


def _moments(count: Floats, own: Floats, total: Floats) -> GroupMoments:
    """From the number, the sum of squared lengths, and the sum of the units of each kind."""
    whole = np.einsum("gmkd,gmkd->gmk", total, total)
    pairs, some = np.maximum(count * (count - 1), 1), np.maximum(count, 1)
    return GroupMoments(
        count,
        total / some[..., None],
        np.where(count >= 2, (whole - own) / pairs, 0),
        np.where(count >= 2, (own - whole / some) / pairs, 0),
    )


def shift(of: GroupMoments) -> Shift:
    """The distance between the directions of the groups' means: over all kinds, then the common
    part, then each kind, `(m, 2 + k)`.

    Each group is rescaled to one length by that of its means, pooled over kinds, so that half the
    squared distance over all is 1 − the cosine of the means.
    """
    share, length = of.shares, group_lengths(of)[:, :, None]
    noise = (of.noise / length**2).sum(axis=0)
    gap = of.means[1] / length[1, ..., None] - of.means[0] / length[0, ..., None]
    squares = np.einsum("mkd,mkd->mk", gap, gap)
    common = np.einsum("mk,mkd->md", share, gap)
    return Shift.of(
        np.column_stack(
            [(share * squares).sum(axis=1), np.einsum("md,md->m", common, common), squares]
        ),
        np.column_stack([(share * noise).sum(axis=1), (share**2 * noise).sum(axis=1), noise]),
    )


def own_shift(of: GroupMoments) -> Shift:
    """The part of the kinds' shifts beyond a common one: over all kinds, then each against the mean
    of the others, `(m, 1 + k)`.

    What all kinds of a group have in common is subtracted, and the rest is rescaled to one length,
    so that overall half the squared distance is 1 − the correlation between the arrangement of the
    kinds in the two groups. NaN if the arrangement is hidden by noise.
    """
    share = of.shares
    apart, length, seen = _patterns(of)
    noise = (of.noise / length[:, :, None] ** 2).sum(axis=0)
    gap = apart[1] / length[1, :, None, None] - apart[0] / length[0, :, None, None]
    squares = np.einsum("mkd,mkd->mk", gap, gap)
    # A kind less the mean of the others is its distance from the mean of all, over 1 − share.
    rest = np.maximum(1 - share, _SHORTEST) ** 2
    pulled: Floats = share**2 * noise
    others = pulled.sum(axis=1, keepdims=True) - pulled
    found = Shift.of(
        np.column_stack([(share * squares).sum(axis=1), squares / rest]),
        np.column_stack([(share * (1 - share) * noise).sum(axis=1), noise + others / rest]),
    )
    return Shift(np.where((seen[0] & seen[1])[:, None], found.half_square, np.nan), found.ratio)


def group_lengths(of: GroupMoments) -> Floats:
    """`(2, m)`: the length of each group's true means, pooled over kinds."""
    return np.asarray(np.sqrt(np.maximum((of.shares * of.squares).sum(axis=2), _SHORTEST)))


def at_one_length(vectors: Floats, kinds: Numbers, first: Members) -> Floats:
    """Units `(u, d)`, each group divided by the length of its means: what is permuted."""
    one, other = group_lengths(group_moments(vectors, kinds, *two_rows(first)))[:, 0]
    return np.asarray(vectors / np.where(first, one, other)[:, None])


def without_common_shift(vectors: Floats, kinds: Numbers, first: Members) -> Floats:
    """Units `(u, d)` minus what their group has in common over all kinds, rescaled to one length:
    what is permuted if a common shift is allowed under the null hypothesis (Freedman and Lane
    1983)."""
    of = group_moments(vectors, kinds, *two_rows(first))
    one, other = _patterns(of)[1][:, 0]
    middle, its_middle = np.einsum("mk,gmkd->gd", of.shares, of.means)
    moved = vectors - np.where(first[:, None], middle, its_middle)
    return np.asarray(moved / np.where(first, one, other)[:, None])


def two_rows(first: Members) -> tuple[Floats, Floats]:
    """Rows `(1, u)` of the units in the first group and in the second."""
    chosen = first[None].astype(np.float64)
    return chosen, 1 - chosen


def in_blocks(
    vectors: Floats,
    kinds: Numbers,
    rows: Iterable[tuple[NDArray[np.floating], NDArray[np.floating]]],
    figure: Callable[[GroupMoments], Floats],
) -> Floats:
    """A figure `(m, c)` of all labellings, whose rows `(b, u)` come block by block."""
    most = max(1, _AT_ONCE // max(1, vectors.shape[1] * (int(kinds.max(initial=-1)) + 1)))
    return np.concatenate(
        [
            figure(group_moments(vectors, kinds, one, other))
            for first, second in rows
            for one, other in _parts(first, second, most)
        ]
    )


def _parts(
    first: NDArray[np.floating], second: NDArray[np.floating], most: int
) -> Iterator[tuple[Floats, Floats]]:
    for start in range(0, len(first), most):
        part = slice(start, start + most)
        yield first[part].astype(np.float64), second[part].astype(np.float64)


def _patterns(of: GroupMoments) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """The arrangement of each group's kinds: `(2, m, k, d)` their means minus the mean of all; its
    length `(2, m)`, corrected for noise; and whether it can be seen at all."""
    share = of.shares
    apart = of.means - np.einsum("mk,gmkd->gmd", share, of.means)[:, :, None]
    chance = (share * (1 - share) * of.noise).sum(axis=2)
    found = np.einsum("mk,gmkd,gmkd->gm", share, apart, apart) - chance
    least = _LEAST_PATTERN * chance
    return apart, np.sqrt(np.maximum(np.maximum(found, least), _SHORTEST)), found > least
