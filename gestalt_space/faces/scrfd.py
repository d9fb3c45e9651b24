"""The SCRFD detector of an InsightFace pack, run by insightface itself (Guo 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gestalt_space.devices import Device, check_provider, providers, session_options
from gestalt_space.errors import ModelDamaged
from gestalt_space.faces.ladder import Scores, climb
from gestalt_space.paths import plain_path
from gestalt_space.types import Detection, Photo, Pixels

LEAST_SCORE = 0.5
SCORES = Scores(enough=LEAST_SCORE, sure=0.75, tiled=0.6, turned=0.6)
"""What InsightFace finds in the photo is taken. Below `sure`, it may stand on its head or lie."""
INPUT_SIZES = [(128, 128), (640, 640)]
"""Sizes that InsightFace's own `FaceAnalysis` looks at, where the model leaves the size open."""
VIEW = 960
"""Side of the pictures that the ladder makes for it. Shown in 640, faces of 40 pixels are still
found, at half the cost of pictures of 640."""


class ScrfdDetector:
    """SCRFD through `insightface.model_zoo`, with its own letterbox and thresholds."""

    def __init__(self, path: Path, *, device: Device = "auto", threads: int | None = None) -> None:
        from insightface.model_zoo import get_model

        self.name = "scrfd"
        wanted = providers(device)
        try:
            with plain_path(path) as name:
                self._model = get_model(
                    name, providers=wanted, sess_options=session_options(threads)
                )
        except Exception as error:  # ONNX Runtime has no common base of its errors
            raise ModelDamaged(
                f"{path.name} cannot be opened as a SCRFD model.",
                f"Run `gestalt models verify {path.parent.name}`.",
            ) from error
        check_provider(self._model.session, device)
        self._model.prepare(0, input_size=INPUT_SIZES, det_thresh=LEAST_SCORE)

    def find(self, photo: Photo) -> Sequence[Detection]:
        """All faces with a score of 0.5 or more."""
        return climb(photo.pixels, self._detect, SCORES, view=VIEW)

    def _detect(self, pixels: Pixels) -> list[Detection]:
        boxes, landmarks = self._model.detect(np.ascontiguousarray(pixels[:, :, ::-1]))
        return [
            Detection(box[:4].astype(np.float32), points.astype(np.float32), float(box[4]))
            for box, points in zip(boxes, landmarks, strict=True)
        ]
