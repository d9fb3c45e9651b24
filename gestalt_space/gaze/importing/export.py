"""What was read from an export: recordings, and what was found and left out on the way."""

from __future__ import annotations

from dataclasses import dataclass

from gestalt_space.gaze.types import Recording


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A recording, or what a reader did with one medium, that is not used. `medium`: empty where it
    is the whole recording; `reason`: as a sentence without its stop."""

    reader: str
    recording: str
    medium: str
    reason: str


@dataclass(frozen=True, slots=True)
class Export:
    """`format`: the format by its name; `columns`: what was read, and under which heading it stood;
    `rows`: how many the files have; `notes`: what was assumed or changed, in sentences."""

    format: str
    recordings: tuple[Recording, ...]
    columns: tuple[tuple[str, str], ...]
    rows: int
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
