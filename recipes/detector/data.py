"""Faces to train the detector on: photos, with the landmarks that a teacher (YuNet) finds in them.

How training pictures are put together from them stands in `detector_pictures`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.devices import cores
from gestalt_space.errors import PhotoError, UsageError
from gestalt_space.faces.alignment import TEMPLATE, similarity_transform
from gestalt_space.faces.photos import read_photo
from gestalt_space.faces.yunet import YunetDetector
from gestalt_space.simulate.photo_files import open_photo_files
from gestalt_space.types import Detection, Landmarks, Photo, Pixels

SIDE = 200
"""Longer side of a kept photo in pixels, UTKFace's own."""
BORDER = 60
"""Black border around a photo while the teacher looks: UTKFace's photos end at the face."""
LEAST_TEACHER_SCORE = 0.8
MOST_DISAGREEMENT = 0.2
"""Mean distance, in distances between the eyes, up to which the landmarks of a photo and of its
mirror image agree: YuNet's own are a median of 0.07 apart. Faces beyond it are left out."""
TEACHER_SIZES = (0.8, 1.0, 1.0, 1.5)
"""Sizes in which the teacher sees a photo; what is taught is the mean. YuNet's landmarks in two of
them are a median of 0.05 to 0.06 apart, and a detector that has seen only one learns its whims."""
LOOKED_AT_ONCE = 200
"""Photos that are read before the teacher looks at them."""
MIRRORED = [1, 0, 2, 4, 3]
"""The order of the landmarks in the mirror image."""

CountProgress = Callable[[int, int | None], None]
"""Told how many of how many are done."""


def no_count_progress(done: int, of: int | None) -> None:
    """Shows nothing."""


@dataclass(frozen=True, slots=True)
class Faces:
    """`pixels (n, 200, 200, 3)` uint8 RGB, one face each, and for each photo and its mirror image
    (the second axis) `landmarks (n, 2, 5, 2)` and `boxes (n, 2, 4)` (x0, y0, x1, y1) float32 in
    the pixels of either; `names`: the files, or what stands for them.

    Both are taught, since a teacher does not see in a mirror image the mirror of what it saw.
    """

    names: tuple[str, ...]
    pixels: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    boxes: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.names)

    def among(self, wanted: Callable[[str], bool]) -> Faces:
        """The faces whose name is wanted."""
        rows = [row for row, name in enumerate(self.names) if wanted(name)]
        return Faces(
            tuple(self.names[row] for row in rows),
            self.pixels[rows],
            self.landmarks[rows],
            self.boxes[rows],
        )

    def and_also(self, other: Faces) -> Faces:
        """These faces, then the others."""
        return Faces(
            self.names + other.names,
            np.concatenate([self.pixels, other.pixels]),
            np.concatenate([self.landmarks, other.landmarks]),
            np.concatenate([self.boxes, other.boxes]),
        )


def taught_faces(
    source: Path,
    teacher: Path,
    wanted: Callable[[str], bool],
    told: CountProgress = no_count_progress,
) -> Faces:
    """The photos of a folder or zip whose file name is wanted, and what the teacher finds in them.

    Photos in which it finds no face, or is not sure of its landmarks, are left out. Raises
    `UsageError` where nothing is left.
    """
    if not teacher.is_file():
        raise UsageError(f"There is no file {teacher}.", "Give the .onnx file of YuNet.")
    own = threading.local()

    def look(content: bytes | None) -> tuple[Pixels, tuple[Detection, Detection]] | None:
        if not hasattr(own, "detector"):
            own.detector = YunetDetector(teacher)
        pixels = _decoded(content)
        seen = None if pixels is None else teach(pixels, own.detector)
        return None if pixels is None or seen is None else (pixels, seen)

    kept: list[tuple[str, Pixels, tuple[Detection, Detection]]] = []
    with open_photo_files(source) as files, ThreadPoolExecutor(cores()) as pool:
        YunetDetector(teacher)
        names = files.photos(wanted)
        for start in range(0, len(names), LOOKED_AT_ONCE):
            some = names[start : start + LOOKED_AT_ONCE]
            contents = [files.read(name) for name in some]
            for name, found in zip(some, pool.map(look, contents), strict=True):
                if found is not None:
                    kept.append((name, *found))
            told(start + len(some), len(names))
    if not kept:
        raise UsageError(
            f"No face was found in the photos of {source}.",
            "Give a folder or zip file of photos of faces.",
        )
    return Faces(
        tuple(name for name, _, _ in kept),
        np.stack([pixels for _, pixels, _ in kept]),
        np.stack([[face.landmarks for face in seen] for _, _, seen in kept]),
        np.stack([[face.box for face in seen] for _, _, seen in kept]),
    )


def _decoded(content: bytes | None) -> Pixels | None:
    try:
        return None if content is None else _squared(read_photo(content).pixels)
    except PhotoError:
        return None


def teach(pixels: Pixels, detector: YunetDetector) -> tuple[Detection, Detection] | None:
    """What the teacher sees in a photo and in its mirror image; None where it is in doubt."""
    seen = _seen_in_all_sizes(pixels, detector)
    mirrored = _seen_in_all_sizes(np.ascontiguousarray(pixels[:, ::-1]), detector)
    if seen is None or mirrored is None:
        return None
    points = mirror(mirrored.landmarks)
    between = np.linalg.norm(seen.landmarks[1] - seen.landmarks[0])
    apart = np.linalg.norm(seen.landmarks - points, axis=1).mean()
    return None if apart > MOST_DISAGREEMENT * between else (seen, mirrored)


def _seen_in_all_sizes(pixels: Pixels, detector: YunetDetector) -> Detection | None:
    """The mean of what the teacher sees, and its least score; None where that is too low."""
    framed = _framed(pixels)
    by_size = {
        size: _largest(detector.look(_sized(framed, size)), size) for size in set(TEACHER_SIZES)
    }
    seen = [face for face in (by_size[size] for size in TEACHER_SIZES) if face is not None]
    score = min((face.score for face in seen), default=0.0)
    if len(seen) < len(TEACHER_SIZES) or score < LEAST_TEACHER_SCORE:
        return None
    return Detection(
        np.mean([face.box for face in seen], axis=0, dtype=np.float32),
        np.mean([face.landmarks for face in seen], axis=0, dtype=np.float32),
        score,
    )


def _sized(pixels: Pixels, size: float) -> Pixels:
    method = cv2.INTER_AREA if size < 1 else cv2.INTER_LINEAR
    sized = cv2.resize(pixels, None, fx=size, fy=size, interpolation=method)
    return np.asarray(sized, np.uint8)


def mirror(landmarks: Landmarks) -> Landmarks:
    """The landmarks of a kept photo in its mirror image."""
    return np.asarray(landmarks[MIRRORED] * (-1, 1) + (SIDE - 1, 0), np.float32)


def teacher_face(pixels: Pixels, detector: YunetDetector) -> Detection | None:
    """The largest face that YuNet finds in a photo with a border, in pixels of the photo."""
    return _largest(detector.find(Photo("", _framed(pixels), "", "")))


def _framed(pixels: Pixels) -> Pixels:
    framed = cv2.copyMakeBorder(
        pixels, BORDER, BORDER, BORDER, BORDER, cv2.BORDER_CONSTANT, value=(0, 0, 0)
    )
    return np.asarray(framed, np.uint8)


def _largest(found: Sequence[Detection], size: float = 1.0) -> Detection | None:
    """The largest face of a framed photo shown in that size, in pixels of the photo without."""
    if not found:
        return None
    face = max(found, key=lambda face: float(np.prod(face.box[2:] - face.box[:2])))
    # The middle of a pixel stays the middle of a pixel.
    box, landmarks = ((at + 0.5) / size - 0.5 - BORDER for at in (face.box, face.landmarks))
    return Detection(box, landmarks, face.score)


def drawn_faces(drawn: Sequence[tuple[Pixels, Landmarks]], like: Faces) -> Faces:
    """Pictures of faces whose landmarks are known, with boxes that lie as those of `like` do."""
    rectangle = _usual_rectangle(like)
    pixels, points, boxes = [], [], []
    for picture, landmarks in drawn:
        scale = SIDE / max(picture.shape[:2])
        moved = ((landmarks + 0.5) * scale - 0.5).astype(np.float32)
        pixels.append(_squared(picture))
        points.append([moved, mirror(moved)])
        boxes.append(
            [
                _bounds(_apply(similarity_transform(TEMPLATE, either), rectangle))
                for either in points[-1]
            ]
        )
    return Faces(
        tuple(f"drawn {number}" for number in range(len(drawn))),
        np.stack(pixels),
        np.stack(points),
        np.stack(boxes),
    )


def _usual_rectangle(faces: Faces) -> NDArray[np.float64]:
    """Two corners `(2, 2)` of the median box in the ArcFace template."""
    corners = [
        _apply(similarity_transform(points, TEMPLATE), box.reshape(2, 2))
        for points, box in zip(faces.landmarks[:500, 0], faces.boxes[:500, 0], strict=True)
    ]
    return np.asarray(np.median(corners, axis=0))


def _apply(matrix: NDArray[np.float64], points: NDArray[np.floating]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def _bounds(corners: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)]).astype(np.float32)


def _squared(pixels: Pixels) -> Pixels:
    """A photo at `SIDE`, its last rows or columns repeated where it is not square."""
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale != 1:
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=method), np.uint8)
    missing = SIDE - size[1], SIDE - size[0]
    return np.asarray(
        cv2.copyMakeBorder(pixels, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE), np.uint8
    )
