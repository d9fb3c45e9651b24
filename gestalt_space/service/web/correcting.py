"""What curators do on the page of a patient: facts are corrected, photos go to another patient,
patients are merged and split, corrections are taken back, and photos or the patient leave."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Query
from pydantic import BaseModel
from starlette.responses import Response

from gestalt_space.documents.receipts import receipt_document
from gestalt_space.errors import NotInGallery, UsageError
from gestalt_space.gallery.correcting import Correction
from gestalt_space.service.requests import Name, Names, Number, Text
from gestalt_space.service.web.facts import changed_facts, photo_facts, shown_facts
from gestalt_space.service.web.history import told
from gestalt_space.service.web.page import CuratorPage, Page
from gestalt_space.service.web.terms import patient_terms
from gestalt_space.service.web.words import N_
from gestalt_space.store.versions import version_of
from gestalt_space.types import WITHDRAWN

router = APIRouter(prefix="/gallery", include_in_schema=False)


class FactsForm(BaseModel):
    """All facts of a patient, as they stand in the form; `version`: of the patient it shows."""

    patient: Name
    version: Text
    disorder: Text = ""
    disorder_name: Text = ""
    genes: Text = ""
    sex: Text = ""
    ancestry: Text = ""
    cohort: Text = ""
    family: Text = ""
    hpo: Text = ""
    consent: Text = ""


class PhotoForm(BaseModel):
    """The facts of a photo, by its sha256."""

    patient: Name
    version: Text
    photo: Name
    age: Text = ""
    site: Text = ""


class MoveForm(BaseModel):
    """A photo, by its sha256, that is another patient's."""

    patient: Name
    version: Text
    photo: Name
    to: Name


class MergeForm(BaseModel):
    """Another patient who is the same person; `keep`: whose facts stay where they contradict."""

    patient: Name
    version: Text
    other: Name
    other_version: Text
    keep: Literal["", "this", "other"] = ""


class SplitForm(BaseModel):
    """Photos, by their sha256, of a new patient."""

    patient: Name
    version: Text
    photo: Names = []
    to: Name


@router.post("/facts")
def correct(page: CuratorPage, form: Annotated[FactsForm, Form()]) -> Response:
    """Correct the facts of a patient whom nobody else changed since."""
    was = page.gallery.patient(form.patient)
    given = form.model_dump(exclude={"patient", "version"})
    told, clear = changed_facts(form.patient, shown_facts(was), given)
    page.gallery.set_facts(told.record, clear=clear, version=form.version)
    return Response(status_code=204)


@router.post("/photo")
def correct_photo(page: CuratorPage, form: Annotated[PhotoForm, Form()]) -> Response:
    """Correct the facts of a photo."""
    photos = page.gallery.patient(form.patient).photos
    was = next((one for one in photos if one.sha256 == form.photo), None)
    if was is None:
        raise NotInGallery("There is no such photo of this patient.", "Load the page again.")
    given = form.model_dump(include={"age", "site"})
    told, clear = changed_facts(form.patient, photo_facts(was), given)
    page.gallery.set_facts(told.record, photo=form.photo, clear=clear, version=form.version)
    return Response(status_code=204)


@router.post("/move")
def move_photo(page: CuratorPage, form: Annotated[MoveForm, Form()]) -> Response:
    """Move a photo to another patient."""
    done = page.gallery.move_photo(form.photo, of=form.patient, to=form.to, version=form.version)
    return _corrected(page, N_("The photo is moved."), done, (form.patient, form.to))


@router.get("/merging")
def look_at_both(
    page: CuratorPage, patient: Annotated[Name, Query()], other: Annotated[Name, Query()]
) -> Response:
    """Two patients beside each other, to be merged as they are shown."""
    both = [page.gallery.look_at(one) for one in (patient, other)]
    if both[0].patient == both[1].patient:
        raise UsageError(f"{both[0].patient!r} is this patient.", "Name the other one of the two.")
    return page.show(
        "merging.html",
        both=[(one, version_of(one), patient_terms(one, page.language)) for one in both],
        withdrawn=WITHDRAWN,
    )


@router.post("/merge")
def merge(page: CuratorPage, form: Annotated[MergeForm, Form()]) -> Response:
    """Merge another patient into this one."""
    keep = {"": None, "this": form.patient, "other": form.other}[form.keep]
    versions = {form.patient: form.version, form.other: form.other_version}
    done = page.gallery.merge(form.patient, form.other, keep=keep, versions=versions)
    return _corrected(page, N_("The patients are merged."), done, (form.patient,))


@router.post("/split")
def split(page: CuratorPage, form: Annotated[SplitForm, Form()]) -> Response:
    """Let some photos of a patient be those of a new one."""
    done = page.gallery.split(form.patient, form.photo, to=form.to, version=form.version)
    return _corrected(page, N_("The patient is split."), done, (form.patient, form.to))


@router.post("/undo")
def undo(
    page: CuratorPage,
    event: Annotated[Number, Form()],
    patient: Annotated[Name, Form()],
    consent: Annotated[bool, Form()] = False,
) -> Response:
    """Take a correction back; `consent`: also where the patient's consent comes back by it."""
    page.gallery.undo(event, consent_again=[patient] if consent else [])
    # A patient whom the correction made is gone with it.
    onward = _address_of(page, patient) if _is_there(page, patient) else page.url("/gallery")
    return Response(status_code=204, headers={"Location": onward})


@router.post("/removal")
def remove(
    page: CuratorPage,
    patient: Annotated[Name, Form()],
    version: Annotated[Text, Form()],
    photo: Annotated[Text, Form()] = "",
) -> Response:
    """Remove a photo by its sha256, or the patient."""
    versions = {patient: version}
    if photo:
        page.gallery.remove(photos=[photo], photos_of=[patient], versions=versions)
    else:
        page.gallery.remove(patients=[patient], versions=versions)
    return Response(status_code=204)


@router.post("/erasure")
def erase(
    page: CuratorPage,
    patient: Annotated[Name, Form()],
    version: Annotated[Text, Form()],
    named: Annotated[bool, Form()] = False,
) -> Response:
    """Erase a patient; the answer holds the receipt, which is kept nowhere else."""
    erased = page.gallery.erase([patient], name_patients=named, versions={patient: version})
    receipt = receipt_document(erased)
    text = json.dumps(receipt, ensure_ascii=False, indent=2).encode()
    address = f"data:application/json;base64,{base64.b64encode(text).decode('ascii')}"
    return page.show("erased.html", receipt=receipt, address=address)


def _corrected(page: Page, title: str, done: Correction, patients: Sequence[str]) -> Response:
    """What a correction did, with the way to the patients who are still there."""
    there = [(one, _address_of(page, one)) for one in patients if _is_there(page, one)]
    changes = [told(one, page.language) for one in done.changes]
    return page.show(
        "corrected.html", title=title, changes=changes, notes=done.notes, patients=there
    )


def _is_there(page: Page, patient: str) -> bool:
    with suppress(NotInGallery):
        return bool(page.gallery.patient(patient))
    return False


def _address_of(page: Page, patient: str) -> str:
    return f"{page.url('/gallery/patient')}?patient={quote(patient, safe='')}"
