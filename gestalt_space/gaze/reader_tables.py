"""The tables of a reader study: measures of each trial, and how readers rated the cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.values import is_unknown
from gestalt_space.genomics.text_tables import TextTable, read_number, read_table

READER, GROUP, PHOTO, ANCESTRY, AREA = "reader", "group", "photo", "ancestry", "area"
CASE, TRUTH, RATING, CORRECT = "case", "truth", "rating", "correct"
MEDIUM = "medium"
"""What eye trackers call a photo."""
KEYS = (READER, GROUP, PHOTO, MEDIUM, ANCESTRY, AREA)
WHOLE = "all"
"""The area of a measure of the whole trial."""
_LARGEST = 1e60
"""Of a measure: powers of it are still numbers."""
_TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """A measured value of one reader, photo and area."""

    reader: str
    photo: str
    area: str
    measure: str
    value: float


@dataclass(frozen=True)
class Measures:
    """What was measured. `groups`: of readers; `ancestries`: of photos, empty if there are none.
    `measures`: in the order of the columns; `left_out`: what was left out, in words, and how many.
    """

    rows: tuple[MeasureRow, ...]
    groups: Mapping[str, str]
    ancestries: Mapping[str, str]
    measures: tuple[str, ...]
    areas: tuple[str, ...]
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class Ratings:
    """How readers rated cases. `ratings` `(r, c)`, high for the disorder; or `correct`, 0 and 1:
    whether the diagnosis was right. `truth` `(c,)`: whether a case has the disorder, all true where
    `correct` is used. `groups` `(r,)`; `ancestries` `(c,)`, empty texts if there are none."""

    readers: tuple[str, ...]
    groups: tuple[str, ...]
    cases: tuple[str, ...]
    ancestries: tuple[str, ...]
    truth: NDArray[np.bool_]
    values: Floats
    figure: str
    left_out: Mapping[str, int]


def read_groups(path: Path) -> dict[str, str]:
    """The group of each reader, from a table with the columns reader and group; empty where a
    reader has none. Raises `UsageError`."""
    return _assigned(read_table(path, (READER, GROUP)), READER, GROUP)


def read_ancestries(path: Path) -> dict[str, str]:
    """The ancestry of the patient of each photo, from a table with the columns photo (or medium)
    and ancestry; empty where it is not known. Raises `UsageError`."""
    table = read_table(path, (), (PHOTO, MEDIUM, ANCESTRY))
    photo = _photo_column(table)
    if ANCESTRY not in table.columns:
        raise UsageError(f"{table.name} has no column {ANCESTRY}.", "Add the column.")
    return _assigned(table, photo, ANCESTRY)


def read_measures(
    path: Path,
    measures: Sequence[str] = (),
    groups: Mapping[str, str] | None = None,
    ancestries: Mapping[str, str] | None = None,
) -> Measures:
    """A table with a row for each trial, or for each trial and area.

    Columns: reader, photo (or medium), and the measures; group, ancestry and area if it has them.
    `measures`: columns to use, all with numbers where empty. `groups`, `ancestries`: from other
    tables; they go before the columns. Raises `UsageError`, which names the line, for a column that
    is missing, a value that is not a number, a trial that occurs twice, a reader in two groups and
    a photo of two ancestries.
    """
    table = read_table(path, (READER,), KEYS)
    photo = _photo_column(table)
    names = tuple(measures) or _number_columns(table)
    for name in names:
        if name not in table.columns or name in KEYS:
            raise UsageError(
                f"{table.name} has no measure {name}.",
                f"Its columns are {', '.join(table.columns)}.",
            )
    if not names:
        raise UsageError(f"{table.name} has no column with numbers.", "Add a measure.")
    if groups is None:
        if GROUP not in table.columns:
            raise UsageError(
                f"{table.name} has no column {GROUP}.",
                "Add it, or give a table with the columns reader and group by --readers.",
            )
        groups = _assigned(table, READER, GROUP)
    if ancestries is None:
        has = ANCESTRY in table.columns
        ancestries = _assigned(table, photo, ANCESTRY) if has else {}
    left: Counter[str] = Counter()
    lines: dict[tuple[str, str, str], int] = {}
    rows = []
    for line, cells in table.rows:
        where = f"{table.name}, line {line}"
        key = (cells[READER], cells[photo], cells.get(AREA) or WHOLE)
        if not all(key[:2]):
            raise UsageError(f"{where}: the reader or the photo is missing.", "Fill the cell.")
        if lines.setdefault(key, line) != line:
            raise UsageError(
                f"{where}: reader {key[0]}, photo {key[1]} and area {key[2]} are on line "
                f"{lines[key]} already.",
                "Keep one row for each reader, photo and area.",
            )
        if not groups.get(key[0]):
            left["of readers without a group"] += 1
        elif ancestries and not ancestries.get(key[1]):
            left["of photos without an ancestry"] += 1
        else:
            for name in names:
                value = read_number(cells[name], f"{where}, column {name}")
                if value is None:
                    left[f"without {name}"] += 1
                elif abs(value) > _LARGEST:
                    raise UsageError(
                        f"{where}, column {name}: {value:g} is too large.", "Correct the number."
                    )
                else:
                    rows.append(MeasureRow(*key, name, value))
    if not rows:
        told = "; ".join(f"{count:,} {what}" for what, count in left.items())
        first = table.rows[0][1]
        raise UsageError(
            f"{table.name}: no measure is left ({told}).",
            "Readers and photos must have the same names in all tables, such as "
            f"{first[READER]} and {first[photo]}.",
        )
    used = {row.reader for row in rows}, {row.photo for row in rows}
    return Measures(
        tuple(rows),
        {name: group for name, group in groups.items() if name in used[0]},
        {name: one for name, one in ancestries.items() if name in used[1] and one},
        names,
        tuple(dict.fromkeys(row.area for row in rows)),
        dict(left),
    )


def read_ratings(
    path: Path,
    groups: Mapping[str, str] | None = None,
    ancestries: Mapping[str, str] | None = None,
) -> Ratings:
    """A table with a row for each reader and case: reader, case (or photo), and truth with rating,
    or correct; group and ancestry if it has them.

    Readers without a group are left out, and so is a case that a reader did not rate, for all
    readers: otherwise readers would be compared on different cases. Raises `UsageError`.
    """
    table = read_table(
        path, (READER,), (GROUP, CASE, PHOTO, MEDIUM, ANCESTRY, TRUTH, RATING, CORRECT)
    )
    case = CASE if CASE in table.columns else _photo_column(table, CASE)
    figure = RATING if RATING in table.columns else CORRECT
    if figure == RATING and TRUTH not in table.columns:
        raise UsageError(
            f"{table.name} has ratings, but no column {TRUTH}.",
            "Add it: 1 for cases with the disorder, 0 for others.",
        )
    if figure not in table.columns:
        raise UsageError(
            f"{table.name} has neither a column {RATING} nor {CORRECT}.",
            f"Add {RATING} and {TRUTH}, or {CORRECT} with 1 for a right diagnosis.",
        )
    groups = (
        _assigned(table, READER, GROUP) if groups is None and GROUP in table.columns else groups
    )
    if groups is None:
        raise UsageError(
            f"{table.name} has no column {GROUP}.",
            "Add it, or give a table with the columns reader and group by --readers.",
        )
    if ancestries is None:
        ancestries = _assigned(table, case, ANCESTRY) if ANCESTRY in table.columns else {}
    truths = (
        {
            name: _is_true(told, table.name, TRUTH)
            for name, told in _assigned(table, case, TRUTH).items()
        }
        if figure == RATING
        else {}
    )
    values: dict[tuple[str, str], float] = {}
    lines: dict[tuple[str, str], int] = {}
    for line, cells in table.rows:
        key = (cells[READER], cells[case])
        where = f"{table.name}, line {line}"
        if lines.setdefault(key, line) != line:
            raise UsageError(
                f"{where}: reader {key[0]} and case {key[1]} are on line {lines[key]} already.",
                "Keep one row for each reader and case.",
            )
        value = read_number(cells[figure], f"{where}, column {figure}")
        if value is not None and figure == CORRECT and value not in (0, 1):
            raise UsageError(f"{where}: {value:g} is neither 0 nor 1.", "1 is a right diagnosis.")
        if value is not None:
            values[key] = value
    return _rated(table.name, lines, values, groups, ancestries, truths, figure)


def _rated(
    name: str,
    pairs: Iterable[tuple[str, str]],
    values: Mapping[tuple[str, str], float],
    groups: Mapping[str, str],
    ancestries: Mapping[str, str],
    truths: Mapping[str, bool],
    figure: str,
) -> Ratings:
    pairs = list(pairs)
    all_readers = list(dict.fromkeys(reader for reader, _ in pairs))
    all_cases = list(dict.fromkeys(case for _, case in pairs))
    readers = [one for one in all_readers if groups.get(one)]
    there = [one for one in all_cases if not ancestries or ancestries.get(one)]
    cases = [one for one in there if all((reader, one) in values for reader in readers)]
    left = {
        "readers without a group": len(all_readers) - len(readers),
        "cases without an ancestry": len(all_cases) - len(there),
        "cases that were not rated by all readers": len(there) - len(cases),
    }
    if not cases or not readers:
        raise UsageError(
            f"{name}: no case was rated by all {counted_text(len(readers), 'reader')}.",
            "Delete the rows of readers who rated few cases.",
        )
    return Ratings(
        tuple(readers),
        tuple(groups[one] for one in readers),
        tuple(cases),
        tuple(ancestries.get(one, "") for one in cases),
        np.array([truths.get(one, True) for one in cases]),
        np.array([[values[reader, case] for case in cases] for reader in readers]),
        figure,
        {what: count for what, count in left.items() if count},
    )


def _is_true(text: str, name: str, column: str) -> bool:
    found = _TRUTH.get(text.lower())
    if found is None:
        raise UsageError(
            f"{name}, column {column}: {text[:40]!r} is neither 0 nor 1.",
            "Write 1 for cases with the disorder, 0 for others.",
        )
    return found


def _photo_column(table: TextTable, also: str = "") -> str:
    for name in (PHOTO, MEDIUM):
        if name in table.columns:
            return name
    told = " or ".join(filter(None, [also, PHOTO]))
    raise UsageError(f"{table.name} has no column {told}.", f"Columns: {', '.join(table.columns)}.")


def _number_columns(table: TextTable) -> tuple[str, ...]:
    """Columns whose first filled cell is a number."""

    def first(name: str) -> str:
        return next((cells[name] for _, cells in table.rows if not is_unknown(cells[name])), "")

    return tuple(name for name in table.columns if name not in KEYS and _is_number(first(name)))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _assigned(table: TextTable, of: str, what: str) -> dict[str, str]:
    """What each reader or photo has; it must be the same on all lines."""
    found: dict[str, tuple[str, int]] = {}
    for line, cells in table.rows:
        told, first = found.setdefault(cells[of], (cells[what], line))
        if told != cells[what]:
            raise UsageError(
                f"{table.name}, line {line}: {of} {cells[of]} has the {what} {cells[what]!r}, but "
                f"{told!r} on line {first}.",
                f"Each {of} has one {what}.",
            )
    return {name: told for name, (told, _) in found.items()}
