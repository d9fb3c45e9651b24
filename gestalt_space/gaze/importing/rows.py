"""Rows of an export in one table → recordings. Formats that keep everything in one table, a row a
sample or a row a fixation, differ in their headings alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.counts import counted_text
from gestalt_space.errors import TableDamaged
from gestalt_space.gaze.importing.clock import rising, usual_step
from gestalt_space.gaze.importing.columns import Coded
from gestalt_space.gaze.importing.export import LeftOut
from gestalt_space.gaze.placement import from_medium
from gestalt_space.gaze.types import (
    Fixations,
    Flags,
    Floats,
    Placement,
    Recording,
    Samples,
    Shown,
)

Rows64 = NDArray[np.int64]
PLACES = ("left", "top", "width", "height", "photo_width", "photo_height")
"""The fields of a placement, in its order."""
_HELD, _GAP = 10.0, 1.0
"""Without samples for so many usual intervals, a medium may have ended; for so many seconds, too,
nobody knows what happened meanwhile."""


@dataclass(frozen=True)
class Rows:
    """Columns `(n,)` of an export. `per_fixation`: whether a row is an eye movement, and no sample;
    `time`: seconds; `x`, `y`: the gaze, None where it was not exported;
    `fixation`: the number of the fixation that a row belongs to, NaN where it belongs to none, with
    its centre and its seconds on each of its rows; `in_medium`: in which unit `x`, `y` and centres
    are counted from the medium's upper left corner, None where they are pixels of the screen;
    `placement`: the columns of `PLACES`, None where the export does not say them."""

    reader: Coded
    recording: Coded
    medium: Coded
    time: Floats
    x: Floats | None
    y: Floats | None
    valid: Flags | None
    fixation: Floats | None
    fixation_x: Floats | None
    fixation_y: Floats | None
    fixation_duration: Floats | None
    placement: tuple[Floats, ...] | None
    per_fixation: bool
    in_medium: str | None = None


@dataclass(frozen=True, slots=True)
class Assembled:
    """Recordings, and what was left out or changed."""

    recordings: tuple[Recording, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def assemble(rows: Rows, file: str) -> Assembled:
    """The recordings of a table, in its order. Raises `TableDamaged` where no row has a time."""
    usable = np.isfinite(rows.time) & (rows.reader.codes >= 0)
    if not usable.any():
        raise TableDamaged(
            f"{file} has no row with a time and a reader.", "Export the recording again."
        )
    recordings: list[Recording] = []
    left_out: list[LeftOut] = []
    notes: list[str] = []
    for reader, name, chosen in _recordings(rows, usable):
        one = _Assembling(rows, reader, name, chosen)
        recordings.append(one.recording())
        left_out += one.left_out
        notes += one.notes
    return Assembled(tuple(recordings), tuple(left_out), tuple(notes))


class _Assembling:
    """One recording, from the numbers of its rows."""

    def __init__(self, rows: Rows, reader: str, name: str, chosen: Rows64) -> None:
        self.rows, self.reader, self.name = rows, reader, name
        self.left_out: list[LeftOut] = []
        self.notes: list[str] = []
        time = rows.time[chosen]
        repeated = np.zeros(len(time), bool)
        if not rows.per_fixation:
            repeated[1:] = time[1:] == time[:-1]
        if repeated.any():
            self.notes.append(
                f"{reader}, {name}: {counted_text(int(repeated.sum()), 'row')} with the time of "
                "the row before left out."
            )
        self.chosen = chosen[~repeated]
        self.jumps, self.time = rising(rows.time[self.chosen])
        self.interval = usual_step(self.time)
        steps = np.zeros(0) if rows.per_fixation else np.diff(self.time)
        gaps = np.flatnonzero(steps > max(_HELD * self.interval, _GAP))
        self.gaps = [(float(self.time[at]), float(steps[at])) for at in gaps]

    def recording(self) -> Recording:
        """Samples, media and fixations in one time."""
        begun, shown = self._shown()
        placements = [one.placement for one in shown]
        run = np.zeros(len(self.chosen), np.int64)
        run[begun] = 1
        run = np.cumsum(run) - 1
        samples = self._samples(run, placements)
        fixations = self._fixations(run, placements)
        rate = round(1 / self.interval, 3) if samples is not None and self.interval else None
        kept = tuple(self._without_jumps(shown))
        return Recording(self.reader, self.name, kept, samples, rate, fixations)

    def _shown(self) -> tuple[Rows64, list[Shown]]:
        """Where runs of one medium begin, and what was shown; a run without a medium is one with an
        empty name."""
        codes = self.rows.medium.codes[self.chosen]
        new = np.ones(len(codes), bool)
        new[1:] = codes[1:] != codes[:-1]
        begun = np.flatnonzero(new)
        ends = np.append(begun[1:], len(codes))
        shown = []
        for first, end in zip(begun, ends, strict=True):
            name = "" if codes[first] < 0 else self.rows.medium.names[codes[first]]
            place = None if not name else self._placement(name, self.chosen[first:end])
            shown.append(Shown(name, float(self.time[first]), self._offset(end), place))
        return begun, shown

    def _offset(self, end: int) -> float:
        """When a run ends whose last row is before the row `end`: with that row's sample or
        fixation, or as the next run begins, if there is no gap between them."""
        last, length = float(self.time[end - 1]), self.interval
        reach = _HELD * self.interval
        if self.rows.per_fixation:
            told = self.rows.fixation_duration
            length = 0.0 if told is None else float(np.nan_to_num(told[self.chosen[end - 1]]))
            reach = length
        if end < len(self.time) and self.time[end] - last <= reach:
            return float(self.time[end])
        return last + length

    def _placement(self, medium: str, chosen: Rows64) -> Placement | None:
        if self.rows.placement is None:
            return None
        values = []
        for column in self.rows.placement:
            told = column[chosen]
            told = told[np.isfinite(told)]
            if not len(told):
                return None
            if np.ptp(told) > 1:
                self.left_out.append(
                    LeftOut(self.reader, self.name, medium, "it was moved while it was shown")
                )
                return None
            values.append(float(told[0]))
        left, top, width, height, photo_width, photo_height = values
        return Placement(left, top, width, height, round(photo_width), round(photo_height))

    def _samples(self, run: Rows64, placements: list[Placement | None]) -> Samples | None:
        rows, chosen = self.rows, self.chosen
        if rows.x is None or rows.y is None:
            return None
        x, y = self._on_screen(rows.x[chosen], rows.y[chosen], run, placements)
        valid = np.isfinite(x) & np.isfinite(y)
        if rows.valid is not None:
            valid &= rows.valid[chosen]
        return Samples(self.time, x, y, valid)

    def _fixations(self, run: Rows64, placements: list[Placement | None]) -> Fixations | None:
        rows, chosen = self.rows, self.chosen
        if rows.fixation is None or rows.fixation_x is None or rows.fixation_y is None:
            return None
        number = rows.fixation[chosen]
        new = np.isfinite(number)
        new[1:] &= number[1:] != number[:-1]
        first = np.flatnonzero(new)
        x, y = rows.fixation_x[chosen][first], rows.fixation_y[chosen][first]
        x, y = self._on_screen(x, y, run[first], placements)
        if rows.fixation_duration is not None:
            duration = rows.fixation_duration[chosen][first]
        else:
            changed = np.flatnonzero(np.append(number[1:] != number[:-1], True))
            last = changed[np.searchsorted(changed, first)]
            duration = self.time[last] - self.time[first] + self.interval
        sound = np.isfinite(x) & np.isfinite(y) & np.isfinite(duration)
        if not sound.all():
            self.notes.append(
                f"{self.reader}, {self.name}: "
                f"{counted_text(int((~sound).sum()), 'fixation')} without a place or a duration "
                "left out."
            )
        return Fixations(self.time[first][sound], duration[sound], x[sound], y[sound])

    def _on_screen(
        self, x: Floats, y: Floats, run: Rows64, placements: list[Placement | None]
    ) -> tuple[Floats, Floats]:
        """Coordinates in pixels of the screen; NaN where they are told from a medium of which
        nobody knows where it was."""
        if self.rows.in_medium is None:
            return x, y
        on_screen = np.full(len(x), np.nan), np.full(len(x), np.nan)
        for number, placement in enumerate(placements):
            if placement is not None:
                here = run == number
                shares = self.rows.in_medium == "share"
                on_screen[0][here], on_screen[1][here] = from_medium(
                    placement, x[here], y[here], shares=shares
                )
        return on_screen

    def _without_jumps(self, shown: list[Shown]) -> Iterator[Shown]:
        """What has a name, and was shown while the clock went on."""
        away = {one.medium for one in self.left_out}
        for one in shown:
            back = [by for at, by in self.jumps if one.onset < at < one.offset]
            gaps = [by for at, by in self.gaps if one.onset <= at < at + by < one.offset]
            if not one.medium or (one.medium in away and one.placement is None):
                continue
            reason = ""
            if back:
                reason = f"the clock went back by {back[0]:.3g} s while it was shown"
            elif gaps:
                reason = f"there are no samples for {gaps[0]:.3g} s while it was shown"
            if reason:
                self.left_out.append(LeftOut(self.reader, self.name, one.medium, reason))
                continue
            yield one


def _recordings(rows: Rows, usable: Flags) -> Iterator[tuple[str, str, Rows64]]:
    """Reader, name and rows of each recording, in the order of their first rows."""
    many = len(rows.recording.names) + 1
    key = rows.reader.codes.astype(np.int64) * many + rows.recording.codes + 1
    chosen = np.flatnonzero(usable)
    keys, first = np.unique(key[chosen], return_index=True)
    for one in keys[np.argsort(first)]:
        reader = rows.reader.names[int(one) // many]
        code = int(one) % many - 1
        name = reader if code < 0 else rows.recording.names[code]
        yield reader, name, chosen[key[chosen] == one]
