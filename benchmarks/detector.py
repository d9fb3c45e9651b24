"""The built-in detector beside YuNet: what it finds, how exactly, and how fast.

    python -m benchmarks.detector [../shared]

Nothing here was used to train the detector or to choose its thresholds: the photos of people in
the wild, UTKFace photos that `held_out` keeps away, pictures without a face from `no_faces`.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from benchmarks.no_faces import pictures_without_a_face
from benchmarks.table import keep, median_of
from gestalt_space.faces.builtin import BuiltinDetector
from gestalt_space.faces.detection import Detector
from gestalt_space.faces.photos import read_photo
from gestalt_space.faces.yunet import YunetDetector
from gestalt_space.same_face import overlap
from gestalt_space.simulate.persons import Persons
from gestalt_space.training.splits import held_out
from gestalt_space.types import Detection, Photo, Pixels
from gestalt_space.weights.store import BUILTIN_FOLDER
from recipes.detector.data import Faces, teacher_face
from recipes.detector.recipe import LEAST_OVERLAP, Measured, measure_detector

HELD_OUT = 2000
PERSONS = 300
TIMED = 200
REPEATS = 5
HEADER = ("what", "found", "landmark error, median", "wanted")


def main() -> None:
    shared = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared")
    cv2.setNumThreads(1)
    ours = BuiltinDetector(BUILTIN_FOLDER / "detector.onnx", device="cpu", threads=1)
    yunet = YunetDetector(shared / "models" / "yunet_n.onnx")
    wild = [read_photo(path) for path in sorted((shared / "data" / "wild").iterdir())]
    photos = held_out_photos(shared / "data" / "utkface.zip")
    taught = as_yunet_sees(photos, yunet)
    empty = [photo_of(pixels) for pixels in pictures_without_a_face(taught.pixels)]
    persons, both = simulated(ours, yunet)
    rows = [
        ("photos in the wild, of YuNet's", *in_the_wild(wild, ours, yunet), "22 of 27, 6 %"),
        (
            "the same, YuNet on them at half size",
            *in_the_wild(wild, Smaller(yunet, 0.5), yunet),
            "",
        ),
        ("held-out UTKFace, 60 px border", *told(measure_detector(ours, taught)), "99 %, 4 %"),
        ("held-out UTKFace, no border", *told(measure_detector(ours, taught, border=0)), ""),
        (
            "the same, YuNet on them at 0.8",
            *told(measure_detector(Smaller(yunet, 0.8), taught)),
            "",
        ),
        ("simulated persons", persons, "", ""),
        ("simulated persons, YuNet", both, "", ""),
        ("pictures without a face", false_faces(empty, ours), "", "at most 2"),
        ("pictures without a face, YuNet", false_faces(empty, yunet), "", ""),
        *speeds("wild", wild, ours, yunet),
        *speeds("UTKFace", [photo_of(pixels) for pixels in taught.pixels[:TIMED]], ours, yunet),
    ]
    keep("detector", "python -m benchmarks.detector ../shared", HEADER, rows)


def held_out_photos(archive: Path) -> list[tuple[str, Pixels]]:
    """`HELD_OUT` photos that training never saw, of all ages."""
    with zipfile.ZipFile(archive) as opened:
        names = sorted(n for n in opened.namelist() if n.endswith(".jpg") and held_out(n))
        chosen = np.random.default_rng(0).permutation(len(names))[:HELD_OUT]
        return [(names[i], read_photo(opened.read(names[i])).pixels) for i in chosen]


def as_yunet_sees(photos: Sequence[tuple[str, Pixels]], yunet: YunetDetector) -> Faces:
    """All that YuNet finds, however sure of it."""
    seen = [(name, pixels, teacher_face(pixels, yunet)) for name, pixels in photos]
    kept = [(name, pixels, face) for name, pixels, face in seen if face is not None]
    return Faces(
        tuple(name for name, _, _ in kept),
        np.stack([pixels for _, pixels, _ in kept]),
        np.stack([face.landmarks[None] for _, _, face in kept]),
        np.stack([face.box[None] for _, _, face in kept]),
    )


def told(measured: Measured) -> tuple[str, str]:
    return f"{measured.found:.2%} of {measured.photos}", f"{measured.error:.2%}"


class Smaller:
    """A detector that is shown each photo made smaller: how far it agrees with itself."""

    def __init__(self, detector: Detector, scale: float) -> None:
        self.name = f"{detector.name} at {scale}"
        self._detector, self._scale = detector, scale

    def find(self, photo: Photo) -> Sequence[Detection]:
        """See `Detector.find`; in pixels of the whole photo."""
        small = cv2.resize(
            photo.pixels, None, fx=self._scale, fy=self._scale, interpolation=cv2.INTER_AREA
        )
        return [
            replace(
                face,
                box=face.box / self._scale,
                landmarks=(face.landmarks + 0.5) / self._scale - 0.5,
            )
            for face in self._detector.find(photo_of(np.asarray(small, np.uint8)))
        ]


def in_the_wild(photos: Sequence[Photo], ours: Detector, yunet: Detector) -> tuple[str, str]:
    """Photos in which the largest of YuNet's faces is found, and how near its landmarks are."""
    errors, count = [], 0
    for photo in photos:
        faces = yunet.find(photo)
        if not faces:
            continue
        count += 1
        target = max(faces, key=lambda face: float(np.prod(face.box[2:] - face.box[:2])))
        best = max(ours.find(photo), key=lambda face: overlap(face.box, target.box), default=None)
        if best is None or overlap(best.box, target.box) < LEAST_OVERLAP:
            continue
        between = np.linalg.norm(target.landmarks[1] - target.landmarks[0])
        errors.append(np.linalg.norm(best.landmarks - target.landmarks, axis=1) / between)
    return f"{len(errors)} of {count}", f"{np.median(errors):.2%}"


def simulated(ours: Detector, yunet: Detector) -> tuple[str, str]:
    """How many of the simulated persons' portraits each finds a face in."""
    persons, rng = Persons.builtin(), np.random.default_rng(123)
    photos = [photo_of(persons.portrait(persons.sample(rng), rng).pixels) for _ in range(PERSONS)]
    ours_found, yunet_found = (
        sum(bool(detector.find(photo)) for photo in photos) for detector in (ours, yunet)
    )
    return f"{ours_found} of {PERSONS}", f"{yunet_found} of {PERSONS}"


def false_faces(pictures: Sequence[Photo], detector: Detector) -> str:
    found = [len(detector.find(picture)) for picture in pictures]
    return f"{sum(found)} faces in {sum(map(bool, found))} of {len(found)}"


def speeds(
    name: str, photos: Sequence[Photo], ours: Detector, yunet: Detector
) -> list[tuple[str, str, str, str]]:
    """Photos a second, decoded before, one thread, the whole ladder."""
    rates = {
        detector.name: len(photos) / median_of(partial(_find_all, detector, photos), REPEATS)
        for detector in (yunet, ours)
    }
    return [
        (
            f"speed on {name}, {detector}",
            f"{rate:.0f} photos/s",
            "",
            f"{rate / rates['yunet']:.1f}×",
        )
        for detector, rate in rates.items()
    ]


def _find_all(detector: Detector, photos: Sequence[Photo]) -> None:
    for photo in photos:
        detector.find(photo)


def photo_of(pixels: Pixels) -> Photo:
    return Photo("", pixels, "", "")


if __name__ == "__main__":
    main()
