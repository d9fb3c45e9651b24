"""`/api/v1/erasures`: patients leave every file, and the answer has the receipt."""

from __future__ import annotations

from fastapi import APIRouter

from gestalt_space.documents.access import ErasuresDocument, erasures_document
from gestalt_space.documents.receipts import ErasedDocument, erased_document
from gestalt_space.errors import UsageError
from gestalt_space.service.dependencies import CuratorGallery
from gestalt_space.service.replies import ERRORS, DocumentReply
from gestalt_space.service.requests import Erasure

router = APIRouter(prefix="/api/v1", tags=["erasures"], responses=ERRORS)


@router.get("/erasures", response_model=ErasuresDocument)
def begun_erasures(gallery: CuratorGallery) -> DocumentReply:
    """List the erasures that were begun and are not done yet."""
    return DocumentReply(erasures_document(gallery.begun_erasures()))


@router.post("/erasures", response_model=ErasedDocument)
def erase(gallery: CuratorGallery, asked: Erasure) -> DocumentReply:
    """Erase patients from every file, search the files for them, and answer with the receipt.

    Where something still holds a file the answer is 409, the erasure is remembered, and `resume`
    brings it to its end.
    """
    if asked.resume == bool(asked.patients):
        raise UsageError(
            "Either patients to erase or `resume` is needed.", "Name patients, or say resume."
        )
    if asked.resume:
        return DocumentReply(erased_document(gallery.resume_erasures()))
    # The receipt is this answer: no file is written.
    done = gallery.erase(asked.patients, name_patients=asked.name_patients)
    return DocumentReply(erased_document([done]))
