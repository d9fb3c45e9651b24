"""Any text table of gaze, with a mapping in TOML that says which column is what.

A row is a sample, or a fixation where the mapping has a column `duration`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gestalt_space.errors import UsageError
from gestalt_space.gaze.importing.columns import Coded, TextFile
from gestalt_space.gaze.importing.export import Export
from gestalt_space.gaze.importing.headings import missing_column, parse_headings
from gestalt_space.gaze.importing.rows import PLACES, Rows, assemble
from gestalt_space.gaze.types import Floats
from gestalt_space.paths import display_name

FORMAT = "table with a mapping"
REQUIRED = ("time", "x", "y")
COLUMNS = (*REQUIRED, "reader", "recording", "medium", "valid", "duration", *PLACES)
"""What the part [columns] may name."""
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""Of a unit of time."""
POSITIONS = ("pixel", "share")
ORIGINS = ("top left", "bottom left", "centre")
_PARTS = {"columns": dict, "units": dict, "origin": str, "screen": list, "reader": str}


@dataclass(frozen=True, slots=True)
class TableMapping:
    """What the columns of a table are. `columns`: their headings by what they are; `time`,
    `duration`: seconds of their units; `position`: pixels of the screen, or shares of its width and
    height; `origin`: where x and y are 0; `screen`: its size in pixels; `reader`: whose recording
    it is where no column says it."""

    columns: Mapping[str, str]
    time: float
    duration: float
    position: str
    origin: str
    screen: tuple[float, float] | None
    reader: str


def read_mapping(path: Path) -> TableMapping:
    """A mapping from its file. Raises `UsageError` for what it does not know."""
    name = display_name(path.name)
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}.", "Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is not TOML: {error}.", "Check the file.") from error
    for key, value in told.items():
        if key not in _PARTS or not isinstance(value, _PARTS[key]):
            raise UsageError(f"{name}: unknown entry {key!r}.", f"Known: {', '.join(_PARTS)}.")
    columns = _texts(name, "columns", told.get("columns", {}), COLUMNS)
    units = _texts(name, "units", told.get("units", {}), ("time", "duration", "position"))
    for one in REQUIRED:
        if one not in columns:
            raise UsageError(f"{name} does not say which column is {one}.", "Add it to [columns].")
    screen = told.get("screen")
    if screen is not None and not (
        len(screen) == 2 and all(isinstance(one, int | float) and one > 0 for one in screen)
    ):
        raise UsageError(
            f"{name}: screen is not a width and a height.", "Use screen = [1920, 1080]."
        )
    mapping = TableMapping(
        columns,
        SECONDS[_choice(name, "time", units.get("time", "s"), tuple(SECONDS))],
        SECONDS[_choice(name, "duration", units.get("duration", "s"), tuple(SECONDS))],
        _choice(name, "position", units.get("position", "pixel"), POSITIONS),
        _choice(name, "origin", told.get("origin", ORIGINS[0]), ORIGINS),
        None if screen is None else (float(screen[0]), float(screen[1])),
        told.get("reader", ""),
    )
    if mapping.screen is None and (mapping.position, mapping.origin) != ("pixel", "top left"):
        raise UsageError(
            f"{name}: shares, and another origin than the top left, need the size of the screen.",
            "Add screen = [1920, 1080].",
        )
    if not mapping.reader and "reader" not in columns:
        raise UsageError(
            f"{name} does not say who the reader is.", 'Add reader = "NAME", or a column.'
        )
    return mapping


def read_mapped(file: TextFile, mapping: TableMapping) -> Export:
    """The recordings of a table. Raises `TableDamaged` where a column is missing."""
    headings = parse_headings(file.first_line)
    places = {}
    for what, heading in mapping.columns.items():
        found = next((one for one in headings if one.text.strip() == heading.strip()), None)
        if found is None:
            raise missing_column(file.name, what, heading, headings)
        places[what] = found.place
    texts = [place for what, place in places.items() if what in ("reader", "recording", "medium")]
    numbers, coded = file.read([one for one in places.values() if one not in texts], texts)
    rows = len(numbers[places["time"]])

    def number(what: str) -> Floats | None:
        return numbers[places[what]] if what in places else None

    def text(what: str, otherwise: str = "") -> Coded:
        if what in places:
            return coded[places[what]]
        known = 0 if otherwise else -1
        return Coded(np.full(rows, known, np.int32), (otherwise,) if otherwise else ())

    x, y = _on_screen(mapping, numbers[places["x"]], numbers[places["y"]])
    length, valid = number("duration"), number("valid")
    is_sample = length is None
    placed = [number(what) for what in PLACES]
    if any(one is None for one in placed[4:]):
        placed[4:] = placed[2:4]
    assembled = assemble(
        Rows(
            reader=text("reader", mapping.reader),
            recording=text("recording"),
            medium=text("medium"),
            time=numbers[places["time"]] * mapping.time,
            x=x if is_sample else None,
            y=y if is_sample else None,
            valid=None if valid is None else valid > 0,
            fixation=None if is_sample else np.arange(rows, dtype=np.float64),
            fixation_x=None if is_sample else x,
            fixation_y=None if is_sample else y,
            fixation_duration=None if length is None else length * mapping.duration,
            placement=None
            if any(one is None for one in placed)
            else tuple(one for one in placed if one is not None),
            per_fixation=not is_sample,
        ),
        file.name,
    )
    columns = tuple(mapping.columns.items())
    return Export(FORMAT, assembled.recordings, columns, rows, assembled.left_out, assembled.notes)


def _on_screen(mapping: TableMapping, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Pixels of the screen from its upper left corner."""
    if mapping.screen is None:
        return x, y
    wide, high = mapping.screen
    if mapping.position == "share":
        x, y = x * wide, y * high
    if mapping.origin == "centre":
        return x + wide / 2, high / 2 - y
    return x, high - y if mapping.origin == "bottom left" else y


def _texts(file: str, part: str, told: Any, known: tuple[str, ...]) -> dict[str, str]:
    for key, value in told.items():
        if key not in known or not isinstance(value, str):
            raise UsageError(
                f"{file}, [{part}]: {key!r} is unknown or no text.", f"Known: {', '.join(known)}."
            )
    return dict(told)


def _choice(file: str, what: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise UsageError(f"{file}: unknown {what} {value!r}.", f"Use one of: {', '.join(known)}.")
    return value
