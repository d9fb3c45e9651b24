"""Real faces as the ground of simulation: a folder or a zip of photos, laid on the canvas."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import cv2
import numpy as np

from gestalt_space.errors import NoFace, PhotoError, UsageError
from gestalt_space.faces.detection import Detector
from gestalt_space.faces.photos import read_photo
from gestalt_space.gallery.intake.values import parse_age, parse_sex
from gestalt_space.paths import display_name
from gestalt_space.progress import Progress, no_progress
from gestalt_space.simulate.canvas import MEAN_LANDMARKS, lay_on_canvas
from gestalt_space.simulate.persons import FaceLabels, Portrait
from gestalt_space.simulate.photo_files import open_photo_files
from gestalt_space.tables.rows import RecordReader
from gestalt_space.types import Pixels

LABELS_FILE = "faces.csv"
BORDER = 0.3
"""Share of a photo's longer side that is added around it: detectors miss a face without room."""
FRONTAL_TURN = 3.5
FRONTAL_DISTANCE = 9.0
LEAST_COLOUR = 3.0


@dataclass(frozen=True, slots=True)
class RealFace:
    """A photo's largest face on the canvas, and what is known of the person."""

    name: str
    portrait: Portrait
    labels: FaceLabels

    @property
    def is_frontal(self) -> bool:
        """Whether the landmarks lie close to a mean face's, and the picture has colours."""
        landmarks = self.portrait.landmarks
        turn = float(landmarks[2, 0] - landmarks[[0, 1, 3, 4], 0].mean())
        far = float(np.linalg.norm(landmarks - MEAN_LANDMARKS, axis=1).max())
        thin = self.portrait.pixels[::8, ::8].astype(np.float32)
        colour = float(np.abs(thin - thin.mean(axis=-1, keepdims=True)).mean())
        return abs(turn) < FRONTAL_TURN and far < FRONTAL_DISTANCE and colour >= LEAST_COLOUR


def read_faces(
    source: Path,
    detector: Detector,
    *,
    wanted: Callable[[str], bool] = lambda name: True,  # noqa: ARG005
    progress: Progress = no_progress,
) -> Iterator[RealFace]:
    """The faces of the wanted photos of a folder or zip, in the order of their names.

    A file `faces.csv` beside the photos (file, age_years, sex, ancestry) gives labels. Photos that
    cannot be read or show no face are left out. Raises `UsageError` where there are no photos, or
    the labels cannot be used.
    """
    with open_photo_files(source) as files:
        labels: dict[str, FaceLabels] = {}
        for table in sorted(name for name in files.names if PurePath(name).name == LABELS_FILE):
            folder = table.removesuffix(LABELS_FILE)
            found = _labels(table, files.read(table))
            labels |= {folder + name: label for name, label in found.items()}
        photos = files.photos(wanted)
        if not photos:
            raise UsageError(
                f"{source} has no photos.", "Give a folder or zip file of photos of faces."
            )
        for done, name in enumerate(photos, start=1):
            content = files.read(name)
            face = None if content is None else _face(content, detector)
            if face is not None:
                yield RealFace(name, face, labels.get(name, FaceLabels()))
            progress(done, len(photos))


def _face(content: bytes, detector: Detector) -> Portrait | None:
    try:
        photo = read_photo(content)
        framed = replace(photo, pixels=_framed(photo.pixels))
        found = detector.find(framed)
    except (PhotoError, NoFace):
        return None
    if not found:
        return None
    largest = max(found, key=lambda one: float(np.prod(one.box[2:] - one.box[:2])))
    return Portrait(*lay_on_canvas(framed.pixels, largest.landmarks))


def _framed(pixels: Pixels) -> Pixels:
    edge = round(BORDER * max(pixels.shape[:2]))
    return np.asarray(
        cv2.copyMakeBorder(pixels, edge, edge, edge, edge, cv2.BORDER_REPLICATE), np.uint8
    )


def _labels(name: str, content: bytes | None) -> dict[str, FaceLabels]:
    if content is None:
        raise _unusable(name, "it cannot be read")
    try:
        rows = RecordReader(io.StringIO(content.decode("utf-8-sig")))
        labels = {}
        for row in rows:
            try:
                labels[row["file"] or ""] = _label(row)
            except UsageError as error:
                place = f"line {rows.line_num}: {error.message.rstrip('.')}"
                raise _unusable(name, place) from error
    except KeyError as error:
        raise _unusable(name, "it has no column file") from error
    except (ValueError, csv.Error) as error:
        raise _unusable(name, str(error)) from error
    return labels


def _label(row: Mapping[str, str | None]) -> FaceLabels:
    """What a row says, in words that the table of a cohort can have. Raises `UsageError`."""
    ancestry = (row.get("ancestry") or "").strip()
    if ancestry != display_name(ancestry):
        raise UsageError(
            f"the ancestry {display_name(ancestry)!r} has characters that are not text"
        )
    return FaceLabels(
        sex=parse_sex(row.get("sex")),
        age_years=parse_age(row.get("age_years")),
        ancestry=ancestry or None,
    )


def _unusable(name: str, reason: str) -> UsageError:
    return UsageError(
        f"{display_name(name)} next to the photos cannot be used: {display_name(reason)}.",
        "Its columns must be file, age_years (a number), sex and ancestry, in UTF-8.",
    )
