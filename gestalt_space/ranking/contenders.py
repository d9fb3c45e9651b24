"""From the photos nearest to a probe to the groups that rank first: which are certain, and when
more photos must be looked at.

A search gives some photos with their similarities, and a bound that no other photo is above. A
group's nearest photo is settled where it is above the bound, and a ranking where its last line
scores above what any group that is not settled can. So a search among a few hundred of a million
photos gives the very ranking of all. Patients and groups are keys here, in no order; ties are left
to whoever knows the identifiers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gestalt_space.ranking.aggregation import SHORTEST, VOTERS, WITHOUT_VOTER
from gestalt_space.ranking.chance import Chance
from gestalt_space.ranking.grouping import Numbers

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Nearest:
    """The photos nearest to a probe, `(m,)` each: `rows`, whose `patients` they are, and their
    `similarities`, -1..1, which err by no more than `tolerance`. No other photo is above `bound`,
    -inf where there is none."""

    rows: Numbers
    patients: Numbers
    similarities: Floats
    bound: float
    tolerance: float = 0.0

    def without(self, patients: Numbers) -> Nearest:
        """Without the photos of some patients, by their keys; -1 stands for nobody."""
        if not len(patients):
            return self.kept(self.patients >= 0)
        return self.kept(~np.isin(self.patients, patients) & (self.patients >= 0))

    def kept(self, keep: NDArray[np.bool_]) -> Nearest:
        """The photos to keep `(m,)`; the others are no evidence, whatever their similarity."""
        if keep.all():
            return self
        return replace(
            self,
            rows=self.rows[keep],
            patients=self.patients[keep],
            similarities=self.similarities[keep],
        )

    def only(self, keep: NDArray[np.bool_]) -> Nearest:
        """The photos to keep `(m,)`; the others count as not found."""
        if keep.all():
            return self
        left = float(self.similarities[~keep].max()) + self.tolerance
        return replace(self.kept(keep), bound=max(self.bound, left))


@dataclass(frozen=True)
class GroupBests:
    """The nearest photo found of every group that has one, `(g,)` each, by the groups' keys,
    ascending. `places` `(x,)`, run after run by `starts`: which photos found are of each group,
    the nearest first, with their `similarities` `(x,)`."""

    groups: Numbers
    best: Floats
    starts: Numbers
    places: Numbers
    similarities: Floats


@dataclass(frozen=True, slots=True)
class Contender:
    """A group that may be a line: its `score`, the `similarity` of its nearest photo, and the
    places among the photos found of all that are as near."""

    group: int
    score: float
    similarity: float
    places: Numbers


class Rule(Protocol):
    """How a group is scored by its nearest photo; never lower for a nearer one."""

    def scores(self, groups: Numbers, best: Floats) -> Floats:
        """The scores `(g,)` of groups by their keys, whose nearest photos are `best` similar."""
        ...

    def ceiling(self, bound: float, settled: Numbers) -> float:
        """What a group other than the settled ones can score at the most, where its nearest photo
        is not above `bound`."""
        ...


class NearestRule:
    """The similarity of the nearest photo."""

    def scores(self, groups: Numbers, best: Floats) -> Floats:  # noqa: ARG002 - as all rules
        """See `Rule.scores`."""
        return best

    def ceiling(self, bound: float, settled: Numbers) -> float:  # noqa: ARG002 - as all rules
        """See `Rule.ceiling`."""
        return bound


@dataclass(frozen=True)
class CalibratedRule:
    """As near as by chance, given how many `references` `(g,)` each of all `groups` `(g,)` has, by
    their keys, ascending; 0 for a group that nobody may stand for."""

    chance: Chance
    groups: Numbers
    references: Floats

    def scores(self, groups: Numbers, best: Floats) -> Floats:
        """See `Rule.scores`."""
        references = self.references[np.searchsorted(self.groups, groups)]
        return self.chance.scores(best[:, None], references[:, None])[:, 0].astype(np.float64)

    def ceiling(self, bound: float, settled: Numbers) -> float:
        """See `Rule.ceiling`."""
        others = ~np.isin(self.groups, settled, assume_unique=True) & (self.references > 0)
        if np.isneginf(bound) or not others.any():
            return -np.inf
        nearest = np.full((int(others.sum()), 1), bound)
        return float(self.chance.scores(nearest, self.references[others, None]).max())


@dataclass(frozen=True)
class GivenRule:
    """By `given` scores `(g,)`, whatever the nearest photo, of all `groups` `(g,)` by their keys,
    ascending."""

    groups: Numbers
    given: Floats

    def scores(self, groups: Numbers, best: Floats) -> Floats:  # noqa: ARG002 - as all rules
        """See `Rule.scores`."""
        return self.given[np.searchsorted(self.groups, groups)]

    def ceiling(self, bound: float, settled: Numbers) -> float:  # noqa: ARG002 - as all rules
        """See `Rule.ceiling`."""
        others = ~np.isin(self.groups, settled, assume_unique=True)
        return float(self.given[others].max(initial=-np.inf))


@dataclass(frozen=True)
class BlendRule:
    """The mean of the nearest photo's similarity and the cosine to the centroid, `centroids` `(g,)`
    of all `groups` `(g,)` by their keys, ascending."""

    groups: Numbers
    centroids: Floats

    def scores(self, groups: Numbers, best: Floats) -> Floats:
        """See `Rule.scores`."""
        return (best + self.centroids[np.searchsorted(self.groups, groups)]) / 2

    def ceiling(self, bound: float, settled: Numbers) -> float:
        """See `Rule.ceiling`."""
        others = ~np.isin(self.groups, settled, assume_unique=True)
        return (bound + float(self.centroids[others].max(initial=-np.inf))) / 2


@dataclass(frozen=True)
class VoteRule:
    """A group's share in the similarity of the nearest patients, who are its `voters`, keys of
    groups `(g,)` ascending with their `shares` `(g,)`; a group without a voter ranks lower."""

    voters: Numbers
    shares: Floats

    def scores(self, groups: Numbers, best: Floats) -> Floats:
        """See `Rule.scores`."""
        share = np.zeros(len(groups))
        voting = np.isin(groups, self.voters)
        share[voting] = self.shares[np.searchsorted(self.voters, groups[voting])]
        return np.where(share > 0, share, best + WITHOUT_VOTER)

    def ceiling(self, bound: float, settled: Numbers) -> float:  # noqa: ARG002 - as all rules
        """See `Rule.ceiling`."""
        return bound + WITHOUT_VOTER


def group_bests(nearest: Nearest, which: Numbers, groups: Numbers) -> GroupBests:
    """The nearest photo of every group; `which` `(x,)` photos are of which `groups` `(x,)`."""
    similarities = nearest.similarities[which]
    order = np.lexsort((-similarities, groups))
    keys, starts = np.unique(groups[order], return_index=True)
    ordered = similarities[order]
    return GroupBests(keys, ordered[starts], starts, which[order], ordered)


def vote_rule(nearest: Nearest, which: Numbers, groups: Numbers) -> VoteRule | None:
    """The votes of the nearest patients, those at one similarity with the last of them included;
    None where the photos found do not settle who votes."""
    patients, places = np.unique(nearest.patients[which], return_inverse=True)
    best = np.full(len(patients), -np.inf)
    np.maximum.at(best, places, nearest.similarities[which])
    ranked = np.sort(best)[::-1]
    complete = np.isneginf(nearest.bound)
    if len(ranked) < VOTERS and not complete:
        return None
    last = ranked[min(VOTERS, len(ranked)) - 1] if len(ranked) else np.inf
    if last <= nearest.bound and not complete:
        return None
    votes = np.where(best >= last, np.maximum(best, 0), 0)
    total = max(float(votes.sum()), SHORTEST)
    # A patient votes once for each group, however many the photos.
    pairs = np.unique(np.stack([groups, places]), axis=1)
    voters, of_pair = np.unique(pairs[0], return_inverse=True)
    shares = np.bincount(of_pair, votes[pairs[1]], minlength=len(voters)) / total
    return VoteRule(voters, shares)


def may_be_first(low: Floats, high: Floats, k: int) -> Numbers:
    """Places of the groups that may be among the first `k`, and of all that may be at one score
    with the last, where their scores lie between `low` and `high` `(g,)`; a group whose `high` is
    -inf is none."""
    ranked = np.flatnonzero(~np.isneginf(high))
    if len(ranked) <= k:
        return ranked
    last = np.partition(low[ranked], len(ranked) - k)[len(ranked) - k]
    return np.asarray(ranked[high[ranked] >= last], dtype=np.int64)


def contenders(bests: GroupBests, bound: float, k: int, rule: Rule) -> list[Contender] | None:
    """The groups that score highest, best first: `k`, or all that there are, and those at one score
    with the last; None where more photos must be looked at."""
    settled = np.flatnonzero((bests.best > bound) | np.isneginf(bound))
    keys, best = bests.groups[settled], bests.best[settled]
    scores = rule.scores(keys, best)
    last = -np.inf
    if len(scores) > k:
        last = float(np.partition(scores, len(scores) - k)[len(scores) - k])
    elif len(scores) == k and k:
        last = float(scores.min())
    if not np.isneginf(bound) and (len(scores) < k or last <= rule.ceiling(bound, keys)):
        return None
    first = np.flatnonzero(scores >= last)
    first = first[np.lexsort((keys[first], -scores[first]))]
    return [_contender(bests, int(settled[one]), float(scores[one])) for one in first]


def _contender(bests: GroupBests, place: int, score: float) -> Contender:
    start = bests.starts[place]
    stop = bests.starts[place + 1] if place + 1 < len(bests.starts) else len(bests.places)
    best = bests.best[place]
    places = bests.places[start:stop][bests.similarities[start:stop] == best]
    return Contender(int(bests.groups[place]), score, float(best), places)
