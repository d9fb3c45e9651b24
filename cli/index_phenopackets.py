"""`gestalt index import-phenopackets`: patients and photos of phenopackets into the gallery."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.paths import display_name

from . import options, output
from .index_add import put_in, starting
from .opening import opened_for_photos

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gestalt_space.interop.phenopacket_intake import PhenopacketIntake

SHOWN_FAILURES = 20


def import_phenopackets(
    source: Annotated[
        Path,
        typer.Argument(
            help="A phenopacket, or a folder or zip file of phenopackets.",
            metavar="FILE|FOLDER|ZIP",
            show_default=False,
        ),
    ],
    photos: Annotated[
        Path | None,
        typer.Option(
            "--photos",
            help="Folder that the paths of photos are relative to. [default: the folder of each "
            "phenopacket, or of the zip file]",
            show_default=False,
        ),
    ] = None,
    consent: Annotated[
        str | None,
        typer.Option(
            "--consent",
            help="The consent to photos whose phenopacket states none, in your words.",
            show_default=False,
        ),
    ] = None,
    prefix: Annotated[
        str,
        typer.Option("--prefix", help="Text to put before every patient id.", show_default=False),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be added.")
    ] = False,
    largest: options.Largest = False,
    no_crops: options.NoCrops = False,
    report: options.Report = None,
    detector: options.Detector = "auto",
    landmarks: options.LandmarksFile = None,
    space: options.Space = None,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    precision: options.PrecisionName = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Add the photos that phenopackets of version 2 name, with terms, disorders and genes.

    A photo is added if the phenopacket has its path, relative to the phenopacket, and its sha256,
    and consent is stated. Patients are known by the ids of their phenopackets. The gallery keeps
    patients by their photos, so patients without a photo are counted, and not added. You can run
    this command again: photos already added are skipped.
    """
    with ExitStack() as stack:
        with starting():
            from gestalt_space.gallery.intake.values import parse_consent
            from gestalt_space.interop.phenopacket_documents import (
                phenopackets_document,
                phenopackets_form,
            )
            from gestalt_space.interop.phenopacket_intake import phenopacket_intake
            from gestalt_space.interop.phenopackets import read_phenopackets

            found = phenopacket_intake(
                read_phenopackets(source),
                photos=photos,
                consent=parse_consent(consent),
                prefix=prefix,
            )
            if not quiet:
                _say_found(found)
            code = 3 if found.failed else 0
            if dry_run:
                if as_json:
                    output.write_json(phenopackets_document(found))
                elif not quiet:
                    output.say("Nothing was added, because of --dry-run.")
                return code
            gallery = stack.enter_context(
                opened_for_photos(home, space, detector, landmarks, device, precision)
            )
        added = put_in(
            gallery,
            found.rows,
            largest=largest,
            keep_crops=not no_crops,
            report=report,
            as_json=as_json,
            quiet=quiet,
            beside={"phenopackets": phenopackets_form(found)},
        )
        return added or code


def _say_found(found: PhenopacketIntake) -> None:
    from gestalt_space.interop.phenopacket_intake import NO_FILE, NO_PHOTO, reasons

    output.say(
        f"Read {counted_text(found.read, 'phenopacket')}: {counted_text(len(found.rows), 'photo')} "
        f"of {counted_text(found.patients, 'patient')} can be added."
    )
    for reason, count in reasons(found):
        what = "patient" if reason == NO_PHOTO else "photo"
        output.say(f"{counted_text(count, what)} left out: {reason}.")
    if NO_FILE in found.left_out and not found.rows:
        output.say(
            "Name the folder that the paths in the phenopackets begin from: --photos DIR. For "
            "photos/7.jpg it is the folder that has photos/.",
            indent="  ",
        )
    _say_each(found.failed, "phenopackets that cannot be used")
    _say_each(found.not_used, "values that cannot be used")


def _say_each(sentences: Sequence[tuple[str, str]], what: str) -> None:
    """The first sentences, behind the names of their files, and how many more there are."""
    for name, sentence in sentences[:SHOWN_FAILURES]:
        output.say(f"{display_name(name)}: {sentence}")
    if len(sentences) > SHOWN_FAILURES:
        output.say(f"… and {len(sentences) - SHOWN_FAILURES:,} more {what}; --json lists them all.")
