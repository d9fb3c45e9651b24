"""Validation by what a space is for: are patients found among others with their disorder?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gestalt_space.evaluation.cases import Cases, ask, find_cases, photo_probes
from gestalt_space.evaluation.split_file import TRAINING, VALIDATION
from gestalt_space.evaluation.topk import TOPS, even_over_groups, hits_of
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.training.space.patient_split import PatientSplit
from gestalt_space.types import Descriptors

Tops = Mapping[int, float]
"""By k: the share of photos whose disorder is among the first k, the mean over disorders (Hsieh
2022); NaN where no photo can be tested."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Top-k of validation photos of frequent disorders, of rare ones, and over all disorders."""

    frequent: Tops
    rare: Tops
    everybody: Tops


class RetrievalTest:
    """Asks for each validation photo, in a gallery of the training patients and of the validation
    patients with rare disorders. A photo's own family is never in its gallery."""

    def __init__(self, faces: LabelledFaces, split: PatientSplit) -> None:
        rare = ~np.isin(faces.disorders, split.classes)
        validating = split.parts == VALIDATION
        in_gallery = (split.parts == TRAINING) | (validating & rare)
        taken = (in_gallery | validating)[faces.patient_of_face]
        self.faces: Numbers = np.flatnonzero(taken)
        """The numbers of the faces that it needs descriptors of, ascending."""
        everybody = faces.grouping.restricted(taken)
        self._everybody = everybody
        self._evidence = everybody.restricted(in_gallery[faces.patient_of_face])
        self._classes = split.classes
        self._patient_of_face = faces.patient_of_face
        self._tested = split.patients(VALIDATION)

    def measure(self, descriptors: Descriptors) -> Retrieval:
        """`descriptors` `(m, d)` of unit length, of `faces`."""
        cases, ranks = self.ranked(descriptors)
        frequent = np.isin(cases.groups, self._classes)
        return Retrieval(
            _tops(ranks[frequent], cases.of(frequent)),
            _tops(ranks[~frequent], cases.of(~frequent)),
            _tops(ranks, cases),
        )

    def ranked(self, descriptors: Descriptors) -> tuple[Cases, Numbers]:
        """The photos that can be tested, with their disorders, and the rank of each one's `(c,)`.
        `descriptors` as in `measure`."""
        whole = np.zeros((len(self._patient_of_face), descriptors.shape[1]), dtype=np.float32)
        whole[self.faces] = descriptors
        probes = photo_probes(whole, self._patient_of_face, self._tested)
        cases, _ = find_cases(probes.patients, self._evidence, self._everybody)
        return cases, ask(probes, cases, whole, self._evidence, ("nearest",)).ranks["nearest"]


def _tops(ranks: Numbers, cases: Cases) -> Tops:
    if not len(ranks):
        return dict.fromkeys(TOPS, float("nan"))
    shares = even_over_groups(cases.groups) @ hits_of(ranks)
    return dict(zip(TOPS, shares.tolist(), strict=True))
