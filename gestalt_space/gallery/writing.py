"""What changes a gallery: photos are added, filled and removed, and its index and its calibration
are made anew."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial

from sqlalchemy.orm import Session

from gestalt_space.errors import (
    DatabaseError,
    DescriptorError,
    GalleryChanged,
    GestaltError,
    IndexDamaged,
    OutputError,
)
from gestalt_space.gallery.adding import Adding, AddOptions, passed_over
from gestalt_space.gallery.approximating import build_approximate
from gestalt_space.gallery.calibration.calibrating import (
    Calibrated,
    calibrate,
    refresh_calibration,
)
from gestalt_space.gallery.filling import Filled, FilledFaces, fill_faces
from gestalt_space.gallery.inspecting.findings import counted
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.likenesses import note_likenesses
from gestalt_space.gallery.intake.records import check_row
from gestalt_space.gallery.intake.telling import check_together, told_of_patients
from gestalt_space.gallery.keeper import attempted
from gestalt_space.gallery.opened import OpenGallery
from gestalt_space.gallery.rebuilding import Rebuilt
from gestalt_space.gallery.sealing import Sealer
from gestalt_space.gallery.state import GalleryState
from gestalt_space.gallery.storing import Added, AddedPhotos, failed_row, source_of
from gestalt_space.index.approximate import ApproximateRecord
from gestalt_space.index.approximating import ApproximateOptions
from gestalt_space.names import check_names, normal_name
from gestalt_space.store import reads, removals, writes
from gestalt_space.store.audit import record_event
from gestalt_space.store.lookups import disorders_like, patients_like
from gestalt_space.store.mending import mend
from gestalt_space.store.runs import add_run
from gestalt_space.store.spaces import count_missing

_NEXT_TIME = (OutputError, DatabaseError, DescriptorError, IndexDamaged, GalleryChanged)
"""What keeps a calibration from being made now, and not from being made after the next change."""


def _nobody_follows(done: object) -> None:
    """In the place of what shows progress."""


class Writing(OpenGallery):
    """A gallery that is written."""

    def add(
        self,
        rows: Sequence[Intake],
        *,
        largest: bool = False,
        keep_crops: bool = True,
        update: bool = False,
        progress: Callable[[Added], object] = _nobody_follows,
    ) -> AddedPhotos:
        """Add photos; for each in order, what became of it, and what is to be known of its row.

        A gallery is made where there is none. A record that cannot be fails alone.

        Idempotent: a photo whose bytes are in the gallery for the same patient is `already` there,
        and what the row tells beyond what is known, a diagnosis say, is taken. A row that
        contradicts the gallery, or gives another face of the photo, is refused; with `update`, it
        takes the place of what is there. A photo that is a copy of another patient's, saved again,
        is added with a note. What was replaced leaves the files; `left_in_log` says if another
        process keeps it in the write-ahead log.
        Written in transactions of `WRITE_BATCH` photos, so that an interruption loses no more. The
        photo itself is not kept; its aligned crop is, unless `keep_crops` is off.
        `progress` is called with each photo when it is stored or has failed, its face's crop
        included. What is stored stays, also where an interruption or an error ends the call.
        """
        rows = check_together([check_row(row) for row in rows])
        self.database.require_writable()
        self.database.make()
        here = self.pinned()
        asked = self.options
        options = AddOptions(asked.detector, asked.landmarks is not None, keep_crops, update)
        with self.database.reading() as session:
            rows = note_likenesses(
                rows, partial(patients_like, session), partial(disorders_like, session)
            )
        good = [row for row in rows if row.error is None]
        adding = Adding(
            self.database,
            here._stored_space,
            here._present_state,
            self._keeper.follow,
            lambda: here.encoder.run,
            options,
            told_of_patients(rows),
        )
        done: list[Added] = []
        left: GestaltError | None = None
        sources = [source_of(row, largest) for row in good]
        try:
            with closing(
                here.pipeline.run(sources, skip=passed_over(self.database, options))
            ) as batches:
                found = itertools.chain.from_iterable(batches)
                results = adding.store(zip(good, found, strict=True))
                for row in rows:
                    result = next(results) if row.error is None else failed_row(row)
                    done.append(result.without_crop())
                    progress(result)
        finally:
            # First what was replaced goes: an interruption may end the rest.
            left = attempted(self._keeper.purge)
            counts = Counter(result.status for result in done)
            # What a row tells of a photo that was there may be a new diagnosis.
            if counts["updated"] or counts["added"] or counts["already"]:
                self._follow()
        return AddedPhotos(tuple(done), left)

    def remove(
        self,
        *,
        patients: Sequence[str] = (),
        photos: Sequence[str] = (),
        photos_of: Sequence[str] = (),
    ) -> removals.Removed:
        """Remove patients, or photos by name or sha256, and patients who have no photo left.

        Of a photo that shows several patients, `photos_of` says whose is meant. Rows, crops and
        descriptors leave the database and every index on disk. Raises `UsageError` for a name that
        is not in a list, and `NotInGallery`, both removing nothing; `DatabaseError` or
        `OutputError` where they are removed and another process keeps a file from being cleaned of
        them: the message says so, and it is done when the gallery is next opened.
        """
        patients = check_names(patients, "patients")
        photos, photos_of = check_names(photos, "photos"), check_names(photos_of, "photos_of")
        self.database.require_writable()
        with self.database.writing() as session:
            whole = removals.remove_patients(session, list(map(normal_name, patients)))
            single = removals.remove_photos(
                session,
                list(map(normal_name, photos)),
                patients=list(map(normal_name, photos_of)),
            )
            gone = removals.Removed(whole.patients + single.patients, whole.photos + single.photos)
        # Indexes follow where something is to be purged.
        left = attempted(self._keeper.purge)
        self._calibrate_all()
        if left is not None:
            # It is done, whatever is left to clean: who asks again would be told that it is not
            # there.
            photos_gone, gone_too = counted(gone.photos, "photo"), counted(gone.patients, "patient")
            done = f"{photos_gone} and {gone_too} removed, for good."
            raise type(left)(f"{done} {left.message}", left.hint) from left
        return gone

    def fill(
        self,
        *,
        make_default: bool = False,
        again: bool = False,
        progress: Callable[[Filled], object] = _nobody_follows,
    ) -> FilledFaces:
        """Give every stored face a descriptor in this space, from its kept crop.

        With `again`, faces that have one get a new one, but those whose descriptor is of the
        present encoding run: the same precision, device, runtime and its version; and those whose
        descriptor is damaged. Resumable: what is done is passed over. With `make_default`, the
        gallery works in this space from then on, if no face lacks a descriptor.
        `progress` is called with each face when it has its descriptor or failed; what is done stays
        done, also where an interruption ends the call.
        """
        self.database.require()
        self.database.require_writable()
        here = self.pinned()
        encoder = here.encoder
        with self.database.writing() as session:
            space_id = here._stored_space(session)
            run_id = add_run(session, encoder.run)
        made_by = encoder.run if again else None
        unsound = here._unsound_faces() if again else []
        with self.database.reading() as session:
            missing = reads.faces_without(session, space_id, made_by=made_by)
            listed = {face for face, _, _ in missing}
            missing += reads.named_faces(session, [face for face in unsound if face not in listed])
        done: list[Filled] = []
        try:
            for one in fill_faces(
                self.database,
                encoder,
                missing,
                space_id=space_id,
                run_id=run_id,
                made_by=made_by,
                unsound=unsound,
            ):
                done.append(one)
                progress(one)
        finally:
            if done:
                self._follow()
            attempted(self._keeper.purge)
        is_default, lacking = self._switched(space_id, here.space.fingerprint, wanted=make_default)
        return FilledFaces(tuple(done), lacking, is_default)

    def rebuild(self) -> Rebuilt:
        """Write every space's index anew from the database, and calibrate it where that takes no
        more than two seconds; says what was done.

        What `inspect_gallery` finds wrong with rows, and what costs nobody's data to mend, is
        mended first. Raises `OutputError` where it cannot be written.
        """
        self.database.require_writable()
        with self.database.writing() as session:
            mended = mend(session)
        done = self._keeper.rebuild(mended)
        for space in self._spaces():
            self._calibrate_soon(space, force=True)
        return done

    def calibrate(
        self, *, seed: int = 0, progress: Callable[[float], object] | None = None
    ) -> Calibrated:
        """Fit what similarities mean in this space to the gallery as it is.

        `add`, `remove` and `fill` do it by themselves where it is due and takes no more than two
        seconds. It can be interrupted: what was done is kept, and the next one goes on from there.
        `progress` is given the share, 0..1, that is done; `seed` draws patients and photos. Raises
        `GalleryEmpty` without a descriptor in this space.
        """
        self.database.require()
        self.database.require_writable()
        space = self.space.stored
        if space is None:
            raise self._empty("disorder")
        found = calibrate(
            self.database,
            self._reader,
            space,
            self.settings.calibrating_dir,
            seed=seed,
            progress=progress,
        )
        assert found is not None, "without a limit it ends"  # noqa: S101
        return found

    def approximate(
        self,
        options: ApproximateOptions,
        *,
        seed: int = 0,
        progress: Callable[[float], object] | None = None,
    ) -> ApproximateRecord:
        """Build an approximate index of this space, for questions that ask for it by name, and
        measure how much of what is nearest it finds.

        It is built in memory, a byte for each number of a descriptor and more for links, and
        recorded when it is whole. Photos that come later are searched exactly; a removal deletes
        it, and so does `rebuild`. `seed` draws the photos that it is measured with; `progress` is
        told the share, 0..1, that is done. Raises `GalleryEmpty` where too little is on disk,
        `GalleryChanged` where somebody was removed meanwhile.
        """
        self.database.require()
        self.database.require_writable()
        self._keeper.follow()
        state = self._present_state()
        if state is None:
            raise self._empty("patient")
        settings = self.settings
        sealer = Sealer(self.database, state.space, settings.index_dir, settings.busy_timeout)
        return build_approximate(state, sealer, options, seed=seed, progress=progress)

    def _present_state(self) -> GalleryState | None:
        """The newest state; None in a space without one."""
        space = self.space.stored
        return None if space is None else self._reader.current(space)

    def _switched(self, space_id: int, fingerprint: str, *, wanted: bool) -> tuple[bool, int]:
        """Whether the gallery works in a space, and how many faces have no descriptor in it. It
        does from now on where that is wanted and none lacks one, in one transaction."""
        session: Session
        with self.database.writing() if wanted else self.database.reading() as session:
            lacking = count_missing(session, space_id)
            is_default = any(
                one.is_default and one.fingerprint == fingerprint for one in reads.spaces(session)
            )
            is_switched = wanted and not (lacking or is_default)
            if is_switched:
                writes.make_default(session, space_id)
                record_event(session, "default", detail={"space": fingerprint})
        if is_switched:
            self._follow()
        return is_default or is_switched, lacking

    def _follow(self) -> None:
        """Let indexes and calibrations follow the database."""
        self._keeper.follow()
        self._calibrate_all()

    def _calibrate_all(self) -> None:
        for space in self._spaces():
            with suppress(*_NEXT_TIME):
                self._calibrate_soon(space)

    def _calibrate_soon(self, space: reads.StoredSpace, *, force: bool = False) -> None:
        refresh_calibration(
            self.database, self._reader, space, self.settings.calibrating_dir, force=force
        )
