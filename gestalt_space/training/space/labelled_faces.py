"""What a space is trained on: the kept crops of patients of a gallery, and their disorders."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from gestalt_space.errors import GalleryEmpty, UsageError
from gestalt_space.faces.alignment import SIZE
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.home import Gallery
from gestalt_space.ranking.grouping import Grouping, Numbers, grouping
from gestalt_space.store.people import family_numbers
from gestalt_space.store.reads import KeptFace, PatientSummary, kept_faces
from gestalt_space.types import Crops

SHOWN = 5


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


def read_labelled_faces(home: Path | None, *, leave_out_single: bool = False) -> LabelledFaces:
    """The faces of a home's gallery whose crops are kept and whose patients have one disorder.

    Patients who withdrew their consent are left out, and so are those with several disorders.
    A disorder with patients of a single family is refused by name, or left out. Raises
    `GalleryEmpty` if nobody is left, `UsageError`.
    """
    with Gallery.open(home) as gallery:
        gallery.database.require()
        everybody = gallery.patients()
        left_out: dict[str, int] = {}
        diagnosed = [one for one in everybody if one.disorders]
        left_out["without a disorder"] = len(everybody) - len(diagnosed)
        certain = [one for one in diagnosed if len(one.disorders) == 1]
        left_out["with several disorders"] = len(diagnosed) - len(certain)
        with gallery.database.reading() as session:
            faces = kept_faces(session, [one.patient for one in certain])
    seen = {face.patient for face in faces}
    known = [one for one in certain if one.patient in seen]
    left_out["without a kept crop, or consent withdrawn"] = len(certain) - len(known)
    single = _single(known)
    if single and not leave_out_single:
        raise _too_few(single)
    kept = [one for one in known if one.disorders[0] not in single]
    left_out["the only family with a disorder"] = len(known) - len(kept)
    if not kept:
        raise GalleryEmpty(
            "The gallery has no disorder with faces of two families to train on.",
            "Add patients who share a diagnosis: `gestalt index add patients.csv`.",
        )
    return _gathered(kept, faces, left_out)


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


def _gathered(
    kept: Sequence[PatientSummary], faces: Sequence[KeptFace], left_out: dict[str, int]
) -> LabelledFaces:
    number = {one.patient: place for place, one in enumerate(kept)}
    mine = [face for face in faces if face.patient in number]
    crops = np.empty((len(mine), SIZE, SIZE, 3), dtype=np.uint8)
    for place, face in enumerate(mine):
        crops[place] = crop_from_png(face.png)
    titles = tuple(sorted({one.disorders[0] for one in kept}))
    disorder = {code: place for place, code in enumerate(titles)}
    return LabelledFaces(
        crops=crops,
        patient_of_face=np.array([number[face.patient] for face in mine], dtype=np.int64),
        patients=tuple(one.patient for one in kept),
        families=family_numbers(np.array([one.family or "" for one in kept], dtype=np.str_)),
        disorders=np.array([disorder[one.disorders[0]] for one in kept], dtype=np.int64),
        sex=tuple(one.sex or "" for one in kept),
        ancestry=tuple(one.ancestry or "" for one in kept),
        titles=titles,
        left_out={reason: count for reason, count in left_out.items() if count},
    )
