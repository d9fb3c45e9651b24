"""Search engines of a gallery: added, listed, brought up to the database and removed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gestalt_space.errors import EngineError, GalleryEmpty, GestaltError, NotInGallery, UsageError
from gestalt_space.gallery.engines.measuring import measure_recall
from gestalt_space.gallery.engines.recorded import EngineRecord
from gestalt_space.gallery.engines.searching import EngineSearcher
from gestalt_space.gallery.identity import registered_home
from gestalt_space.gallery.keeper import attempted
from gestalt_space.gallery.lock import locked
from gestalt_space.gallery.writing import WritableGallery
from gestalt_space.index.engines.contract import EnginePosition
from gestalt_space.index.engines.milvus_address import is_server
from gestalt_space.index.engines.owners import of_another_gallery, removed
from gestalt_space.index.engines.registry import parse_engine, recorded_address
from gestalt_space.progress import Stages, no_stages
from gestalt_space.store import reads, tail
from gestalt_space.store.gallery_id import gallery_id
from gestalt_space.store.reads import StoredSpace


@dataclass(frozen=True, slots=True)
class EngineState:
    """An engine of a home. `place`: the folder or the address where it has the descriptors, without
    secrets; `model`: of its space, None where the gallery does not have it any more; `position`:
    what the engine knows, None where it has nothing; `newer`: photos of the database that it does
    not know; `error`: why it could not be asked."""

    record: EngineRecord
    place: str
    model: str | None
    position: EnginePosition | None
    newer: int
    error: GestaltError | None = None


@dataclass(frozen=True, slots=True)
class EngineRemoved:
    """An engine that a home does not use any more. `place`: as in `EngineState`; `left`: the folder
    in which Milvus Lite still has files, None for other engines, and where nothing was deleted."""

    record: EngineRecord
    place: str
    left: str | None


class EnginesMixin(WritableGallery):
    """A gallery that other engines may search."""

    def engines(self) -> list[EngineState]:
        """The engines of the home, and how far each is."""
        self.database.require()
        spaces = {one.fingerprint: one for one in self._spaces()}
        return [
            self._engine_state(one, spaces.get(one.space)) for one in self.search_engines.records
        ]

    def add_engine(
        self,
        name: str,
        *,
        address: str | None = None,
        anew: bool = False,
        seed: int = 0,
        stages: Stages = no_stages,
    ) -> EngineState:
        """Let an engine search this space: fill it, and measure how much it finds.

        From then on each command brings it up to the database. `address`: of the engine, without a
        password; None for the gallery's own database, or a folder in the home. `anew`: what the
        engine has there is deleted first, also that of another gallery. After an interruption,
        `sync_engine` goes on. Raises `UsageError` where the home has it already,
        `EngineError` and `GalleryEmpty`.
        """
        engine = parse_engine(name)
        if engine == "pgvector" and address is not None:
            raise UsageError(
                "pgvector searches in the gallery's own database.", "Leave out --address."
            )
        space = self._filled_space()
        if self.search_engines.record_of(engine, space.fingerprint) is not None:
            raise UsageError(
                f"The home already uses {engine} in this space.",
                f"To bring it up to the database: `gestalt index engine sync {engine}`.",
            )
        record = EngineRecord(engine, space.fingerprint, recorded_address(engine, address))
        # Before it is recorded: an engine that cannot be used is not left in the home.
        follower = self.search_engines.follower(record, space)
        follower.prepare(anew=anew)
        # An erasure by another home waits until this one has taken it out of its engines, too.
        with locked(self.settings.index_dir, self.settings.busy_timeout):
            registered_home(self.database, self.settings.index_dir)
        self.search_engines.keep(record)
        return self._synced(record, space, anew=False, seed=seed, stages=stages)

    def sync_engine(
        self, name: str, *, anew: bool = False, seed: int = 0, stages: Stages = no_stages
    ) -> EngineState:
        """Bring an engine of this space up to the database, also where it lost photos or kept
        removed ones unnoticed, and measure again how much it finds. With `anew` it is emptied
        first, also of what another gallery put there. Raises `NotInGallery` where the home does not
        have it, and `EngineError`."""
        space = self._filled_space()
        return self._synced(
            self._record_of(name, space), space, anew=anew, seed=seed, stages=stages
        )

    def remove_engine(self, name: str, *, forget: bool = False) -> EngineRemoved:
        """Delete what an engine has of this space, and do not use it any more; with `forget`, only
        the latter, where it is gone for good. Raises `NotInGallery` where the home does not have
        it, and `EngineError`."""
        space = self._filled_space()
        record = self._record_of(name, space)
        if not forget:
            try:
                self.search_engines.engine(record, space.dim).drop()
            except EngineError as error:
                raise type(error)(
                    error.message,
                    f"{error.hint} To stop using it without deleting anything: `gestalt index "
                    f"engine remove {name} --forget`.",
                ) from error
        self.search_engines.forget(record)
        place = self.search_engines.place(record)
        is_folder = record.name == "milvus" and not is_server(place)
        return EngineRemoved(record, place, place if is_folder and not forget else None)

    def _synced(
        self, record: EngineRecord, space: StoredSpace, *, anew: bool, seed: int, stages: Stages
    ) -> EngineState:
        follower = self.search_engines.follower(record, space)
        filling = stages(f"Filling {record.name}", "descriptors")
        # To compare all identifiers takes a fraction of the time of the measuring below.
        follower.fill(anew=anew, compared=True, progress=filling)
        measuring = stages(f"Measuring {record.name}", "%")
        state = self._reader.current(space)
        searcher = EngineSearcher(follower.engine, record, state, self.database.reading)
        recall = measure_recall(
            searcher,
            state,
            seed=seed,
            progress=lambda share: measuring(round(100 * share), 100),
        )
        done = replace(record, recall=recall)
        self.search_engines.keep(done)
        # Somebody may have been removed meanwhile, and the engine was not to be had.
        attempted(self._keeper.purge)
        return self._engine_state(done, space)

    def _engine_state(self, record: EngineRecord, space: StoredSpace | None) -> EngineState:
        place = self.search_engines.place(record)
        if space is None:
            return EngineState(record, place, None, None, 0)
        try:
            position = self.search_engines.engine(record, space.dim).position()
        except (EngineError, UsageError) as error:
            return EngineState(record, place, space.model, None, 0, error)
        with self.database.reading() as session:
            if position is None:
                photos = reads.count_descriptors(session, space)
                return EngineState(record, place, space.model, None, photos, removed(record.name))
            if position.gallery != gallery_id(session):
                photos = reads.count_descriptors(session, space)
                other = of_another_gallery(record.name)
                return EngineState(record, place, space.model, None, photos, other)
            newer = tail.count_waiting(session, space, position.sequence)[0]
        return EngineState(record, place, space.model, position, newer)

    def _record_of(self, name: str, space: StoredSpace) -> EngineRecord:
        record = self.search_engines.record_of(parse_engine(name), space.fingerprint)
        if record is None:
            raise NotInGallery(
                f"The home does not use {name} in the space of {space.model}.",
                f"To add it: `gestalt index engine add {name}`.",
            )
        return record

    def _filled_space(self) -> StoredSpace:
        self.database.require()
        space = self.space.stored
        if space is None:
            raise GalleryEmpty(
                "This space has no photos yet.", "Add photos: `gestalt index add patients.csv`."
            )
        return space
