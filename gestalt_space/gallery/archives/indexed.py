"""The files of a home's index in a backup: those of the state that the database is saved at."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sqlalchemy.orm import Session

from gestalt_space.errors import IndexDamaged
from gestalt_space.files import open_private
from gestalt_space.gallery.archives.manifest import ArchivedFile
from gestalt_space.index.checksums import CHUNK, REBUILD, FileRecord
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


def copy_index_file(record: FileRecord, source: Path, target: Path) -> ArchivedFile:
    """Copy a file of an index into a folder, checked on the way. Raises `OSError`, and
    `IndexDamaged` for one that is not what was written."""
    whole = hashlib.sha256()
    hashes: list[str] = []
    size = 0
    with (
        (source / record.name).open("rb") as stream,
        open_private(target / record.name, "wb") as copy,
    ):
        while chunk := stream.read(CHUNK):
            whole.update(chunk)
            hashes.append(hashlib.sha256(chunk).hexdigest())
            size += copy.write(chunk)
    if (size, tuple(hashes)) != (record.bytes, record.sha256):
        raise IndexDamaged(f"{record.name} is not what was written.", REBUILD)
    return ArchivedFile(f"{FOLDER}/{record.name}", size, whole.hexdigest())
