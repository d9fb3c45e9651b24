"""The gallery: the one place where faces, encoder, store and index meet."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from sqlalchemy.orm import Session

from gestalt_space.devices import Device, Precision
from gestalt_space.encoders.registry import (
    detector_device,
    encoder_spec,
)
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import (
    DatabaseError,
    DescriptorError,
    GalleryEmpty,
    NotInGallery,
    OutputError,
)
from gestalt_space.faces.photos import PhotoLimits
from gestalt_space.faces.registry import detector_factory
from gestalt_space.gallery.adding import Adding, AddOptions, passed_over
from gestalt_space.gallery.calibration.calibrating import (
    Calibrated,
    CalibrationState,
    calibrate,
    calibration_state,
    refresh_calibration,
)
from gestalt_space.gallery.calibration.kept import forget
from gestalt_space.gallery.copies import Copy, stored_looks
from gestalt_space.gallery.filling import Filled, fill_faces
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.disorders import parse_disorder
from gestalt_space.gallery.intake.likenesses import note_likenesses
from gestalt_space.gallery.intake.records import check_row
from gestalt_space.gallery.intake.telling import check_together, told_of_patients
from gestalt_space.gallery.intake.values import is_unknown
from gestalt_space.gallery.pipeline import PhotoResult, PhotoSource, Pipeline
from gestalt_space.gallery.snapshot import (
    Snapshot,
    check_generation,
    load_snapshot,
    refresh_generation,
)
from gestalt_space.gallery.spaces import ActiveSpace, Encoded, active_space
from gestalt_space.gallery.storing import (
    Added,
    Status,
    failed_row,
    source_of,
)
from gestalt_space.index.generation import delete_others
from gestalt_space.match.among import keep_among, keep_without, keep_without_family
from gestalt_space.match.answer import Match, ProbePhoto
from gestalt_space.match.matching import (
    TEN_DISORDERS,
    Probe,
    Question,
    Seen,
    as_one_probe,
    fuse,
    match_probes,
)
from gestalt_space.match.probing import copies_of_probe, probe_of
from gestalt_space.names import normal_name
from gestalt_space.settings import Settings, load_settings
from gestalt_space.store import reads, removals, writes
from gestalt_space.store.engine import Database
from gestalt_space.store.people import By
from gestalt_space.store.runs import RunCounts, add_run, run_counts
from gestalt_space.weights.store import ModelStore


@dataclass(frozen=True, slots=True)
class GalleryStats:
    """How much a gallery holds, of which spaces, and, of each, what made the descriptors and how
    old the calibration is."""

    counts: reads.Counts
    spaces: tuple[tuple[reads.StoredSpace, int], ...]
    runs: tuple[RunCounts, ...]
    calibrations: tuple[CalibrationState, ...]


class Gallery:
    """The patients, photos and descriptors of one home."""

    def __init__(
        self,
        settings: Settings,
        *,
        space: str | None = None,
        detector: str = "auto",
        landmarks: Path | None = None,
        device: Device = "auto",
        precision: Precision | None = None,
    ) -> None:
        self.settings = settings
        self.models = ModelStore(settings.models_dir)
        self._space_name = space
        self._detector = detector
        self._landmarks = landmarks
        self._device: Device = device
        self._precision = precision
        self.left_in_log: DatabaseError | None = None
        self.database = Database(
            settings.database, busy_timeout=settings.busy_timeout, create=False
        )

    @classmethod
    def open(
        cls,
        home: Path | str | None = None,
        *,
        space: str | None = None,
        detector: str = "auto",
        landmarks: Path | None = None,
        device: Device = "auto",
        precision: Precision | None = None,
    ) -> Gallery:
        """Open the gallery of a home, the settings' own where left out.

        Nothing is made: where the home has no gallery, `add` makes one, and what is asked of it
        raises `GalleryMissing`. A home that may not be written can be read. `space` names an
        installed encoder's model; left out, it is the gallery's own, and for a new gallery the best
        installed. `precision`: the settings' own for the model where left out. Models are opened
        when they are needed. Raises `DatabaseError`.
        """
        return cls(
            load_settings(home),
            space=space,
            detector=detector,
            landmarks=landmarks,
            device=device,
            precision=precision,
        )

    def close(self) -> None:
        """Give the database's connections back."""
        self.database.close()

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def exists(self) -> bool:
        """Whether the home has a gallery. Raises `DatabaseError` for one of another version."""
        return self.database.exists()

    # Which space and which models

    @cached_property
    def space(self) -> ActiveSpace:
        """The space worked in. Raises `ModelNotInstalled` or `SpaceMismatch`."""
        stored = self._spaces() if self.exists else []
        return active_space(self.models, stored, self._space_name)

    @cached_property
    def pipeline(self) -> Pipeline:
        """The way from photos to descriptors of this gallery's space."""
        detector, factory = detector_factory(
            self.models,
            self._detector,
            landmarks=self._landmarks,
            device=detector_device(self._device),
        )
        return Pipeline(
            model=self.space.model,
            detector=detector,
            detector_factory=factory,
            limits=photo_limits(self.settings),
            batch_size=self.settings.batch_size,
            device=self._device,
            precision=self.precision,
            compiled=self.settings.compile_encoders,
        )

    @property
    def precision(self) -> Precision:
        """What the encoder of this space multiplies in: as was asked, else as the settings say."""
        return self._precision or self.settings.precisions.get(self.space.model.name, "float32")

    @property
    def encoder(self) -> Encoder:
        """The encoder of this space, opened on first use.

        Raises `ModelDamaged` or `DeviceUnavailable`.
        """
        return self.pipeline.encoder

    # Adding and removing

    def add(
        self,
        rows: Sequence[Intake],
        *,
        largest: bool = False,
        keep_crops: bool = True,
        update: bool = False,
    ) -> Iterator[Added]:
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
        """
        rows = check_together([check_row(row) for row in rows])
        self.database.make()
        options = AddOptions(self._detector, self._landmarks is not None, keep_crops, update)
        with self.database.reading() as session:
            names = reads.patient_names(session).values()
            rows = note_likenesses(rows, names, reads.disorder_codes(session))
            good = [row for row in rows if row.error is None]
            patients = {row.record.patient for row in good if row.record is not None}
            known = reads.stored_faces(session, patients)
        sources = [source_of(row, largest) for row in good]
        batches = self.pipeline.run(sources, skip=passed_over(known, options))
        found = itertools.chain.from_iterable(batches)
        adding = Adding(
            self.database,
            self.settings.index_dir,
            self._stored_space,
            lambda: self.encoder.run,
            options,
            told_of_patients(rows),
        )
        counts: Counter[Status] = Counter()
        try:
            results = adding.store(zip(good, found, strict=True))
            for row in rows:
                result = next(results) if row.error is None else failed_row(row)
                counts[result.status] += 1
                yield result
        finally:
            if counts["updated"]:
                self._settle("update", photos=counts["updated"], added=counts["added"])
            elif counts["added"]:
                self._settle("add", photos=counts["added"])
            elif counts["already"]:
                # What a row tells of a photo that was there may be a new diagnosis.
                self._follow(self._spaces())
            if adding.replaced:
                forget(self.settings.calibrating_dir)
                self._empty_log()

    def remove(
        self,
        *,
        patients: Sequence[str] = (),
        photos: Sequence[str] = (),
        photos_of: Sequence[str] = (),
    ) -> removals.Removed:
        """Remove patients, or photos by name or sha256, and patients who have no photo left.

        Of a photo that shows several patients, `photos_of` says whose is meant. Rows, crops and
        descriptors leave the database and every index on disk. Raises `NotInGallery`, removing
        nothing; `DatabaseError` where they are removed, and another process keeps the write-ahead
        log from being emptied of them.
        """
        with self.database.writing() as session:
            whole = removals.remove_patients(session, list(map(normal_name, patients)))
            single = removals.remove_photos(
                session,
                list(map(normal_name, photos)),
                patients=list(map(normal_name, photos_of)),
            )
            gone = removals.Removed(whole.patients + single.patients, whole.photos + single.photos)
            writes.record_event(session, "remove", photos=gone.photos)
            spaces = reads.spaces(session)
            # Before the commit: a crash after it must leave no removed descriptor on the disk.
            for space in spaces:
                delete_others(self.settings.index_dir, space.fingerprint)
            forget(self.settings.calibrating_dir)
        self.database.truncate_log()
        self._follow(spaces)
        return gone

    def fill(self, *, make_default: bool = False, again: bool = False) -> Iterator[Filled]:
        """Give every stored face a descriptor in this space, from its kept crop.

        With `again`, faces that have one get a new one, but those whose descriptor is of the
        present encoding run: the same precision, device, runtime and its version. Resumable: what
        is done is passed over. With `make_default`, the gallery works in this space from then on.
        """
        self.database.require()
        encoder = self.encoder
        with self.database.writing() as session:
            space_id = self._stored_space(session)
            run_id = add_run(session, encoder.run)
        made_by = encoder.run if again else None
        with self.database.reading() as session:
            missing = reads.faces_without(session, space_id, made_by=made_by)
        filled = 0
        try:
            for one in fill_faces(
                self.database, encoder, missing, space_id=space_id, run_id=run_id, made_by=made_by
            ):
                filled += 1
                yield one
        finally:
            if filled:
                self._settle("fill", photos=filled)
        if make_default:
            with self.database.writing() as session:
                writes.make_default(session, space_id)
            self._settle("default")

    def rebuild(self) -> int:
        """Write every space's index anew from the database, and calibrate it where that takes no
        more than two seconds; returns how many there are.

        Raises `OutputError` where it cannot be written.
        """
        spaces = self._spaces()
        for space in spaces:
            refresh_generation(self.database, space, self.settings.index_dir, rebuild=True)
            self._calibrate_soon(space, force=True)
        self.database.truncate_log()
        return len(spaces)

    def calibrate(
        self, *, seed: int = 0, progress: Callable[[float], object] | None = None
    ) -> Calibrated:
        """Fit what similarities mean in this space to the gallery as it is.

        `add`, `remove` and `fill` do it by themselves where it is due and takes no more than two
        seconds. It can be interrupted: what was done is kept, and the next one goes on from there.
        `progress` is told the share, 0..1, that is done; `seed` draws patients and photos. Raises
        `GalleryEmpty` without a descriptor in this space.
        """
        self.database.require()
        space = self.space.stored
        if space is None:
            raise self._empty()
        found = calibrate(
            self.database,
            space,
            self.settings.index_dir,
            self.settings.calibrating_dir,
            seed=seed,
            progress=progress,
        )
        assert found is not None, "without a limit it ends"  # noqa: S101
        return found

    def calibration(self, *, photos: int | None = None) -> CalibrationState | None:
        """How old the calibration in force is; None where the gallery has nothing in this space.
        `photos`: how many descriptors the space has, where that is known."""
        space = self.space.stored
        if space is None:
            return None
        with self.database.reading() as session:
            return calibration_state(session, space, photos=photos)

    # Asking

    def snapshot(self, question: Question = TEN_DISORDERS, *, details: bool = False) -> Snapshot:
        """The state that matches read, with what the question lets be evidence.

        With `details`, what is known of patients and photos too. Raises `GalleryEmpty` where
        nothing can be ranked, `NotInGallery` for a patient or a family to leave out who is not
        there.
        """
        space = self.space.stored
        if space is None:
            raise self._empty(question.by)
        details = details or question.needs_details
        folder = self.settings.index_dir
        with self.database.reading() as session:
            snapshot = load_snapshot(
                session,
                space,
                folder,
                by=question.by,
                details=details,
                with_family=question.with_family,
            )
            if not snapshot.lines.titles:
                raise self._empty(question.by)
            for patient in question.without:
                reads.patient_detail(session, patient)
            if question.family is not None:
                reads.check_family(session, question.family)
            snapshot = keep_without(snapshot, question.without)
            by_disorder = snapshot
            if question.by != "disorder" and question.among.disorders:
                by_disorder = load_snapshot(session, space, folder)
        if question.among:
            snapshot = keep_among(snapshot, question.among, by_disorder)
        if question.family is not None:
            snapshot = keep_without_family(snapshot, question.family)
        return snapshot

    def probes(
        self, sources: Sequence[PhotoSource], *, as_one: bool = False
    ) -> Iterator[list[Probe]]:
        """Photos as probes, in order, a batch at a time; nothing is stored.

        Of several faces the largest is taken, unless the source names one. With `as_one`, all are
        of one patient, and one probe. Raises `UsageError` where they are stored for several.
        """
        batches = map(self._asked, self.pipeline.run(sources))
        if not as_one:
            yield from batches
        else:
            yield [as_one_probe([asked for batch in batches for asked in batch])]

    def stored_probe(self, patient: str, snapshot: Snapshot) -> Probe:
        """A patient of the gallery as a probe: all the photos, which are no evidence then.

        Raises `NotInGallery`.
        """
        patient = normal_name(patient)
        with self.database.reading() as session:
            detail = reads.patient_detail(session, patient)
        place = snapshot.patient(patient)
        if place is None:
            raise NotInGallery(
                f"Patient {patient} has no descriptor in the space of {self.space.model.name}.",
                f"Run `gestalt index fill --space {self.space.model.name}`.",
            )
        theirs = snapshot.patient_of_row == place
        rows = snapshot.index.descriptors[theirs]
        photos = tuple(ProbePhoto(photo.name) for photo in detail.photos)
        with self.database.reading() as session:
            looks = stored_looks(session, snapshot.index.ids[theirs])
        seen = tuple(map(Seen, rows, looks))
        return Probe(patient, photos, fuse(list(rows)), patient, seen)

    def match_patient(
        self, patient: str, question: Question = TEN_DISORDERS, *, snapshot: Snapshot | None = None
    ) -> Match:
        """Rank disorders, genes or patients for a patient of the gallery, all photos as one.

        What the gallery knows of the patient stands for what the question does not tell. Raises
        `GalleryEmpty` or `NotInGallery`.
        """
        snapshot = snapshot or self.snapshot(question, details=True)
        asked = self.stored_probe(patient, snapshot)
        (match,) = match_probes(
            [asked],
            snapshot,
            question.about(self.patient(patient)),
            find_copies=partial(copies_of_probe, self.database, snapshot, question.without),
        )
        return match

    def match(
        self,
        sources: Sequence[PhotoSource],
        question: Question = TEN_DISORDERS,
        *,
        as_one: bool = False,
        snapshot: Snapshot | None = None,
    ) -> Iterator[Match]:
        """Rank disorders, genes or patients for each photo, in order, or for all `as_one`.

        Nothing is stored. The patient whom a probe's face is stored for is never evidence, nor is
        their family unless the question lets it in. Raises what `snapshot` and `probes` raise.
        """
        snapshot = snapshot or self.snapshot(question)
        find = partial(copies_of_probe, self.database, snapshot, question.without)
        for batch in self.probes(sources, as_one=as_one):
            yield from match_probes(batch, snapshot, question, find_copies=find)

    def copies(
        self, asked: Probe, snapshot: Snapshot, question: Question = TEN_DISORDERS
    ) -> tuple[Copy, ...]:
        """Stored photos that are copies of a probe's own, but for those of its patient and of the
        patients whom the question leaves out."""
        if asked.descriptor is None:
            return ()
        (row,) = snapshot.index.similarities(asked.descriptor[None])
        return copies_of_probe(self.database, snapshot, question.without, asked, row)

    def stats(self) -> GalleryStats:
        """How much the gallery holds."""
        with self.database.reading() as session:
            held = reads.descriptors_by_space(session)
            spaces = tuple((space, held.get(space.id, 0)) for space in reads.spaces(session))
            runs = tuple(run_counts(session, space.id) for space, _ in spaces)
            calibrations = tuple(
                calibration_state(session, space, photos=count) for space, count in spaces
            )
            return GalleryStats(reads.counts(session), spaces, runs, calibrations)

    def patients(
        self, *, disorder: str | None = None, cohort: str | None = None, limit: int | None = None
    ) -> list[reads.PatientSummary]:
        """Patients by identifier, all or those of a disorder or cohort; `unknown` asks for those
        who have none."""
        disorder, cohort = map(_name_asked, (disorder, cohort))
        disorder = disorder and parse_disorder(disorder)
        with self.database.reading() as session:
            return list(reads.list_patients(session, disorder=disorder, cohort=cohort, limit=limit))

    def patient(self, patient: str) -> reads.PatientDetail:
        """All that the gallery says of a patient. Raises `NotInGallery`."""
        with self.database.reading() as session:
            return reads.patient_detail(session, normal_name(patient))

    def check_index(self) -> dict[str, str]:
        """For each space, by its model's name, what its index on disk is. Raises `IndexDamaged`."""
        with self.database.reading() as session:
            return {
                space.model: check_generation(session, space, self.settings.index_dir)
                for space in reads.spaces(session)
            }

    def faces_to_fill(self, *, again: bool = False) -> int:
        """How many stored faces have no descriptor in this space; `again` as in `fill`."""
        made_by = self.encoder.run if again else None
        with self.database.reading() as session:
            # Asked anew: another process may have stored the space since it was chosen here.
            keys = {space.fingerprint: space.id for space in reads.spaces(session)}
            space_id = keys.get(self.space.fingerprint)
            return len(reads.faces_without(session, space_id, made_by=made_by))

    def runs(self) -> RunCounts:
        """What the descriptors of this space were made with, and how many there are of each."""
        space = self.space.stored
        if space is None:
            return ()
        with self.database.reading() as session:
            return run_counts(session, space.id)

    def encoded(self, *, photos: bool = True) -> Encoded:
        """What photos are encoded with here, and what the gallery's descriptors were made with.

        Without `photos`, for a question about what is stored, no encoder is opened.
        """
        return Encoded(self.encoder.run if photos else None, self.runs())

    # Helpers

    def _stored_space(self, session: Session) -> int:
        spec = encoder_spec(self.space.model)
        return writes.add_space(
            session,
            model=self.space.model.name,
            fingerprint=spec.fingerprint,
            specification=spec.to_json(),
            dim=spec.descriptor_dim,
        )

    def _settle(self, action: str, **detail: int) -> None:
        """After a change: tell the audit trail, and let the index on disk follow."""
        with self.database.writing() as session:
            writes.record_event(session, action, **detail)
        # The space may be a stored one now.
        self.__dict__.pop("space", None)
        self._follow(self._spaces())

    def _empty_log(self) -> None:
        """After photos were replaced. They are: that a reader keeps the log is told beside them."""
        try:
            self.database.truncate_log()
            self.left_in_log = None
        except DatabaseError as error:
            self.left_in_log = error

    def _spaces(self) -> list[reads.StoredSpace]:
        with self.database.reading() as session:
            return reads.spaces(session)

    def _follow(self, spaces: Sequence[reads.StoredSpace]) -> None:
        """Let the index on disk follow the database."""
        for space in spaces:
            # What cannot be written now is written the next time; matches and `gestalt doctor`
            # tell of a database that is damaged.
            with suppress(OutputError, DatabaseError, DescriptorError):
                refresh_generation(self.database, space, self.settings.index_dir)
                self._calibrate_soon(space)

    def _calibrate_soon(self, space: reads.StoredSpace, *, force: bool = False) -> None:
        settings = self.settings
        refresh_calibration(
            self.database, space, settings.index_dir, settings.calibrating_dir, force=force
        )

    def _asked(self, batch: Sequence[PhotoResult]) -> list[Probe]:
        if not self.exists:
            return [probe_of(None, result) for result in batch]
        with self.database.reading() as session:
            return [probe_of(session, result) for result in batch]

    def _empty(self, by: By = "disorder") -> GalleryEmpty:
        name = self.space.model.name
        with self.database.reading() as session:
            counts = reads.counts(session)
        diagnosed = counts.patients - counts.undiagnosed
        if {"disorder": diagnosed, "gene": counts.genes, "patient": counts.patients}[by]:
            return GalleryEmpty(
                f"The gallery has no descriptor in the space of {name}.",
                f"Run `gestalt index fill --space {name}`.",
            )
        if by == "gene":
            return GalleryEmpty(
                "The gallery has no patient with a gene to match against.",
                "Give genes with `gestalt index add --gene` or in the column genes.",
            )
        return GalleryEmpty(
            "The gallery has no diagnosed patient to match against.",
            "Add some: `gestalt index add patients.csv`.",
        )


def _name_asked(name: str | None) -> str | None:
    """A name to look for, an empty one for what is not known; None for all."""
    return name if name is None else "" if is_unknown(name) else normal_name(name)


def photo_limits(settings: Settings) -> PhotoLimits:
    """The caps on photos that the settings give."""
    return PhotoLimits(settings.max_photo_bytes, settings.max_photo_pixels)
