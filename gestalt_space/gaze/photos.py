"""The photos that media are, and their aligned faces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.faces.alignment import TEMPLATE, similarity_transform
from gestalt_space.faces.photos import PhotoLimits
from gestalt_space.gallery.models import Detectors
from gestalt_space.gallery.pipeline import PhotoSource, find_all_faces
from gestalt_space.gaze.types import Floats
from gestalt_space.names import likeness
from gestalt_space.paths import display_name
from gestalt_space.types import Pixels


@dataclass(frozen=True, slots=True)
class SeenPhoto:
    """A photo that readers saw. `width`, `height`: in its own pixels; `matrix` `(2, 3)`: from the
    middles of its pixels to those of the aligned face, None where it has no face, and `reason` says
    why; `crop`: the aligned face."""

    medium: str
    path: Path
    width: int
    height: int
    matrix: NDArray[np.float64] | None
    reason: str = ""
    crop: Pixels | None = None

    def aligned(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Pixels of the photo as pixels of the aligned face; the first one is the square from 0
        to 1 in both."""
        assert self.matrix is not None  # noqa: S101 - photos without a face are left out
        (a, b, c), (d, e, f) = self.matrix
        x, y = x - 0.5, y - 0.5
        return a * x + b * y + c + 0.5, d * x + e * y + f + 0.5


def match_photos(media: Iterable[str], photos: Sequence[Path]) -> dict[str, Path]:
    """The photo of each medium, by its file's name, with or without the ending; media without a
    photo are not in it. Raises `UsageError` where several photos have that name."""
    by_name: dict[str, list[Path]] = {}
    by_stem: dict[str, list[Path]] = {}
    for path in photos:
        by_name.setdefault(likeness(path.name), []).append(path)
        by_stem.setdefault(likeness(path.stem), []).append(path)
    found = {}
    for medium in media:
        name = medium.replace("\\", "/").rpartition("/")[2]
        stem = name.rpartition(".")[0] or name
        fitting = (
            by_name.get(likeness(name))
            or by_stem.get(likeness(name))
            or by_stem.get(likeness(stem))
        )
        if fitting and len(fitting) > 1:
            listed = ", ".join(display_name(path) for path in fitting)
            raise UsageError(
                f"Several photos could be the medium {medium}: {listed}.",
                "Keep the one that was shown in the folder, or give them the names of the media.",
            )
        if fitting:
            found[medium] = fitting[0]
    return found


def find_faces_of(
    photos: dict[str, Path], detectors: Detectors, limits: PhotoLimits
) -> dict[str, SeenPhoto]:
    """The largest face of each photo, by medium."""
    sources = [PhotoSource(display_name(path), path, largest=True) for path in photos.values()]
    found = find_all_faces(sources, detectors, limits=limits)
    seen = {}
    for medium, result in zip(photos, found, strict=True):
        matrix, reason, crop = None, "", None
        if result.face is not None:
            crop = result.face.crop
            matrix = similarity_transform(result.face.landmarks, TEMPLATE)
        elif result.error is not None:
            reason = result.error.message
        seen[medium] = SeenPhoto(
            medium, photos[medium], result.width, result.height, matrix, reason, crop
        )
    return seen
