"""New files: they appear when they are whole, and none takes the place of another unasked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gestalt_space.errors import OutputError, UsageError
from gestalt_space.paths import display_name


def check_new_file(
    path: Path,
    endings: Sequence[str] = (),
    *,
    overwrite: bool = False,
    option: str = "--overwrite",
) -> None:
    """Raise where no new file can be written to `path`, before any work is done for it.

    `UsageError` for an ending that is none of `endings`, where there are any; `OutputError` for a
    folder that is not there, or a file that is and may not be overwritten. `option`: that of the
    command by which it may.
    """
    if endings and path.suffix.lower() not in endings:
        *others, last = endings
        told = f"ends in none of {', '.join(others)} and" if others else "does not end in"
        raise UsageError(
            f"{display_name(path.name)} {told} {last}.", "Name the file so that it does."
        )
    if not path.parent.is_dir():
        raise OutputError(f"There is no folder {display_name(path.parent)}.", "Make it first.")
    check_free(path, overwrite, option)


def check_free(path: Path, overwrite: bool, option: str = "--overwrite") -> None:
    """Raise `OutputError` for a file that is there and may not be overwritten."""
    if path.exists() and not overwrite:
        raise OutputError(f"{display_name(path)} exists.", f"Choose another place, or {option} it.")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that appears when it is whole. Raises `OutputError`."""
    with appearing(path) as aside:
        aside.write_bytes(data)


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A place beside `path`, which takes its name when all is written. Raises `OutputError`."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield aside
        aside.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        aside.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> OutputError:
    """The error for what the system refused to write."""
    return OutputError(
        f"{display_name(path)} cannot be written: {error.strerror or error}.",
        "Check the permissions and the free space of the disk.",
    )
