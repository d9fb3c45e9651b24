"""`gestalt space terms`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.errors import UsageError

from . import options, output
from .opening import opened_for_photos

if TYPE_CHECKING:
    from gestalt_space.explain.gallery_terms import LookedLike
    from gestalt_space.home import Gallery
    from gestalt_space.progress import Progress


def terms(
    photo: Annotated[
        list[Path] | None,
        typer.Argument(help="Photos of one patient.", metavar="PHOTO", show_default=False),
    ] = None,
    patient: Annotated[
        str | None,
        typer.Option("--patient", help="A patient of the gallery.", show_default=False),
    ] = None,
    disorder: Annotated[
        str | None,
        typer.Option(
            "--disorder",
            help="The mean of the patients with this disorder.",
            metavar="DISORDER",
            show_default=False,
        ),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Number of terms to list.")] = 10,
    face: options.FaceNumber = None,
    space: options.Space = None,
    detector: options.Detector = "auto",
    device: options.DeviceName = "auto",
    precision: options.PrecisionName = None,
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
    quiet: options.Quiet = False,
) -> None:
    """List the HPO terms that a face, or a disorder's patients, look like in the gallery's space.

    The direction from the gallery's mean to the face is compared with how simulated terms move
    faces. `deviations` counts standard deviations of the gallery's patients; `beyond` is the share
    of patients who look less so. A term high in the list was not seen by anybody: it says what
    the encoder responds to. The first time, a minute is needed to learn the directions.
    """
    from gestalt_space.explain.term_documents import space_terms_document, space_terms_table

    output.check_csv(csv, as_json=as_json)
    if sum([bool(photo), patient is not None, disorder is not None]) != 1:
        raise UsageError(
            "Photos, a patient or a disorder are needed, and one of them alone.",
            "Use PHOTO, --patient or --disorder.",
        )
    with opened_for_photos(home, space, detector, None, device, precision) as gallery:
        gallery = gallery.pinned()
        gallery.state()
        with output.progress("Learning terms", None, quiet=quiet, unit="people") as bar:
            about, found = _found(gallery, photo or [], patient, disorder, face, bar)
        name, fingerprint = gallery.space.model.name, gallery.encoder.spec.fingerprint
    if as_json:
        output.write_json(space_terms_document(name, fingerprint, about, found, top))
        return
    output.write_table(space_terms_table(found, top), csv)
    if csv is None and not quiet:
        output.write_text(
            f"{about}, compared with {found.patients:,} patients in the space of {name}.",
            style="dim",
        )
        output.write_text(output.DISCLAIMER, style="dim")


def _found(
    gallery: Gallery,
    photos: list[Path],
    patient: str | None,
    disorder: str | None,
    face: int | None,
    progress: Progress,
) -> tuple[str, LookedLike]:
    """What is asked about, in words, and its terms."""
    from gestalt_space.explain.gallery_terms import terms_of_descriptor, terms_of_disorder

    from .probes import probes_of

    if disorder is not None:
        return disorder, terms_of_disorder(gallery, disorder, progress)
    if patient is not None:
        probe = gallery.stored_probe(patient)
    else:
        sources, passed_over = probes_of(photos, face, gallery.settings.max_photo_bytes)
        output.say_passed_over(passed_over)
        ((probe,),) = gallery.probes(sources, as_one=True)
    if probe.descriptor is not None:
        for one in probe.photos:
            if one.error is not None:
                output.say_error(one.error, one.name)
    else:
        assert probe.error is not None, "no descriptor has a reason"  # noqa: S101
        raise probe.error
    left_out = [] if probe.own is None else [probe.own.identifier]
    return probe.name, terms_of_descriptor(gallery, probe.descriptor, left_out, progress)
