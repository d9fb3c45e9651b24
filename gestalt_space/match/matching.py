"""From the similarities of one probe to its match: ranking, and the evidence for each line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, cast, get_args

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import GestaltError, UsageError
from gestalt_space.gallery.copies import Copy, Look
from gestalt_space.gallery.snapshot import Snapshot
from gestalt_space.index.contract import TOLERANCE, exact_similarities
from gestalt_space.match.among import EVERYBODY, Among
from gestalt_space.match.answer import Eligible, Match, MatchLine, ProbePhoto, Shared
from gestalt_space.match.demographics import age_groups
from gestalt_space.ranking.aggregation import EVERY_AGGREGATION, Aggregation
from gestalt_space.ranking.calibration import verdict_of
from gestalt_space.ranking.chance import Chance
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.ranking.ranks import RankedGroup, rank_groups
from gestalt_space.store.people import By
from gestalt_space.store.reads import PatientDetail
from gestalt_space.types import Descriptors


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a gallery about every probe.

    `k`: how many lines. `without`: patients who are no evidence. `family`: of new photos, by its
    name in the gallery, whose patients are no evidence; a stored patient's own family is none
    either. `with_family`: a stored patient's family may be evidence. `sex`, `age` in years,
    `ancestry`: of the probe's patient, where they are told; the gallery's composition is set beside
    them. Raises `UsageError` for a family to leave out where families are let in.
    """

    k: int = 10
    by: By = "disorder"
    aggregation: Aggregation = "nearest"
    among: Among = EVERYBODY
    without: tuple[str, ...] = ()
    family: str | None = None
    with_family: bool = False
    sex: str | None = None
    age: float | None = None
    ancestry: str | None = None

    def __post_init__(self) -> None:
        if self.with_family and self.family is not None:
            raise UsageError(
                "A family is to be left out, and families are let in.",
                "Give --family or --with-family.",
            )

    def about(self, patient: PatientDetail) -> Question:
        """The question, with what the gallery knows of a patient where it does not tell it; an age
        where all the photos are of one age group."""
        ages = np.array([photo.age for photo in patient.photos if photo.age is not None])
        age = float(ages.mean()) if len(np.unique(age_groups(ages))) == 1 else None
        return replace(
            self,
            sex=self.sex or patient.sex,
            age=age if self.age is None else self.age,
            ancestry=self.ancestry or patient.ancestry,
        )

    @property
    def needs_details(self) -> bool:
        """Whether what is known of patients and photos is needed for the answer."""
        told = (self.sex, self.age, self.ancestry)
        return bool(self.among) or any(fact is not None for fact in told)


TEN_DISORDERS = Question()

FindCopies: TypeAlias = Callable[["Probe", NDArray[np.float32]], tuple[Copy, ...]]
"""Given a probe and its similarities `(n,)`, the stored photos of other patients that are copies of
one of its own."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a photo of a probe gave: its descriptor `(d,)`, and the look of its aligned face, None
    where that was not kept."""

    descriptor: Descriptors
    look: Look | None


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe: its name, its photos, its descriptor `(d,)`, None where no photo gave one, and the
    patient whom it is stored for, who is left out. `seen`: what it was made of."""

    name: str
    photos: tuple[ProbePhoto, ...]
    descriptor: Descriptors | None
    own: str | None
    seen: tuple[Seen, ...] = ()

    @property
    def error(self) -> GestaltError | None:
        """Why there is no descriptor: that of the first photo."""
        if self.descriptor is not None:
            return None
        return next(photo.error for photo in self.photos)


def parse_by(text: str) -> By:
    """What to rank by its name. Raises `UsageError`."""
    for by in get_args(By):
        if text == by:
            return cast(By, by)
    raise UsageError(f"Nothing is ranked by {text!r}.", f"There are {', '.join(get_args(By))}.")


def parse_aggregation(text: str) -> Aggregation:
    """An aggregation by its name. Raises `UsageError`."""
    for aggregation in EVERY_AGGREGATION:
        if text == aggregation:
            return aggregation
    raise UsageError(
        f"There is no aggregation {text!r}.", f"There are {', '.join(EVERY_AGGREGATION)}."
    )


def fuse(descriptors: Sequence[Descriptors]) -> Descriptors:
    """One descriptor `(d,)` for several photos of one patient: their mean, of unit length.

    Its similarity to a photo is the mean of theirs, but for one factor. Raises `UsageError` where
    the mean has no direction.
    """
    mean = np.mean(descriptors, axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    if length < TOLERANCE:
        raise UsageError("The photos contradict each other.", "Are they of one patient?")
    return np.asarray(mean / length, dtype=np.float32)


def as_one_probe(asked: Sequence[Probe]) -> Probe:
    """One probe of several of one patient; photos that failed are told, and left aside.

    Raises `UsageError` where they are stored for several patients.
    """
    owners = sorted({one.own for one in asked if one.own is not None})
    if len(owners) > 1:
        raise UsageError(
            f"The photos are stored for {len(owners)} patients, {owners[0]} and {owners[1]} among "
            "them.",
            "Give photos of one patient, or ask without --as-one.",
        )
    descriptors = [one.descriptor for one in asked if one.descriptor is not None]
    return Probe(
        ", ".join(one.name for one in asked),
        tuple(photo for one in asked for photo in one.photos),
        fuse(descriptors) if descriptors else None,
        owners[0] if owners else None,
        tuple(seen for one in asked for seen in one.seen),
    )


def match_probes(
    asked: Sequence[Probe],
    snapshot: Snapshot,
    question: Question,
    *,
    find_copies: FindCopies | None = None,
) -> Iterator[Match]:
    """The match of each probe, in order; those without a descriptor with their error.

    Copies of a probe in the gallery are named where `find_copies` can tell. Raises `UsageError`
    where the gallery cannot be ranked by the aggregation.
    """
    chance = _chance(snapshot, question)
    rows = [one.descriptor for one in asked if one.descriptor is not None]
    found = snapshot.index.similarities(np.stack(rows)) if rows else np.zeros((0, 0), np.float32)
    similarities: Iterator[NDArray[np.float32]] = iter(found)
    for one in asked:
        if one.descriptor is None:
            face = one.photos[0].face if len(one.photos) == 1 else None
            yield Match(one.name, face=face, error=one.error, photos=one.photos)
        else:
            row = next(similarities)
            match = _match(one, one.descriptor, row, snapshot, question, chance)
            yield replace(match, copies=find_copies(one, row)) if find_copies else match


def _match(
    asked: Probe,
    descriptor: Descriptors,
    similarities: NDArray[np.float32],
    snapshot: Snapshot,
    question: Question,
    chance: Chance | None,
) -> Match:
    """The match of a probe's descriptor `(d,)`, from its similarities `(n,)`."""
    grouping = snapshot.lines.grouping
    own = own_family(snapshot, asked.own)
    ranked = rank_groups(
        similarities,
        grouping,
        question.k,
        question.aggregation,
        own=own,
        centroids=snapshot.centroids if question.aggregation in ("centroid", "blend") else None,
        chance=chance,
        exact=lambda rows: exact_similarities(descriptor, snapshot.index.descriptors[rows]),
        tolerance=TOLERANCE,
    )
    best = _best_percentile(snapshot, ranked)
    return Match(
        photo=asked.name,
        face=asked.photos[0].face if len(asked.photos) == 1 else None,
        lines=tuple(
            _line(rank, group, snapshot, own) for rank, group in enumerate(ranked, start=1)
        ),
        left_out=asked.own,
        relatives=_relatives(snapshot, own, asked.own),
        photos=asked.photos,
        asked=question.k,
        eligible=_eligible(snapshot, own),
        composition=_composition(snapshot, question, [one.row for one in ranked], own),
        best_percentile=best,
        verdict=None if best is None else verdict_of(best),
    )


def _chance(snapshot: Snapshot, question: Question) -> Chance | None:
    if question.aggregation != "calibrated":
        return None
    if snapshot.lines.by != "disorder":
        raise UsageError(
            "A gallery is calibrated for disorders.",
            f"Leave out --by {snapshot.lines.by}, or use --aggregation nearest.",
        )
    return Chance.of(snapshot.calibration)


def own_family(snapshot: Snapshot, patient: str | None) -> int:
    """The number of the family of a probe's own patient; -1 for nobody."""
    place = None if patient is None else snapshot.patient(patient)
    return -1 if place is None else int(snapshot.lines.grouping.family_of(np.array([place]))[0])


def _relatives(snapshot: Snapshot, own: int, patient: str | None) -> tuple[str, ...]:
    """Who is no evidence, since they are of the own patient's family or of the one that was named;
    without the own patient."""
    _, places = snapshot.lines.grouping.left_out(np.array([own]))
    theirs = {snapshot.patients[int(one)] for one in snapshot.lines.grouping.patients[places]}
    return tuple(sorted(theirs.union(snapshot.relatives).difference([patient])))


def _line(rank: int, ranked: RankedGroup, snapshot: Snapshot, own: int) -> MatchLine:
    grouping = snapshot.lines.grouping
    members = grouping.members_of(ranked.group)
    members = members[grouping.families[members] != own]
    id_, name = snapshot.lines.title(ranked.group)
    calibration = snapshot.calibration if snapshot.lines.by == "disorder" else None
    photos = grouping.photo_counts[members]
    references = 0.0 if calibration is None else calibration.references(photos)
    return MatchLine(
        rank=rank,
        id=id_,
        name=name,
        similarity=ranked.similarity,
        patient=snapshot.patients[int(snapshot.patient_of_row[ranked.row])],
        patients=len(members),
        photos=int(photos.sum()),
        score=ranked.score,
        percentile=(
            None if calibration is None else calibration.percentile(ranked.similarity, references)
        ),
        likelihood_ratio=(
            None
            if calibration is None
            else calibration.likelihood_ratio(ranked.similarity, references)
        ),
        no_ratio=None if calibration is None else calibration.why_no_ratio(references),
        photo=None if snapshot.photos is None else str(snapshot.photos.names[ranked.row]),
    )


def _best_percentile(snapshot: Snapshot, ranked: Sequence[RankedGroup]) -> float | None:
    if snapshot.calibration is None or not ranked:
        return None
    return snapshot.calibration.best_percentile(max(one.similarity for one in ranked))


def _eligible(snapshot: Snapshot, own: int) -> Eligible:
    grouping = snapshot.lines.grouping
    _, kin = grouping.kin_of(np.array([own]))
    _, family = grouping.left_out(np.array([own]))
    nobody_else = grouping.kin.counts[kin] == grouping.patient_counts[grouping.kin.groups[kin]]
    return Eligible(
        lines=len(grouping.groups) - int(nobody_else.sum()),
        patients=len(grouping.patients) - len(family),
        photos=len(grouping.rows) - int(grouping.photo_counts[family].sum()),
    )


def _composition(
    snapshot: Snapshot, question: Question, neighbours: Sequence[int], own: int
) -> tuple[Shared, ...]:
    """How the neighbours, by the rows of their photos, and all who are eligible are made up."""
    people, photos = snapshot.people, snapshot.photos
    if people is None or photos is None:
        return ()
    grouping = snapshot.lines.grouping
    rows = grouping.rows[grouping.families[grouping.patient_of_row] != own]
    told = []
    if question.ancestry is not None:
        told.append(("ancestry", question.ancestry, people.ancestry[snapshot.patient_of_row]))
    if question.sex is not None:
        told.append(("sex", question.sex, people.sex[snapshot.patient_of_row]))
    if question.age is not None:
        group = str(age_groups(np.array([question.age]))[0])
        told.append(("age group", group, age_groups(photos.ages)))
    return tuple(
        Shared(
            attribute,
            value,
            *_share(snapshot.patient_of_row, np.array(neighbours, np.int64), of_row, value),
            *_share(snapshot.patient_of_row, rows, of_row, value),
        )
        for attribute, value, of_row in told
    )


def _share(
    patient_of_row: Numbers, rows: Numbers, of_row: NDArray[np.str_], value: str
) -> tuple[int, int]:
    """Of the patients of some rows, how many have a value, in any case, and of how many one is
    known."""
    values = np.char.lower(of_row[rows])
    owners = patient_of_row[rows]
    return (
        len(np.unique(owners[values == value.lower()])),
        len(np.unique(owners[values != ""])),
    )
