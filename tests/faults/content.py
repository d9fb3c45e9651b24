"""What a gallery holds, read without our own code, and what its matches must answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from gestalt_space.errors import GalleryMissing
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question

DATABASE = "gallery.sqlite3"
VERSION = "alembic_version"
HELD = (
    *("gene", "disorder", "disorder_gene", "phenotype_term", "diagnosis", "patient"),
    *("patient_gene", "photo", "face", "crop", "descriptor", VERSION),
)
"""The tables that hold what was added; the others keep the books of it."""

Content = Mapping[str, frozenset[Any]]
NOTHING: Content = {}


def content_of(home: Path, *, without: Collection[str] = ()) -> Content:
    """The rows of each table that has any, without some columns; nothing where none was added."""
    file = home / DATABASE
    if not file.exists() or not file.stat().st_size:
        return NOTHING
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as connection:
        columns = connection.execute(
            "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c "
            "WHERE m.type = 'table'"
        ).fetchall()
        wanted: dict[str, list[str]] = {}
        for table, column in columns:
            if table in HELD and column not in without:
                wanted.setdefault(table, []).append(f'"{column}"')
        rows = {
            table: frozenset(connection.execute(f'SELECT {", ".join(names)} FROM "{table}"'))
            for table, names in wanted.items()
        }
    held = {table: found for table, found in rows.items() if found}
    return held if held.keys() - {VERSION} else NOTHING


def check_matches(gallery: Gallery, patients: int = 3) -> None:
    """What the gallery answers is what NumPy computes from the rows of the database."""
    held = held_descriptors(gallery)
    for patient in sorted(held)[:patients]:
        others = {name: rows @ held[patient].T for name, rows in held.items() if name != patient}
        best = {name: float(values.max()) for name, values in others.items()}
        wanted = sorted(best, key=lambda name: (-round(best[name], 6), name))
        match = gallery.match_patient(patient, Question(by="patient", k=len(held)))
        assert match.error is None
        assert [line.id for line in match.lines] == wanted
        assert np.allclose([line.similarity for line in match.lines], [best[n] for n in wanted])


def held_descriptors(gallery: Gallery) -> dict[str, np.ndarray[Any, Any]]:
    """By patients' names, the descriptors `(n, d)` of the space that the gallery works in."""
    query = """
        SELECT p.external_id, d.vector FROM descriptor d
        JOIN face f ON f.id = d.face_id JOIN photo h ON h.id = f.photo_id
        JOIN patient p ON p.id = h.patient_id JOIN space s ON s.id = d.space_id
        WHERE s.fingerprint = ? ORDER BY d.id
    """
    try:
        fingerprint = gallery.space.fingerprint
        gallery.database.require()
    except GalleryMissing:
        return {}
    file = gallery.settings.home / DATABASE
    found: dict[str, list[Any]] = {}
    with closing(sqlite3.connect(file)) as connection:
        for name, vector in connection.execute(query, (fingerprint,)):
            found.setdefault(name, []).append(np.frombuffer(vector, "<f4").astype(np.float64))
    return {name: np.stack(rows) for name, rows in found.items()}
