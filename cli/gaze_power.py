"""`gestalt gaze power`: how often a study of readers would find a difference."""

from __future__ import annotations

from typing import Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError

from . import options, output
from .simulate_readers import pair_of_counts


def power(
    readers: Annotated[
        str, typer.Option("--readers", help="Number of readers in each group.")
    ] = "12,12",
    photos: Annotated[
        str,
        typer.Option(
            "--photos", help="Number of photos of each ancestry; 40,0 for photos of one ancestry."
        ),
    ] = "20,20",
    difference: Annotated[
        float, typer.Option("--difference", help="True difference, in the unit of the measure.")
    ] = 10.0,
    effect: Annotated[
        str,
        typer.Option(
            "--effect",
            help="What differs: group, ancestry, or both (the groups differ by so much more for "
            "one ancestry).",
        ),
    ] = "group",
    reader_sd: Annotated[
        float, typer.Option("--reader-sd", min=0, help="Standard deviation of readers.")
    ] = 8.0,
    photo_sd: Annotated[float, typer.Option("--photo-sd", min=0, help="Of photos.")] = 5.0,
    reader_by_ancestry_sd: Annotated[
        float,
        typer.Option("--reader-by-ancestry-sd", min=0, help="Of a reader between ancestries."),
    ] = 3.0,
    photo_by_group_sd: Annotated[
        float, typer.Option("--photo-by-group-sd", min=0, help="Of a photo between groups.")
    ] = 2.0,
    trial_sd: Annotated[float, typer.Option("--trial-sd", min=0.001, help="Of trials.")] = 15.0,
    missing: Annotated[
        float, typer.Option("--missing", min=0, max=0.9, help="Share of trials that are lost.")
    ] = 0.0,
    studies: Annotated[
        int, typer.Option("--studies", min=50, max=100_000, help="Number of simulated studies.")
    ] = 500,
    seed: options.Seed = 0,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Calculate the power of a study of readers before it begins, by simulation.

    Each simulated study is analysed as `gestalt gaze study` does. The power is the share of studies
    with a p below 0.05. The defaults are like the share of dwell on the eyes, in percentage points;
    take standard deviations of your own from the JSON document of an earlier study.
    """
    from gestalt_space.gaze.study_documents import power_document
    from gestalt_space.gaze.study_power import MeasurePlan
    from gestalt_space.gaze.study_power import power as power_of

    effects = {"group": "group", "ancestry": "ancestry", "both": "group x ancestry"}
    if effect not in effects:
        raise UsageError(f"Unknown effect {effect!r}.", f"Choose one of: {', '.join(effects)}.")
    plan = MeasurePlan(
        readers=pair_of_counts("--readers", readers),
        photos=pair_of_counts("--photos", photos),
        reader_sd=reader_sd,
        photo_sd=photo_sd,
        reader_by_ancestry_sd=reader_by_ancestry_sd,
        photo_by_group_sd=photo_by_group_sd,
        trial_sd=trial_sd,
        missing=missing,
        group=difference if effect == "group" else 0.0,
        ancestry=difference if effect == "ancestry" else 0.0,
        both=difference if effect == "both" else 0.0,
    )
    with output.progress("Simulating", studies, quiet=quiet, unit="studies") as show:
        found = power_of(
            plan,
            effects[effect],  # type: ignore[arg-type]
            studies=studies,
            seed=seed,
            progress=show,
        )
    if as_json:
        output.write_json(power_document(plan, found, seed))
        return
    share = found.share
    output.write_text(
        f"Power {share.value:.1%} ({share.low:.1%} to {share.high:.1%}) for a difference of "
        f"{difference:g}: {plan.readers[0]} + {plan.readers[1]} readers, "
        f"{counted_text(sum(plan.photos), 'photo')}, {studies:,} simulated studies."
    )
