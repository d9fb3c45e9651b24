"""The built-in detector and encoder beside YuNet and MobileFaceNet: photos a second, one thread.

`python -m benchmarks.builtin ../shared`
"""

from __future__ import annotations

import argparse
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.table import keep, median_of
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.faces.alignment import align
from gestalt_space.faces.detection import Detector
from gestalt_space.faces.photos import read_photo
from gestalt_space.faces.registry import detector_factory
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.subjects import SampledSubjects
from gestalt_space.training.splits import held_out
from gestalt_space.types import Photo
from gestalt_space.weights.store import ModelStore

PHOTOS = 200
REPEATS = 5
SEED = 17


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    shared = parser.parse_args().shared
    cv2.setNumThreads(1)
    photos = {"simulated, 160 px": _simulated(), "UTKFace, 200 px": _real(shared)}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder))
        store.add(shared / "models/arcface-mbf", name="mbf", accept_license=True)
        store.add(shared / "models/yunet_n.onnx", name="yunet")
        pairs = {
            "YuNet (OpenCV) + MobileFaceNet (ONNX Runtime)": ("yunet", "mbf"),
            "built-in + built-in": ("builtin", "builtin"),
        }
        for what, sample in photos.items():
            for title, (detector_name, model) in pairs.items():
                detector = detector_factory(store, detector_name)[1](1)
                encoder = open_encoder(store.get(model), threads=1)
                crops = np.stack(_crops(detector, sample))
                detecting = median_of(lambda d=detector, s=sample: _crops(d, s), REPEATS)
                encoding = median_of(lambda e=encoder, c=crops: e.encode(c), REPEATS)
                rows.append(
                    (
                        what,
                        title,
                        len(crops),
                        f"{len(sample) / detecting:.0f}",
                        f"{len(crops) / encoding:.0f}",
                        f"{len(sample) / (detecting + encoding):.0f}",
                    )
                )
    keep(
        "builtin",
        f"python -m benchmarks.builtin ../shared (seed {SEED}, one thread, medians of {REPEATS})",
        ("photos", "pair", "faces", "detected and aligned/s", "encoded/s", "both/s"),
        rows,
    )


def _simulated() -> list[Photo]:
    plan = CohortPlan(disorders=20, patients=PHOTOS, photos_per_patient=1, seed=SEED)
    cohort = draw_cohort(plan, SampledSubjects(Persons.builtin()))
    return [Photo("", shot.portrait.pixels, "", "JPEG") for shot in cohort.photos()]


def _real(shared: Path) -> list[Photo]:
    with zipfile.ZipFile(shared / "data" / "utkface.zip") as archive:
        names = [n for n in archive.namelist() if n.endswith(".jpg") and held_out(n)][:PHOTOS]
        return [read_photo(archive.read(name)) for name in names]


def _crops(detector: Detector, photos: Sequence[Photo]) -> list[np.ndarray]:
    """The aligned face of each photo in which one is found."""
    crops = []
    for photo in photos:
        found = detector.find(photo)
        if found:
            best = max(found, key=lambda one: one.score)
            crops.append(align(photo.pixels, best.landmarks))
    return crops


if __name__ == "__main__":
    main()
