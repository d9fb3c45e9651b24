"""Who is trained on, who validates and who is held out: whole families, always."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.interop.gmdb import TrainingParts
from gestalt_space.paths import display_name
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.tables.rows import RecordReader, RowWriter
from gestalt_space.training.space.labelled_faces import LabelledFaces

TRAINING, VALIDATION, TEST = range(3)
PARTS = ("training", "validation", "test")
_FORM = f"The columns must be patient and part; a part is {', '.join(PARTS)}."


@dataclass(frozen=True)
class PatientSplit:
    """`parts` `(p,)`: the part of each patient. `classes` `(c,)`: numbers of the disorders that are
    trained, ascending; all others are rare."""

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
    whole is in validation or in test, half of them each. A family with several disorders goes where
    the first of them sends it. `test`: 0 holds nobody out. Raises `UsageError` if no disorder is
    frequent.
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
    return _checked(PatientSplit(parts, classes), faces)


def read_split(path: Path, faces: LabelledFaces) -> PatientSplit:
    """A split given by hand, as CSV with the columns `patient` and `part`.

    A disorder with a patient in training is trained. Raises `UsageError`, which names whom it is
    about, for a patient or a family in two parts, an unknown part, and a patient who is missing.
    """
    number = {patient: place for place, patient in enumerate(faces.patients)}
    parts = np.full(len(faces.patients), -1, dtype=np.int64)
    for line, patient, part in _rows(path):
        where = f"{display_name(path.name)}, line {line}"
        if part not in PARTS:
            form = _FORM
            if part == "gallery":
                form += " A split.csv of `gestalt train space` is for `gestalt evaluate gallery`."
            raise UsageError(f"{where}: {part[:40]!r} is not a part.", form)
        place = number.get(patient)
        if place is None:
            continue  # one who has no disorder or no crop
        if parts[place] not in (-1, PARTS.index(part)):
            raise UsageError(
                f"{where}: patient {patient} is in {part}, and in {PARTS[parts[place]]}.",
                "Put each patient into one part.",
            )
        parts[place] = PARTS.index(part)
    missing = [faces.patients[place] for place in np.flatnonzero(parts < 0)]
    if missing:
        raise UsageError(
            f"{display_name(path.name)} does not have {len(missing)} patients of the gallery; the "
            f"first is {missing[0]}.",
            "Add a row for each patient.",
        )
    return _by_hand(parts, faces)


def gmdb_split(parts: TrainingParts, faces: LabelledFaces) -> PatientSplit:
    """GMDB's own: its training, validation and test patients of frequent disorders. All others are
    held out. Raises `UsageError`."""
    of = {
        subject: number
        for number, some in enumerate((parts.training, parts.validation, parts.test))
        for subject in some
    }
    return _by_hand(np.array([of.get(one, TEST) for one in faces.patients]), faces)


def _by_hand(parts: Numbers, faces: LabelledFaces) -> PatientSplit:
    _check_families(parts, faces)
    classes = np.unique(faces.disorders[parts == TRAINING])
    return _checked(PatientSplit(parts, classes), faces)


def evaluation_rows(split: PatientSplit, faces: LabelledFaces) -> bytes:
    """The split as CSV for `gestalt evaluate gallery --split`: patients held out are tested, the
    others are the gallery. Of a rare disorder that is held out, one family stays in the gallery to
    be found."""
    gallery = split.parts != TEST
    for disorder in np.setdiff1d(np.arange(len(faces.titles)), split.classes):
        mine = np.flatnonzero((faces.disorders == disorder) & ~gallery)
        if len(mine):
            found = faces.families == faces.families[mine[0]]
            gallery |= found
    stream = StringIO()
    rows = RowWriter(stream)
    rows.write(("patient", "part"))
    rows.write_all(
        (patient, "gallery" if known else "test")
        for patient, known in zip(faces.patients, gallery, strict=True)
    )
    return stream.getvalue().encode()


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
        raise UsageError("Two disorders are needed to train.", _FORM)
    if not len(split.patients(VALIDATION)):
        raise UsageError("Nobody is left to validate by.", _FORM)
    return split


def _rows(path: Path) -> Sequence[tuple[int, str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = RecordReader(stream, strict=True)
            reader.fieldnames = [(one or "").strip().lower() for one in reader.fieldnames or ()]
            if not {"patient", "part"} <= set(reader.fieldnames):
                raise UsageError(f"{display_name(path.name)} lacks a column.", _FORM)
            return [
                (reader.line_num, (row["patient"] or "").strip(), (row["part"] or "").strip())
                for row in reader
            ]
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{display_name(path)} cannot be read: {reason}.", "It must be CSV in UTF-8."
        ) from error


def faces_of(patients: Numbers, faces: LabelledFaces) -> Numbers:
    """The numbers of the faces of some patients, ascending."""
    wanted: NDArray[np.bool_] = np.isin(faces.patient_of_face, patients)
    return np.flatnonzero(wanted)
