"""`gestalt match --classifier`: what a classifier says of each probe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from gestalt_space.documents.classifiers import (
    AnswerForm,
    MeasuredForm,
    TopProbabilitiesForm,
    top_probabilities_form,
)
from gestalt_space.documents.form import Form, filled, rounded
from gestalt_space.documents.parts import ErrorForm, FaceForm, error_form, face_form
from gestalt_space.match.classified import Classified
from gestalt_space.ranking.calibration import Verdict
from gestalt_space.tables.table import Column, Table, Value
from gestalt_space.weights.classifier_facts import ClassifierFacts, Experiment


class AskedClassifierForm(Form):
    """The classifier: it knows `classes` and no others, and gives one of them to every face.
    `known`, `unknown`: the largest probabilities of patients with one of them, and with none, who
    were not trained on; null where they were too few. `measured`: null for a classifier of an older
    version."""

    name: str
    experiment: Experiment
    subject: str
    classes: list[AnswerForm]
    threshold: float | None
    known: TopProbabilitiesForm | None
    unknown: TopProbabilitiesForm | None
    measured: MeasuredForm | None


class ClassLineForm(Form):
    """A class, by its probability."""

    rank: int
    id: str
    name: str
    probability: float


class FusedLineForm(Form):
    """A line of both rankings. `probability`: null for what the classifier does not know."""

    rank: int
    id: str
    name: str
    gallery_rank: int
    similarity: float
    probability: float | None


class ClassifiedPhotoForm(Form):
    """A photo of a probe."""

    photo: str
    error: ErrorForm | None
    face: FaceForm | None


class ClassifiedProbeForm(Form):
    """A probe. `own`: the patient whom it is stored for. `trained_on`: whether the classifier was
    trained on this patient, so that the probability of their class is too high; null where the
    gallery does not know whom it was trained on, or has no such patient. `top_probability`: the
    largest; `entropy`: 0, all on one class, to 1, all equally likely; `reached_by_unknown`,
    `reached_by_known`: the share of patients with none of the classes, and with one, whose largest
    probability is as high. `is_first`: whether a binary classifier says the first class. `fused`:
    with the gallery's ranking, null where that was not asked for. `verdict`: of the gallery's
    ranking alone, null where there is none."""

    photo: str
    error: ErrorForm | None
    own: str | None
    trained_on: bool | None
    photos: list[ClassifiedPhotoForm]
    classes: list[ClassLineForm]
    top_probability: float | None
    entropy: float | None
    reached_by_unknown: float | None
    reached_by_known: float | None
    is_first: bool | None
    fused: list[FusedLineForm] | None
    verdict: Verdict | None


class ClassifiedDocument(Form):
    """What a classifier says. `space`: in which the gallery was ranked, null where it was not."""

    document: Literal["classified"]
    version: Literal[1]
    classifier: AskedClassifierForm
    space: str | None
    probes: list[ClassifiedProbeForm]


def classified_document(
    name: str, facts: ClassifierFacts, probes: Iterable[Classified], space: str | None
) -> ClassifiedDocument:
    """What a classifier of that name says of probes. `space`: of a gallery whose ranking is
    fused."""
    return {
        "document": "classified",
        "version": 1,
        "classifier": filled(
            AskedClassifierForm,
            facts,
            name=name,
            classes=[filled(AnswerForm, one) for one in facts.classes],
            threshold=rounded(facts.threshold),
            known=rounded(top_probabilities_form(facts.known)),
            unknown=rounded(top_probabilities_form(facts.unknown)),
            measured=None
            if facts.measured is None
            else rounded(filled(MeasuredForm, facts.measured)),
        ),
        "space": space,
        "probes": list(map(_probe, probes)),
    }


CLASSIFIED_COLUMNS = (
    Column("photo"),
    Column("rank", "integer"),
    Column("id"),
    Column("name"),
    Column("probability", "number"),
    Column("gallery_rank", "integer"),
    Column("similarity", "number"),
    Column("reached_by_unknown", "number"),
    Column("reached_by_known", "number"),
    Column("top_probability", "number"),
    Column("entropy", "number"),
    Column("is_first", "truth"),
    Column("verdict"),
    Column("patient"),
    Column("trained_on", "truth"),
    Column("error"),
)


def classified_table(probes: Iterable[Classified]) -> Table:
    """A row for each line, fused where that was asked for, with what is said of its probe; one with
    its error for a probe that failed. `patient`: whom the probe is stored for."""
    return Table(CLASSIFIED_COLUMNS, (row for one in probes for row in _rows(one)))


def _rows(one: Classified) -> Iterator[tuple[Value, ...]]:
    if one.error is not None:
        yield (one.photo, *[None] * (len(CLASSIFIED_COLUMNS) - 2), one.error.message)
    for line in one.lines if one.fused is None else one.fused:
        place: tuple[Value, ...] = (None, None)
        if one.fused is not None:
            place = line.gallery_rank, round(line.similarity, 4)  # type: ignore[union-attr]
        yield (
            *(one.photo, line.rank, line.id, line.name, rounded(line.probability)),
            *place,
            *map(rounded, (one.reached_by_unknown, one.reached_by_known, one.top, one.entropy)),
            *(one.is_first, one.verdict, one.own, one.trained_on, None),
        )


def _probe(one: Classified) -> ClassifiedProbeForm:
    numbers: dict[str, Any] = {
        name: rounded(getattr(one, name))
        for name in ("entropy", "reached_by_unknown", "reached_by_known")
    }
    return filled(
        ClassifiedProbeForm,
        one,
        **numbers,
        top_probability=rounded(one.top),
        error=None if one.error is None else error_form(one.error),
        photos=[
            filled(
                ClassifiedPhotoForm,
                photo,
                photo=photo.name,
                error=None if photo.error is None else error_form(photo.error),
                face=None if photo.face is None else face_form(photo.face),
            )
            for photo in one.photos
        ],
        classes=[
            filled(ClassLineForm, line, probability=rounded(line.probability)) for line in one.lines
        ],
        fused=None
        if one.fused is None
        else [
            filled(
                FusedLineForm,
                line,
                similarity=rounded(line.similarity),
                probability=rounded(line.probability),
            )
            for line in one.fused
        ],
    )
