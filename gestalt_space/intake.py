"""From what a user has, a table, a folder or a photo with options, to records of photos."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gestalt_space.emptied import mark_emptied
from gestalt_space.errors import GestaltError, UsageError
from gestalt_space.faces.photos import SUFFIXES
from gestalt_space.paths import display_name, is_folder
from gestalt_space.types import Disorder, PhotoRecord

COLUMNS = (
    "photo",
    "patient",
    "disorder",
    "disorder_name",
    "genes",
    "sex",
    "age",
    "ancestry",
    "cohort",
    "hpo",
    "face",
    "consent",
)
SEXES = {"female": "female", "f": "female", "male": "male", "m": "male", "other": "other"}
UNKNOWN = frozenset({"", "unknown", "na", "n/a", "none", "?"})
OLDEST = 130.0

_AGE_UNITS = {"y": 1.0, "m": 1 / 12, "w": 7 / 365.25, "d": 1 / 365.25}
_AGE_PART = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:(y)(?:rs?|ears?)?|(m)(?:os?|onths?)?|(w)(?:ks?|eeks?)?|(d)(?:ays?)?)\s*"
)
_AGE = re.compile(f"(?:{_AGE_PART.pattern})+")
_PREFIXED = re.compile(r"(omim|mim|orpha|orphanet|mondo)\s*:\s*(\S+)", re.IGNORECASE)
_PREFIXES = {"mim": "OMIM", "orphanet": "ORPHA"}
_DIGITS = {"OMIM": "[0-9]{6}", "ORPHA": "[0-9]{1,6}", "MONDO": "[0-9]{7}"}
_HPO = re.compile(r"HP:[0-9]{7}")
_FACE = re.compile(r"0*[1-9][0-9]{0,3}")


@dataclass(frozen=True, slots=True)
class Intake:
    """A photo to be added: where it lies, and its record, or why its row cannot be used."""

    photo: str
    path: Path
    record: PhotoRecord | None
    error: GestaltError | None = None


@dataclass(frozen=True, slots=True)
class IntakeTable:
    """The rows of a table, and its columns that nothing here reads."""

    rows: tuple[Intake, ...]
    unread: tuple[str, ...]


def read_table(path: Path, delimiter: str | None = None) -> IntakeTable:
    """Read a table of photos, one row a photo, CSV or (`.tsv`) tab-separated, in UTF-8.

    Paths are relative to the table; lists are separated by `;`. A row that does not fit is kept
    with its error. Raises `UsageError` for a table that has no rows or lacks a column.
    """
    delimiter = delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, delimiter=delimiter, strict=True)
            header = [name.strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            _check_header(path, header)
            rows = tuple(
                _table_row(path, reader.line_num, row)
                for row in reader
                if any(isinstance(cell, str) and cell.strip() for cell in row.values())
            )
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path.name} is not in UTF-8 (byte {error.start}).",
            "Save it as «CSV UTF-8» in your spreadsheet.",
        ) from error
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be read: {reason}.", "Check the path.") from error
    if not rows:
        raise UsageError(f"{path.name} has no rows.", "One row a photo is expected.")
    records = [row.record for row in rows if row.record is not None]
    if len(records) == len(rows):  # a row that cannot be used may be the one that has the value
        marked = zip(rows, mark_emptied(records, header), strict=True)
        rows = tuple(replace(row, record=record) for row, record in marked)
    return IntakeTable(rows, tuple(name for name in header if name not in COLUMNS))


def read_folder(folder: Path, template: PhotoRecord) -> list[Intake]:
    """The photos of a folder, by name.

    With a patient in `template`, all are theirs. Without: a photo in a subfolder belongs to the
    patient whom the subfolder is named after, a photo beside it to a patient of its own name; such
    names must be new to the gallery. Raises `UsageError` for a folder without photos.
    """
    return [_folder_photo(folder, path, template) for path in photos_in(folder)]


def photos_in(folder: Path) -> list[Path]:
    """The photos in a folder and below, by path. Raises `UsageError` where there are none."""
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not found:
        raise UsageError(
            f"There is no photo in {folder}.",
            f"Photos end in {', '.join(sorted(SUFFIXES))}.",
        )
    return found


def photos_of(paths: Sequence[Path]) -> list[Path]:
    """Paths with each folder among them replaced by its photos. Raises `UsageError`."""
    return [photo for path in paths for photo in (photos_in(path) if is_folder(path) else [path])]


def one_photo(path: Path, template: PhotoRecord) -> Intake:
    """A single photo with its options. Raises `UsageError` where the patient is missing."""
    if not template.patient:
        raise UsageError(
            f"Whose photo is {path.name}?",
            "Give --patient ID, and --disorder OMIM:… where the patient is diagnosed.",
        )
    name = display_name(path)
    return Intake(name, path, replace(template, photo=name))


def make_record(cells: dict[str, str]) -> PhotoRecord:
    """A record from text cells under the names of `COLUMNS`. Raises `UsageError`."""
    for name, cell in cells.items():
        if cell != display_name(cell):
            raise UsageError(
                f"The {name} {display_name(cell)!r} has characters that are no text.",
                "Mend it, in UTF-8 and on one line.",
            )
    present, absent = parse_hpo(_list(cells.get("hpo")))
    return PhotoRecord(
        photo=cells.get("photo", "").strip(),
        patient=cells.get("patient", "").strip(),
        disorders=parse_disorders(_list(cells.get("disorder")), _list(cells.get("disorder_name"))),
        genes=tuple(dict.fromkeys(_list(cells.get("genes")))),
        sex=parse_sex(cells.get("sex")),
        age=parse_age(cells.get("age")),
        ancestry=_text(cells.get("ancestry")),
        cohort=_text(cells.get("cohort")),
        hpo=present,
        hpo_absent=absent,
        consent=_text(cells.get("consent")),
        face=parse_face(cells.get("face")),
    )


def parse_age(text: str | None) -> float | None:
    """An age in years: `4`, `4.5`, `4y`, `18m`, `4y6m`, `3 weeks`, `10d`. Raises `UsageError`."""
    text = (text or "").strip().lower()
    if text in UNKNOWN:
        return None
    if _AGE.fullmatch(text):
        parts = _AGE_PART.findall(text)
        years = sum(float(number) * _AGE_UNITS["".join(unit)] for number, *unit in parts)
    else:
        try:
            years = float(text)
        except ValueError:
            years = math.nan
    if not 0 <= years <= OLDEST:
        raise UsageError(
            f"{text[:20]!r} is not an age.", "Write years (4 or 4.5), or 4y, 18m, 4y6m, 3w, 10d."
        )
    return years


def parse_sex(text: str | None) -> str | None:
    """`female`, `male`, `other` or None. Raises `UsageError`."""
    text = (text or "").strip().lower()
    if text in UNKNOWN:
        return None
    if text not in SEXES:
        raise UsageError(
            f"{text!r} is not a sex that is known here.",
            "Write female, male or other, or leave it empty.",
        )
    return SEXES[text]


def parse_face(text: str | None) -> int | None:
    """A face's number, from 1. Raises `UsageError`."""
    text = (text or "").strip()
    if not text:
        return None
    if not _FACE.fullmatch(text):
        raise UsageError(f"{text[:20]!r} is not the number of a face.", "Faces are counted from 1.")
    return int(text)


def parse_disorders(ids: Sequence[str], names: Sequence[str]) -> tuple[Disorder, ...]:
    """Disorders by identifier and name. Raises `UsageError` where they do not go together."""
    if names and len(names) != len(ids):
        if not ids and len(names) == 1:
            return (Disorder(names[0], names[0]),)
        if len(ids) == 1:
            # A single disorder whose name has a semicolon in it.
            names = ["; ".join(names)]
        else:
            raise UsageError(
                f"{len(ids)} disorders have {len(names)} names.",
                "Give as many names as identifiers, separated by ;.",
            )
    given = [parse_disorder(text) for text in ids]
    paired = zip(given, names or [""] * len(given), strict=True)
    return tuple(dict.fromkeys(Disorder(id_, name) for id_, name in paired))


def parse_disorder(text: str) -> str:
    """A disorder's identifier in its one spelling: `omim: 122470` is `OMIM:122470`.

    What has no known prefix is free text and stays as it is. Raises `UsageError` for a number that
    the named catalogue cannot have.
    """
    match = _PREFIXED.fullmatch(text)
    if match is None:
        return text
    prefix = _PREFIXES.get(match[1].lower(), match[1].upper())
    if not re.fullmatch(_DIGITS[prefix], match[2]):
        raise UsageError(
            f"{text!r} is not an {prefix} identifier.",
            "They look like OMIM:122470, ORPHA:199, MONDO:0007387.",
        )
    return f"{prefix}:{match[2]}"


def parse_hpo(terms: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """HPO terms present, and absent (written `!HP:0000252`). Raises `UsageError`."""
    present: dict[str, None] = {}
    absent: dict[str, None] = {}
    for term in terms:
        code = term.removeprefix("!").strip().upper()
        if not _HPO.fullmatch(code):
            raise UsageError(f"{term!r} is not an HPO term.", "They look like HP:0000316.")
        (absent if term.startswith("!") else present)[code] = None
    if both := present.keys() & absent.keys():
        raise UsageError(f"{min(both)} stands both as present and as absent.", "Keep one.")
    return tuple(present), tuple(absent)


def _check_header(path: Path, header: Sequence[str]) -> None:
    missing = [name for name in ("photo", "patient") if name not in header]
    if missing:
        raise UsageError(
            f"{path.name} has no column {' and no column '.join(missing)}.",
            f"Its columns are {', '.join(COLUMNS)}; the first two are needed.",
        )
    twice = sorted({name for name in header if header.count(name) > 1 and name in COLUMNS})
    if twice:
        raise UsageError(f"{path.name} has the column {twice[0]} twice.", "Keep one of them.")


def _table_row(path: Path, line: int, row: dict[str | None, str | list[str] | None]) -> Intake:
    cells = {name: cell for name, cell in row.items() if name and isinstance(cell, str)}
    photo = cells.get("photo", "").strip()
    where = path.parent / photo
    try:
        if None in row:
            raise UsageError(
                "The row has more cells than the header.", "Quote cells that hold a comma."
            )
        record = make_record(cells)
        for name in ("photo", "patient"):
            if not getattr(record, name):
                raise UsageError(f"The column {name} is empty.", "Fill it in.")
    except UsageError as error:
        placed = UsageError(f"{path.name}, line {line}: {error.message}", error.hint)
        return Intake(photo or f"line {line}", where, None, placed)
    return Intake(photo, where, record)


def _folder_photo(folder: Path, path: Path, template: PhotoRecord) -> Intake:
    name = display_name(path.relative_to(folder).as_posix())
    if template.patient:
        return Intake(name, path, replace(template, photo=name))
    parts = path.relative_to(folder).parts
    in_subfolder = len(parts) > 1
    patient = display_name(parts[0] if in_subfolder else path.stem)
    return Intake(
        name, path, replace(template, photo=name, patient=patient, new_patient=not in_subfolder)
    )


def _list(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(";") if part.strip()]


def _text(text: str | None) -> str | None:
    text = (text or "").strip()
    return None if text.lower() in UNKNOWN else text
