"""A media file: where media stood on the screen, and when, where the export does not say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gestalt_space.errors import UsageError
from gestalt_space.gaze.types import Placement, Recording, Shown
from gestalt_space.genomics.text_tables import read_number, read_table

REQUIRED = ("medium",)
PLACE = ("left", "top", "width", "height")
KNOWN = (
    *PLACE,
    *("photo_width", "photo_height", "reader", "recording", "onset", "offset"),
    *("target_x", "target_y"),
)


@dataclass(frozen=True, slots=True)
class MediumRow:
    """A row of a media file. `reader`, `recording`: whose it is, empty for all; `onset`, `offset`:
    seconds in the recording's time, None where the export says them; `target`: where a calibration
    target stood on the screen, None for a photo."""

    medium: str
    placement: Placement | None
    reader: str
    recording: str
    onset: float | None
    offset: float | None
    target: tuple[float, float] | None

    def is_of(self, recording: Recording) -> bool:
        """Whether the row is about a recording."""
        return self.reader in ("", recording.reader) and self.recording in ("", recording.name)


def read_media_file(path: Path) -> tuple[MediumRow, ...]:
    """The rows of a media file. Raises `UsageError`, which names the line, for one that says
    neither a place nor a target, and for an end before its beginning."""
    table = read_table(path, REQUIRED, KNOWN)
    rows = []
    for line, cells in table.rows:
        where = f"{table.name}, line {line}"
        numbers = {
            column: read_number(cells.get(column, ""), f"{where}, column {column}")
            for column in KNOWN
            if column not in ("reader", "recording")
        }
        onset, offset = numbers["onset"], numbers["offset"]
        if (onset is None) != (offset is None) or (
            onset is not None and offset is not None and offset <= onset
        ):
            raise UsageError(
                f"{where}: onset and offset are not a beginning and an end.", "Give both, or none."
            )
        target = None
        if numbers["target_x"] is not None and numbers["target_y"] is not None:
            target = (numbers["target_x"], numbers["target_y"])
        placement = _placement(where, numbers)
        if placement is None and target is None:
            raise UsageError(
                f"{where} does not say where {cells['medium']} stood.",
                f"Give {', '.join(PLACE)}, or target_x and target_y.",
            )
        rows.append(
            MediumRow(
                cells["medium"],
                placement,
                cells.get("reader", ""),
                cells.get("recording", ""),
                onset,
                offset,
                target,
            )
        )
    return tuple(rows)


def placed(recording: Recording, rows: Sequence[MediumRow]) -> Recording:
    """The recording with what a media file says of it. What the file says of a medium's place or
    times goes before the export."""
    ours = [row for row in rows if row.is_of(recording)]
    timed = [
        Shown(row.medium, row.onset, row.offset, row.placement)
        for row in ours
        if row.onset is not None and row.offset is not None
    ]
    places = {
        row.medium: row.placement for row in ours if row.onset is None and row.placement is not None
    }
    told = {one.medium for one in timed}
    there = [one for one in recording.shown if one.medium not in told]
    shown = [
        replace(one, placement=places.get(one.medium, one.placement)) for one in (*there, *timed)
    ]
    return replace(recording, shown=tuple(sorted(shown, key=lambda one: one.onset)))


def _placement(where: str, numbers: dict[str, float | None]) -> Placement | None:
    left, top, width, height = (numbers[one] for one in PLACE)
    if left is None or top is None or width is None or height is None:
        return None
    photo_width = width if numbers["photo_width"] is None else numbers["photo_width"]
    photo_height = height if numbers["photo_height"] is None else numbers["photo_height"]
    if min(width, height, photo_width, photo_height) <= 0:
        raise UsageError(f"{where}: a width or a height is not above 0.", "Correct it.")
    return Placement(left, top, width, height, round(photo_width), round(photo_height))
