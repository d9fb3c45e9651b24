"""The built-in detector: one network, trained by `recipes/detector`, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.devices import Device, check_provider, providers, runtime, session_options
from gestalt_space.errors import ModelDamaged
from gestalt_space.faces.alignment import SIZE, TEMPLATE, similarity_transform
from gestalt_space.faces.ladder import Scores, climb
from gestalt_space.paths import plain_path
from gestalt_space.types import Detection, Landmarks, Photo, Pixels

STRIDES = (8, 16, 32)
"""Pixels between two cells, of each of the three scales."""
UNITS = (24.0, 64.0, 160.0)
"""Pixels that a length of 1 means in the network's output, of each scale."""
NUMBERS = 15
"""Numbers of a cell: logit, middle x y, log width and height, five landmarks x y."""
LOOK_SIDE = 80
"""Pixels of the crop that the second look at a face takes."""
LOOK_MARGIN = 0.05
"""What the crop has on each side more than the ArcFace template, in sides of it."""
LOOK_PLACES = ((TEMPLATE / SIZE + LOOK_MARGIN) / (1 + 2 * LOOK_MARGIN) * LOOK_SIDE).astype(
    np.float32
)
"""Where the detector's landmarks lie in that crop, `(5, 2)`."""
LOOKS = 2
LEAST_SCALE = 0.3
"""Pixels of the crop for one of the photo, below which the photo is made smaller before."""
LARGEST_SIDE = 320
"""Larger photos are looked at in this size."""
LEAST_SCORE = 0.75
"""Chosen on validation photos: 99 % of faces that are blurred, dark or half covered score 0.8 or
more, and 1 % of pictures without a face show something over 0.75 on any rung of the ladder."""
SCORES = Scores(enough=0.9, sure=0.9, tiled=0.92, turned=0.75)
"""Photos that lie on their side show upright faces of up to 0.87, and large pictures without a face
some of up to 0.9 in their many tiles: `benchmarks.ladder`."""
OVERLAP = 0.35
"""Intersection over union from which two boxes are of one face."""
ALIKE = 0.6
"""Intersection over union from which a cell's opinion of the landmarks counts beside the best."""
_NO_PICTURE = np.zeros((1, 3, STRIDES[-1], STRIDES[-1]), np.float32)
_NO_CROPS = np.zeros((1, 3, LOOK_SIDE, LOOK_SIDE), np.float32)


class BuiltinDetector:
    """The detector that is always there. Raises `ModelDamaged` for a file that does not open."""

    def __init__(self, path: Path, *, device: Device = "auto", threads: int | None = None) -> None:
        self.name = "builtin"
        wanted = providers(device)
        try:
            with plain_path(path) as name:
                self._session = runtime().InferenceSession(
                    name, session_options(threads), providers=wanted
                )
        except Exception as error:  # ONNX Runtime has no common base of its errors
            raise ModelDamaged(
                f"{path.name} of the built-in models cannot be opened.",
                "Install gestalt-space again.",
            ) from error
        check_provider(self._session, device)
        # One file holds two networks, and only what is asked for is run.
        self._options = runtime().RunOptions()
        self._options.only_execute_path_to_fetches = True

    def find(self, photo: Photo) -> Sequence[Detection]:
        """All faces with a score of 0.75 or more."""
        return climb(photo.pixels, self._detect, SCORES, view=LARGEST_SIDE)

    def _detect(self, pixels: Pixels) -> list[Detection]:
        image, stretch = _prepared(pixels)
        cells = self._run("cells", image, _NO_CROPS)[0]
        height, width = image.shape[2:]
        scores, boxes, landmarks = decode(cells, height, width)
        found = [
            _detection(scores[group], boxes[group], landmarks[group], stretch)
            for group in _grouped(scores, boxes)
        ]
        return [replace(face, landmarks=self._looked_at(pixels, face.landmarks)) for face in found]

    def _looked_at(self, pixels: Pixels, landmarks: Landmarks) -> Landmarks:
        """Landmarks from further looks at a face, laid upright by those of the look before."""
        for _ in range(LOOKS):
            matrix = similarity_transform(landmarks, LOOK_PLACES)
            crop = _laid_upright(pixels, matrix)
            crops = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32)
            places = self._run("landmarks", _NO_PICTURE, crops).reshape(5, 2)
            moved = (places - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
            landmarks = moved.astype(np.float32)
        return landmarks

    def _run(
        self, output: str, pictures: NDArray[np.float32], crops: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        given = {"pictures": pictures, "crops": crops}
        return np.asarray(self._session.run([output], given, self._options)[0], np.float32)


def decode(
    cells: NDArray[np.float32], height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The cells `(15, n)` of a picture that score `LEAST_SCORE` or more, the best first.

    Scores `(m,)`, boxes `(m, 4)` and landmarks `(m, 5, 2)` in pixels of the network's input.
    """
    chosen = np.flatnonzero(cells[0] >= np.log(LEAST_SCORE / (1 - LEAST_SCORE)))
    chosen = chosen[np.argsort(-cells[0, chosen], kind="stable")]
    middles, units = grid(height, width)
    rows, middles, units = cells[:, chosen].T, middles[chosen], units[chosen, None]
    middle = middles + rows[:, 1:3] * units
    half = np.exp(np.clip(rows[:, 3:5], -6, 6)) * units / 2
    landmarks = middles[:, None] + rows[:, 5:].reshape(-1, 5, 2) * units[:, None]
    scores = np.asarray(1 / (1 + np.exp(-rows[:, 0])), np.float32)
    return scores, np.hstack([middle - half, middle + half]), np.asarray(landmarks, np.float32)


def grid(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Middles `(n, 2)` x, y of all cells of a picture, in its pixels, and their units `(n,)`."""
    middles, units = [], []
    for stride, unit in zip(STRIDES, UNITS, strict=True):
        y, x = np.mgrid[: height // stride, : width // stride]
        points = np.column_stack([x.ravel(), y.ravel()]) * stride + (stride - 1) / 2
        middles.append(points.astype(np.float32))
        units.append(np.full(len(points), unit, np.float32))
    return np.concatenate(middles), np.concatenate(units)


def _prepared(pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The network's input `(1, 3, h, w)`, and the photo's pixels for one of the input's, x and y.

    Black is added at the right and below, so that the sides are multiples of the largest stride.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, LARGEST_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale < 1:
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    room = (-(-size[1] // STRIDES[-1]) * STRIDES[-1], -(-size[0] // STRIDES[-1]) * STRIDES[-1])
    image = np.zeros((1, 3, *room), np.float32)
    image[0, :, : size[1], : size[0]] = pixels.transpose(2, 0, 1)
    return image, np.array([width / size[0], height / size[1]], np.float32)


def _laid_upright(pixels: Pixels, matrix: NDArray[np.float64]) -> Pixels:
    """The crop of the second look; black where the photo ends."""
    shrink = LEAST_SCALE / float(np.sqrt(np.linalg.det(matrix[:, :2])))
    if shrink > 1:
        # A warp alone would skip pixels of a large face.
        corners = np.array([[0, 0], [LOOK_SIDE, 0], [0, LOOK_SIDE], [LOOK_SIDE, LOOK_SIDE]])
        there = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
        left, top = np.clip(there.min(axis=0), 0, None).astype(int)
        right, bottom = np.clip(np.ceil(there.max(axis=0)), 0, None).astype(int) + 1
        part = pixels[top:bottom, left:right]
        if not part.size:
            return np.zeros((LOOK_SIDE, LOOK_SIDE, 3), np.uint8)
        size = max(1, round(part.shape[1] / shrink)), max(1, round(part.shape[0] / shrink))
        by = np.array([part.shape[1] / size[0], part.shape[0] / size[1]])
        pixels = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        shift = matrix[:, :2] @ (np.array([left, top]) + (by - 1) / 2) + matrix[:, 2]
        matrix = np.column_stack([matrix[:, :2] * by, shift])
    return np.asarray(cv2.warpAffine(pixels, matrix, (LOOK_SIDE, LOOK_SIDE)), np.uint8)


def _grouped(scores: NDArray[np.float32], boxes: NDArray[np.float32]) -> list[NDArray[np.intp]]:
    """The cells of each face, the best one first: non-maximum suppression that keeps who agreed."""
    groups = []
    left = np.arange(len(scores))
    while len(left):
        overlap = _overlap(boxes[left[0]], boxes[left])
        groups.append(left[overlap >= ALIKE])
        left = left[overlap < OVERLAP]
    return groups


def _overlap(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of a box and each of several."""
    shared = np.prod(
        np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0, None),
        axis=1,
    )
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    both = np.prod(box[2:] - box[:2]) + areas - shared
    return np.asarray(shared / np.maximum(both, 1e-9), np.float32)


def _detection(
    scores: NDArray[np.float32],
    boxes: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    stretch: NDArray[np.float32],
) -> Detection:
    """One face from the cells that see it: the mean of their opinions, by their scores."""
    shares = scores / scores.sum()
    corners = np.tensordot(shares, boxes, 1).reshape(2, 2)
    points = np.tensordot(shares, landmarks, 1)
    # The middle of a pixel stays the middle of a pixel.
    return Detection(
        box=(((corners + 0.5) * stretch) - 0.5).astype(np.float32).ravel(),
        landmarks=((points + 0.5) * stretch - 0.5).astype(np.float32),
        score=float(scores[0]),
    )
