"""What an erasure did, as its receipt says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from gestalt_space.gallery.erasure.searching import FileTrace, SearchReport


@dataclass(frozen=True, slots=True)
class Erased:
    """An erasure that is done. Times are UTC in ISO 8601.

    `patients`, `photos`: the `salted` sha256 of identifiers and of the photos' sha256; `names`: the
    identifiers themselves, where the receipt is to name them. `removed_before`: how many of the
    patients had no row any more. `rows`: how many went, by table. `files`: of the index, how many
    were there, and how many of these were overwritten or deleted. `homes`: where the index of each
    home is that was cleaned; `forgotten`: the homes that were forgotten before they were, by place,
    when and by whom. `compacted`: whether the database was written anew. `objects`: how many crops
    outside it were deleted, with all their versions, by the URL of the place. `copies`: backups
    and exports that were made while the patients were there, and models that were trained on them
    or may have been, by action, path and time; `certain`: whether the trail says so of one.
    """

    at: str
    actor: str
    done_at: str
    salt: str
    patients: tuple[str, ...]
    photos: tuple[str, ...]
    removed_before: int
    rows: dict[str, int]
    files: dict[str, int]
    homes: tuple[str, ...]
    forgotten: tuple[dict[str, str], ...]
    database: str
    compacted: bool
    searched: SearchReport
    copies: tuple[dict[str, Any], ...]
    names: tuple[str, ...] = ()
    objects: Mapping[str, int] = field(default_factory=dict)

    def as_plan(self) -> dict[str, Any]:
        """As it stands in the database until the receipt is written: without names."""
        return asdict(replace(self, names=()))


def erased_from(read: Mapping[str, Any]) -> Erased:
    """What `as_plan` gave."""
    searched = dict(read["searched"])
    for kind in ("found", "others", "uncertain"):
        searched[kind] = tuple(FileTrace(**one) for one in searched[kind])
    for kind in ("unreadable", "passed_over"):
        searched[kind] = tuple(searched[kind])
    lists = ("patients", "photos", "homes", "forgotten", "copies", "names")
    tuples = {name: tuple(read[name]) for name in lists}
    # One that was begun by an older version does not say it.
    tuples["copies"] = tuple({"certain": False, **one} for one in read["copies"])
    return Erased(**{**read, **tuples, "searched": SearchReport(**searched)})
