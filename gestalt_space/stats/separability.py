"""How well two groups of units are separated by the similarities of their members, with a
confidence interval, a permutation test, and an equivalence test.

Take two members of one group and one of the other, from three clusters: how often are the two of
the same group more alike? Without a difference between the groups, the second and the third member
are exchangeable. So 0.5 is expected for all group sizes, and nobody is on both sides of a
comparison. The second and the third are of the same stratum, so that an effect of the stratum (a
site, a sex) is not taken for a difference. Both groups have equal weight: if one merely varies
more, its members are less like each other, and those of the other group are more so, by about the
same amount.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.stats.design import Design, least_p
from gestalt_space.stats.estimates import LEVEL, Estimate
from gestalt_space.stats.permutation import TIE, draw_groups, p_value

CHANCE = 0.5
FEWEST = 3
"""Smallest number of clusters per group: two to compare, and one that can be left out."""
FEWEST_OF_INTERVAL = 4
"""Clusters of each group: intervals of three covered the truth in 79 to 95 of 100 simulations."""
DRAWS = 1_999

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Separability:
    """How often two members of one group are more alike than one member of each, 0..1, 0.5 by
    chance.

    `share`: with its 95 % interval, which is above chance if `p` is below 0.05. `sides`: of the
    comparisons that begin with each group; one is below 0.5 if its group only varies more. `p`:
    two-sided, from permuting labels within strata, twice (b + 1)/(m + 1). `error`: jackknife
    standard error of the log odds, leaving out one cluster at a time, with `freedom` degrees of
    freedom. NaN if there are too few clusters for an interval.
    """

    share: Estimate
    sides: tuple[float, float]
    p: float
    error: float
    freedom: float

    def p_alike(self, margin: float) -> float:
        """P-value of the equivalence test (two one-sided tests, Schuirmann 1987) against a share
        that differs from chance by a margin or more: small if the groups are alike; NaN if there is
        no interval."""
        from scipy.special import logit
        from scipy.stats import t

        low, here, high = logit([CHANCE - margin, self.share.value, CHANCE + margin])
        inside = min(here - low, high - here)
        if self.error == 0:
            return float(inside <= 0)
        return float(t.sf(inside / self.error, self.freedom))


@dataclass(frozen=True)
class _Groups:
    """Clusters `(c,)` of the two groups, and the number of each group `(2, s)` in each stratum."""

    of: NDArray[np.int64]
    strata: NDArray[np.int64]
    counts: Floats

    @property
    def sizes(self) -> Floats:
        """`(2,)`: clusters of each group."""
        return np.asarray(self.counts.sum(1))

    def triples(self) -> Floats:
        """`(2,)`: comparisons begun by each group."""
        return np.asarray((self.sizes - 1) * self.counts.prod(0).sum())

    def triples_without(self) -> Floats:
        """`(2, c)`: the same when a cluster is left out."""
        facing = self.counts.prod(0).sum() - self.counts[1 - self.of, self.strata]
        begun = self.sizes[:, None] - 1 - (self.of == np.arange(2)[:, None])
        return np.asarray(begun * facing)


def separability(
    similarities: Floats, first: Flags, design: Design, *, draws: int = DRAWS, seed: int = 0
) -> Separability | None:
    """The separability of units `(n,)`, some of which are the `first` group, from their
    similarities `(n, n)`.

    All units of a cluster are in one group and count together once. None if a group has fewer than
    three clusters, or no stratum has clusters of both groups.
    """
    groups = _groups(first, design)
    if groups.sizes.min() < FEWEST or not groups.triples().all():
        return None
    member = np.eye(design.count)[design.clusters]
    weights = member / member.sum(0)
    below = _below(similarities, first, design, weights.sum(1))
    # From each cluster to each other: how many of a group's clusters are less alike.
    beaten = np.stack([weights.T @ one @ weights for one in below]) * (1 - np.eye(design.count))
    wins, without = np.zeros(2), np.zeros((2, design.count))
    for own in range(2):
        starts = groups.of == own
        won = beaten[1 - own] * np.outer(starts, starts)
        among = groups.counts[own, groups.strata] - (groups.strata[:, None] == groups.strata)
        lost = (among - beaten[own]) * np.outer(starts, ~starts)
        wins[own] = won.sum()
        without[own] = wins[own] - won.sum(0) - won.sum(1) - lost.sum(0)
    sides = wins / groups.triples()
    value = float(sides.mean())
    p = min(1.0, 2 * p_value(value, _dealt(beaten.sum(0), groups, design, draws, seed)))
    error, freedom = _jackknife(without, groups)
    share = _interval(value, error, freedom, groups, p)
    return Separability(share, (float(sides[0]), float(sides[1])), p, error, freedom)


def least_separability_p(first: Flags, design: Design) -> float:
    """The smallest two-sided p-value that permuting labels within strata can give."""
    # Groups of one size that change places give the same share.
    shuffles = design.shuffles(_groups(first, design).of == 0)
    return min(1.0, 2 * least_p(shuffles, mirrored=True))


def _groups(first: Flags, design: Design) -> _Groups:
    of = np.zeros(design.count, np.int64)
    of[design.clusters] = np.where(first, 0, 1)
    strata = design.strata_of_clusters
    counts = np.zeros((2, int(strata.max()) + 1))
    np.add.at(counts, (of, strata), 1)
    return _Groups(of, strata, counts)


def _below(similarities: Floats, first: Flags, design: Design, weights: Floats) -> Floats:
    """`(2, n, n)`: from one unit to another, the weight of the units of each group, in the other
    unit's stratum and outside the first unit's cluster, that are less similar; ties count half."""
    found = np.zeros((2, *similarities.shape))
    for stratum in np.unique(design.strata):
        there = np.flatnonzero(design.strata == stratum)
        strangers = design.clusters[:, None] != design.clusters[there]
        for group, chosen in enumerate((first, ~first)):
            found[group][:, there] = _weight_below(
                similarities[:, there], weights[there] * chosen[there] * strangers
            )
    return found


def _weight_below(values: Floats, weights: Floats) -> Floats:
    """For each value in a row, the weight of the lower values in the row, plus half of the ties."""
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    sums = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    sums = np.concatenate([np.zeros((len(sums), 1)), sums], axis=1)
    places = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    steps = np.diff(ordered, axis=1) > TIE
    edge = np.ones((len(values), 1), dtype=bool)
    starts = np.maximum.accumulate(np.where(np.hstack([edge, steps]), places, 0), axis=1)
    ends = np.where(np.hstack([steps, edge]), places + 1, values.shape[1])
    ends = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    found = np.empty_like(ordered)
    halves = np.take_along_axis(sums, starts, axis=1) + np.take_along_axis(sums, ends, axis=1)
    np.put_along_axis(found, order, halves / 2, axis=1)
    return found


def _dealt(reached: Floats, groups: _Groups, design: Design, draws: int, seed: int) -> Floats:
    """`(m,)`: the share for random permutations of labels within strata.

    `reached` `(c, c)`: from each cluster to each other, how many clusters of either group are less
    alike. Within a group, as many are less alike as more alike, so only those of the other group
    matter.
    """
    sizes, counts = groups.sizes[:, None], groups.counts
    among = ((sizes - counts) * counts**2 + counts * (counts - 1) ** 2).sum(1) / 2
    shuffles = design.shuffles(groups.of == 0)
    shares = []
    for block in draw_groups(np.random.default_rng(seed), shuffles, design.count, draws):
        # In double precision: labels dealt as they are must reach what was observed.
        labels = np.stack([block, 1 - block]).astype(np.float64)
        wins = np.einsum("gmc,gmc->mg", labels @ reached, labels)
        shares.append(((wins - among) / groups.triples()).mean(1))
    return np.concatenate(shares)


def _jackknife(without: Floats, groups: _Groups) -> tuple[float, float]:
    """The standard error, with the two groups treated separately, and its degrees of freedom
    (Satterthwaite); NaN for few clusters, or if leaving one out leaves no comparison."""
    triples = groups.triples_without()
    if groups.sizes.min() < FEWEST_OF_INTERVAL or not triples.all():
        return float("nan"), float("nan")
    odds = _log_odds((without / triples).mean(0), groups)
    parts = np.array([odds[groups.of == one].var() for one in range(2)]) * (groups.sizes - 1)
    total = parts.sum()
    if total == 0:
        return 0.0, float(groups.sizes.min() - 1)
    return float(np.sqrt(total)), float(total**2 / (parts**2 / (groups.sizes - 1)).sum())


def _log_odds(shares: Floats, groups: _Groups) -> Floats:
    """The log odds of a share, as if half a comparison were lost if all are won."""
    from scipy.special import logit

    edge = 1 / (2 * groups.triples().min())
    return np.asarray(logit(np.clip(shares, edge, 1 - edge)))


def _interval(value: float, error: float, freedom: float, groups: _Groups, p: float) -> Estimate:
    from scipy.special import expit
    from scipy.stats import t

    tail = (1 - LEVEL) / 2
    reach = t.ppf(1 - tail, freedom) * error
    low, high = expit(_log_odds(np.array(value), groups) + np.array([-reach, reach]))
    fewest = groups.sizes.min()
    if value > 1 - 1 / (4 * fewest):
        # Hardly anything was lost, and too little varies when a cluster is left out. All of so many
        # win with a chance of share^size.
        low, high = min(low, tail ** (1 / fewest)), 1.0
    if p <= 1 - LEVEL and value > CHANCE:
        low = max(low, CHANCE)
    return Estimate(value, float(low), float(high))
