"""What a space is trained on: aligned faces of patients, and their disorders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from gestalt_space.errors import GalleryEmpty, UsageError
from gestalt_space.ranking.grouping import Grouping, Numbers, grouping
from gestalt_space.store.people import family_numbers
from gestalt_space.store.reads import PatientSummary
from gestalt_space.types import Crops, Pixels

SHOWN = 5


class FaceSource(Protocol):
    """Where a training has its faces from."""

    def read(self, *, leave_out_single: bool) -> LabelledFaces:
        """The faces. Raises what `labelled_faces` raises."""

    def mark(self, patients: Sequence[str], folder: Path, *, space: str = "") -> None:
        """Note the patients of a training, where there is a place for it. `space`: the fingerprint
        of the encoder's space, once there is one."""


@dataclass(frozen=True)
class LabelledFaces:
    """Faces of patients, each of whom has one disorder.

    `crops` `(n, 112, 112, 3)` uint8 RGB, and the number of each one's patient `(n,)`. Of patients,
    each `(p,)`: identifier, number of the family, number of the disorder, sex and ancestry, an
    empty text where it is not known. `titles`: of disorders `(d,)`. `left_out`: how many patients
    are not here, by reason.
    """

    crops: Crops
    patient_of_face: Numbers
    patients: tuple[str, ...]
    families: Numbers
    disorders: Numbers
    sex: tuple[str, ...]
    ancestry: tuple[str, ...]
    titles: tuple[str, ...]
    left_out: Mapping[str, int]

    @property
    def disorder_of_face(self) -> Numbers:
        """`(n,)`."""
        return self.disorders[self.patient_of_face]

    @cached_property
    def grouping(self) -> Grouping:
        """Faces by patient, patients by disorder and family, as rankings take them."""
        pairs = np.stack([np.arange(len(self.patients)), self.disorders], axis=1)
        faces = np.arange(len(self.crops))
        return grouping(faces, self.patient_of_face, pairs, families=self.families)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 in hex of the pixels, the disorders and the families."""
        digest = hashlib.sha256(np.ascontiguousarray(self.crops).data)
        for numbers in (self.patient_of_face, self.families, self.disorders):
            digest.update(numbers.astype(np.int64).data)
        return digest.hexdigest()


def with_one_disorder(
    patients: Sequence[PatientSummary], left_out: dict[str, int]
) -> list[PatientSummary]:
    """The patients who have one disorder; how many others there are is noted in `left_out`."""
    diagnosed = [one for one in patients if one.disorders]
    certain = [one for one in diagnosed if len(one.disorders) == 1]
    left_out["without a disorder"] = len(patients) - len(diagnosed)
    left_out["with several disorders"] = len(diagnosed) - len(certain)
    return certain


def labelled_faces(
    patients: Sequence[PatientSummary],
    faces: Iterable[tuple[str, Pixels]],
    left_out: dict[str, int],
    *,
    leave_out_single: bool,
) -> LabelledFaces:
    """Faces of patients with one disorder each. `faces`: the patient of each, and the aligned face.

    A disorder with patients of a single family is refused by name, or left out. Raises
    `GalleryEmpty` if nobody is left, `UsageError`.
    """
    single = _single(patients)
    if single and not leave_out_single:
        raise _too_few(single)
    kept = [one for one in patients if one.disorders[0] not in single]
    left_out["with a disorder that only one family has"] = len(patients) - len(kept)
    if not kept:
        raise GalleryEmpty(
            "There is no disorder with faces of two families to train on.",
            "Add patients who share a diagnosis: `gestalt index add patients.csv`.",
        )
    number = {one.patient: place for place, one in enumerate(kept)}
    mine = [(number[patient], crop) for patient, crop in faces if patient in number]
    titles = tuple(sorted({one.disorders[0] for one in kept}))
    disorder = {code: place for place, code in enumerate(titles)}
    return LabelledFaces(
        crops=np.stack([crop for _, crop in mine]),
        patient_of_face=np.array([owner for owner, _ in mine], dtype=np.int64),
        patients=tuple(one.patient for one in kept),
        families=family_numbers(np.array([one.family or "" for one in kept], dtype=np.str_)),
        disorders=np.array([disorder[one.disorders[0]] for one in kept], dtype=np.int64),
        sex=tuple(one.sex or "" for one in kept),
        ancestry=tuple(one.ancestry or "" for one in kept),
        titles=titles,
        left_out={reason: count for reason, count in left_out.items() if count},
    )


def _single(patients: Sequence[PatientSummary]) -> dict[str, int]:
    """Disorders that only one family has, and the number of its patients."""
    families: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    for one in patients:
        code = one.disorders[0]
        families.setdefault(code, set()).add(f"\0{one.family}" if one.family else one.patient)
        counts[code] = counts.get(code, 0) + 1
    return {code: counts[code] for code, names in families.items() if len(names) == 1}


def _too_few(single: Mapping[str, int]) -> UsageError:
    names = ", ".join(
        f"{code} (1 patient)" if count == 1 else f"{code} ({count} patients of one family)"
        for code, count in sorted(single.items())[:SHOWN]
    )
    more = f" and {len(single) - SHOWN} more" if len(single) > SHOWN else ""
    return UsageError(
        f"Only one family has the disorder: {names}{more}. Nobody is left to find them by.",
        "Add more patients, or leave these disorders out with --set leave_out_single=true.",
    )
