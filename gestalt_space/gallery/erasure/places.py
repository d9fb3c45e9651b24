"""The files in which what was erased could stand: all of the home but the models, the database's
and those of Milvus Lite where they are elsewhere, and what this package and SQLite put into the
temporary folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gestalt_space.gallery.engines.in_database import pgvector_tables
from gestalt_space.gallery.engines.recorded import read_engines
from gestalt_space.index.engines.milvus_address import is_server
from gestalt_space.paths import display_name
from gestalt_space.settings import Settings
from gestalt_space.store.engine import Database
from gestalt_space.store.sqlite import sqlite_file

OURS = ("gestalt-", "etilqs_")
"""How the names of temporary files begin: ours, and SQLite's."""
BESIDE = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class FilesToSearch:
    """Files to search, those of the database among them. `strangers`: those that this package does
    not make, whose names are looked at. `passed_over`: what is not searched, in words."""

    files: tuple[Path, ...]
    database: tuple[Path, ...]
    strangers: tuple[Path, ...]
    passed_over: tuple[str, ...]


def places_of(settings: Settings, database: Database) -> FilesToSearch:
    """Where to search for what was in a gallery."""
    home = settings.home.absolute()
    models = settings.models_dir.absolute()
    passed = []
    files = dict.fromkeys(_files(home, but=models))
    if models.is_relative_to(home) and models.is_dir():
        passed.append(
            f"the models in {display_name(models)}: they have no patient data, but a model may be "
            "among them that was trained on patients of a gallery"
        )
    file = sqlite_file(database.engine.url)
    own: tuple[Path, ...] = ()
    if file is None:
        with database.reading() as session:
            tables = pgvector_tables(session).values()
        with_engine = f", with the tables of pgvector ({', '.join(tables)})" if tables else ""
        passed.append(f"the database files{with_engine}: they are on the server")
    else:
        own = tuple(
            path
            for path in (file.with_name(f"{file.name}{end}") for end in BESIDE)
            if path.exists()
        )
        files |= dict.fromkeys(own)
    for address in _milvus_elsewhere(settings):
        if is_server(address):
            passed.append(f"the files of Milvus at {address}: they are on the server")
        else:
            files |= dict.fromkeys(_files(Path(address)))
    folder = Path(tempfile.gettempdir())
    passed.append(
        f"the temporary folder {display_name(folder)}, except files of this user whose names "
        f"start with {' or '.join(OURS)}"
    )
    files |= dict.fromkeys(_temporary(folder))
    ours = (settings.index_dir.absolute(), settings.calibrating_dir.absolute())
    strangers = (
        path
        for path in files
        if path not in own and not any(path.is_relative_to(folder) for folder in ours)
    )
    return FilesToSearch(tuple(files), own, tuple(strangers), tuple(passed))


def _milvus_elsewhere(settings: Settings) -> Iterator[str]:
    """Where Milvus has rows of this home, if not in the home."""
    for record in read_engines(settings.engines_file):
        if record.name == "milvus" and record.address is not None:
            yield record.address


def _temporary(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for path in entries:
        if not path.name.startswith(OURS) or not _is_of_this_user(path):
            continue
        yield from _files(path) if path.is_dir() else [path]


def _files(folder: Path, but: Path | None = None) -> Iterator[Path]:
    """The files below a folder, links left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if Path(place, name) != but)
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _is_of_this_user(path: Path) -> bool:
    try:
        return not hasattr(os, "getuid") or path.lstat().st_uid == os.getuid()
    except OSError:
        return False
