"""A gallery that is open, and how a request works with it: the database, the models, and the space
that is worked in."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self, Unpack
from weakref import WeakKeyDictionary

from sqlalchemy.orm import Session

from gestalt_space.crops.crop_store import CropStore
from gestalt_space.devices import Device, Precision
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import DatabaseError, GalleryEmpty
from gestalt_space.faces.photos import PhotoLimits
from gestalt_space.faces.registry import detector_factory, detector_weights
from gestalt_space.gallery.calibration.calibrating import (
    CalibrationState,
    calibration_state,
)
from gestalt_space.gallery.encoding import Encoding, LocalEncoding
from gestalt_space.gallery.engines.opened import OpenEngines
from gestalt_space.gallery.inspecting.vectors import unsound_faces
from gestalt_space.gallery.keeper import Keeper, attempted
from gestalt_space.gallery.match_trail import MatchTrail
from gestalt_space.gallery.models import OpenModels
from gestalt_space.gallery.options import Engine, PhotoChanges, PhotoOptions
from gestalt_space.gallery.pipeline import Pipeline
from gestalt_space.gallery.reader import Reader
from gestalt_space.gallery.repairs import Repair
from gestalt_space.gallery.spaces import ActiveSpace, active_space
from gestalt_space.gallery.state import GalleryState
from gestalt_space.paths import display_name
from gestalt_space.settings import Settings, load_settings
from gestalt_space.store import reads, writes
from gestalt_space.store.engine import Database
from gestalt_space.store.people import By, matchable
from gestalt_space.store.runs import RunCounts
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import ModelStore


class OpenGallery:
    """The gallery of a home, as one request works with it."""

    def __init__(
        self,
        settings: Settings,
        *,
        space: str | None = None,
        detector: str = "auto",
        landmarks: Path | None = None,
        device: Device = "auto",
        precision: Precision | None = None,
        engine: Engine = "local",
        address: str | None = None,
        finish: bool = True,
    ) -> None:
        """`finish`: whether what a process that was stopped left is cleaned away."""
        self.settings = settings
        self.models = ModelStore(settings.models_dir)
        self.options = PhotoOptions(space, detector, landmarks, device, precision, engine, address)
        self.crop_store = CropStore(settings)
        self.database = Database(
            settings.database,
            busy_timeout=settings.busy_timeout,
            create=False,
            crops=self.crop_store,
        )
        self._reader = Reader(self.database, settings.index_dir, settings.search_device)
        self.search_engines = OpenEngines(
            self.database,
            settings.engines_file,
            settings.index_dir,
            settings.busy_timeout,
            settings.milvus_token.get_secret_value() if settings.milvus_token else None,
        )
        self._keeper = Keeper(
            self.database,
            settings.index_dir,
            settings.calibrating_dir,
            settings.busy_timeout,
            self.search_engines,
        )
        self._open_models = OpenModels(self.models, compiled=settings.compile_encoders)
        self._match_trail = MatchTrail(self.database)
        self._known_spaces: dict[tuple[Hashable, ...], ActiveSpace] = {}
        # Of states that are in use: each match tells them again.
        self._calibrations: WeakKeyDictionary[GalleryState, CalibrationState] = WeakKeyDictionary()
        self._run_counts: WeakKeyDictionary[GalleryState, RunCounts] = WeakKeyDictionary()
        self._pinned: ActiveSpace | None = None
        try:
            if not self.exists:
                check_not_lost(self.database, settings.index_dir)
            elif finish and self.database.is_writable:
                # A process that was stopped may have left what it removed in a file.
                attempted(self._keeper.finish_left)
        except BaseException:
            # Nobody has it to close it: connections to servers would stay open.
            self.close()
            raise

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
        engine: Engine = "local",
        address: str | None = None,
    ) -> Self:
        """Open the gallery of a home; without one, of the home in the settings.

        Nothing is created: if the home has no gallery, `add` creates it, and all other methods
        raise `GalleryMissing`. A read-only home can be read. `space` is the name of an installed
        encoder's model; the default is the gallery's own space, and for a new gallery the best
        encoder installed. The default of `precision` is the one in the settings for the model. Each
        model is opened once, when it is first needed. With the engine `ray`, the workers of a Ray
        cluster encode what `add` and `fill` are given: `address` is its `HOST:PORT`, by default the
        one in the settings, else Ray runs on this machine alone. Any number of threads can use the
        gallery, each with its own options (`using`). Raises `DatabaseError`.
        """
        return cls(
            load_settings(home),
            space=space,
            detector=detector,
            landmarks=landmarks,
            device=device,
            precision=precision,
            engine=engine,
            address=address,
        )

    def using(self, **options: Unpack[PhotoChanges]) -> Self:
        """The same gallery with other options, for one request. Options left out do not change.

        Costs nothing: database and open models are shared. Closing either closes both.
        """
        view = copy(self)
        view.options = replace(self.options, **options)
        if "space" in options:
            view._pinned = None
        return view

    def acting_for(self, actor: str) -> Self:
        """The same gallery for somebody whom a service let in: the audit trail names them, and has
        their matches, too."""
        view = copy(self)
        view.database = self.database.acting_for(actor)
        view.settings = self.settings.model_copy(update={"audit_matches": True})
        return view

    def pinned(self) -> Self:
        """The same gallery, fixed to its current space, for calls that belong together: another
        process can change the default space at any time. Raises as `space` does.
        """
        view = copy(self)
        view._pinned = self.space
        return view

    def close(self) -> None:
        """Release the models, GPU memory and database connections."""
        self._open_models.close()
        self._reader.close()
        self.search_engines.close()
        self.database.close()
        self.crop_store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def repairs(self) -> tuple[Repair, ...]:
        """Problems of the index that were found and repaired since the gallery was opened."""
        return tuple(self._keeper.repairs)

    @property
    def exists(self) -> bool:
        """Whether the home has a gallery. Raises `DatabaseError` for one of another version."""
        return self.database.exists()

    # Which space and which models

    @property
    def space(self) -> ActiveSpace:
        """The space in use: the one named, or the current default, which needs a small query.

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
    def detector(self) -> str:
        """The detector's name in full, as `scrfd of buffalo_l`. Raises as `detector_factory`."""
        options = self.options
        return detector_factory(self.models, options.detector, landmarks=options.landmarks)[0]

    def encoding(self) -> AbstractContextManager[Encoding]:
        """What encodes many photos, by the engine of the options. It holds cores of a cluster only
        while it is open.

        Raises `UsageError` where Ray is not installed or for an invalid address, `ClusterError`
        where no cluster answers.
        """
        options, settings = self.options, self.settings
        if options.engine == "local":
            return nullcontext(LocalEncoding(self.pipeline))
        from gestalt_space.gallery.cluster_encoding import EncodingJob, encoding_on_cluster

        model, landmarks = self.space.model, options.landmarks
        job = EncodingJob(
            models=settings.models_dir.absolute(),
            model=model.name,
            fingerprint=encoder_spec(model).fingerprint,
            detector=options.detector,
            landmarks=None if landmarks is None else landmarks.absolute(),
            detector_title=self.detector,
            detector_weights=detector_weights(self.models, options.detector, landmarks=landmarks),
            device=options.device,
            precision=self._precision_of(model),
            compiled=settings.compile_encoders,
            limits=photo_limits(settings),
            batch_size=settings.batch_size,
        )
        return encoding_on_cluster(options.address or settings.ray_address, job)

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline from photos to descriptors of this gallery's space."""
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
        """The precision of the encoder: the one requested, else the one in the settings."""
        return self._precision_of(self.space.model)

    @property
    def encoder(self) -> Encoder:
        """The encoder of this space, opened on first use. Any number of threads can call it.

        Raises `ModelDamaged` or `DeviceUnavailable`.
        """
        model = self.space.model
        return self._open_models.encoder(
            model, device=self.options.device, precision=self._precision_of(model)
        )

    def state(self) -> GalleryState:
        """The newest state of the gallery in this space; one query if nothing has changed.

        Raises `GalleryEmpty` if the space has no descriptor, `DeviceUnavailable` if the settings
        require a GPU and none can be used.
        """
        space = self.space.stored
        if space is None:
            raise self._empty("disorder")
        state = self._reader.current(space)
        state.searcher.require_device()
        return state

    def calibration(self, state: GalleryState | None = None) -> CalibrationState | None:
        """How old the current calibration is, beside a state or else the newest one; None if the
        gallery has nothing in this space."""
        if self.space.stored is None:
            return None
        state = self.state() if state is None else state
        known = self._calibrations.get(state)
        if known is None:
            with self.database.reading() as session:
                known = self._calibrations[state] = calibration_state(session, state)
        return known

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

    def _unsound_faces(self) -> list[int]:
        """The faces whose descriptor in this space is damaged."""
        space = self.space.stored
        return [] if space is None else unsound_faces(self.database, space)

    def _spaces(self) -> list[reads.StoredSpace]:
        with self.database.reading() as session:
            return reads.spaces(session)

    def _empty(self, by: By) -> GalleryEmpty:
        name = self.space.model.name
        with self.database.reading() as session:
            return nothing_to_match(session, name, by)


def nothing_to_match(session: Session, space: str, by: By) -> GalleryEmpty:
    """Why a gallery has nothing to rank in the space of that model."""
    found = matchable(session, by)
    if found.consenting:
        return GalleryEmpty(
            f"The gallery has no descriptor in the space of {space}.",
            f"Run `gestalt index fill --space {space}`.",
        )
    whom = {"disorder": "diagnosed patient", "gene": "patient with a gene", "patient": "patient"}[
        by
    ]
    if found.withdrawn:
        return GalleryEmpty(
            f"The gallery has no {whom} to match against: all of them have withdrawn consent "
            f"({found.withdrawn:,}).",
            "Add other patients: `gestalt index add patients.csv`.",
        )
    return GalleryEmpty(
        f"The gallery has no {whom} to match against.",
        "Add genes with `gestalt index add --gene`, or in the column genes of a table."
        if by == "gene"
        else "Add patients: `gestalt index add patients.csv`.",
    )


def check_not_lost(database: Database, folder: Path) -> None:
    """Raise `DatabaseError` where there is no database, and an index that was made of one: a new
    gallery would take its place. `folder`: of the index."""
    if database.file is not None and next(folder.glob("*.json"), None) is not None:
        raise DatabaseError(
            f"The home has the index of a gallery, but its database {database.where} is empty or "
            "missing.",
            "Restore your last backup. To start a new gallery instead, delete "
            f"{display_name(folder)}.",
        )


def photo_limits(settings: Settings) -> PhotoLimits:
    """The caps on photos that the settings give."""
    return PhotoLimits(settings.max_photo_bytes, settings.max_photo_pixels)
