"""The records of an answer: a match, its lines, and what stands beside them."""

from __future__ import annotations

from dataclasses import dataclass

from gestalt_space.errors import GestaltError
from gestalt_space.gallery.copies import Copy
from gestalt_space.ranking.calibration import LikelihoodRatio, Verdict
from gestalt_space.types import Face


@dataclass(frozen=True, slots=True)
class MatchLine:
    """One line of a match: a disorder, a gene or a patient, and the evidence for it.

    `similarity`: of the nearest photo, mean cosine over slots, -1..1. `score`: what the line is
    ranked by, as its aggregation has it; the same for `nearest`. `patient`: whose photo is the
    nearest; `photo`: its name. `patients`, `photos`: how many of this
    line could have been that evidence.
    `percentile`: the share, in percent, of patients without a disorder who are less similar to it,
    of disorders with as many references. `likelihood_ratio`: how many times more often a similarity
    like this is seen with such a disorder than without. Both are None where the gallery cannot
    tell; `no_ratio`: why there is no likelihood ratio, in words.
    """

    rank: int
    id: str
    name: str
    similarity: float
    patient: str
    patients: int
    photos: int
    score: float
    photo: str | None = None
    percentile: float | None = None
    likelihood_ratio: LikelihoodRatio | None = None
    no_ratio: str | None = None


@dataclass(frozen=True, slots=True)
class Eligible:
    """How much of the gallery could be evidence, the probe's own family and all that a filter
    leaves out aside. `lines`: disorders, genes or patients that could be ranked."""

    lines: int
    patients: int
    photos: int


@dataclass(frozen=True, slots=True)
class Shared:
    """How many share something with the probe's patient: of the neighbours, whose photos the lines
    rest on, and of all who are eligible. `attribute`: ancestry, sex or age group; `value`: the
    probe's. `…_known`: of how many it is known."""

    attribute: str
    value: str
    neighbours: int
    neighbours_known: int
    eligible: int
    eligible_known: int


@dataclass(frozen=True, slots=True)
class ProbePhoto:
    """A photo of a probe: its face, or why there is none. A stored photo has no face here."""

    name: str
    face: Face | None = None
    error: GestaltError | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The answer for one probe: the lines, best first; or the error.

    `photo`: the probe's name, a photo's or a patient's. `photos`: all that were asked about as one.
    `left_out`: the patient whom the probe is stored for, who is never evidence for it; `relatives`:
    patients of the probe's family, who are none either. `asked`: how many lines were. `verdict`:
    close match, weak match or no close match, by `best_percentile`, the share in percent of
    patients whose nearest wrong disorder is less similar; None where the gallery cannot tell.
    `copies`: stored photos that show the same picture as the probe in another file: it may be of
    their patient, who is evidence here.
    """

    photo: str
    face: Face | None = None
    lines: tuple[MatchLine, ...] = ()
    left_out: str | None = None
    relatives: tuple[str, ...] = ()
    error: GestaltError | None = None
    photos: tuple[ProbePhoto, ...] = ()
    asked: int = 0
    eligible: Eligible | None = None
    composition: tuple[Shared, ...] = ()
    verdict: Verdict | None = None
    best_percentile: float | None = None
    copies: tuple[Copy, ...] = ()
