"""Pupil Labs: gaze and fixations as Pupil Player exports them, of the scene or of a surface.

Coordinates are shares of the scene or the surface, from its lower left corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gestalt_space.counts import counted_text
from gestalt_space.errors import TableDamaged, UsageError
from gestalt_space.gaze.importing.clock import usual_step
from gestalt_space.gaze.importing.columns import TextFile
from gestalt_space.gaze.importing.export import Export
from gestalt_space.gaze.importing.headings import (
    Heading,
    find_heading,
    missing_column,
    parse_headings,
)
from gestalt_space.gaze.types import Fixations, Floats, Recording, Samples

FORMAT = "Pupil Labs"
TRUSTED = 0.6
"""Confidence from which on Pupil Labs calls gaze useful."""
GAZE, FIXATIONS = "gaze_positions", "fixations"
"""What the names of the files contain."""
_TIMES = ("gazetimestamp", "timestamp")


@dataclass(frozen=True, slots=True)
class Scene:
    """`reader`: whose recording it is, since the files do not say; `screen`: width and height of
    the scene or the surface in pixels."""

    reader: str
    screen: tuple[int, int] | None


def is_pupil(headings: Sequence[Heading]) -> bool:
    """Whether a table with these headings is one of Pupil Player's."""
    names = {one.name for one in headings}
    return "confidence" in names and bool(names & {"normposx", "xnorm"})


def pupil_files(folder: Path) -> list[Path]:
    """The files of gaze and of fixations in a folder: those of a surface, where there are some."""
    chosen = []
    for name in (GAZE, FIXATIONS):
        found = sorted(folder.glob(f"*{name}*.csv"))
        on_surface = [path for path in found if "on_surface" in path.name]
        chosen += on_surface or found
    for name in (GAZE, FIXATIONS):
        several = [path.name for path in chosen if name in path.name]
        if len(several) > 1:
            raise UsageError(
                f"{folder.name} has several files of {name}: {', '.join(several)}.",
                "Name the one to read.",
            )
    return chosen


def read_pupil(files: Sequence[TextFile], scene: Scene) -> Export:
    """One recording of gaze, fixations, or both. Raises `TableDamaged`, `UsageError`."""
    if scene.screen is None:
        raise UsageError(
            "Pupil Labs gives the gaze as shares of the scene or the surface, without its size.",
            "Give the size in pixels, such as --screen 1920x1080.",
        )
    if not scene.reader:
        raise UsageError("Pupil Labs does not name the reader.", "Give --reader NAME.")
    reading = _Reading(scene.screen)
    for file in files:
        reading.add(file)
    samples = reading.samples
    rate = None
    if samples is not None and len(samples.time) > 1:
        rate = round(1 / usual_step(samples.time), 3)
    recording = Recording(scene.reader, files[0].name, (), samples, rate, reading.fixations)
    notes = (f"Gaze with a confidence below {TRUSTED:g} counts as lost.", *reading.notes)
    return Export(FORMAT, (recording,), tuple(reading.columns), reading.rows, (), notes)


class _Reading:
    def __init__(self, screen: tuple[int, int]) -> None:
        self.screen = screen
        self.samples: Samples | None = None
        self.fixations: Fixations | None = None
        self.columns: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.rows = 0

    def add(self, file: TextFile) -> None:
        headings = parse_headings(file.first_line)
        start = find_heading(headings, ("starttimestamp",))
        if start is not None:
            self._add_fixations(file, headings, start)
        else:
            self._add_gaze(file, headings)

    def _add_gaze(self, file: TextFile, headings: Sequence[Heading]) -> None:
        time = self._asked(file, headings, "the time", _TIMES)
        read = self._read(file, headings, {"time": time})
        order = np.argsort(read["time"], kind="stable")
        time_of = read["time"][order]
        new = np.ones(len(order), bool)
        new[1:] = np.diff(time_of) > 0
        new &= np.isfinite(time_of)
        if (left := int((~new).sum())) > 0:
            self.notes.append(
                f"{file.name}: {counted_text(left, 'row')} with the time of another row left out."
            )
        order = order[new]
        if not len(order):
            raise TableDamaged(f"{file.name} has no rows with a time.", "Export it again.")
        valid = (read["confidence"] >= TRUSTED) & np.isfinite(read["x"]) & np.isfinite(read["y"])
        x, y = self._pixels(read["x"], read["y"])
        self.samples = Samples(read["time"][order], x[order], y[order], valid[order])

    def _add_fixations(self, file: TextFile, headings: Sequence[Heading], start: Heading) -> None:
        length = self._asked(file, headings, "the duration", ("duration",))
        number = self._asked(file, headings, "the fixation", ("id", "fixationid"))
        read = self._read(file, headings, {"start": start, "duration": length, "number": number})
        # Of a surface there is a row per frame of the scene.
        _, first = np.unique(read["number"], return_index=True)
        first = first[np.argsort(read["start"][first], kind="stable")]
        sound = np.isfinite(read["start"]) & np.isfinite(read["duration"])
        first = first[(sound & (read["confidence"] >= TRUSTED))[first]]
        x, y = self._pixels(read["x"], read["y"])
        self.fixations = Fixations(
            read["start"][first], read["duration"][first] / 1000, x[first], y[first]
        )

    def _read(
        self, file: TextFile, headings: Sequence[Heading], more: dict[str, Heading]
    ) -> dict[str, Floats]:
        wanted = {
            **more,
            "x": self._asked(file, headings, "the gaze", ("normposx", "xnorm")),
            "y": self._asked(file, headings, "the gaze", ("normposy", "ynorm")),
            "confidence": self._asked(file, headings, "the confidence", ("confidence",)),
        }
        numbers, _ = file.read(one.place for one in wanted.values())
        self.columns += [(what, one.text) for what, one in wanted.items()]
        self.rows += len(numbers[wanted["x"].place])
        return {what: numbers[one.place] for what, one in wanted.items()}

    @staticmethod
    def _asked(
        file: TextFile, headings: Sequence[Heading], what: str, names: tuple[str, ...]
    ) -> Heading:
        heading = find_heading(headings, names)
        if heading is None:
            raise missing_column(file.name, what, " or ".join(names), headings)
        return heading

    def _pixels(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return x * self.screen[0], (1 - y) * self.screen[1]
