"""Copies of a photo, saved again: how often they are found, and how often two photos are taken for
one.

`python -m benchmarks.resaved ../shared` saves faces of UTKFace that no shipped model was trained
on, and simulated patients, again in several ways, finds and aligns the face anew, and asks
`gestalt_space.gallery.copies` about each pair. Pairs that are no copies: every face beside the most
similar one of another person, and two photos of one real person.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.table import keep
from gestalt_space.descriptors import to_descriptors
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import FaceError
from gestalt_space.faces.detection import Detector, find_faces
from gestalt_space.faces.photos import read_photo
from gestalt_space.faces.registry import detector_factory
from gestalt_space.faces.yunet import YunetDetector
from gestalt_space.gallery.copies import (
    CANDIDATE,
    SAME_DESCRIPTOR,
    SAME_PICTURE,
    look_of,
    picture_correlation,
)
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.real_faces import read_faces
from gestalt_space.simulate.subjects import SampledSubjects
from gestalt_space.training.splits import held_out
from gestalt_space.types import Photo, Pixels
from gestalt_space.weights.store import ModelStore

SEED = 5

Pair = tuple[Pixels, Pixels]


def _jpeg(pixels: Pixels, quality: int) -> Pixels:
    stored = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)


def _scaled(pixels: Pixels, scale: float) -> Pixels:
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=how), np.uint8)


def _screenshot(pixels: Pixels, scale: float) -> Pixels:
    """The photo in a window of a light page."""
    shown = _scaled(pixels, scale)
    height, width = shown.shape[:2]
    page = np.full((height + 160, width + 200, 3), 245, np.uint8)
    page[70 : 70 + height, 90 : 90 + width] = shown
    return page


def _brighter(pixels: Pixels) -> Pixels:
    return np.clip(pixels.astype(np.float32) * 1.15 + 10, 0, 255).astype(np.uint8)


WAYS: dict[str, Callable[[Pixels], Pixels]] = {
    "JPEG 90": lambda pixels: _jpeg(pixels, 90),
    "JPEG 70": lambda pixels: _jpeg(pixels, 70),
    "JPEG 40": lambda pixels: _jpeg(pixels, 40),
    "half the size, JPEG 70": lambda pixels: _jpeg(_scaled(pixels, 0.5), 70),
    "1.5 times the size": lambda pixels: _scaled(pixels, 1.5),
    "screenshot at 0.8": lambda pixels: _screenshot(pixels, 0.8),
    "screenshot at 0.6, JPEG 60": lambda pixels: _jpeg(_screenshot(pixels, 0.6), 60),
    "brighter": _brighter,
    "mirrored": lambda pixels: np.ascontiguousarray(pixels[:, ::-1]),
}


@dataclass(frozen=True)
class Picture:
    """A photo of a person of its own, and its aligned face."""

    pixels: Pixels
    crop: Pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--photos", type=int, default=500, help="of each kind")
    arguments = parser.parse_args()
    shared, count = arguments.shared, arguments.photos
    yunet = YunetDetector(shared / "models" / "yunet_n.onnx")
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder))
        store.add(shared / "models/arcface-mbf", name="mbf", accept_license=True)
        encoders = {
            "MobileFaceNet": open_encoder(store.get("mbf"), precision="float32"),
            "built-in": open_encoder(store.get("builtin"), precision="float32"),
        }
        detector = detector_factory(store, "builtin")[1](1)
        faces = read_faces(shared / "data/utkface.zip", yunet, wanted=held_out)
        real = (face.portrait.pixels for face in faces)
        kinds = {
            "real": list(_pictures(islice(real, count), detector)),
            "simulated": list(_pictures(_simulated(count), detector)),
        }
        rows = []
        for kind, pictures in kinds.items():
            for way, save in WAYS.items():
                pairs = [
                    (one.crop, crop)
                    for one in pictures
                    if (crop := _crop(save(one.pixels), detector)) is not None
                ]
                rows += _rows(f"{kind}, {way}", pairs, encoders)
            for name, encoder in encoders.items():
                near = _nearest(pictures, encoder)
                rows += _rows(f"{kind}, the nearest of another person", near, {name: encoder})
        one, other = (
            find_faces(read_photo(shared / f"data/wild/bulk_Rob_Lowe_000{n}.jpg"), yunet)[0].crop
            for n in (1, 2)
        )
        rows += _rows("two photos of one real person", [(one, other)], encoders)
    keep(
        "resaved",
        f"python -m benchmarks.resaved ../shared --photos {count}  # seed {SEED}; a copy: "
        f"similarity from {CANDIDATE} and correlation from {SAME_PICTURE}; without crops, "
        f"similarity from {SAME_DESCRIPTOR}",
        ("pairs", "encoder", "n", "similarity: least, 5 %, median, most",
         "correlation: least, 5 %, median, most", "taken for copies", "without crops"),
        rows,
    )  # fmt: skip


def _pictures(photos: Iterable[Pixels], detector: Detector) -> Iterator[Picture]:
    for pixels in photos:
        if (crop := _crop(pixels, detector)) is not None:
            yield Picture(pixels, crop)


def _simulated(count: int) -> Iterator[Pixels]:
    """A photo of each of so many simulated patients, ten to a disorder in the mean."""
    plan = CohortPlan(disorders=count // 10, patients=count, seed=SEED)
    seen: set[str] = set()
    for photo in draw_cohort(plan, SampledSubjects(Persons.builtin())).photos():
        if photo.patient.id not in seen:
            seen.add(photo.patient.id)
            yield photo.portrait.pixels


def _crop(pixels: Pixels, detector: Detector) -> Pixels | None:
    photo = Photo("photo", np.ascontiguousarray(pixels), "0" * 64, "PNG")
    try:
        return find_faces(photo, detector)[0].crop
    except FaceError:
        return None


def _described(crops: Iterable[Pixels], encoder: Encoder) -> NDArray[np.float32]:
    return to_descriptors(encoder.encode(np.stack(list(crops))))


def _nearest(pictures: list[Picture], encoder: Encoder) -> list[Pair]:
    descriptors = _described((one.crop for one in pictures), encoder)
    similarities = descriptors @ descriptors.T
    np.fill_diagonal(similarities, -1)
    return [(one.crop, pictures[place].crop)
            for one, place in zip(pictures, similarities.argmax(axis=1), strict=True)]  # fmt: skip


def _rows(what: str, pairs: list[Pair], encoders: dict[str, Encoder]) -> list[tuple[object, ...]]:
    correlations = np.array([picture_correlation(look_of(a), look_of(b)) for a, b in pairs])
    rows: list[tuple[object, ...]] = []
    for name, encoder in encoders.items():
        ours, theirs = (_described((pair[side] for pair in pairs), encoder) for side in (0, 1))
        similarities = (ours * theirs).sum(axis=1)
        copies = (similarities >= CANDIDATE) & (correlations >= SAME_PICTURE)
        alone = similarities >= SAME_DESCRIPTOR
        rows.append(
            (what, name, len(pairs), _spread(similarities), _spread(correlations),
             f"{copies.mean():.1%}", f"{alone.mean():.1%}")
        )  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def _spread(values: NDArray[np.floating]) -> str:
    return ", ".join(f"{value:.3f}" for value in np.percentile(values, [0, 5, 50, 100]))


if __name__ == "__main__":
    main()
