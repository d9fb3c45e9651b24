"""A face task that needs no data: to recognise persons who do not exist.

A network that starts from nothing learns it first, in the place of CASIA-WebFace in DeepGestalt.
"""

from __future__ import annotations

import numpy as np

from gestalt_space.evaluation.split_file import TRAINING, VALIDATION
from gestalt_space.faces.alignment import SIZE
from gestalt_space.simulate.aligned_photos import photographed
from gestalt_space.simulate.persons import Persons
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.training.space.patient_split import PatientSplit

_PERSONS = 8
VALIDATING = 4
"""One photo of each person in so many validates."""


def simulated_identities(persons: int, photos: int, seed: int) -> LabelledFaces:
    """`photos` of each of `persons` as if each photo were a patient, and each person a disorder.

    A person is photographed in different light and poses, with other hair and walls.
    """
    model = Persons.builtin()
    crops = np.empty((persons * photos, SIZE, SIZE, 3), dtype=np.uint8)
    for number in range(persons):
        rng = np.random.default_rng([seed, _PERSONS, number])
        person = model.sample(rng)
        for place in range(photos):
            crops[number * photos + place] = photographed(model.portrait(person, rng), rng)
    count = len(crops)
    return LabelledFaces(
        crops=crops,
        patient_of_face=np.arange(count),
        patients=tuple(f"photo {number + 1}" for number in range(count)),
        families=np.arange(count),
        disorders=np.repeat(np.arange(persons), photos),
        sex=("",) * count,
        ancestry=("",) * count,
        titles=tuple(f"person {number + 1}" for number in range(persons)),
        left_out={},
    )


def identity_split(faces: LabelledFaces) -> PatientSplit:
    """Some photos of each person validate, the others are trained on."""
    place = np.arange(len(faces.patients)) % (len(faces.patients) // len(faces.titles))
    parts = np.where(place % VALIDATING == 0, VALIDATION, TRAINING).astype(np.int64)
    return PatientSplit(parts, np.arange(len(faces.titles)))
