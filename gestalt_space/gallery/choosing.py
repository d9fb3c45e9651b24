"""The spaces of a gallery: which there are, which one it works in, and one that is not needed any
more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gestalt_space.errors import GalleryError, NotInGallery, UsageError
from gestalt_space.gallery.opened import OpenGallery
from gestalt_space.gallery.spaces import model_of, require_model
from gestalt_space.index.manifest import files_of_space
from gestalt_space.store import reads, spaces, writes
from gestalt_space.store.audit import record_event
from gestalt_space.store.reads import StoredSpace

SHORTEST = 8
"""Digits of a fingerprint by which a space may be named."""


@dataclass(frozen=True, slots=True)
class SpaceState:
    """A space of a gallery. `descriptors`: that matches can use; `withheld`: of patients whose
    consent is withdrawn; `missing`: faces that have neither. `index_bytes`: its index on disk."""

    name: str
    fingerprint: str
    is_default: bool
    is_installed: bool
    descriptors: int
    withheld: int
    missing: int
    index_bytes: int


class SpacesMixin(OpenGallery):
    """A gallery whose spaces are chosen."""

    def spaces(self) -> list[SpaceState]:
        """The spaces of the gallery, the first made first. Raises `GalleryMissing`."""
        return [self._state_of(space) for space in self._spaces()]

    def use_space(self, name: str, *, partly: bool = False) -> SpaceState:
        """Let the gallery work in one of its spaces from now on, by its model's name or the first
        digits of its fingerprint.

        Raises `NotInGallery`, `ModelNotInstalled`, and `GalleryError` where faces have no
        descriptor in it, unless `partly` says that these may be in no match.
        """
        space = named_space(self._spaces(), name)
        require_model(self.models, space)
        self.database.require_writable()
        with self.database.writing() as session:
            space = named_space(reads.spaces(session), space.fingerprint)
            # Counted in the transaction that switches: photos may be added meanwhile.
            missing = spaces.count_missing(session, space.id)
            if missing and not partly:
                raise GalleryError(
                    f"{missing:,} faces have no descriptor in the space of {space.model}, so they "
                    "would never be matched.",
                    f"Run `gestalt index fill --space {space.model}`, or add --partly.",
                )
            if not space.is_default:
                writes.make_default(session, space.id)
                record_event(session, "default", detail={"space": space.fingerprint})
        return self._state_of(space)

    def droppable_space(self, name: str) -> SpaceState:
        """A space that `drop_space` would take away. Raises as it does before it begins."""
        space = named_space(self._spaces(), name)
        self.database.require_writable()
        _check_droppable(space)
        return self._state_of(space)

    def drop_space(self, name: str) -> SpaceState:
        """Take one of the gallery's spaces away for good, named as in `use_space`: descriptors,
        calibration and index files; returns what it was.

        The crops stay, so that `fill` can make it again. Raises `NotInGallery`, `UsageError` for
        the space that the gallery works in, `DatabaseError` or `OutputError` where it is dropped
        and files could not be cleaned yet, which is remembered.
        """
        space = named_space(self._spaces(), name)
        self.database.require_writable()
        was = self._state_of(space)
        with self.database.writing() as session:
            now = named_space(reads.spaces(session), space.fingerprint)
            _check_droppable(now)
            spaces.drop_space(session, now)
        self._keeper.purge()
        return was

    def _state_of(self, space: StoredSpace) -> SpaceState:
        with self.database.reading() as session:
            default = next((one.id for one in reads.spaces(session) if one.is_default), None)
            found = spaces.filling(session, space.id)
        return SpaceState(
            space.model,
            space.fingerprint,
            space.id == default,
            model_of(self.models, space) is not None,
            found.descriptors,
            found.withheld,
            found.missing,
            sum(size for _, size in files_of_space(self.settings.index_dir, space.fingerprint)),
        )


def named_space(stored: Sequence[StoredSpace], name: str) -> StoredSpace:
    """The space of that model's name, or whose fingerprint begins so. Raises `NotInGallery`,
    `UsageError` where several are meant."""
    found = [space for space in stored if space.model == name]
    if not found and len(name) >= SHORTEST:
        found = [space for space in stored if space.fingerprint.startswith(name.lower())]
    if len(found) > 1:
        digits = ", ".join(space.fingerprint[:12] for space in found)
        raise UsageError(
            f"{len(found)} spaces have the name {name!r}: {digits}.", "Choose one by these digits."
        )
    if not found:
        raise _no_space(name, stored)
    return found[0]


def _check_droppable(space: StoredSpace) -> None:
    if space.is_default:
        raise UsageError(
            f"The gallery uses the space of {space.model}.",
            "Choose another one first: `gestalt index use NAME`.",
        )


def _no_space(name: str, stored: Sequence[StoredSpace]) -> NotInGallery:
    have = f" Its spaces are {', '.join(space.model for space in stored)}." if stored else ""
    return NotInGallery(
        f"The gallery has no space {name!r}.{have}",
        "Run `gestalt index spaces`. To add the space of an installed encoder: `gestalt index "
        "fill --space NAME`.",
    )
