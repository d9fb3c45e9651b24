"""The homes that share a database, and one that is gone for good: it is forgotten, so that nothing
waits for it."""

from __future__ import annotations

from collections.abc import Sequence

from gestalt_space.errors import NotInGallery, UsageError
from gestalt_space.gallery.identity import home_of
from gestalt_space.gallery.writing import WritableGallery
from gestalt_space.store import erasures, homes
from gestalt_space.store.homes import KnownHome

FEWEST_DIGITS = 8
_LIST = "`gestalt index homes` lists them."


class SharedDatabaseMixin(WritableGallery):
    """A gallery whose database other homes may share."""

    def homes(self) -> list[KnownHome]:
        """The homes that have an index of this database, by path."""
        with self.database.reading() as session:
            return homes.known_homes(session)

    def own_home(self) -> str | None:
        """The id of this home; None where it has no index yet."""
        with self.database.reading() as session:
            return home_of(session, self.settings.index_dir)

    def named_home(self, name: str) -> KnownHome:
        """The other home with this path, id, or first digits of an id. Raises `NotInGallery`,
        `UsageError`.
        """
        found = _named(self.homes(), name)
        _require_other(found, self.own_home())
        return found

    def forget_home(self, name: str) -> KnownHome:
        """Forget a home that no longer exists: erasures stop waiting for it. Its files are not
        cleaned, and the audit trail and every receipt say so.

        If the home is used again, its old index is deleted and rebuilt. Raises as `named_home`
        does.
        """
        folder = self.settings.index_dir
        with self.database.writing() as session:
            found = _named(homes.known_homes(session), name)
            _require_other(found, home_of(session, folder))
            homes.forget_home(session, found)
            erasures.forget_removals(session)
        return found


def _require_other(home: KnownHome, own: str | None) -> None:
    if home.id == own:
        raise UsageError(
            f"{home.place} is the home that you are using.", "Choose another home to forget."
        )


def _named(known: Sequence[KnownHome], name: str) -> KnownHome:
    found = [one for one in known if name in (one.id, one.place)]
    if not found and len(name) >= FEWEST_DIGITS:
        found = [one for one in known if one.id.startswith(name.lower())]
    if not found:
        raise NotInGallery(f"The database has no home {name!r}.", _LIST)
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise UsageError(
            f"{len(found)} homes have the name {name!r}.", f"Choose one by its id: {ids}."
        )
    return found[0]
