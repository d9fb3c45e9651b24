"""An export taken into a gallery: all of it or nothing, and what contradicts the gallery is
named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.devices import cores
from gestalt_space.errors import ArchiveDamaged, GalleryExists, UsageError
from gestalt_space.gallery.archives.checking import (
    RowParser,
    check_crops,
    check_vectors,
    read_disorders,
    read_space,
)
from gestalt_space.gallery.archives.conflicts import refusal
from gestalt_space.gallery.archives.layout import (
    SCHEMAS,
    TABLES,
    descriptors_schema,
    descriptors_table,
)
from gestalt_space.gallery.archives.manifest import (
    Archive,
    check_archive_files,
    read_archive_manifest,
)
from gestalt_space.gallery.archives.reading import ExportTables, Row
from gestalt_space.gallery.archives.staging import whole_database
from gestalt_space.names import normal_name
from gestalt_space.paths import display_name
from gestalt_space.store import tables as t
from gestalt_space.store.audit import record_event
from gestalt_space.store.engine import Database
from gestalt_space.store.imported import ImportedSpace
from gestalt_space.store.imports import ImportRun

_ALWAYS = frozenset(SCHEMAS) - {"crops"}


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of an export. `changed`: patients, photos and disorders that were there and got
    a fact; `known_photos`: were there already. `from_future`: of the new patients and photos, how
    many were added later than now, by the clock of another machine; they are added now."""

    new_patients: int
    changed: int
    new_photos: int
    known_photos: int
    new_descriptors: int
    from_future: int


def import_export(
    database: Database,
    folder: Path,
    *,
    into: bool = False,
    prefix: str = "",
    progress: Callable[[int, int], object] = lambda _done, _whole: None,
) -> Imported:
    """Take an export into a gallery without a patient, which is made where there is none; with
    `into`, into one that has some.

    All is checked, and written in one transaction; where no database was, there is one if all went
    well. Whatever the gallery contradicts is in `ImportConflict.conflicts`, and then nothing is
    taken. Patients and photos that are there with
    the same facts are passed over, so that a second import changes nothing. `prefix` is put before
    the identifiers of the patients and families of the export. `progress` is told the patients that
    are done, and all. Raises `ArchiveUnsuitable`, `ArchiveDamaged`, `GalleryExists`,
    `ImportConflict`, `UsageError`, `DatabaseError`.
    """
    if prefix != display_name(prefix) or prefix != normal_name(prefix):
        raise UsageError(
            f"The prefix {prefix!r} is not a single line of text.",
            "Give a short text, such as LAB-.",
        )
    archive = read_archive_manifest(folder, "export")
    _check_tables(archive)
    check_archive_files(archive)
    with whole_database(database) as whole, whole.writing() as session:
        if not into:
            _check_without_patients(session)
        done = _import(session, archive, prefix, progress)
        if done.conflicts:
            raise refusal(done.conflicts, prefix)
        if done.changes:
            told = {"path": display_name(folder.absolute()), "photos": done.new_photos}
            record_event(session, "import", patients=done.touched, detail=told)
    return Imported(
        done.new_patients,
        done.changed,
        done.new_photos,
        done.known_photos,
        done.new_descriptors,
        done.from_future,
    )


def _import(
    session: Session, archive: Archive, prefix: str, progress: Callable[[int, int], object]
) -> ImportRun:
    """Write an export in the transaction of a session. Raises `ArchiveDamaged`."""
    importing = ImportRun(session)
    spaces = _spaces(archive)
    schemas = {table: descriptors_schema(space.dim) for table, space in spaces.items()}
    importing.add_spaces(spaces.values())
    with ExportTables(archive, schemas) as tables, ThreadPoolExecutor(cores()) as threads:
        genes = tables.all_rows("disorder_genes")
        names = read_disorders(tables.all_rows("disorders"), genes)
        importing.add_disorders(names, [(code, symbol) for code, symbol in genes])
        reading = RowParser(prefix, names, spaces)
        done, whole = 0, tables.count("patients")
        for rows, about in tables.patients():
            by_patient = {name: _grouped(some) for name, some in about.items()}
            of = ("diagnoses", "patient_genes", "terms")
            importing.add_patients(
                [
                    reading.patient(row, *(by_patient[name].get(row[0], []) for name in of))
                    for row in rows
                ]
            )
            for photos in tables.photos(rows):
                crops = (
                    (one[0], one[2], some["crops"][2]) for one, _, some in photos if "crops" in some
                )
                check_crops(list(crops), threads)
                for table in spaces:
                    beside = [one[table][2] for _, _, one in photos if table in one]
                    check_vectors(table, beside)
                importing.add_photos([reading.photo(*one) for one in photos])
            done += len(rows)
            progress(done, whole)
    return importing


def _spaces(archive: Archive) -> dict[str, ImportedSpace]:
    """The spaces of an export, by the names of their tables of descriptors."""
    with ExportTables(archive, {}) as tables:
        found = [read_space(row) for row in tables.all_rows("spaces")]
    named = {descriptors_table(space.fingerprint): space for space in found}
    told = {name for name in archive.about["rows"] if name not in SCHEMAS}
    if told != set(named) or len(named) != len(found):
        raise ArchiveDamaged(
            "The export has descriptors of spaces that it does not list.", "Make the export again."
        )
    if len({space.model for space in found}) != len(found):
        raise ArchiveDamaged(
            "The export has two spaces with the same model name.", "Make the export again."
        )
    return named


def _check_tables(archive: Archive) -> None:
    """That the manifest names the tables of an export, and how many rows each has."""
    rows = archive.about.get("rows")
    if not (
        isinstance(rows, Mapping)
        and set(rows) >= _ALWAYS
        and all(isinstance(count, int) and 0 <= count < 2**40 for count in rows.values())
        and {f"{TABLES}/{name}.parquet" for name in rows} <= {file.path for file in archive.files}
    ):
        raise ArchiveDamaged("The manifest does not list all tables.", "Make the export again.")


def _check_without_patients(session: Session) -> None:
    if session.scalar(sa.select(t.Patient.id).limit(1)) is not None:
        raise GalleryExists(
            "The gallery already has patients.",
            "To merge the export with them, use --into. To keep them separate, use a new --home.",
        )


def _grouped(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(row)
    return found
