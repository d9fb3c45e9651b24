"""The export of a gallery, or of some patients: tables of identifiers that any version and either
database can take in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy.orm import Session

from gestalt_space.atomic_files import open_private
from gestalt_space.atomic_folders import whole_folder
from gestalt_space.errors import DatabaseError, GalleryChanged, GalleryEmpty, OutputError
from gestalt_space.gallery.archives.backing_up import check_new_folder, check_nobody_erased
from gestalt_space.gallery.archives.layout import (
    PEOPLE,
    SCHEMAS,
    TABLES,
    descriptors_schema,
    descriptors_table,
)
from gestalt_space.gallery.archives.manifest import hash_file, write_archive_manifest
from gestalt_space.gallery.archives.parquet import TableWriter, new_table
from gestalt_space.gallery.archives.people_csv import PeopleWriter
from gestalt_space.gallery.halves import noted
from gestalt_space.paths import display_name
from gestalt_space.settings import Settings
from gestalt_space.store import exports, reads
from gestalt_space.store.audit import last_event, record_event
from gestalt_space.store.chunks import chunks
from gestalt_space.store.engine import Database
from gestalt_space.store.exports import Exported

_PNG = 30_000
"""Bytes of a crop, about."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What of a gallery is exported. `patients`, `cohorts`: only these; all, where both are
    empty."""

    patients: tuple[str, ...] = ()
    cohorts: tuple[str, ...] = ()
    crops: bool = True
    descriptors: bool = True


@dataclass(frozen=True, slots=True)
class ExportedGallery:
    """An export that was written. `withdrawn`: how many of the patients that were chosen are left
    out, since their consent is withdrawn."""

    folder: Path
    patients: int
    photos: int
    withdrawn: int
    bytes: int


def export_gallery(
    database: Database,
    settings: Settings,
    folder: Path,
    options: ExportOptions,
    *,
    progress: Callable[[int, int], object] = lambda _done, _whole: None,
) -> ExportedGallery:
    """Write an export into a new folder, of one state of the gallery; others may write meanwhile.

    It is there when it is whole and noted in the audit trail, or not at all. `progress` is told the
    patients that are done, and all. Raises `NotInGallery`, `GalleryEmpty`, `OutputError`,
    `ConsentWithdrawn`, `UsageError`, `DatabaseError`, and `GalleryChanged` where somebody was
    erased or removed meanwhile, or their consent was withdrawn.
    """

    def write(session: Session, aside: Path, chosen: Sequence[Exported]) -> _Written:
        writing = _Writing(session, aside / TABLES, options)
        counts = writing.write(chosen, progress)
        paths = [f"{TABLES}/{name}.parquet" for name in counts]
        files = [hash_file(aside, path) for path in (*paths, f"{TABLES}/{PEOPLE}")]
        write_archive_manifest(aside, "export", {"rows": counts}, files)
        return _Written(counts["photos"], sum(file.bytes for file in files))

    chosen = options.patients, options.cohorts
    done, choice = noted_export(database, settings, folder, *chosen, write)
    return ExportedGallery(folder, len(choice.patients), done.photos, choice.withdrawn, done.bytes)


class WithPhotos(Protocol):
    """What says how many photos were written."""

    @property
    def photos(self) -> int:
        """How many."""
        ...


W = TypeVar("W", bound=WithPhotos)


def noted_export(
    database: Database,
    settings: Settings,
    folder: Path,
    patients: Collection[str],
    cohorts: Collection[str],
    write: Callable[[Session, Path, Sequence[Exported]], W],
) -> tuple[W, exports.Choice]:
    """What `write` writes of some patients into a new folder, whatever the format; all, where
    neither patients nor cohorts are named. Patients who withdrew consent are left out.

    The folder is there when it is whole and noted in the audit trail, or not at all. Raises as
    `export_gallery` does.
    """
    database.require()
    check_new_folder(folder, settings.home)
    if not database.is_writable:
        raise DatabaseError(
            f"You may not write to {database.where}, and each export must be recorded in its "
            "audit trail.",
            "Run the command as the owner of the home.",
        )
    with noted(settings.index_dir, folder), whole_folder(folder) as aside:
        try:
            with database.reading() as session:
                before = last_event(session)
                choice = exports.exported_patients(session, patients, cohorts)
                if not choice.patients:
                    raise _nobody(choice.withdrawn)
                written = write(session, aside, choice.patients)
        except OSError as error:
            raise OutputError(
                f"The export cannot be written: {error.strerror or error}.",
                "Check the free disk space.",
            ) from error
        with database.writing() as session:
            told = {"path": display_name(folder.absolute()), "photos": written.photos}
            check_nobody_erased(session, before)
            _check_still_exported(session, choice.patients)
            keys = [one.key for one in choice.patients]
            record_event(session, "export", patients=keys, detail=told)
    return written, choice


@dataclass(frozen=True, slots=True)
class _Written:
    """How much an export has."""

    photos: int
    bytes: int


def _nobody(withdrawn: int) -> GalleryEmpty:
    if not withdrawn:
        return GalleryEmpty(
            "The gallery has no patient to export.", "Add patients with `gestalt index add`."
        )
    return GalleryEmpty(
        "None of the chosen patients can be exported: the consent of all of them is withdrawn.",
        "`gestalt index list` lists patients and their consent.",
    )


def _check_still_exported(session: Session, chosen: Sequence[Exported]) -> None:
    """Raise `GalleryChanged` where somebody of an export may not be in it any more."""
    gone = len(chosen) - exports.count_still_exported(session, chosen)
    if gone:
        raise GalleryChanged(
            f"Meanwhile, {gone:,} {'patient' if gone == 1 else 'patients'} of the export were "
            "removed or withdrew consent, so nothing was written.",
            "Run the same command again.",
        )


@dataclass
class _Writing:
    """The writing of the tables of one export into a folder."""

    session: Session
    folder: Path
    options: ExportOptions
    _open: dict[str, TableWriter] = field(default_factory=dict)

    def write(
        self, chosen: Sequence[Exported], progress: Callable[[int, int], object]
    ) -> dict[str, int]:
        """Write all; how many rows each table has. Raises `OSError`."""
        self.folder.mkdir(mode=0o700)
        spaces = reads.spaces(self.session) if self.options.descriptors else []
        codes: set[str] = set()
        done = 0
        with ExitStack() as files:
            about = ("patients", "diagnoses", "patient_genes", "terms", "photos", "faces")
            tables = {name: self._table(files, name, SCHEMAS[name]) for name in about}
            if self.options.crops:
                tables["crops"] = self._table(files, "crops", SCHEMAS["crops"], _PNG)
            vectors = {
                space.id: self._table(
                    files,
                    descriptors_table(space.fingerprint),
                    descriptors_schema(space.dim),
                    4 * space.dim,
                )
                for space in spaces
            }
            stream = files.enter_context(open_private(self.folder / PEOPLE, "w"))
            people = PeopleWriter(stream)
            for some in chunks(chosen):
                codes |= self._write_patients(some, tables, vectors, people)
                done += len(some)
                progress(done, len(chosen))
            for name, rows in exports.disorder_rows(self.session, codes).items():
                self._write_all(files, name, rows)
            ordered = sorted(spaces, key=lambda space: space.fingerprint)
            told = ("fingerprint", "model", "specification", "dim", "is_default")
            rows = [tuple(getattr(one, name) for name in told) for one in ordered]
            self._write_all(files, "spaces", rows)
        return {name: table.count for name, table in sorted(self._open.items())}

    def _table(self, files: ExitStack, name: str, schema: Any, widest: int = 64) -> TableWriter:
        path = self.folder / f"{name}.parquet"
        table = files.enter_context(new_table(path, schema, widest=widest))
        self._open[name] = table
        return table

    def _write_all(self, files: ExitStack, name: str, rows: Sequence[exports.Row]) -> None:
        table = self._table(files, name, SCHEMAS[name])
        for row in rows:
            table.write(row)

    def _write_patients(
        self,
        some: Sequence[Exported],
        tables: dict[str, TableWriter],
        vectors: dict[int, TableWriter],
        people: PeopleWriter,
    ) -> set[str]:
        """The rows of some patients; the codes of their disorders."""
        facts = exports.fact_rows(self.session, some)
        for name, rows in facts.items():
            for row in rows:
                tables[name].write(row)
        codes = {code for _, code, _ in facts["diagnoses"]}
        names: dict[str, str] = dict(exports.disorder_rows(self.session, codes)["disorders"])
        told: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        for patient, code, _ in facts["diagnoses"]:
            told[patient]["disorders"].append((code, names[code]))
        for patient, symbol in facts["patient_genes"]:
            told[patient]["genes"].append(symbol)
        for patient, term, present in facts["terms"]:
            told[patient]["terms"].append((term, present))
        persons = {row[0]: row for row in facts["patients"]}
        photos = []
        for photo, row, face in exports.photo_rows(self.session, some):
            tables["photos"].write(row)
            tables["faces"].write(face)
            photos.append(photo)
            of = told[photo.patient]
            people.write(
                persons[photo.patient],
                row,
                disorders=of["disorders"],
                genes=of["genes"],
                terms=of["terms"],
            )
        if "crops" in tables:
            for row in exports.crop_rows(self.session, photos):
                tables["crops"].write(row)
        for space, table in vectors.items():
            for row in exports.descriptor_rows(self.session, photos, space):
                table.write(row)
        return codes
