"""How near the nearest of a number of reference patients is, with their disorder and without it.

The nearest of many is nearer than that of few, by chance alone; so similarities are gathered apart
for each number of references, k. For each disorder with k patients or more, and a member of it, k
of the others, none of the member's family, are drawn in every possible way: the `same` side has the
member's similarity to the nearest of them, the `other` side that of a patient without the disorder
to the nearest of references drawn alike. So both sides are of the same disorders, which weigh
alike, whatever their sizes.

One photo of each patient is drawn. Every disorder draws by itself, by its place and the seed.
Nothing of this is kept when a fit is interrupted, or for the next one: it takes seconds, and since
each disorder is compared with patients of all others, a new patient moves most of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gallery.calibration.rows import DescriptorRows, drawn_photos, salt_of
from gestalt_space.ranking.grouping import Grouping, Numbers
from gestalt_space.stats.likelihood import WeightedValues

Floats = NDArray[np.float64]
Ranked = NDArray[np.float32]

GRID = (1, 2, 3, 5, 8, 13, 20, 30, 45, 70, 100, 150, 225, 340, 500, 750, 1100, 1700, 2500)
"""Numbers of references; the greatest number that a gallery has stands behind them."""
MOST_MEMBERS = 200
"""Members of a disorder that are asked about; of more, so many are drawn."""
MOST_OTHERS = 400
FEWEST_OTHERS = 64
"""Patients without a disorder who are asked about it, at the most and at the least."""
OTHERS = 15_000
"""Over all disorders, about."""
AT_ONCE = 8_192
"""Descriptors that are fetched at once, for several disorders; more for one of more patients."""

_RARE = 1e-4
"""Ways to draw references whose share is less, all together, are left out."""
_TRIES = 4
_PHOTOS, _DISORDERS = 1, 2
"""What is drawn, beside the seed."""


@dataclass(frozen=True)
class ReferenceSimilarities:
    """Similarities to the nearest of `size` references: of patients with their disorder, and of
    patients without. Groups are places in the grouping's `groups`; `origins`, of the other side,
    are the disorders that the patients without have."""

    size: int
    same: WeightedValues
    other: WeightedValues


@dataclass(frozen=True)
class DisorderReferences:
    """Who is compared with the members of one disorder.

    `probes` `(a,)`: members who are asked about; `others` `(o,)`: patients without it, as places in
    the grouping's `patients`, and the disorders `origins` that they stand for; `stands_for` `(o,)`:
    the place in `probes` of the member whose family is no reference for each.
    """

    group: int
    probes: Numbers
    others: Numbers
    origins: Numbers
    stands_for: Numbers


@dataclass(frozen=True)
class SimilarityRows:
    """Rows of similarities to as many eligible members, `(r, count)`, each descending; the disorder
    `(r,)` whose members they are, and the one `(r,)` that a patient without it has, -1 for a
    member."""

    values: Ranked
    groups: Numbers
    origins: Numbers


class Samples:
    """Similarities of patients with and without each disorder to its members, as they come."""

    def __init__(self, groups: int) -> None:
        self._groups = groups
        self._same: dict[int, list[SimilarityRows]] = {}
        self._other: dict[int, list[SimilarityRows]] = {}

    def add(self, grouping: Grouping, one: DisorderReferences, near: Ranked, far: Ranked) -> None:
        """The similarities `(a, m)` and `(o, m)` of those asked to a disorder's members."""
        families = grouping.families
        members = grouping.members_of(one.group)
        related = families[one.probes][:, None] == families[members][None, :]
        _sort_in(self._same, near, related, one.group, np.full(len(near), -1))
        # References for a patient without are drawn as for a member: without that one's family.
        _sort_in(self._other, far, related[one.stands_for], one.group, one.origins)

    def sides(self, size: int) -> ReferenceSimilarities | None:
        """The two sides for a number of references; None where no disorder has so many."""
        present = _present(self._same, size, self._groups) & _present(
            self._other, size, self._groups
        )
        if not present.any():
            return None
        return ReferenceSimilarities(
            size, _weighed(self._same, size, present), _weighed(self._other, size, present)
        )


def draw_references(grouping: Grouping, seed: int) -> Iterator[DisorderReferences]:
    """Who is compared with each disorder that has two patients or more, in the groups' order."""
    groups = np.flatnonzero(grouping.patient_counts > 1)
    if len(grouping.groups) < 2:
        return
    each = int(np.clip(OTHERS // max(len(groups), 1), FEWEST_OTHERS, MOST_OTHERS))
    for group in groups:
        rng = np.random.default_rng([seed, _DISORDERS, int(group)])
        members = grouping.members_of(int(group))
        probes = members
        if len(members) > MOST_MEMBERS:
            probes = np.sort(rng.choice(members, MOST_MEMBERS, replace=False))
        others, origins = _others(grouping, int(group), members, each, rng)
        if len(others):
            stands_for = rng.permutation(np.arange(len(others)) % len(probes))
            yield DisorderReferences(int(group), probes, others, origins, stands_for)


def compare_with_references(
    rows: DescriptorRows,
    grouping: Grouping,
    disorders: list[DisorderReferences],
    seed: int,
    into: Samples,
) -> Iterator[int]:
    """Compare the descriptors of those asked, some disorders at a time; says after each how many
    are done."""
    patients = np.arange(len(grouping.patients))
    photo, _ = drawn_photos(grouping, rows.ids, patients, 1, salt_of(seed, _PHOTOS))
    done = 0
    while done < len(disorders):
        some = _some(grouping, disorders[done:])
        needed = np.unique(np.concatenate([_whom(grouping, one) for one in some]))
        faces = rows.rows(photo[needed])
        for one in some:
            members = faces[np.searchsorted(needed, grouping.members_of(one.group))]
            near = faces[np.searchsorted(needed, one.probes)] @ members.T
            far = faces[np.searchsorted(needed, one.others)] @ members.T
            into.add(grouping, one, near, far)
        done += len(some)
        yield done


def sizes_of(grouping: Grouping) -> list[int]:
    """Those of the grid below the most references that a member of a disorder has, and that."""
    if not len(grouping.groups):
        return []
    fewest_relatives = grouping.patient_counts.copy()
    np.minimum.at(fewest_relatives, grouping.family_counts.groups, grouping.family_counts.counts)
    most = int((grouping.patient_counts - fewest_relatives).max())
    return [size for size in GRID if size < most] + [most] * (most > 0)


def draw_sides(
    rows: DescriptorRows, grouping: Grouping, seed: int = 0
) -> list[ReferenceSimilarities]:
    """The two sides for each number of references that a disorder of the gallery has, ascending.

    The cost is bounded by `OTHERS`, or by `FEWEST_OTHERS` for each disorder, and by `MOST_MEMBERS`.
    """
    samples = Samples(len(grouping.groups))
    for _ in compare_with_references(
        rows, grouping, list(draw_references(grouping, seed)), seed, samples
    ):
        pass
    found = (samples.sides(size) for size in sizes_of(grouping))
    return [sides for sides in found if sides is not None]


def _some(grouping: Grouping, disorders: list[DisorderReferences]) -> list[DisorderReferences]:
    """The first ones that need no more descriptors than are fetched at once, or the first."""
    needed = np.cumsum([len(_whom(grouping, one)) for one in disorders[:AT_ONCE]])
    return disorders[: max(int(np.searchsorted(needed, AT_ONCE, side="right")), 1)]


def _whom(grouping: Grouping, one: DisorderReferences) -> Numbers:
    return np.concatenate([grouping.members_of(one.group), one.others])


def _others(
    grouping: Grouping, group: int, members: Numbers, count: int, rng: np.random.Generator
) -> tuple[Numbers, Numbers]:
    """Patients without a disorder, none of a family that it is in, and the disorder that each
    stands for: disorders are as likely as each other, and within them patients."""
    kinds = len(grouping.groups)
    # Every disorder is taken as often as any other, up to one.
    rounds = -(-_TRIES * count // kinds)
    origins = np.concatenate([rng.permutation(kinds) for _ in range(rounds)])
    origins = origins[origins != group]
    families = np.unique(grouping.families[members])
    found: list[tuple[Numbers, Numbers]] = []
    # The first ones are nearly always enough.
    for start in range(0, len(origins), 2 * count):
        some = origins[start : start + 2 * count]
        patients = grouping.members[
            grouping.member_starts[some] + rng.integers(0, grouping.patient_counts[some])
        ]
        outside = ~np.isin(grouping.families[patients], families)
        found.append((patients[outside], some[outside]))
        if sum(len(one) for one, _ in found) >= count:
            break
    patients, of = (np.concatenate(parts)[:count] for parts in zip(*found, strict=True))
    return patients, of


def _sort_in(
    kinds: dict[int, list[SimilarityRows]],
    similarities: Ranked,
    left_out: NDArray[np.bool_],
    group: int,
    origins: Numbers,
) -> None:
    """Rows of similarities, those left out aside and the others descending, by how many these
    are."""
    eligible = (~left_out).sum(axis=1)
    ranked = -np.sort(np.where(left_out, np.float32(np.inf), -similarities), axis=1)
    for count in set(eligible.tolist()) - {0}:
        of = np.flatnonzero(eligible == count)
        one = SimilarityRows(ranked[of, :count], np.full(len(of), group), origins[of])
        kinds.setdefault(count, []).append(one)


def _present(kinds: dict[int, list[SimilarityRows]], size: int, groups: int) -> NDArray[np.bool_]:
    """`(g,)`: the disorders with a row of so many eligible members or more."""
    found = np.zeros(groups, dtype=bool)
    for count, some in kinds.items():
        if count >= size:
            for one in some:
                found[one.groups] = True
    return found


def _weighed(
    kinds: dict[int, list[SimilarityRows]], size: int, present: NDArray[np.bool_]
) -> WeightedValues:
    """The similarity to the nearest of `size` members who are drawn of all eligible ones, of every
    row of the disorders that are `present` `(g,)`.

    Rows of a disorder weigh alike, and 1 together; the highest values come first. The j-th highest
    of n is the nearest of k drawn with the probability C(n - j, k - 1) / C(n, k).
    """
    chosen = {count: _joined(some, present) for count, some in kinds.items() if count >= size}
    chances = {count: _chances(count, size) for count in chosen}
    rows = np.zeros(len(present))
    for one in chosen.values():
        rows += np.bincount(one.groups, minlength=len(present))
    total = sum(len(one.groups) * len(chances[count]) for count, one in chosen.items())
    values, weights = np.empty(total, np.float32), np.empty(total)
    groups, origins = np.empty(total, np.int32), np.empty(total, np.int32)
    start = 0
    for count, one in chosen.items():
        chance = chances[count]
        part = slice(start, start + len(one.groups) * len(chance))
        values[part] = one.values[:, : len(chance)].ravel()
        weights[part] = (chance / rows[one.groups, None]).ravel()
        groups[part] = np.repeat(one.groups, len(chance))
        origins[part] = np.repeat(one.origins, len(chance))
        start = part.stop
    return WeightedValues(values, weights, groups, origins).descending()


def _joined(some: list[SimilarityRows], present: NDArray[np.bool_]) -> SimilarityRows:
    groups = np.concatenate([one.groups for one in some])
    kept = present[groups]
    return SimilarityRows(
        np.concatenate([one.values for one in some])[kept],
        groups[kept],
        np.concatenate([one.origins for one in some])[kept],
    )


def _chances(count: int, size: int) -> Floats:
    """How likely the first, second … of `count` is the highest of `size` that are drawn."""
    place = np.arange(1, count - size + 1)
    steps = (count - place - size + 1) / (count - place)
    chance = size / count * np.cumprod(np.concatenate([[1.0], steps]))
    kept = int(np.searchsorted(np.cumsum(chance), 1 - _RARE)) + 1
    return np.asarray(chance[:kept] / chance[:kept].sum())
