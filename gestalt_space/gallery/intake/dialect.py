"""How a table is written: its encoding and its separator, found in its bytes and its header."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gestalt_space.errors import UsageError
from gestalt_space.tables.rows import RowReader

SEPARATOR_NAMES = {",": ",", ";": ";", "\t": "tab", "|": "|"}
"""What tables are separated by, and how it is named."""
SPREADSHEETS = {b"PK\x03\x04": "a spreadsheet or an archive", b"\xd0\xcf\x11\xe0": "a spreadsheet"}
"""How the files of spreadsheet programs begin."""
SAVE_AS = "Save it as «CSV UTF-8» in your spreadsheet."

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[,;\t ]*', re.IGNORECASE)
_BLANK = re.compile(r'[\s,;|"]*')
_PUNCTUATION = "‘’‚“”„‹›«»–—…•§°€£¡¿\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class TableLines:
    """The lines of a table from its header on. `before`: how many lines stand above it."""

    name: str
    lines: Sequence[str]
    before: int
    separator: str
    encoding: str

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The header and the rows, each with the line of the file in which it begins.

        Raises `UsageError` for a quote that is not closed.
        """
        reader = RowReader(self.lines, self.separator, strict=True)
        while True:
            begins = self.before + reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise UsageError(
                    f'{self.name}, line {begins}: a quotation mark (") opens a cell that does not '
                    f"end correctly ({error}).",
                    "Close the quotation. If the mark is part of the text, write it twice.",
                ) from error
            yield begins, row


def read_lines(data: bytes, name: str, columns: Sequence[str]) -> TableLines:
    """The lines of a table, decoded, with the separator that finds most of `columns` in its header.

    `name`: the file's, for messages; a tab is expected in a `.tsv`. Raises `UsageError`.
    """
    text, encoding = decode(data, name)
    lines = list(io.StringIO(text, newline=""))
    before, separator = 0, None
    for line in lines:
        if found := _SEPARATOR_LINE.fullmatch(line.rstrip("\r\n")):
            separator = found[1]
        elif not _BLANK.fullmatch(line):
            break
        before += 1
    rest = lines[before:]
    if separator is None:
        separator = _find_separator(rest, columns, is_tabbed=name.lower().endswith(".tsv"))
    return TableLines(name, rest, before, separator, encoding)


def decode(data: bytes, name: str) -> tuple[str, str]:
    """A table's text, and the encoding that it is in: UTF-8, UTF-16 or Windows-1252.

    Raises `UsageError` for what is no text, and for text of another encoding: Windows-1252 gives
    every byte a meaning, and is believed only where that makes words.
    """
    for start, kind in SPREADSHEETS.items():
        if data.startswith(start):
            raise UsageError(f"{name} is {kind}, not a text table.", SAVE_AS)
    for encoding in _encodings(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text and (encoding != "cp1252" or _is_western(text)):
            return text, {"utf-8-sig": "UTF-8", "cp1252": "Windows-1252"}.get(encoding, "UTF-16")
    raise UsageError(f"{name} is not in UTF-8 or Windows-1252.", SAVE_AS)


def _encodings(data: bytes) -> tuple[str, ...]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    if data[1:2] == b"\0":
        return ("utf-16-le",)
    if data[:1] == b"\0":
        return ("utf-16-be",)
    return ("utf-8-sig", "cp1252")


def _is_western(text: str) -> bool:
    """Whether its letters beyond ASCII stand as in the languages of western Europe: one or two at a
    time among others. Bytes of Chinese, Japanese or Cyrillic text make long runs and odd signs."""
    runs = re.findall(r"[^\x00-\x7f]+", text)
    return all(len(run) <= 2 and all(map(_is_letter, run)) for run in runs)


def _is_letter(character: str) -> bool:
    return unicodedata.category(character) in ("Lu", "Ll") or character in _PUNCTUATION


def _find_separator(lines: Sequence[str], columns: Sequence[str], *, is_tabbed: bool) -> str:
    def fitness(separator: str) -> tuple[int, int, bool]:
        try:
            cells = next(RowReader(lines, separator, strict=True), [])
        except csv.Error:
            return -1, 0, False
        known = {cell.strip().lower() for cell in cells} & set(columns)
        return len(known), len(cells), is_tabbed and separator == "\t"

    return max(SEPARATOR_NAMES, key=fitness)
