"""How well the patients of each group are recognised by photos of their own group, of the other
group, and of both, in galleries of the same size, so that all are equally hard."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.compared_units import ComparedUnits, Numbers
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.workers import THREADS, Source, Workers, taken
from gestalt_space.evaluation.cases import patient_probes
from gestalt_space.evaluation.topk import TOPS
from gestalt_space.progress import Progress, followed, no_progress
from gestalt_space.ranking.ranks import ranks_of
from gestalt_space.stats.estimates import Estimate, Finding
from gestalt_space.stats.resampling import Bootstrap, estimate
from gestalt_space.types import Descriptors

Evidence = Literal["own", "other", "both"]
EVIDENCE: tuple[Evidence, ...] = get_args(Evidence)
GALLERIES = {"own": "own group", "other": "other group", "both": "both groups"}
"""Whose photos a gallery has, in words."""
DRAWS = 20
"""Number of random galleries; figures are means over them."""
_ROUNDING = 1e-9
_CELLS = 32_000_000
"""Similarities in memory at a time, for each worker."""
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
    *,
    workers: Workers = THREADS,
    progress: Progress = no_progress,
) -> tuple[CrossAccuracy, ...]:
    """Top-k accuracy of both groups' patients against three galleries each.

    Every gallery has only the compared disorders, and the same number of families with each: one
    fewer than the smaller group has, because the own family is excluded. Each family has one photo.
    Galleries are drawn repeatedly; figures are means over draws. `workers` compare some of the
    probes with all photos of a draw at a time.
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
    galleries = _Galleries(units.kinds, units.in_a, rows, starts, counts, seed)
    hits = {name: np.zeros((len(units.kinds), len(TOPS))) for name in EVIDENCE}
    step = max(1, _CELLS // len(units.kinds))
    parts = [(draw, start) for draw in range(DRAWS) for start in range(0, len(probe_units), step)]
    with (
        workers.handed(descriptors) as photos,
        workers.handed(probes.descriptors) as asked,
    ):
        work = partial(_Ranking, photos, asked, probe_units, galleries, step)
        for (_, start), found in zip(
            parts, followed(workers(work, parts), progress, len(parts)), strict=True
        ):
            there = probe_units[start : start + step]
            for name, ranks in zip(EVIDENCE, found, strict=True):
                np.add.at(hits[name], there, ranks[:, None] <= np.array(TOPS))
    for shares in hits.values():
        shares /= DRAWS * np.bincount(probe_units)[:, None]
    gallery = int(sum(galleries.sizes))
    return tuple(
        _measured(group, name, hits, units, bootstrap, (gallery, unit, seed))
        for group in ("a", "b")
        for name in EVIDENCE
    )


@dataclass(frozen=True)
class _Draw:
    """Random galleries: a photo of each unit `(u,)`, and the units that are drawn for the probes of
    A and of B, by evidence and disorder: one unit more than is needed, for the own family is left
    out."""

    photos: Numbers
    units: tuple[tuple[tuple[Numbers, Numbers], ...], ...]


@dataclass(frozen=True)
class _Galleries:
    """Random galleries of units `(u,)`, whose `counts` of photos begin at `starts` of `rows`."""

    kinds: Numbers
    in_a: NDArray[np.bool_]
    rows: Numbers
    starts: Numbers
    counts: Numbers
    seed: int

    @cached_property
    def pools(self) -> list[tuple[Numbers, Numbers]]:
        """The units of A and of B with each disorder."""
        return [
            (np.flatnonzero(of & self.in_a), np.flatnonzero(of & ~self.in_a))
            for of in (self.kinds == kind for kind in range(int(self.kinds.max()) + 1))
        ]

    @cached_property
    def sizes(self) -> list[int]:
        """The number of families with each disorder in a gallery."""
        return [min(map(len, pool)) - 1 for pool in self.pools]

    @cached_property
    def draws(self) -> list[_Draw]:
        """All of them, the same wherever they are drawn."""
        rng = np.random.default_rng(self.seed)
        return [
            _Draw(
                self.rows[self.starts + rng.integers(0, self.counts)],
                tuple(
                    tuple(
                        (
                            rng.permutation(_pool(pool, name, side=0))[: size + 1],
                            rng.permutation(_pool(pool, name, side=1))[: size + 1],
                        )
                        for pool, size in zip(self.pools, self.sizes, strict=True)
                    )
                    for name in EVIDENCE
                ),
            )
            for _ in range(DRAWS)
        ]


def _pool(pool: tuple[Numbers, Numbers], evidence: Evidence, *, side: int) -> Numbers:
    """The units whose photos are evidence for the probes of a side."""
    if evidence == "both":
        return np.concatenate(pool)
    return pool[side if evidence == "own" else 1 - side]


@dataclass(frozen=True)
class _Ranking:
    """The ranks of the disorders of `step` probes, from one on, in the galleries of a draw, by
    evidence. `photos` `(n, d)`, `probes` `(q, d)`, and the `probe_units` `(q,)`."""

    photos: Source
    probes: Source
    probe_units: Numbers
    galleries: _Galleries
    step: int

    def __call__(self, part: tuple[int, int]) -> tuple[Numbers, ...]:
        draw, some = self.galleries.draws[part[0]], slice(part[1], part[1] + self.step)
        similarities = self._probes[some] @ self._photos[draw.photos].T
        own = self.probe_units[some]
        return tuple(self._ranks(similarities, own, drawn) for drawn in draw.units)

    def _ranks(
        self,
        similarities: NDArray[np.float32],
        own_units: Numbers,
        drawn: Sequence[tuple[Numbers, Numbers]],
    ) -> Numbers:
        """The rank `(q,)` of each probe's disorder, from similarities `(q, u)` to one photo of each
        unit."""
        scores = np.empty((len(own_units), len(drawn)), dtype=np.float32)
        in_a = self.galleries.in_a[own_units]
        for probes, side in zip(map(np.flatnonzero, (in_a, ~in_a)), (0, 1), strict=True):
            for kind, units in enumerate(both[side] for both in drawn):
                order = np.sort(units)
                # The own family is left out, or the one too many in its place.
                own = own_units[probes]
                place = np.searchsorted(order, np.where(np.isin(own, order), own, units[-1]))
                block = similarities[np.ix_(probes, order)]
                block[np.arange(len(probes)), place] = -np.inf
                scores[probes, kind] = block.max(axis=1, initial=-np.inf)
        return ranks_of(scores, self.galleries.kinds[own_units])

    @cached_property
    def _photos(self) -> Descriptors:
        return taken(self.photos)

    @cached_property
    def _probes(self) -> Descriptors:
        return taken(self.probes)


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
    members = [np.flatnonzero(kinds == kind) for kind in range(number)]

    def over_disorders(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """`(b, k)`: of the disorders that a draw has."""
        count = np.stack([weights[:, of].sum(axis=1) for of in members], axis=1)
        sums = np.stack([weights[:, of] @ found[of] for of in members], axis=1)
        shares = sums / np.maximum(count, 1)[:, :, None]
        return np.asarray(shares.sum(axis=1) / (count > 0).sum(axis=1)[:, None])

    def figures(values: NDArray[np.float64], drawn: NDArray[np.float64]) -> Mapping[int, Estimate]:
        return {
            TOPS[place]: _varying(estimate(float(values[at]), drawn[:, at]))
            for at, place in enumerate(shown)
        }

    count = len(kinds)
    drawn = []
    for block in bootstrap.weights(count):
        wide = block.astype(np.float64)
        drawn.append((wide @ found / count, over_disorders(wide), wide @ (found - own) / count))
    top, of_disorders, less = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    gallery, unit, seed = told
    return CrossAccuracy(
        group=group,
        evidence=evidence,
        families=count,
        disorders=number,
        gallery=gallery,
        top=figures(found.mean(axis=0), top),
        top_of_disorders=figures(over_disorders(np.ones((1, count)))[0], of_disorders),
        less_own=figures((found - own).mean(axis=0), less),
        unit=unit,
        seed=seed,
    )


def _varying(found: Estimate) -> Estimate:
    """An estimate without an interval if all draws agree, which is not certainty."""
    if found.high - found.low > _ROUNDING:
        return found
    return Estimate(found.value, math.nan, math.nan)
