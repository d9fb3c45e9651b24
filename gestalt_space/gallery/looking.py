"""Patients as somebody looks at them whom a service let in: each look is an event of the audit
trail, in the transaction of what is read, so that none goes unnoticed."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from gestalt_space.errors import ConsentWithdrawn, GalleryMissing, NotInGallery, PhotoDamaged
from gestalt_space.gallery.listing import PatientPage, list_page
from gestalt_space.gallery.opened import OpenGallery
from gestalt_space.names import normal_name
from gestalt_space.store import reads
from gestalt_space.store.audit import record_event
from gestalt_space.store.correcting import patient_key
from gestalt_space.store.lookups import crop_of, photo_of
from gestalt_space.store.removals import patient_keys

LOOK = "look"


class Looking(OpenGallery):
    """A gallery whose patients are looked at, and that remembers by whom."""

    def look_at(self, patient: str) -> reads.PatientRecord:
        """All that the gallery says of a patient. Raises `NotInGallery`."""
        name = normal_name(patient)
        self.database.require()
        with self.database.writing() as session:
            found = reads.patient_detail(session, name)
            record_event(session, LOOK, patients=[patient_key(session, name)])
        return found

    def look_through(
        self,
        *,
        disorder: str | None = None,
        cohort: str | None = None,
        gene: str | None = None,
        containing: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> PatientPage:
        """Some patients by identifier, as `Listing.page` gives them; `gene`: only those of one;
        `containing`: only those whose identifier has that text in it."""
        self.database.require()
        with self.database.writing() as session:
            page = list_page(
                session,
                disorder=disorder,
                cohort=cohort,
                gene=gene,
                containing=containing,
                after=after,
                limit=limit,
            )
            keys = patient_keys(session, [one.patient for one in page.patients])
            if keys:
                record_event(session, LOOK, patients=keys.values(), detail={"listed": len(keys)})
        return page

    def note_told(self, patients: Iterable[str]) -> None:
        """Note a look at those of some patients who are in the gallery: somebody who wanted to add
        to them is told what it has of them."""
        with suppress(GalleryMissing):
            self.database.require()
            with self.database.writing() as session:
                keys = patient_keys(session, sorted(set(patients)))
                if keys:
                    told = {"listed": len(keys)}
                    record_event(session, LOOK, patients=keys.values(), detail=told)

    def look_at_crop(self, patient: str, photo: str) -> bytes:
        """The aligned face of a patient's photo as PNG; the photo is named as for `move_photo`.

        Raises `NotInGallery`, also where the crop was not kept; `ConsentWithdrawn`,
        `PhotoDamaged`, `CropStoreError`.
        """
        name = normal_name(patient)
        self.database.require()
        with self.database.reading() as session:
            # Before the writer's lock is taken: it may have to be fetched.
            png = crop_of(session, photo_of(session, name, normal_name(photo)))
        with self.database.writing() as session:
            key = patient_key(session, name)
            photo_of(session, name, normal_name(photo))
            if not reads.is_consenting(session, key):
                raise ConsentWithdrawn(
                    f"The consent of patient {name!r} is withdrawn: no face is shown.",
                    "Facts stay visible.",
                )
            if png is None:
                raise NotInGallery(
                    "The crop of this photo was not kept.", "Add the photo again to have one."
                )
            if not png:
                raise PhotoDamaged(
                    "The crop of this photo is missing or damaged.",
                    "Run `gestalt index crops check`.",
                )
            record_event(session, LOOK, patients=[key], detail={"shown": 1})
        return png
