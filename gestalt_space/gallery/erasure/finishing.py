"""An erasure brought to its end: files are cleaned and searched, the receipt is handed over, and
what was remembered of it goes. Each step may be repeated, by any process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gestalt_space.errors import (
    CropStoreError,
    DatabaseError,
    DescriptorError,
    EngineError,
    ErasureUnfinished,
    GestaltError,
    OutputError,
    UsageError,
)
from gestalt_space.gallery.erasure.erased import Erased
from gestalt_space.gallery.erasure.forms import Text
from gestalt_space.gallery.erasure.holders import holders_of
from gestalt_space.gallery.erasure.on_disk import OnDisk
from gestalt_space.gallery.erasure.pieces import Pieces
from gestalt_space.gallery.erasure.places import FilesToSearch, places_of
from gestalt_space.gallery.erasure.plans import (
    ErasurePlan,
    delivered,
    erased_of,
    former_mask,
    is_named,
    salted,
    to_deliver,
    unmasked,
)
from gestalt_space.gallery.erasure.searching import SearchReport, search_files
from gestalt_space.gallery.erasure.trained_models import installed_models
from gestalt_space.gallery.halves import delete_halves
from gestalt_space.gallery.identity import home_of
from gestalt_space.gallery.keeper import Keeper, attempted
from gestalt_space.gallery.lock import locked
from gestalt_space.index.durable import prefix_of
from gestalt_space.paths import display_name
from gestalt_space.settings import Settings
from gestalt_space.store import copied, erasures, homes, reads
from gestalt_space.store.engine import Database
from gestalt_space.store.sqlite import sqlite_file

RESUME = (
    "When the other process has ended, run `gestalt index erase --resume`. It cleans the "
    "remaining files, searches, and writes the receipt."
)
SHOWN = 5
_OF_AN_INDEX = re.compile(r"[0-9a-f]{16}-")

Deliver = Callable[[Erased, str | None], object]
"""Hands a receipt over: what was erased, and the path that was given for it when it was begun."""


def nobody_listens(told: str) -> None:
    """In the place of what tells whom an erasure waits for."""


@dataclass(frozen=True)
class ErasureFinisher:
    """Of the erasures of a home. `progress` is given the bytes searched so far; `waiting`, where
    others hold something for longer than a second, what is waited for."""

    database: Database
    settings: Settings
    keeper: Keeper
    progress: Callable[[int], object] | None = None
    waiting: Callable[[str], object] = nobody_listens

    def finish(self, begun: erasures.UnfinishedErasure, deliver: Deliver) -> Erased:
        """Bring an erasure to its end.

        Raises `ErasureUnfinished` where something is left, and what `deliver` raises; it is
        remembered then.
        """
        stored = begun.plan
        if "erased" in stored:
            self._cleaned()
        else:
            plan = unmasked(stored)
            stored = to_deliver(stored, plan, self._erased(begun, plan))
            self._change(begun, stored)
        self._forget_mask(stored)
        erased = erased_of(stored)
        deliver(erased, stored["receipt"])
        if is_named(stored):
            # First the names go from every file, and then the word of it.
            stored = delivered(stored)
            self._change(begun, stored)
            self._forget_mask(stored)
        with self.database.writing() as session:
            erasures.end_erasure(session, begun.id)
        attempted(self.keeper.purge)
        return erased

    @property
    def on_disk(self) -> OnDisk:
        """The index of this home."""
        return OnDisk(self.database, self.settings.index_dir)

    def search(self, texts: list[Text], pieces: Pieces, places: FilesToSearch) -> SearchReport:
        """Search files for what was erased."""
        with self.database.reading() as session:
            return search_files(
                places,
                texts,
                pieces,
                session=session,
                scales=lambda: [one for some in self.on_disk.scales().values() for one in some],
                progress=self.progress,
            )

    def _erased(self, begun: erasures.UnfinishedErasure, plan: ErasurePlan) -> Erased:
        """Clean and search until nothing is found."""
        self._cleaned()
        with self.database.reading() as session:
            home = home_of(session, self.settings.index_dir)
            left = erasures.unclean_homes(session, plan.sequence, but=home)
            cleaned = erasures.places_of_homes(session)
            forgotten = homes.forgotten_homes(session).values()
        if left:
            raise ErasureUnfinished(
                "The rows are erased, but the index of another home of this database is not "
                f"cleaned yet: {', '.join(left)}.",
                "Run `gestalt index stats` with that home, then `gestalt index erase --resume` "
                "here. If that home no longer exists: `gestalt index homes --forget HOME`.",
            )
        with self.database.writing() as session:
            erasures.forget_removals(session)
            # Now, and not when it was begun alone: one may have been made since.
            copied.leave_out_of_paths(session, plan.patients, plan.photo_texts)
            copies = plan.copies.copies(session)
            trained = plan.copies.models(session)
        copies += installed_models(self.settings.models_dir, trained, plan.patients)
        _, halves = delete_halves(self.settings.index_dir)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for one in halves:
            path = copied.without_names(display_name(one), plan.patients)
            copies.append({"action": "unfinished copy", "path": path, "at": now, "certain": False})
        self._written_anew(erasures.TOUCHED)
        self._emptied()
        places = places_of(self.settings, self.database)
        searched = self.search(plan.texts, plan.pieces, places)
        is_compacted = not self.database.is_sqlite
        own = {str(path) for path in places.database}
        if any(one.path in own for one in (*searched.found, *searched.uncertain)):
            self._compacted()
            is_compacted = True
            searched = self.search(plan.texts, plan.pieces, places_of(self.settings, self.database))
        if searched.found or searched.unreadable:
            self._change(begun, begun.plan | {"left": True})
            raise _left(searched, self.keeper.taken_over(), self.settings.home)
        there = self.on_disk.files()
        changed = sum(there.get(name) != time for name, time in plan.times.items())
        return Erased(
            at=begun.at.isoformat(timespec="seconds"),
            actor=begun.actor,
            done_at=datetime.now(UTC).isoformat(timespec="seconds"),
            salt=plan.salt,
            patients=tuple(salted(plan.salt, name) for name in plan.patients),
            photos=tuple(salted(plan.salt, sha256) for _, sha256 in plan.photos),
            removed_before=len(plan.removed_before),
            rows=plan.rows,
            files={"index": len(plan.times), "overwritten_or_deleted": changed},
            homes=tuple(cleaned),
            forgotten=tuple(forgotten),
            database=self.database.engine.dialect.name,
            compacted=is_compacted,
            searched=searched,
            copies=tuple(copies),
            names=tuple(plan.patients) if plan.named else (),
            objects=plan.objects,
        )

    def _cleaned(self) -> None:
        """Index, calibrations and write-ahead log are clean, and no half-written file is left."""
        try:
            self.keeper.purge(always=True, waiting=self._say_readers)
            self._delete_left()
        except (DatabaseError, OutputError, DescriptorError, EngineError, UsageError) as error:
            raise self._unfinished(error) from error
        except CropStoreError as error:
            raise ErasureUnfinished(
                "The rows are erased, but not all crops outside the database are deleted yet. "
                f"{error.message}",
                f"{error.hint} Then run `gestalt index erase --resume`.",
            ) from error

    def _delete_left(self) -> None:
        """Delete what processes that were stopped left in the folder of the index, and indexes of
        spaces that the gallery does not have any more."""
        folder = self.settings.index_dir
        if not folder.is_dir():
            return
        with self.database.reading() as session:
            known = {prefix_of(space.fingerprint) for space in reads.spaces(session)}
        with locked(folder, self.settings.busy_timeout):
            for path in folder.iterdir():
                prefix = _OF_AN_INDEX.match(path.name)
                if path.name.startswith(".") or (prefix and prefix[0] not in known):
                    try:
                        path.unlink(missing_ok=True)
                    except OSError as error:
                        raise OutputError(
                            f"{path.name} cannot be deleted: {error.strerror}.", ""
                        ) from error

    def _written_anew(self, tables: Collection[str]) -> None:
        """On PostgreSQL: a row that was deleted stays on its page until then."""
        try:
            self.database.vacuum(tables)
        except DatabaseError as error:
            raise self._unfinished(error) from error

    def _emptied(self) -> None:
        try:
            self.database.truncate_log(waiting=self._say_readers)
        except DatabaseError as error:
            raise self._unfinished(error) from error

    def _compacted(self) -> None:
        try:
            self.database.compact()
        except DatabaseError as error:
            raise self._unfinished(error) from error
        self._emptied()

    def _change(self, begun: erasures.UnfinishedErasure, stored: Mapping[str, Any]) -> None:
        with self.database.writing() as session:
            erasures.change_plan(session, begun.id, stored)

    def _forget_mask(self, stored: Mapping[str, Any]) -> None:
        """The key of what stood in the place of what is remembered now is in no file any more."""
        self._emptied()
        if not self.database.is_sqlite:
            self._written_anew(["erasure"])
            return
        places = places_of(self.settings, self.database)
        own = replace(places, files=places.database)
        if self.search([], former_mask(stored), own).found:
            self._compacted()

    def _say_readers(self) -> None:
        self.waiting(f"Waiting until no other process reads the database.{self._holders()}")

    def _holders(self) -> str:
        file = sqlite_file(self.database.engine.url)
        holders = [] if file is None else holders_of(file)
        return f" These processes have the database open: {', '.join(holders)}." if holders else ""

    def _unfinished(self, error: GestaltError) -> ErasureUnfinished:
        told = self._holders() if isinstance(error, DatabaseError) else ""
        if isinstance(error, EngineError | UsageError):
            return ErasureUnfinished(
                f"The rows are erased, but a search engine may still have them. {error.message}",
                f"{error.hint} Then run `gestalt index erase --resume`.",
            )
        return ErasureUnfinished(
            f"The rows are erased, but not every file is clean yet. {error.message}{told}", RESUME
        )


def _left(searched: SearchReport, taken_over: Sequence[Path], home: Path) -> ErasureUnfinished:
    """`taken_over`: folders of this home's engines that another gallery uses."""
    found = [f"{one.what} in {one.path} ({one.count} times)" for one in searched.found]
    found += [f"cannot be read: {one}" for one in searched.unreadable]
    more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    told = f"The rows are erased, but files still contain traces: {'; '.join(found[:SHOWN])}{more}."
    paths = [Path(one.path) for one in searched.found]
    for folder in taken_over:
        if any(path.is_relative_to(folder) for path in paths):
            way = (
                "let it use a folder outside this home"
                if folder.is_relative_to(home.absolute())
                else "stop using the folder here: `gestalt index engine remove milvus --forget`"
            )
            return ErasureUnfinished(
                f"{told} Milvus in {display_name(folder)} has the descriptors of another gallery "
                "now, and these photos may be among them: it was restored from a backup of this "
                "one, for example.",
                f"Erase the patients in that gallery, too, or {way}. Then run `gestalt index erase "
                "--resume`.",
            )
    return ErasureUnfinished(
        told,
        "Delete or move files that do not belong to the gallery, then run `gestalt index erase "
        "--resume`.",
    )


def path_of(receipt: Path | None) -> str | None:
    """The path of a receipt as it is remembered."""
    return None if receipt is None else str(receipt.absolute())
