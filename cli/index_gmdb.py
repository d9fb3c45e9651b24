"""`gestalt index import-gmdb`: a release of GMDB into the gallery."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from gestalt_space.counts import counted_text

from . import options, output
from .index_add import put_in, starting
from .opening import opened_for_photos


def import_gmdb(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder with image_metadata_….tsv.", metavar="DIR", show_default=False),
    ],
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            help="Folder with the images. [default: DIR, or a folder `images` or `photos` in it "
            "or next to it]",
            show_default=False,
        ),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            help="Version of the metadata, such as v1.0.3. [default: the only one there]",
            show_default=False,
        ),
    ] = None,
    prefix: Annotated[
        str,
        typer.Option(
            "--prefix",
            help="Text to put before every patient id, if your own ids are numbers too.",
            show_default=False,
        ),
    ] = "",
    include_private: Annotated[
        bool,
        typer.Option(
            "--include-private", help="Add private images too, if you are allowed to use them."
        ),
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
    engine: options.EngineName = "local",
    address: options.Address = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Add the images of a release of GestaltMatcher Database.

    Images without consent and private images are skipped and counted. Authors, e-mail addresses and
    names are not read. Controls and relatives are added without a disorder, in a separate cohort.
    You can run this command again: images already added are skipped.
    """
    with ExitStack() as stack:
        with starting():
            from gestalt_space.interop.gmdb_intake import check_patients, gmdb_intake

            found = gmdb_intake(
                folder,
                version=version,
                images=images,
                include_private=include_private,
                prefix=prefix,
            )
            left_out = {reason: len(ids) for reason, ids in found.left_out.items()}
            if not quiet:
                for reason, count in left_out.items():
                    output.say(f"{counted_text(count, 'image')} left out: {reason}.")
            gallery = stack.enter_context(
                opened_for_photos(
                    home, space, detector, landmarks, device, precision, engine, address
                )
            )
            known = gallery.patients() if gallery.exists else []
            check_patients(found, {patient.patient: patient.cohort for patient in known})
        return put_in(
            gallery,
            found.rows,
            largest=largest,
            keep_crops=not no_crops,
            report=report,
            as_json=as_json,
            quiet=quiet,
            beside={"gmdb": found.version, "left_out": left_out},
        )
