"""Rank rare genetic disorders from a photo of a face.

The public names are resolved when they are first used, so that `import gestalt_space` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gestalt_space.errors import GestaltError
    from gestalt_space.faces.photos import read_photo
    from gestalt_space.home import Gallery
    from gestalt_space.settings import Settings, load_settings
    from gestalt_space.types import Disorder, Face, Photo, PhotoRecord
    from gestalt_space.weights.store import ModelStore

__version__ = "0.1.0"

_HOMES = {
    "Disorder": "gestalt_space.types",
    "Face": "gestalt_space.types",
    "Gallery": "gestalt_space.home",
    "GestaltError": "gestalt_space.errors",
    "ModelStore": "gestalt_space.weights.store",
    "Photo": "gestalt_space.types",
    "PhotoRecord": "gestalt_space.types",
    "Settings": "gestalt_space.settings",
    "load_settings": "gestalt_space.settings",
    "read_photo": "gestalt_space.faces.photos",
}

__all__ = [
    "Disorder",
    "Face",
    "Gallery",
    "GestaltError",
    "ModelStore",
    "Photo",
    "PhotoRecord",
    "Settings",
    "__version__",
    "load_settings",
    "read_photo",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
