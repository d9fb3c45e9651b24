"""`gestalt gaze check`: what an export has, and whether photos are placed right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError

from . import gaze_options, options, output
from .figures import PICTURES, check_picture_path, write_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gestalt_space.gaze.importing.export import Export
    from gestalt_space.gaze.photos import SeenPhoto


def check(
    exports: gaze_options.Exports,
    photos: Annotated[
        Path | None,
        typer.Option(
            "--photos", help="Folder with the photos that were shown.", show_default=False
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Picture to write: fixations and areas on the photos (.png, .svg or .pdf).",
            show_default=False,
        ),
    ] = None,
    mapping: gaze_options.Mapping = None,
    media: gaze_options.Media = None,
    screen: gaze_options.Screen = None,
    reader: gaze_options.Reader = "",
    overwrite: options.Overwrite = False,
    detector: options.Detector = "auto",
    landmarks: options.LandmarksFile = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what an export has: recordings, media and their places, and the columns that were read.

    With `--photos` and `-o`, draw the fixations of all readers and the areas on the photos. Look at
    this picture before you import: fixations that do not lie on the faces show that a photo was
    placed wrongly.
    """
    from gestalt_space.gaze.documents import check_document, media_forms, recordings_table

    if (photos is None) != (picture is None):
        raise UsageError("--photos and -o must be used together.", "Give both, or none.")
    if picture is not None:
        check_picture_path(picture, PICTURES, overwrite=overwrite)
    with output.step("Reading", quiet=quiet):
        export, _ = gaze_options.read_export(exports, mapping, media, screen, reader)
    without: list[str] = []
    if photos is not None and picture is not None:
        seen = gaze_options.find_photos(export, photos, detector, landmarks, home, quiet=quiet)
        shown = media_forms(export.recordings)
        without = [one["medium"] for one in shown if one["medium"] not in seen]
        write_picture(lambda: _figure(export, seen), picture, overwrite=overwrite, quiet=quiet)
    if as_json:
        output.write_json(check_document(export, without))
        return
    output.write_table(recordings_table(export))
    if quiet:
        return
    output.say(f"{export.format}, {counted_text(export.rows, 'row')}. Columns:")
    for what, heading in export.columns:
        output.say(f"{what}: {heading}", indent="  ")
    output.say("Media:")
    for one in media_forms(export.recordings):
        place = "place unknown"
        if one["left"] is not None:
            place = (
                f"{one['width']:g} × {one['height']:g} at x {one['left']:g}, y {one['top']:g}, "
                f"photo {one['photo_width']} × {one['photo_height']}"
            )
        places = f", {one['places']} different places" if one["places"] > 1 else ""
        no_photo = ", no photo" if one["medium"] in without else ""
        output.say(f"{one['medium']}: {place}{places}{no_photo}", indent="  ")
    for left in export.left_out:
        output.say(f"Left out: {left.reader}, {left.recording}, {left.medium}: {left.reason}.")
    for note in export.notes:
        output.say(note)


def _figure(export: Export, photos: dict[str, SeenPhoto]) -> Figure:
    from gestalt_space.faces.photos import read_photo
    from gestalt_space.figures.gaze import MOST, Overlay, overlay_figure
    from gestalt_space.gaze.fixations import FixationPlan
    from gestalt_space.gaze.overlays import fixations_of, fixations_on, outlines_on

    recordings = fixations_of(export.recordings, FixationPlan())
    overlays = []
    for one in [*photos.values()][:MOST]:
        if not one.width:
            continue
        x, y = fixations_on(one, recordings)
        title = one.medium if one.matrix is not None else f"{one.medium}: no face"
        pixels = read_photo(one.path).pixels
        overlays.append(Overlay(title, pixels, x, y, outlines_on(one)))
    if not overlays:
        raise UsageError("No photo can be read.", "Check the folder.")
    return overlay_figure(overlays)
