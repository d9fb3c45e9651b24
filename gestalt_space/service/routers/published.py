"""The addresses of GestaltMatcher's published service, so that its clients work unchanged: a photo
as base64 in JSON, HTTP Basic, and its replies to the letter.

It answers failures with 200 and a message, and so does this, unless the service is strict.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, File, UploadFile
from starlette.responses import Response
from typing_extensions import TypedDict

from gestalt_space.descriptors import to_slots
from gestalt_space.documents.reply import ReplyDocument
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.errors import (
    FaceError,
    Fault,
    GalleryEmpty,
    GestaltError,
    NotAllowed,
    PhotoError,
    UsageError,
)
from gestalt_space.faces.crops import crop_to_png
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.interop.encodings import HEADER, published_slots
from gestalt_space.interop.gestaltmatcher import service_reply
from gestalt_space.match.question import Question
from gestalt_space.service.dependencies import Parts, PartsOf, ReaderGallery
from gestalt_space.service.replies import ERRORS, DocumentReply
from gestalt_space.service.uploads import photo_sources
from gestalt_space.types import Descriptors, Face

router = APIRouter(tags=["GestaltMatcher"], responses=ERRORS)

NAME = "input"
"""What the published service calls the photo that it is sent."""
ALIGNMENT, ENCODING, EVALUATION = "Face alignment error.", "Encoding error.", "Evaluation error."


class Image(TypedDict):
    """A photo: base64, as it stands in a file."""

    img: str


class CropReply(TypedDict):
    """The aligned face as PNG in base64."""

    crop: str


class EncodingsReply(TypedDict):
    """The slots of a face: columns by name, their values by the number of the row."""

    encodings: dict[str, dict[str, Any]]


class StatusReply(TypedDict):
    """Whether the service runs."""

    status: str


@router.get("/status", response_model=StatusReply)
async def status() -> DocumentReply:
    """The service runs."""
    return DocumentReply({"status": "running"})


@router.post("/predict", response_model=ReplyDocument)
async def predict(gallery: ReaderGallery, parts: PartsOf, image: Image) -> Response:
    """All disorders and genes of the gallery, the nearest first; the distance is 1 - similarity."""
    return await _answered(parts, EVALUATION, lambda: _predicted(gallery, _source(image)))


@router.post("/crop", response_model=CropReply)
async def crop(gallery: ReaderGallery, parts: PartsOf, image: Image) -> Response:
    """The aligned face of a photo."""
    return await _answered(parts, ALIGNMENT, lambda: _cropped(gallery, _source(image)))


@router.post("/encode", response_model=EncodingsReply)
async def encode(gallery: ReaderGallery, parts: PartsOf, image: Image) -> Response:
    """The descriptors of a photo's face, where the service may give them away."""
    return await _answered(parts, ENCODING, lambda: _encoded(gallery, parts, _source(image)))


@router.post("/encode_file", response_model=EncodingsReply)
async def encode_file(
    gallery: ReaderGallery, parts: PartsOf, file: Annotated[UploadFile, File()]
) -> Response:
    """The same for a photo as a file."""
    (source,) = await photo_sources([file])
    return await _answered(
        parts, ENCODING, lambda: _encoded(gallery, parts, replace(source, name=NAME))
    )


async def _answered(parts: Parts, failure: str, answer: Callable[[], Any]) -> Response:
    try:
        return DocumentReply(await parts.workshop.work(answer))
    except (NotAllowed, UsageError):
        # Nobody's client sends these to the published service.
        raise
    except GestaltError as error:
        if parts.options.strict_status:
            raise
        is_of_photo = isinstance(error, PhotoError | FaceError)
        return DocumentReply({"message": ALIGNMENT if is_of_photo else failure})


def _source(image: Image) -> PhotoSource:
    text = image["img"].partition(",")[2] if image["img"].startswith("data:") else image["img"]
    try:
        return PhotoSource(NAME, base64.b64decode(text, validate=True), largest=True)
    except ValueError as error:  # as binascii.Error is, and what other letters raise
        raise UsageError("`img` is not base64.", "Encode the bytes of the file.") from error


def _predicted(gallery: Gallery, source: PhotoSource) -> ReplyDocument:
    here = gallery.pinned()
    view = here.view()
    everything = Question(k=view.state.totals("disorder").lines)
    probes = [probe for batch in here.probes([source]) for probe in batch]
    view, (disorders,) = here.answer(probes, everything)
    if disorders.error is not None:
        raise disorders.error
    try:
        genes = Question(k=max(1, view.state.totals("gene").lines), by="gene")
        _, (found,) = here.answer(probes, genes)
        lines = found.lines
    except GalleryEmpty:  # a gallery may well have no genes
        lines = ()
    return service_reply(here.space, view, disorders.lines, lines)


def _cropped(gallery: Gallery, source: PhotoSource) -> CropReply:
    face, _ = _described(gallery, source)
    return {"crop": base64.b64encode(crop_to_png(face.crop)).decode()}


def _encoded(gallery: Gallery, parts: Parts, source: PhotoSource) -> EncodingsReply:
    if not parts.options.descriptors:
        raise NotAllowed(
            "This service gives no descriptors away: they can identify a person.",
            "An admin starts it with --allow-descriptors where a program needs them.",
        )
    here = gallery.pinned()
    _, descriptor = _described(here, source)
    spec = encoder_spec(here.space.model)
    slots = to_slots(descriptor[None], len(spec.slots))[0]
    rows: list[tuple[Any, ...]] = [
        (NAME, model, int(flip), int(grey), [], vector.tolist())
        for (model, flip, grey), vector in zip(published_slots(spec.slots), slots, strict=True)
    ]
    columns = zip(HEADER, zip(*rows, strict=True), strict=True)
    return {
        "encodings": {
            name: {str(row): value for row, value in enumerate(values)} for name, values in columns
        }
    }


def _described(gallery: Gallery, source: PhotoSource) -> tuple[Face, Descriptors]:
    """The face of a photo, and its descriptor `(d,)`. Raises the photo's own error."""
    ((result,),) = gallery.pipeline.run([source])
    if result.face is None or result.descriptor is None:
        raise result.error or Fault("The photo gave no descriptor.", "Report it.")
    return result.face, result.descriptor
