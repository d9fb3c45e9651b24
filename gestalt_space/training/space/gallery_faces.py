"""The kept crops of a gallery's patients, to train on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gestalt_space.errors import GalleryEmpty
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.home import Gallery
from gestalt_space.paths import display_name
from gestalt_space.store.reads import kept_faces
from gestalt_space.store.trainings import record_training
from gestalt_space.training.space.labelled_faces import (
    LabelledFaces,
    labelled_faces,
    with_one_disorder,
)


@dataclass(frozen=True, slots=True)
class GalleryFaces:
    """The faces of the gallery of a home."""

    home: Path | None

    def read(self, *, leave_out_single: bool) -> LabelledFaces:
        """The faces whose crops are kept and whose patients have one disorder. Patients who
        withdrew their consent are left out.

        Raises what `labelled_faces` raises, and `DatabaseError` for a gallery that cannot be
        written: who was trained on is noted there in the end.
        """
        left_out: dict[str, int] = {}
        self.require_writable()
        with Gallery.open(self.home) as gallery:
            certain = with_one_disorder(gallery.patients(), left_out)
            with gallery.database.reading() as session:
                faces = kept_faces(session, [one.patient for one in certain])
        seen = {face.patient for face in faces}
        known = [one for one in certain if one.patient in seen]
        left_out["without a stored face, or consent withdrawn"] = len(certain) - len(known)
        if certain and not known:
            raise GalleryEmpty(
                "The gallery has no stored face of a patient with one disorder.",
                "Add the photos without --no-crops, or train from a table: `gestalt train space "
                "patients.csv`.",
            )
        crops = ((face.patient, crop_from_png(face.png)) for face in faces)
        return labelled_faces(known, crops, left_out, leave_out_single=leave_out_single)

    def require_writable(self) -> None:
        """Raises `GalleryMissing`, and `DatabaseError` for a gallery that cannot be written."""
        with Gallery.open(self.home) as gallery:
            gallery.database.require()
            gallery.database.require_writable()

    def mark(
        self, patients: Sequence[str], folder: Path, *, space: str = "", classifier: str = ""
    ) -> None:
        """Note in the audit trail who was trained on; see `record_training`."""
        path = display_name(folder.absolute())
        with Gallery.open(self.home) as gallery, gallery.database.writing() as session:
            record_training(session, patients, path, space=space, classifier=classifier)
