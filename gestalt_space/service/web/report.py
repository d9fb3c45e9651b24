"""The pictures of a saved report, as the page itself has to hold them."""

from __future__ import annotations

import base64
from contextlib import suppress

from gestalt_space.documents.matches import MatchDocument
from gestalt_space.errors import GestaltError
from gestalt_space.faces.crops import crop_to_png
from gestalt_space.gallery.opened import photo_limits
from gestalt_space.gallery.pipeline import PhotoSource, every_face
from gestalt_space.home import Gallery

MOST_FACES = 25
"""Lines of a ranking whose nearest patient's face is shown."""


def probe_pictures(gallery: Gallery, sources: list[PhotoSource]) -> list[str | None]:
    """The face that was asked about in each photo, in the order of the photos, as the address of an
    image that holds it; None for a photo without one."""
    found: list[str | None] = [None] * len(sources)
    limits = photo_limits(gallery.settings)
    for place, source in enumerate(sources):
        with suppress(GestaltError, StopIteration):
            faces = every_face(source, gallery.pipeline.detectors, limits=limits)
            chosen = next(one for one in faces if one.number == (source.face or 1))
            found[place] = data_address(crop_to_png(chosen.crop))
    return found


def nearest_pictures(gallery: Gallery, document: MatchDocument) -> dict[tuple[str, str], str]:
    """The faces of the nearest patients, by patient and photo, where they may be shown."""
    found: dict[tuple[str, str], str] = {}
    for probe in document["probes"]:
        lines = probe.get("disorders") or probe.get("genes") or probe.get("patients") or []
        for line in lines[:MOST_FACES]:
            patient, photo = line["patient"], line["photo"]
            if photo is None or (patient, photo) in found:
                continue
            # Not kept, or not to be shown.
            with suppress(GestaltError):
                found[patient, photo] = data_address(gallery.look_at_crop(patient, photo))
    return found


def data_address(png: bytes) -> str:
    """The address of a PNG that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
