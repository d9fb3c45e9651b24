"""What people and programs read: data on standard output, everything else on standard error."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gestalt_space.atomic_files import check_new_file, write_atomically
from gestalt_space.errors import GestaltError, UsageError
from gestalt_space.paths import display_name
from gestalt_space.tables.table import Column, Table
from gestalt_space.tables.terminal import drawn, wrapped

from .bars import progress as progress
from .bars import stages as stages
from .bars import step as step
from .bars import with_bar as with_bar

if TYPE_CHECKING:
    from rich.console import Console

    from gestalt_space.devices import Precision
    from gestalt_space.documents.parts import PassedOverForm
    from gestalt_space.gallery.intake.folders import FoundPhotos
    from gestalt_space.gallery.pipeline import PhotoResult
    from gestalt_space.gallery.spaces import Encoded
    from gestalt_space.gallery.storing import Added
    from gestalt_space.store.runs import RunCounts
    from gestalt_space.types import Face

R = TypeVar("R", "Added", "PhotoResult")

STANDARD_OUTPUT = Path("-")
_ENDLESS = 100_000
"""Width that no table reaches."""
SIDEWAYS_DEGREES = 45
DISCLAIMER = "A research tool, not a medical device: similar faces are not a diagnosis."


def say(message: str, *, indent: str = "") -> None:
    """A message on standard error; on a terminal its words are wrapped, and none is broken."""
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
    text = wrapped(indent + display_name(message), width)
    # Nobody who has closed it wants a message, and no work is broken off for it.
    with suppress(BrokenPipeError):
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is where messages are printed


def say_error(error: GestaltError, subject: str = "") -> None:
    """An error and its hint on standard error, behind what it is about."""
    say(f"{subject}: {error.message}" if subject else error.message)
    if error.hint:
        say(error.hint, indent="  ")


def say_precisions(encoded: Encoded) -> None:
    """Report where photos are encoded in another precision than the gallery's descriptors."""
    if encoded.probe is not None:
        say_precision(encoded.probe.precision, encoded.gallery)


def say_precision(precision: Precision, runs: RunCounts) -> None:
    """As `say_precisions`, where no encoder is opened here."""
    from gestalt_space.gallery.spaces import other_precisions

    if (otherwise := other_precisions(precision, runs)) is not None:
        say(otherwise)
        say(
            "Similarities may differ slightly. Use the gallery's --precision, or encode the "
            f"gallery again: `gestalt index fill --again --precision {precision}`.",
            indent="  ",
        )


def fail(error: GestaltError, *, as_json: bool) -> None:
    """Report an error that ended the command; with `as_json` as a document as well."""
    say_error(error, "Error")
    if as_json:
        from gestalt_space.documents.parts import error_document

        write_json(error_document(error))


def say_passed_over(found: FoundPhotos) -> None:
    """Say what is passed over in folders, and why."""
    if text := found.passed_over_text():
        say(f"{text}.")


def passed_over_forms(found: FoundPhotos) -> list[PassedOverForm]:
    """What is passed over in folders, as it stands in documents."""
    return [
        {"file": display_name(one.path), "reason": display_name(one.reason)}
        for one in found.passed_over
    ]


def lies_on_its_side(face: Face) -> bool:
    """Whether the face was found, and perhaps misread, in a photo that is not upright."""
    return abs(face.quality.roll) > SIDEWAYS_DEGREES and not face.step.startswith("turned")


def marks_text(face: Face) -> str:
    """What makes a face's match less sure, in a line; empty for a good photo."""
    from gestalt_space.faces.marks import marks_of

    return "; ".join(mark.reason for mark in marks_of(face.landmarks, face.quality))


def write_json(document: Mapping[str, object]) -> None:
    """One JSON document on standard output, in UTF-8."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
    sys.stdout.flush()


def write_json_parts(
    document: Mapping[str, object], name: str, parts: Iterable[Mapping[str, object]]
) -> None:
    """One JSON document whose list `name`, its last field and empty so far, is written part by
    part: it may be larger than the memory."""
    head, ending = json.dumps(document, indent=2, ensure_ascii=False).rsplit("[]", 1)
    write = sys.stdout.buffer.write
    write(head.encode("utf-8", "replace") + b"[")
    count = 0
    for part in parts:
        text = json.dumps({name: [part]}, indent=2, ensure_ascii=False, allow_nan=False)
        # Without the lines around the part, which are those of the document.
        lines = text.split("\n", 2)[2].rsplit("\n", 2)[0]
        write((b",\n" if count else b"\n") + lines.encode("utf-8", "replace"))
        count += 1
    write((b"\n  ]" if count else b"]") + ending.encode() + b"\n")
    sys.stdout.flush()


def check_csv(csv: Path | None, *, as_json: bool, overwrite: bool | None = None) -> None:
    """Raise, before any work is done, where a table cannot be written to the place of --csv.

    `overwrite`: whether --overwrite was given; None for a command that has no such option.
    """
    if csv is None:
        return
    if as_json:
        raise UsageError("--json and --csv cannot be combined.", "Leave one of them out.")
    if csv != STANDARD_OUTPUT:
        option = "" if overwrite is None else "--overwrite"
        check_new_file(csv, (".csv", ".tsv"), overwrite=bool(overwrite), option=option)


def table_name(name: str | None, names: Sequence[str], csv: Path | None) -> str:
    """Which table --csv writes: that of --table, else the first."""
    if name is not None and csv is None:
        raise UsageError("--table needs --csv.", "Add --csv FILE.")
    if name is not None and name not in names:
        raise UsageError(f"Unknown table {name!r}.", f"Choose one of: {', '.join(names)}.")
    return name or names[0]


@contextmanager
def csv_parts(csv: Path) -> Iterator[Callable[[Table], None]]:
    """Gives the function that writes a table in parts of the same columns. On standard output each
    is out before the next one comes; a file appears when it is whole. In UTF-8.
    """
    separator = "\t" if csv.suffix.lower() == ".tsv" else ","
    stream = io.StringIO() if csv != STANDARD_OUTPUT else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="replace", newline="", line_buffering=True)
    count = 0

    def write(table: Table) -> None:
        nonlocal count
        table.write_csv(stream, separator, header=not count)
        count += 1

    yield write
    if isinstance(stream, io.StringIO) and csv != STANDARD_OUTPUT:
        write_atomically(csv, stream.getvalue().encode("utf-8", "replace"))


def new_table(
    *columns: str, right: Sequence[str] = (), whole: Sequence[str] = (), least: Sequence[str] = ()
) -> Table:
    """A table for people. `right`: columns of numbers; `whole`: of identifiers; `least`: those that
    may go where a terminal is narrow, the one of least weight first.
    """
    return Table(
        Column(
            name,
            aligned="right" if name in right else "left",
            whole=name in whole,
            least=least.index(name) if name in least else None,
        )
        for name in columns
    )


def write_table(table: Table, csv: Path | None = None) -> None:
    """A table for people on standard output, or as CSV in the place of --csv."""
    if csv is not None:
        with csv_parts(csv) as write:
            write(table)
        return
    for part in drawn(table, shown_width()):
        _console().print(part, soft_wrap=isinstance(part, str))


def write_text(text: str, *, style: str | None = None) -> None:
    """A line on standard output, wrapped between words on a terminal."""
    _console().print(wrapped(text, shown_width()), style=style, soft_wrap=True)


def shown_width() -> int | None:
    """Columns of what standard output goes to: those of `COLUMNS`, else of the terminal; None where
    there is no terminal, and no end of a line.
    """
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def without_pixels(results: Iterable[R]) -> Iterator[R]:
    """Results without the crops of their faces: those of thousands of photos are kept."""
    for result in results:
        face = result.face
        yield result if face is None else replace(result, face=face.without_crop())


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    class PlainConsole(Console):
        """Leaves a broken pipe to the end of the command, as every other way to write does."""

        def on_broken_pipe(self) -> None:
            raise

    width = None if stderr else shown_width() or _ENDLESS
    # Names of photos and patients are shown as they are, whatever brackets and colons they have.
    return PlainConsole(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
