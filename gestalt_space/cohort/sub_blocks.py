"""The block between two groups, each family of one with each family of the other, and what its mean
distance says about whether the groups have the same disorder (after the block sampling of
GestaltMatcher's cohort studies, Hsieh 2022). Distance is 1 − similarity.

The distance is compared with reference groups of the same sizes whose disorders are known: pairs of
groups with the same disorder and no common family, and pairs with different disorders. The compared
disorders, the compared patients and their families are excluded from the reference. If the two
groups were photographed at different sites, so were the reference groups: otherwise a difference
between sites would be taken for a difference between disorders.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.patients import check_same_space
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import UsageError
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.posterior import Reference, best_threshold, probability_high

SMALLEST_SIDE = 2
"""Smallest number of families on a side of a block."""
FEWEST_DISORDERS = 10
"""With enough families for both sides of a block: of fewer, nobody knows how far apart two groups
of one disorder may lie."""
WANTED_DISORDERS = 20
"""Blocks are made smaller until as many can be had, where there are as many."""
PRIOR = 0.5
"""Prior probability that two groups have different disorders."""
_SPLITS = 10
"""Into two sides, of each disorder."""
_MOST_PAIRS = 600
"""Of two disorders."""
_ALONE = "\0"
"""Before the name of a patient who is a family alone, so that no family has the same."""

Floats = NDArray[np.float64]
Sites = Literal["shared", "apart", "unknown"]
NONE = Estimate(math.nan, math.nan, math.nan)


class Families(NamedTuple):
    """The families with one disorder: `names` `(f,)`, that of the patient if none is recorded, and
    the means of their members' descriptors `(f, d)`."""

    names: NDArray[np.str_]
    means: Floats


class BlockSides(NamedTuple):
    """The families with one disorder that can be on either side of a block."""

    a: Families
    b: Families

    def has(self, one: int, other: int) -> bool:
        """Whether each side can have the given number of families, with none on both sides."""
        together = len(np.union1d(self.a.names, self.b.names))
        return len(self.a.names) >= one and len(self.b.names) >= other <= together - one


@dataclass(frozen=True, slots=True)
class Blocks:
    """The block between two groups.

    `families_a`, `families_b`: families in the groups. `side_a`, `side_b`: how many of them were
    drawn, as many as the reference has. `distance`: the mean over all pairs. `different`: the
    posterior probability that two groups at this distance have different disorders, given the
    `prior`, with an interval for the choice of disorders in the reference; `same`: 1 − that.
    `threshold`: the distance that best separates the two kinds of reference blocks, with its
    sensitivity and specificity. `disorders`: the number in the reference. `sites`: `shared` if the
    groups have a site in common; `apart` if not, and then the sides of the reference are from the
    same sites as the groups; `unknown` if one is not recorded, and then there are no figures,
    because a difference between cameras looks like one between disorders. `withheld`: why there are
    no figures, which are then NaN; empty otherwise.
    """

    families_a: int
    families_b: int
    prior: float
    side_a: int = 0
    side_b: int = 0
    distance: float = math.nan
    different: Estimate = NONE
    same: Estimate = NONE
    threshold: float = math.nan
    sensitivity: float = math.nan
    specificity: float = math.nan
    disorders: int = 0
    sites: Sites = "unknown"
    withheld: str = ""


def judge_blocks(
    a: Selection,
    b: Selection,
    gallery: Selection,
    *,
    leave_out: Collection[str],
    prior: float = PRIOR,
    seed: int = 0,
) -> Blocks:
    """The block between two groups, compared with the patients of a gallery in the same space who
    have exactly one disorder, none of `leave_out`, the compared disorders.

    If the gallery has no blocks of this size, families of the groups are subsampled, with the
    `seed`, as are those of the reference. Raises `UsageError` for a family in both groups and for a
    `prior` that is not between 0 and 1; `SpaceMismatch`.
    """
    check_prior(prior)
    for other in (b, gallery):
        check_same_space(a, other)
    sides = [
        families_of(group, group.patient_means(), np.arange(len(group.patients)))
        for group in (a, b)
    ]
    if shared := sorted(set(sides[0].names) & set(sides[1].names)):
        raise UsageError(
            f"The family {shared[0].removeprefix(_ALONE)} is in both groups.",
            "Choose groups without common families.",
        )
    counts = len(sides[0].names), len(sides[1].names)
    if min(counts) < SMALLEST_SIDE:
        return Blocks(*counts, prior, withheld=f"a group has fewer than {SMALLEST_SIDE} families")
    of_a, of_b = ({str(site) for site in group.sites} for group in (a, b))
    known: Sites = "unknown" if "" in of_a | of_b else "shared" if of_a & of_b else "apart"
    if known == "unknown":
        return Blocks(*counts, prior, withheld="the sites of some photos are not known")
    groups = reference_sides(
        gallery,
        leave_out,
        {*a.patients, *b.patients},
        {*sides[0].names, *sides[1].names},
        (of_a, of_b) if known == "apart" else None,
    )
    sizes = block_sizes(groups, counts)
    if sizes is None:
        enough = sum(one.has(SMALLEST_SIDE, SMALLEST_SIDE) for one in groups)
        return Blocks(
            *counts,
            prior,
            sites=known,
            withheld=f"only {enough} other disorders have {SMALLEST_SIDE} families for each side"
            + ", from its sites" * (known == "apart")
            + f"; {FEWEST_DISORDERS} are needed",
        )
    rng = np.random.default_rng(seed)
    groups = [one for one in groups if one.has(*sizes)]
    reference = fit_reference(groups, sizes, rng)
    distance = _distance(
        *(_drawn(side.means, rng, n) for side, n in zip(sides, sizes, strict=True))
    )
    different = probability_high(reference, distance, prior=prior)
    best = best_threshold(reference)
    return Blocks(
        *counts,
        prior,
        *sizes,
        distance=distance,
        different=different,
        same=Estimate(1 - different.value, 1 - different.high, 1 - different.low),
        threshold=best.value,
        sensitivity=best.sensitivity,
        specificity=best.specificity,
        disorders=len(groups),
        sites=known,
    )


def check_prior(prior: float) -> None:
    """Raises `UsageError` for a prior probability that is not between 0 and 1."""
    if not 0 < prior < 1:
        raise UsageError(
            f"The prior must be between 0 and 1, not {prior:g}.",
            "If both are equally likely, use --prior 0.5.",
        )


def families_of(
    selection: Selection, means: NDArray[np.floating], places: NDArray[np.int64]
) -> Families:
    """The families of the patients at some `places` of a selection, whose `means` are `(p, d)`."""
    names = np.char.add(_ALONE, np.array(selection.patients, dtype=np.str_)[places])
    known = selection.people.family[places]
    names = np.where(known == "", names, known)
    found, of = np.unique(names, return_inverse=True)
    sums = np.zeros((len(found), means.shape[1]))
    np.add.at(sums, of, means[places])
    return Families(found, sums / np.bincount(of, minlength=len(found))[:, None])


def reference_sides(
    gallery: Selection,
    disorders: Collection[str],
    patients: Collection[str],
    families: Collection[str],
    sites: tuple[set[str], set[str]] | None = None,
) -> list[BlockSides]:
    """The families of each disorder of a gallery, by identifier, of patients with only that
    disorder; without the excluded disorders, patients and families. With `sites`, each side has the
    patients whose photos are all from its site."""
    means, allowed = gallery.patient_means(), np.ones((2, len(gallery.patients)), dtype=bool)
    for side, own in zip(allowed, sites or (), strict=False):
        side[:] = np.logical_and.reduceat(np.isin(gallery.sites, list(own)), gallery.row_starts)
    places: dict[str, list[int]] = {}
    for place, has in enumerate(gallery.disorders):
        if len(has) == 1 and has[0] not in disorders and gallery.patients[place] not in patients:
            places.setdefault(has[0], []).append(place)
    found = []
    for name in sorted(places):
        of = np.array(places[name])
        both = [families_of(gallery, means, of[side[of]]) for side in allowed]
        kept = [~np.isin(one.names, list(families)) for one in both]
        found.append(
            BlockSides(
                *(Families(one.names[k], one.means[k]) for one, k in zip(both, kept, strict=True))
            )
        )
    return found


def block_sizes(groups: list[BlockSides], wanted: tuple[int, int]) -> tuple[int, int] | None:
    """The sizes of the sides of reference blocks: those `wanted`, or smaller ones, reducing the
    larger side first, until `WANTED_DISORDERS` have enough families for both, or all disorders that
    have the smallest sizes, if these are fewer. None if fewer than `FEWEST_DISORDERS` have the
    smallest sizes."""
    able = [of for of in groups if of.has(SMALLEST_SIDE, SMALLEST_SIDE)]
    if len(able) < FEWEST_DISORDERS:
        return None
    enough = min(WANTED_DISORDERS, len(able))
    counts = np.sort([[len(side.names) for side in of] for of in able], axis=0)[-enough]
    one, other = (min(most, int(has)) for most, has in zip(wanted, counts, strict=True))
    while sum(of.has(one, other) for of in able) < enough:
        one, other = (one - 1, other) if one > other else (one, other - 1)
    return one, other


def fit_reference(
    groups: list[BlockSides], sizes: tuple[int, int], rng: np.random.Generator
) -> Reference:
    """Distances of reference blocks of some sizes: between two sides of the same disorder, for all
    disorders with enough families, and between two disorders, which are the high kind."""
    count = len(groups)
    pairs = rng.permutation(count * count)
    one, other = pairs // count, pairs % count
    different = np.stack([one, other], axis=1)[one != other][:_MOST_PAIRS]
    same = np.repeat(np.arange(count), _SPLITS)
    values, clusters = [], []
    for first, second in [*zip(same, same, strict=True), *different.tolist()]:
        here, there = groups[first].a, groups[second].b
        taken = rng.permutation(len(here.names))[: sizes[0]]
        # A family is on one side alone.
        free = there.means[~np.isin(there.names, here.names[taken])]
        if len(free) >= sizes[1]:
            values.append(_distance(here.means[taken], _drawn(free, rng, sizes[1])))
            clusters.append((first, second))
    of = np.array(clusters, dtype=np.int64)
    return Reference(np.array(values), of[:, 0] != of[:, 1], of)


def _drawn(rows: Floats, rng: np.random.Generator, count: int) -> Floats:
    return rows if count == len(rows) else rows[rng.permutation(len(rows))[:count]]


def _distance(one: Floats, other: Floats) -> float:
    """The mean distance over all pairs of a block: 1 − the inner product of its sides' means."""
    return 1 - float(one.mean(axis=0) @ other.mean(axis=0))
