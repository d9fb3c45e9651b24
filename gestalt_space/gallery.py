"""The gallery: the one place where faces, encoder, store and index meet."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy.orm import Session

from gestalt_space.among import keep_among
from gestalt_space.calibrating import refresh_calibration
from gestalt_space.devices import Device, Precision
from gestalt_space.encoders.registry import (
    detector_device,
    encoder_spec,
    find_encoder_model,
    open_encoder,
)
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import (
    DatabaseError,
    DescriptorError,
    GalleryEmpty,
    ModelNotInstalled,
    NotInGallery,
    OutputError,
    SpaceMismatch,
)
from gestalt_space.faces.photos import PhotoLimits
from gestalt_space.faces.registry import detector_factory
from gestalt_space.index.generation import delete_others
from gestalt_space.intake import Intake
from gestalt_space.matches import Match, ProbePhoto
from gestalt_space.matching import TEN_DISORDERS, Asked, Question, as_one_probe, fuse, match_probes
from gestalt_space.pipeline import PhotoResult, PhotoSource, Pipeline
from gestalt_space.settings import Settings, load_settings
from gestalt_space.snapshot import (
    Snapshot,
    check_generation,
    load_snapshot,
    refresh_generation,
)
from gestalt_space.store import reads, writes
from gestalt_space.store.engine import Database
from gestalt_space.store.people import By
from gestalt_space.store.runs import RunCounts, add_run, run_counts
from gestalt_space.storing import (
    Added,
    Filled,
    added_row,
    describe_crops,
    failed_row,
    fill_error,
    new_photo,
    source_of,
)
from gestalt_space.types import EncodingRun
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import BUILTIN, ModelStore

WRITE_BATCH = 32
"""Photos that go into the database in one transaction."""


@dataclass(frozen=True, slots=True)
class ActiveSpace:
    """The space that a gallery works in: the encoder's model, and the stored space if there is one.

    `chosen`: it was picked here, since the gallery had none and none was named.
    """

    model: InstalledModel
    fingerprint: str
    stored: reads.StoredSpace | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class GalleryStats:
    """How much a gallery holds, of which spaces, and what made the descriptors of each."""

    counts: reads.Counts
    spaces: tuple[tuple[reads.StoredSpace, int], ...]
    runs: tuple[RunCounts, ...]


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder here runs with, None where no photo was encoded, and what the gallery's
    descriptors of the space were made with."""

    probe: EncodingRun | None
    gallery: RunCounts

    @property
    def otherwise(self) -> str | None:
        """That the two are of different precisions, in words; None where they are not.

        Other devices and versions give the same numbers but for rounding, and descriptors of
        before precisions were recorded are not judged.
        """
        known = [(run.precision, count) for run, count in self.gallery if run is not None]
        if self.probe is None or all(one == self.probe.precision for one, _ in known):
            return None
        others = [(one, count) for one, count in known if one != self.probe.precision]
        count = sum(count for _, count in others)
        precisions = " and ".join(dict.fromkeys(one for one, _ in others))
        return (
            f"These photos are encoded in {self.probe.precision}; {count:,} descriptors of the "
            f"gallery are in {precisions}."
        )


def mixed_precisions(runs: RunCounts) -> str | None:
    """That descriptors of one space are of several precisions, in words; None where not."""
    counts: dict[str, int] = {}
    for run, count in runs:
        if run is not None:
            counts[run.precision] = counts.get(run.precision, 0) + count
    if len(counts) < 2:
        return None
    told = " and ".join(f"{count:,} in {precision}" for precision, count in counts.items())
    return f"Its descriptors are of several precisions: {told}."


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
        create: bool = True,
    ) -> None:
        self.settings = settings
        self.models = ModelStore(settings.models_dir)
        self._space_name = space
        self._detector = detector
        self._landmarks = landmarks
        self._device: Device = device
        self._precision = precision
        self.database = Database(
            settings.database, busy_timeout=settings.busy_timeout, create=create
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
        """Open the gallery of a home, the settings' own where left out; made if there is none.

        `space` names an installed encoder's model; left out, it is the gallery's own, and for a new
        gallery the best installed. `precision`: the settings' own for the model where left out.
        Models are opened when they are needed. Raises `DatabaseError`.
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

    # Which space and which models

    @cached_property
    def space(self) -> ActiveSpace:
        """The space worked in. Raises `ModelNotInstalled` or `SpaceMismatch`."""
        with self.database.reading() as session:
            stored = reads.spaces(session)
        default = next((space for space in stored if space.is_default), None)
        if self._space_name is None and default is not None:
            return ActiveSpace(self._model_of(default), default.fingerprint, default, False)
        model = find_encoder_model(self.models, self._space_name)
        fingerprint = encoder_spec(model).fingerprint
        for space in stored:
            if space.model == model.name and space.fingerprint != fingerprint:
                raise SpaceMismatch(
                    f"The encoder {model.name} installed now makes the space {fingerprint[:12]}; "
                    f"the gallery's descriptors of that name are of {space.fingerprint[:12]}.",
                    "Install it under another name, or install the encoder that was used.",
                )
        known = next((space for space in stored if space.fingerprint == fingerprint), None)
        return ActiveSpace(model, fingerprint, known, self._space_name is None)

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

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder of this space, without the way from photos to it."""
        return open_encoder(
            self.space.model,
            device=self._device,
            precision=self.precision,
            compiled=self.settings.compile_encoders,
        )

    def _model_of(self, space: reads.StoredSpace) -> InstalledModel:
        for model in self.models.sound_models():
            if model.file("encoder") and encoder_spec(model).fingerprint == space.fingerprint:
                return model
        hint = "Install it again, or take another one: `gestalt index fill --space NAME --default`."
        if space.model == BUILTIN:
            hint = (
                "The built-in encoder has changed with gestalt-space. Take the new one: "
                "`gestalt index fill --space builtin --default`."
            )
        raise ModelNotInstalled(
            f"The gallery's descriptors are of the encoder {space.model} "
            f"(space {space.fingerprint[:12]}), which is not installed.",
            hint,
        )

    # Adding and removing

    def add(
        self, rows: Sequence[Intake], *, largest: bool = False, keep_crops: bool = True
    ) -> Iterator[Added]:
        """Add photos; for each in order, what became of it.

        Idempotent: a photo whose bytes are in the gallery for the same patient is `already` there,
        and what the row tells beyond what is known, a diagnosis say, is taken.
        Written in transactions of `WRITE_BATCH` photos, so that an interruption loses no more. The
        photo itself is not kept; its aligned crop is, unless `keep_crops` is off.
        """
        pipeline = self.pipeline
        with self.database.reading() as session:
            known = reads.photo_hashes(session)
        good = [row for row in rows if row.record is not None]
        sources = [source_of(row, largest) for row in good]
        batches = pipeline.run(sources, skip=known.__contains__)
        found = itertools.chain.from_iterable(batches)
        added = known_already = 0
        try:
            results = self._store_all(zip(good, found, strict=True), keep_crops)
            for row in rows:
                result = failed_row(row) if row.record is None else next(results)
                added += result.status == "added"
                known_already += result.status == "already"
                yield result
        finally:
            if added:
                self._settle("add", photos=added)
            elif known_already:
                # What a row tells of a photo that was there may be a new diagnosis.
                self._follow(self._spaces())

    def remove(self, *, patients: Sequence[str] = (), photos: Sequence[str] = ()) -> writes.Removed:
        """Remove patients, or photos by name or sha256, and patients who have no photo left.

        Their rows, crops and descriptors leave the database and every index on disk. Raises
        `NotInGallery`, removing nothing; `DatabaseError` where they are removed, and another
        process keeps the write-ahead log from being emptied of them.
        """
        with self.database.writing() as session:
            whole = writes.remove_patients(session, patients)
            single = writes.remove_photos(session, photos)
            gone = writes.Removed(whole.patients + single.patients, whole.photos + single.photos)
            writes.record_event(session, "remove", photos=gone.photos)
            spaces = reads.spaces(session)
            # Before the commit: a crash after it must leave no removed descriptor on the disk.
            for space in spaces:
                delete_others(self.settings.index_dir, space.fingerprint)
        self.database.truncate_log()
        self._follow(spaces)
        return gone

    def fill(self, *, make_default: bool = False, again: bool = False) -> Iterator[Filled]:
        """Give every stored face a descriptor in this space, from its kept crop.

        With `again`, faces that have one get a new one, but those whose descriptor is of the
        present encoding run: the same precision, device and runtime. Resumable: what is done is
        passed over. With `make_default`, the gallery works in this space from then on.
        """
        encoder = self.encoder
        with self.database.writing() as session:
            space_id = self._stored_space(session)
            run_id = add_run(session, encoder.run)
        made_by = encoder.run if again else None
        with self.database.reading() as session:
            missing = reads.faces_without(session, space_id, made_by=made_by)
        for start in range(0, len(missing), WRITE_BATCH):
            batch = missing[start : start + WRITE_BATCH]
            faces = [face for face, _, _ in batch]
            with self.database.reading() as session:
                crops = reads.crops_of(session, faces)
            described = describe_crops(encoder, crops)
            with self.database.writing() as session:
                # Others may have removed or filled some meanwhile.
                left = reads.faces_without(session, space_id, faces, made_by=made_by)
                still = {face for face, _, _ in left}
                sound = {face: row for face, row in described.items() if face in still}
                if sound:
                    writes.put_descriptors(session, sound, space_id=space_id, run_id=run_id)
            for face, photo, patient in batch:
                yield Filled(photo, patient, fill_error(face in crops, face in described))
        if make_default:
            with self.database.writing() as session:
                writes.make_default(session, space_id)
        self._settle("fill", photos=len(missing))

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
        nothing can be ranked.
        """
        space = self.space.stored
        if space is None:
            raise self._empty(question.by)
        details = details or question.needs_details
        folder = self.settings.index_dir
        with self.database.reading() as session:
            snapshot = load_snapshot(session, space, folder, by=question.by, details=details)
            if not snapshot.lines.titles:
                raise self._empty(question.by)
            if not question.among:
                return snapshot
            by_disorder = snapshot
            if question.by != "disorder" and question.among.disorders:
                by_disorder = load_snapshot(session, space, folder)
        return keep_among(snapshot, question.among, by_disorder)

    def probes(
        self, sources: Sequence[PhotoSource], *, as_one: bool = False
    ) -> Iterator[list[Asked]]:
        """Photos as probes, in order, a batch at a time; nothing is stored.

        Of several faces the largest is taken, unless the source names one. With `as_one`, all are
        of one patient, and one probe. Raises `UsageError` where they are stored for several.
        """
        batches = map(self._asked, self.pipeline.run(sources))
        if not as_one:
            yield from batches
        else:
            yield [as_one_probe([asked for batch in batches for asked in batch])]

    def stored_probe(self, patient: str, snapshot: Snapshot) -> Asked:
        """A patient of the gallery as a probe: all the photos, which are no evidence then.

        Raises `NotInGallery`.
        """
        with self.database.reading() as session:
            detail = reads.patient_detail(session, patient)
        place = snapshot.patient(patient)
        if place is None:
            raise NotInGallery(
                f"Patient {patient} has no descriptor in the space of {self.space.model.name}.",
                f"Run `gestalt index fill --space {self.space.model.name}`.",
            )
        rows = snapshot.index.descriptors[snapshot.patient_of_row == place]
        photos = tuple(ProbePhoto(photo.name) for photo in detail.photos)
        return Asked(patient, photos, fuse(list(rows)), patient)

    def match_patient(
        self, patient: str, question: Question = TEN_DISORDERS, *, snapshot: Snapshot | None = None
    ) -> Match:
        """Rank disorders, genes or patients for a patient of the gallery, all photos as one.

        What the gallery knows of the patient stands for what the question does not tell. Raises
        `GalleryEmpty` or `NotInGallery`.
        """
        snapshot = snapshot or self.snapshot(question, details=True)
        asked = self.stored_probe(patient, snapshot)
        (match,) = match_probes([asked], snapshot, question.about(self.patient(patient)))
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

        Nothing is stored. The patient whom a probe's photo is stored for is never evidence. Raises
        `GalleryEmpty`.
        """
        snapshot = snapshot or self.snapshot(question)
        for batch in self.probes(sources, as_one=as_one):
            yield from match_probes(batch, snapshot, question)

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
        """Patients by identifier, all or those of a disorder or cohort."""
        with self.database.reading() as session:
            return list(reads.list_patients(session, disorder=disorder, cohort=cohort, limit=limit))

    def patient(self, patient: str) -> reads.PatientDetail:
        """All that the gallery says of a patient. Raises `NotInGallery`."""
        with self.database.reading() as session:
            return reads.patient_detail(session, patient)

    def check_index(self) -> dict[str, str]:
        """For each space, by its model's name, what its index on disk is. Raises `IndexDamaged`."""
        with self.database.reading() as session:
            return {
                space.model: check_generation(session, space, self.settings.index_dir)
                for space in reads.spaces(session)
            }

    def faces_to_fill(self, *, again: bool = False) -> int:
        """How many stored faces have no descriptor in this space; `again` as in `fill`."""
        space = self.space.stored
        made_by = self.encoder.run if again else None
        with self.database.reading() as session:
            space_id = None if space is None else space.id
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
        return Encoded(self.pipeline.encoder.run if photos else None, self.runs())

    # Helpers

    def _store_all(
        self, results: Iterable[tuple[Intake, PhotoResult]], keep_crops: bool
    ) -> Iterator[Added]:
        results = iter(results)
        while batch := list(itertools.islice(results, WRITE_BATCH)):
            new = [new_photo(row, result, keep_crops) for row, result in batch]
            stored = iter(self._store([photo for photo in new if photo is not None]))
            for (row, result), photo in zip(batch, new, strict=True):
                yield added_row(row, result, None if photo is None else next(stored))

    def _store(self, photos: Sequence[writes.NewPhoto]) -> list[writes.Stored]:
        if not photos:
            return []
        with self.database.writing() as session:
            return writes.add_photos(
                session,
                photos,
                space_id=self._stored_space(session),
                run_id=add_run(session, self.pipeline.encoder.run),
            )

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

    def _asked(self, batch: Sequence[PhotoResult]) -> list[Asked]:
        with self.database.reading() as session:
            return [
                Asked(
                    result.source.name,
                    (_probe_photo(result),),
                    result.descriptor,
                    reads.patient_of_photo(session, result.sha256) if result.sha256 else None,
                )
                for result in batch
            ]

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


def _probe_photo(result: PhotoResult) -> ProbePhoto:
    face = None if result.face is None else result.face.without_crop()
    return ProbePhoto(result.source.name, face, result.error)


def photo_limits(settings: Settings) -> PhotoLimits:
    """The caps on photos that the settings give."""
    return PhotoLimits(settings.max_photo_bytes, settings.max_photo_pixels)
