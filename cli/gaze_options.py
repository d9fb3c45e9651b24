"""What the commands on eye tracking share: options, and the way to an export and its photos."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.errors import UsageError

from . import output

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gestalt_space.gaze.importing.export import Export
    from gestalt_space.gaze.photos import SeenPhoto
    from gestalt_space.gaze.placement_file import MediumRow

Exports = Annotated[
    list[Path],
    typer.Argument(
        help="Exports: files, a folder of Tobii exports, a folder of Pupil Labs, or a BIDS "
        "data set.",
        metavar="EXPORT",
        show_default=False,
    ),
]
Mapping = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        help="TOML file that says which column is what, for a table of another eye tracker.",
        metavar="FILE",
        show_default=False,
    ),
]
Media = Annotated[
    Path | None,
    typer.Option(
        "--media",
        help="CSV file with the place of each medium on the screen (medium, left, top, width, "
        "height), if the export does not have it; also times and calibration targets.",
        metavar="FILE",
        show_default=False,
    ),
]
Screen = Annotated[
    str | None,
    typer.Option(
        "--screen",
        help="Size of the screen in pixels, such as 1920x1080. For Pupil Labs.",
        show_default=False,
    ),
]
Reader = Annotated[
    str,
    typer.Option("--reader", help="Name of the reader, if the export has none. For Pupil Labs."),
]


def read_export(
    exports: Sequence[Path],
    mapping: Path | None,
    media: Path | None,
    screen: str | None,
    reader: str,
) -> tuple[Export, tuple[MediumRow, ...]]:
    """The export with the places of its media, and the rows of the media file."""
    from dataclasses import replace

    from gestalt_space.gaze.importing.opening import read_exports
    from gestalt_space.gaze.placement_file import placed, read_media_file

    export = read_exports(exports, mapping=mapping, reader=reader, screen=_size(screen))
    rows = () if media is None else read_media_file(media)
    recordings = tuple(placed(one, rows) for one in export.recordings)
    return replace(export, recordings=recordings), rows


def find_photos(
    export: Export,
    folder: Path,
    detector: str,
    landmarks: Path | None,
    home: Path | None,
    *,
    quiet: bool,
) -> dict[str, SeenPhoto]:
    """The photos of an export's media in a folder, with their faces. Raises `UsageError` where no
    medium has a photo."""
    media = dict.fromkeys(one.medium for each in export.recordings for one in each.shown)
    media |= dict.fromkeys(one.medium for one in export.left_out if one.medium)
    if not media:
        raise UsageError(
            "The export does not say what was shown.",
            "Give --media FILE with the columns medium, onset, offset, left, top, width, height.",
        )
    return faces_of_media(media, folder, detector, landmarks, home, quiet=quiet)


def faces_of_media(
    media: Iterable[str],
    folder: Path,
    detector: str,
    landmarks: Path | None,
    home: Path | None,
    *,
    quiet: bool,
) -> dict[str, SeenPhoto]:
    """The photos of media in a folder, with their faces. Raises `UsageError` where no medium has a
    photo."""
    from gestalt_space.gallery.intake.folders import photos_in
    from gestalt_space.gallery.models import OpenModels
    from gestalt_space.gallery.opened import photo_limits
    from gestalt_space.gaze.photos import find_faces_of, match_photos
    from gestalt_space.settings import load_settings
    from gestalt_space.weights.store import ModelStore

    settings = load_settings(home)
    found = match_photos(media, photos_in(folder).photos)
    if not found:
        listed = ", ".join([*media][:10])
        raise UsageError(
            f"{folder} has no photo of any medium of the export.",
            f"Name the photos as the media are named: {listed}.",
        )
    detectors = OpenModels(ModelStore(settings.models_dir)).detectors(detector, landmarks=landmarks)
    with output.step("Looking for faces", quiet=quiet):
        return find_faces_of(found, detectors, photo_limits(settings))


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"\s*([1-9]\d{0,5})\s*[x×*,]\s*([1-9]\d{0,5})\s*", text)
    if found is None:
        raise UsageError(f"{text!r} is no size.", "Give --screen as WIDTHxHEIGHT: 1920x1080.")
    return int(found[1]), int(found[2])
