"""Tobii Pro Lab and Tobii Studio: text exports with a row a sample or a row an eye movement.

Headings, units and the decimal mark differ between versions. Coordinates of the display (DACS) are
taken where they are there, else those of the media (MCS).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import TableDamaged
from gestalt_space.gaze.importing.columns import Coded, TextFile
from gestalt_space.gaze.importing.export import Export
from gestalt_space.gaze.importing.headings import (
    Heading,
    find_heading,
    missing_column,
    parse_headings,
)
from gestalt_space.gaze.importing.rows import Rows, assemble
from gestalt_space.gaze.types import Flags, Floats

FORMAT = "Tobii"
SCREEN = ("dacspx", "adcspx", "rcspx", "px", "pixels", "")
MEDIUM = ("mcspx",)
SHARES = ("mcsnorm",)
NAMES: dict[str, tuple[str, ...]] = {
    "time": ("recordingtimestamp",),
    "reader": ("participantname", "participant"),
    "recording": ("recordingname",),
    "sensor": ("sensor",),
    "event": ("event", "studioevent"),
    "movement": ("eyemovementtype", "gazeeventtype"),
    "fixation": ("eyemovementtypeindex", "fixationindex", "gazeeventindex"),
    "duration": ("gazeeventduration", "eyemovementeventduration"),
    "medium": ("presentedmedianame", "presentedstimulusname", "medianame"),
    "left": ("presentedmediapositionx", "mediaposx"),
    "top": ("presentedmediapositiony", "mediaposy"),
    "width": ("presentedmediawidth", "mediawidth"),
    "height": ("presentedmediaheight", "mediaheight"),
    "photo_width": ("originalmediawidth",),
    "photo_height": ("originalmediaheight",),
    "valid_left": ("validityleft",),
    "valid_right": ("validityright",),
}
TEXTS = (
    *("reader", "recording", "sensor", "event", "movement", "medium"),
    *("valid_left", "valid_right"),
)
EYE_TRACKER = "eyetracker"
VALID = frozenset({"valid", "0", "1"})
"""Of an eye: Pro Lab writes Valid and Invalid, Studio 0 (certain) to 4 (not found)."""
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_LONGEST_STEP = 700.0
"""Usual steps from one row to the next are shorter in milliseconds, and longer in microseconds: of
samples 0.8 to 33 ms, of eye movements some hundred."""


def is_tobii(headings: Sequence[Heading]) -> bool:
    """Whether a table with these headings is one of Tobii's."""
    names = {one.name for one in headings}
    return "recordingtimestamp" in names or {"participantname", "recordingname"} <= names


def read_tobii(file: TextFile) -> Export:
    """The recordings of an export. Raises `TableDamaged` where a column is missing."""
    return _Reading(file).export()


@dataclass(frozen=True, slots=True)
class _Point:
    """The columns of x and y, and in which unit of the medium they are; None for the screen."""

    x: Heading
    y: Heading
    in_medium: str | None


class _Reading:
    def __init__(self, file: TextFile) -> None:
        self.file = file
        self.headings = parse_headings(file.first_line)
        self.found = {
            what: heading
            for what, names in NAMES.items()
            if (heading := find_heading(self.headings, names)) is not None
        }
        self.notes: list[str] = []
        self._check()
        self.gaze = self._point("gazepoint")
        self.eyes = () if self.gaze else self._eyes()
        self.centre = self._point("fixationpoint")
        if not (self.gaze or self.eyes or self.centre):
            raise missing_column(
                file.name,
                "the gaze",
                "Gaze point X and Y, or Fixation point X and Y, in pixels of the display",
                self.headings,
            )

    def export(self) -> Export:
        """The export as a whole."""
        points = [one for one in (self.gaze, *self.eyes, self.centre) if one is not None]
        units = {one.in_medium for one in points}
        if len(units) > 1:
            # One reading of the table has one unit: that of the samples.
            self.centre = None if self.gaze or self.eyes else self.centre
            self.notes.append(
                "Fixations are in another coordinate system than samples, and are not read."
            )
        self._numbers, self._text = self._columns(points)
        rows = len(self._numbers[self.found["time"].place])
        kept = self._of_eyes(rows)
        self._numbers = {place: column[kept] for place, column in self._numbers.items()}
        self._text = {place: Coded(one.codes[kept], one.names) for place, one in self._text.items()}
        assembled = assemble(self._rows(), self.file.name)
        return Export(
            FORMAT,
            assembled.recordings,
            tuple(self._read_columns()),
            rows,
            assembled.left_out,
            (*self.notes, *assembled.notes),
        )

    def _check(self) -> None:
        for what, expected in (
            ("time", "Recording timestamp"),
            ("reader", "Participant name"),
            ("medium", "Presented Media name"),
        ):
            if what not in self.found:
                names = {"time": "the time", "reader": "the reader", "medium": "the medium"}
                raise missing_column(self.file.name, names[what], expected, self.headings)

    def _point(self, name: str) -> _Point | None:
        for units, in_medium in ((SCREEN, None), (MEDIUM, "pixel"), (SHARES, "share")):
            x = find_heading(self.headings, (f"{name}x",), units)
            y = find_heading(self.headings, (f"{name}y",), units)
            if x is not None and y is not None:
                return _Point(x, y, in_medium)
        return None

    def _eyes(self) -> tuple[_Point, ...]:
        eyes = (self._point("gazepointleft"), self._point("gazepointright"))
        return tuple(one for one in eyes if one is not None)

    def _columns(self, points: Sequence[_Point]) -> tuple[dict[int, Floats], dict[int, Coded]]:
        numbers = [one.place for what, one in self.found.items() if what not in TEXTS]
        numbers += [heading.place for one in points for heading in (one.x, one.y)]
        texts = [one.place for what, one in self.found.items() if what in TEXTS]
        return self.file.read(numbers, texts)

    def _number(self, what: str) -> Floats | None:
        heading = self.found.get(what)
        return None if heading is None else self._numbers[heading.place]

    def _texts(self, what: str) -> Coded | None:
        heading = self.found.get(what)
        return None if heading is None else self._text[heading.place]

    def _of_eyes(self, rows: int) -> Flags:
        """Rows of the eye tracker: those of the mouse, of other sensors and of events have no
        gaze."""
        sensor, event, gaze = self._texts("sensor"), self._texts("event"), self._gaze()
        if sensor is None:
            if event is None or gaze is None:
                return np.ones(rows, bool)
            return np.asarray((event.codes < 0) | np.isfinite(gaze[0]), np.bool_)
        ours = [
            code
            for code, name in enumerate(sensor.names)
            if name.replace(" ", "").casefold() == EYE_TRACKER
        ]
        return np.isin(sensor.codes, ours) if ours else np.ones(rows, bool)

    def _rows(self) -> Rows:
        time = self._time()
        number = self._fixation()
        is_event = self._are_events(number)
        gaze = None if is_event else self._gaze()
        centre = self.centre
        duration = self._number("duration")
        if duration is not None:
            duration = duration * _SECONDS.get(self.found["duration"].unit or "ms", 1e-3)
        told = (gaze and (self.gaze or self.eyes[0])) or centre
        if told is None:
            raise TableDamaged(
                f"{self.file.name} has a row per eye movement, and no Fixation point X and Y.",
                "Add these columns to the export.",
            )
        placement = self._placement()
        if told.in_medium is not None and placement is None:
            raise TableDamaged(
                f"{self.file.name}: {told.x.text.strip()} counts from the medium, and nothing says "
                "where the media stood on the screen.",
                "Export the coordinates of the display (DACS), or Presented Media position, width "
                "and height, too.",
            )
        medium = self._texts("medium")
        reader = self._texts("reader")
        assert medium is not None  # noqa: S101 - checked
        assert reader is not None  # noqa: S101
        none = Coded(np.full(len(time), -1, np.int32), ())
        return Rows(
            reader=reader,
            recording=self._texts("recording") or none,
            medium=medium,
            time=time,
            x=None if gaze is None else gaze[0],
            y=None if gaze is None else gaze[1],
            valid=None if gaze is None else self._valid(),
            fixation=None if centre is None else number,
            fixation_x=None if centre is None else self._numbers[centre.x.place],
            fixation_y=None if centre is None else self._numbers[centre.y.place],
            fixation_duration=duration,
            placement=placement,
            per_fixation=is_event,
            in_medium=told.in_medium,
        )

    def _time(self) -> Floats:
        time = self._numbers[self.found["time"].place]
        unit = self.found["time"].unit
        if unit not in _SECONDS:
            steps = np.diff(time[np.isfinite(time)])
            steps = steps[steps > 0]
            usual = float(np.median(steps)) if len(steps) else 0.0
            unit = "us" if usual >= _LONGEST_STEP else "ms"
            words = {"us": "microseconds", "ms": "milliseconds"}[unit]
            self.notes.append(
                f"{self.found['time'].text.strip()} has no unit. Its usual step is {usual:,.0f}: "
                f"read as {words}."
            )
        return time * _SECONDS[unit]

    def _fixation(self) -> Floats | None:
        """The number of the fixation on each row; NaN on those of other eye movements."""
        movement, number = self._texts("movement"), self._number("fixation")
        if movement is None:
            return number
        is_fixation = np.isin(movement.codes, _codes_of(movement, "fixation"))
        if number is None:
            # Without numbers, one follows the other where the kind changes.
            new = np.ones(len(is_fixation), bool)
            new[1:] = movement.codes[1:] != movement.codes[:-1]
            number = np.cumsum(new).astype(np.float64)
        return np.where(is_fixation, number, np.nan)

    def _are_events(self, number: Floats | None) -> bool:
        """Whether the table has a row per eye movement: hardly a fixation has a second row."""
        if number is None:
            return False
        there = np.isfinite(number)
        followed = there[1:] & (number[1:] == number[:-1])
        return bool(there.sum() > 1 and followed.sum() < 0.1 * there.sum())

    def _gaze(self) -> tuple[Floats, Floats] | None:
        if self.gaze is not None:
            return self._numbers[self.gaze.x.place], self._numbers[self.gaze.y.place]
        if not self.eyes:
            return None
        x = _mean([self._numbers[eye.x.place] for eye in self.eyes])
        y = _mean([self._numbers[eye.y.place] for eye in self.eyes])
        return x, y

    def _valid(self) -> Flags | None:
        """Whether one eye at least was found."""
        eyes = [one for what in ("valid_left", "valid_right") if (one := self._texts(what))]
        if not eyes:
            return None
        found = [
            np.isin(one.codes, [n for n, name in enumerate(one.names) if name.casefold() in VALID])
            for one in eyes
        ]
        return np.asarray(np.logical_or.reduce(found), np.bool_)

    def _placement(self) -> tuple[Floats, ...] | None:
        parts = [self._number(what) for what in ("left", "top", "width", "height")]
        if any(part is None for part in parts):
            return None
        photo = [self._number(what) for what in ("photo_width", "photo_height")]
        if any(part is None for part in photo):
            photo = parts[2:]
        return tuple(part for part in (*parts, *photo) if part is not None)

    def _read_columns(self) -> Iterator[tuple[str, str]]:
        for what, heading in self.found.items():
            yield what, heading.text.strip()
        points = [("gaze", self.gaze), ("fixation point", self.centre)]
        points += [("gaze of one eye", eye) for eye in self.eyes]
        for what, point in points:
            if point is not None:
                yield f"{what} x", point.x.text.strip()
                yield f"{what} y", point.y.text.strip()


def _codes_of(column: Coded, name: str) -> list[int]:
    return [code for code, one in enumerate(column.names) if one.casefold() == name]


def _mean(columns: Sequence[NDArray[np.float64]]) -> Floats:
    """The mean over the eyes that have a number."""
    there = np.isfinite(columns)
    total = np.where(there, columns, 0.0).sum(axis=0)
    count = there.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
