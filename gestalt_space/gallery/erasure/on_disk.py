"""What of patients the index of a home has on disk, before they are erased."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gestalt_space.errors import IndexDamaged
from gestalt_space.gallery.identity import home_of
from gestalt_space.gallery.reader import open_index
from gestalt_space.index.manifest import Manifest
from gestalt_space.index.means import open_means
from gestalt_space.store import reads, tail
from gestalt_space.store.engine import Database


@dataclass(frozen=True)
class OnDisk:
    """The index in a folder, of every space."""

    database: Database
    folder: Path

    def scales(self) -> dict[int, list[float]]:
        """The scales of the codes that this home's index has, by the key of the space."""
        return {
            space: sorted({one.scale for one in manifest.segments})
            for space, manifest in self._manifests()
        }

    def means_of(self, patients: Collection[int]) -> list[bytes]:
        """The means of patients, by their keys, that this home's index has."""
        found = []
        for _, manifest in self._manifests():
            for record in manifest.means:
                part = open_means(self.folder, record)
                here = np.flatnonzero(np.isin(part.keys, list(patients)))
                found += [part.means[place].tobytes() for place in here]
        return found

    def files(self) -> dict[str, int]:
        """The files of the index, and when each was last changed, in nanoseconds."""
        paths = sorted(self.folder.glob("*")) if self.folder.is_dir() else []
        return {path.name: path.stat().st_mtime_ns for path in paths if path.is_file()}

    def _manifests(self) -> list[tuple[int, Manifest]]:
        """The index of each space on disk, by the key of the space; one that is damaged, and so is
        written anew, is passed over."""
        found = []
        with self.database.reading() as session:
            home = home_of(session, self.folder)
            for space in reads.spaces(session):
                digest = tail.read_mark(session, space.id, home).digest
                with suppress(IndexDamaged):
                    if digest is not None:
                        found.append((space.id, open_index(self.folder, space, digest)[0]))
        return found
