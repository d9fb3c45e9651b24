"""How much of what an encoder misses is lost to who the person is, and how the photo is taken.

`python -m benchmarks.identity_limit ../shared` shows disorders of the validation family
(`recipes.encoder.validation_family`) on real faces held out, and looks for the other patients of a
disorder: by the descriptors of their photos, and by the difference of these from descriptors of the
same person without the disorder, which nobody has of a patient.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import keep
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.faces.alignment import align
from gestalt_space.faces.detection import Detector
from gestalt_space.faces.registry import detector_factory
from gestalt_space.faces.yunet import YunetDetector
from gestalt_space.simulate.capture import sample_capture, take
from gestalt_space.simulate.persons import Portrait
from gestalt_space.simulate.real_faces import read_faces
from gestalt_space.training.splits import held_out
from gestalt_space.types import Photo
from gestalt_space.weights.store import ModelStore
from recipes.encoder.validation import ranks_of
from recipes.encoder.validation_family import draw_disorders

SEED = 41
DISORDERS, PATIENTS = 100, 8
OTHERS = 4
"""Photos of a person without the disorder, taken in other ways."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    shared = parser.parse_args().shared
    yunet = YunetDetector(shared / "models" / "yunet_n.onnx")
    faces = read_faces(shared / "data/utkface.zip", yunet, wanted=held_out)
    people = [face.portrait for face in faces if face.is_frontal]
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder))
        store.add(shared / "models/arcface-mbf", name="mbf", accept_license=True)
        crops, labels = _photos(people, detector_factory(store, "builtin")[1](1))
        rows = []
        for name, model in (("MobileFaceNet", "mbf"), ("built-in", "builtin")):
            slots = open_encoder(store.get(model)).encode(crops.reshape(-1, *crops.shape[2:]))
            shown, same, *others = slots[:, 0].reshape(len(crops), 2 + OTHERS, -1).swapaxes(0, 1)
            rows += [
                (what, name, len(labels), *_tops(descriptors, labels))
                for what, descriptors in (
                    ("the photo", shown),
                    ("less another photo of the person without it", shown - others[0]),
                    (f"less the mean of {OTHERS} such photos", shown - np.mean(others, axis=0)),
                    ("less one taken in the same way", shown - same),
                )
            ]
    keep(
        "identity-limit",
        f"python -m benchmarks.identity_limit ../shared (seed {SEED})",
        ("descriptor", "encoder", "photos", "top-1", "top-10"),
        rows,
    )


def _photos(
    people: list[Portrait], detector: Detector
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """For each patient the photo, one without the disorder, and others, `(n, 2 + OTHERS, …)`."""
    rng = np.random.default_rng([SEED, 9])
    order = iter(np.random.default_rng([SEED, 11]).permutation(len(people)))
    crops, labels = [], []
    for number, disorder in enumerate(draw_disorders(rng, DISORDERS)):
        for _ in range(PATIENTS):
            person, capture = people[next(order)], sample_capture(rng)
            shots = [take(disorder.show(rng, person), capture), take(person, capture)]
            shots += [take(person, sample_capture(rng)) for _ in range(OTHERS)]
            found = list(_found(shots, detector))
            if len(found) == len(shots):
                crops.append(np.stack(found))
                labels.append(number)
    return np.stack(crops), np.array(labels)


def _found(shots: list[Portrait], detector: Detector) -> Iterator[NDArray[np.uint8]]:
    for shot in shots:
        pixels = np.ascontiguousarray(shot.pixels)
        if found := detector.find(Photo("", pixels, "", "JPEG")):
            yield align(pixels, max(found, key=lambda one: one.score).landmarks)


def _tops(descriptors: NDArray[np.float32], labels: NDArray[np.int64]) -> list[str]:
    unit = descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
    ranks = ranks_of(unit, labels)
    return [f"{100 * float((ranks <= k).mean()):.1f} %" for k in (1, 10)]


if __name__ == "__main__":
    main()
