"""What changes a gallery: photos are added, filled and removed, and its index and its calibration
are made anew."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from types import MappingProxyType

from sqlalchemy.orm import Session

from gestalt_space.counts import counted_text
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
from gestalt_space.progress import Stages, no_stages
from gestalt_space.store import reads, removals, writes
from gestalt_space.store.audit import record_event
from gestalt_space.store.lookups import disorders_like, patients_like
from gestalt_space.store.mending import mend
from gestalt_space.store.runs import add_run
from gestalt_space.store.spaces import count_missing
from gestalt_space.store.versions import check_versions

_NEXT_TIME = (OutputError, DatabaseError, DescriptorError, IndexDamaged, GalleryChanged)
"""What keeps a calibration from being made now, and not from being made after the next change."""


def _nobody_follows(done: object) -> None:
    """In the place of what shows progress."""


class WritableGallery(OpenGallery):
    """A gallery that is written."""

    def add(
        self,
        rows: Sequence[Intake],
        *,
        largest: bool = False,
        keep_crops: bool = True,
        update: bool = False,
        beside: Sequence[Intake] = (),
        progress: Callable[[Added], object] = _nobody_follows,
    ) -> AddedPhotos:
        """Add photos, and return the result of each, in order.

        The gallery is created if there is none. An invalid record fails without affecting the
        others.

        Adding a photo twice is safe: if the gallery has the same bytes for the same patient, the
        result is `already`, and new facts in the row, such as a diagnosis, are added. A row that
        contradicts the gallery, or gives another face of the photo, fails; with `update`, it
        replaces what is stored. A photo that looks like a copy of another patient's photo is added
        with a note. Replaced data are deleted from the files; `left_in_log` says whether another
        process keeps them in the write-ahead log. Photos are written in transactions of
        `WRITE_BATCH`, so an interruption or error loses no more than that. The photo itself is not
        kept; its aligned crop is, unless `keep_crops` is off. `beside`: rows of the same table that
        are added by other calls; rows of either must not contradict each other. `progress` is
        called with each photo when it is stored or has failed, with the crop of its face.
        """
        whole = check_together([check_row(row) for row in (*rows, *beside)])
        rows = whole[: len(rows)]
        self.database.require_writable()
        self.database.make()
        here = self.pinned()
        given = self.options
        options = AddOptions(given.detector, given.landmarks is not None, keep_crops, update)
        with self.database.reading() as session:
            rows = note_likenesses(
                rows, partial(patients_like, session), partial(disorders_like, session)
            )
        good = [row for row in rows if row.error is None]
        done: list[Added] = []
        left: GestaltError | None = None
        sources = [source_of(row, largest) for row in good]
        try:
            with here.encoding() as encoding:
                adding = Adding(
                    self.database,
                    here._stored_space,
                    here._present_state,
                    self._keeper.follow,
                    lambda: encoding.made_by,
                    options,
                    told_of_patients(whole),
                )
                skip = passed_over(self.database, options)
                with closing(encoding.photos(sources, skip=skip)) as batches:
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
        versions: Mapping[str, str] = MappingProxyType({}),
    ) -> removals.Removed:
        """Remove patients, or photos by name or sha256, and patients who have no photo left.

        If a photo shows several patients, `photos_of` says whose photo to remove. `versions`: of
        patients, from `version_of`, that the removal is based on; raises `ChangedMeanwhile` if one
        of them has another by now. Rows, crops and descriptors are deleted from the database and
        from every index on disk. Raises `UsageError` for a name that is not in a list, and
        `NotInGallery`; then nothing is removed. Raises `DatabaseError` or `OutputError` if they
        were removed, but another process is using a file that contains them; the file is cleaned
        when the gallery is next opened.
        """
        patients = check_names(patients, "patients")
        photos, photos_of = check_names(photos, "photos"), check_names(photos_of, "photos_of")
        self.database.require_writable()
        with self.database.writing() as session:
            check_versions(session, versions)
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
            photos_gone, gone_too = (
                counted_text(gone.photos, "photo"),
                counted_text(gone.patients, "patient"),
            )
            done = f"{photos_gone} and {gone_too} removed permanently."
            raise type(left)(f"{done} {left.message}", left.hint) from left
        return gone

    def fill(
        self,
        *,
        make_default: bool = False,
        again: bool = False,
        progress: Callable[[Filled], object] = _nobody_follows,
    ) -> FilledFaces:
        """Compute a descriptor in this space for every stored face, from its crop.

        With `again`, faces that have a descriptor get a new one, unless it was made by the current
        encoding run: the same precision, device, runtime and version. It also replaces damaged
        descriptors. With `make_default`, the gallery uses this space from then on, if every face
        has a descriptor. After an interruption, call it again: finished faces are skipped.
        `progress` is called with each face when it has its descriptor or has failed.
        """
        self.database.require()
        self.database.require_writable()
        here = self.pinned()
        fingerprint = here.space.fingerprint
        done: list[Filled] = []
        with here.encoding() as encoding:
            run = encoding.made_by
            with self.database.writing() as session:
                space_id = here._stored_space(session)
                run_id = add_run(session, run)
            made_by = run if again else None
            unsound = here._unsound_faces() if again else []
            with self.database.reading() as session:
                missing = reads.faces_without(session, space_id, made_by=made_by)
                listed = {face for face, _, _ in missing}
                missing += reads.named_faces(
                    session, [face for face in unsound if face not in listed]
                )
            try:
                for one in fill_faces(
                    self.database,
                    encoding,
                    missing,
                    fingerprint=fingerprint,
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
        is_default, lacking = self._switched(space_id, fingerprint, wanted=make_default)
        return FilledFaces(tuple(done), run, lacking, is_default)

    def rebuild(self, *, stages: Stages = no_stages) -> Rebuilt:
        """Rebuild the index of every space from the database, and calibrate it if that takes at
        most two seconds. Returns what was done.

        First repairs the rows that `inspect_gallery` reports, if that loses no data. Raises
        `OutputError` if the index cannot be written.
        """
        self.database.require_writable()
        with self.database.writing() as session:
            mended = mend(session)
        done = self._keeper.rebuild(mended, stages)
        for space in self._spaces():
            self._calibrate_soon(space, force=True)
        return done

    def calibrate(
        self, *, seed: int = 0, progress: Callable[[float], object] | None = None
    ) -> Calibrated:
        """Measure what similarities mean in this space, for the current gallery.

        `add`, `remove` and `fill` calibrate automatically if it is due and takes at most two
        seconds. After an interruption, call it again: finished work is kept. `progress` gets the
        share done, 0..1; `seed` chooses the patients and photos. Raises `GalleryEmpty` without a
        descriptor in this space.
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
        """Build an approximate index of this space, and measure how many of the nearest photos it
        finds. Only questions that name it use it.

        It is built in memory: one byte for each number of a descriptor, and more for links. Photos
        added later are searched exactly; a removal deletes it, and so does `rebuild`. `seed`
        chooses the photos for the measurement; `progress` gets the share done, 0..1. Raises
        `GalleryEmpty` if the index has too few photos, `GalleryChanged` if a patient was removed
        meanwhile.
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
