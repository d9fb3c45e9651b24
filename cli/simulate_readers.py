"""`gestalt simulate readers`: readers of faces, whose attention and accuracy are known."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError
from gestalt_space.paths import display_name

from . import options, output
from .interruption import unchanged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gestalt_space.simulate.readers import ShownFace


def readers(
    cohort: Annotated[
        Path,
        typer.Argument(
            help="Folder of a cohort that `gestalt simulate cohort` wrote.",
            metavar="COHORT",
            show_default=False,
        ),
    ],
    folder: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write.", show_default=False)
    ],
    groups: Annotated[
        str, typer.Option("--groups", help="Names of the two groups, separated by a comma.")
    ] = "Bonn,Taipei",
    counts: Annotated[
        str, typer.Option("--readers", help="Number of readers in each group.")
    ] = "12,12",
    faces: Annotated[
        int, typer.Option("--faces", min=2, help="Number of faces to show, half of them patients.")
    ] = 40,
    area: Annotated[
        str, typer.Option("--area", help="Area that the first group looks at more.")
    ] = "eyes",
    difference: Annotated[
        float,
        typer.Option(
            "--difference",
            min=0,
            max=60,
            help="How much more: percentage points of the attention, which the second group gives "
            "to the nose.",
        ),
    ] = 10.0,
    skill: Annotated[
        str,
        typer.Option(
            "--skill",
            help="How far patients are from other faces for the readers of each group, in standard "
            "deviations.",
        ),
    ] = "1.4,1.4",
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, max=60, help="How long each face is shown.")
    ] = 5.0,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="Format of the exports: tobii, tobii-old (decimal commas), pupil, bids or table. "
            "Repeatable. [default: tobii]",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        float, typer.Option("--rate", min=30, max=2000, help="Samples per second.")
    ] = 120.0,
    noise: Annotated[
        float,
        typer.Option("--noise", min=0, max=3, help="Standard deviation of a sample, in degrees."),
    ] = 0.3,
    seed: options.Seed = 21,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a study of simulated readers: exports of an eye tracker, ratings and the truth.

    `exports/` has the recordings as eye trackers export them, and `ratings.csv` how sure each
    reader was that a face is a patient's (1 to 5). `readers.csv` and `photos.csv` list groups and
    ancestries. `fixations.csv`, `measures.csv` and `truth.json` have what was planned. The photos
    stay in the folder of the cohort. The same options give the same files.
    """
    from gestalt_space.simulate.documents import simulated_readers_document
    from gestalt_space.simulate.gaze_samples import TrackerPlan
    from gestalt_space.simulate.reader_files import (
        EXPORTS,
        check_readers_place,
        read_faces,
        write_readers,
    )
    from gestalt_space.simulate.readers import ReadersPlan

    check_readers_place(folder, overwrite=overwrite)
    names = [name.strip() for name in groups.split(",")]
    if len(names) != 2:
        raise UsageError(f"--groups {groups!r} are not two names.", "Write NAME,NAME.")
    plan = ReadersPlan(
        groups=(names[0], names[1]),
        readers=pair_of_counts("--readers", counts),
        area=area,
        difference=difference,
        seconds=seconds,
        skill=pair("--skill", skill),
        seed=seed,
    )
    shown = read_faces(cohort, faces)
    chosen = tuple(dict.fromkeys(formats or ["tobii"]))
    with (
        unchanged(folder),
        output.progress("Recording", sum(plan.readers), quiet=quiet, unit="readers") as show,
    ):
        written = write_readers(
            plan,
            TrackerPlan(rate=rate, noise=noise),
            shown,
            folder,
            formats=chosen,
            overwrite=overwrite,
            progress=show,
        )
    place = display_name(folder)
    if as_json:
        output.write_json(simulated_readers_document(written, shown, chosen, place))
    if not quiet:
        patients = sum(face.ill for face in shown)
        output.say(
            f"Wrote {counted_text(len(written), 'simulated reader')} of "
            f"{counted_text(len(shown), 'simulated face')} ({patients:,} of patients, "
            f"{len(shown) - patients:,} of controls) to {place}. None of them exist."
        )
        if len(shown) < faces:
            output.say(f"The cohort has no more faces than these; --faces is {faces:,}.")
        if patients == len(shown):
            output.say(
                "All faces are of patients, since the cohort has no controls: the ratings cannot "
                "show how accurate readers are. Simulate a cohort with --controls."
            )
        elif abs(2 * patients - len(shown)) > 1:
            output.say("The cohort does not have half of each.")
        output.say(f"The exports are in {place}/{EXPORTS}: {', '.join(chosen)}.")
        words = ["gestalt", "gaze", "study", f"{place}/measures.csv"]
        if not _has_two_ancestries(shown):
            words.append("--groups-only")
        output.say(f"Next: {shlex.join(words)}")


def _has_two_ancestries(faces: Sequence[ShownFace]) -> bool:
    """Whether a study can compare ancestries: there are two, with two faces each or more."""
    counts = Counter(face.ancestry for face in faces)
    return len(counts) == 2 and min(counts.values()) >= 2


def pair(option: str, text: str) -> tuple[float, float]:
    """`12,12` as two numbers. Raises `UsageError`."""
    try:
        first, second = (float(part) for part in text.split(","))
        if not math.isfinite(first + second):
            raise ValueError(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} are not two numbers.", "Write NUMBER,NUMBER."
        ) from None
    return first, second


def pair_of_counts(option: str, text: str) -> tuple[int, int]:
    """`12,12` as two whole numbers of at least 0. Raises `UsageError`."""
    first, second = pair(option, text)
    if first != round(first) or second != round(second) or min(first, second) < 0:
        raise UsageError(f"{option} {text!r} are not two counts.", "Write NUMBER,NUMBER.")
    return round(first), round(second)
