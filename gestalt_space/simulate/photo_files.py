"""The files of a folder or a zip of photos, read one by one."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath

from gestalt_space.errors import UsageError
from gestalt_space.faces.photos import SUFFIXES, PhotoLimits
from gestalt_space.paths import display_name, is_folder

MOST_BYTES = PhotoLimits().max_bytes
"""Of a file that is read, so that none unpacks to more than the memory holds."""


@dataclass(frozen=True, slots=True)
class PhotoFiles:
    """`names` of all files, relative to the folder or zip; `sizes` and `contents` look into one."""

    names: frozenset[str]
    sizes: Callable[[str], int]
    contents: Callable[[str], bytes]

    def photos(self, wanted: Callable[[str], bool]) -> list[str]:
        """The names of the wanted photos, sorted."""
        known = (name for name in self.names if PurePath(name).suffix.lower() in SUFFIXES)
        return sorted(name for name in known if wanted(name))

    def read(self, name: str) -> bytes | None:
        """A file's bytes; none where it is locked, encrypted, too large, or damaged in the zip."""
        try:
            return self.contents(name) if self.sizes(name) <= MOST_BYTES else None
        except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error):
            return None


@contextmanager
def open_photo_files(source: Path) -> Iterator[PhotoFiles]:
    """The files of a folder or zip. Raises `UsageError` for anything else."""
    if is_folder(source):
        names = frozenset(str(p.relative_to(source)) for p in source.rglob("*") if p.is_file())
        yield PhotoFiles(
            names,
            lambda name: (source / name).stat().st_size,
            lambda name: (source / name).read_bytes(),
        )
        return
    try:
        archive = zipfile.ZipFile(source)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{display_name(source)} is not a folder or zip file of photos.", "Check the path."
        ) from error
    with archive:
        yield PhotoFiles(
            frozenset(archive.namelist()),
            lambda name: archive.getinfo(name).file_size,
            archive.read,
        )
