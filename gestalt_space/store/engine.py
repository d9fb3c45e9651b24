"""The database: whether there is one, and units of work that read or write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from typing import Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import DatabaseError, GalleryMissing, GestaltError
from gestalt_space.paths import display_name
from gestalt_space.store import postgres, sqlite
from gestalt_space.store.actors import session_info, this_user
from gestalt_space.store.connecting import (
    is_sqlite,
    make_engine,
    mapped_errors,
    reading_options,
    where,
    writing_options,
)
from gestalt_space.store.crops import CropObjects, crops_info, put_for, unnamed
from gestalt_space.store.migrating import REVISION, current_revision, upgrade
from gestalt_space.store.sqlite import is_read_only, sqlite_file
from gestalt_space.types import CropObject


class Database:
    """One database, at the newest migration. With `create` it is made where there is none;
    without, it may be missing, and what is asked of it then raises `GalleryMissing`.

    `address`: the path of a SQLite file, or the address of a SQLite or PostgreSQL database;
    `actor`: on whose behalf it is written, the system's user where left out. `crops`: those that
    lie outside it; without, none can be read, and new ones are stored in the database. Raises
    `DatabaseError` where the database cannot be reached, is of another version, or refuses a
    setting that safety rests on.
    """

    def __init__(
        self,
        address: str | Path,
        *,
        busy_timeout: float = 30.0,
        create: bool = True,
        actor: str | None = None,
        crops: CropObjects | None = None,
    ) -> None:
        self.actor = actor or this_user()
        self.crops = crops
        self.engine = make_engine(address, busy_timeout=busy_timeout)
        self._reads = self.engine.execution_options(**reading_options(self.engine))
        self._writes = self.engine.execution_options(**writing_options(self.engine))
        self._is_sound = False
        self._opened: tuple[int, int] | None = None
        try:
            if create:
                self.make()
            else:
                self.exists()
        except BaseException:
            self.close()
            raise

    def acting_for(self, actor: str) -> Self:
        """The same database, written on behalf of another one; closing either closes both."""
        other = copy(self)
        other.actor = actor
        return other

    def make(self) -> None:
        """Make the database where there is none. Raises `DatabaseError`."""
        if not self.exists():
            self.upgrade()
            self._note_sound()

    def exists(self) -> bool:
        """Whether there is a database. Raises `DatabaseError` for one of another version, and for a
        file in whose place there is another one, or none."""
        if self._is_sound:
            self._check_same_file()
            return True
        found = self.revision()
        if found not in (None, REVISION):
            raise DatabaseError(
                f"The database has version {found}; this gestalt-space needs {REVISION}.",
                "Run `gestalt db upgrade`."
                if found < REVISION
                else "The database was made by a newer gestalt-space: install that version.",
            )
        if found == REVISION:
            self._note_sound()
        return self._is_sound

    def require(self) -> None:
        """Raise `GalleryMissing` where there is no database."""
        if self.exists():
            return
        file = sqlite_file(self.engine.url)
        if file is None:
            raise GalleryMissing(
                f"There is no gallery in {self.where}.",
                "Check GESTALT_DATABASE_URL. To create a gallery: `gestalt index add`.",
            )
        raise GalleryMissing(
            f"There is no gallery in {display_name(file.parent)}.",
            "Check --home and GESTALT_HOME. To create a gallery: `gestalt index add`.",
        )

    @property
    def where(self) -> str:
        """The path or the address of the database, without a password."""
        return where(self.engine)

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database; None for one by an address."""
        return sqlite_file(self.engine.url)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a SQLite file."""
        return is_sqlite(self.engine)

    @property
    def is_writable(self) -> bool:
        """Whether this process may write to it, as far as the rights of a SQLite file, or those of
        a PostgreSQL role, tell."""
        if self.is_sqlite:
            file = sqlite_file(self.engine.url)
            return file is None or not is_read_only(file)
        with mapped_errors(self.engine), self.engine.connect() as connection:
            return postgres.may_write(connection)

    def require_writable(self) -> None:
        """Raise `DatabaseError` where this process may read the database and not write it."""
        if not self.is_writable:
            who = "the owner of the home" if self.is_sqlite else "a role that may write to it"
            raise DatabaseError(
                f"You may not write to the database {self.where}.",
                f"Run the command as {who}, or where the disk is not read-only. Matching still "
                "works.",
            )

    def revision(self) -> str | None:
        """The migration that the database is at; None for one that is empty or not there."""
        return current_revision(self.engine)

    def upgrade(self) -> None:
        """Bring the database to the newest migration; it is made where there is none."""
        upgrade(self.engine)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the database from its first query on."""
        self.require()
        with (
            mapped_errors(self.engine),
            Session(self._reads, info=self._info()) as session,
        ):
            yield session

    @contextmanager
    def writing(self, put: Collection[CropObject] = ()) -> Iterator[Session]:
        """A session that commits at the end; its first statement takes the writer's lock. `put`:
        crops that were written outside the database for it; those that no row names at the end are
        deleted. Raises `DatabaseError` for a file that may not be written."""
        self.require()
        if self.is_sqlite:
            self.require_writable()
        info = self._info(put)
        try:
            with (
                mapped_errors(self.engine),
                Session(self._writes, expire_on_commit=False, info=info) as session,
            ):
                yield session
                self._commit(session)
        finally:
            if put_for(session):
                self._delete_unnamed(session)

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """So that of all machines that work with a PostgreSQL database only one does `what` at a
        time; the server frees it when the connection ends, however that ends. A SQLite file is for
        one machine: its processes take a lock of the home.

        Raises `DatabaseError` where another one is at it for longer than the busy timeout.
        """
        if self.is_sqlite:
            yield
            return
        with mapped_errors(self.engine), self.engine.connect() as connection:
            direct = connection.execution_options(isolation_level="AUTOCOMMIT")
            with postgres.alone(direct, what):
                yield

    def problems(self) -> list[str]:
        """What SQLite's own checks find wrong; nothing on PostgreSQL, which has none that a client
        may ask for."""
        if not self.is_sqlite:
            return []
        with mapped_errors(self.engine), self.engine.connect() as connection:
            return sqlite.problems(connection)

    def truncate_log(
        self, *, wait: bool = True, waiting: Callable[[], object] | None = None
    ) -> None:
        """Bring SQLite's write-ahead log into the file and empty it: removed rows leave both. That
        of PostgreSQL is the server's own. `waiting` is called where others read it for longer than
        a second.

        Raises `DatabaseError` where another process reads on for longer than the busy timeout, or
        reads at all without `wait`.
        """
        if not self.is_sqlite:
            return
        with mapped_errors(self.engine), self.engine.connect() as connection:
            is_empty = sqlite.truncate_log(connection, wait=wait, waiting=waiting)
        if not is_empty:
            raise DatabaseError(
                "Another process is reading the database, so removed data are still in its "
                "write-ahead log.",
                "The log is cleaned when the gallery is next opened and no other process is using "
                "it. To clean it then at once, run `gestalt index rebuild`.",
            )

    def vacuum(self, tables: Collection[str]) -> None:
        """On PostgreSQL, write tables anew without what was deleted from them; see
        `postgres.vacuum` for what still holds it. SQLite overwrites what it deletes."""
        if not self.is_sqlite:
            with mapped_errors(self.engine):
                postgres.vacuum(self.engine, tables)

    def compact(self) -> None:
        """Write a SQLite file anew: its pages have space in which rows stood that were moved, and
        SQLite overwrites only what it deletes. As much memory is needed, and as much space for the
        write-ahead log, as the file is large. On another database nothing is done.

        Raises `DatabaseError`.
        """
        if self.is_sqlite:
            with mapped_errors(self.engine), self.engine.connect() as connection:
                sqlite.compact(connection)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _info(self, put: Collection[CropObject] = ()) -> dict[str, object]:
        return {**session_info(self.actor), **crops_info(self.crops, put)}

    def _delete_unnamed(self, written: Session) -> None:
        """Delete the crops that were written for a session and that nothing became of. What cannot
        be deleted now is found by `gestalt index crops check`."""
        with suppress(GestaltError), self.reading() as session:
            left = unnamed(session, put_for(written))
            if left and self.crops is not None:
                self.crops.delete(left)

    def _note_sound(self) -> None:
        self._is_sound, self._opened = True, self._file_id()

    def _file_id(self) -> tuple[int, int] | None:
        """By what the system knows the file of a SQLite database; None where there is none."""
        if (file := self.file) is None:
            return None
        try:
            found = file.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _check_same_file(self) -> None:
        # The file that is open can be written still, and nobody would find again what is.
        if self._file_id() != self._opened:
            raise DatabaseError(
                f"The database {self.where} was moved, removed or replaced while it was open.",
                "Put it back, or restart the program that has it open, such as the service.",
            )

    def _commit(self, session: Session) -> None:
        try:
            session.commit()
        except sa.exc.DBAPIError as error:
            # Nothing tells whether the server had done it when the connection broke.
            if not error.connection_invalidated or error.statement is not None:
                raise
            raise DatabaseError(
                f"The connection to {self.where} was lost while a change was saved. The change "
                "may be saved or not.",
                "Run the same command again; anything already saved is skipped.",
            ) from error
