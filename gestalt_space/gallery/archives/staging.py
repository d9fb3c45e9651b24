"""A new database that appears in a home when all of it is written: what fails, or is killed, leaves
no gallery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gestalt_space.atomic_files import sync_file, take_name
from gestalt_space.atomic_folders import begun_folder
from gestalt_space.errors import GalleryExists, OutputError
from gestalt_space.paths import display_name
from gestalt_space.store.engine import Database


@contextmanager
def whole_database(database: Database) -> Iterator[Database]:
    """The database to write to: a new file beside the home's, which takes its name if all goes
    well, or the one that is there. On a server, empty tables stay where it goes wrong.

    Raises `GalleryExists` where another process made one meanwhile, `OutputError`, `DatabaseError`.
    """
    file = database.file
    if file is None or file.exists():
        database.make()
        yield database
        return
    is_new = not file.parent.exists()
    try:
        with begun_folder(file) as stage:
            made = stage / file.name
            staged = Database(made, actor=database.actor, crops=database.crops)
            try:
                yield staged
                staged.truncate_log()
            finally:
                staged.close()
            sync_file(made)
            if file.exists():
                raise GalleryExists(
                    f"Meanwhile, {display_name(file)} was created. Nothing was imported.",
                    "To merge the export with it, use --into.",
                )
            take_name(made, file)
    except OSError as error:
        raise OutputError(
            f"{display_name(file)} cannot be written: {error.strerror or error}.",
            "Nothing was imported. Check the home and the free disk space.",
        ) from error
    finally:
        if is_new:
            # Nothing else was put there, or it stays.
            with suppress(OSError):
                file.parent.rmdir()
