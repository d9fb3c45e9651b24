"""The forms in which a text may stand in a file: as it is, as a reader sees it, escaped in JSON, in
UTF-16, in base64, and, for one that is short, in the layouts of the database's rows and indexes."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gestalt_space.names import likeness

What = Literal["identifier", "photo name", "photo sha256"]
SHORT = 6
"""Bytes below which a text stands in any large file by chance."""
_GROUP = re.compile(rb"[A-Za-z0-9+/_-]{4}")
_CUT_OFF = re.compile(rb"[A-Za-z0-9+/_-]{2,3}")
_STANDARD, _FOR_URLS = bytes.maketrans(b"-_", b"+/"), bytes.maketrans(b"+/", b"-_")
_INTEGERS = (1, 2, 3, 4, 5, 6, 8, 9)
"""How SQLite's record format calls integers; an index's entry ends with the key of its row."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is looked for. `before`: what stands before it in its row, if that is known."""

    what: What
    value: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class TextPattern:
    """The bytes of a form, the text among them from byte `at` on, `length` long. `lead`: in base64,
    how many bytes of the group of three in which the text begins are before it."""

    data: bytes
    at: int
    length: int
    lead: int | None = None

    def read(self, around: bytes, at: int) -> tuple[bytes, int]:
        """What a file says where the form was found, and where in that the text begins: bytes of
        the file, or what they mean in base64. `at`: where in `around` the form begins."""
        if self.lead is None:
            return around, at + self.at
        begin = at - _cut_off(self.lead)
        if begin < 0:
            return b"", 0
        # Groups of four characters, as far as there are such.
        first = last = begin
        while first >= 4 and _GROUP.fullmatch(around, first - 4, first):
            first -= 4
        while _GROUP.fullmatch(around, last, last + 4):
            last += 4
        end = _CUT_OFF.match(around, last)
        groups = around[first:last] + (end[0] + b"==" if end else b"")
        return b64decode(groups.translate(_STANDARD)), (begin - first) // 4 * 3 + self.lead


def forms_of(text: Text) -> list[TextPattern]:
    """All forms of a text, each once."""
    return list({form.data: form for form in _forms(text)}.values())


def _forms(text: Text) -> Iterator[TextPattern]:
    value = text.value
    spellings = [value, *([likeness(value)] if text.what == "identifier" else [])]
    for spelling in spellings:
        whole = spelling.encode()
        escaped = json.dumps(spelling)[1:-1].encode()
        for data in (whole, escaped):
            if len(data) >= SHORT:
                yield TextPattern(data, 0, len(data))
            else:
                yield TextPattern(b'"%b"' % data, 1, len(data))
        if len(whole) >= SHORT and text.what in ("identifier", "photo name"):
            yield from _in_base64(whole)
        for encoding in ("utf-16-le", "utf-16-be"):
            wide = spelling.encode(encoding)
            if len(wide) >= SHORT:
                yield TextPattern(wide, 0, len(wide))
        if len(whole) < SHORT:
            for integer in _INTEGERS:
                start = bytes([3, 13 + 2 * len(whole), integer])
                yield TextPattern(start + whole, len(start), len(whole))
    whole = value.encode()
    if text.what == "identifier" and len(whole) < SHORT:
        yield TextPattern(whole + likeness(value).encode(), 0, len(whole))
    if text.before:
        start = text.before.encode()
        yield TextPattern(start + whole, len(start), len(whole))
    if text.what == "photo sha256":
        binary = bytes.fromhex(value)
        yield TextPattern(binary, 0, len(binary))


def _in_base64(data: bytes) -> Iterator[TextPattern]:
    """The characters that stand for bytes alone, whatever is before and after them: seven or more
    for `SHORT` bytes, as hard to come upon by chance."""
    for lead in range(3):
        last = 8 * (lead + len(data)) // 6
        text = b64encode(bytes(lead) + data + bytes(2))[_cut_off(lead) : last]
        for one in {text, text.translate(_FOR_URLS)}:
            yield TextPattern(one, 0, len(data), lead)


def _cut_off(lead: int) -> int:
    """How many characters of a group of four tell of what is before a text."""
    return -(-8 * lead // 6)
