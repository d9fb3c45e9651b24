"""Fixations on aligned faces from a table, and maps of a model from files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError
from gestalt_space.faces.alignment import SIZE
from gestalt_space.gaze.agreement import Look
from gestalt_space.gaze.comparison import Density, Fixated
from gestalt_space.gaze.reader_tables import MEDIUM, PHOTO, READER
from gestalt_space.genomics.text_tables import read_number, read_table
from gestalt_space.names import likeness
from gestalt_space.paths import display_name

_NO_MAP = (OSError, EOFError, ValueError, LookupError, TypeError, ZeroDivisionError, RecursionError)
"""What reading another kind of file as a map raises."""
ENDINGS = (".npy", ".json")
ACROSS, DOWN = "aligned_x", "aligned_y"


@dataclass(frozen=True)
class Looks:
    """What readers looked at. `off_face`: fixations off the aligned face, which are left out."""

    looks: tuple[Look, ...]
    off_face: int


def read_looks(path: Path) -> Looks:
    """A table with a row for each fixation: reader, photo (or medium), and aligned_x and aligned_y
    in pixels of the aligned face, as `gestalt gaze import` writes it. Raises `UsageError`."""
    table = read_table(path, (READER, ACROSS, DOWN), (PHOTO, MEDIUM))
    photo = next((name for name in (PHOTO, MEDIUM) if name in table.columns), None)
    if photo is None:
        raise UsageError(f"{table.name} has no column {PHOTO}.", "Add it.")
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    off = 0
    for line, cells in table.rows:
        where = f"{table.name}, line {line}"
        if not (cells[READER] and cells[photo]):
            raise UsageError(f"{where}: the reader or the photo is missing.", "Fill the cell.")
        x, y = (read_number(cells[name], f"{where}, column {name}") for name in (ACROSS, DOWN))
        if x is None or y is None or not (0 <= x < SIZE and 0 <= y < SIZE):
            off += 1
            continue
        found.setdefault((cells[READER], cells[photo]), []).append((int(y), int(x)))
    if not found:
        raise UsageError(
            f"{table.name}: none of the {counted_text(off, 'fixation')} is on the face.",
            f"{ACROSS} and {DOWN} go from 0 to {SIZE}. `gestalt gaze check` draws them.",
        )
    looks = []
    for (reader, name), places in found.items():
        rows, columns = np.array(places, np.int64).T
        looks.append(Look(reader, name, Fixated(rows, columns, SIZE, SIZE)))
    return Looks(tuple(looks), off)


def read_maps(folder: Path, photos: Iterable[str]) -> Mapping[str, Density]:
    """Maps of a model for photos that have one: for the photo `NAME.jpg` an array `NAME.npy` of the
    size of the aligned face, or the document `NAME.json` of `gestalt explain --json`, whose squares
    are taken where they speak for the line. Raises `UsageError`, also where photos share a map."""
    by_name: dict[str, list[Path]] = {}
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(
            f"{display_name(folder)} cannot be read: {error.strerror}.", "Check the path."
        ) from error
    for ending in ENDINGS:
        for path in files:
            if path.suffix.lower() == ending:
                by_name.setdefault(likeness(path.stem), []).append(path)
    found, taken = {}, dict[Path, str]()
    for photo in photos:
        name = photo.replace("\\", "/").rpartition("/")[2]
        stem = name.rpartition(".")[0] or name
        fitting = by_name.get(likeness(name)) or by_name.get(likeness(stem))
        if fitting:
            path = fitting[0]
            if taken.setdefault(path, photo) != photo:
                raise UsageError(
                    f"{display_name(path)} could be the map of {taken[path]} and of {photo}.",
                    f"Name each map as its whole photo, such as {photo}{path.suffix}.",
                )
            found[photo] = _density(path)
    if not found:
        raise UsageError(
            f"{display_name(folder)} has no map of any photo.",
            "Name each map as its photo: 000001.npy or 000001.json for 000001.jpg.",
        )
    return found


def _density(path: Path) -> Density:
    name = display_name(path)
    try:
        values = _cells(path) if path.suffix == ".json" else np.load(path, allow_pickle=False)
        density = Density.of_map(values)
    except _NO_MAP as error:
        raise UsageError(
            f"{name} is no map: {error}.",
            "Save a NumPy array of numbers of at least 0, or a document of `gestalt explain`.",
        ) from error
    if density.shape != (SIZE, SIZE):
        raise UsageError(
            f"{name} has {density.shape[0]} × {density.shape[1]} pixels.",
            f"Save maps of the aligned face, {SIZE} × {SIZE} pixels.",
        )
    return density


def _cells(path: Path) -> NDArray[np.float64]:
    """The squares of an explanation as pixels, 0 where they speak against the line."""
    squares = np.array(json.loads(path.read_bytes())["line"]["cells"], np.float64)
    side = SIZE // len(squares)
    return np.asarray(np.kron(np.maximum(squares, 0), np.ones((side, side))), np.float64)
