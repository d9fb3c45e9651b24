"""What is remembered of an erasure until it is done: what the receipt says, and what is searched
for.

It has identifiers, and stands in the database. So it is masked with a key beside it: no identifier
is found in a file meanwhile, and when the key is gone nothing can be read any more.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from gestalt_space.gallery.erasure.forms import Text
from gestalt_space.gallery.erasure.pieces import Pieces

VERSION = 1
_SHA256_END = 8


@dataclass
class Plan:
    """See `Erased` for most. `photos`: names and sha256; `sequence`: of the last change when rows
    went; `descriptors`: their keys; `hashes`: of pieces; `times`: of the index's files then."""

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
    def pieces(self) -> Pieces:
        """What is searched for in pieces."""
        return Pieces(np.frombuffer(b64decode(self.hashes), np.uint64), self.passed_over)

    def with_pieces(self, pieces: Pieces) -> None:
        """Remember what to search for in pieces."""
        self.hashes = b64encode(pieces.hashes.tobytes()).decode()
        self.passed_over = pieces.passed_over


def masked(plan: Plan) -> dict[str, Any]:
    """A plan as it stands in the database."""
    key = secrets.token_bytes(32)
    data = zlib.compress(json.dumps(asdict(plan)).encode(), 1)
    return {
        "version": VERSION,
        "sequence": plan.sequence,
        "descriptors": plan.descriptors,
        "key": key.hex(),
        "masked": b64encode(_crossed(data, key)).decode(),
    }


def unmasked(stored: Mapping[str, Any]) -> Plan:
    """The plan that was masked."""
    data = _crossed(b64decode(stored["masked"]), bytes.fromhex(stored["key"]))
    read = json.loads(zlib.decompress(data))
    read["photos"] = [(name, sha256) for name, sha256 in read["photos"]]
    return Plan(**read)


def salted(salt: str, text: str) -> str:
    """The sha256 by which a receipt names somebody or something: of the salt, a colon and the text.
    Whoever knows the text can see that it is meant."""
    return hashlib.sha256(f"{salt}:{text}".encode()).hexdigest()


def _crossed(data: bytes, key: bytes) -> bytes:
    stream = np.frombuffer(hashlib.shake_256(key).digest(len(data)), np.uint8)
    return (np.frombuffer(data, np.uint8) ^ stream).tobytes()
