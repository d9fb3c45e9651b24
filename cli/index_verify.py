"""`gestalt index verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from . import options, output
from .doctor import tell_findings

EXIT_CODES = "Exit codes: 0 no problem found, 1 problem found, 2 wrong usage."
Sample = Annotated[
    int, typer.Option("--sample", min=0, help="Number of crops to encode again; 0 for none.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed for choosing the crops.")]


def verify(
    sample: Sample = 16,
    seed: Seed = 0,
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
) -> int:
    """Check the gallery: database, descriptors, index, search engines, audit trail and permissions.

    Some of the stored crops are encoded again and compared with the stored descriptors. Nothing is
    changed. Each failed check names the command that repairs it. For monitoring, use `gestalt index
    verify --json`.
    """
    from gestalt_space.gallery.inspecting.whole import inspect_gallery
    from gestalt_space.gallery.listing import ListingMixin
    from gestalt_space.settings import load_settings

    output.check_csv(csv, as_json=as_json)
    settings = load_settings(home)
    with ListingMixin(settings, finish=False) as gallery:
        # A monitoring job that looks at a wrong home shall not call it sound.
        gallery.database.require()
    with output.stages(quiet=as_json) as stages:
        found = list(inspect_gallery(settings, sample=sample, seed=seed, stages=stages))
    return tell_findings(found, csv, as_json=as_json)
