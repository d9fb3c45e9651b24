"""`/api/v1/match`, `evidence` and `faces`: photos in, rankings and faces out. Nothing is stored."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Query, UploadFile
from starlette.responses import Response

from gestalt_space.documents.evidence import EvidenceDocument, evidence_document
from gestalt_space.documents.faces import FacesDocument, faces_document
from gestalt_space.documents.matches import MatchDocument, match_document
from gestalt_space.errors import GestaltError, UsageError
from gestalt_space.fusion.asking import (
    ask_fused,
    check_question,
    installed_ranker,
    question_about,
)
from gestalt_space.fusion.described import describe
from gestalt_space.fusion.documents import fused_form
from gestalt_space.gallery.opened import photo_limits
from gestalt_space.gallery.pipeline import PhotoSource, every_face
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from gestalt_space.service.asking import Answered, AskedSiteNames, sites_for, with_sites
from gestalt_space.service.dependencies import PartsOf, Reader, ReaderGallery
from gestalt_space.service.hints import text_in_fields
from gestalt_space.service.patient_details import DetailsOf, PatientDetails
from gestalt_space.service.questions import Asked
from gestalt_space.service.replies import ERRORS, DocumentReply
from gestalt_space.service.requests import Name
from gestalt_space.service.uploads import photo_sources
from gestalt_space.types import Face

router = APIRouter(prefix="/api/v1", tags=["match"], responses=ERRORS)

Photos = Annotated[list[UploadFile], File(description="Photos; repeat the field.")]
OptionalPhotos = Annotated[list[UploadFile], File(description="Photos of one patient.")]
FaceNumber = Annotated[int | None, Form(ge=1, description="Which face, from the largest.")]


@router.post("/match", response_model=MatchDocument)
async def match(
    gallery: ReaderGallery,
    principal: Reader,
    parts: PartsOf,
    question: Asked,
    details: DetailsOf,
    photo: Photos,
    as_one: Annotated[bool, Form(description="The photos are of one patient.")] = False,
    face: FaceNumber = None,
    ask: AskedSiteNames = [],  # noqa: B006 - FastAPI copies it
) -> DocumentReply:
    """Rank the gallery's disorders, genes or patients for each photo, or for all as one."""
    sites = sites_for(principal, gallery, ask, question)
    sources = await photo_sources(photo, face=face)
    if details.is_any:
        answered = await parts.workshop.work(
            matched_with_details, gallery, sources, question, details, as_one=as_one
        )
    else:
        answered = await parts.workshop.work(matched, gallery, sources, question, as_one=as_one)
    return DocumentReply(await with_sites(answered, sites))


@router.post("/evidence", response_model=EvidenceDocument)
async def evidence(
    gallery: ReaderGallery,
    parts: PartsOf,
    question: Asked,
    wanted: Annotated[
        str, Form(min_length=1, description="A disorder, gene or patient, by identifier.")
    ],
    photo: OptionalPhotos = [],  # noqa: B006 - FastAPI copies it
    patient: Annotated[str | None, Form(description="Of the gallery, without photos.")] = None,
    as_one: Annotated[bool, Form(description="The photos are of one patient.")] = False,
    face: FaceNumber = None,
) -> DocumentReply:
    """Every photo behind a line of a match, as `gestalt match --explain` lists them."""
    sources = await photo_sources(photo, face=face)
    document = await parts.workshop.work(
        explained, gallery, sources, patient, question, wanted, as_one=as_one
    )
    return DocumentReply(document)


@router.get(
    "/faces/{patient:path}/crop",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}},
)
def crop(
    gallery: ReaderGallery,
    patient: Name,
    photo: Annotated[Name, Query(description="By its name or its sha256.")],
) -> Response:
    """The aligned face of a patient's photo as PNG, where consent is not withdrawn."""
    return Response(gallery.look_at_crop(patient, photo), media_type="image/png")


@router.post("/faces", response_model=FacesDocument)
async def faces(gallery: ReaderGallery, parts: PartsOf, photo: Photos) -> DocumentReply:
    """The faces of photos, with what makes a match less sure."""
    sources = await photo_sources(photo)
    return DocumentReply(await parts.workshop.work(found_faces, gallery, sources))


def matched(
    gallery: Gallery, sources: list[PhotoSource], question: Question, *, as_one: bool
) -> Answered:
    """The answer to a match, as `gestalt match --json` gives it."""
    here = gallery.pinned()
    view = here.view(question)
    probes = [one for batch in here.probes(sources, as_one=as_one) for one in batch]
    view, matches = here.answer(probes, question, view)
    encoded, calibration = here.encoded(state=view.state), here.calibration(view.state)
    document = match_document(here.space, view, matches, encoded, calibration)
    return Answered(document, here, probes, matches, question)


def matched_with_details(
    gallery: Gallery,
    sources: list[PhotoSource],
    question: Question,
    details: PatientDetails,
    *,
    as_one: bool,
) -> Answered:
    """The answer to a match with terms, a phenopacket or a VCF, as `gestalt match --json` gives
    it."""
    check_question(question, 1 if as_one else len(sources))
    ontology = installed_ranker().release.ontology
    patient = describe(ontology, details.hpo, details.packet(), question.sex, question.age)
    exome = details.exome()
    asked = question_about(question, patient)
    here = gallery.pinned()
    view = here.view(asked)
    probes = [one for batch in here.probes(sources, as_one=as_one) for one in batch]
    match, answer = ask_fused(here, probes, asked, patient, exome)
    encoded, calibration = here.encoded(state=view.state), here.calibration(view.state)
    document = match_document(here.space, view, [match], encoded, calibration)
    if answer is not None:
        by: Literal["disorder", "gene"] = "gene" if question.by == "gene" else "disorder"
        fused = fused_form(answer, by)
        if fused["exome"] is not None:
            fused["exome"]["notes"] = list(map(text_in_fields, fused["exome"]["notes"]))
        document["probes"][0]["fused"] = fused
    return Answered(document, here, probes, [match], asked)


def explained(
    gallery: Gallery,
    sources: list[PhotoSource],
    patient: str | None,
    question: Question,
    wanted: str,
    *,
    as_one: bool,
) -> EvidenceDocument:
    """The photos behind a line, as `gestalt match --explain --json` gives them."""
    if (patient is None) != bool(sources):
        raise UsageError("Evidence is about photos, or about a patient.", "Give one of the two.")
    here = gallery.pinned()
    here.view(question)
    if patient is not None:
        asked = [here.stored_probe(patient)]
    else:
        asked = [one for batch in here.probes(sources, as_one=as_one) for one in batch]
    if len(asked) != 1:
        raise UsageError("Evidence is about one probe.", "Give one photo, or say as_one.")
    found = here.evidence(asked[0], question, wanted)
    encoded = here.encoded(photos=patient is None)
    return evidence_document(here.space, asked[0], wanted, found, encoded)


def found_faces(gallery: Gallery, sources: list[PhotoSource]) -> FacesDocument:
    """All faces of photos, or why there are none, as `gestalt faces --json` gives them."""
    return faces_document(gallery.pipeline.detector, faces_of(gallery, sources), ())


def faces_of(
    gallery: Gallery, sources: list[PhotoSource]
) -> list[tuple[str, tuple[Face, ...] | GestaltError]]:
    """All faces of photos by the photos' names, or why there are none."""
    pipeline, limits = gallery.pipeline, photo_limits(gallery.settings)
    found: list[tuple[str, tuple[Face, ...] | GestaltError]] = []
    for source in sources:
        try:
            found.append((source.name, every_face(source, pipeline.detectors, limits=limits)))
        except GestaltError as error:
            found.append((source.name, error))
    return found
