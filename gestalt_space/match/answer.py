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
    ranked by; for `nearest`, the similarity. `patient`: the patient of the nearest photo; `photo`:
    its name. `patients`, `photos`: how many of this line were compared. `percentile`: the
    percentage of patients without a disorder who are less similar to it, for disorders with as many
    references. `likelihood_ratio`: how many times more often such a similarity is seen with the
    disorder than without it. Both are None if the gallery has too little data; `no_ratio` says why
    there is no likelihood ratio. `borrowed_ratio`: where it is withheld, that of disorders with
    fewer references, if these have one; to order by, without a bound.
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
    borrowed_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Eligible:
    """How much of the gallery could be evidence, the probe's own family and all that a filter
    leaves out aside. `lines`: disorders, genes or patients that could be ranked."""

    lines: int
    patients: int
    photos: int


@dataclass(frozen=True, slots=True)
class SharedTrait:
    """How many patients share an attribute with the probe's patient: among the neighbours, whose
    photos the lines use, and among all eligible. `attribute`: ancestry, sex or age group; `value`:
    the probe's. `…_known`: for how many it is known.
    """

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

    `photo`: name of the probe, a photo or a patient. `photos`: all photos of the probe. `left_out`:
    the patient that the probe is stored for, who is never matched against it; `relatives`: patients
    of the probe's family, who are not matched either. `k`: number of lines requested.
    `verdict`: close match, weak match or no close match, from `best_percentile`, the percentage of
    patients whose nearest wrong disorder is less similar; None if the gallery has too little data.
    `copies`: stored photos that show the same picture as the probe in another file. The probe may
    be of their patients, who are not excluded.
    """

    photo: str
    face: Face | None = None
    lines: tuple[MatchLine, ...] = ()
    left_out: str | None = None
    relatives: tuple[str, ...] = ()
    error: GestaltError | None = None
    photos: tuple[ProbePhoto, ...] = ()
    k: int = 0
    eligible: Eligible | None = None
    composition: tuple[SharedTrait, ...] = ()
    verdict: Verdict | None = None
    best_percentile: float | None = None
    copies: tuple[Copy, ...] = ()
