"""From similarities of probes to photos, to one score for each group: six ways of weighing the
photos of a group's patients.

| name | score of a group |
|---|---|
| nearest | the nearest photo (published: Hsieh 2022) |
| patient-mean | the patient whose photos are the nearest on average |
| centroid | cosine to the centroid, the mean of the patients' mean descriptors, each patient once |
| blend | the mean of nearest and centroid |
| vote | the group's share in the similarity of the ten nearest patients |
| calibrated | the nearest photo, held against what a group of as many patients gives by chance |

A probe's own family is never evidence: the patient and all who share the family are left out of
every maximum, mean and centroid, as though their photos were not in the gallery.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gestalt_space.devices import cores
from gestalt_space.ranking.grouping import Grouping, Numbers, Values

if TYPE_CHECKING:
    from gestalt_space.ranking.chance import Chance

Aggregation = Literal["nearest", "patient-mean", "centroid", "blend", "vote", "calibrated"]
EVERY_AGGREGATION: tuple[Aggregation, ...] = get_args(Aggregation)
AGGREGATIONS: tuple[Aggregation, ...] = EVERY_AGGREGATION[:-1]
"""Those that need no calibration, and so any gallery can be ranked by."""

VOTERS = 10
"""Patients who vote. Groups without a voter stand behind, by their nearest photo."""
WITHOUT_VOTER = -2.0
"""Added to the similarity of the nearest photo where no patient of a group votes: such scores lie
below 0, those of groups with a voter above."""
SHORTEST = 1e-6
"""Shortest centroid that has a direction. A shorter one, of photos that cancel each other, has the
cosine 0 with every probe: what its numbers err by would rank it."""

NEAREST_PHOTO: frozenset[Aggregation] = frozenset({"nearest", "blend", "vote", "calibrated"})
"""Aggregations in which the nearest photos of patients count."""

_BLOCK = 32
"""Probes that a thread works on at once."""


@dataclass(frozen=True)
class Centroids:
    """How long the centroids of a grouping's groups are.

    `lengths` `(g,)`: of the mean of the patients' mean descriptors, 0..1. `without` `(k,)`: of the
    centroid of a group without the patients of one family, of the grouping's `family_counts`; 0
    where nobody is left.
    """

    lengths: NDArray[np.float64]
    without: NDArray[np.float64]


def measure_centroids(descriptors: NDArray[np.float32], grouping: Grouping) -> Centroids:
    """The lengths of the centroids of descriptors `(n, d)`, the rows of `grouping`."""
    if not len(grouping.groups):
        return Centroids(np.zeros(0), np.zeros(0))
    means = np.add.reduceat(descriptors[grouping.rows], grouping.row_starts, axis=0)
    means /= grouping.photo_counts[:, None].astype(np.float32)
    squares = np.empty(len(grouping.groups))
    left = np.empty(len(grouping.family_counts.counts))
    for group, start in enumerate(grouping.member_starts):
        members = means[grouping.members_of(group)].astype(np.float64)
        total = members.sum(axis=0)
        squares[group] = total @ total
        place_of = grouping.family_counts.of_member[start : start + len(members)]
        order = np.argsort(place_of, kind="stable")
        places, starts = np.unique(place_of[order], return_index=True)
        # A group's centroid changes with all of a family at once: by the sum of its members.
        sums = np.add.reduceat(members[order], starts, axis=0)
        left[places] = squares[group] - 2 * (sums @ total) + np.einsum("kd,kd->k", sums, sums)
    counts = grouping.patient_counts
    others = np.maximum(counts[grouping.family_counts.groups] - grouping.family_counts.counts, 1)
    return Centroids(
        lengths=np.sqrt(squares) / counts, without=np.sqrt(np.maximum(left, 0)) / others
    )


def score_groups(
    similarities: Values,
    grouping: Grouping,
    aggregations: Sequence[Aggregation],
    *,
    own: Numbers | None = None,
    centroids: Centroids | None = None,
    chance: Chance | None = None,
) -> dict[Aggregation, Values]:
    """The score `(q, g)` of every group for every probe, by each of some aggregations.

    `similarities` `(q, n)` float32 or float64, whose kind the scores have; `own` `(q,)`: the number
    of the probe's own family, as `grouping.family_of` gives it for a patient, -1 for none. A group
    with nobody else scores `-inf`. `centroid` and `blend` need `centroids`, `calibrated` needs
    `chance`.
    """
    shape = (len(similarities), len(grouping.groups))
    scores = {how: np.empty(shape, dtype=similarities.dtype) for how in aggregations}
    if not all(shape):
        return scores

    def work(start: int) -> None:
        part = slice(start, start + _BLOCK)
        left_out = None if own is None else own[part]
        found = _score_block(
            similarities[part], grouping, aggregations, left_out, centroids, chance
        )
        for how, block in found.items():
            scores[how][part] = block.T

    starts = range(0, shape[0], _BLOCK)
    if len(starts) == 1:
        work(0)
        return scores
    with ThreadPoolExecutor(min(cores(), len(starts)), thread_name_prefix="scores") as pool:
        list(pool.map(work, starts))
    return scores


def _score_block(
    similarities: Values,
    grouping: Grouping,
    aggregations: Sequence[Aggregation],
    own: Numbers | None,
    centroids: Centroids | None,
    chance: Chance | None,
) -> dict[Aggregation, Values]:
    """Scores `(g, b)` of a block of probes: a row for each group, so that a step of the reductions
    works on all the probes of the block at once."""
    wanted = set(aggregations)
    mean, nearest = wanted & {"patient-mean", "centroid", "blend"}, wanted & NEAREST_PHOTO
    photos = np.ascontiguousarray(similarities.T)
    own_places = None if own is None else grouping.left_out(own)[::-1]
    found: dict[Aggregation, Values] = {}
    if mean:
        means = grouping.photo_runs.reduce(photos, np.add)
        means /= grouping.photo_counts[:, None].astype(means.dtype)
        if wanted & {"centroid", "blend"}:
            if centroids is None:
                raise ValueError("centroid and blend need the centroids' lengths")
            _set(means, own_places, 0)
            found["centroid"] = _centroid(means, grouping, centroids, own)
        if "patient-mean" in wanted:
            _set(means, own_places, -np.inf)
            found["patient-mean"] = grouping.member_runs.reduce(means, np.maximum)
    if nearest:
        best = grouping.photo_runs.reduce(photos, np.maximum)
        _set(best, own_places, -np.inf)
        found["nearest"] = grouping.member_runs.reduce(best, np.maximum)
        if "blend" in wanted:
            found["blend"] = (found["nearest"] + found["centroid"]) / 2
        if "vote" in wanted:
            found["vote"] = _vote(best, found["nearest"], grouping)
        if "calibrated" in wanted:
            if chance is None:
                raise ValueError("calibrated needs the curves of chance")
            references = chance.references(grouping, np.isneginf(best))
            found["calibrated"] = chance.scores(found["nearest"], references)
    return {how: found[how] for how in aggregations}


def _set(patients: Values, places: tuple[Numbers, Numbers] | None, value: float) -> None:
    if places is not None:
        patients[places] = value


def _centroid(
    means: Values, grouping: Grouping, centroids: Centroids, own: Numbers | None
) -> Values:
    """Cosine to the centroids `(g, b)`, from patients' means `(p, b)`, the own family's being 0."""
    sums = grouping.member_runs.reduce(means, np.add)
    lengths = with_direction(centroids.lengths) * grouping.patient_counts
    scores: Values = sums / lengths[:, None].astype(sums.dtype)
    if own is None:
        return scores
    probes, places = grouping.family_counts_of(own)
    groups = grouping.family_counts.groups[places]
    others = grouping.patient_counts[groups] - grouping.family_counts.counts[places]
    lengths = with_direction(centroids.without[places]) * np.maximum(others, 1)
    scores[groups, probes] = np.where(others > 0, sums[groups, probes] / lengths, -np.inf)
    return scores


def with_direction(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """What sums are divided by for cosines to centroids of such lengths: infinite where one has no
    direction."""
    return np.where(lengths < SHORTEST, np.inf, lengths)


def _vote(best: Values, nearest: Values, grouping: Grouping) -> Values:
    """Groups' shares `(g, b)` in the similarity of the nearest patients, of whom `best` `(p, b)`
    has the nearest photos; patients at one similarity with the last of them vote too."""
    patients, probes = np.nonzero(best >= _least_voters(nearest, grouping))
    values = best[patients, probes]
    order = np.lexsort((-values, probes))
    patients, probes, values = patients[order], probes[order], values[order]
    place = np.arange(len(probes)) - np.searchsorted(probes, probes)
    last = np.full(best.shape[1], -np.inf)
    last[probes[place == VOTERS - 1]] = values[place == VOTERS - 1]
    votes = np.where(values >= last[probes], np.maximum(values, 0), 0)

    total = np.maximum(np.bincount(probes, votes, minlength=best.shape[1]), SHORTEST)
    voters, members = grouping.memberships_of(patients)
    shares = np.zeros(nearest.shape)
    np.add.at(shares, (grouping.group_of_member[members], probes[voters]), votes[voters])
    scores = np.where(shares > 0, shares / total, nearest + WITHOUT_VOTER)
    return scores.astype(best.dtype)


def _least_voters(nearest: Values, grouping: Grouping) -> Values | float:
    """A similarity `(b,)` that `VOTERS` patients or more reach, and not many more do.

    As many groups as that have different patients nearest, unless patients are in several.
    """
    groups = VOTERS * grouping.most_memberships
    if groups > len(nearest):
        return -np.inf
    least: Values = np.partition(nearest, len(nearest) - groups, axis=0)[-groups]
    return least
