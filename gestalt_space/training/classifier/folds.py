"""Cross-validation by family: into how many parts patients are divided, and who is in which."""

from __future__ import annotations

import numpy as np

from gestalt_space.evaluation.split_file import TEST, TRAINING, VALIDATION
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.training.space.patient_split import PatientSplit

_FOLDS = 7


def deal_folds(faces: LabelledFaces, folds: int, seed: int) -> Numbers:
    """The part `(p,)` of each patient, from 0: whole families, those of each class evenly.

    There are at most as many parts as a class has families. A family with several classes goes
    where its rarest sends it.
    """
    rng = np.random.default_rng([seed, _FOLDS])
    families_of = [
        np.unique(faces.families[faces.disorders == number]) for number in range(len(faces.titles))
    ]
    count = min(folds, *(len(some) for some in families_of))
    part_of_family: dict[int, int] = {}
    start = 0
    for families in sorted(families_of, key=len):
        free = [one for one in rng.permutation(families).tolist() if one not in part_of_family]
        for place, family in enumerate(free):
            part_of_family[family] = (start + place) % count
        start += len(free)
    return np.array([part_of_family[int(one)] for one in faces.families], dtype=np.int64)


def split_of(folds: Numbers, fold: int | None, classes: int) -> PatientSplit:
    """A part as the test, the next one as the validation, the others as the training; with None,
    nobody is held out and the first part is the validation."""
    count = int(folds.max()) + 1
    parts = np.full(len(folds), TRAINING, dtype=np.int64)
    if fold is None:
        parts[folds == 0] = VALIDATION
    else:
        parts[folds == (fold + 1) % count] = VALIDATION
        parts[folds == fold] = TEST
    return PatientSplit(parts, np.arange(classes))
