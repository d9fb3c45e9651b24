"""The front of all importers: which format a file or a folder is in, and its recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gestalt_space.errors import TableDamaged, UsageError
from gestalt_space.gaze.importing.bids import bids_files, read_bids
from gestalt_space.gaze.importing.columns import TextFile, read_text_file
from gestalt_space.gaze.importing.export import Export
from gestalt_space.gaze.importing.headings import parse_headings
from gestalt_space.gaze.importing.mapped import read_mapped, read_mapping
from gestalt_space.gaze.importing.pupil import Scene, is_pupil, pupil_files, read_pupil
from gestalt_space.gaze.importing.tobii import is_tobii, read_tobii
from gestalt_space.gaze.types import Recording
from gestalt_space.paths import display_name, is_folder

FORMATS = "Tobii Pro Lab, Tobii Studio, Pupil Labs and BIDS"


def read_recordings(path: Path) -> tuple[Recording, ...]:
    """The recordings of an export in a known format."""
    return read_exports([path]).recordings


def read_exports(
    paths: Sequence[Path],
    *,
    mapping: Path | None = None,
    reader: str = "",
    screen: tuple[int, int] | None = None,
) -> Export:
    """Files or folders of one format as one export; a folder of Tobii exports counts as its `.tsv`
    files. `mapping`: a file that says which column is what, for any table, or for all `.csv` and
    `.tsv` files of a folder; `reader`, `screen`: what Pupil Labs does not say.

    Raises `TableDamaged` for another format and for a missing column, `UsageError` where two files
    have the same recording.
    """
    scene = Scene(reader, screen)
    files = [file for path in paths for file in _files(path, mapping)]
    exports = [_read(path, mapping, scene) for path in files]
    formats = list(dict.fromkeys(one.format for one in exports))
    if len(formats) > 1:
        raise UsageError(
            f"The files are in several formats: {', '.join(formats)}.", "Import them one by one."
        )
    recordings = [one for export in exports for one in export.recordings]
    seen: set[tuple[str, str]] = set()
    for one in recordings:
        if (one.reader, one.name) in seen:
            raise UsageError(
                f"Two files have the recording {one.name} of {one.reader}.",
                "Leave one of them out, or give it another name.",
            )
        seen.add((one.reader, one.name))
    return Export(
        formats[0],
        tuple(recordings),
        tuple(dict.fromkeys(pair for export in exports for pair in export.columns)),
        sum(export.rows for export in exports),
        tuple(one for export in exports for one in export.left_out),
        tuple(dict.fromkeys(note for export in exports for note in export.notes)),
    )


def _files(path: Path, mapping: Path | None) -> list[Path]:
    """The tables of a folder, if each is an export of its own, as with Tobii; else what is
    named."""
    if not is_folder(path) or (mapping is None and (bids_files(path) or pupil_files(path))):
        return [path]
    endings = (".tsv",) if mapping is None else (".csv", ".tsv")
    tables = (one for one in path.iterdir() if one.suffix.lower() in endings and one.is_file())
    return sorted(one for one in tables if not one.name.startswith(".")) or [path]


def _read(path: Path, mapping: Path | None, scene: Scene) -> Export:
    if mapping is not None:
        return read_mapped(read_text_file(path), read_mapping(mapping))
    if files := bids_files(path):
        return read_bids(files)
    if is_folder(path):
        tables = pupil_files(path)
        if not tables:
            raise TableDamaged(
                f"{display_name(path)} has no recording in a known format.",
                "Name a folder of Tobii exports (.tsv), of an export of Pupil Labs, or of a BIDS "
                "data set.",
            )
        return read_pupil([read_text_file(one) for one in tables], scene)
    return _read_table(read_text_file(path), scene)


def _read_table(file: TextFile, scene: Scene) -> Export:
    headings = parse_headings(file.first_line)
    if is_tobii(headings):
        return read_tobii(file)
    if is_pupil(headings):
        return read_pupil([file], scene)
    found = ", ".join(one.text.strip() for one in headings[:20])
    raise TableDamaged(
        f"{file.name} is in no format that is known: {FORMATS}. Its columns are {found}.",
        "Say which column is what with --mapping FILE (docs/gaze.md).",
    )
