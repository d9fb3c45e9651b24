"""A file that says which part each patient is in: `split.csv` of a training, or one by hand. All
trainings write it, and trainings and evaluations read it.

CSV in UTF-8 with the columns `patient` and `part`, and one row per patient or per photo.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from gestalt_space.errors import UsageError
from gestalt_space.paths import display_name
from gestalt_space.tables.rows import RecordReader, RowWriter

PATIENT, PART = "patient", "part"
TRAINING, VALIDATION, TEST, GALLERY = range(4)
PARTS = ("training", "validation", "test", "gallery")
"""Who is trained on, who chooses between trainings, who is tested; and who is neither, and is in
the gallery in which the others are tested."""
SPLIT_FORM = f"The columns must be {PATIENT} and {PART}; a {PART} is {', '.join(PARTS)}."


@dataclass(frozen=True, slots=True)
class PartOfPatient:
    """The part of a patient, by its place in `PARTS`, and the first line that says it."""

    part: int
    line: int


def read_parts(path: Path) -> dict[str, PartOfPatient]:
    """The part of each patient, by identifier, in the order of the file. Other columns do not
    matter.

    Raises `UsageError`, which names the row, for a missing column, an unknown part, and a patient
    in two parts.
    """
    found: dict[str, PartOfPatient] = {}
    for line, patient, part in _rows(path):
        where = f"{display_name(path.name)}, line {line}, column {PART}"
        if part not in PARTS:
            raise UsageError(f"{where}: {part[:40]!r} is not a part.", SPLIT_FORM)
        mine = PartOfPatient(PARTS.index(part), line)
        first = found.setdefault(patient, mine)
        if first.part != mine.part:
            raise UsageError(
                f"{where}: patient {patient} is in {part}, but in {PARTS[first.part]} on line "
                f"{first.line}.",
                "Put each patient into one part: photos of the same person are too easy to match.",
            )
    return found


def split_bytes(parts: Iterable[tuple[str, int]]) -> bytes:
    """The file, of patients by identifier and their parts by their places in `PARTS`."""
    stream = StringIO()
    rows = RowWriter(stream)
    rows.write((PATIENT, PART))
    rows.write_all((patient, PARTS[part]) for patient, part in parts)
    return stream.getvalue().encode()


def _rows(path: Path) -> list[tuple[int, str, str]]:
    """Line, patient and part of each row."""
    name = display_name(path.name)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = RecordReader(stream, strict=True)
            header = [(column or "").strip().lower() for column in reader.fieldnames or ()]
            reader.fieldnames = header
            for column in (PATIENT, PART):
                if header.count(column) != 1:
                    twice = column in header
                    wrong = f"the column {column} twice" if twice else f"no column {column}"
                    raise UsageError(f"{name} has {wrong}.", SPLIT_FORM)
            return [
                (reader.line_num, (row[PATIENT] or "").strip(), (row[PART] or "").strip().lower())
                for row in reader
                if any(isinstance(cell, str) and cell.strip() for cell in row.values())
            ]
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not in UTF-8 (byte {error.start}).",
            "Save it as «CSV UTF-8» in your spreadsheet.",
        ) from error
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        told = f"{display_name(path)} cannot be read: {reason}."
        raise UsageError(told, "Check the path.") from error
