"""What a space can tell: disorders of two families, on people it never saw, and identity.

`python -m benchmarks.spaces ../shared` compares the built-in encoder with the off-the-shelf ArcFace
MobileFaceNet on the same crops, of faces found by the built-in detector (`--detector yunet`: by
YuNet). Every photo of a patient asks; the patient's own photos are no evidence; a disorder's rank
is that of its nearest photo.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import second_family
from benchmarks.table import keep
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.encoders.specification import Encoder
from gestalt_space.faces.alignment import align
from gestalt_space.faces.detection import Detector
from gestalt_space.faces.registry import detector_factory
from gestalt_space.faces.yunet import YunetDetector
from gestalt_space.simulate.capture import sample_capture, take
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.persons import Persons, Portrait
from gestalt_space.simulate.real_faces import RealFace, read_faces
from gestalt_space.simulate.subjects import RealSubjects, SampledSubjects
from gestalt_space.training.splits import held_out
from gestalt_space.types import Photo
from gestalt_space.weights.store import ModelStore

SEED = 7
DISORDERS = 100
PATIENTS = 800
IDENTITIES = 500
TOPS = (1, 5, 10, 30)


@dataclass(frozen=True)
class Album:
    """Crops `(n, 112, 112, 3)`, whose they are, and what those have."""

    crops: NDArray[np.uint8]
    people: NDArray[np.int64]
    labels: NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("--detector", choices=("builtin", "yunet"), default="builtin")
    parser.add_argument("--second-family", action="store_true", help="once for each release")
    arguments = parser.parse_args()
    yunet = YunetDetector(arguments.shared / "models" / "yunet_n.onnx")
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder))
        store.add(arguments.shared / "models/arcface-mbf", name="mbf", accept_license=True)
        encoders = {
            "MobileFaceNet": open_encoder(store.get("mbf")),
            "built-in": open_encoder(store.get("builtin")),
        }
        detector: Detector = yunet
        if arguments.detector == "builtin":
            detector = detector_factory(store, "builtin")[1](1)
        sampled = SampledSubjects(Persons.builtin())
        real = list(read_faces(arguments.shared / "data/utkface.zip", yunet, wanted=held_out))
        rows = []
        for difficulty in ("textbook", "clinical", "subtle"):
            album = _album(_cohort(sampled, difficulty), detector)
            rows += _ranked(f"own family, {difficulty}, sampled persons", album, encoders)
        album = _album(_cohort(RealSubjects(_near(real)), "clinical"), detector)
        rows += _ranked("own family, clinical, real faces held out", album, encoders)
        if arguments.second_family:
            for name, portraits in (
                ("sampled persons", _sampled_portraits),
                ("real faces held out", lambda: _shuffled_portraits(real)),
            ):
                album = _album(_second(portraits()), detector)
                rows += _ranked(f"second family, {name}", album, encoders)
        rows += _identity(encoders, detector)
    keep(
        f"spaces-{arguments.detector}",
        f"python -m benchmarks.spaces ../shared --detector {arguments.detector}"
        f"{' --second-family' * arguments.second_family} (seed {SEED})",
        ("what", "encoder", "photos", "top-1", "top-5", "top-10", "top-30"),
        rows,
    )


Shot = tuple[Portrait, int, int]
"""A photo, the number of its person, and what that person has."""


def _cohort(source: SampledSubjects | RealSubjects, difficulty: str) -> Iterator[Shot]:
    plan = CohortPlan(disorders=DISORDERS, patients=PATIENTS, difficulty=difficulty, seed=SEED)
    cohort = draw_cohort(plan, source)
    numbers = {patient.id: number for number, patient in enumerate(cohort.patients)}
    for photo in cohort.photos():
        disorder = photo.patient.disorder
        assert disorder is not None
        yield photo.portrait, numbers[photo.patient.id], int(disorder.id.removeprefix("SIM:"))


def _second(portraits: Iterator[Portrait]) -> Iterator[Shot]:
    """The second family: 100 disorders, 8 patients each, a photo of each."""
    rng = np.random.default_rng([SEED, 9])
    for number, disorder in enumerate(second_family.draw_disorders(rng, DISORDERS)):
        for patient in range(PATIENTS // DISORDERS):
            face = next(portraits)
            shown = second_family.show(disorder, rng, face.pixels, face.landmarks)
            yield take(Portrait(*shown), sample_capture(rng)), number * 1000 + patient, number


def _sampled_portraits() -> Iterator[Portrait]:
    persons, rng = Persons.builtin(), np.random.default_rng([SEED, 8])
    while True:
        yield persons.portrait(persons.sample(rng), rng)


def _shuffled_portraits(faces: Sequence[RealFace]) -> Iterator[Portrait]:
    """In an order of chance: the names of UTKFace's files begin with the age."""
    near = _near(faces)
    for row in np.random.default_rng([SEED, 11]).permutation(len(near)):
        yield near[row].portrait


def _near(faces: Sequence[RealFace]) -> list[RealFace]:
    return [face for face in faces if face.is_frontal]


def _album(shots: Iterator[Shot], detector: Detector) -> Album:
    """The photos in which a face is found."""
    crops, people, labels = [], [], []
    for portrait, person, label in shots:
        found = detector.find(Photo("", np.ascontiguousarray(portrait.pixels), "", "JPEG"))
        if found:
            best = max(found, key=lambda one: one.score)
            crops.append(align(np.ascontiguousarray(portrait.pixels), best.landmarks))
            people.append(person)
            labels.append(label)
    return Album(np.stack(crops), np.array(people), np.array(labels))


def _ranked(what: str, album: Album, encoders: dict[str, Encoder]) -> Iterator[tuple[object, ...]]:
    for name, encoder in encoders.items():
        ranks = _ranks(encoder, album)
        yield (what, name, len(ranks), *_tops(ranks))


def _ranks(encoder: Encoder, album: Album) -> NDArray[np.int64]:
    """The rank of each photo's true label; the person's own photos are left out."""
    slots = encoder.encode(album.crops)[:, 0]
    similarity = slots @ slots.T
    similarity[album.people[:, None] == album.people[None]] = -2
    _, labels = np.unique(album.labels, return_inverse=True)
    best = np.full((len(slots), labels.max() + 1), -2.0)
    for label in range(best.shape[1]):
        best[:, label] = similarity[:, labels == label].max(axis=1)
    own = best[np.arange(len(best)), labels]
    return (best > own[:, None]).sum(axis=1) + 1


def _identity(encoders: dict[str, Encoder], detector: Detector) -> Iterator[tuple[object, ...]]:
    """Two photos of each of 500 sampled persons, ten years apart: who is who?"""
    persons, rng = Persons.builtin(), np.random.default_rng([SEED, 10])

    def shots() -> Iterator[Shot]:
        for number in range(IDENTITIES):
            person = persons.sample(rng, age_years=float(rng.uniform(15, 50)))
            for later in (0, 10):
                face = persons.portrait(person, rng, age_years=person.age_years + later)
                yield take(face, sample_capture(rng)), number * 2 + later // 10, number

    album = _album(shots(), detector)
    for name, encoder in encoders.items():
        ranks = _ranks(encoder, album)
        yield ("same person among 500, healthy", name, len(ranks), *_tops(ranks))


def _tops(ranks: NDArray[np.int64]) -> list[str]:
    return [f"{100 * float((ranks <= k).mean()):.1f} %" for k in TOPS]


if __name__ == "__main__":
    main()
