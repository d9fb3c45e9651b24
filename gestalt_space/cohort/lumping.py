"""Which disorders can be told apart by the face, which are alike, and for which there is no
verdict.

A family is one unit, and patients are compared within sites and sexes: see `stats.separability`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gestalt_space.progress import Progress, followed, no_progress
from gestalt_space.stats.adjustment import false_discovery_rates
from gestalt_space.stats.design import Design, labellings
from gestalt_space.stats.estimates import Estimate, Finding
from gestalt_space.stats.separability import CHANCE, DRAWS, least_separability_p, separability

FEWEST = 3
"""Smallest number of patients with each disorder of a pair."""
ALPHA = 0.05
MARGIN = 0.1
"""Margin of the equivalence test: disorders are alike if the share is closer to chance."""
MOST_DRAWS = 9_999
UNKNOWN = Estimate(float("nan"), float("nan"), float("nan"))

Floats = NDArray[np.float64]
LumpingVerdict = Literal["told apart", "alike", "undecided", "no verdict"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two disorders. `families`: of each; the members of a family count as one. `left_out`: the
    number of families with both disorders.

    `share`: how often two patients with the same disorder are more alike than two with different
    ones, 0..1, 0.5 by chance, with its 95 % interval. `sides`: of the comparisons that begin with
    patients of the first disorder, and of the second. `p`: against chance. `p_alike`: of the
    equivalence test. `q` and `q_alike`: after Benjamini and Hochberg over all pairs. `verdict`:
    `told apart` if q is 0.05 or less and both sides are above chance; `alike` if `q_alike` is 0.05
    or less, whatever q is; `no verdict` if the data do not allow one, and `reason` says why. NaN
    for figures that do not exist.
    """

    first: str
    second: str
    families: tuple[int, int]
    left_out: int
    share: Estimate
    sides: tuple[float, float]
    p: float
    q: float
    p_alike: float
    q_alike: float
    verdict: LumpingVerdict
    reason: str

    @property
    def finding(self) -> Finding:
        """The share as a tidy row."""
        return Finding(
            subject=f"{self.first} and {self.second}",
            estimand="share of comparisons in which two with the same disorder are more alike",
            estimate=self.share.value,
            low=self.share.low,
            high=self.share.high,
            p=self.q,
            n=sum(self.families),
            unit="families",
            method="labels permuted within strata, Benjamini-Hochberg over pairs; jackknife",
        )


def compare_pairs(
    rows: Floats,
    disorders: NDArray[np.str_],
    families: NDArray[np.int64],
    strata: NDArray[np.str_],
    *,
    margin: float = MARGIN,
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[Pair, ...]:
    """Compare all pairs of disorders with three patients or more: the pairs that are hardest to
    tell apart come first, those without a verdict last.

    Of patients: `rows` `(p, d)` of unit length; `disorders` `(p,)`, empty for patients who are
    excluded; `families` `(p,)`; `strata` `(p,)`: the groups within which they are compared, such as
    a site.
    """
    names, counts = np.unique(disorders[disorders != ""], return_counts=True)
    couples = list(combinations(map(str, names[counts >= FEWEST]), 2))
    # So many that one pair that differs among all is told apart.
    draws = min(max(DRAWS, int(2 * len(couples) / ALPHA)), MOST_DRAWS)
    found = []
    for first, second in followed(couples, progress):
        there = _without_shared((disorders == first), (disorders == second), families)
        found.append(
            _pair(
                (first, second),
                rows[there],
                disorders[there] == first,
                Design.of(families[there], _of_families(strata[there], families[there])),
                len(set(families[disorders == first]) & set(families[disorders == second])),
                (margin, draws, seed),
            )
        )
    judged = _judged(found)
    return tuple(
        sorted(judged, key=lambda one: (one.verdict == "no verdict", one.share.value, one.first))
    )


def _without_shared(
    first: NDArray[np.bool_], second: NDArray[np.bool_], families: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The patients with two disorders whose families have only one of them."""
    both = np.intersect1d(families[first], families[second])
    return np.flatnonzero((first | second) & ~np.isin(families, both))


def _of_families(strata: NDArray[np.str_], families: NDArray[np.int64]) -> NDArray[np.str_]:
    """`(p,)`: the strata of all members of the family: a family with several strata is compared
    with families of the same strata."""
    told = np.empty(len(strata), dtype=object)
    for family in np.unique(families):
        members = families == family
        told[members] = " + ".join(np.unique(strata[members]).tolist())
    return told.astype(np.str_)


def _pair(
    names: tuple[str, str],
    rows: Floats,
    first: NDArray[np.bool_],
    design: Design,
    left_out: int,
    plan: tuple[float, int, int],
) -> Pair:
    margin, draws, seed = plan
    nan = float("nan")
    families = tuple(len(np.unique(design.clusters[group])) for group in (first, ~first))
    blank = Pair(
        *names, (families[0], families[1]), left_out, UNKNOWN, (nan, nan), nan, nan, nan, nan,
        "no verdict", "",
    )  # fmt: skip
    if min(families) < FEWEST:
        return replace(blank, reason=f"{families[0]} and {families[1]} families are too few")
    found = separability(rows @ rows.T, first, design, draws=draws, seed=seed)
    if found is None:
        return replace(
            blank, reason="no two families, one of each disorder, have the same site, sex, …"
        )
    least = least_separability_p(first, design)
    measured = replace(blank, share=found.share, sides=found.sides)
    if least > ALPHA:
        ways = labellings(design.shuffles(_first_of(first, design)))
        return replace(
            measured,
            reason=f"{families[0]} and {families[1]} families have only {ways:,} permutations, so "
            f"p cannot be below {least:.2g}",
        )
    return replace(measured, p=found.p, p_alike=found.p_alike(margin), verdict="undecided")


def _first_of(first: NDArray[np.bool_], design: Design) -> NDArray[np.bool_]:
    of = np.zeros(design.count, dtype=bool)
    of[design.clusters] = first
    return of


def _judged(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """The pairs with the figures that depend on the number of pairs."""
    tested = [one for one in pairs if one.verdict != "no verdict"]
    # Where there is no interval, nothing shows that they are alike.
    likeness = [1.0 if np.isnan(one.p_alike) else one.p_alike for one in tested]
    adjusted = zip(
        false_discovery_rates([one.p for one in tested]),
        false_discovery_rates(likeness),
        strict=True,
    )
    for one in pairs:
        if one.verdict == "no verdict":
            yield one
            continue
        q, q_alike = next(adjusted)
        verdict: LumpingVerdict = "undecided"
        if q_alike <= ALPHA:
            verdict = "alike"
        elif q <= ALPHA and min(one.sides) > CHANCE:
            verdict = "told apart"
        yield replace(one, q=q, q_alike=q_alike, verdict=verdict)
