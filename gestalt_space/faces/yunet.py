"""The YuNet detector, run by OpenCV (Wu 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from gestalt_space.errors import ModelUnsuitable
from gestalt_space.faces.ladder import Scores, climb
from gestalt_space.faces.opencv import no_notices
from gestalt_space.types import Detection, Photo, Pixels

LEAST_SCORE = 0.6
SCORES = Scores(enough=0.92, sure=0.92, tiled=0.9, turned=0.8)
"""`enough` is a little over OpenCV's own threshold. Below it, a face that lies on its side may have
been taken for an upright one, with landmarks that are wrong: the other rungs are looked at too."""
OVERLAP = 0.3
MOST_CANDIDATES = 5000
LARGEST_SIDE = 640
"""Larger photos are looked at in this size: YuNet was trained on faces of 10 to 300 pixels."""


class YunetDetector:
    """YuNet through `cv2.FaceDetectorYN`."""

    def __init__(self, path: Path) -> None:
        self.name = "yunet"
        self._net = _open(path)

    def find(self, photo: Photo) -> Sequence[Detection]:
        """All faces with a score of 0.6 or more."""
        return climb(photo.pixels, self.look, SCORES, view=LARGEST_SIDE)

    def look(self, pixels: Pixels) -> list[Detection]:
        """The faces of a picture as it stands, without the ladder."""
        height, width = pixels.shape[:2]
        scale = min(1.0, LARGEST_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        if scale < 1:
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        self._net.setInputSize(size)
        rows = self._net.detect(image)[1]
        if rows is None:
            return []
        stretch = np.array([width / size[0], height / size[1]], dtype=np.float32)
        return [_detection(row.astype(np.float32), stretch) for row in rows]


def _detection(row: np.ndarray, stretch: np.ndarray) -> Detection:
    corner, extent = row[0:2] * stretch, row[2:4] * stretch
    return Detection(
        box=np.concatenate([corner, corner + extent]),
        landmarks=row[4:14].reshape(5, 2) * stretch,
        score=float(row[14]),
    )


def _open(path: Path) -> cv2.FaceDetectorYN:
    # From memory, since OpenCV cannot open every path.
    try:
        with no_notices():
            return _create(path)
    except cv2.error as error:
        raise ModelUnsuitable(
            f"{path.name} is not a YuNet model that OpenCV can open.",
            "Run `gestalt models verify`, or add the model again.",
        ) from error


def _create(path: Path) -> cv2.FaceDetectorYN:
    model = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    empty = np.zeros(0, dtype=np.uint8)
    return cv2.FaceDetectorYN.create(
        "onnx", model, empty, (320, 320), LEAST_SCORE, OVERLAP, MOST_CANDIDATES
    )
