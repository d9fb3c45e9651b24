"""Who is trained on, who validates and who is held out: whole families, always."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.evaluation.split_file import (
    GALLERY,
    PARTS,
    SPLIT_FORM,
    TEST,
    TRAINING,
    VALIDATION,
    read_parts,
    split_bytes,
)
from gestalt_space.interop.gmdb import TrainingParts
from gestalt_space.paths import display_name
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.training.space.labelled_faces import LabelledFaces


@dataclass(frozen=True)
class PatientSplit:
    """`parts` `(p,)`: the part of each patient, by its place in `PARTS`. `classes` `(c,)`: numbers
    of the disorders that are trained, ascending; all others are rare."""

    parts: Numbers
    classes: Numbers

    def patients(self, part: int) -> Numbers:
        """The numbers of the patients of a part."""
        return np.flatnonzero(self.parts == part)

    def trained(self, faces: LabelledFaces) -> Numbers:
        """The numbers of the patients who are trained on. A rare patient may be in the training
        part as a relative of one of them, and is trained on by nobody."""
        known = np.isin(faces.disorders, self.classes)
        return np.flatnonzero((self.parts == TRAINING) & known)


def split_patients(
    faces: LabelledFaces, *, frequent: int, validation: float, test: float, seed: int
) -> PatientSplit:
    """Deal out families at random, disorder by disorder.

    A disorder of at least `frequent` families is trained: the shares `validation` and `test` of
    its families, at least one each, are not trained on. The other disorders are rare: each one as a
    whole is in validation or in test, half of them each; of one in test, one family is in the
    gallery. A family with several disorders goes where the first of them sends it. `test`: 0 holds
    nobody out. Raises `UsageError` if no disorder is frequent.
    """
    rng = np.random.default_rng([seed, 1])
    part_of_family: dict[int, int] = {}
    families_of = [
        np.unique(faces.families[faces.disorders == number]) for number in range(len(faces.titles))
    ]
    counts = np.array([len(some) for some in families_of])
    classes = np.flatnonzero(counts >= frequent)
    if len(classes) < 2:
        raise UsageError(
            f"{len(classes)} disorders have {frequent} families or more. Two are needed.",
            "Add patients, or lower --set frequent=NUMBER.",
        )
    for number in classes:
        families = rng.permutation(families_of[number])
        held = max(1, round(test * len(families))) if test else 0
        validating = max(1, round(validation * len(families)))
        for place, family in enumerate(families.tolist()):
            part = TEST if place < held else VALIDATION if place < held + validating else TRAINING
            part_of_family.setdefault(family, part)
    rare = rng.permutation(np.flatnonzero(counts < frequent))
    for place, number in enumerate(rare.tolist()):
        part = TEST if test and place % 2 else VALIDATION
        for family in families_of[number].tolist():
            part_of_family.setdefault(family, part)
    parts = np.array([part_of_family[int(family)] for family in faces.families], dtype=np.int64)
    return _to_be_found(_checked(PatientSplit(parts, classes), faces), faces)


def read_split(path: Path, faces: LabelledFaces) -> PatientSplit:
    """A split from a file. Patients of it who have no faces do not matter.

    A disorder with a patient in training is trained. Raises `UsageError`, which names whom it is
    about, for a family in two parts and a patient who is missing, where nobody is left to train or
    to validate, and as `read_parts` does.
    """
    of = read_parts(path)
    name = display_name(path.name)
    missing = [patient for patient in faces.patients if patient not in of]
    if missing:
        raise UsageError(
            f"{name} does not have {len(missing)} patients of the gallery; the first is "
            f"{missing[0]}.",
            "Add a row for each patient.",
        )
    parts = np.array([of[patient].part for patient in faces.patients], dtype=np.int64)
    if TRAINING not in parts:
        raise UsageError(
            f"{name} has nobody to train on.",
            "For a training, the parts are training and validation; patients of the parts gallery "
            "and test are held out.",
        )
    return _by_hand(parts, faces)


def gmdb_split(parts: TrainingParts, faces: LabelledFaces) -> PatientSplit:
    """GMDB's own: its training, validation and test patients of frequent disorders. All others are
    held out; one family of each disorder is in the gallery. Raises `UsageError`."""
    of = {
        subject: number
        for number, some in enumerate((parts.training, parts.validation, parts.test))
        for subject in some
    }
    numbers = np.array([of.get(one, TEST) for one in faces.patients], dtype=np.int64)
    return _to_be_found(_by_hand(numbers, faces), faces)


def _by_hand(parts: Numbers, faces: LabelledFaces) -> PatientSplit:
    _check_families(parts, faces)
    classes = np.unique(faces.disorders[parts == TRAINING])
    return _checked(PatientSplit(parts, classes), faces)


def split_rows(split: PatientSplit, faces: LabelledFaces) -> bytes:
    """The split as a file, for other trainings and for `gestalt evaluate gallery --split`."""
    return split_bytes(zip(faces.patients, split.parts.tolist(), strict=True))


def _to_be_found(split: PatientSplit, faces: LabelledFaces) -> PatientSplit:
    """Of each rare disorder that is tested, and that nobody else has, one family is put into the
    gallery, so that the others can be found."""
    parts = split.parts.copy()
    for disorder in np.setdiff1d(np.arange(len(faces.titles)), split.classes):
        mine = faces.disorders == disorder
        if np.all(parts[mine] == TEST):
            first = np.flatnonzero(mine)[0]
            parts[faces.families == faces.families[first]] = GALLERY
    return PatientSplit(parts, split.classes)


def _check_families(parts: Numbers, faces: LabelledFaces) -> None:
    first: dict[int, int] = {}
    for place, family in enumerate(faces.families.tolist()):
        other = first.setdefault(family, place)
        if parts[other] != parts[place]:
            raise UsageError(
                f"Patients {faces.patients[other]} ({PARTS[parts[other]]}) and "
                f"{faces.patients[place]} ({PARTS[parts[place]]}) are of one family.",
                "Put each family into one part: relatives look alike even without a common "
                "disorder.",
            )


def _checked(split: PatientSplit, faces: LabelledFaces) -> PatientSplit:
    """Raises `UsageError` where there is too little to train on or nothing to validate by."""
    trained = faces.disorders[split.patients(TRAINING)]
    lacking = np.setdiff1d(split.classes, trained)
    if len(lacking):
        raise UsageError(
            f"Nobody is left to train {faces.titles[int(lacking[0])]}: relatives with another "
            "disorder are in another part.",
            "Raise --set frequent=NUMBER, or give a --split.",
        )
    if len(split.classes) < 2:
        raise UsageError("Two disorders are needed to train.", SPLIT_FORM)
    if not len(split.patients(VALIDATION)):
        raise UsageError("Nobody is left to validate by.", SPLIT_FORM)
    return split


def faces_of(patients: Numbers, faces: LabelledFaces) -> Numbers:
    """The numbers of the faces of some patients, ascending."""
    wanted: NDArray[np.bool_] = np.isin(faces.patient_of_face, patients)
    return np.flatnonzero(wanted)
