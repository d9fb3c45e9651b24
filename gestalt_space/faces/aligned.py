"""Photos that are aligned crops already: the whole picture is the face, in the ArcFace template."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gestalt_space.errors import NoFace
from gestalt_space.faces.alignment import SIZE, TEMPLATE
from gestalt_space.types import Detection, Photo


class AlignedDetector:
    """Takes a square photo as one aligned face; a 112 × 112 one is kept to the pixel."""

    name = "aligned"

    def find(self, photo: Photo) -> Sequence[Detection]:
        """The one face that the photo is. Raises `NoFace` where the photo is not square."""
        height, width = photo.pixels.shape[:2]
        if height != width:
            raise NoFace(
                f"The photo is {width} × {height} pixels, but an aligned crop must be square.",
                "For photos that are not aligned, leave out `--detector aligned`.",
            )
        scale = width / SIZE
        # The middle of a pixel stays the middle of a pixel.
        landmarks = (TEMPLATE + 0.5) * scale - 0.5 if width != SIZE else TEMPLATE
        return [
            Detection(
                box=np.array([0, 0, width, height], dtype=np.float32),
                landmarks=np.asarray(landmarks, dtype=np.float32),
                score=1.0,
                step="aligned",
            )
        ]
