"""Moving the crops of a gallery out of its database or back, and comparing both sides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gestalt_space.crops.places import SHARDS, checked_url
from gestalt_space.errors import CropStoreError
from gestalt_space.gallery.keeper import attempted
from gestalt_space.gallery.opened import OpenGallery
from gestalt_space.gallery.outer_crops import delete_left
from gestalt_space.paths import display_name
from gestalt_space.progress import Progress, no_progress
from gestalt_space.store import crop_moves, tables
from gestalt_space.store.audit import record_event
from gestalt_space.store.crop_moves import KnownObject, KnownPlace
from gestalt_space.store.crops import crops_of, place_to_write
from gestalt_space.store.soundness import photos_of

DATABASE = "database"
"""In the place of a URL: the database itself."""
AT_ONCE = 128
"""Crops that are moved in one transaction."""
LISTED_AT_ONCE = 10_000
"""Crops of a place that is listed as a whole."""
YOUNGEST = timedelta(hours=24)
"""An object without a row is deleted when it is older: a process that adds photos writes it before
its row, and the clocks of two machines may differ."""
_NAME = re.compile("[0-9a-f]{2}/[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class MovedCrops:
    """What became of crops that were to be moved. `place`: the URL, or `database`; `damaged`:
    photos whose crop is missing or damaged, and that stay as they are."""

    place: str
    moved: int
    damaged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckedPlace:
    """A place of crops, compared with the database. `missing`, `damaged`: photos, by name and
    patient; `deleted`: objects that no row named; `young`: those that are too young to tell;
    `waiting`: objects that are still to be deleted; `foreign`: files of others."""

    place: str
    is_shared: bool
    crops: int
    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    deleted: int
    young: int
    waiting: int
    foreign: int

    @property
    def is_sound(self) -> bool:
        """Whether every crop is there, and nothing is to be deleted."""
        return not (self.missing or self.damaged or self.waiting)


class CropsMixin(OpenGallery):
    """A gallery whose crops are moved and checked."""

    def crop_places(self) -> list[KnownPlace]:
        """The places outside the database that have crops of this gallery."""
        with self.database.reading() as session:
            return crop_moves.known_places(session)

    def move_crops(self, to: str, progress: Progress = no_progress) -> MovedCrops:
        """Move all crops to a URL, encrypted with the first key, or to the `database`.

        Each crop is read back and compared before the old one is deleted. After an interruption,
        call it again. New crops still go where the settings say. Raises `UsageError`,
        `CropStoreError`.
        """
        self.database.require()
        self.database.require_writable()
        place = None if to == DATABASE else self._place_at(checked_url(to))
        key_id = "" if place is None else self.crop_store.key_id
        with self.database.reading() as session:
            whole = crop_moves.count_to_move(session, place, key_id)
        moved, done, last = 0, 0, 0
        damaged: list[int] = []
        try:
            while True:
                with self.database.reading() as session:
                    faces = crop_moves.faces_to_move(session, place, key_id, last, AT_ONCE)
                    crops = crops_of(session, faces)
                if not faces:
                    break
                damaged += [face for face in faces if crops.get(face) == b""]
                sound = {face: png for face, png in crops.items() if png}
                moved += self._move(place, sound)
                last, done = faces[-1], done + len(faces)
                progress(min(done, whole), whole)
        finally:
            if moved:
                self._end_of_move(to, moved)
        with self.database.reading() as session:
            titles = tuple(photos_of(session, damaged))
        return MovedCrops(DATABASE if place is None else place, moved, titles)

    def check_crops(
        self, *, read: bool = False, progress: Progress = no_progress
    ) -> list[CheckedPlace]:
        """Compare every place of crops with the database, and delete objects that no row names.

        With `read`, each crop is read and decrypted; otherwise its presence and size are compared.
        Raises `CropStoreError`.
        """
        places = self.crop_places()
        if self.database.is_writable:
            attempted(lambda: delete_left(self.database))
        # A small place is listed at once; of a large one, a part at a time is held in memory.
        parts = [SHARDS if place.crops > LISTED_AT_ONCE else ("",) for place in places]
        done, whole = 0, sum(map(len, parts))
        found = []
        for place, shards in zip(places, parts, strict=True):
            check = _Check(self, place, read)
            for shard in shards:
                check.compare(shard)
                progress(done := done + 1, whole)
            found.append(check.result())
        return found

    def claim_crops(self) -> list[str]:
        """Say that no other gallery uses the places of this gallery any more; which were shared
        until now."""
        self.database.require()
        self.database.require_writable()
        with self.database.writing() as session:
            claimed = crop_moves.claim_places(session)
            if claimed:
                record_event(session, "claim", detail={"places": len(claimed)})
        left = attempted(lambda: delete_left(self.database))
        if left is not None:
            raise left
        return claimed

    def _place_at(self, base: str) -> str:
        with self.database.reading() as session:
            found = place_to_write(session, base)
        if found is None:
            found = self.crop_store.new_place(base)
            with self.database.writing() as session:
                session.add(tables.CropPlace(url=found))
        return found

    def _move(self, place: str | None, crops: dict[int, bytes]) -> int:
        if place is None:
            with self.database.writing() as session:
                moved = crop_moves.take_inside(session, crops)
        else:
            made = self.crop_store.put(place, list(crops.values()))
            again = self.crop_store.get(made)
            if [again[one] for one in made] != list(crops.values()):
                with suppress(CropStoreError):
                    self.crop_store.delete(made)
                raise CropStoreError(
                    f"A crop that was written to {display_name(place)} is not the same when it is "
                    "read again.",
                    "Check the disk or the object store. No crop was deleted.",
                )
            with self.database.writing(made) as session:
                moved = crop_moves.take_outside(session, dict(zip(crops, made, strict=True)))
        delete_left(self.database)
        return moved

    def _end_of_move(self, to: str, moved: int) -> None:
        with self.database.writing() as session:
            record_event(session, "crops", detail={"to": to, "photos": moved})
        attempted(self._keeper.purge)
        # On a server, deleted rows stay on their pages until then.
        attempted(lambda: self.database.vacuum(["crop"]))


class _Check:
    """The comparison of one place with the database."""

    def __init__(self, gallery: CropsMixin, place: KnownPlace, read: bool) -> None:
        self.gallery = gallery
        self.database = gallery.database
        self.outside = gallery.crop_store
        self.place = place
        self.read = read
        self.crops = self.deleted = self.young = self.waiting = self.foreign = 0
        self.missing: list[int] = []
        self.damaged: list[int] = []

    def compare(self, shard: str) -> None:
        """Compare the objects whose names begin with two digits, or all."""
        with self.database.reading() as session:
            known = crop_moves.known_objects(session, self.place.id, shard)
        listed = {one.name: one for one in self.outside.listed(self.place.url, shard)}
        kept = {name: one for name, one in known.items() if one.face is not None}
        self.crops += len(kept)
        self.waiting += len(known) - len(kept)
        absent = [one for name, one in kept.items() if name not in listed]
        present = [one for name, one in kept.items() if name in listed]
        wrong = [one for one in present if listed[one.object.name].bytes != one.object.bytes]
        if self.read:
            read = self.outside.get([one.object for one in present])
            wrong = [one for one in present if not read[one.object]]
        self.missing += self._still(absent)
        self.damaged += self._still(wrong)
        self.foreign += sum(_NAME.fullmatch(name) is None for name in listed)
        self._delete_orphans(
            {
                name: one.at
                for name, one in listed.items()
                if name not in known and _NAME.fullmatch(name)
            }
        )

    def result(self) -> CheckedPlace:
        """What was found."""
        with self.database.reading() as session:
            missing, damaged = (
                tuple(photos_of(session, faces)) for faces in (self.missing, self.damaged)
            )
        return CheckedPlace(
            self.place.url,
            self.place.is_shared,
            self.crops,
            missing,
            damaged,
            self.deleted,
            self.young,
            self.waiting,
            self.foreign,
        )

    def _still(self, objects: Sequence[KnownObject]) -> list[int]:
        """The faces of objects that are missing or damaged, and not only removed meanwhile."""
        if not objects:
            return []
        with self.database.reading() as session:
            there = crop_moves.named_objects(session, [one.object.name for one in objects])
        left = [one for one in objects if one.object.name in there]
        return [one.face for one in left if one.face is not None]

    def _delete_orphans(self, found: Mapping[str, datetime]) -> None:
        """Delete the objects, by name and time, that no row names; of a shared place, none."""
        if not found or self.place.is_shared:
            return
        with self.database.reading() as session:
            named = crop_moves.named_objects(session, found)
        before = datetime.now(UTC) - YOUNGEST
        old = [name for name, at in found.items() if name not in named and at < before]
        self.young += sum(name not in named for name in found) - len(old)
        if old and self.database.is_writable:
            self.outside.delete_names(self.place.url, old)
            self.deleted += len(old)
