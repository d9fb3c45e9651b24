"""The page "Gallery": patients are found and shown, and those without a diagnosis are compared with
what came since the reader last looked."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from gestalt_space.ages import age_text
from gestalt_space.documents.matches import LineForm
from gestalt_space.documents.parts import ErrorForm, error_form
from gestalt_space.errors import GalleryMissing, GestaltError, NotInGallery
from gestalt_space.gallery.listing import PatientPage
from gestalt_space.gallery.trail import LoggedEvent
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question, parse_aggregation
from gestalt_space.service.requests import Name, Text
from gestalt_space.service.routers.patients import matched_patient
from gestalt_space.service.web.facts import photo_facts, shown_facts
from gestalt_space.service.web.history import lines_of
from gestalt_space.service.web.page import Page, ReaderPage
from gestalt_space.service.web.terms import patient_terms
from gestalt_space.service.web.words import ACTIONS
from gestalt_space.store.reads import PatientSummary
from gestalt_space.store.taken_back import CORRECTIONS, UNDO
from gestalt_space.store.versions import version_of
from gestalt_space.types import WITHDRAWN

router = APIRouter(prefix="/gallery", include_in_schema=False)

LISTED = 50
COMPARED = 20
"""Patients without a diagnosis who are compared at once."""
MOST_EVENTS = 50
SEEN = "gestalt_seen"
"""The cookie with the time of the reader's last look at those without a diagnosis."""
_YEAR = 365 * 24 * 3600
_UNTOLD = ("look", "match")

Asked = Annotated[Text, Query()]


@dataclass(frozen=True, slots=True)
class Compared:
    """A patient without a diagnosis and the best line of their ranking. `is_new`: its photo came
    since the reader last looked."""

    patient: PatientSummary
    line: LineForm | None
    verdict: str | None
    is_new: bool
    error: ErrorForm | None


@router.get("")
def find(
    page: ReaderPage,
    containing: Asked = "",
    disorder: Asked = "",
    gene: Asked = "",
    cohort: Asked = "",
    after: Asked = "",
) -> Response:
    """Patients by identifier, all or those who fit what was asked."""
    asked = {"containing": containing, "disorder": disorder, "gene": gene, "cohort": cohort}
    given = {name: value.strip() for name, value in asked.items() if value.strip()}
    error: GestaltError | None = None
    found = PatientPage((), None)
    try:
        found = page.gallery.look_through(**given, after=after or None, limit=LISTED)
    except GalleryMissing:
        pass
    except GestaltError as problem:
        error = page.parts.places.hidden_in_error(problem)
    return page.show(
        "gallery.html",
        200 if error is None else error.http_status,
        found=found,
        wanted=asked,
        given=given,
        after=after,
        error=error,
    )


@router.get("/patient")
def show(page: ReaderPage, patient: Annotated[Name, Query()]) -> Response:
    """All that the gallery has of a patient, and for curators what was done to them."""
    found = page.gallery.look_at(patient)
    events = _history(page.gallery, found.patient) if page.may("curator") else []
    undone = {one.detail["undone"] for one in events if one.detail and "undone" in one.detail}
    return page.show(
        "patient.html",
        patient=found,
        terms=patient_terms(found, page.language),
        facts=shown_facts(found),
        photo_facts=photo_facts,
        age_text=age_text,
        patient_version=version_of(found),
        is_withdrawn=found.consent == WITHDRAWN,
        events=[(event, list(lines_of(event, page.language))) for event in events],
        actions=ACTIONS,
        can_undo=lambda event: (
            event.action in (*CORRECTIONS, UNDO)
            # A face that was replaced is not there any more.
            and "before" in (event.detail or {})
            and event.id not in undone
        ),
    )


@router.post("/match")
def match_again(
    page: ReaderPage,
    patient: Annotated[Name, Form()],
    aggregation: Annotated[Text, Form()] = "nearest",
    with_family: Annotated[bool, Form()] = False,
) -> Response:
    """The ranking of a patient of the gallery, as it is now."""
    how = parse_aggregation(aggregation)
    question = Question(k=10, aggregation=how, with_family=with_family)
    document = matched_patient(page.gallery, patient, question)

    def face_of(line: LineForm) -> str | None:
        return page.crop_of(line["patient"], line["photo"])

    return page.show("rematched.html", document=document, face_of=face_of)


@router.get("/undiagnosed")
def undiagnosed(page: ReaderPage, after: Asked = "") -> Response:
    """Patients without a diagnosis, each with the best line of their ranking."""
    seen = _seen(page)
    found = PatientPage((), None)
    with suppress(GalleryMissing):
        found = page.gallery.look_through(disorder="unknown", after=after or None, limit=COMPARED)
    lines = [_compared(page.gallery, one, seen) for one in found.patients]
    return page.show("undiagnosed.html", lines=lines, next=found.next, seen=seen)


@router.post("/undiagnosed")
def note_look(page: ReaderPage) -> Response:
    """Remember in the reader's browser that what there is now was seen."""
    answer = Response(status_code=204)
    answer.set_cookie(
        SEEN,
        datetime.now(UTC).isoformat(),
        max_age=_YEAR,
        path=page.url("") or "/",
        secure=page.request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


def _compared(gallery: Gallery, patient: PatientSummary, seen: datetime | None) -> Compared:
    try:
        probe: Any = matched_patient(gallery, patient.patient, Question(k=1))["probes"][0]
        line = next(iter(probe["disorders"]), None)
        is_new = line is not None and seen is not None and _came(gallery, line) > seen
    except GestaltError as error:
        return Compared(patient, None, None, False, error_form(error))
    return Compared(patient, line, probe["verdict"], is_new, None)


def _came(gallery: Gallery, line: LineForm) -> datetime:
    """When the photo came that a line rests on. Raises `NotInGallery` where it left meanwhile."""
    photos = gallery.patient(line["patient"]).photos
    came = [one.added_at for one in photos if line["photo"] in (None, one.name)]
    if not came:
        raise NotInGallery("The photo is not in the gallery any more.", "Load the page again.")
    return max(came)


def _seen(page: Page) -> datetime | None:
    try:
        seen = datetime.fromisoformat(page.request.cookies.get(SEEN, ""))
    except ValueError:
        return None
    return seen if seen.tzinfo is not None else None


def _history(gallery: Gallery, patient: str) -> list[LoggedEvent]:
    """What was done to a patient, the newest first. That they were looked at is in the trail of
    the admins."""
    return gallery.log(patient=patient, newest=MOST_EVENTS, without=_UNTOLD)[::-1]
