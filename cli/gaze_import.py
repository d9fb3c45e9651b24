"""`gestalt gaze import`: an export to fixations on aligned faces."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError
from gestalt_space.paths import display_name

from . import gaze_options, options, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gestalt_space.gaze.fixations import FixationPlan
    from gestalt_space.gaze.importing.export import Export
    from gestalt_space.gaze.placement_file import MediumRow
    from gestalt_space.gaze.quality import Accuracy, Rules
    from gestalt_space.gaze.trials import FaceTrials

SHOWN = 20
"""Reasons and media that are named, of many."""


def import_(
    exports: gaze_options.Exports,
    photos: Annotated[
        Path,
        typer.Option(
            "--photos", help="Folder with the photos that were shown.", show_default=False
        ),
    ],
    path: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Table to write, one row per fixation: .csv, .tsv or .parquet.",
            show_default=False,
        ),
    ],
    mapping: gaze_options.Mapping = None,
    media: gaze_options.Media = None,
    screen: gaze_options.Screen = None,
    reader: gaze_options.Reader = "",
    fixations: Annotated[
        str,
        typer.Option(
            "--fixations",
            help="Fixations to use: tracker (those of the export), or found in the samples by "
            "dispersion (I-DT), velocity (I-VT) or segments (for noisy gaze, and places that are "
            "near each other). auto: tracker if all recordings have them, else dispersion.",
        ),
    ] = "auto",
    min_duration: Annotated[
        float,
        typer.Option(
            "--min-duration", min=1, max=10_000, help="Shortest fixation, in milliseconds."
        ),
    ] = 66,
    dispersion: Annotated[
        float,
        typer.Option(
            "--dispersion",
            min=1,
            max=10_000,
            help="I-DT: side of the square that holds a fixation, in pixels of the screen.",
        ),
    ] = 100,
    velocity: Annotated[
        float,
        typer.Option(
            "--velocity", min=1, max=10_000, help="I-VT: slowest saccade, in degrees per second."
        ),
    ] = 40,
    pixels_per_degree: Annotated[
        float | None,
        typer.Option(
            "--pixels-per-degree",
            min=1,
            max=10_000,
            help="I-VT: pixels of the screen per degree of visual angle.",
            show_default=False,
        ),
    ] = None,
    smoothing: Annotated[
        float,
        typer.Option(
            "--smoothing",
            min=0,
            max=1000,
            help="I-DT, I-VT: length of the moving median, in milliseconds; 0: none.",
        ),
    ] = 40,
    merge_distance: Annotated[
        float | None,
        typer.Option(
            "--merge-distance",
            min=0,
            max=10_000,
            help="Join neighbouring fixations that are this near, in pixels of the screen; 0: "
            "never. [default: 50, for segments 25]",
            show_default=False,
        ),
    ] = None,
    max_loss: Annotated[
        float,
        typer.Option(
            "--max-loss", min=0, max=1, help="Leave out trials that lost more of their samples."
        ),
    ] = 0.4,
    max_outside: Annotated[
        float,
        typer.Option(
            "--max-outside",
            min=0,
            max=1,
            help="Leave out trials with more of the gaze off the photo.",
        ),
    ] = 0.5,
    max_excluded: Annotated[
        float,
        typer.Option(
            "--max-excluded",
            min=0,
            max=1,
            help="Leave out readers of whom more of the trials are left out.",
        ),
    ] = 0.5,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Write a CSV file with one line per trial: its quality, or why it is left out.",
            show_default=False,
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    detector: options.Detector = "auto",
    landmarks: options.LandmarksFile = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Import an export of an eye tracker: one row per fixation, on the photo and the aligned face.

    Reads Tobii Pro Lab, Tobii Studio, Pupil Labs and BIDS, and other tables with `--mapping`. Each
    medium that has a photo of its name in `--photos` is a trial. The largest face of the photo is
    aligned, so that fixations on different photos can be compared, and each fixation gets the area
    it is in.

    Trials with poor gaze are left out, and the output says how many and why. Run `gestalt gaze
    check` before, and look at its picture.
    """
    from gestalt_space.atomic_files import check_new_file, write_atomically
    from gestalt_space.gaze.documents import import_document, quality_table
    from gestalt_space.gaze.fixations import METHODS, FixationPlan
    from gestalt_space.gaze.quality import Rules
    from gestalt_space.gaze.trial_table import check_trials_path, write_trials
    from gestalt_space.gaze.trials import face_trials

    check_trials_path(path, overwrite=overwrite)
    if report is not None:
        check_new_file(report, (".csv", ".tsv"), overwrite=overwrite)
        if report.resolve() == path.resolve():
            raise UsageError(
                f"{report} cannot be the table and its report.", "Give --report another name."
            )
    known = ("auto", "tracker", *METHODS)
    if fixations not in known:
        raise UsageError(f"Unknown fixations {fixations!r}.", f"Choose one of: {', '.join(known)}.")
    plan = FixationPlan(
        method=next((one for one in METHODS if one == fixations), "dispersion"),
        min_duration=min_duration / 1000,
        dispersion=dispersion,
        velocity=velocity,
        pixels_per_degree=pixels_per_degree,
        smoothing=smoothing / 1000,
        merge_distance=merge_distance,
    )
    rules = Rules(max_loss, max_outside, max_excluded)
    with output.step("Reading", quiet=quiet):
        export, rows = gaze_options.read_export(exports, mapping, media, screen, reader)
    seen = gaze_options.find_photos(export, photos, detector, landmarks, home, quiet=quiet)
    with output.step("Finding fixations", quiet=quiet):
        found = face_trials(export, seen, plan, rules, fixations)
    accuracies = _accuracies(export, rows)
    if not found.trials:
        _say_left_out(found)
        raise UsageError(
            "No trial is left.",
            "See the reasons above. Look at the placement with `gestalt gaze check`.",
        )
    write_trials(found.trials, path)
    if report is not None:
        separator = "\t" if report.suffix.lower() == ".tsv" else ","
        write_atomically(report, quality_table(found).csv(separator))
    if as_json:
        output.write_json(import_document(path, export, found, plan, rules, accuracies))
    if not quiet:
        _say(path, export, found, plan, rules, accuracies)


def _accuracies(export: Export, rows: Sequence[MediumRow]) -> list[Accuracy]:
    """How near the gaze was to the targets of a media file."""
    from gestalt_space.gaze.quality import accuracy

    found = []
    for recording in export.recordings:
        for row in rows:
            if row.target is None or not row.is_of(recording):
                continue
            times = [(one.onset, one.offset) for one in recording.shown if one.medium == row.medium]
            if row.onset is not None and row.offset is not None:
                times = [(row.onset, row.offset)]
            for onset, offset in times:
                one = accuracy(recording, row.medium, onset, offset, *row.target)
                if one is not None:
                    found.append(one)
    return found


def _say(
    path: Path,
    export: Export,
    found: FaceTrials,
    plan: FixationPlan,
    rules: Rules,
    accuracies: Sequence[Accuracy],
) -> None:
    from gestalt_space.gaze.documents import quality_form

    trials = found.trials
    readers = {one.trial.reader for one in trials}
    fixations = sum(len(one.trial.fixations) for one in trials)
    output.say(
        f"{export.format}: {counted_text(fixations, 'fixation')} in "
        f"{counted_text(len(trials), 'trial')} of {counted_text(len(readers), 'reader')}, in "
        f"{display_name(path)}."
    )
    whose = "Fixations of the eye tracker." if found.source == "tracker" else f"{plan}."
    output.say(whose)
    quality = quality_form(trials)
    if quality["loss"] is not None:
        output.say(
            f"Medians over trials: {quality['loss']:.1%} of the samples lost, precision "
            f"{quality['rms'] or 0:.1f} pixels (RMS), {quality['sd'] or 0:.1f} pixels (SD)."
        )
    for one in accuracies:
        output.say(
            f"Accuracy of {one.reader} at {one.target}: {one.distance:.0f} pixels "
            f"({one.right:+.0f} to the right, {one.down:+.0f} down)."
        )
    output.say(f"Rules: {rules}")
    _say_left_out(found)
    if found.begun_before:
        output.say(
            f"{counted_text(found.begun_before, 'fixation')} not used: begun before the medium."
        )
    if found.off_photo:
        output.say(f"{counted_text(found.off_photo, 'fixation')} not used: off the photo.")
    for note in (*export.notes, *found.notes):
        output.say(note)
    if len(readers) == 1:
        output.say("There is one reader: means have no interval over readers.")


def _say_left_out(found: FaceTrials) -> None:
    reasons = Counter((one.reader, one.reason) for one in found.left_out)
    if reasons:
        trials = sum(bool(one.medium) for one in found.left_out)
        whole = len({one.reader for one in found.left_out if not one.medium})
        readers = f", {counted_text(whole, 'whole reader')}" if whole else ""
        output.say(f"Left out: {counted_text(trials, 'trial')}{readers}.")
    for (reader, reason), count in reasons.most_common(SHOWN):
        output.say(f"{reader}: {reason} ({count})", indent="  ")
    if len(reasons) > SHOWN:
        output.say(f"… and {len(reasons) - SHOWN} more; --report lists them all.", indent="  ")
    if found.without_photo:
        listed = ", ".join(found.without_photo[:SHOWN])
        output.say(f"No photo, and so no trial: {listed}.")
