"""The metadata files of GestaltMatcher Database (GMDB): splits, images, syndromes, lookup table.

Personal columns are dropped when a file is read, and go nowhere.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gestalt_space.errors import TableDamaged, UsageError
from gestalt_space.gallery.intake.values import is_unknown
from gestalt_space.interop.encodings_table import number_id, unreadable
from gestalt_space.paths import display_name
from gestalt_space.tables.rows import RowReader

PERSONAL = frozenset({"author", "email", "patient_name", "username"})
FREQUENT_TEST = "gmdb_frequent_test_images"
_VERSIONED = re.compile(r"gmdb_frequent_test_images_(?P<version>.+)\.csv")
_METADATA = re.compile(r"image_metadata_(?P<version>.+)\.tsv")


@dataclass(frozen=True, slots=True)
class SplitRow:
    """An image in a test set or gallery: its patient and syndrome. `split` is 0 where the file has
    none."""

    image: str
    subject: str
    label: str
    split: int = 0


@dataclass(frozen=True, slots=True)
class Splits:
    """The published test sets and galleries of one version.

    Of the rare syndromes there are several splits, in each of which one patient a syndrome is
    tested.
    """

    version: str
    frequent_gallery: tuple[SplitRow, ...]
    frequent_test: tuple[SplitRow, ...]
    rare_gallery: tuple[SplitRow, ...]
    rare_test: tuple[SplitRow, ...]

    @property
    def rare_splits(self) -> tuple[int, ...]:
        """The numbers of the splits of the rare syndromes."""
        return tuple(sorted({row.split for row in self.rare_test}))


def read_splits(folder: Path, version: str | None = None) -> Splits:
    """The four split files of a version, the only one in the folder where none is named.

    Raises `UsageError` where there is none or several, `TableDamaged` with file, row and column for
    what is not as the format says.
    """
    version = version or _only_version(folder, _VERSIONED)

    def rows(kind: str, with_split: bool) -> tuple[SplitRow, ...]:
        return _split_rows(folder / f"gmdb_{kind}_images_{version}.csv", with_split)

    splits = Splits(
        version=version,
        frequent_gallery=rows("frequent_gallery", False),
        frequent_test=rows("frequent_test", False),
        rare_gallery=rows("rare_gallery", True),
        rare_test=rows("rare_test", True),
    )
    gallery = {row.split for row in splits.rare_gallery}
    if lonely := sorted(set(splits.rare_splits) ^ gallery):
        raise TableDamaged(
            f"Split {lonely[0]} of the rare syndromes has only a test set or only a gallery.",
            f"Check the files gmdb_rare_…_images_{version}.csv.",
        )
    return splits


@dataclass(frozen=True, slots=True)
class TrainingParts:
    """The patients of frequent syndromes as a release divides them for training."""

    training: frozenset[str]
    validation: frozenset[str]
    test: frozenset[str]


def read_training_parts(folder: Path, version: str) -> TrainingParts | None:
    """What `gmdb_{train,val,test}_images_<version>.csv` say; None where a release has none of them.

    Raises `TableDamaged`, and `UsageError` for a patient in two parts.
    """
    paths = [folder / f"gmdb_{kind}_images_{version}.csv" for kind in ("train", "val", "test")]
    if not any(path.exists() for path in paths):
        return None
    parts = [frozenset(row.subject for row in _split_rows(path, False)) for path in paths]
    for place, later in enumerate(parts):
        for earlier in range(place):
            if both := sorted(parts[earlier] & later):
                raise UsageError(
                    f"Patient {both[0]} is in {paths[earlier].name} and in {paths[place].name}.",
                    "Put all images of a patient into one of them.",
                )
    return TrainingParts(*parts)


def check_lookup(path: Path, splits: Splits) -> None:
    """Raise `TableDamaged` where a lookup table lacks a frequent syndrome of the splits: encodings
    of the model that it belongs to were trained on other syndromes than are tested."""
    trained = {number_id(str(label)) for label in read_lookup(path)}
    tested = {number_id(row.label) for row in (*splits.frequent_gallery, *splits.frequent_test)}
    if lacking := sorted(tested - trained):
        raise TableDamaged(
            f"{path.name} does not have {len(lacking)} of the {len(tested)} frequent syndromes, "
            f"for example {lacking[0]}.",
            f"Give the lookup table of version {splits.version}.",
        )


def read_lookup(path: Path) -> tuple[int | str, ...]:
    """The disorders of a classifier's outputs, in the order of the outputs, from a lookup table."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise TableDamaged(
            f"{path.name} is not in UTF-8.", "Check that it is a lookup table."
        ) from error
    try:
        if len(lines) < 2:
            raise ValueError("it has no second line")
        labels = json.loads(lines[1])
        if not isinstance(labels, list) or len(set(map(str, labels))) != len(labels):
            raise ValueError("line 2 is not a list of different disorders")
    except (ValueError, TypeError) as error:
        raise TableDamaged(
            f"{path.name} is not a lookup table ({error}).",
            "It must have a line of words, and a line with a list of disorders in [ ].",
        ) from error
    return tuple(labels)


@dataclass(frozen=True, slots=True)
class ImageRow:
    """What the metadata say of an image, the personal columns aside, by column name."""

    line: int
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """A cell, empty where it says that nothing is known, or the column is missing."""
        value = self.cells.get(column, "").strip()
        return "" if is_unknown(value) else value

    def permission(self, column: str) -> str:
        """A cell that decides what may be done, in lower case; empty only where nothing is in it.

        Here `unknown` is an answer: nobody knows that it is allowed.
        """
        value = self.cells.get(column, "").strip().lower()
        return "" if value in ("nan", "none", "null") else value


def read_images(folder: Path, version: str | None = None) -> tuple[str, list[ImageRow]]:
    """The version and the rows of `image_metadata_<version>.tsv`.

    Raises as `read_splits` does.
    """
    version = version or _only_version(folder, _METADATA)
    path = folder / f"image_metadata_{version}.tsv"
    rows = [ImageRow(line, cells) for line, cells in _cells(path, "\t", ("image_id", "patient_id"))]
    seen: dict[str, int] = {}
    for row in rows:
        image = row.text("image_id")
        if image in seen:
            raise _wrong(path, row.line, "image_id", f"{image} is already in row {seen[image]}")
        seen[image] = row.line
    return version, rows


def read_syndromes(folder: Path, version: str) -> dict[str, dict[str, str]]:
    """The rows of `gmdb_syndromes_<version>.tsv` by `syndrome_id`; none where there is no file."""
    path = folder / f"gmdb_syndromes_{version}.tsv"
    if not path.exists():
        return {}
    return {cells["syndrome_id"]: cells for _, cells in _cells(path, "\t", ("syndrome_id",))}


def _only_version(folder: Path, pattern: re.Pattern[str]) -> str:
    if not folder.is_dir():
        raise UsageError(
            f"There is no folder {folder}.", "Give the folder with the metadata files."
        )
    found = sorted(
        match["version"] for path in folder.iterdir() if (match := pattern.fullmatch(path.name))
    )
    if not found:
        raise UsageError(
            f"{folder} has no metadata of GMDB: there is no file like {_example(pattern)}.",
            "Give the folder with the metadata files.",
        )
    if len(found) > 1:
        raise UsageError(
            f"{folder} has the versions {', '.join(found)}.", "Choose one with --version."
        )
    return found[0]


def _split_rows(path: Path, with_split: bool) -> tuple[SplitRow, ...]:
    columns = ("image_id", "subject", "label") + (("split",) if with_split else ())
    rows = []
    seen: dict[tuple[str, int], int] = {}
    lines = _lines(path, ",", columns)
    names = next(lines)[1]
    image, subject, label = (names.index(column) for column in columns[:3])
    place = names.index("split") if with_split else -1
    for line, cells in lines:
        split = _split_number(path, line, cells[place]) if with_split else 0
        row = SplitRow(number_id(cells[image]), cells[subject], number_id(cells[label]), split)
        if not row.image or not row.label:
            raise _wrong(path, line, "label" if row.image else "image_id", "it is empty")
        key = row.image, split
        if key in seen:
            raise _wrong(path, line, "image_id", f"{row.image} is already in row {seen[key]}")
        seen[key] = line
        rows.append(row)
    return tuple(rows)


def _example(pattern: re.Pattern[str]) -> str:
    return pattern.pattern.replace("(?P<version>.+)", "v1.0.3").replace("\\", "")


def _split_number(path: Path, line: int, cell: str) -> int:
    if not number_id(cell).isdecimal():
        raise _wrong(path, line, "split", f"{display_name(cell[:20])!r} is not a number")
    return int(number_id(cell))


def _cells(
    path: Path, delimiter: str, needed: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table and their lines, without the personal columns."""
    lines = _lines(path, delimiter, needed)
    names = next(lines)[1]
    kept = [(place, name) for place, name in enumerate(names) if name not in PERSONAL]
    for line, cells in lines:
        yield line, {name: cells[place] for place, name in kept}


def _lines(path: Path, delimiter: str, needed: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The header of a table and its rows, each with its line in the file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = RowReader(stream, delimiter)
            names = [name.strip() for name in next(reader, [])]
            if missing := [name for name in needed if name not in names]:
                raise TableDamaged(
                    f"{path.name} has no column {missing[0]}.",
                    f"It must have at least the columns {', '.join(needed)}.",
                )
            yield reader.line_num, names
            for row in reader:
                if not row:
                    continue
                if len(row) != len(names):
                    more = "more" if len(row) > len(names) else "fewer"
                    column = names[min(len(row), len(names)) - 1]
                    reason = f"the row has {more} cells than the header"
                    raise _wrong(path, reader.line_num, column, reason)
                yield reader.line_num, [cell.strip() for cell in row]
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise TableDamaged(f"{path.name} is not in UTF-8.", "Save the file in UTF-8.") from error
    except csv.Error as error:
        raise TableDamaged(
            f"{path.name} cannot be read: {error}.", "Save the file again."
        ) from error


def _wrong(path: Path, line: int, column: str, reason: str) -> TableDamaged:
    return TableDamaged(
        f"{path.name}, row {line}, column {column}: {reason}.", "Correct the row and try again."
    )
