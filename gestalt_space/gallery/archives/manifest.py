"""The manifest of a backup or an export: every file with its size and sha256, and a seal over
itself. What it does not name is not read, and nothing is read before all of it was checked.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from gestalt_space.atomic_files import open_private
from gestalt_space.devices import cores
from gestalt_space.errors import ArchiveDamaged, ArchiveUnsuitable
from gestalt_space.index.checksums import CHUNK
from gestalt_space.paths import display_name

ArchiveKind = Literal["backup", "export"]
MANIFEST = "manifest.json"
VERSION = 1
"""Of both formats. Read are those from 1 to this one."""
LARGEST_MANIFEST = 64 * 2**20
_PART = re.compile(r"[^./\\:\x00-\x1f\x7f][^/\\:\x00-\x1f\x7f]{0,199}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DEEPEST = 6
_BUFFER = 2**18


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file: its `path` in the folder with `/`, its `bytes`, and the `sha256` of each 8 MiB of it
    in hex, as an index's manifest has them."""

    path: str
    bytes: int
    sha256: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """A folder whose manifest was read. `about`: what it says beside the files."""

    folder: Path
    kind: ArchiveKind
    version: int
    about: Mapping[str, Any]
    files: tuple[ArchivedFile, ...]

    def path(self, file: ArchivedFile) -> Path:
        """Where a file lies."""
        return self.folder / file.path

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(file.bytes for file in self.files)


def hash_file(folder: Path, path: str) -> ArchivedFile:
    """What a manifest says of a file. Raises `OSError`."""
    hashes = []
    # One buffer for all: new memory for each piece costs more than hashing it.
    buffer = memoryview(bytearray(_BUFFER))
    size = 0
    with (folder / path).open("rb", buffering=0) as stream:
        while True:
            digest, left = hashlib.sha256(), CHUNK
            while left and (count := stream.readinto(buffer[: min(left, _BUFFER)])):
                digest.update(buffer[:count])
                left -= count
            if left == CHUNK:
                break
            hashes.append(digest.hexdigest())
            size += CHUNK - left
    return ArchivedFile(path, size, tuple(hashes))


def write_archive_manifest(
    folder: Path, kind: ArchiveKind, about: Mapping[str, Any], files: Iterable[ArchivedFile]
) -> None:
    """Write the manifest, as the last file of a folder. Raises `OSError`."""
    told = {
        "format": f"gestalt-space {kind}",
        "version": VERSION,
        "tool": metadata.version("gestalt-space"),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **about,
        "files": [asdict(file) for file in sorted(files, key=lambda file: file.path)],
    }
    with open_private(folder / MANIFEST, "wb") as stream:
        stream.write(_sealed_text(told))


def read_archive_manifest(folder: Path, kind: ArchiveKind) -> Archive:
    """The manifest of a folder. Raises `ArchiveUnsuitable` for a folder of another kind or version,
    `ArchiveDamaged` for one that is not as it was written."""
    command = {"backup": "restore", "export": "import"}[kind]
    path = folder / MANIFEST
    try:
        size = path.stat().st_size
        if size > LARGEST_MANIFEST:
            raise ArchiveDamaged(f"{MANIFEST} has {size:,} bytes.", "Make the folder again.")
        text = path.read_bytes()
    except OSError as error:
        raise ArchiveUnsuitable(
            f"{display_name(folder)} has no readable {MANIFEST} ({error.strerror or error}).",
            f"Give a folder that `gestalt index {kind}` wrote.",
        ) from error
    try:
        read = json.loads(text)
        name, version = str(read["format"]), int(read["version"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(MANIFEST) from error
    if name != f"gestalt-space {kind}":
        other = "import" if command == "restore" else "restore"
        raise ArchiveUnsuitable(
            f"{display_name(folder)} is not a gestalt-space {kind}: its {MANIFEST} is from "
            f"{display_name(name)!r}.",
            "Use `gestalt index import` for an export, and `gestalt index restore` for a backup. "
            f"This folder is for {other}."
            if name.startswith("gestalt-space ")
            else f"Give a folder that `gestalt index {kind}` wrote.",
        )
    if not 1 <= version <= VERSION:
        raise ArchiveUnsuitable(
            f"{display_name(folder)} is a {kind} of format version {version}; this gestalt-space "
            f"reads versions 1 to {VERSION}.",
            "Use the version of gestalt-space that wrote it, or a newer one.",
        )
    if read.pop("seal", None) is None or _sealed_text(read) != text:
        raise _damaged(MANIFEST)
    try:
        files = tuple(_file(one) for one in read["files"])
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(MANIFEST) from error
    if len({file.path for file in files}) != len(files):
        raise _damaged(MANIFEST)
    return Archive(folder, kind, version, read, files)


def check_archive_files(
    archive: Archive, progress: Callable[[int, int], object] = lambda _done, _whole: None
) -> None:
    """Compare every file with the manifest. Raises `ArchiveDamaged`.

    `progress` is told the bytes that are done, and all.
    """
    for file in archive.files:
        _check_plain(archive.folder, file)
    _check_alone(archive)
    done, whole = 0, archive.bytes
    with ThreadPoolExecutor(cores()) as threads:
        for file, found in zip(archive.files, _hashed(threads, archive), strict=True):
            if found != file:
                raise _damaged(file.path)
            done += file.bytes
            progress(done, whole)


def _hashed(threads: ThreadPoolExecutor, archive: Archive) -> Iterable[ArchivedFile]:
    def hashed(file: ArchivedFile) -> ArchivedFile:
        try:
            return hash_file(archive.folder, file.path)
        except OSError as error:
            raise _damaged(file.path, error.strerror or str(error)) from error

    return threads.map(hashed, archive.files)


def _check_plain(folder: Path, file: ArchivedFile) -> None:
    """That a file is one, of its size, and that no link leads out of the folder."""
    parts = file.path.split("/")
    try:
        for depth in range(1, len(parts) + 1):
            found = folder.joinpath(*parts[:depth]).lstat()
            is_last = depth == len(parts)
            if not (stat.S_ISREG if is_last else stat.S_ISDIR)(found.st_mode):
                raise ArchiveDamaged(
                    f"{display_name('/'.join(parts[:depth]))} is a link, or not a regular file or "
                    "folder.",
                    "Copy the folder again, with files instead of links.",
                )
    except OSError as error:
        raise _damaged(file.path, error.strerror or str(error)) from error
    if found.st_size != file.bytes:
        raise _damaged(file.path, f"{found.st_size:,} bytes instead of {file.bytes:,}")


def _check_alone(archive: Archive) -> None:
    """That no other file, and no link, is in the folder."""
    known = {MANIFEST, *(file.path for file in archive.files)}
    for path in sorted(archive.folder.rglob("*")):
        name = path.relative_to(archive.folder).as_posix()
        if name not in known and (path.is_symlink() or not path.is_dir()):
            raise ArchiveDamaged(
                f"{display_name(name)} is in the folder, but not in its {MANIFEST}.",
                "Move it elsewhere, or copy the folder again.",
            )


def _file(read: Mapping[str, Any]) -> ArchivedFile:
    path, size, hashes = read["path"], read["bytes"], tuple(read["sha256"])
    parts: Sequence[str] = path.split("/")
    if not (
        len(parts) <= _DEEPEST
        and all(_PART.fullmatch(part) for part in parts)
        and isinstance(size, int)
        and 0 <= size < 2**63
        and len(hashes) == -(-size // CHUNK)
        and all(_SHA256.fullmatch(one) for one in hashes)
        and path != MANIFEST
    ):
        raise ValueError("not the record of a file")
    return ArchivedFile(path, size, hashes)


def _sealed_text(told: Mapping[str, Any]) -> bytes:
    """One text for one content, so that not even a blank can be another."""
    seal = hashlib.sha256(_text(told)).hexdigest()
    return _text({**told, "seal": seal})


def _text(told: Mapping[str, Any]) -> bytes:
    text = json.dumps(told, indent=1, ensure_ascii=True, allow_nan=False, sort_keys=True)
    return f"{text}\n".encode()


def _damaged(path: str, reason: str = "") -> ArchiveDamaged:
    told = f" ({display_name(reason)})" if reason else ""
    return ArchiveDamaged(
        f"{display_name(path)} has changed since it was written{told}. Nothing was read from the "
        "folder.",
        "Copy the folder again from its source, or use an earlier one.",
    )
