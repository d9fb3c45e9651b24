"""`gestalt index calibrate`."""

from __future__ import annotations

from typing import Annotated

import typer

from gestalt_space.counts import counted_text

from . import options, output
from .interruption import interruption
from .opening import opened

Seed = Annotated[
    int, typer.Option("--seed", min=0, help="Seed for choosing the patients and photos to compare.")
]


def calibrate(
    seed: Seed = 0,
    space: options.Space = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure what similarities mean in this gallery, for verdicts, percentiles and likelihood
    ratios.

    Small galleries are calibrated when photos are added. For a large gallery, run this command when
    `gestalt index add` or `gestalt match` reports that the calibration is old. It takes minutes for
    a million photos. Until it ends, the old calibration is used. After an interruption, run it
    again: finished work is kept.
    """

    with (
        interruption(
            lambda: ": the old calibration is still used, and finished work is kept.",
            "Run the same command again to continue.",
        ),
        opened(home, space=space) as gallery,
        output.progress("Calibrating", 100, quiet=quiet, unit="%") as show,
    ):
        found = gallery.calibrate(seed=seed, progress=lambda share: show(int(100 * share), 100))
        name = gallery.space.model.name
    if as_json:
        from gestalt_space.documents.indexes import calibrated_document

        output.write_json(calibrated_document(name, found))
    elif not quiet:
        output.say(
            f"Calibrated in the space of {name}, in {found.seconds:.0f} s: "
            f"{counted_text(found.photos, 'photo')}, "
            f"{counted_text(found.patients, 'patient')} with a diagnosis, "
            f"{counted_text(found.disorders, 'disorder')}."
        )
        if not found.saved:
            output.say(
                "Meanwhile, another process calibrated a newer state of the gallery; that "
                "calibration is used."
            )
