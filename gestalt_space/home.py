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
from typing import TypeVar, Unpack

from sqlalchemy.orm import Session

from gestalt_space.devices import Device, Precision
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import (
    DatabaseError,
    DescriptorError,
    GalleryChanged,
    GalleryEmpty,
    OutputError,
)
from gestalt_space.faces.photos import PhotoLimits
from gestalt_space.gallery.adding import Adding, AddOptions, passed_over
from gestalt_space.gallery.approximating import build_approximate
from gestalt_space.gallery.calibration.calibrating import (
    Calibrated,
    CalibrationState,
    calibrate,
    calibration_state,
    refresh_calibration,
)
from gestalt_space.gallery.calibration.kept import forget
from gestalt_space.gallery.copies import Copy
from gestalt_space.gallery.filling import Filled, FilledFaces, fill_faces
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.disorders import parse_disorder
from gestalt_space.gallery.intake.likenesses import note_likenesses
from gestalt_space.gallery.intake.records import check_row
from gestalt_space.gallery.intake.telling import check_together, told_of_patients
from gestalt_space.gallery.intake.values import is_unknown
from gestalt_space.gallery.keeper import Keeper, attempted
from gestalt_space.gallery.models import OpenModels
from gestalt_space.gallery.options import PhotoChanges, PhotoOptions
from gestalt_space.gallery.pipeline import PhotoResult, PhotoSource, Pipeline
from gestalt_space.gallery.reader import Reader
from gestalt_space.gallery.sealing import Sealer
from gestalt_space.gallery.snapshot import Snapshot, load_snapshot
from gestalt_space.gallery.spaces import ActiveSpace, Encoded, active_space
from gestalt_space.gallery.state import GalleryState
from gestalt_space.gallery.storing import Added, AddedPhotos, failed_row, source_of
from gestalt_space.gallery.verifying import verify_index
from gestalt_space.index.approximate import ApproximateRecord
from gestalt_space.index.approximating import ApproximateOptions
from gestalt_space.match.answer import Match
from gestalt_space.match.evidence import Evidence, evidence_of
from gestalt_space.match.matching import copies_of, match_probes
from gestalt_space.match.probe import Probe, as_one_probe, probe_of, stored_probe
from gestalt_space.match.question import TEN_DISORDERS, Question
from gestalt_space.match.view import View, nothing_to_match, open_view
from gestalt_space.names import normal_name
from gestalt_space.settings import Settings, load_settings
from gestalt_space.store import reads, removals, writes
from gestalt_space.store.engine import Database
from gestalt_space.store.lookups import disorders_like, patients_like
from gestalt_space.store.people import By
from gestalt_space.store.runs import RunCounts, add_run, run_counts
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import ModelStore

T = TypeVar("T")

_TRIES = 5


def _nobody_follows(done: object) -> None:
    """In the place of what shows progress."""


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
        self.options = PhotoOptions(space, detector, landmarks, device, precision)
        self.database = Database(
            settings.database, busy_timeout=settings.busy_timeout, create=False
        )
        self._reader = Reader(self.database, settings.index_dir, settings.search_device)
        self._keeper = Keeper(self.database, settings.index_dir, settings.busy_timeout)
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
        """Let go of the models and of a GPU's memory, and give the database's connections back."""
        self._open_models.close()
        self._reader.close()
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
            rows = note_likenesses(
                rows, partial(patients_like, session), partial(disorders_like, session)
            )
        good = [row for row in rows if row.error is None]
        adding = Adding(
            self.database,
            here._stored_space,
            here._newest_state,
            lambda: here.encoder.run,
            options,
            told_of_patients(rows),
        )
        done: list[Added] = []
        left: DatabaseError | OutputError | None = None
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
            counts = Counter(result.status for result in done)
            if counts["updated"]:
                self._settle("update", photos=counts["updated"], added=counts["added"])
            elif counts["added"]:
                self._settle("add", photos=counts["added"])
            elif counts["already"]:
                # What a row tells of a photo that was there may be a new diagnosis.
                self._follow()
            left = attempted(self._keeper.purge)
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
            forget(self.settings.calibrating_dir)
        self._keeper.purge()
        self._follow()
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
        """Write every space's index anew from the database, and calibrate it where that takes no
        more than two seconds; returns how many there are.

        Raises `OutputError` where it cannot be written.
        """
        count = self._keeper.rebuild()
        for space in self._spaces():
            self._calibrate_soon(space, force=True)
        return count

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
        recorded when it is whole. Photos that come later are searched exactly; a removal
        deletes it, and so does `rebuild`. `seed` draws the photos that it is measured with;
        `progress` is told the share, 0..1, that is done. Raises `GalleryEmpty` where nothing is on
        disk, `GalleryChanged` where somebody was removed meanwhile.
        """
        self.database.require()
        state = self._newest_state()
        if state is None:
            raise self._empty("patient")
        settings = self.settings
        sealer = Sealer(self.database, state.space, settings.index_dir, settings.busy_timeout)
        return build_approximate(state, sealer, options, seed=seed, progress=progress)

    def calibration(self) -> CalibrationState | None:
        """How old the calibration in force is; None where the gallery has nothing in this space."""
        if self.space.stored is None:
            return None
        state = self.state()
        with self.database.reading() as session:
            return calibration_state(session, state)

    # Asking

    def state(self) -> GalleryState:
        """The newest state of the gallery in this space; one query where nothing changed.

        Raises `GalleryEmpty` where the space has no descriptor, `DeviceUnavailable` where the
        settings ask for a GPU that cannot search.
        """
        space = self.space.stored
        if space is None:
            raise self._empty("disorder")
        state = self._reader.current(space)
        state.searcher.require_device()
        return state

    def view(self, question: Question = TEN_DISORDERS) -> View:
        """The newest state, and what of it may be evidence for a question.

        Raises `GalleryEmpty` where nothing can be ranked, `NotInGallery` for a patient or a family
        to leave out who is not there.
        """
        if self.space.stored is None:
            raise self._empty(question.by)
        state = self.state()
        if not state.totals(question.by).lines:
            raise self._empty(question.by)
        with self.database.reading() as session:
            return open_view(state, question, session)

    def snapshot(
        self, *, by: By = "disorder", details: bool = False, with_family: bool = False
    ) -> Snapshot:
        """The whole gallery with everybody's name, for studies. With `details`, what is known of
        patients and photos too.

        Raises `GalleryEmpty` where nothing can be ranked.
        """

        def load() -> Snapshot:
            state = self.state()
            with self.database.reading() as session:
                return load_snapshot(
                    session, state, by=by, details=details, with_family=with_family
                )

        snapshot = _settled(load)
        if not snapshot.lines.titles:
            raise self._empty(by)
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

    def stored_probe(self, patient: str) -> Probe:
        """A patient of the gallery as a probe: all the photos, which are no evidence then.

        Raises `NotInGallery`.
        """
        state = self.state()
        with self.database.reading() as session:
            return stored_probe(session, state, normal_name(patient))

    def match(
        self,
        sources: Sequence[PhotoSource],
        question: Question = TEN_DISORDERS,
        *,
        as_one: bool = False,
    ) -> Iterator[Match]:
        """Rank disorders, genes or patients for each photo, in order, or for all `as_one`.

        Nothing is stored. The patient whom a probe's face is stored for is never evidence, nor is
        their family unless the question lets it in. Photos that are added or removed meanwhile
        count from the next batch on. Raises what `view` and `probes` raise.
        """
        here = self.pinned()
        view = here.view(question)
        for batch in here.probes(sources, as_one=as_one):
            view, matches = here.answer(batch, question, view)
            yield from matches

    def match_patient(self, patient: str, question: Question = TEN_DISORDERS) -> Match:
        """Rank disorders, genes or patients for a patient of the gallery, all photos as one.

        What the gallery knows of the patient stands for what the question does not tell. Raises
        `GalleryEmpty` or `NotInGallery`.
        """
        here = self.pinned()
        here.view(question)
        question = question.about(here.patient(patient))

        def ask() -> Match:
            _, (match,) = here.answer([here.stored_probe(patient)], question)
            return match

        return _settled(ask)

    def answer(
        self, probes: Sequence[Probe], question: Question, view: View | None = None
    ) -> tuple[View, list[Match]]:
        """The matches of probes, and the view that they are of: the one given, where nothing has
        changed since, else the newest."""

        def ask() -> tuple[View, list[Match]]:
            newest = view if view is not None and view.state is self.state() else None
            newest = newest or self.view(question)
            with self.database.reading() as session:
                return newest, match_probes(probes, newest, session)

        return _settled(ask)

    def copies(self, probe: Probe, question: Question = TEN_DISORDERS) -> tuple[Copy, ...]:
        """Stored photos that are copies of a probe's own, but for those of its patient and of the
        patients whom the question leaves out."""
        view = self.view(question)
        with self.database.reading() as session:
            return copies_of(probe, view, session)

    def evidence(self, probe: Probe, question: Question, wanted: str) -> tuple[Evidence, ...]:
        """Every photo behind the line `wanted`, or behind the lines of the patient `wanted`.

        Raises `NotInGallery`, or the probe's own error.
        """
        slots = len(encoder_spec(self.space.model).slots)

        def ask() -> tuple[Evidence, ...]:
            view = self.view(question)
            with self.database.reading() as session:
                return evidence_of(probe, view, session, wanted, slots)

        return _settled(ask)

    def stats(self) -> GalleryStats:
        """How much the gallery holds."""
        self.database.require()
        states = [self._reader.current(space) for space in self._spaces()]
        with self.database.reading() as session:
            return GalleryStats(
                reads.counts(session),
                tuple((state.space, state.photos) for state in states),
                tuple(run_counts(session, one.space.id, one.photos) for one in states),
                tuple(calibration_state(session, state) for state in states),
            )

    def patients(
        self, *, disorder: str | None = None, cohort: str | None = None, limit: int | None = None
    ) -> list[reads.PatientSummary]:
        """Patients by identifier, all or those of a disorder or cohort; `unknown` asks for those
        who have none."""
        disorder, cohort = map(_name_asked, (disorder, cohort))
        disorder = disorder and parse_disorder(disorder)
        with self.database.reading() as session:
            return list(reads.list_patients(session, disorder=disorder, cohort=cohort, limit=limit))

    def patient(self, patient: str) -> reads.PatientRecord:
        """All that the gallery says of a patient. Raises `NotInGallery`."""
        with self.database.reading() as session:
            return reads.patient_detail(session, normal_name(patient))

    def check_index(self) -> dict[str, str]:
        """For each space, by its model's name, what its index on disk is. Raises `IndexDamaged`."""
        folder = self.settings.index_dir
        return {space.model: verify_index(self.database, space, folder) for space in self._spaces()}

    def faces_to_fill(self, *, again: bool = False) -> int:
        """How many stored faces have no descriptor in this space; `again` as in `fill`."""
        here = self.pinned()
        made_by = here.encoder.run if again else None
        with self.database.reading() as session:
            # Asked anew: the space may have been stored since it was pinned.
            spaces = {space.fingerprint: space.id for space in reads.spaces(session)}
            space_id = spaces.get(here.space.fingerprint)
            if space_id is not None and len(spaces) == 1 and not again:
                return 0  # faces are added with their descriptor
            return len(reads.faces_without(session, space_id, made_by=made_by))

    def runs(self) -> RunCounts:
        """What the descriptors of this space were made with, and how many there are of each."""
        space = self.space.stored
        if space is None:
            return ()
        photos = self.state().photos
        with self.database.reading() as session:
            return run_counts(session, space.id, photos)

    def encoded(self, *, photos: bool = True) -> Encoded:
        """What photos are encoded with here, and what the gallery's descriptors were made with.

        Without `photos`, for a question about what is stored, no encoder is opened.
        """
        here = self.pinned()
        return Encoded(here.encoder.run if photos else None, here.runs())

    # Helpers

    def _precision_of(self, model: InstalledModel) -> Precision:
        return self.options.precision or self.settings.precisions.get(model.name, "float32")

    def _newest_state(self) -> GalleryState | None:
        """The newest state, the index on disk having followed; None in a space without one."""
        self._keeper.follow()
        space = self.space.stored
        return None if space is None else self._reader.current(space)

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
        self._follow()

    def _spaces(self) -> list[reads.StoredSpace]:
        with self.database.reading() as session:
            return reads.spaces(session)

    def _follow(self) -> None:
        """Let indexes and calibrations follow the database."""
        self._keeper.follow()
        for space in self._spaces():
            with suppress(OutputError, DatabaseError, DescriptorError):
                self._calibrate_soon(space)

    def _calibrate_soon(self, space: reads.StoredSpace, *, force: bool = False) -> None:
        refresh_calibration(
            self.database, self._reader, space, self.settings.calibrating_dir, force=force
        )

    def _asked(self, batch: Sequence[PhotoResult]) -> list[Probe]:
        if not self.exists:
            return [probe_of(None, result) for result in batch]
        with self.database.reading() as session:
            return [probe_of(session, result) for result in batch]

    def _empty(self, by: By) -> GalleryEmpty:
        name = self.space.model.name
        with self.database.reading() as session:
            return nothing_to_match(session, name, by)


def _settled(ask: Callable[[], T]) -> T:
    """What `ask` gives; asked again where somebody was removed meanwhile."""
    for _ in range(_TRIES):
        with suppress(GalleryChanged):
            return ask()
    return ask()


def _name_asked(name: str | None) -> str | None:
    """A name to look for, an empty one for what is not known; None for all."""
    return name if name is None else "" if is_unknown(name) else normal_name(name)


def photo_limits(settings: Settings) -> PhotoLimits:
    """The caps on photos that the settings give."""
    return PhotoLimits(settings.max_photo_bytes, settings.max_photo_pixels)
