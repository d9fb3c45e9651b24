"""What is remembered of an erasure until it is done: what the receipt says, and what is searched
for.

It has identifiers, and stands in the database. So it is masked with a key beside it: no identifier
is found in a file meanwhile, and when the key is gone nothing can be read any more. What is left of
it until the receipt is there has names only where the receipt is to have them.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from gestalt_space.gallery.erasure.erased import Erased, erased_from
from gestalt_space.gallery.erasure.forms import Text
from gestalt_space.gallery.erasure.pieces import Pieces, pieces_of
from gestalt_space.gallery.erasure.scanning import packed
from gestalt_space.store.copied import CopiesOf

VERSION = 1
_SHA256_END = 8


@dataclass
class ErasurePlan:
    """See `Erased` for most. `photos`: names and sha256; `sequence`: of the last change when rows
    went; `descriptors`: their keys; `objects`: how many crops lay outside the database, by the URL
    of the place; `hashes`: of pieces; `times`: of the index's files then; `copy_events`: those of
    the audit trail that tell of a copy that had them, None where they were not looked for."""

    patients: list[str]
    removed_before: list[str]
    salt: str
    photos: list[tuple[str, str]] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    sequence: int = 0
    descriptors: list[int] = field(default_factory=list)
    hashes: str = ""
    passed_over: int = 0
    times: dict[str, int] = field(default_factory=dict)
    receipt: str | None = None
    named: bool = False
    objects: dict[str, int] = field(default_factory=dict)
    copy_events: list[int] | None = None

    @property
    def copies(self) -> CopiesOf:
        """What the trail knows of copies; nothing of those who had been removed before."""
        is_whole = self.copy_events is not None and not self.removed_before
        return CopiesOf(frozenset(self.copy_events or ()), is_whole)

    @property
    def texts(self) -> list[Text]:
        """What is searched for as text."""
        names = dict.fromkeys(self.patients)
        found = [Text("identifier", name) for name in names]
        for name, sha256 in self.photos:
            found += [
                Text("photo name", name, before=sha256[-_SHA256_END:]),
                Text("photo sha256", sha256),
            ]
        return found

    @property
    def photo_texts(self) -> set[str]:
        """Names and sha256 of the photos."""
        return {text for told in self.photos for text in told}

    @property
    def pieces(self) -> Pieces:
        """What is searched for in pieces."""
        return Pieces(np.frombuffer(b64decode(self.hashes), np.uint64), self.passed_over)

    def with_pieces(self, pieces: Pieces) -> None:
        """Remember what to search for in pieces."""
        self.hashes = packed(pieces.hashes)
        self.passed_over = pieces.passed_over


def masked(plan: ErasurePlan) -> dict[str, Any]:
    """A plan as it stands in the database."""
    known = {"version": VERSION, "sequence": plan.sequence, "descriptors": plan.descriptors}
    return known | _masked(asdict(plan))


def unmasked(stored: Mapping[str, Any]) -> ErasurePlan:
    """The plan that was masked."""
    read = _unmasked(stored)
    read["photos"] = [(name, sha256) for name, sha256 in read["photos"]]
    return ErasurePlan(**read)


def to_deliver(stored: Mapping[str, Any], plan: ErasurePlan, erased: Erased) -> dict[str, Any]:
    """What takes the place of a plan when all is clean, and the receipt is still to be handed over:
    names, where the receipt is to have them, under another mask."""
    left = {name: stored[name] for name in ("version", "sequence", "descriptors")}
    left |= {"receipt": plan.receipt, "erased": erased.as_plan(), "former": _traces(stored)}
    return left | (_masked({"names": list(erased.names)}) if erased.names else {})


def delivered(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What takes the place of that when the receipt, with names, was handed over."""
    left = {name: value for name, value in stored.items() if name not in ("key", "masked")}
    return left | {"receipt": None, "former": _traces(stored)}


def is_named(stored: Mapping[str, Any]) -> bool:
    """Whether what is to be handed over has names."""
    return "masked" in stored


def erased_of(stored: Mapping[str, Any]) -> Erased:
    """What is to be handed over."""
    erased = erased_from(stored["erased"])
    return replace(erased, names=tuple(_unmasked(stored)["names"])) if is_named(stored) else erased


def former_mask(stored: Mapping[str, Any]) -> Pieces:
    """What to search for to see that the key of what stood here before is in no file any more."""
    return Pieces(np.frombuffer(b64decode(stored["former"]), np.uint64))


def salted(salt: str, text: str) -> str:
    """The sha256 by which a receipt names somebody or something: of the salt, a colon and the text.
    Whoever knows the text can see that it is meant."""
    return hashlib.sha256(f"{salt}:{text}".encode()).hexdigest()


def _masked(read: Mapping[str, Any]) -> dict[str, str]:
    key = secrets.token_bytes(32)
    data = zlib.compress(json.dumps(read).encode(), 1)
    return {"key": key.hex(), "masked": b64encode(_crossed(data, key)).decode()}


def _unmasked(stored: Mapping[str, Any]) -> dict[str, Any]:
    data = _crossed(b64decode(stored["masked"]), bytes.fromhex(stored["key"]))
    read: dict[str, Any] = json.loads(zlib.decompress(data))
    return read


def _traces(stored: Mapping[str, Any]) -> str:
    """The hashes of a key's pieces: whoever has them cannot make the key again."""
    return packed(pieces_of([stored["key"].encode()]).hashes)


def _crossed(data: bytes, key: bytes) -> bytes:
    stream = np.frombuffer(hashlib.shake_256(key).digest(len(data)), np.uint8)
    return (np.frombuffer(data, np.uint8) ^ stream).tobytes()
