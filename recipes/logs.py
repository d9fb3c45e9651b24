"""What a training says, kept beside the model that came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gestalt_space.atomic_files import open_private

Log = Callable[[str], None]


@contextmanager
def kept_log(model: Path, log: Log) -> Iterator[Log]:
    """Gives a log whose lines go to `log` and to a file beside the model.

    Where the training does not come to its end, neither the file nor the model stays.
    """
    path = model.with_suffix(".log")
    try:
        with open_private(path, "w") as stream:

            def note(line: str) -> None:
                stream.write(line + "\n")
                stream.flush()
                log(line)

            yield note
    except BaseException:
        path.unlink(missing_ok=True)
        model.unlink(missing_ok=True)
        raise
