"""`/api/v1/patients`: who is in the gallery, and photos and facts that come to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Form, Header, Query, UploadFile

from gestalt_space.documents.added import AddedDocument, added_document
from gestalt_space.documents.corrected import CorrectedDocument, corrected_document
from gestalt_space.documents.matches import MatchDocument, match_document
from gestalt_space.documents.patients import (
    PatientDocument,
    PatientsDocument,
    patient_document,
    patients_document,
)
from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.emptied import mark_emptied
from gestalt_space.gallery.intake.given import correction_of, given_cells
from gestalt_space.gallery.intake.records import ReadRecord, make_record
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from gestalt_space.names import normal_name
from gestalt_space.service.dependencies import (
    Contributor,
    ContributorGallery,
    CuratorGallery,
    PartsOf,
    ReaderGallery,
)
from gestalt_space.service.questions import question_of
from gestalt_space.service.replies import ERRORS, DocumentReply
from gestalt_space.service.requests import Facts, Name, PatientQuestion, Text
from gestalt_space.service.uploads import photo_sources
from gestalt_space.store.versions import version_of

router = APIRouter(prefix="/api/v1", tags=["patients"], responses=ERRORS)

MOST_LISTED = 500
Texts = Annotated[list[str], Form()]
OneText = Annotated[str | None, Form()]
IfMatch = Annotated[
    str | None, Header(description="The ETag of the patient from which the change was made.")
]


@router.get("/patients", response_model=PatientsDocument)
def list_patients(
    gallery: ReaderGallery,
    disorder: Annotated[Text | None, Query(description="Only with this one.")] = None,
    cohort: Annotated[Text | None, Query(description="Only of this one.")] = None,
    after: Annotated[Text | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
) -> DocumentReply:
    """List patients by identifier, page by page."""
    page = gallery.look_through(disorder=disorder, cohort=cohort, after=after, limit=limit)
    return DocumentReply(patients_document(page.patients, page.next))


@router.post("/patients", response_model=AddedDocument)
async def add_photos(
    gallery: ContributorGallery,
    principal: Contributor,
    parts: PartsOf,
    photo: Annotated[list[UploadFile], File(description="Photos; repeat the field.")],
    patient: Annotated[str, Form(description="Whose photos they are.")],
    disorder: Texts = [],  # noqa: B006 - FastAPI copies it
    disorder_name: Texts = [],  # noqa: B006
    gene: Texts = [],  # noqa: B006
    sex: OneText = None,
    age: OneText = None,
    ancestry: OneText = None,
    cohort: OneText = None,
    family: OneText = None,
    site: OneText = None,
    hpo: Texts = [],  # noqa: B006
    hpo_absent: Texts = [],  # noqa: B006
    consent: OneText = None,
    face: Annotated[int | None, Form(ge=1, description="Which face, from the largest.")] = None,
    largest: Annotated[bool, Form(description="Of several faces take the largest.")] = False,
    keep_crops: Annotated[bool, Form(description="Keep the aligned faces.")] = True,
    update: Annotated[bool, Form(description="Replace what contradicts; for curators.")] = False,
) -> DocumentReply:
    """Add photos of one patient, and what is known of them, as `gestalt index add` does."""
    if update:
        principal.require("curator")
    cells = given_cells(
        disorder=disorder,
        gene=gene,
        sex=sex,
        age=age,
        ancestry=ancestry,
        cohort=cohort,
        family=family,
        site=site,
        hpo=hpo,
        hpo_absent=hpo_absent,
        consent=consent,
    )
    told = make_record({**cells, "patient": patient, "disorder_name": ";".join(disorder_name)})
    record = mark_emptied([told.record], cells)[0]
    rows = [
        _row(source, ReadRecord(record, told.notes), face) for source in await photo_sources(photo)
    ]
    return DocumentReply(
        await parts.workshop.work(
            added, gallery, rows, largest=largest, keep_crops=keep_crops, update=update
        )
    )


@router.post("/patients/match", response_model=MatchDocument)
def match_patient(gallery: ReaderGallery, asked: PatientQuestion) -> DocumentReply:
    """Rank the gallery's disorders, genes or patients for one of its patients."""
    question = question_of(**asked.model_dump(exclude={"patient"}))
    return DocumentReply(matched_patient(gallery, asked.patient, question))


@router.get("/patients/{patient:path}", response_model=PatientDocument)
def show_patient(gallery: ReaderGallery, patient: Name) -> DocumentReply:
    """All that the gallery has of a patient. The ETag is the patient's version."""
    found = gallery.look_at(patient)
    return DocumentReply(patient_document(found), headers={"ETag": f'"{version_of(found)}"'})


@router.patch("/patients/{patient:path}", response_model=CorrectedDocument)
def correct_patient(
    gallery: CuratorGallery, patient: Name, facts: Facts, if_match: IfMatch = None
) -> DocumentReply:
    """Correct facts. With `If-Match`, only a patient whom nobody changed since: 409 otherwise."""
    cells = given_cells(**facts.model_dump(exclude={"disorder_name", "photo", "clear"}))
    told, clear = correction_of(cells, patient, facts.disorder_name, facts.clear)
    done = gallery.set_facts(
        told.record, photo=facts.photo, clear=clear, version=_version(if_match)
    )
    notes = tuple(dict.fromkeys((*told.notes, *done.notes)))
    return DocumentReply(corrected_document(done, notes))


def added(
    gallery: Gallery, rows: list[Intake], *, largest: bool, keep_crops: bool, update: bool
) -> AddedDocument:
    """What became of photos that were to be added."""
    done = gallery.add(rows, largest=largest, keep_crops=keep_crops, update=update)
    gallery.note_told(one.patient for one in done.photos if one.status != "added")
    return added_document(done.photos, done.counts, done.left_in_log, gallery.calibration())


def matched_patient(gallery: Gallery, patient: str, question: Question) -> MatchDocument:
    """The answer to a match of a patient, as `gestalt match --patient --json` gives it."""
    here = gallery.pinned()
    view = here.view(question)
    matches = [here.match_patient(patient, question)]
    return match_document(here.space, view, matches, here.encoded(photos=False), here.calibration())


def _row(source: PhotoSource, told: ReadRecord, face: int | None) -> Intake:
    assert isinstance(source.data, bytes), "photos of a request are in memory"  # noqa: S101
    name = normal_name(source.name)
    record = replace(told.record, photo=name, face=face)
    return Intake(name, Path(name), record, notes=told.notes, data=source.data)


def _version(if_match: str | None) -> str | None:
    """The version in a header; None for `*`, whichever it is."""
    if if_match is None or if_match.strip() == "*":
        return None
    # A proxy that compresses answers makes the tag a weak one.
    version = if_match.strip().removeprefix("W/")
    if len(version) < 2 or not (version.startswith('"') and version.endswith('"')):
        raise UsageError(
            f"If-Match cannot be {version[:50]!r}.", "Give the ETag of the patient, with quotes."
        )
    return version[1:-1]
