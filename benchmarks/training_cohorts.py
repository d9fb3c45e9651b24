"""Real faces with simulated disorders, for the studies of trainings.

The people are of UTKFace, and their disorders of one family. Those who train have faces that
trainings of the built-in encoder have seen, without these disorders. The faces of those who
validate and test are in no training of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import second_family
from gestalt_space.evaluation.split_file import GALLERY, TEST, TRAINING, VALIDATION
from gestalt_space.faces.alignment import align
from gestalt_space.faces.yunet import YunetDetector
from gestalt_space.simulate.capture import sample_capture, take
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.persons import Portrait
from gestalt_space.simulate.real_faces import RealFace, read_faces
from gestalt_space.simulate.subjects import RealSubjects
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.training.space.patient_split import PatientSplit
from gestalt_space.training.splits import held_out, validating
from recipes.encoder import validation_family

FREQUENT, RARE = 100, 60
ASKED = 8
"""Patients of a frequent disorder who validate or test, half of them each."""
RARE_PATIENTS = 22
"""Patients of a rare disorder. Half of these disorders validate; the others test."""
RARE_GALLERY = 4
"""Of these patients, those whom the others are matched against."""


@dataclass(frozen=True)
class LabelledShot:
    """A photo, whose it is, what that patient has, and whether no training of ours saw the face."""

    photo: Portrait
    patient: str
    disorder: str
    is_held_out: bool


@dataclass(frozen=True)
class Affected:
    """The patients of the frequent and of the rare disorders; every person is one of them."""

    frequent: Sequence[RealFace]
    rare: Sequence[RealFace]

    def numbered(self) -> Iterator[tuple[int, RealFace, str]]:
        """Who has which disorder: its number among all, and its name."""
        for place, face in enumerate(self.frequent):
            yield place % FREQUENT, face, f"0-{place % FREQUENT:03d}"
        for place, face in enumerate(self.rare):
            yield FREQUENT + place % RARE, face, f"1-{place % RARE:03d}"


def read_frontal(shared: Path) -> Sequence[RealFace]:
    """The people of UTKFace who look ahead, but for those by whom encoders are chosen."""
    yunet = YunetDetector(shared / "models" / "yunet_n.onnx")
    found = read_faces(shared / "data/utkface.zip", yunet, wanted=lambda name: not validating(name))
    return [face for face in found if face.is_frontal]


def draw_patients(real: Sequence[RealFace], training: int, seed: int) -> Affected:
    """People in an order of chance, `training` of them for the training of each disorder."""
    rng = np.random.default_rng([seed, 6])
    order = [real[place] for place in rng.permutation(len(real))]
    unseen = [face for face in order if held_out(face.name)]
    seen = [face for face in order if not held_out(face.name)]
    rare, unseen = unseen[: RARE * RARE_PATIENTS], unseen[RARE * RARE_PATIENTS :]
    return Affected(unseen[: FREQUENT * ASKED] + seen[: FREQUENT * training], rare)


def _own(affected: Affected, seed: int) -> Iterator[LabelledShot]:
    """Disorders as `gestalt simulate` and the trainings of the built-in encoder draw them."""
    rng = np.random.default_rng([seed, 10])
    parts = ((FREQUENT, affected.frequent, 0), (RARE, affected.rare, 1_000_000))
    for part, (count, people, apart) in enumerate(parts):
        # The cohort gives the first disorder to the people who come first.
        own = [people[place] for place in rng.permutation(len(people))]
        cohort = draw_cohort(
            CohortPlan(disorders=count, patients=len(own), is_even=True, seed=seed + apart),
            RealSubjects(own),
        )
        for photo in cohort.photos():
            patient = photo.patient
            assert patient.disorder is not None
            assert isinstance(patient.subject.source, RealFace)
            name = patient.subject.source.name
            disorder = f"{part}-{patient.disorder.id}"
            yield LabelledShot(photo.portrait, name, disorder, held_out(name))


def _validation(affected: Affected, seed: int) -> Iterator[LabelledShot]:
    rng = np.random.default_rng([seed, 8])
    disorders = validation_family.draw_disorders(rng, FREQUENT + RARE)
    for number, face, disorder in affected.numbered():
        shown = take(disorders[number].show(rng, face.portrait), sample_capture(rng))
        yield LabelledShot(shown, face.name, disorder, held_out(face.name))


def _second(affected: Affected, seed: int) -> Iterator[LabelledShot]:
    rng = np.random.default_rng([seed, 9])
    disorders = second_family.draw_disorders(rng, FREQUENT + RARE)
    for number, face, disorder in affected.numbered():
        portrait = face.portrait
        shown = second_family.show(disorders[number], rng, portrait.pixels, portrait.landmarks)
        photo = take(Portrait(*shown), sample_capture(rng))
        yield LabelledShot(photo, face.name, disorder, held_out(face.name))


FAMILIES: Mapping[str, Callable[[Affected, int], Iterator[LabelledShot]]] = {
    "own": _own,
    "validation": _validation,
    "second": _second,
}
"""How disorders change faces: as in the trainings of the built-in encoder, or in other ways."""


@dataclass(frozen=True)
class TrainingCohort:
    """`faces` of all patients, aligned by their true landmarks; the `split` of a training; and who
    is matched in a test. `test_parts` `(patients,)`: `TRAINING` for the gallery, `VALIDATION` for
    those who are asked, `GALLERY` for all others. `is_rare` `(disorders,)`."""

    faces: LabelledFaces
    split: PatientSplit
    test_parts: NDArray[np.int64]
    is_rare: NDArray[np.bool_]


def make_cohort(real: Sequence[RealFace], family: str, training: int, seed: int) -> TrainingCohort:
    """100 frequent disorders with `training` patients each who train, and 60 rare ones."""
    faces, is_held_out = _faces(FAMILIES[family](draw_patients(real, training, seed), seed))
    rng = np.random.default_rng([seed, 7])
    is_rare = np.array([title.startswith("1-") for title in faces.titles])
    parts = np.full(len(faces.patients), TRAINING)
    # Who validated is a patient of the gallery like those who trained.
    test_parts = np.full(len(faces.patients), TRAINING)
    tested = rng.permutation(np.flatnonzero(is_rare))[: RARE // 2]
    for number in range(len(is_rare)):
        own = rng.permutation(np.flatnonzero((faces.disorders == number) & is_held_out))
        if not is_rare[number]:
            half = len(own) // 2
            parts[own[:half]] = VALIDATION
            parts[own[half:]], test_parts[own[half:]] = TEST, VALIDATION
        elif number in tested:
            parts[own] = GALLERY
            parts[own[RARE_GALLERY:]], test_parts[own[RARE_GALLERY:]] = TEST, VALIDATION
        else:
            parts[own] = VALIDATION
            test_parts[own[RARE_GALLERY:]] = GALLERY
    return TrainingCohort(faces, PatientSplit(parts, np.flatnonzero(~is_rare)), test_parts, is_rare)


def _faces(shots: Iterator[LabelledShot]) -> tuple[LabelledFaces, NDArray[np.bool_]]:
    """All photos, and whether the face of each patient is in no training of ours."""
    crops, owners, disorders, held = [], [], [], []
    for shot in shots:
        crops.append(align(np.ascontiguousarray(shot.photo.pixels), shot.photo.landmarks))
        owners.append(shot.patient)
        disorders.append(shot.disorder)
        held.append(shot.is_held_out)
    names, first, numbers = np.unique(owners, return_index=True, return_inverse=True)
    titles, groups = np.unique(disorders, return_inverse=True)
    faces = LabelledFaces(
        crops=np.stack(crops),
        patient_of_face=numbers.astype(np.int64),
        patients=tuple(names.tolist()),
        families=np.arange(len(names)),
        disorders=groups[first].astype(np.int64),
        sex=("",) * len(names),
        ancestry=("",) * len(names),
        titles=tuple(titles.tolist()),
        left_out={},
    )
    return faces, np.array(held)[first]
