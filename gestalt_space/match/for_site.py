"""What another hospital is answered, which asks with a descriptor alone: lines, and nothing about a
single patient. Who asks, and how often, is the service's to decide.

Only patients whose consent covers it are compared, and only lines with enough of them are listed.
Who is so similar that it may be the person asked about is left out, and their family: the answer is
then the same whether or not the gallery has them, and nobody learns it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from gestalt_space.gallery.people import People
from gestalt_space.gallery.state import GalleryState
from gestalt_space.match.answer import MatchLine
from gestalt_space.match.evidence import line_key
from gestalt_space.match.filters import PatientFilter
from gestalt_space.match.probe import Probe
from gestalt_space.match.probe_matches import match_probes
from gestalt_space.match.question import Question
from gestalt_space.match.view import NO_FAMILY, NOBODY, GalleryView, open_view
from gestalt_space.ranking.calibration import LikelihoodRatio, Verdict
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.types import Descriptors

SAME_PERSON = 0.8
"""Similarity from which on a stored photo may be of the person asked about."""
DECIMALS = 2
"""Of a similarity."""
_STEPS = (1, 2, 5)
_FIRST = 64


@dataclass(frozen=True, slots=True)
class SiteQuestion:
    """What another hospital asks: the nearest `k` disorders or genes to a descriptor `(d,)` of the
    space with this fingerprint."""

    fingerprint: str
    descriptor: Descriptors
    by: Literal["disorder", "gene"] = "disorder"
    k: int = 10


@dataclass(frozen=True, slots=True)
class SiteLine:
    """A line of another hospital. `similarity`: of the nearest photo, rounded; `percentile` and
    `likelihood_ratio`: by the calibration of that hospital's gallery, None where it has none;
    `patients_at_least`, `photos_at_least`: how many were compared, rounded down to 1, 2, 5, 10, 20
    and so on."""

    rank: int
    id: str
    name: str
    similarity: float
    percentile: float | None
    likelihood_ratio: LikelihoodRatio | None
    patients_at_least: int
    photos_at_least: int


@dataclass(frozen=True, slots=True)
class SiteAnswer:
    """The answer to another hospital: the lines, best first. `verdict`: of the first one, by the
    gallery's calibration; `least_patients`: lines with fewer are not listed; `patients_at_least`:
    how many may be compared, rounded down."""

    lines: tuple[SiteLine, ...]
    verdict: Verdict | None
    least_patients: int
    patients_at_least: int


def coarse(count: int) -> int:
    """A count rounded down to 1, 2, 5, 10, 20, 50 and so on; 0 stays."""
    if count < 1:
        return 0
    power: int = 10 ** (len(str(count)) - 1)
    return max(step * power for step in _STEPS if step * power <= count)


def answer_site(
    state: GalleryState,
    asked: SiteQuestion,
    consents: tuple[str, ...],
    least_patients: int,
    session: Session,
) -> SiteAnswer:
    """The answer of a gallery's state. `consents`: those that cover it.

    Raises `GalleryEmpty` where nobody may be compared, `GalleryChanged` where somebody was removed
    since the state was read.
    """
    among = PatientFilter((("consent", frozenset(text.lower() for text in consents)),))
    whole = open_view(state, Question(asked.k, asked.by, among=among), session)
    rows, large, more = _with_enough(whole, least_patients)
    patients = coarse(whole.totals.patients)
    if not len(large):
        return SiteAnswer((), None, least_patients, patients)
    left_out = _perhaps_the_same(state, asked.descriptor)
    question = replace(whole.question, k=asked.k + more)
    view = GalleryView(state, question, excluded=left_out, rows=rows)
    if not view.totals.lines:
        return SiteAnswer((), None, least_patients, patients)
    probe = Probe("", (), asked.descriptor, None)
    (match,) = match_probes([probe], view, session, with_copies=False)
    lines: list[SiteLine] = []
    for line in match.lines:
        key = line_key(whole, session, line.id)
        if key is not None and key in large and len(lines) < asked.k:
            lines.append(_line(len(lines) + 1, line, key, whole))
    is_first = bool(lines) and lines[0].id == match.lines[0].id
    return SiteAnswer(tuple(lines), match.verdict if is_first else None, least_patients, patients)


def _line(rank: int, line: MatchLine, key: int, whole: GalleryView) -> SiteLine:
    """A line with the counts of all who may be compared, whoever is left out for this descriptor:
    what depended on it would tell of whom it is."""
    photos = whole.photos_of(key, NO_FAMILY)
    percentile, ratio = _calibrated(line.similarity, key, whole)
    return SiteLine(
        rank=rank,
        id=line.id,
        name=line.name,
        similarity=round(line.similarity, DECIMALS),
        percentile=None if percentile is None else round(percentile, 1),
        likelihood_ratio=None
        if ratio is None
        else LikelihoodRatio(_two_digits(ratio.value), _two_digits(ratio.lower)),
        patients_at_least=coarse(len(photos)),
        photos_at_least=coarse(int(photos.sum())),
    )


def _calibrated(
    similarity: float, key: int, whole: GalleryView
) -> tuple[float | None, LikelihoodRatio | None]:
    """The percentile and the likelihood ratio of a line, None where the gallery has none."""
    calibration = whole.state.calibration
    if calibration is None or whole.question.by != "disorder":
        return None, None
    references = whole.references_of(key, NO_FAMILY)
    return (
        calibration.percentile(similarity, references),
        calibration.likelihood_ratio(similarity, references),
    )


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")


def _with_enough(view: GalleryView, least: int) -> tuple[NDArray[np.bool_], Numbers, int]:
    """The rows `(n,)` of the patients of groups with enough patients, the keys of these groups, and
    how many smaller groups such patients are in as well."""
    state = view.state
    patients, groups = state.people.pairs(view.question.by)
    there = patients < len(view.photo_counts)
    patients, groups = patients[there], groups[there]
    eligible = view.photo_counts[patients] > 0
    patients, groups = patients[eligible], groups[eligible]
    keys, counts = np.unique(groups, return_counts=True)
    large = keys[counts >= least]
    kept = np.zeros(len(view.photo_counts) + 1, dtype=bool)  # the last place is that of -1
    kept[patients[np.isin(groups, large)]] = True
    smaller = np.setdiff1d(groups[kept[patients]], large)
    rows: NDArray[np.bool_] = kept[state.patients]
    if view.rows is not None:
        rows &= view.rows
    return rows, large, len(smaller)


def _perhaps_the_same(state: GalleryState, descriptor: Descriptors) -> Numbers:
    """The keys of the patients who may be the person asked about, and of their families."""
    count = _FIRST
    while True:
        (nearest,) = state.nearest_of(descriptor[None], count, least=SAME_PERSON)
        found = state.exactly(descriptor, nearest, SAME_PERSON)
        if len(found.rows) < count or count >= len(state):
            break
        count *= 8
    patients = np.unique(found.patients[found.patients >= 0])
    return np.union1d(patients, _families_of(state.people, patients))


def _families_of(people: People, patients: Numbers) -> Numbers:
    families = people.fact("family", patients)
    families = families[families != 0]
    if not len(families):
        return NOBODY
    everybody = np.unique(people.pairs("patient")[0])
    return everybody[np.isin(people.fact("family", everybody), families)]
