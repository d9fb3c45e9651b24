"""A split given by the user: which patients are tested, and which are evidence."""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from gestalt_space.errors import UsageError
from gestalt_space.tables.rows import RecordReader

PATIENT, PART = "patient", "part"
GALLERY, TEST = "gallery", "test"
_FORM = f"The columns must be {PATIENT} and {PART}; a {PART} is {GALLERY} or {TEST}."


@dataclass(frozen=True, slots=True)
class EvaluationSplit:
    """Identifiers of the patients who are evidence, and of those who are tested. `name`: of the
    file."""

    name: str
    gallery: frozenset[str]
    test: frozenset[str]


def read_split(path: Path, known: Collection[str]) -> EvaluationSplit:
    """Read a split from CSV in UTF-8, with one row per patient or per photo.

    `known`: the gallery's patients; those who are not in the file are neither tested nor evidence.
    Raises `UsageError`, which names the row, for a missing column, an unknown patient, an unknown
    part, a patient in both parts, and a part without patients.
    """
    parts: dict[str, tuple[str, int]] = {}
    known = frozenset(known)
    for line, patient, part in _rows(path):
        where = f"{path.name}, line {line}"
        if part not in (GALLERY, TEST):
            raise UsageError(f"{where}, column {PART}: {part[:40]!r} is not a part.", _FORM)
        if patient not in known:
            raise UsageError(
                f"{where}, column {PATIENT}: the gallery has no patient {patient[:40]!r}.",
                "Delete the row, or add the patient: `gestalt index add`.",
            )
        first, first_line = parts.setdefault(patient, (part, line))
        if first != part:
            raise UsageError(
                f"{where}, column {PART}: patient {patient} is in {part}, but in {first} on line "
                f"{first_line}.",
                "Put each patient into one part: photos of the same person are too easy to match.",
            )
    of = {
        name: frozenset(patient for patient, (part, _) in parts.items() if part == name)
        for name in (GALLERY, TEST)
    }
    for name, patients in of.items():
        if not patients:
            raise UsageError(f"{path.name} has no patient in part {name}.", _FORM)
    return EvaluationSplit(path.name, of[GALLERY], of[TEST])


def _rows(path: Path) -> list[tuple[int, str, str]]:
    """Line, patient and part of each row."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = RecordReader(stream, strict=True)
            header = [(name or "").strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            for name in (PATIENT, PART):
                if header.count(name) != 1:
                    wrong = f"the column {name} twice" if name in header else f"no column {name}"
                    raise UsageError(f"{path.name} has {wrong}.", _FORM)
            return [
                (reader.line_num, (row[PATIENT] or "").strip(), (row[PART] or "").strip().lower())
                for row in reader
                if any(isinstance(cell, str) and cell.strip() for cell in row.values())
            ]
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path.name} is not in UTF-8 (byte {error.start}).",
            "Save it as «CSV UTF-8» in your spreadsheet.",
        ) from error
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be read: {reason}.", "Check the path.") from error
