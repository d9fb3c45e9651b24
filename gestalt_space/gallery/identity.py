"""Which home an index belongs to: a random id in its folder, by which the database knows it."""

from __future__ import annotations

import platform
import re
import uuid
from pathlib import Path

from sqlalchemy.orm import Session

from gestalt_space.atomic_files import write_atomically
from gestalt_space.index.changing import wipe_away
from gestalt_space.index.manifest import foreign_files
from gestalt_space.paths import display_name
from gestalt_space.store import homes
from gestalt_space.store.engine import Database
from gestalt_space.store.sequence import begin_epoch

HOME = "home"
_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def home_of(session: Session, folder: Path) -> str | None:
    """The id of the home whose index stands in a folder: that in the folder, or, where it was lost
    with the index, that of the home that the database knows at this place. None where there is
    neither."""
    return _id_in(folder) or homes.home_at(session, place_of(folder))


def registered_home(database: Database, folder: Path) -> str:
    """The same, made where there is none, and known to the database. For whoever holds the lock of
    the folder, which is there. Raises `OutputError`, `DatabaseError`.

    A home that was moved is known at its new place. The index of one that was forgotten, or copied,
    is wiped away: it may have anybody who was erased since.
    """
    written = _id_in(folder)
    with database.reading() as session:
        home = home_of(session, folder)
        is_known = home is not None and homes.is_registered(session, home)
        is_back = was_forgotten(session, folder)
        has_moved = is_elsewhere(session, folder)
    if home is not None and home == written and is_known and not has_moved:
        return home
    if has_moved and is_copy(database, folder):
        home, is_back = None, True
    home = home or str(uuid.uuid4())
    if is_back:
        with database.writing() as session:
            # Whoever still reads the files is to read anew.
            begin_epoch(session)
        wipe_away(foreign_files(folder, ()))
    write_atomically(folder / HOME, f"{home}\n".encode())
    with database.writing() as session:
        homes.register_home(session, home, place_of(folder))
        if is_back and home == written:
            homes.note_return(session, home, place_of(folder))
    return home


def was_forgotten(session: Session, folder: Path) -> bool:
    """Whether the home whose index stands in a folder is one that the database has forgotten."""
    written = _id_in(folder)
    if written is None or homes.is_registered(session, written):
        return False
    return written in homes.forgotten_homes(session)


def is_elsewhere(session: Session, folder: Path) -> bool:
    """Whether the database knows the home whose index stands in a folder at another place: it was
    moved, or is a copy of the one there."""
    written = _id_in(folder)
    place = None if written is None else homes.place_of_home(session, written)
    return place is not None and place != place_of(folder)


def is_copy(database: Database, folder: Path) -> bool:
    """Whether the home whose index stands in a folder is known elsewhere, is there still, on this
    machine, and has the same database: one that was copied with its database shares nothing."""
    written = _id_in(folder)
    own = database.file is not None and database.file.parent == folder.absolute().parent
    if written is None or own:
        return False
    with database.reading() as session:
        place = homes.place_of_home(session, written) or ""
    machine, _, path = place.partition(":")
    other = Path(path) / folder.name
    is_there = machine == platform.node() and _id_in(other) == written
    return is_there and not other.samefile(folder)


def write_new_home(folder: Path) -> str:
    """Give the index in a folder, which is there, an id that none has had; returns it. Raises
    `OutputError`."""
    home = str(uuid.uuid4())
    write_atomically(folder / HOME, f"{home}\n".encode())
    return home


def place_of(folder: Path) -> str:
    """The machine and the path of a home, for people to find it."""
    return display_name(f"{platform.node()}:{folder.absolute().parent}")


def _id_in(folder: Path) -> str | None:
    try:
        text = (folder / HOME).read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    return text if _ID.fullmatch(text) else None
