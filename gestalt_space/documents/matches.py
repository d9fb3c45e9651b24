"""`gestalt match --json`: a ranking for each probe, with the evidence for each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NotRequired, cast

from gestalt_space.documents.form import Form, filled, rounded
from gestalt_space.documents.fused import FusedForm
from gestalt_space.documents.parts import (
    CalibrationForm,
    CopyForm,
    ErrorForm,
    FaceForm,
    RunCountForm,
    RunForm,
    calibration_form,
    copy_form,
    error_form,
    face_form,
    quality_form,
    run_count_forms,
    run_form,
)
from gestalt_space.errors import GestaltError
from gestalt_space.gallery.calibration.calibrating import CalibrationState
from gestalt_space.gallery.spaces import ActiveSpace, Encoded
from gestalt_space.match.answer import Match, MatchLine
from gestalt_space.match.view import GalleryView
from gestalt_space.tables.table import Column, Table, Value

MATCH_VERSION: Literal[1] = 1


class MatchedSpaceForm(Form):
    """The space that was matched in. `run`: of the probes' encoder, null where none was opened;
    `other_precision`: whether some of the gallery was encoded in another one."""

    name: str
    fingerprint: str
    run: RunForm | None
    gallery_runs: list[RunCountForm]
    other_precision: bool


class ApproximateSearchForm(Form):
    """What an approximate search finds: of the ten nearest photos the share `recall_at_10`, of the
    first ten disorders the share `disorder_recall_at_10`; null where that was not measured.
    `photos`: of the index or engine; `later_photos`: searched exactly, since they are newer."""

    recall_at_10: float | None
    disorder_recall_at_10: float | None
    measured_on: int
    photos: int
    later_photos: int
    options: dict[str, int]


class GalleryForm(Form):
    """What can be matched in the space; of `disorders`, `genes` and `patients` what is ranked is
    there. `approximate`: null for an exact search."""

    patients: int
    photos: int
    disorders: NotRequired[int]
    genes: NotRequired[int]
    searched_on: str
    approximate: ApproximateSearchForm | None


class QuestionForm(Form):
    """What was asked. `top`: lines at the most; `age` in years."""

    top: int
    by: Literal["disorder", "gene", "patient"]
    aggregation: str
    among: str | None
    without: list[str]
    family: str | None
    with_family: bool
    sex: str | None
    age: float | None
    ancestry: str | None
    index: str


class EligibleForm(Form):
    """What could have been listed."""

    lines: int
    patients: int
    photos: int


class CompositionForm(Form):
    """How many of the neighbours, and of all that could be, share a fact with the probe."""

    attribute: str
    value: str
    neighbours: int
    neighbours_known: int
    eligible: int
    eligible_known: int


class RatioForm(Form):
    """A likelihood ratio; `lower`: its one-sided 95 % bound."""

    value: float
    lower: float


class LineForm(Form):
    """A disorder, a gene or a patient. `similarity`: of the nearest photo, cosine; `patient` and
    `photo`: whose that is, and its name; `score`: what the line is ranked by."""

    rank: int
    id: str
    name: str
    similarity: float
    patient: str
    patients: int
    photos: int
    score: float
    photo: str | None
    percentile: float | None
    likelihood_ratio: RatioForm | None
    no_ratio: str | None


class ProbePhotoForm(Form):
    """A photo of several that were matched as one."""

    photo: str
    error: ErrorForm | None
    face: FaceForm | None


class ProbeForm(Form):
    """A probe and its lines, which stand under what they are; the nearest first. `fused`: where
    terms or an exome were given."""

    photo: str
    error: ErrorForm | None
    face: FaceForm | None
    left_out: str | None
    relatives: list[str]
    asked: int
    eligible: EligibleForm | None
    verdict: Literal["close match", "weak match", "no close match"] | None
    best_percentile: float | None
    copies: list[CopyForm]
    composition: list[CompositionForm]
    disorders: NotRequired[list[LineForm]]
    genes: NotRequired[list[LineForm]]
    patients: NotRequired[list[LineForm]]
    photos: NotRequired[list[ProbePhotoForm]]
    fused: NotRequired[FusedForm]


class MatchDocument(Form):
    """The answer to a match. Where it failed as a whole, `error` is there, `space` and `gallery`
    are null, and every probe has the error."""

    document: Literal["match"]
    version: Literal[1]
    error: NotRequired[ErrorForm]
    space: MatchedSpaceForm | None
    gallery: GalleryForm | None
    calibration: NotRequired[CalibrationForm | None]
    question: NotRequired[QuestionForm]
    probes: list[ProbeForm]


def match_document(
    space: ActiveSpace,
    view: GalleryView,
    matches: Iterable[Match],
    encoded: Encoded,
    calibration: CalibrationState | None,
) -> MatchDocument:
    """The answer to a match. `calibration`: how old the one is that verdicts rest on."""
    question, state = view.question, view.state
    gallery: dict[str, Any] = {
        "patients": state.totals("patient").patients,
        "photos": state.photos,
        f"{question.by}s": state.totals(question.by).lines,
        "searched_on": view.searched_on,
        "approximate": _approximate(view),
    }
    return {
        "document": "match",
        "version": MATCH_VERSION,
        "space": space_form(space, encoded),
        "gallery": cast("GalleryForm", gallery),
        "calibration": None if calibration is None else calibration_form(calibration),
        "question": filled(
            QuestionForm, question, top=question.k, among=str(question.among) or None
        ),
        "probes": [_probe(match, question.by) for match in matches],
    }


def failed_match_document(
    error: GestaltError, photos: Iterable[str], by: str = "disorder"
) -> MatchDocument:
    """The answer where no probe could be matched: the error, at the top and for every probe."""
    return {
        "document": "match",
        "version": MATCH_VERSION,
        "error": error_form(error),
        "space": None,
        "gallery": None,
        "probes": [_probe(Match(photo, error=error), by) for photo in photos],
    }


MATCH_COLUMNS = (
    Column("photo"),
    Column("rank", "integer"),
    Column("id"),
    Column("name"),
    Column("similarity", "number"),
    Column("patient"),
    Column("patients", "integer"),
    Column("photos", "integer"),
    Column("score", "number"),
    Column("percentile", "number"),
    Column("likelihood_ratio", "number"),
    Column("likelihood_ratio_lower", "number"),
    Column("verdict"),
    Column("copy_of"),
    Column("approximate"),
    Column("error"),
    Column("marks"),
)


def match_table(matches: Iterable[Match], view: GalleryView) -> Table:
    """A row for each line, in the order of the probes; one with its error for a probe that
    failed. `copy_of`: whose own photo the probe may be; `approximate`: empty for an exact search.
    """
    told = view.told or ""
    return Table(MATCH_COLUMNS, (row for match in matches for row in _rows(match, told)))


def space_form(space: ActiveSpace, encoded: Encoded) -> MatchedSpaceForm:
    """The space that was matched in."""
    return {
        "name": space.model.name,
        "fingerprint": space.fingerprint,
        "run": None if encoded.probe is None else run_form(encoded.probe),
        "gallery_runs": run_count_forms(encoded.gallery),
        "other_precision": encoded.otherwise is not None,
    }


def line_form(line: MatchLine) -> LineForm:
    """A line of a match."""
    ratio = line.likelihood_ratio
    return filled(
        LineForm,
        line,
        similarity=round(line.similarity, 4),
        score=round(line.score, 4),
        percentile=rounded(line.percentile),
        likelihood_ratio=None
        if ratio is None
        else filled(RatioForm, ratio, value=round(ratio.value, 4), lower=round(ratio.lower, 4)),
    )


def _rows(match: Match, approximate: str) -> Iterator[tuple[Value, ...]]:
    if match.error is not None:
        blank = [None] * (len(MATCH_COLUMNS) - 3)
        yield (match.photo, *blank, match.error.message, None)
    copies = tuple(dict.fromkeys(copy.patient for copy in match.copies))
    marks = [] if match.face is None else quality_form(match.face)["marks"]
    reasons = tuple(mark["reason"] for mark in marks)
    for line in match.lines:
        ratio = line.likelihood_ratio
        yield (
            *(match.photo, line.rank, line.id, line.name, round(line.similarity, 4)),
            *(line.patient, line.patients, line.photos, round(line.score, 4)),
            None if line.percentile is None else round(line.percentile, 2),
            *((None, None) if ratio is None else (ratio.value, ratio.lower)),
            *(match.verdict, copies, approximate, None, reasons),
        )


def _approximate(view: GalleryView) -> ApproximateSearchForm | None:
    """How much an approximate search finds; None where the search was exact."""
    if view.engine is not None:
        recall = view.engine.recall
        return {
            "recall_at_10": None if recall is None else round(recall.photos, 4),
            "disorder_recall_at_10": None if recall is None else round(recall.disorders, 4),
            "measured_on": 0 if recall is None else recall.measured,
            "photos": view.engine.position.rows,
            "later_photos": view.engine.later,
            "options": {},
        }
    searcher = view.approximate
    if searcher is None:
        return None
    record = searcher.record
    return {
        "recall_at_10": round(record.recall, 4),
        "disorder_recall_at_10": None,
        "measured_on": record.measured,
        "photos": record.rows,
        "later_photos": searcher.later,
        "options": record.options,
    }


def _probe(match: Match, by: str) -> ProbeForm:
    record: dict[str, Any] = {
        "photo": match.photo,
        "error": None if match.error is None else error_form(match.error),
        "face": None if match.face is None else face_form(match.face),
        "left_out": match.left_out,
        "relatives": list(match.relatives),
        "asked": match.k,
        "eligible": None if match.eligible is None else filled(EligibleForm, match.eligible),
        "verdict": match.verdict,
        "best_percentile": rounded(match.best_percentile),
        "copies": list(map(copy_form, match.copies)),
        "composition": [filled(CompositionForm, shared) for shared in match.composition],
        f"{by}s": list(map(line_form, match.lines)),
    }
    if len(match.photos) > 1:
        record["photos"] = [
            filled(
                ProbePhotoForm,
                photo,
                photo=photo.name,
                error=None if photo.error is None else error_form(photo.error),
                face=None if photo.face is None else face_form(photo.face),
            )
            for photo in match.photos
        ]
    return cast("ProbeForm", record)
