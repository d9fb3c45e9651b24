"""The page "Ask": photos in, a ranking out. Nothing of it is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import zip_longest
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, File, Form, Query, UploadFile
from markupsafe import Markup
from pydantic import BaseModel, Field, Json
from starlette.responses import Response

from gestalt_space.cohort.composite import FEWEST
from gestalt_space.documents.faces import faces_document
from gestalt_space.documents.matches import LineForm, MatchDocument
from gestalt_space.errors import GestaltError
from gestalt_space.faces.detection import FoundBefore
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from gestalt_space.phenotype.release import installed_ontology
from gestalt_space.service.asking import AskedSiteNames, sites_for, with_sites
from gestalt_space.service.configuration import MEGABYTE
from gestalt_space.service.patient_details import MOST_VCF_BYTES, DetailsOf, PatientDetails
from gestalt_space.service.questions import Asked
from gestalt_space.service.replies import DocumentReply
from gestalt_space.service.requests import Number, Text
from gestalt_space.service.routers.match import faces_of, matched, matched_with_details
from gestalt_space.service.uploads import MOST_FIELDS, photo_sources
from gestalt_space.service.web.assets import assets
from gestalt_space.service.web.averages import MOST_PATIENTS, average_face
from gestalt_space.service.web.finding import ShownFaces, shown_faces
from gestalt_space.service.web.page import Page, ReaderPage
from gestalt_space.service.web.report import nearest_pictures, probe_pictures
from gestalt_space.service.web.terms import Term, chosen_terms, further_terms, term_picture, terms
from gestalt_space.sites.site import Site
from gestalt_space.store.people import By
from gestalt_space.types import Face

router = APIRouter(include_in_schema=False)
STYLES = ("page.css", "service.css")
"""What a saved report looks by: files of ours, put into it as they are."""
FaceOrNone = Number | Literal[""]
"""Which face of a photo is meant; empty where none was chosen."""
_A_DAY = {"Cache-Control": "private, max-age=86400"}


@dataclass(frozen=True, slots=True)
class FilledForm:
    """What somebody asks: photos, a question about them, the terms that they noted, and what else
    they say of the patient, with these terms; `sites`: other hospitals to ask."""

    sources: list[PhotoSource]
    question: Question
    noted: list[Term]
    details: PatientDetails
    as_one: bool
    sites: tuple[Site, ...]


async def _filled_form(
    page: ReaderPage,
    question: Asked,
    details: DetailsOf,
    photo: Annotated[list[UploadFile], File()],
    face: Annotated[list[FaceOrNone], Form()] = [],  # noqa: B006 - FastAPI copies it
    found: Annotated[list[Json[ShownFaces | None]], Form()] = [],  # noqa: B006
    term: Annotated[list[str], Form()] = [],  # noqa: B006
    as_one: Annotated[bool, Form()] = False,
    ask: AskedSiteNames = [],  # noqa: B006
) -> FilledForm:
    sites = sites_for(page.reader, page.gallery, ask, question)
    noted = chosen_terms(term, page.language)
    before = [one.found() if one else None for one in found]
    sources = _with_faces(await photo_sources(photo), face, before)
    told = replace(details, hpo=tuple(one.id for one in noted))
    return FilledForm(sources, question, noted, told, as_one, sites)


Filled = Annotated[FilledForm, Depends(_filled_form)]


class Candidate(BaseModel):
    """A line of a ranking, as the page has it."""

    by: By
    id: str
    name: str
    patient: str
    photo: str | None
    rank: Number
    similarity: Annotated[float, Field(ge=-2, le=2)]


@router.get("/")
def ask(page: ReaderPage) -> Response:
    """The form of a question."""
    try:
        state = page.gallery.state()
        held = {"patients": state.totals("patient").patients, "photos": state.photos}
    except GestaltError:
        # An empty gallery: the form says so before anybody has chosen a photo.
        held = {"patients": 0, "photos": 0}
    ontology = installed_ontology()
    return page.show(
        "ask.html",
        held=held,
        terms=terms(page.language),
        release=ontology.release if ontology else None,
        reads_vcf=find_spec("cyvcf2") is not None,
        most_vcf=MOST_VCF_BYTES // MEGABYTE,
        sites=list(page.gallery.settings.sites),
    )


@router.post("/ask")
async def answer(page: ReaderPage, form: Filled) -> Response:
    """The ranking as a part of the page."""
    document = await _answered(page, form)

    def face_of(line: LineForm) -> str | None:
        return page.crop_of(line["patient"], line["photo"])

    return page.show(
        "answer.html",
        document=document,
        noted=form.noted,
        by=_ranked_by_face(form),
        face_of=face_of,
    )


@router.post("/ask/faces")
async def find(page: ReaderPage, photo: Annotated[list[UploadFile], File()]) -> DocumentReply:
    """The faces of photos, as `/api/v1/faces` lists them; `found`: what to send back of each."""
    sources = await photo_sources(photo)
    return DocumentReply(await page.parts.workshop.work(_found, page.gallery, sources))


@router.post("/ask/report")
async def report(page: ReaderPage, form: Filled) -> Response:
    """The ranking as a page of its own that holds all that it shows, to be saved."""
    document = await _answered(page, form)
    work = page.parts.workshop.work
    pictures = await work(probe_pictures, page.gallery, form.sources)
    faces = await work(nearest_pictures, page.gallery, document)
    return page.show(
        "report.html",
        document=document,
        noted=form.noted,
        by=_ranked_by_face(form),
        pictures=pictures,
        face_of=lambda line: faces.get((line["patient"], line["photo"])),
        styles=Markup("\n".join(assets()[name].decode() for name in STYLES)),  # noqa: S704
        made=datetime.now(UTC),
    )


@router.post("/ask/comparison")
def comparison(
    page: ReaderPage,
    line: Annotated[list[Json[Candidate]], Form(max_length=2)],
    place: Annotated[int, Form(ge=0, le=MOST_FIELDS)] = 0,
) -> Response:
    """Two lines of a ranking beside the photo, which stays with the reader."""
    return page.show("comparison.html", lines=line, place=place, fewest=FEWEST, most=MOST_PATIENTS)


@router.get("/ask/composite")
async def composite(page: ReaderPage, disorder: str) -> Response:
    """The average face of a disorder's patients."""
    png = await page.parts.workshop.work(average_face, page.gallery, disorder)
    return Response(png, media_type="image/png")


@router.get("/ask/terms")
def find_terms(page: ReaderPage, search: Annotated[Text, Query()] = "") -> Response:
    """Terms without a simulated face that fit a search, as lines of the list."""
    return page.show("terms.html", terms=further_terms(search))


@router.get("/ask/terms/{term}")
def term_face(_: ReaderPage, term: str) -> Response:
    """A simulated face that shows a term."""
    return Response(term_picture(term), headers=_A_DAY, media_type="image/jpeg")


async def _answered(page: Page, form: FilledForm) -> MatchDocument:
    work, asked = page.parts.workshop.work, (page.gallery, form.sources, form.question)
    if _is_fused(form):
        answered = await work(matched_with_details, *asked, form.details, as_one=form.as_one)
    else:
        answered = await work(matched, *asked, as_one=form.as_one)
    return await with_sites(answered, form.sites)


def _is_fused(form: FilledForm) -> bool:
    """Whether all is ranked by together: with terms, if they are of one patient and HPO is
    installed. A phenopacket and a VCF are never passed over."""
    if form.details.phenopacket is not None or form.details.vcf is not None:
        return True
    is_one = form.as_one or len(form.sources) == 1
    return bool(
        form.noted and is_one and form.question.by != "patient" and installed_ontology() is not None
    )


def _ranked_by_face(form: FilledForm) -> By:
    """What the table by the photo alone ranks: with terms, disorders."""
    return "disorder" if _is_fused(form) else form.question.by


def _found(gallery: Gallery, sources: list[PhotoSource]) -> dict[str, object]:
    found = faces_of(gallery, sources)
    document = faces_document(gallery.pipeline.detector, found, ())
    told = [
        {**one, "found": None if isinstance(faces, GestaltError) else _shown(source, faces)}
        for one, source, (_, faces) in zip(document["photos"], sources, found, strict=True)
    ]
    return {**document, "photos": told}


def _shown(source: PhotoSource, faces: Sequence[Face]) -> dict[str, object] | None:
    assert isinstance(source.data, bytes), "photos of a request are in memory"  # noqa: S101
    return shown_faces(hashlib.sha256(source.data).hexdigest(), faces)


def _with_faces(
    sources: list[PhotoSource], face: list[FaceOrNone], found: list[FoundBefore | None]
) -> list[PhotoSource]:
    """Photos with the face that was chosen in each, in their order, the largest where none was; and
    with the faces that were found in each before."""
    return [
        replace(source, face=number or None, found=before)
        for source, number, before in zip_longest(sources, face, found)
        if source is not None
    ]
