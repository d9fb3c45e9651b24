"""Faces of photos that are in no gallery, to train on: of a table, a folder or a GMDB release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gestalt_space.errors import GestaltError, UsageError
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.models import Detectors
from gestalt_space.gallery.pipeline import PhotoSource, find_all_faces
from gestalt_space.progress import Progress, no_progress
from gestalt_space.store.reads import PatientSummary
from gestalt_space.training.space.labelled_faces import (
    LabelledFaces,
    labelled_faces,
    with_one_disorder,
)
from gestalt_space.types import WITHDRAWN, PhotoRecord, Pixels

Tell = Callable[[str, GestaltError], None]
"""Told the name of each photo that cannot be used, and why."""


@dataclass(frozen=True)
class PhotoFaces:
    """The faces of photos, by the rows that tell of them. `largest`: of several faces in a photo,
    the largest is used."""

    rows: Sequence[Intake]
    detectors: Detectors
    largest: bool
    tell: Tell
    progress: Progress = no_progress

    def read(self, *, leave_out_single: bool) -> LabelledFaces:
        """Find them. Patients whose consent is withdrawn are left out, and so is a photo that
        cannot be used, or that a patient has twice.

        Raises `UsageError` where rows contradict each other, and what `labelled_faces` raises.
        """
        left_out: dict[str, int] = {}
        records = self._records()
        consenting = {
            name: some
            for name, some in records.items()
            if all(record.consent != WITHDRAWN for _, record in some)
        }
        left_out["whose consent is withdrawn"] = len(records) - len(consenting)
        everybody = [
            _patient(name, [record for _, record in some]) for name, some in consenting.items()
        ]
        certain = with_one_disorder(everybody, left_out)
        faces = self._faces([pair for patient in certain for pair in consenting[patient.patient]])
        seen = {patient for patient, _ in faces}
        known = [one for one in certain if one.patient in seen]
        left_out["without a photo that can be used"] = len(certain) - len(known)
        return labelled_faces(known, faces, left_out, leave_out_single=leave_out_single)

    def mark(self, patients: Sequence[str], folder: Path, *, space: str = "") -> None:
        """There is no gallery to note it in."""

    def _records(self) -> dict[str, list[tuple[Intake, PhotoRecord]]]:
        found: dict[str, list[tuple[Intake, PhotoRecord]]] = {}
        for row in self.rows:
            if row.record is not None:
                found.setdefault(row.record.patient, []).append((row, row.record))
            elif row.error is not None:
                self.tell(row.photo, row.error)
        return found

    def _faces(self, photos: Sequence[tuple[Intake, PhotoRecord]]) -> list[tuple[str, Pixels]]:
        sources = [
            PhotoSource(row.photo, row.data or row.path, record.face, self.largest, record.patient)
            for row, record in photos
        ]
        found: dict[tuple[str, str, int | None], tuple[str, Pixels]] = {}
        for done, result in enumerate(find_all_faces(sources, self.detectors), start=1):
            source = result.source
            if result.face is not None:
                face = (source.patient, result.face.crop)
                found.setdefault((source.patient, result.sha256, source.face), face)
            elif result.error is not None:
                self.tell(source.name, result.error)
            self.progress(done, len(sources))
        return list(found.values())


def _patient(name: str, records: Sequence[PhotoRecord]) -> PatientSummary:
    """What the rows of one patient say together. Raises `UsageError` where they do not agree."""

    def one_of(fact: str) -> str | None:
        values = dict.fromkeys(
            value for record in records if (value := getattr(record, fact)) is not None
        )
        if len(values) > 1:
            raise UsageError(
                f"The rows of patient {name} do not agree: {fact} is {' and '.join(values)}.",
                "Correct the table.",
            )
        return next(iter(values), None)

    return PatientSummary(
        patient=name,
        disorders=tuple(sorted({one.id for record in records for one in record.disorders})),
        sex=one_of("sex"),
        ancestry=one_of("ancestry"),
        cohort=one_of("cohort"),
        family=one_of("family"),
        photos=len(records),
        consent=one_of("consent"),
    )
