"""Backups and exports that are being written: noted in the home before their first byte, so that
what a process that was killed left of them, with patients in it, is found and deleted."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from gestalt_space.atomic_files import make_private_folder, sync_folder, unwritable, write_private
from gestalt_space.atomic_folders import delete_begun
from gestalt_space.file_lock import try_lock

_NOTES = "copying-"


@contextmanager
def noted(index: Path, folder: Path) -> Iterator[None]:
    """Note in the folder of a home's index that `folder` is being written, until it is whole or
    nothing of it is left. Raises `OutputError` where the home cannot be written."""
    with ExitStack() as holding:
        try:
            make_private_folder(index)
            note = _held_note(index, folder.resolve(), holding)
        except OSError as error:
            raise unwritable(index, error) from error
        holding.callback(note.unlink, missing_ok=True)
        yield


def delete_halves(index: Path) -> tuple[list[Path], list[Path]]:
    """Delete what killed processes left of backups and exports of a home; what is gone, and what
    is left or may be, since it is being written, or lies on a disk that is not there."""
    gone: list[Path] = []
    left: list[Path] = []
    for note in sorted(index.glob(f"{_NOTES}*")):
        with suppress(FileNotFoundError):
            folder = Path(os.fsdecode(note.read_bytes()))
            with try_lock(note) as is_mine:
                if not is_mine or not folder.parent.is_dir():
                    left.append(folder)
                    continue
                some, others = delete_begun(folder)
                gone += some
                left += others
                if not others:
                    note.unlink()
    return gone, left


def _held_note(index: Path, folder: Path, holding: ExitStack) -> Path:
    while True:
        note = index / f"{_NOTES}{secrets.token_hex(8)}"
        write_private(note, os.fsencode(folder))
        sync_folder(index)
        holding.enter_context(try_lock(note))
        # Another process may have taken it for that of a dead one, before it was held.
        if note.exists():
            return note
