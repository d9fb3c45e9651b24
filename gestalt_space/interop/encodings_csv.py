"""The published text format of encodings, read at the speed of its numbers.

A file is read in parts, on all cores. Of a part, the places of separators are found at once; the
numbers become an Arrow array of texts that lie where they are in the file, which Arrow turns into
float32.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.devices import cores
from gestalt_space.errors import TableDamaged
from gestalt_space.interop.encodings_table import EncodingRows, Slot
from gestalt_space.paths import display_name
from gestalt_space.tables.rows import plain_cell

NEEDED = ("img_name", "representations")
SLOT_COLUMNS = ("model", "flip", "gray")
FLAGS = {"": "", "0": "0", "1": "1", "False": "0", "True": "1", "0.0": "0", "1.0": "1"}
"""How a flip or grey flag is spelt, and its one spelling."""
PART = 1 << 20
"""Bytes that are read at once: with smaller parts, the threads wait for each other."""
AHEAD = 1 << 16
"""Bytes behind a part that are read with it, where its last row mostly ends."""
LONGEST_ROW = 1 << 24

_RETURN, _COMMA, _SPACE, _QUOTE = (ord(one) for one in '\r, "')


@dataclass(frozen=True, slots=True)
class _Layout:
    """A file and where the columns stand in a row."""

    path: Path
    body: int
    columns: int
    name: int
    slot: tuple[int, ...]
    vector: int
    dim: int

    def error(self, line: int, column: str, reason: str) -> TableDamaged:
        """What is wrong in a row, which is told by its line in the file, from 1."""
        return TableDamaged(
            f"{self.path.name}, row {line}, column {column}: {reason}.",
            "Correct the row, or encode the image again.",
        )


def read_rows(path: Path) -> EncodingRows:
    """The rows of a file. Raises `TableDamaged` with row and column for what does not fit."""
    try:
        with path.open("rb", buffering=0) as stream:
            layout = _layout(path, stream.fileno())
            size = os.fstat(stream.fileno()).st_size
            starts = range(layout.body, size, PART)
            parts = [(stream.fileno(), start, min(start + PART, size)) for start in starts]
            with ThreadPoolExecutor(cores()) as pool:
                counts = list(pool.map(lambda part: _count_lines(*part), parts))
                firsts = np.concatenate([[0], np.cumsum(counts)]).astype(int).tolist()
                values = np.empty((firsts[-1], layout.dim), dtype=np.float32)
                reading = partial(_read_part, layout, values=values)
                heads = list(pool.map(reading, parts, firsts[:-1]))
    except OSError as error:
        raise TableDamaged(
            f"{path} cannot be read: {error.strerror}.", "Check the path."
        ) from error
    names = [name for part, _ in heads for name in part]
    slots = [slot for _, part in heads for slot in part]
    if len(names) < len(values):  # there are empty lines
        runs = zip(firsts[:-1], heads, strict=True)
        values = np.concatenate([values[first : first + len(part)] for first, (part, _) in runs])
    return EncodingRows(names, slots, values, first_line=2)


def _layout(path: Path, file: int) -> _Layout:
    head = os.pread(file, LONGEST_ROW, 0)
    header, _, rest = head.partition(b"\n")
    names = [name.strip().strip('"') for name in header.decode("utf-8-sig", "replace").split(";")]
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise TableDamaged(
            f"{path.name} has no column {missing[0]}.",
            "The header must be like img_name;model;flip;gray;class_conf;representations.",
        )
    given = [name for name in SLOT_COLUMNS if name in names]
    if given and len(given) < len(SLOT_COLUMNS):
        lacking = next(name for name in SLOT_COLUMNS if name not in names)
        raise TableDamaged(
            f"{path.name} has no column {lacking}.", "A slot needs all three columns."
        )
    vector = names.index("representations")
    line = b"\n" + rest.lstrip(b"\r\n").partition(b"\n")[0]
    row = _row(line, 0, len(line)) if len(line) > 1 else []
    first = line[row[vector] : row[vector + 1]] if len(row) > vector + 1 else b""
    return _Layout(
        path=path,
        body=len(header) + 1,
        columns=len(names),
        name=names.index("img_name"),
        slot=tuple(names.index(name) for name in given),
        vector=vector,
        dim=first.count(b",") + 1,
    )


def _count_lines(file: int, start: int, stop: int) -> int:
    """The lines that begin within a part, which is the file's body or behind a part of it."""
    return os.pread(file, stop - start, start - 1).count(b"\n")


def _read_part(
    layout: _Layout, part: tuple[int, int, int], first: int, values: NDArray[np.float32]
) -> tuple[list[str], list[Slot]]:
    """Names and slots of the rows that begin within a part, their numbers into `values` from row
    `first` on."""
    file, start, stop = part
    data = os.pread(file, stop - start + 1 + AHEAD, start - 1)
    limit = stop - start
    if data.find(b"\n", limit + 1) < 0:
        data += _rest_of_row(file, start - 1 + len(data), layout)
    borders, lines = _borders(layout, data, limit, first + 2)
    if not borders:
        return [], []
    table = np.array(borders, dtype=np.int64)
    cells = table[:, layout.vector] + 1, table[:, layout.vector + 1]
    _read_numbers(layout, data, cells, lines, values[first : first + len(borders)])
    return _read_heads(layout, data, borders, lines)


def _rest_of_row(file: int, stop: int, layout: _Layout) -> bytes:
    """What of the last row lies behind a part."""
    rest = b""
    size = os.fstat(file).st_size
    while stop < size and b"\n" not in rest:
        if len(rest) > LONGEST_ROW:
            raise TableDamaged(
                f"{layout.path.name} has a row of more than {LONGEST_ROW >> 20} MiB.",
                "Check that it is a file of encodings.",
            )
        more = os.pread(file, 1 << 16, stop)
        rest += more
        stop += len(more)
    return rest.partition(b"\n")[0]


def _borders(
    layout: _Layout, data: bytes, limit: int, line: int
) -> tuple[list[list[int]], list[int]]:
    """What lies before and behind each cell of the rows that begin behind a newline before `limit`,
    and their lines in the file: as many borders as columns, and one."""
    borders, lines = [], []
    find = data.find
    before = find(b"\n")
    while 0 <= before < limit:
        end = find(b"\n", before + 1)
        end = len(data) if end < 0 else end
        stop = end - (data[end - 1] == _RETURN)
        if stop > before + 1:
            row = _row(data, before, stop)
            if len(row) != layout.columns + 1:
                raise layout.error(
                    line,
                    "img_name" if len(row) == 2 else "representations",
                    f"the row has {len(row) - 1} cells, but the header has {layout.columns}",
                )
            borders.append(row)
            lines.append(line)
        before, line = end, line + 1
    return borders, lines


def _row(data: bytes, before: int, stop: int) -> list[int]:
    """What lies before and behind each cell of the row behind `before`."""
    row = [before]
    if data[before + 1] == _QUOTE:
        row.append(_behind_quotes(data, before + 1, stop))
    while (place := data.find(b";", row[-1] + 1, stop)) >= 0:
        row.append(place)
    row.append(stop)
    return row


def _behind_quotes(data: bytes, start: int, stop: int) -> int:
    """Where the cell ends that begins with a quote; a doubled one is part of it."""
    end = data.find(b'"', start + 1, stop)
    while 0 <= end < stop - 1 and data[end + 1] == _QUOTE:
        end = data.find(b'"', end + 2, stop)
    return stop if end < 0 else end + 1


def _read_numbers(
    layout: _Layout,
    data: bytes,
    cells: tuple[NDArray[np.int64], NDArray[np.int64]],
    lines: list[int],
    out: NDArray[np.float32],
) -> None:
    """The lists of numbers that lie in cells, `[` and `]` around them, into `out` `(n, dim)`."""
    import pyarrow as pa

    codes = np.frombuffer(data, np.uint8)
    begins, ends = cells
    begins, ends = begins + (codes[begins] == _QUOTE), ends - (codes[ends - 1] == _QUOTE)
    _check_lists(layout, data, begins, ends, lines)
    commas = np.flatnonzero(codes == _COMMA)
    low, high = np.searchsorted(commas, begins), np.searchsorted(commas, ends)
    wrong = np.flatnonzero(high - low != layout.dim - 1)
    if len(wrong):
        count = int((high - low)[wrong[0]]) + 1
        raise layout.error(
            lines[wrong[0]],
            "representations",
            f"{count} numbers instead of {layout.dim} as in other rows",
        )
    inner = commas[low[:, None] + np.arange(layout.dim - 1)]
    # An Arrow array of texts without copying one: every other element is what lies between two
    # numbers, and null.
    count = 2 * out.size
    ends_too = np.empty(count + 1, dtype=np.int32)
    ends_too[-1] = len(data)
    offsets = ends_too[:-1].reshape(len(begins), layout.dim, 2)
    offsets[:, 1:, 0] = inner + 1 + (codes[inner + 1] == _SPACE)
    offsets[:, :-1, 1] = inner
    offsets[:, 0, 0] = begins + 1
    offsets[:, -1, 1] = ends - 1
    every_other = np.full((count + 7) // 8, 0b01010101, dtype=np.uint8)
    texts = pa.Array.from_buffers(
        pa.string(),
        count,
        [pa.py_buffer(every_other), pa.py_buffer(ends_too), pa.py_buffer(data)],
    )
    try:
        numbers = texts.cast(pa.float32())
    except pa.ArrowInvalid:
        numbers = None
    if numbers is None:
        _find_wrong_number(layout, data, begins, ends, lines, out)
        return
    out[:] = np.frombuffer(numbers.buffers()[1], np.float32)[:count:2].reshape(out.shape)


def _check_lists(
    layout: _Layout,
    data: bytes,
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    lines: list[int],
) -> None:
    for line, begin, end in zip(lines, begins.tolist(), ends.tolist(), strict=True):
        if end - begin < 2 or data[begin] != ord("[") or data[end - 1] != ord("]"):
            raise layout.error(line, "representations", "it is not a list of numbers in [ ]")


def _find_wrong_number(
    layout: _Layout,
    data: bytes,
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    lines: list[int],
    out: NDArray[np.float32],
) -> None:
    """Read the lists one by one, which takes what Arrow is too strict for; the first that cannot be
    read is told."""
    for place, (line, begin, end) in enumerate(zip(lines, begins, ends, strict=True)):
        try:
            listed = json.loads(data[begin:end])
            if not all(type(one) in (int, float) for one in listed):
                raise ValueError("it contains something other than numbers")
            with np.errstate(over="ignore"):
                out[place] = listed
        except (ValueError, TypeError, OverflowError) as error:
            reason = "".join(one if one.isprintable() else "?" for one in str(error)[:80])
            raise layout.error(
                line, "representations", f"it is not a list of numbers ({reason})"
            ) from error


def _read_heads(
    layout: _Layout, data: bytes, borders: list[list[int]], lines: list[int]
) -> tuple[list[str], list[Slot]]:
    names, slots = [], []
    known: dict[bytes, Slot] = {}
    first, last = min(layout.slot, default=0), max(layout.slot, default=-1) + 1
    for line, row in zip(lines, borders, strict=True):
        try:
            name = data[row[layout.name] + 1 : row[layout.name + 1]].decode().strip()
        except UnicodeDecodeError as error:
            raise layout.error(line, "img_name", "it is not in UTF-8") from error
        if name.startswith('"'):
            name = name[1:].removesuffix('"').replace('""', '"')
        name = plain_cell(name)
        if not name:
            raise layout.error(line, "img_name", "it is empty")
        if not name.isprintable():
            raise layout.error(line, "img_name", "it has characters that are not text")
        told = data[row[first] : row[last]]
        if told not in known:
            cells = tuple(data[row[column] + 1 : row[column + 1]] for column in layout.slot)
            known[told] = _slot(layout, cells, line)
        names.append(name)
        slots.append(known[told])
    return names, slots


def _slot(layout: _Layout, cells: tuple[bytes, ...], line: int) -> Slot:
    if not cells:
        return ("", "", "")
    texts = [cell.decode("utf-8", "replace").strip().strip('"') for cell in cells]
    flags = []
    for column, text in zip(SLOT_COLUMNS[1:], texts[1:], strict=True):
        if text not in FLAGS:
            raise layout.error(line, column, f"{display_name(text[:40])!r} is neither 0 nor 1")
        flags.append(FLAGS[text])
    return texts[0], flags[0], flags[1]
