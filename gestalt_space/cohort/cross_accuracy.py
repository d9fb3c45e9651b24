"""How well the patients of each group are recognised by photos of their own group, of the other
group, and of both, in galleries of the same size, so that all are equally hard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.compared_units import ComparedUnits, Numbers
from gestalt_space.cohort.selection import Selection
from gestalt_space.evaluation.cases import patient_probes
from gestalt_space.evaluation.topk import TOPS
from gestalt_space.progress import Progress, followed, no_progress
from gestalt_space.ranking.ranks import ranks_of
from gestalt_space.stats.estimates import Estimate, Finding
from gestalt_space.stats.resampling import Bootstrap, estimate

Evidence = Literal["own", "other", "both"]
EVIDENCE: tuple[Evidence, ...] = get_args(Evidence)
GALLERIES = {"own": "own group", "other": "other group", "both": "both groups"}
"""Whose photos a gallery has, in words."""
DRAWS = 20
"""Number of random galleries; figures are means over them."""
_ROUNDING = 1e-9
METHOD = "bootstrap over families; conditional on the galleries"


@dataclass(frozen=True)
class CrossAccuracy:
    """The accuracy for one group's patients (`group` is `a` or `b`), each with all photos as one
    probe, against galleries of `evidence`.

    `top`: by k, the share, 0..1, of families whose disorder is among the first k, by the nearest
    photo. `top_of_disorders`: the mean of this share over disorders. `less_own`: `top` minus that
    of the own group's galleries, for the same families and draws. `families`: the number of
    families tested. `gallery`: the number of families in each gallery, with one photo each.
    `disorders`: the number that are ranked.
    """

    group: Literal["a", "b"]
    evidence: Evidence
    families: int
    disorders: int
    gallery: int
    top: Mapping[int, Estimate]
    top_of_disorders: Mapping[int, Estimate]
    less_own: Mapping[int, Estimate]
    unit: str
    seed: int

    @property
    def findings(self) -> list[Finding]:
        """A row for each figure."""
        kinds = [("", self.top), (", mean over disorders", self.top_of_disorders)]
        if self.evidence != "own":
            kinds.append((f", minus that against {GALLERIES['own']}", self.less_own))
        return [
            Finding(
                "all",
                f"top-{k} of {self.group.upper()} against {GALLERIES[self.evidence]}{told}",
                one.value,
                self.families,
                self.unit,
                METHOD,
                one.low,
                one.high,
                seed=self.seed,
            )
            for told, figures in kinds
            for k, one in figures.items()
        ]


def cross_accuracy(
    a: Selection,
    b: Selection,
    units: ComparedUnits,
    bootstrap: Bootstrap,
    seed: int,
    unit: str,
    progress: Progress = no_progress,
) -> tuple[CrossAccuracy, ...]:
    """Top-k accuracy of both groups' patients against three galleries each.

    Every gallery has only the compared disorders, and the same number of families with each: one
    fewer than the smaller group has, because the own family is excluded. Each family has one photo.
    Galleries are drawn repeatedly; figures are means over draws.
    """
    descriptors = np.concatenate([a.descriptors, b.descriptors])
    owner = np.concatenate([a.patient_of_row, len(a.patients) + b.patient_of_row])
    probes = patient_probes(descriptors, owner, units.patients)
    unit_of = np.full(len(a.patients) + len(b.patients), -1)
    unit_of[units.patients] = units.unit_of_patient
    probe_units = unit_of[probes.patients]
    rows = np.flatnonzero(unit_of[owner] >= 0)
    rows = rows[np.argsort(unit_of[owner[rows]], kind="stable")]
    counts = np.bincount(unit_of[owner[rows]])
    starts = np.cumsum(counts) - counts
    rng = np.random.default_rng(seed)
    hits = {name: np.zeros((len(units.kinds), len(TOPS))) for name in EVIDENCE}
    for _ in followed(range(DRAWS), progress):
        photos = rows[starts + rng.integers(0, counts)]
        similarities = probes.descriptors @ descriptors[photos].T
        for name in EVIDENCE:
            ranks = _ranks(similarities, probe_units, units, name, rng)
            np.add.at(hits[name], probe_units, ranks[:, None] <= np.array(TOPS))
    for found in hits.values():
        found /= DRAWS * np.bincount(probe_units)[:, None]
    gallery = int(sum(_sizes(units)))
    return tuple(
        _measured(group, name, hits, units, bootstrap, (gallery, unit, seed))
        for group in ("a", "b")
        for name in EVIDENCE
    )


def _sizes(units: ComparedUnits) -> list[int]:
    """The number of families with each disorder in a gallery."""
    return [
        min(len(units.of_disorder(kind, in_a=side)) for side in (True, False)) - 1
        for kind in range(len(units.disorders))
    ]


def _ranks(
    similarities: NDArray[np.float32],
    probe_units: Numbers,
    units: ComparedUnits,
    evidence: Evidence,
    rng: np.random.Generator,
) -> Numbers:
    """The rank `(q,)` of each probe's disorder in a randomly drawn gallery. `probe_units` `(q,)`:
    the probes' units; similarities `(q, u)` to one photo of each unit."""
    scores = np.empty((len(probe_units), len(units.disorders)), dtype=np.float32)
    for kind, size in enumerate(_sizes(units)):
        pools = {side: units.of_disorder(kind, in_a=side) for side in (True, False)}
        for of_a in (True, False):
            probes = np.flatnonzero(units.in_a[probe_units] == of_a)
            pool = {
                "own": pools[of_a],
                "other": pools[not of_a],
                "both": np.concatenate([pools[True], pools[False]]),
            }[evidence]
            # One more than needed, who takes the place of the own family.
            drawn = rng.permutation(pool)[: size + 1]
            own = drawn[None] == probe_units[probes, None]
            left_out = own if len(drawn) > size else np.zeros_like(own)
            if len(drawn) > size:
                left_out[:, -1] |= ~own.any(axis=1)
            block = similarities[np.ix_(probes, drawn)]
            scores[probes, kind] = np.where(left_out, -np.inf, block).max(axis=1)
    return ranks_of(scores, units.kinds[probe_units])


def _measured(
    group: Literal["a", "b"],
    evidence: Evidence,
    hits: Mapping[Evidence, NDArray[np.float64]],
    units: ComparedUnits,
    bootstrap: Bootstrap,
    told: tuple[int, str, int],
) -> CrossAccuracy:
    there = units.in_a == (group == "a")
    kinds = units.kinds[there]
    number = len(units.disorders)
    shown = [place for place, k in enumerate(TOPS) if k == 1 or k < number]
    found, own = (hits[name][there][:, shown] for name in (evidence, "own"))
    one_of = (kinds[:, None] == np.arange(number)).astype(np.float64)
    draws = np.concatenate(list(bootstrap.weights(len(kinds)))).astype(np.float64)

    def over_disorders(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """`(b, k)`: of the disorders that a draw has."""
        count = weights @ one_of
        sums = np.stack([weights @ (one_of * column[:, None]) for column in found.T], axis=2)
        shares = sums / np.maximum(count, 1)[:, :, None]
        return np.asarray(shares.sum(axis=1) / (count > 0).sum(axis=1)[:, None])

    def figures(values: NDArray[np.float64], drawn: NDArray[np.float64]) -> Mapping[int, Estimate]:
        return {
            TOPS[place]: _varying(estimate(float(values[at]), drawn[:, at]))
            for at, place in enumerate(shown)
        }

    count = len(kinds)
    gallery, unit, seed = told
    return CrossAccuracy(
        group=group,
        evidence=evidence,
        families=count,
        disorders=number,
        gallery=gallery,
        top=figures(found.mean(axis=0), draws @ found / count),
        top_of_disorders=figures(over_disorders(np.ones((1, count)))[0], over_disorders(draws)),
        less_own=figures((found - own).mean(axis=0), draws @ (found - own) / count),
        unit=unit,
        seed=seed,
    )


def _varying(found: Estimate) -> Estimate:
    """An estimate without an interval if all draws agree, which is not certainty."""
    if found.high - found.low > _ROUNDING:
        return found
    return Estimate(found.value, math.nan, math.nan)
