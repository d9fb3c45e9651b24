"""What became of the photos that were to be added: on the terminal, in the report, in JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gestalt_space.paths import display_name

from . import output

if TYPE_CHECKING:
    from gestalt_space.gallery.storing import Added, Status

STATUSES: dict[Status, str] = {
    "added": "added",
    "already": "already there",
    "updated": "updated",
    "failed": "failed",
}
SHOWN = 20
"""Lines of a kind that are shown at the most; the report has them all."""


def say_results(results: Sequence[Added]) -> None:
    """What failed, what changed, what a person should look at, and the counts."""
    _say_failures([result for result in results if result.status == "failed"])
    _say_changes(results)
    _say_notes(results)
    _say_sideways(results)
    _say_marks(results)
    say_counts(Counter(result.status for result in results))


def say_counts(counts: Counter[Status]) -> None:
    """The counts in a line; `updated` only where there are some."""
    shown = [status for status in STATUSES if counts[status] or status != "updated"]
    output.say(", ".join(f"{counts[status]:,} {STATUSES[status]}" for status in shown) + ".")


def _say_changes(results: Sequence[Added]) -> None:
    changed = [result for result in results if result.changes]
    for result in changed[:SHOWN]:
        output.say(f"{display_name(result.photo)} ({result.patient}): {STATUSES[result.status]}.")
        for change in result.changes:
            output.say(change, indent="  ")
    _say_rest(len(changed), "with changes")


def _say_notes(results: Sequence[Added]) -> None:
    """Each note once, with the first photo that it is about."""
    photos: dict[str, list[Added]] = {}
    for result in results:
        for note in result.notes:
            photos.setdefault(note, []).append(result)
    for note, noted in list(photos.items())[:SHOWN]:
        others = f" and {len(noted) - 1:,} more" if len(noted) > 1 else ""
        output.say(f"{display_name(noted[0].photo)} ({noted[0].patient}){others}: {note}")
    _say_rest(len(photos), "to look at")


def _say_rest(count: int, what: str) -> None:
    if count > SHOWN:
        output.say(f"… and {count - SHOWN:,} more {what}; --report FILE lists them all.")


def _say_sideways(results: Sequence[Added]) -> None:
    lying = [
        (result.photo, result.face.quality.roll)
        for result in results
        if result.status in ("added", "updated")
        and result.face is not None
        and output.lies_on_its_side(result.face)
    ]
    for photo, roll in lying[:SHOWN]:
        output.say(
            f"{photo}: the face is turned on its side (roll {roll:.0f}°), so the descriptor may "
            "be wrong. Remove the photo, turn it upright and add it again."
        )
    _say_rest(len(lying), "on their side")


def _say_marks(results: Sequence[Added]) -> None:
    """Photos whose face is small, blurred or turned: they are added, and may match less well."""
    marked = [
        (result.photo, reasons)
        for result in results
        if result.status in ("added", "updated")
        and result.face is not None
        and (reasons := output.marks_text(result.face))
    ]
    for photo, reasons in marked[:SHOWN]:
        output.say(f"{photo}: added, but {reasons}.")
    _say_rest(len(marked), "marked")


def _say_failures(failed: list[Added]) -> None:
    for result in failed[:SHOWN]:
        if result.error is not None:
            output.say_error(result.error, display_name(result.photo))
    _say_rest(len(failed), "failed")


@contextmanager
def report_to(path: Path | None) -> Iterator[Callable[[Added], object]]:
    """What writes a line of the report for each photo; nothing without a path. Raises
    `OutputError`."""
    from gestalt_space.atomic_files import open_private
    from gestalt_space.errors import OutputError

    if path is None:
        yield _report_nothing
        return
    try:
        stream = open_private(path, "w")
        stream.reconfigure(line_buffering=True)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}.", "Check the path and its permissions."
        ) from error
    from gestalt_space.documents.added import added_table

    with stream:
        added_table(()).write_csv(stream)
        yield lambda result: added_table([result]).write_csv(stream, header=False)


def _report_nothing(result: Added) -> None:
    """In the place of a report that was not asked for."""
