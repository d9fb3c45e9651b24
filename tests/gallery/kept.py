"""A database with a space and its index on disk, for tests that need no photo and no model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from gestalt_space.gallery.identity import home_of, registered_home
from gestalt_space.gallery.inspecting.index import verify_index
from gestalt_space.gallery.keeper import Keeper
from gestalt_space.gallery.reader import Reader
from gestalt_space.gallery.sealing import Sealer
from gestalt_space.gallery.state import GalleryState
from gestalt_space.index.manifest import Manifest, load_manifest, save_manifest
from gestalt_space.store import homes, reads, removals, tail, writes
from gestalt_space.store.engine import Database
from gestalt_space.store.lookups import patient_names_of
from gestalt_space.store.reads import StoredSpace
from gestalt_space.types import Disorder
from tests.databases import address_of
from tests.galleries import encoded_of, new_photo

DIM = 16
TIMEOUT = 20.0


class Kept:
    """The home of photos `n`, each of the patient `P{n}` with the disorder `D{n % 3}`. `address`:
    of a database that is not the home's own."""

    dim = DIM

    def __init__(
        self, home: Path, *, busy_timeout: float = 30.0, address: str | Path | None = None
    ) -> None:
        self.home = home
        self.folder = home / "index"
        self.database = Database(address or address_of(home), busy_timeout=busy_timeout)
        with self.database.writing() as session:
            writes.add_space(
                session, model="tiny", fingerprint="f" * 64, specification="{}", dim=self.dim
            )
        with self.database.reading() as session:
            self.space: StoredSpace = reads.spaces(session)[0]

    def add(self, *numbers: int, update: bool = False, **facts: Any) -> None:
        photos = [
            new_photo(f"P{n}", n, disorders=(Disorder(f"D{n % 3}"),), crop=False, **facts)
            for n in numbers
        ]
        with self.database.writing() as session:
            stored = writes.add_photos(session, photos, space_id=self.space.id, update=update)
        assert all(one.error is None for one in stored)

    def remove(self, *numbers: int) -> None:
        with self.database.writing() as session:
            removals.remove_patients(session, [f"P{n}" for n in numbers])

    def sealer(self, timeout: float = TIMEOUT) -> Sealer:
        return Sealer(self.database, self.space, self.folder, timeout)

    def seal(self, *, rebuild: bool = False) -> bool:
        return self.sealer().follow(rebuild=rebuild)

    def keeper(self, timeout: float = TIMEOUT) -> Keeper:
        return Keeper(self.database, self.folder, self.home / "calibrating", timeout)

    def check(self) -> str:
        return verify_index(self.database, self.space, self.folder)

    def state(self) -> GalleryState:
        """As a process reads it that has just been started."""
        return Reader(self.database, self.folder).current(self.space)

    def vectors(self) -> set[bytes]:
        """The descriptors of the state, and that each is of the patient it should be of."""
        state = self.state()
        rows = np.flatnonzero(state.patients >= 0)
        vectors = state.vectors_at(rows)
        with self.database.reading() as session:
            names = patient_names_of(session, state.patients[rows])
        for vector, patient in zip(vectors, state.patients[rows].tolist(), strict=True):
            # Another process may have removed somebody since the state was read.
            assert patient not in names or vector.tobytes() in vectors_of(int(names[patient][1:]))
        return {vector.tobytes() for vector in vectors}

    def digest(self) -> str | None:
        with self.database.reading() as session:
            return tail.read_mark(session, self.space.id, home_of(session, self.folder)).digest

    def manifest(self) -> Manifest:
        digest = self.digest()
        assert digest is not None
        return load_manifest(self.folder, self.space.fingerprint, digest)

    def record(self, manifest: Manifest) -> None:
        """Make a manifest the one that is believed."""
        digest = save_manifest(self.folder, manifest)
        home = registered_home(self.database, self.folder)
        with self.database.writing() as session:
            homes.record_generation(
                session, home, self.space.id, sequence=manifest.sequence, digest=digest
            )

    def path(self, part: str) -> Path:
        """A file of the first segment, the first part with people or means, or the manifest."""
        manifest = self.manifest()
        if part == "people":
            return self.folder / manifest.people[0].file.name
        if part in ("keys", "means"):
            return self.folder / str(getattr(manifest.means[0], part).name)
        if part == "manifest":
            (path,) = self.folder.glob("*.json")
            return path
        return self.folder / str(getattr(manifest.segments[0], part).name)

    def close(self) -> None:
        self.database.close()


def vectors_of(*numbers: int) -> set[bytes]:
    return {encoded_of(new_photo(f"P{n}", n, crop=False)).descriptor.tobytes() for n in numbers}


def vector_of(number: int) -> bytes:
    (vector,) = vectors_of(number)
    return vector


def flip(path: Path, place: int = -5, *, keep_time: bool = False) -> None:
    """Change one bit of a file."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[place] ^= 0x40
    path.write_bytes(data)
    if keep_time:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
