"""Rank rare genetic disorders from a photo of a face.

The public names are resolved when they are first used, so that `import gestalt_space` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gestalt_space.errors import GestaltError
    from gestalt_space.faces.photos import read_photo
    from gestalt_space.gallery.intake import Intake
    from gestalt_space.gallery.options import PhotoOptions
    from gestalt_space.gallery.pipeline import PhotoSource
    from gestalt_space.gallery.storing import Added, AddedPhotos
    from gestalt_space.home import Gallery
    from gestalt_space.match.answer import Match, MatchLine
    from gestalt_space.match.evidence import Evidence
    from gestalt_space.match.filters import PatientFilter, parse_filter
    from gestalt_space.match.probe import Probe
    from gestalt_space.match.question import Question
    from gestalt_space.settings import Settings, load_settings
    from gestalt_space.store.reads import PatientRecord
    from gestalt_space.types import Disorder, Face, Photo, PhotoRecord
    from gestalt_space.weights.store import ModelStore

__version__ = "0.1.0"

_HOMES = {
    "Added": "gestalt_space.gallery.storing",
    "AddedPhotos": "gestalt_space.gallery.storing",
    "Disorder": "gestalt_space.types",
    "Evidence": "gestalt_space.match.evidence",
    "Face": "gestalt_space.types",
    "Gallery": "gestalt_space.home",
    "GestaltError": "gestalt_space.errors",
    "Intake": "gestalt_space.gallery.intake",
    "Match": "gestalt_space.match.answer",
    "MatchLine": "gestalt_space.match.answer",
    "ModelStore": "gestalt_space.weights.store",
    "PatientFilter": "gestalt_space.match.filters",
    "PatientRecord": "gestalt_space.store.reads",
    "Photo": "gestalt_space.types",
    "PhotoOptions": "gestalt_space.gallery.options",
    "PhotoRecord": "gestalt_space.types",
    "PhotoSource": "gestalt_space.gallery.pipeline",
    "Probe": "gestalt_space.match.probe",
    "Question": "gestalt_space.match.question",
    "Settings": "gestalt_space.settings",
    "load_settings": "gestalt_space.settings",
    "parse_filter": "gestalt_space.match.filters",
    "read_photo": "gestalt_space.faces.photos",
}

__all__ = [
    "Added",
    "AddedPhotos",
    "Disorder",
    "Evidence",
    "Face",
    "Gallery",
    "GestaltError",
    "Intake",
    "Match",
    "MatchLine",
    "ModelStore",
    "PatientFilter",
    "PatientRecord",
    "Photo",
    "PhotoOptions",
    "PhotoRecord",
    "PhotoSource",
    "Probe",
    "Question",
    "Settings",
    "__version__",
    "load_settings",
    "parse_filter",
    "read_photo",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
