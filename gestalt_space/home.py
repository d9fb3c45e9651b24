"""The gallery: the one place where faces, encoder, store and index meet."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import closing, suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Unpack

from sqlalchemy.orm import Session

from gestalt_space.devices import Device, Precision
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import (
    DatabaseError,
    DescriptorError,
    GalleryEmpty,
    NotInGallery,
    OutputError,
)
from gestalt_space.faces.photos import PhotoLimits
from gestalt_space.gallery.adding import Adding, AddOptions, passed_over
from gestalt_space.gallery.calibrating import refresh_calibration
from gestalt_space.gallery.copies import Copy, stored_looks
from gestalt_space.gallery.filling import Filled, FilledFaces, fill_faces
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.disorders import parse_disorder
from gestalt_space.gallery.intake.likenesses import note_likenesses
from gestalt_space.gallery.intake.records import check_row
from gestalt_space.gallery.intake.telling import check_together, told_of_patients
from gestalt_space.gallery.intake.values import is_unknown
from gestalt_space.gallery.models import OpenModels
from gestalt_space.gallery.options import PhotoChanges, PhotoOptions
from gestalt_space.gallery.pipeline import PhotoResult, PhotoSource, Pipeline
from gestalt_space.gallery.snapshot import (
    Snapshot,
    check_generation,
    load_snapshot,
    refresh_generation,
)
from gestalt_space.gallery.spaces import ActiveSpace, Encoded, active_space
from gestalt_space.gallery.storing import Added, AddedPhotos, failed_row, source_of
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
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import ModelStore


def _nobody_follows(done: object) -> None:
    """In the place of what shows progress."""


@dataclass(frozen=True, slots=True)
class GalleryStats:
    """How much a gallery holds, of which spaces, and what made the descriptors of each."""

    counts: reads.Counts
    spaces: tuple[tuple[reads.StoredSpace, int], ...]
    runs: tuple[RunCounts, ...]


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
        self.options = PhotoOptions(space, detector, landmarks, device, precision)
        self.database = Database(
            settings.database, busy_timeout=settings.busy_timeout, create=False
        )
        self._open_models = OpenModels(self.models, compiled=settings.compile_encoders)
        self._known_spaces: dict[tuple[Hashable, ...], ActiveSpace] = {}
        self._pinned: ActiveSpace | None = None

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
        when they are needed, once. Any number of threads may work with it, each with options of
        its own (`using`). Raises `DatabaseError`.
        """
        return cls(
            load_settings(home),
            space=space,
            detector=detector,
            landmarks=landmarks,
            device=device,
            precision=precision,
        )

    def using(self, **options: Unpack[PhotoChanges]) -> Gallery:
        """The same gallery with other options, for one request; what is left out stays.

        Costs nothing: database and open models are shared. Closing either closes both.
        """
        view = copy(self)
        view.options = replace(self.options, **options)
        if "space" in options:
            view._pinned = None
        return view

    def pinned(self) -> Gallery:
        """The same gallery in the space of now, for calls that belong together: another process may
        give it another default space at any time. Raises as `space` does."""
        view = copy(self)
        view._pinned = self.space
        return view

    def close(self) -> None:
        """Let go of the models, and give the database's connections back."""
        self._open_models.close()
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

    @property
    def space(self) -> ActiveSpace:
        """The space worked in: the one named, or the default of now, which costs a small query.

        Raises `ModelNotInstalled` or `SpaceMismatch`.
        """
        if self._pinned is not None:
            return self._pinned
        stored = self._spaces() if self.exists else []
        key = (*stored, self.options.space)
        known = self._known_spaces.get(key)
        if known is None:
            known = active_space(self.models, stored, self.options.space)
            if known.stored is not None:
                # Of threads that come here at once each finds the same.
                self._known_spaces[key] = known
        return known

    @property
    def pipeline(self) -> Pipeline:
        """The way from photos to descriptors of this gallery's space."""
        options, model = self.options, self.space.model
        return Pipeline(
            model=model,
            detectors=self._open_models.detectors(
                options.detector, landmarks=options.landmarks, device=options.device
            ),
            open_encoder=partial(
                self._open_models.encoder,
                model,
                device=options.device,
                precision=self._precision_of(model),
            ),
            limits=photo_limits(self.settings),
            batch_size=self.settings.batch_size,
        )

    @property
    def precision(self) -> Precision:
        """What the encoder of this space multiplies in: as was asked, else as the settings say."""
        return self._precision_of(self.space.model)

    @property
    def encoder(self) -> Encoder:
        """The encoder of this space, opened on first use, which any number of threads may call.

        Raises `ModelDamaged` or `DeviceUnavailable`.
        """
        model = self.space.model
        return self._open_models.encoder(
            model, device=self.options.device, precision=self._precision_of(model)
        )

    # Adding and removing

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
        self.database.make()
        here = self.pinned()
        asked = self.options
        options = AddOptions(asked.detector, asked.landmarks is not None, keep_crops, update)
        with self.database.reading() as session:
            names = reads.patient_names(session).values()
            rows = note_likenesses(rows, names, reads.disorder_codes(session))
            good = [row for row in rows if row.error is None]
            patients = {row.record.patient for row in good if row.record is not None}
            known = reads.stored_faces(session, patients)
        adding = Adding(
            self.database,
            self.settings.index_dir,
            here._stored_space,
            lambda: here.encoder.run,
            options,
            told_of_patients(rows),
        )
        done: list[Added] = []
        left: DatabaseError | None = None
        sources = [source_of(row, largest) for row in good]
        try:
            with closing(here.pipeline.run(sources, skip=passed_over(known, options))) as batches:
                found = itertools.chain.from_iterable(batches)
                results = adding.store(zip(good, found, strict=True))
                for row in rows:
                    result = next(results) if row.error is None else failed_row(row)
                    done.append(result.without_crop())
                    progress(result)
        finally:
            counts = Counter(result.status for result in done)
            if counts["updated"]:
                self._settle("update", photos=counts["updated"], added=counts["added"])
            elif counts["added"]:
                self._settle("add", photos=counts["added"])
            elif counts["already"]:
                # What a row tells of a photo that was there may be a new diagnosis.
                self._follow(self._spaces())
            if adding.replaced:
                left = self._empty_log()
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
        self.database.truncate_log()
        self._follow(spaces)
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
        present encoding run: the same precision, device, runtime and its version. Resumable: what
        is done is passed over. With `make_default`, the gallery works in this space from then on.
        `progress` is called with each face when it has its descriptor or failed; what is done stays
        done, also where an interruption ends the call.
        """
        self.database.require()
        here = self.pinned()
        encoder = here.encoder
        with self.database.writing() as session:
            space_id = here._stored_space(session)
            run_id = add_run(session, encoder.run)
        made_by = encoder.run if again else None
        with self.database.reading() as session:
            missing = reads.faces_without(session, space_id, made_by=made_by)
        done: list[Filled] = []
        try:
            for one in fill_faces(
                self.database, encoder, missing, space_id=space_id, run_id=run_id, made_by=made_by
            ):
                done.append(one)
                progress(one)
        finally:
            if done:
                self._settle("fill", photos=len(done))
        if make_default:
            with self.database.writing() as session:
                writes.make_default(session, space_id)
            self._settle("default")
        return FilledFaces(tuple(done))

    def rebuild(self) -> int:
        """Write every space's index anew from the database, and calibrate it; returns how many
        there are.

        Raises `OutputError` where it cannot be written.
        """
        spaces = self._spaces()
        for space in spaces:
            refresh_generation(self.database, space, self.settings.index_dir, rebuild=True)
            refresh_calibration(self.database, space, self.settings.index_dir, force=True)
        self.database.truncate_log()
        return len(spaces)

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
        here = self.pinned()
        snapshot = snapshot or here.snapshot(question)
        find = partial(copies_of_probe, self.database, snapshot, question.without)
        for batch in here.probes(sources, as_one=as_one):
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
            return GalleryStats(reads.counts(session), spaces, runs)

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
        here = self.pinned()
        made_by = here.encoder.run if again else None
        with self.database.reading() as session:
            # Asked anew: the space may have been stored since it was pinned.
            keys = {space.fingerprint: space.id for space in reads.spaces(session)}
            space_id = keys.get(here.space.fingerprint)
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
        here = self.pinned()
        return Encoded(here.encoder.run if photos else None, here.runs())

    # Helpers

    def _precision_of(self, model: InstalledModel) -> Precision:
        return self.options.precision or self.settings.precisions.get(model.name, "float32")

    def _stored_space(self, session: Session) -> int:
        model = self.space.model
        spec = encoder_spec(model)
        return writes.add_space(
            session,
            model=model.name,
            fingerprint=spec.fingerprint,
            specification=spec.to_json(),
            dim=spec.descriptor_dim,
        )

    def _settle(self, action: str, **detail: int) -> None:
        """After a change: tell the audit trail, and let the index on disk follow."""
        with self.database.writing() as session:
            writes.record_event(session, action, **detail)
        self._follow(self._spaces())

    def _empty_log(self) -> DatabaseError | None:
        """After photos were replaced. They are: that a reader keeps the log is told beside them."""
        try:
            self.database.truncate_log()
        except DatabaseError as error:
            return error
        return None

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
                refresh_calibration(self.database, space, self.settings.index_dir)

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
