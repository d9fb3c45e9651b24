"""Landmarks from a file: a CSV with the five points of each photo.

Two layouts are read. Ours: a column `photo` and ten numbers x1, y1 … x5, y5, in the order of
`types.Landmarks`. GestaltMatcher's `face_coords.csv`: `img`, four numbers of the box, ten of the
landmarks. Columns are taken by position after the first one, as its own scripts do.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from unicodedata import normalize

import numpy as np

from gestalt_space.errors import FaceError, NoFace, UsageError
from gestalt_space.faces.plausible import implausible
from gestalt_space.tables.rows import RowReader
from gestalt_space.types import Detection, Landmarks, Photo

LAYOUTS = {"photo": 0, "img": 4}
"""The first column's name, and how many numbers of a box stand before the landmarks."""
SEPARATORS = ",;\t"
FACE_WIDTH = 2.4
"""Width of a box that is not given, in distances between the eyes."""


class LandmarksDetector:
    """Gives the landmarks that a file has for a photo, by its path as given or its file name."""

    name = "landmarks"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._faces = read_landmarks(path)

    def find(self, photo: Photo) -> Sequence[Detection]:
        """The faces that the file has for the photo.

        Raises `NoFace` where it has none, `FaceError` for points that cannot be a face's: all faces
        of the photo are refused for one, so that their numbers stay the file's.
        """
        name = normalize("NFC", photo.name)
        found = self._faces.get(name) or self._faces.get(PurePath(name).name)
        if not found:
            raise NoFace(
                f"{self._path.name} has no landmarks for this photo.",
                "The first column must have the path of the photo as given, or its file name.",
            )
        height, width = photo.pixels.shape[:2]
        for detection in found:
            reason = implausible(detection, width, height)
            if reason:
                raise FaceError(
                    f"{self._path.name} has wrong landmarks for this photo. {reason}",
                    "Give the points in pixels of the upright photo in its original size, or "
                    "remove the photo from the file.",
                )
        return found


def read_landmarks(path: Path) -> Mapping[str, list[Detection]]:
    """Faces by the photo's name, as the file's first column has it, in the normal form NFC.

    Numbers are separated by `,`, or as European spreadsheets do by `;` or tabs, and then may have
    a decimal comma. Raises `UsageError`.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            separator = max(SEPARATORS, key=stream.readline().count)
            stream.seek(0)
            rows = list(RowReader(stream, separator))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{path} cannot be read: {reason}.", "Give a CSV file in UTF-8."
        ) from error
    header = rows[0] if rows else []
    boxes = LAYOUTS.get(header[0].strip() if header else "")
    if boxes is None or len(header) < 1 + boxes + 10:
        raise UsageError(
            f"{path.name} is not a landmarks file: its header is {','.join(header) or 'empty'!r}.",
            "The columns must be photo,x1,y1,…,x5,y5, or img,x1,y1,x2,y2 and the five points.",
        )
    faces: dict[str, list[Detection]] = {}
    for line, row in enumerate(rows[1:], start=2):
        if any(cell.strip() for cell in row):
            numbers = row[1 : 1 + boxes + 10]
            if separator != ",":
                numbers = [number.replace(",", ".") for number in numbers]
            detection = _detection(path, line, numbers, boxes)
            faces.setdefault(normalize("NFC", row[0].strip()), []).append(detection)
    return faces


def _detection(path: Path, line: int, cells: list[str], boxes: int) -> Detection:
    try:
        numbers = np.array([float(cell) for cell in cells], dtype=np.float32)
        landmarks = numbers[boxes:].reshape(5, 2)
        if not np.isfinite(numbers).all():
            raise ValueError("not finite")
    except ValueError as error:
        raise UsageError(
            f"{path.name}, line {line}: the name must be followed by {boxes + 10} numbers.",
            "Correct or delete the line.",
        ) from error
    box = numbers[:4] if boxes else _box_around(landmarks)
    return Detection(box=box, landmarks=landmarks, score=1.0, step="landmarks file")


def _box_around(landmarks: Landmarks) -> np.ndarray:
    centre = landmarks.mean(axis=0)
    half = np.linalg.norm(landmarks[1] - landmarks[0]) * FACE_WIDTH / 2
    return np.concatenate([centre - half, centre + half]).astype(np.float32)
