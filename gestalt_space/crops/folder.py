"""Crops in a folder of the file system, of this machine or a network disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from gestalt_space.atomic_files import make_private_folder, replacing, sync_folder
from gestalt_space.crops.places import MARK, MARK_TEXT, Doing, ListedObject, no_mark, still_there
from gestalt_space.errors import CropStoreError
from gestalt_space.paths import display_name

_AT_ONCE = 8
"""Files that are read or written side by side: each waits for the disk."""
_HINT = "Check that the disk is mounted, and the rights on the folder."


class FolderPlace:
    """A folder. Files are their owner's alone, and on the disk when `put` returns."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._folder = Path(url2pathname(urlsplit(url).path))

    def make(self, named_by: str) -> None:
        """See `CropPlace`."""
        with self._mapped("written", f"Correct {named_by}. {_HINT}"):
            make_private_folder(self._folder)
            self._write(MARK, MARK_TEXT)

    def require(self, doing: Doing = "read") -> None:
        """See `CropPlace`."""
        with self._mapped(doing):
            is_there = (self._folder / MARK).is_file()
        if not is_there:
            raise no_mark(self.url)

    def put(self, objects: Mapping[str, bytes]) -> None:
        """See `CropPlace`."""
        self.require("written")
        with self._mapped("written"), ThreadPoolExecutor(_AT_ONCE) as threads:
            for folder in {(self._folder / name).parent for name in objects}:
                make_private_folder(folder)
            for _ in threads.map(self._write, objects, objects.values()):
                pass

    def get(self, names: Collection[str]) -> dict[str, bytes]:
        """See `CropPlace`."""
        with self._mapped("read"), ThreadPoolExecutor(_AT_ONCE) as threads:
            read = dict(zip(names, threads.map(self._read, names), strict=True))
        found = {name: data for name, data in read.items() if data is not None}
        if len(found) < len(read):
            self.require()
        return found

    def delete(self, names: Collection[str]) -> None:
        """See `CropPlace`."""
        self.require("deleted")
        with self._mapped("deleted"):
            folders = set()
            for name in names:
                path = self._folder / name
                path.unlink(missing_ok=True)
                folders.add(path.parent)
            for folder in folders:
                if folder.is_dir():
                    sync_folder(folder)
            left = sum(os.path.lexists(self._folder / name) for name in names)
        if left:
            raise still_there(self.url, left)

    def listed(self, shard: str) -> Iterator[ListedObject]:
        """See `CropPlace`."""
        self.require("listed")
        for path in sorted((self._folder / shard).rglob("*")):
            with self._mapped("listed"):
                is_object = path.is_file() and path != self._folder / MARK
                stat = path.stat()
            if is_object:
                name = path.relative_to(self._folder).as_posix()
                yield ListedObject(name, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))

    def _write(self, name: str, data: bytes) -> None:
        with replacing(self._folder / name) as aside:
            aside.write_bytes(data)

    def _read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    @contextmanager
    def _mapped(self, doing: Doing, hint: str = _HINT) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = display_name(self._folder)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise CropStoreError(
                    f"The disk of the crops, {where}, is full.",
                    "Free some space, then run the same command again. Nothing is lost.",
                ) from error
            raise CropStoreError(
                f"The crops in {where} cannot be {doing}: {error.strerror or error}.",
                hint,
            ) from error
