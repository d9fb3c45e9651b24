"""Who is tested, whose photos are evidence, and the rank of the true disorder.

A case is a probe together with one of its patient's disorders (or genes): a patient with two
disorders gives two cases, and neither disorder counts as an error for the other. The probe's own
family is never evidence. Similarities are computed block by block, so that memory use does not grow
with the square of the gallery.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gestalt_space.evaluation.deletions import FOLLOWED, Deletions, UnitCells, patient_nearness
from gestalt_space.evaluation.units import Units
from gestalt_space.ranking.aggregation import Aggregation, measure_centroids, score_groups
from gestalt_space.ranking.chance import Chance
from gestalt_space.ranking.grouping import Grouping, Numbers
from gestalt_space.ranking.ranks import ranks_of
from gestalt_space.types import Descriptors

BINS = 500
"""Of scores, over the range of their aggregation."""
COSINES = (-1.0, 1.0)
SCORES: Mapping[Aggregation, tuple[float, float]] = {
    "nearest": COSINES,
    "patient-mean": COSINES,
    "centroid": COSINES,
    "blend": COSINES,
    "vote": (-3.0, 1.0),
    "calibrated": (-2.0, 3.0),
}
"""The range of each aggregation's scores; those of `calibrated` beyond are counted at its ends."""

_SHORTEST = 1e-6
_BLOCK = 256


ProbeProgress = Callable[[int], None]
"""Told how many probes more are done."""


def no_probe_progress(done: int) -> None:
    """Progress that is not shown."""


@dataclass(frozen=True)
class Probes:
    """The probes: descriptors `(q, d)` of unit length, and the numbers of their patients `(q,)`.

    `rows` `(q,)`: the row of each photo; -1 for all photos of a patient as one probe.
    """

    descriptors: Descriptors
    patients: Numbers
    rows: Numbers


@dataclass(frozen=True)
class Cases:
    """Each `(c,)`, in the order of the probes: the place of the probe, the numbers of the patient
    and of the true group, and the number of the group's patients in the evidence, including the
    probe's own family."""

    probes: Numbers
    patients: Numbers
    groups: Numbers
    sizes: Numbers

    def of(self, which: NDArray[np.bool_] | Numbers) -> Cases:
        """The selected cases, by mask `(c,)` or by places."""
        return Cases(
            self.probes[which], self.patients[which], self.groups[which], self.sizes[which]
        )


@dataclass(frozen=True)
class Answers:
    """The results for cases and probes, for one aggregation.

    `ranks` `(c,)`: from 1. `true_scores` `(c,)`: scores of the true groups. `best` `(q,)`: score of
    the group at rank 1, whichever it is. `others` `(q, BINS)`: histogram of the scores of groups
    that are not the patient's, over the aggregation's range; empty if not requested. `deletions`:
    the ranks without single units, for `FOLLOWED` aggregations, if requested. `first` `(c,)`: the
    number of the group at rank 1, without the patient's other groups.
    """

    cases: Cases
    ranks: Mapping[Aggregation, Numbers]
    true_scores: Mapping[Aggregation, NDArray[np.float32]]
    best: Mapping[Aggregation, NDArray[np.float32]]
    others: Mapping[Aggregation, NDArray[np.unsignedinteger]]
    deletions: Mapping[Aggregation, Deletions] = field(default_factory=dict)
    first: Mapping[Aggregation, Numbers] = field(default_factory=dict)


def photo_probes(descriptors: Descriptors, patient_of_row: Numbers, patients: Numbers) -> Probes:
    """Every photo of some patients as a probe, in the order of the rows."""
    rows = np.flatnonzero(np.isin(patient_of_row, patients))
    return Probes(descriptors[rows], patient_of_row[rows], rows)


def patient_probes(descriptors: Descriptors, patient_of_row: Numbers, patients: Numbers) -> Probes:
    """Some patients, each with all photos as one probe: their mean descriptor, scaled to unit
    length, as in `gestalt match --as-one`. In the order of the patients' numbers."""
    rows = np.flatnonzero(np.isin(patient_of_row, patients))
    rows = rows[np.argsort(patient_of_row[rows], kind="stable")]
    owners, starts = np.unique(patient_of_row[rows], return_index=True)
    if not len(owners):
        return Probes(descriptors[:0], owners, owners)
    sums = np.add.reduceat(descriptors[rows], starts, axis=0, dtype=np.float64)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    fused = (sums / np.maximum(lengths, _SHORTEST)).astype(np.float32)
    return Probes(fused, owners, np.full(len(owners), -1, dtype=np.int64))


def find_cases(patients: Numbers, evidence: Grouping, truth: Grouping) -> tuple[Cases, Cases]:
    """The cases of probes of patients `(q,)`: those that can be tested, and those that cannot,
    because only the probe's own family is evidence for the true group.

    `truth`: the groups of all patients; `evidence`: a part of it.
    """
    probes, members = truth.memberships_of(truth.place_of(patients))
    groups = truth.groups[truth.group_of_member[members]]
    places = places_in(evidence.groups, groups)
    sizes = (
        np.where(places >= 0, evidence.patient_counts[places], 0)
        if len(evidence.groups)
        else np.zeros(len(groups), dtype=np.int64)
    )
    found = Cases(probes, patients[probes], groups, sizes)
    testable = sizes > evidence.count_family(evidence.family_of(patients)[probes], places)
    return found.of(testable), found.of(~testable)


def ask(
    probes: Probes,
    cases: Cases,
    descriptors: Descriptors,
    evidence: Grouping,
    aggregations: Sequence[Aggregation],
    *,
    chance: Chance | None = None,
    histograms: bool = False,
    units: Units | None = None,
    progress: ProbeProgress = no_probe_progress,
) -> Answers:
    """Rank the groups of the evidence, rows of `descriptors` `(n, d)`, for every probe.

    `cases`: the testable cases of these probes, from `find_cases`. `chance` is needed for
    `calibrated`. `units`: what is deleted in turn to see how ranks change. `progress` is called for
    every block.
    """
    count, groups = len(probes.patients), len(evidence.groups)
    with_centroids = {"centroid", "blend"} & set(aggregations)
    centroids = measure_centroids(descriptors, evidence) if with_centroids else None
    own = evidence.family_of(probes.patients)
    places = places_in(evidence.groups, cases.groups)
    kind = np.uint16 if groups <= np.iinfo(np.uint16).max else np.uint32
    bins = BINS if histograms else 0
    cells = None if units is None else UnitCells(evidence, units)
    followed: dict[Aggregation, list[Deletions]] = {how: [] for how in aggregations}
    answers = Answers(
        cases,
        ranks={how: np.zeros(len(places), dtype=np.int64) for how in aggregations},
        true_scores={how: np.zeros(len(places), dtype=np.float32) for how in aggregations},
        best={how: np.zeros(count, dtype=np.float32) for how in aggregations},
        others={how: np.zeros((count, bins), dtype=kind) for how in aggregations},
        first={how: np.zeros(len(places), dtype=np.int64) for how in aggregations},
    )
    for start in range(0, count, _BLOCK):
        part = slice(start, start + _BLOCK)
        similarities = probes.descriptors[part] @ descriptors.T
        scores = score_groups(
            similarities,
            evidence,
            aggregations,
            own=own[part],
            centroids=centroids,
            chance=chance,
        )
        in_block = slice(*np.searchsorted(cases.probes, [start, start + _BLOCK]))
        of, true = cases.probes[in_block] - start, places[in_block]
        for how, block in scores.items():
            answers.best[how][part] = block.max(axis=1)
            values = block[of, true]
            # None of a patient's own disorders counts against another.
            block[of, true] = -np.inf
            if histograms:
                answers.others[how][part] = _counted(block, how)
            ranked = block[of]
            ranked[np.arange(len(of)), true] = values
            answers.ranks[how][in_block] = ranks_of(ranked, true)
            answers.first[how][in_block] = evidence.groups[ranked.argmax(axis=1)]
            answers.true_scores[how][in_block] = values
            if units is not None and cells is not None and how in FOLLOWED:
                nearness = patient_nearness(similarities, evidence, how, own[part])
                own_units = units.of_patient[cases.patients[in_block]]
                found = cells.follow(nearness, ranked, true, own_units, of)
                followed[how].append(replace(found, cases=found.cases + in_block.start))
        progress(len(own[part]))
    if units is None:
        return answers
    deletions = {how: Deletions.joined(parts) for how, parts in followed.items() if parts}
    return replace(answers, deletions=deletions)


def bins_of(scores: NDArray[np.floating], how: Aggregation) -> Numbers:
    """The histogram bin of each score in the range of its aggregation."""
    low, high = SCORES[how]
    scaled = (np.clip(scores, low, high) - low) * (BINS / (high - low))
    return np.asarray(np.minimum(scaled, BINS - 1), dtype=np.int64)


def places_in(numbers: Numbers, wanted: Numbers) -> Numbers:
    """The place of each number in ascending `numbers`, -1 if it is missing."""
    if not len(numbers):
        return np.full(len(wanted), -1, dtype=np.int64)
    places = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
    return np.where(numbers[places] == wanted, places, -1)


def _counted(scores: NDArray[np.floating], how: Aggregation) -> NDArray[np.int64]:
    """Histograms of the finite scores `(b, g)`."""
    finite = np.isfinite(scores)
    cells = bins_of(np.where(finite, scores, 0), how)
    cells += np.arange(len(scores))[:, None] * BINS
    return np.bincount(cells[finite], minlength=len(scores) * BINS).reshape(len(scores), BINS)
