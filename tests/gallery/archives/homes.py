"""Homes that are backed up, exported and compared: rows of a database, no photo behind them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gestalt_space.gallery.archives import manifest
from gestalt_space.store import dumps, writes
from gestalt_space.store.engine import Database
from gestalt_space.store.runs import add_run
from gestalt_space.types import Disorder, EncodingRun
from tests.galleries import new_photo

SPECIFICATION = json.dumps({"slots": ["one"], "dim": 16})
FINGERPRINT = hashlib.sha256(SPECIFICATION.encode()).hexdigest()
OF_A_HOME = {"home", "generation", "purge", "calibration"}
"""Tables about a folder, not about patients."""
AUDIT = {"audit_event", "audit_subject", "pseudonym", "change"}


def open_database(home: Path) -> Database:
    return Database(home / "gallery.sqlite3", busy_timeout=10)


def fill(database: Database, *photos: Any, runs: bool = True) -> None:
    """Add rows of `new_photo`, none of which may fail."""
    with database.writing() as session:
        space = writes.add_space(
            session,
            model="tiny",
            fingerprint=FINGERPRINT,
            specification=SPECIFICATION,
            dim=16,
        )
        run = add_run(session, EncodingRun("float32", "cpu", "onnxruntime", "1"))
        stored = writes.add_photos(session, photos, space_id=space, run_id=run if runs else None)
    assert [one.error for one in stored if one.error] == []


def some_photos() -> list[Any]:
    """Three patients: two of one disorder, one undiagnosed; facts of all kinds."""
    cdls = Disorder("OMIM:122470", "Cornelia de Lange syndrome 1")
    return [
        new_photo("P1", 1, disorders=(cdls,), genes=("NIPBL",), sex="female", age=4.5),
        new_photo("P1", 2, disorders=(cdls,), age=6.25, site="clinic 1", detector="builtin"),
        new_photo("P2", 3, disorders=(cdls, Disorder("free name")), family="F1", cohort="A"),
        new_photo("P2", 4, hpo=("HP:0000664",), hpo_absent=("HP:0000252",), crop=False),
        new_photo("Übung", 5, consent="research", ancestry="=HYPERLINK()", family="F1"),
    ]


def dump(database: Database, *, without: set[str] = OF_A_HOME) -> dict[str, list[Any]]:
    """All rows of all tables but some."""
    with database.reading() as session:
        return {
            table.name: [row for rows in dumps.table_rows(session, table) for row in rows]
            for table in dumps.dumped_tables()
            if table.name not in without
        }


def seal_again(folder: Path, kind: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a manifest says of a folder, its files hashed anew, and give it a seal."""
    path = folder / manifest.MANIFEST
    told = json.loads(path.read_text())
    told.pop("seal")
    names = [one["path"] for one in told["files"] if (folder / one["path"]).is_file()]
    told["files"] = [asdict(manifest.hash_file(folder, name)) for name in names]
    change(told)
    path.write_bytes(manifest._sealed_text(told))


def actions(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(sa.text("SELECT action FROM audit_event ORDER BY id")))


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
