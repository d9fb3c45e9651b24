"""What changes patients who are there: removals, moves, merges, splits, consents and undos. Each is
a resource that is made, as the command of its name does it."""

from __future__ import annotations

from fastapi import APIRouter

from gestalt_space.documents.corrected import CorrectedDocument, corrected_document
from gestalt_space.documents.filled import RemovedDocument, removed_document
from gestalt_space.errors import UsageError
from gestalt_space.gallery.correcting import Correction
from gestalt_space.gallery.intake.given import correction_of, given_cells
from gestalt_space.service.dependencies import CuratorGallery
from gestalt_space.service.replies import ERRORS, DocumentReply
from gestalt_space.service.requests import Consent, Merge, Move, Removal, Split, Undo

router = APIRouter(prefix="/api/v1", tags=["corrections"], responses=ERRORS)


@router.post("/removals", response_model=RemovedDocument)
def remove(gallery: CuratorGallery, asked: Removal) -> DocumentReply:
    """Remove patients with all their photos, or single photos. There is no way back."""
    if not (asked.patients or asked.photos):
        raise UsageError("Nothing to remove was named.", "Name patients or photos.")
    gone = gallery.remove(patients=asked.patients, photos=asked.photos, photos_of=asked.of)
    return DocumentReply(removed_document(gone))


@router.post("/moves", response_model=CorrectedDocument)
def move(gallery: CuratorGallery, asked: Move) -> DocumentReply:
    """Move a photo that was filed under the wrong patient."""
    return _corrected(gallery.move_photo(asked.photo, of=asked.of, to=asked.to))


@router.post("/merges", response_model=CorrectedDocument)
def merge(gallery: CuratorGallery, asked: Merge) -> DocumentReply:
    """Merge two patients who are one person."""
    return _corrected(gallery.merge(asked.into, asked.other, keep=asked.keep))


@router.post("/splits", response_model=CorrectedDocument)
def split(gallery: CuratorGallery, asked: Split) -> DocumentReply:
    """Split a patient who is two persons."""
    return _corrected(gallery.split(asked.patient, asked.photos, to=asked.to))


@router.post("/consents", response_model=CorrectedDocument)
def consent(gallery: CuratorGallery, asked: Consent) -> DocumentReply:
    """Say what a patient consented to, or that consent is withdrawn."""
    cells = given_cells(hpo=(), hpo_absent=(), consent=asked.consent)
    told, _ = correction_of(cells, asked.patient, (), ())
    done = gallery.set_facts(told.record)
    return _corrected(done, told.notes)


@router.post("/undos", response_model=CorrectedDocument)
def undo(gallery: CuratorGallery, asked: Undo) -> DocumentReply:
    """Take back the newest correction that is not undone yet, or the one of an event."""
    return _corrected(
        gallery.undo(asked.event, consent_again=asked.consent_again, expected=asked.expected)
    )


def _corrected(done: Correction, notes: tuple[str, ...] = ()) -> DocumentReply:
    return DocumentReply(corrected_document(done, tuple(dict.fromkeys((*notes, *done.notes)))))
