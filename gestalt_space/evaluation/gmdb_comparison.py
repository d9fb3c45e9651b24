"""Two encoders compared by the published protocol, on the cases that both have: paired by image,
with sign flips of whole patients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gestalt_space.evaluation.gmdb import GmdbResult, ProbeCases
from gestalt_space.evaluation.paired import Difference, Over, compare_hits
from gestalt_space.evaluation.topk import hits_of
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.stats.adjustment import holm
from gestalt_space.stats.resampling import Bootstrap

COMPARED = (1, 10)
"""The k of comparisons."""


@dataclass(frozen=True, slots=True)
class GmdbComparison:
    """The first encodings compared with the second at `k`, for one test set and gallery: over the
    published mean over disorders and splits, or over cases. `p_held`: p adjusted over all
    comparisons (Holm)."""

    test: str
    gallery: str
    k: int
    over: Over
    found: Difference
    p_held: float = 1.0


def compare_gmdb(
    result: GmdbResult, other: GmdbResult, bootstrap: Bootstrap
) -> tuple[GmdbComparison, ...]:
    """Compare two encodings in every evaluation, with the same splits. Evaluations without a common
    case are omitted."""
    lines = [
        GmdbComparison(one.test, one.gallery, k, over, found)
        for one, ours, theirs in zip(result.evaluations, result.cases, other.cases, strict=True)
        for k, over, found in _compared(ours, theirs, bootstrap)
    ]
    adjusted = holm([one.found.p for one in lines])
    return tuple(replace(one, p_held=p) for one, p in zip(lines, adjusted, strict=True))


def _compared(
    ours: ProbeCases, theirs: ProbeCases, bootstrap: Bootstrap
) -> Iterator[tuple[int, Over, Difference]]:
    first, second = _common(ours, theirs)
    if not len(first):
        return
    cases, ranks = ours.of(first), theirs.ranks[second]
    patients = np.unique(cases.patients, return_inverse=True)[1]
    weights: dict[Over, NDArray[np.float64] | None]
    weights = {"disorders": cases.weights(), "cases": None}
    for k in COMPARED:
        hits, others = hits_of(cases.ranks, (k,))[:, 0], hits_of(ranks, (k,))[:, 0]
        for over, weight in weights.items():
            yield k, over, compare_hits(hits, others, patients, bootstrap, weights=weight)


def _common(ours: ProbeCases, theirs: ProbeCases) -> tuple[Numbers, Numbers]:
    """The places of the common cases in each of the two."""
    sides = [{key: place for place, key in enumerate(_keys(cases))} for cases in (ours, theirs)]
    keys = sorted(sides[0].keys() & sides[1].keys())
    first, second = (np.array([side[key] for key in keys], dtype=np.int64) for side in sides)
    return first, second


def _keys(cases: ProbeCases) -> list[tuple[int, str, str]]:
    return list(
        zip(cases.splits.tolist(), cases.images.tolist(), cases.syndromes.tolist(), strict=True)
    )
