"""What is said of one photo, in a table, by options or in Python: read and checked in one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from gestalt_space.errors import GestaltError, UsageError
from gestalt_space.gallery.intake.disorders import parse_disorders, read_disorder
from gestalt_space.gallery.intake.genes import read_gene, split_genes
from gestalt_space.gallery.intake.terms import (
    check_terms,
    notes_on_terms,
    parse_hpo,
    parse_term,
    split_terms,
)
from gestalt_space.gallery.intake.values import (
    SEXES,
    check_age,
    is_unknown,
    note_on_consent,
    parse_age,
    parse_consent,
    parse_face,
    parse_sex,
    parse_text,
)
from gestalt_space.names import LONGEST_NAME, normal_name
from gestalt_space.paths import display_name
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
    "family",
    "site",
    "hpo",
    "face",
    "consent",
)
_LISTS = ("disorder", "disorder_name", "genes", "hpo")
"""Columns of lists; their entries may be as long as a name, each."""


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record in its one spelling, and what a person should know of how it was read."""

    record: PhotoRecord
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Intake:
    """A photo to be added: where it lies, and its record, or why its row cannot be used.

    `notes`: what was read in a way that a person should know of. `data`: the photo's bytes, of one
    that lies in no file; its path is its name then.
    """

    photo: str
    path: Path
    record: PhotoRecord | None
    error: GestaltError | None = None
    notes: tuple[str, ...] = ()
    data: bytes | None = field(default=None, repr=False)

    def with_notes(self, notes: Iterable[str]) -> Intake:
        """The same photo with more notes, each of them once."""
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *notes))))


def make_record(cells: Mapping[str, str]) -> ReadRecord:
    """A record from text cells under the names of `COLUMNS`. Raises `UsageError`.

    Photo and patient may be missing here.
    """
    for name, cell in cells.items():
        _check_text(name, cell, is_list=name in _LISTS)
    present, absent = parse_hpo(split_terms(cells.get("hpo")))
    record = PhotoRecord(
        photo=cells.get("photo", ""),
        patient=cells.get("patient", ""),
        disorders=parse_disorders(cells.get("disorder"), cells.get("disorder_name")),
        genes=tuple(split_genes(cells.get("genes"))),
        sex=parse_sex(cells.get("sex")),
        age=parse_age(cells.get("age")),
        ancestry=cells.get("ancestry"),
        cohort=cells.get("cohort"),
        family=cells.get("family"),
        site=cells.get("site"),
        hpo=present,
        hpo_absent=absent,
        consent=cells.get("consent"),
        face=parse_face(cells.get("face")),
    )
    return check_facts(record)


def check_row(row: Intake) -> Intake:
    """The row with its record checked and in its one spelling, or with the error that it has.

    Whoever made the record, from a table or in Python: nothing else reaches the gallery.
    """
    if row.record is None:
        return row
    try:
        check_record(row.record)
        told = check_facts(row.record)
    except UsageError as error:
        return replace(row, record=None, error=error)
    return replace(row, record=told.record).with_notes(told.notes)


def check_record(record: PhotoRecord) -> None:
    """Raise `UsageError` for a record without a photo or a patient."""
    for name in ("photo", "patient"):
        value = getattr(record, name)
        _check_text(name, value)
        if not value.strip():
            raise UsageError(f"The column {name} is empty.", "Fill in a value.")
    if is_unknown(record.patient):
        raise UsageError(
            f"{record.patient!r} is not a patient id: it means that the patient is not known.",
            "Every photo needs a patient id. Give one, even if you invent it.",
        )


def check_facts(record: PhotoRecord) -> ReadRecord:
    """The record with every fact in its one spelling. Raises `UsageError` for what cannot be."""
    notes: list[str] = []
    disorders, genes = _disorders(record.disorders, notes), _genes(record.genes, notes)
    hpo, absent = _terms(record.hpo, "hpo"), _terms(record.hpo_absent, "hpo_absent")
    check_terms(hpo, absent)
    notes += notes_on_terms((*hpo, *absent))
    consent = parse_consent(_text(record.consent, "consent"))
    notes.append(note_on_consent(consent))
    checked = replace(
        record,
        photo=normal_name(record.photo),
        patient=normal_name(record.patient),
        disorders=disorders,
        genes=genes,
        sex=_sex(record.sex),
        age=_age(record.age),
        ancestry=_text(record.ancestry, "ancestry"),
        cohort=_text(record.cohort, "cohort"),
        family=_text(record.family, "family"),
        site=_text(record.site, "site"),
        hpo=hpo,
        hpo_absent=absent,
        consent=consent,
        face=_face(record.face),
    )
    return ReadRecord(checked, tuple(dict.fromkeys(filter(None, notes))))


def _disorders(values: Any, notes: list[str]) -> tuple[Disorder, ...]:
    found = []
    for disorder in _entries(values, Disorder, "disorders", "Disorder('OMIM:122470')"):
        _check_text("disorder", disorder.id)
        if not is_unknown(disorder.id):
            reading = read_disorder(disorder.id)
            notes.append(reading.note)
            found.append(Disorder(reading.value, _text(disorder.name, "disorder's name") or ""))
    return tuple(dict.fromkeys(found))


def _genes(values: Any, notes: list[str]) -> tuple[str, ...]:
    found = []
    for gene in _entries(values, str, "genes", "'NIPBL'"):
        _check_text("gene", gene)
        if not is_unknown(gene):
            reading = read_gene(gene)
            notes.append(reading.note)
            found.append(reading.value)
    return tuple(dict.fromkeys(found))


def _terms(values: Any, name: str) -> tuple[str, ...]:
    terms = _entries(values, str, name, "'HP:0000316'")
    return tuple(dict.fromkeys(parse_term(term) for term in terms if not is_unknown(term)))


def _entries(values: Any, kind: type, name: str, example: str) -> tuple[Any, ...]:
    entries = (
        tuple(values) if isinstance(values, Iterable) and not isinstance(values, str) else None
    )
    if entries is None or not all(isinstance(entry, kind) for entry in entries):
        raise UsageError(f"{name} cannot be {values!r}.", f"Give a tuple: {name}=({example},).")
    return entries


def _sex(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and is_unknown(value)):
        return None
    if value not in SEXES.values():
        raise UsageError(
            f"The sex of a record cannot be {value!r}.", "Give 'female', 'male', 'other' or None."
        )
    return str(value)


def _age(value: Any) -> float | None:
    # Tables of numbers have NaN for what is not known.
    if value is None or value != value:
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UsageError(f"The age {value!r} is not a number.", "Give years, such as 4.5, or None.")
    return check_age(float(value), str(value))


def _face(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise UsageError(
            f"{value!r} is not the number of a face.", "Give 1 or more; 1 is the largest face."
        )
    return int(value)


def _text(value: Any, name: str) -> str | None:
    if value is None:
        return None
    _check_text(name, value)
    return parse_text(value)


def _check_text(name: str, value: Any, *, is_list: bool = False) -> None:
    if not isinstance(value, str):
        raise UsageError(f"The {name} {value!r} is not text.", "Give it as text.")
    if value != display_name(value):
        raise UsageError(
            f"The {name} {display_name(value)!r} has characters that are not text.",
            "Write it in UTF-8, on one line.",
        )
    # A photo may have a path before its name.
    if name != "photo" and not is_list and len(value) > LONGEST_NAME:
        raise UsageError(
            f"The {name} {value[:50]!r}… has more than {LONGEST_NAME:,} characters.",
            "Give it a shorter name.",
        )
