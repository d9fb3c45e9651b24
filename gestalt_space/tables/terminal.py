"""Tables for people. Names wrap at words and paths at folders, inside their cells; numbers and
identifiers are never cut or broken. Where a terminal is too narrow, the columns of least weight go,
and in the end each cell has its own line.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from gestalt_space.tables.table import Table

if TYPE_CHECKING:
    from rich.console import RenderableType

GAP = 2
"""Columns of a terminal between two of a table."""
EDGES = 2
"""Columns of a terminal at the left and the right of a table."""
READABLE = 20
"""Width below which the names of a column are not squeezed while another column can go."""
BROKEN = 16
"""Width below which no word is broken."""
_COMMAND = re.compile(r"`[^`]*`")
_FOLDERS = re.compile(r"[^/\\]*[/\\]|[^/\\]+")
_GLUE = "\0"
"""In the place of a space at which no line ends."""


def drawn(table: Table, width: int | None) -> Iterator[RenderableType]:
    """A table as it is printed in so many columns of a terminal, or in as many as it takes for
    None.
    """
    return _Drawing(table).drawn(width)


class _Drawing:
    """The texts of a table's printed columns."""

    def __init__(self, table: Table) -> None:
        self.columns, self.rows = table.texts()
        self.styles = table.styles

    def drawn(self, width: int | None) -> Iterator[RenderableType]:
        kept = list(range(len(self.columns)))
        gone = []
        spare = [place for place in kept if self.columns[place].least is not None]
        for place in sorted(
            spare, key=lambda place: (self._says_something(place), self.columns[place].least)
        ):
            if width is None or self._least_width(kept, readable=READABLE) <= width:
                break
            kept.remove(place)
            if self._says_something(place):
                gone.append(self.columns[place].heading)
        all_break = width is not None and self._least_width(kept) > width
        if width is not None and self._least_width(kept, all_break=all_break) > width:
            yield from self._by_field(width)
            return
        yield self._as_table(kept, width, all_break=all_break)
        if gone:
            yield from _lines(f"columns left out: {', '.join(gone)}", width, *2 * ["  "])

    def _least_width(
        self, kept: Sequence[int], *, readable: int = 0, all_break: bool = False
    ) -> int:
        return _total(
            [self._narrowest(column, readable=readable, all_break=all_break) for column in kept]
        )

    def _as_table(
        self, kept: Sequence[int], width: int | None, *, all_break: bool
    ) -> RenderableType:
        from rich import box
        from rich.table import Table as RichTable

        widths = [self._widest(column) for column in kept]
        narrowest = [self._narrowest(column, all_break=all_break) for column in kept]
        while width is not None and _total(widths) > width:
            spare = [wide - least for wide, least in zip(widths, narrowest, strict=True)]
            widest = max(
                (place for place, room in enumerate(spare) if room), key=widths.__getitem__
            )
            widths[widest] -= 1
        table = RichTable(
            box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, header_style="bold"
        )
        for place, wide in zip(kept, widths, strict=True):
            column = self.columns[place]
            justify: Literal["left", "right"] = "right" if column.is_right else "left"
            table.add_column(column.heading, justify=justify, width=wide)
        for number, cells in enumerate(self.rows):
            table.add_row(
                *(_broken(cells[place], wide) for place, wide in zip(kept, widths, strict=True)),
                style=self.styles.get(number),
            )
        return table

    def _by_field(self, width: int | None) -> Iterator[str]:
        """A line for each cell behind its column's name, and an empty one between two rows."""
        label = max(len(column.heading) for column in self.columns)
        for cells in self.rows:
            yield ""
            for column, cell in zip(self.columns, cells, strict=True):
                if cell:
                    indent = " " * (label + GAP)
                    yield from _lines(cell, width, f"{column.heading:<{label}}  ", indent)

    def _says_something(self, place: int) -> bool:
        return any(cells[place] for cells in self.rows)

    def _cells(self, column: int) -> list[str]:
        return [self.columns[column].heading, *(cells[column] for cells in self.rows)]

    def _widest(self, column: int) -> int:
        return max(_width(line) for cell in self._cells(column) for line in cell.split("\n"))

    def _narrowest(self, column: int, *, readable: int = 0, all_break: bool = False) -> int:
        """The least width of a column, in which paths are broken, and with `all_break` every long
        word."""
        widest = self._widest(column)
        if self.columns[column].is_right or self.columns[column].whole:
            return widest
        words = (
            min(_width(word), max(readable, BROKEN))
            if all_break or _is_path(word)
            else _width(word)
            for cell in self._cells(column)
            for word in cell.split()
        )
        return max(min(widest, readable), max(words, default=0))


def wrapped(text: str, width: int | None) -> str:
    """Text whose lines are wrapped between words, each as far indented as it was; no word and no
    command in backticks is broken. As it is for None.
    """
    if width is None:
        return text
    return "\n".join(
        wrapped_line
        for line in text.split("\n")
        for wrapped_line in _lines(line.lstrip(), width, *2 * [line[: -len(line.lstrip()) or None]])
    )


def _lines(text: str, width: int | None, first: str = "", then: str = "") -> list[str]:
    if width is None or not text:
        return [first + text]
    lines: list[str] = []
    for part in text.split("\n"):
        lines += textwrap.wrap(
            _COMMAND.sub(lambda found: found.group().replace(" ", _GLUE), part),
            width=max(width, len(then) + 1),
            initial_indent=then if lines else first,
            subsequent_indent=then,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return [line.replace(_GLUE, " ") for line in lines]


def _broken(text: str, width: int) -> str:
    """Text whose words are no wider than that: a longer one has a new line after a folder, and
    within a name that is longer still."""
    return re.sub(r"\S+", lambda found: "\n".join(_pieces(found.group(), width)), text)


def _pieces(word: str, width: int) -> list[str]:
    from rich.cells import chop_cells

    if _width(word) <= width:
        return [word]
    pieces = [""]
    for folder in _FOLDERS.findall(word):
        for piece in chop_cells(folder, width):
            if _width(pieces[-1] + piece) <= width:
                pieces[-1] += piece
            else:
                pieces.append(piece)
    return pieces


def _is_path(word: str) -> bool:
    return "/" in word or "\\" in word


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1) + EDGES


def _width(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
