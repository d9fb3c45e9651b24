"""`gestalt gaze report`: the page of a study of gaze."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError
from gestalt_space.paths import display_name

from . import options, output
from .gaze_compare import Maps, maps_of
from .gaze_study import ReadersFile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gestalt_space.types import Pixels

JsonFile = Path | None


def report(
    fixations: Annotated[
        Path,
        typer.Argument(
            help="Table of fixations from `gestalt gaze import`.",
            metavar="TABLE",
            show_default=False,
        ),
    ],
    page: Annotated[
        Path,
        typer.Option("--output", "-o", help="Page to write (.html).", show_default=False),
    ],
    photos: Annotated[
        Path | None,
        typer.Option("--photos", help="Folder of the photos that were shown.", show_default=False),
    ] = None,
    readers: ReadersFile = None,
    maps: Maps = [],  # noqa: B006 - Typer copies it
    imported: Annotated[
        JsonFile,
        typer.Option(
            "--imported",
            help="What `gestalt gaze import --json` printed, for the methods section.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    study: Annotated[
        JsonFile,
        typer.Option(
            "--study",
            help="What `gestalt gaze study --json` printed, for its tables.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    faces: Annotated[
        int, typer.Option("--faces", min=0, help="Number of faces to show, by name.")
    ] = 12,
    sigma: Annotated[
        float,
        typer.Option(
            "--sigma",
            min=0.5,
            max=30,
            help="Standard deviation of a fixation in a density, in pixels of the aligned face.",
        ),
    ] = 4.0,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Say on the page that readers and faces are.")
    ] = False,
    detector: options.Detector = "auto",
    landmarks: options.LandmarksFile = None,
    home: options.Home = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a page: where and when groups of readers looked, beside models, with tables and the
    sentences for the methods section.

    With --photos, the page shows faces with scan paths and densities: keep it as you keep the
    photos. Everything the page shows is in the one file.
    """
    from gestalt_space.gaze.comparison import SALIENT
    from gestalt_space.gaze.reader_tables import read_groups
    from gestalt_space.gaze.report import make_report
    from gestalt_space.gaze.trial_table import read_trials
    from gestalt_space.pages.evaluation import check_page_path
    from gestalt_space.pages.gaze import write_gaze_page

    check_page_path(page, overwrite=overwrite)
    trials = read_trials(fixations)
    groups = {} if readers is None else read_groups(readers)
    documents = (
        _document(imported, "gaze-import", "gestalt gaze import"),
        _document(study, "reader-study", "gestalt gaze study"),
    )
    media = sorted({one.trial.medium for one in trials})
    models = maps_of(maps, media)
    crops = {} if photos is None else _crops(media, photos, detector, landmarks, home, quiet=quiet)
    with output.step("Writing the page", quiet=quiet):
        made = make_report(trials, groups, crops, models, most=faces, sigma=sigma, salient=SALIENT)
        write_gaze_page(made, page, imported=documents[0], study=documents[1], simulated=simulated)
    if not quiet:
        told = counted_text(sum(one.summary.readers for one in made.groups), "reader")
        output.say(f"Wrote {page}: {told}, {counted_text(len(media), 'photo')}.")
        missing = len(media) - len(crops)
        if photos is not None and missing:
            output.say(f"{counted_text(missing, 'photo')} without a face that was found.")
        if made.without_group:
            output.say(f"Left out, without a group: {', '.join(made.without_group)}.")
        if made.faces:
            output.say("The page shows faces: keep it as you keep the photos.")
        output.say(output.DISCLAIMER)


def _document(path: Path | None, kind: str, command: str) -> dict[str, Any] | None:
    """A document that a command printed. Raises `UsageError` for another one."""
    if path is None:
        return None
    hint = f"Give what `{command} --json` printed."
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{display_name(path)} cannot be read as JSON.", hint) from error
    if not isinstance(found, dict) or found.get("document") != kind:
        raise UsageError(f"{display_name(path)} is no document of `{command}`.", hint)
    return found


def _crops(
    media: Iterable[str],
    folder: Path,
    detector: str,
    landmarks: Path | None,
    home: Path | None,
    *,
    quiet: bool,
) -> dict[str, Pixels]:
    """The aligned faces of media."""
    from .gaze_options import faces_of_media

    seen = faces_of_media(media, folder, detector, landmarks, home, quiet=quiet)
    return {medium: one.crop for medium, one in seen.items() if one.crop is not None}
