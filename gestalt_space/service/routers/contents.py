"""What there is beside patients: statistics, spaces and models."""

from __future__ import annotations

from fastapi import APIRouter

from gestalt_space.documents.contents import ContentsDocument, contents_document
from gestalt_space.documents.models import ModelsDocument, models_document
from gestalt_space.documents.spaces import (
    SpacesDocument,
    SpaceUsedDocument,
    space_used_document,
    spaces_document,
)
from gestalt_space.service.dependencies import AdminGallery, ReaderGallery
from gestalt_space.service.replies import ERRORS, DocumentReply
from gestalt_space.service.requests import SpaceChoice
from gestalt_space.weights.catalogue import CATALOGUE

router = APIRouter(prefix="/api/v1", tags=["gallery"], responses=ERRORS)


@router.get("/statistics", response_model=ContentsDocument)
def statistics(gallery: ReaderGallery) -> DocumentReply:
    """Count what the gallery holds, and what its descriptors were made with."""
    return DocumentReply(contents_document(gallery.stats()))


@router.get("/models", response_model=ModelsDocument)
def models(gallery: ReaderGallery) -> DocumentReply:
    """List the models installed, the built-in ones, and those that can be fetched by name."""
    installed, damaged = gallery.models.sound_models(), gallery.models.damaged()
    names = {model.name for model in installed}
    offered = [entry for entry in CATALOGUE if entry.name not in names]
    return DocumentReply(models_document(installed, damaged, offered))


@router.get("/spaces", response_model=SpacesDocument)
def spaces(gallery: ReaderGallery) -> DocumentReply:
    """List the spaces of the gallery."""
    return DocumentReply(spaces_document(gallery.spaces()))


@router.put("/spaces/default", response_model=SpaceUsedDocument)
def use_space(gallery: AdminGallery, asked: SpaceChoice) -> DocumentReply:
    """Work in another space of the gallery from now on."""
    return DocumentReply(space_used_document(gallery.use_space(asked.name, partly=asked.partly)))
