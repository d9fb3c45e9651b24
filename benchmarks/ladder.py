"""Small faces in large photos, panoramas, and photos on their side: what the ladder finds.

    python -m benchmarks.ladder [../shared]

Held-out UTKFace photos and simulated portraits, in turn, are pasted into large pictures without a
face, laid together from the samples of `no_faces`. The detector's largest face counts, as `match`
takes it: right where it overlaps the pasted one, wrong where it does not.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.detector import held_out_photos, photo_of
from benchmarks.no_faces import large_picture, samples_without_a_face
from benchmarks.table import keep
from gestalt_space.encoders.onnx_arcface import ArcFaceEncoder
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.errors import FaceError
from gestalt_space.faces.detection import Detector, find_faces
from gestalt_space.faces.photos import read_photo
from gestalt_space.faces.registry import detector_factory
from gestalt_space.faces.yunet import YunetDetector
from gestalt_space.same_face import overlap
from gestalt_space.simulate.persons import Persons
from gestalt_space.types import Box, Face, Photo, Pixels
from gestalt_space.weights.store import ModelStore
from recipes.detector.data import teacher_face

NAMES = ("scrfd", "yunet", "builtin")
HEIGHTS = (120, 160, 220, 300, 400)
"""Of the pasted faces' boxes, in pixels."""
SEEDS = 8
LARGE = (4000, 6000)
PANORAMAS = ((1000, 4000), (1000, 17_000))
LEAST_OVERLAP = 0.35
HEADER = ("what", *NAMES)

Encoder = ArcFaceEncoder
Case = tuple[Photo, Box]


def main() -> None:
    shared = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared")
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder))
        store.add(shared / "models" / "arcface-mbf", name="arcface-mbf", accept_license=True)
        store.add(shared / "models" / "yunet_n.onnx", name="yunet")
        detectors = [detector_factory(store, name, device="cpu")[1](1) for name in NAMES]
        model = store.get("arcface-mbf")
        encoder = ArcFaceEncoder(model, encoder_spec(model), device="cpu", threads=1)
    wild = [read_photo(path) for path in sorted((shared / "data" / "wild").iterdir())]
    faces = faces_to_paste(shared)
    samples = samples_without_a_face()
    rows: list[tuple[str, ...]] = []

    def measure(what: str, figure: Callable[[Detector], str]) -> None:
        rows.append((what, *map(figure, detectors)))
        print(*rows[-1], sep=" | ", file=sys.stderr)

    for shape, height in (*((LARGE, height) for height in HEIGHTS), *((p, 220) for p in PANORAMAS)):
        cases = list(pasted(faces, samples, shape, height))
        title = f"a face of {height} px in {shape[0]:,} × {shape[1]:,}: right, wrong"
        measure(title, partial(hits, cases))
    rng = np.random.default_rng(5)
    empty = [photo_of(large_picture(samples, *LARGE, rng)) for _ in range(SEEDS)]
    measure("24 megapixels without a face: photos with one, seconds a photo", partial(false, empty))
    measure("photos in the wild with a face, seconds a photo", partial(found_in, wild))
    for degrees in (90, 180, 270):
        measure(
            f"the wild turned by {degrees}°, cosine to upright: above 0.9, median, least",
            partial(agreement, wild, encoder, degrees),
        )
    keep("ladder", "python -m benchmarks.ladder ../shared", HEADER, rows)


def faces_to_paste(shared: Path) -> list[tuple[Pixels, Box]]:
    """Photos of one face and its box: held-out and simulated ones in turn."""
    yunet = YunetDetector(shared / "models" / "yunet_n.onnx")
    persons, rng = Persons.builtin(), np.random.default_rng(21)
    real = [pixels for _, pixels in held_out_photos(shared / "data" / "utkface.zip")[: 2 * SEEDS]]
    drawn = [persons.portrait(persons.sample(rng), rng).pixels for _ in range(SEEDS)]
    boxed = [
        [(pixels, face.box) for pixels in photos if (face := teacher_face(pixels, yunet))]
        for photos in (real, drawn)
    ]
    return [face for pair in zip(*boxed, strict=False) for face in pair][:SEEDS]


def pasted(
    faces: Sequence[tuple[Pixels, Box]],
    samples: Sequence[Pixels],
    shape: tuple[int, int],
    face_height: int,
) -> Iterator[Case]:
    """Large photos with one face, and the face's box."""
    rng = np.random.default_rng(face_height)
    for pixels, box in faces:
        scale = face_height / (box[3] - box[1])
        small = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale), np.uint8)
        large = large_picture(samples, *shape, rng)
        top = int(rng.integers(0, shape[0] - small.shape[0] + 1))
        left = int(rng.integers(0, shape[1] - small.shape[1] + 1))
        large[top : top + small.shape[0], left : left + small.shape[1]] = small
        yield photo_of(large), box * scale + np.array([left, top, left, top], np.float32)


def hits(cases: Sequence[Case], detector: Detector) -> str:
    found = [(_largest(photo, detector), box) for photo, box in cases]
    count = sum(face is not None for face, _ in found)
    right = sum(face is not None and overlap(face.box, box) >= LEAST_OVERLAP for face, box in found)
    return f"{right} of {len(cases)}, {count - right}"


def false(photos: Sequence[Photo], detector: Detector) -> str:
    start = time.perf_counter()
    count = sum(bool(detector.find(photo)) for photo in photos)
    return f"{count} of {len(photos)}, {(time.perf_counter() - start) / len(photos):.1f} s"


def found_in(photos: Sequence[Photo], detector: Detector) -> str:
    start = time.perf_counter()
    count = sum(_largest(photo, detector) is not None for photo in photos)
    return f"{count} of {len(photos)}, {(time.perf_counter() - start) / len(photos):.3f} s"


def agreement(photos: Sequence[Photo], encoder: Encoder, degrees: int, detector: Detector) -> str:
    """Cosine of the descriptors of turned photos to those of the photos as they are."""
    cosines = []
    for photo in photos:
        upright = _largest(photo, detector)
        if upright is None:
            continue
        pixels = np.ascontiguousarray(np.rot90(photo.pixels, degrees // 90))
        turned = _largest(photo_of(pixels), detector)
        both = [_descriptor(face, encoder) for face in (upright, turned) if face is not None]
        cosines.append(float(both[0] @ both[1]) if len(both) == 2 else -1.0)
    above = sum(cosine > 0.9 for cosine in cosines)
    return f"{above} of {len(cosines)}, {np.median(cosines):.3f}, {min(cosines):.2f}"


def _descriptor(face: Face, encoder: Encoder) -> NDArray[np.float32]:
    return np.asarray(encoder.encode(face.crop[None])[0, 0], np.float32)


def _largest(photo: Photo, detector: Detector) -> Face | None:
    try:
        return find_faces(photo, detector)[0]
    except FaceError:
        return None


if __name__ == "__main__":
    main()
