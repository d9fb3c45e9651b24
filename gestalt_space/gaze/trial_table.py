"""The table of fixations that an import writes, a row a fixation, and its way back to trials."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.atomic_files import check_new_file, write_atomically
from gestalt_space.errors import TableDamaged
from gestalt_space.gaze.areas import AREAS
from gestalt_space.gaze.importing.columns import Coded, read_text_file
from gestalt_space.gaze.trials import FaceTrial
from gestalt_space.gaze.types import Fixations, Floats, Trial
from gestalt_space.paths import display_name
from gestalt_space.tables.rows import plain_cell
from gestalt_space.tables.table import Column, Table, Value

ENDINGS = (".csv", ".tsv", ".parquet")
COLUMNS = (
    Column("reader"),
    Column("recording"),
    Column("trial", "integer"),
    Column("medium"),
    Column("shown", "number"),
    Column("fixation", "integer"),
    Column("start", "number"),
    Column("duration", "number"),
    Column("x", "number"),
    Column("y", "number"),
    Column("aligned_x", "number"),
    Column("aligned_y", "number"),
    Column("area"),
)
_MOST = 1e9
TEXTS = ("reader", "recording", "medium", "area")


def trials_table(trials: Sequence[FaceTrial]) -> Table:
    """A row a fixation. `shown`: seconds that the medium was shown; `start` counts from its onset;
    `x`, `y`: pixels of the photo."""
    return Table(COLUMNS, (row for one in trials for row in _rows(one)))


def check_trials_path(path: Path, *, overwrite: bool) -> None:
    """Raise where no table can be written: `UsageError`, `OutputError`."""
    check_new_file(path, ENDINGS, overwrite=overwrite)


def write_trials(trials: Sequence[FaceTrial], path: Path) -> None:
    """Write the table as its ending says. Raises `OutputError`."""
    table = trials_table(trials)
    if path.suffix.lower() == ".parquet":
        stream = io.BytesIO()
        table.frame().to_parquet(stream, index=False)
        write_atomically(path, stream.getvalue())
        return
    write_atomically(path, table.csv("\t" if path.suffix.lower() == ".tsv" else ","))


def read_trials(path: Path) -> tuple[FaceTrial, ...]:
    """The trials of a table, in the order of their first rows, and their fixations in the order of
    time. Raises `TableDamaged` for what is no such table."""
    name = display_name(path.name)
    numbers, texts = _parquet(path, name) if _is_parquet(path) else _text(path, name)
    rows = len(numbers["start"])
    if not rows:
        raise TableDamaged(f"{name} has no fixations.", "Import the recordings again.")
    if what := _wrong(numbers, texts):
        raise TableDamaged(f"{name} has {what}.", "Import the recordings again.")
    area = np.array([AREAS.index(one) for one in texts["area"].names], np.int64)
    region = area[texts["area"].codes]
    keys = np.column_stack(
        [*(texts[one].codes for one in TEXTS[:3]), numbers["trial"].astype(np.int64)]
    )
    # Tables may have been joined, and sorted by another column.
    keys = np.column_stack([keys, _earlier(keys, numbers["fixation"])])
    order = np.lexsort((numbers["start"], *keys.T))
    numbers = {name: column[order] for name, column in numbers.items()}
    texts = {name: Coded(one.codes[order], one.names) for name, one in texts.items()}
    keys, region = keys[order], region[order]
    begins = np.flatnonzero([True, *(keys[1:] != keys[:-1]).any(axis=1)])
    pieces = [slice(*piece) for piece in pairwise([*begins, rows])]
    trials = []
    for here in sorted(pieces, key=lambda piece: int(order[piece].min())):
        first = here.start
        reader, recording, medium = (texts[one].names[texts[one].codes[first]] for one in TEXTS[:3])
        fixations = Fixations(*(numbers[one][here] for one in ("start", "duration", "x", "y")))
        trial = Trial(reader, medium, float(numbers["shown"][first]), fixations)
        aligned = numbers["aligned_x"][here], numbers["aligned_y"][here]
        number = int(numbers["trial"][first])
        trials.append(FaceTrial(trial, recording, number, *aligned, region[here]))
    return tuple(trials)


def _earlier(keys: NDArray[np.int64], fixation: Floats) -> NDArray[np.int64]:
    """How many rows before each have its keys and the number of its fixation."""
    rows = np.column_stack([keys, fixation])
    order = np.lexsort(rows.T)
    begins = np.flatnonzero([True, *(rows[order][1:] != rows[order][:-1]).any(axis=1)])
    lengths = np.diff([*begins, len(rows)])
    found = np.empty(len(rows), np.int64)
    found[order] = np.arange(len(rows)) - np.repeat(begins, lengths)
    return found


def _wrong(numbers: dict[str, Floats], texts: dict[str, Coded]) -> str:
    """What no import writes; empty where there is nothing."""
    if unknown := {*texts["area"].names} - {*AREAS}:
        return f"the area {min(unknown)!r}"
    if any(not np.isfinite(column).all() for column in numbers.values()):
        return "cells without a number"
    if any((np.abs(column) > _MOST).any() for column in numbers.values()) or any(
        (numbers[one] < 0).any() for one in ("shown", "start", "duration")
    ):
        return "numbers that cannot be"
    return ""


def _rows(one: FaceTrial) -> Iterator[tuple[Value, ...]]:
    trial = one.trial
    found = trial.fixations
    columns = (found.start, found.duration, found.x, found.y, one.x, one.y)
    for number, values in enumerate(zip(*columns, strict=True), start=1):
        area = AREAS[one.region[number - 1]]
        numbers = (float(value) for value in values)
        head = (trial.reader, one.recording, one.number, trial.medium, trial.duration, number)
        yield (*head, *numbers, area)


def _text(path: Path, name: str) -> tuple[dict[str, Floats], dict[str, Coded]]:
    file = read_text_file(path)
    places = {heading.strip(): place for place, heading in enumerate(file.first_line)}
    _check(name, places)
    numbers, texts = file.read(
        [places[one.name] for one in COLUMNS if one.name not in TEXTS],
        [places[one] for one in TEXTS],
    )
    return (
        {one.name: numbers[places[one.name]] for one in COLUMNS if one.name not in TEXTS},
        {one: _plain(texts[places[one]], name) for one in TEXTS},
    )


def _parquet(path: Path, name: str) -> tuple[dict[str, Floats], dict[str, Coded]]:
    import pandas

    try:
        frame = pandas.read_parquet(path)
    except (OSError, ValueError) as error:
        raise TableDamaged(f"{name} cannot be read as Parquet.", "Check the path.") from error
    _check(name, frame.columns)
    numbers = {
        one.name: frame[one.name].to_numpy(np.float64, na_value=np.nan)
        for one in COLUMNS
        if one.name not in TEXTS
    }
    texts = {}
    for one in TEXTS:
        codes, names = pandas.factorize(frame[one])
        texts[one] = _plain(Coded(np.asarray(codes, np.int32), tuple(map(str, names))), name)
    return numbers, texts


def _check(name: str, columns: Iterable[object]) -> None:
    listed = [*map(str, columns)]
    for one in COLUMNS:
        if one.name not in listed:
            raise TableDamaged(
                f"{name} has no column {one.name}. It has: {', '.join(listed[:20])}.",
                "Give a table that `gestalt gaze import` wrote.",
            )


def _plain(column: Coded, name: str) -> Coded:
    if (column.codes < 0).any():
        raise TableDamaged(f"{name} has empty cells.", "Import the recordings again.")
    return Coded(column.codes, tuple(map(plain_cell, column.names)))


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"
