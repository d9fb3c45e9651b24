"""What curators do on the page of a patient: facts are corrected, corrections are taken back, and
photos or the patient leave."""

from __future__ import annotations

import base64
import json
from typing import Annotated

from fastapi import APIRouter, Form
from pydantic import BaseModel
from starlette.responses import Response

from gestalt_space.documents.receipts import receipt_document
from gestalt_space.errors import NotInGallery
from gestalt_space.service.requests import Name, Number, Text
from gestalt_space.service.web.facts import changed_facts, photo_facts, shown_facts
from gestalt_space.service.web.page import CuratorPage

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


@router.post("/undo")
def undo(
    page: CuratorPage,
    event: Annotated[Number, Form()],
    patient: Annotated[Name, Form()],
    consent: Annotated[bool, Form()] = False,
) -> Response:
    """Take a correction back; `consent`: also where the patient's consent comes back by it."""
    page.gallery.undo(event, consent_again=[patient] if consent else [])
    return Response(status_code=204)


@router.post("/removal")
def remove(
    page: CuratorPage, patient: Annotated[Name, Form()], photo: Annotated[Text, Form()] = ""
) -> Response:
    """Remove a photo by its sha256, or the patient."""
    if photo:
        page.gallery.remove(photos=[photo], photos_of=[patient])
    else:
        page.gallery.remove(patients=[patient])
    return Response(status_code=204)


@router.post("/erasure")
def erase(
    page: CuratorPage,
    patient: Annotated[Name, Form()],
    named: Annotated[bool, Form()] = False,
) -> Response:
    """Erase a patient; the answer holds the receipt, which is kept nowhere else."""
    receipt = receipt_document(page.gallery.erase([patient], name_patients=named))
    text = json.dumps(receipt, ensure_ascii=False, indent=2).encode()
    address = f"data:application/json;base64,{base64.b64encode(text).decode('ascii')}"
    return page.show("erased.html", receipt=receipt, address=address)
