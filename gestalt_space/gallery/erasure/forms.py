"""The forms in which a text may stand in a file: as it is, as a reader sees it, escaped in JSON, in
UTF-16, and, for one that is short, in the layouts of the database's rows and indexes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gestalt_space.names import likeness

What = Literal["identifier", "photo name", "photo sha256", "plan"]
SHORT = 6
"""Bytes below which a text stands in any large file by chance."""
_INTEGERS = (1, 2, 3, 4, 5, 6, 8, 9)
"""How SQLite's record format calls integers; an index's entry ends with the key of its row."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is looked for. `before`: what stands before it in its row, if that is known."""

    what: What
    value: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """The bytes of a form, the text among them from byte `at` on, `bytes` long."""

    data: bytes
    at: int
    bytes: int


def forms_of(text: Text) -> list[Form]:
    """All forms of a text, each once."""
    return list({form.data: form for form in _forms(text)}.values())


def _forms(text: Text) -> Iterator[Form]:
    value = text.value
    spellings = [value, *([likeness(value)] if text.what == "identifier" else [])]
    for spelling in spellings:
        whole = spelling.encode()
        escaped = json.dumps(spelling)[1:-1].encode()
        for data in (whole, escaped):
            if len(data) >= SHORT:
                yield Form(data, 0, len(data))
            else:
                yield Form(b'"%b"' % data, 1, len(data))
        for encoding in ("utf-16-le", "utf-16-be"):
            wide = spelling.encode(encoding)
            if len(wide) >= SHORT:
                yield Form(wide, 0, len(wide))
        if len(whole) < SHORT:
            for integer in _INTEGERS:
                start = bytes([3, 13 + 2 * len(whole), integer])
                yield Form(start + whole, len(start), len(whole))
    whole = value.encode()
    if text.what == "identifier" and len(whole) < SHORT:
        yield Form(whole + likeness(value).encode(), 0, len(whole))
    if text.before:
        start = text.before.encode()
        yield Form(start + whole, len(start), len(whole))
    if text.what == "photo sha256":
        binary = bytes.fromhex(value)
        yield Form(binary, 0, len(binary))
