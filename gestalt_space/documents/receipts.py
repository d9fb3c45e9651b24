"""The receipt of an erasure: a document for the person who asked, or for an ethics office."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NotRequired

import gestalt_space
from gestalt_space.atomic_files import check_new_file, write_atomically
from gestalt_space.documents.form import Form, filled
from gestalt_space.errors import UsageError
from gestalt_space.gallery.erasure.erased import Erased
from gestalt_space.settings import Settings

RECEIPT_VERSION: Literal[1] = 1
HASHED = "sha256 of SALT:TEXT; TEXT is a patient's identifier, in UTF-8, or a photo's sha256"
ON_A_DISK = (
    (
        "Overwritten and deleted bytes that the disk and its file system keep: snapshots, spare "
        "blocks of an SSD, backups of the whole machine."
    ),
    (
        "Copies that people made: photos, exports given to others, screenshots, printed pages, "
        "models given to others or trained on photos in a table."
    ),
)
ON_A_SERVER = (
    (
        "The write-ahead log of the PostgreSQL server until it is recycled: CHECKPOINT; "
        "SELECT pg_switch_wal();"
    ),
    (
        "Archives of that log, base backups, dumps, delayed replicas, replication slots: their "
        "administrator must delete or renew them (pg_archivecleanup, pg_basebackup, "
        "pg_drop_replication_slot)."
    ),
)


ON_AN_OBJECT_STORE = (
    (
        "Replicas, snapshots and backups of the disk or object store with the crops: their "
        "administrator must delete them. All versions in the bucket itself were deleted."
    ),
)


class FoundForm(Form):
    """Bytes that are as what was erased: what, how often, in which file."""

    path: str
    what: str
    count: int


class SearchForm(Form):
    """The search of the files afterwards. `hits`: what was found of those who were erased;
    `pieces`: of descriptors and crops."""

    files: int
    bytes: int
    texts: int
    texts_too_short: int
    pieces: int
    pieces_that_tell_too_little: int
    hits: int
    in_rows_of_others: list[FoundForm]
    perhaps_by_chance: list[FoundForm]
    not_searched: list[str]


class CopyMadeForm(Form):
    """A backup or an export that this tool made, the folder of a training, an installed model, or a
    hospital that was asked (`ask`), with its address as `path`.
    `certain`: whether the audit trail says that it has the patient; if not, it may have."""

    action: str
    path: str
    at: str
    certain: bool


class CropsDeletedForm(Form):
    """Crops outside the database that were deleted, with all their versions: where, how many."""

    place: str
    objects: int


class HomeForgottenForm(Form):
    """A home that was forgotten, and whose files were not cleaned."""

    place: str
    at: str
    by: str


class NotReachedForm(Form):
    """What the erasure did not reach; `other` in words."""

    copies: list[CopyMadeForm]
    homes: list[HomeForgottenForm]
    other: list[str]


class ReceiptDocument(Form):
    """The receipt of an erasure. `patients` and `photos`: salted hashes, made as `hashed` says;
    `names`: the identifiers, where they were asked for; `erased_rows`: by table; `index_files`: by
    what became of them; `crops_outside`: crops that were not in the database."""

    document: Literal["receipt"]
    version: Literal[1]
    tool: str
    begun_at: str
    done_at: str
    by: str
    salt: str
    hashed: str
    patients: list[str]
    photos: list[str]
    removed_before: int
    erased_rows: dict[str, int]
    index_files: dict[str, int]
    homes: list[str]
    database: str
    database_written_anew: bool
    search: SearchForm
    not_reached: NotReachedForm
    names: NotRequired[list[str]]
    crops_outside: NotRequired[list[CropsDeletedForm]]


class ErasedDocument(Form):
    """The erasures that a command ended."""

    document: Literal["erased"]
    version: Literal[1]
    erased: list[ReceiptDocument]


def erased_document(done: Iterable[Erased]) -> ErasedDocument:
    """The erasures that a command ended."""
    return {"document": "erased", "version": 1, "erased": list(map(receipt_document, done))}


def receipt_document(erased: Erased) -> ReceiptDocument:
    """The receipt. It names nobody but where that was asked for."""
    searched = erased.searched
    document: ReceiptDocument = {
        "document": "receipt",
        "version": RECEIPT_VERSION,
        "tool": f"gestalt-space {gestalt_space.__version__}",
        "begun_at": erased.at,
        "done_at": erased.done_at,
        "by": erased.actor,
        "salt": erased.salt,
        "hashed": HASHED,
        "patients": list(erased.patients),
        "photos": list(erased.photos),
        "removed_before": erased.removed_before,
        "erased_rows": erased.rows,
        "index_files": erased.files,
        "homes": list(erased.homes),
        "database": erased.database,
        "database_written_anew": erased.compacted,
        "search": {
            "files": searched.files,
            "bytes": searched.bytes,
            "texts": searched.texts,
            "texts_too_short": searched.not_searched,
            "pieces": searched.pieces,
            "pieces_that_tell_too_little": searched.pieces_passed_over,
            "hits": searched.hits,
            "in_rows_of_others": [filled(FoundForm, one) for one in searched.others],
            "perhaps_by_chance": [filled(FoundForm, one) for one in searched.uncertain],
            "not_searched": list(searched.passed_over),
        },
        "not_reached": {
            "copies": [
                CopyMadeForm(
                    action=one["action"], path=one["path"], at=one["at"], certain=one["certain"]
                )
                for one in erased.copies
            ],
            "homes": [HomeForgottenForm(**one) for one in erased.forgotten],  # type: ignore[typeddict-item]
            "other": [
                *ON_A_DISK,
                *(ON_A_SERVER if erased.database == "postgresql" else ()),
                *(ON_AN_OBJECT_STORE if erased.objects else ()),
            ],
        },
    }
    if erased.names:
        document["names"] = list(erased.names)
    if erased.objects:
        document["crops_outside"] = [
            {"place": place, "objects": count} for place, count in sorted(erased.objects.items())
        ]
    return document


def check_receipt(path: Path, settings: Settings) -> None:
    """Raise `UsageError` or `OutputError` where a receipt cannot be written to a path: in the home
    it would be searched as well."""
    check_new_file(path, (".json",), option="")
    if path.parent.resolve().is_relative_to(settings.home.resolve()):
        raise UsageError(
            "The receipt cannot be written into the home of the gallery.", "Choose another folder."
        )


def is_receipt_of(path: Path, erased: Erased) -> bool:
    """Whether the receipt of an erasure stands at a path already."""
    try:
        return bool(json.loads(path.read_bytes())["salt"] == erased.salt)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def free_place(path: Path) -> Path:
    """A path that no file has: this one, or one with a number."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(one for one in itertools.chain([path], numbered) if not one.exists())


def write_receipt(erased: Erased, path: Path) -> None:
    """Write a receipt. Raises `OutputError`."""
    text = json.dumps(receipt_document(erased), indent=2, ensure_ascii=False)
    write_atomically(path, f"{text}\n".encode())
