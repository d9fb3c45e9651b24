"""How near the nearest of a number of reference patients is, with their disorder and without it.

The nearest of many is nearer than that of few, by chance alone; so similarities are gathered apart
for each number of references, k. For each disorder with k patients or more, and a member of it, k
of the others, none of the member's family, are drawn in every possible way: the `same` side has the
member's similarity to the nearest of them, the `other` side that of a patient without the disorder
to the nearest of references drawn alike. So both sides are of the same disorders, which weigh
alike, whatever their sizes.

One photo of each patient is drawn. Nothing here knows a database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.ranking.grouping import Grouping, Numbers
from gestalt_space.stats.likelihood import Weighed
from gestalt_space.types import Descriptors

Floats = NDArray[np.float64]

GRID = (1, 2, 3, 5, 8, 13, 20, 30, 45, 70, 100, 150, 225, 340, 500, 750, 1100, 1700, 2500)
"""Numbers of references; the greatest number that a gallery has stands behind them."""
MOST_MEMBERS = 200
"""Members of a disorder that are asked about; of more, so many are drawn."""
MOST_OTHERS = 400
FEWEST_OTHERS = 64
"""Patients without a disorder who are asked about it, at the most and at the least."""
OTHERS = 15_000
"""Over all disorders, about."""
MOST_MEASURED = 500
"""Patients whose photos are compared to learn what more photos of a patient add."""
ONE_IN = 10

_RARE = 1e-4
"""Ways to draw references whose share is less, all together, are left out."""
_TRIES = 4


@dataclass(frozen=True)
class Sides:
    """Similarities to the nearest of `size` references: of patients with their disorder, and of
    patients without. Groups are places in the grouping's `groups`; `origins`, of the other side,
    are the disorders that the patients without have."""

    size: int
    same: Weighed
    other: Weighed


def draw_sides(
    descriptors: Descriptors, grouping: Grouping, rng: np.random.Generator
) -> list[Sides]:
    """The two sides for each number of references that a disorder of the gallery has, ascending.

    `descriptors` `(n, d)` are the rows of `grouping`. The cost is bounded by `OTHERS`, or by
    `FEWEST_OTHERS` for each disorder, and by `MOST_MEMBERS`.
    """
    rows = grouping.rows[grouping.row_starts + rng.integers(0, grouping.photo_counts)]
    faces = descriptors[rows]
    found: dict[int, list[_Part]] = {}
    sizes = _sizes(grouping)
    groups = np.flatnonzero(grouping.patient_counts > 1)
    if not len(sizes) or len(grouping.groups) < 2:
        return []
    each = int(np.clip(OTHERS // max(len(groups), 1), FEWEST_OTHERS, MOST_OTHERS))
    for group in groups:
        members = grouping.members_of(int(group))
        asked = members
        if len(members) > MOST_MEMBERS:
            asked = np.sort(rng.choice(members, MOST_MEMBERS, replace=False))
        kin = grouping.families[asked][:, None] == grouping.families[members][None, :]
        others, origins = _others(grouping, int(group), members, each, rng)
        if not len(others):
            continue
        # References for a patient without are drawn as for a member: without that one's family.
        stands_for = rng.permutation(np.arange(len(others)) % len(asked))
        near = faces[asked] @ faces[members].T
        far = faces[others] @ faces[members].T
        for size in sizes:
            part = _Part.of(int(group), size, near, kin, far, kin[stands_for], origins)
            if part is not None:
                found.setdefault(size, []).append(part)
    return [_joined(size, found[size]) for size in sizes if size in found]


def photo_correlation(
    descriptors: Descriptors, grouping: Grouping, rng: np.random.Generator
) -> float:
    """How little more photos of a patient add, 0..1: the r with which m photos are as often near to
    a patient without the disorder as m / (1 + (m - 1) r) patients with one photo are; 1 where
    nobody has two photos.

    It is measured at the similarity that one in `ONE_IN` photos reaches. The mean correlation of
    photos, with which Kish (1965) has it for means, counts too little for the nearest of them.
    """
    from scipy.optimize import brentq

    several = np.flatnonzero(grouping.photo_counts > 1)
    if not len(several):
        return 1.0
    several = np.sort(rng.permutation(several)[:MOST_MEASURED])
    asked = np.sort(rng.permutation(len(grouping.patients))[:MOST_MEASURED])
    apart = _apart(grouping, asked, several)
    counts = grouping.photo_counts[several]
    starts = np.cumsum(counts) - counts
    rows = grouping.rows_of_patients(several)
    similar = descriptors[grouping.rows[grouping.row_starts[asked]]] @ descriptors[rows].T
    single = similar[:, starts + rng.integers(0, counts)]
    if not apart.any():
        return 1.0
    limit = np.quantile(single[apart], 1 - 1 / ONE_IN)
    one = np.add.reduceat(similar >= limit, starts, axis=1, dtype=np.int64) / counts
    any_photo = np.maximum.reduceat(similar, starts, axis=1) >= limit
    # A mean over all photos of a patient is less a matter of chance than one photo.
    shares, reached = (one * apart).sum(axis=0), float((any_photo & apart).sum())

    def surplus(r: float) -> float:
        return float((shares * counts / (1 + (counts - 1) * r)).sum()) - reached

    return float(brentq(surplus, 0, 1)) if surplus(0) > 0 > surplus(1) else 1.0


def _apart(grouping: Grouping, asked: Numbers, others: Numbers) -> NDArray[np.bool_]:
    """`(q, p)`: whether patients at places share neither a group nor a family."""
    families = grouping.families
    found = families[asked][:, None] != families[others][None, :]
    tables = []
    for patients in (asked, others):
        table = np.zeros((len(patients), len(grouping.groups)), dtype=np.float32)
        which, member = grouping.memberships_of(patients)
        table[which, grouping.group_of_member[member]] = 1
        tables.append(table)
    return np.asarray(found & (tables[0] @ tables[1].T == 0))


def _sizes(grouping: Grouping) -> list[int]:
    """Those of the grid below the most references that a member of a disorder has, and that."""
    most = 0
    for group in range(len(grouping.groups)):
        counts = np.unique(grouping.families[grouping.members_of(group)], return_counts=True)[1]
        most = max(most, int(counts.sum() - counts.min()))
    return [size for size in GRID if size < most] + [most] * (most > 0)


def _others(
    grouping: Grouping, group: int, members: Numbers, count: int, rng: np.random.Generator
) -> tuple[Numbers, Numbers]:
    """Patients without a disorder, none of a family that it is in, and the disorder that each
    stands for: disorders are as likely as each other, and within them patients."""
    inside = np.isin(grouping.families, grouping.families[members])
    kinds = len(grouping.groups)
    # Every disorder is taken as often as any other, up to one.
    rounds = -(-_TRIES * count // kinds)
    origins = np.concatenate([rng.permutation(kinds) for _ in range(rounds)])
    starts, sizes = grouping.member_starts[origins], grouping.patient_counts[origins]
    patients = grouping.members[starts + rng.integers(0, sizes)]
    kept = np.flatnonzero((origins != group) & ~inside[patients])[:count]
    return patients[kept], origins[kept]


@dataclass(frozen=True)
class _Part:
    """What one disorder gives for one size: `near` and `far`, each values and weights `(n,)` that
    sum to 1, and the origins of `far`."""

    group: int
    near: tuple[Floats, Floats]
    far: tuple[Floats, Floats]
    origins: Numbers

    @classmethod
    def of(
        cls,
        group: int,
        size: int,
        near: NDArray[np.floating],
        kin: NDArray[np.bool_],
        far: NDArray[np.floating],
        far_kin: NDArray[np.bool_],
        origins: Numbers,
    ) -> _Part | None:
        near_rows, *same = _nearest(near, kin, size)
        far_rows, *other = _nearest(far, far_kin, size)
        if not len(near_rows) or not len(far_rows):
            return None
        return cls(group, (same[0], same[1]), (other[0], other[1]), origins[far_rows])


def _nearest(
    similarities: NDArray[np.floating], left_out: NDArray[np.bool_], size: int
) -> tuple[Numbers, Floats, Floats]:
    """Of every row `(r, n)`, the similarity to the nearest of `size` columns that are drawn of
    those not left out: the row of each value, the value, and how likely it is, all `(v,)`.

    Rows weigh alike. The j-th highest of n is the nearest of k drawn with the probability
    C(n - j, k - 1) / C(n, k).
    """
    eligible = (~left_out).sum(axis=1)
    ranked = -np.sort(np.where(left_out, np.inf, -similarities), axis=1)
    rows, values, weights = [], [], []
    for count in np.unique(eligible[eligible >= size]):
        of = np.flatnonzero(eligible == count)
        chance = _chances(int(count), size)
        rows.append(np.repeat(of, len(chance)))
        values.append(ranked[of, : len(chance)].ravel())
        weights.append(np.tile(chance, len(of)))
    if not rows:
        return np.zeros(0, np.int64), np.zeros(0), np.zeros(0)
    weight = np.concatenate(weights)
    found = np.concatenate(values).astype(np.float64)
    return np.concatenate(rows), found, np.asarray(weight / weight.sum())


def _chances(count: int, size: int) -> Floats:
    """How likely the first, second … of `count` is the highest of `size` that are drawn."""
    place = np.arange(1, count - size + 1)
    steps = (count - place - size + 1) / (count - place)
    chance = size / count * np.cumprod(np.concatenate([[1.0], steps]))
    kept = int(np.searchsorted(np.cumsum(chance), 1 - _RARE)) + 1
    return np.asarray(chance[:kept] / chance[:kept].sum())


def _joined(size: int, parts: list[_Part]) -> Sides:
    def side(pairs: Iterator[tuple[Floats, Floats]], origins: Numbers | None) -> Weighed:
        values, weights = (list(one) for one in zip(*pairs, strict=True))
        groups = [np.full(len(v), p.group) for v, p in zip(values, parts, strict=True)]
        joined = np.concatenate(values)
        return Weighed(
            joined,
            np.concatenate(weights),
            np.concatenate(groups),
            np.full(len(joined), -1) if origins is None else origins,
        )

    origins = np.concatenate([part.origins for part in parts])
    return Sides(size, side((p.near for p in parts), None), side((p.far for p in parts), origins))
