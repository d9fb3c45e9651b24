"""The files of a home's index in a backup: those of the state that the database is saved at."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from gestalt_space.errors import IndexDamaged
from gestalt_space.gallery.archives.manifest import ArchivedFile, hash_file
from gestalt_space.index.checksums import REBUILD, FileRecord
from gestalt_space.index.manifest import load_manifest, manifest_path
from gestalt_space.store import reads, tail

FOLDER = "index"


def index_files(session: Session, folder: Path, home: str | None) -> list[FileRecord]:
    """The files that the database knows of a home's index, of all spaces, with their manifests.

    For whoever holds the home's lock. A space whose index is not whole has none: it is made from
    the database again.
    """
    found: list[FileRecord] = []
    for space in reads.spaces(session):
        digest = tail.read_mark(session, space.id, home).digest
        if digest is None:
            continue
        try:
            manifest = load_manifest(folder, space.fingerprint, digest)
        except IndexDamaged:
            continue
        path = manifest_path(folder, space.fingerprint, digest)
        found += [FileRecord(path.name, path.stat().st_size, (digest,)), *manifest.files]
    return found


def check_index_file(record: FileRecord, folder: Path) -> ArchivedFile:
    """What a manifest says of the copy of a file in the folder of a backup. Raises `OSError`, and
    `IndexDamaged` for one that is not what was written."""
    found = hash_file(folder, f"{FOLDER}/{record.name}")
    if (found.bytes, found.sha256) != (record.bytes, record.sha256):
        raise IndexDamaged(f"{record.name} has changed since it was written.", REBUILD)
    return found
