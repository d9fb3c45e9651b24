"""`gestalt align` and `gestalt encode`: batches of photos to crops or descriptors in files."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gestalt_space.counts import counted_text
from gestalt_space.paths import display_name

from . import options, output
from .interruption import interruption
from .opening import opened_for_photos
from .probes import probes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gestalt_space.gallery.intake.folders import FoundPhotos
    from gestalt_space.gallery.pipeline import PhotoResult

CropFolder = Annotated[
    Path, typer.Option("--output", "-o", help="Folder for the crops.", show_default=False)
]
DescriptorFile = Annotated[
    Path,
    typer.Option(
        "--output", "-o", help="File to write: .npz, .parquet or .csv.", show_default=False
    ),
]
SHOWN_FAILURES = 20


def align(
    photos: options.Photos,
    folder: CropFolder,
    face: options.FaceNumber = None,
    overwrite: options.Overwrite = False,
    detector: options.Detector = "auto",
    landmarks: options.LandmarksFile = None,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Cut the aligned face out of each photo, as a PNG of 112 × 112 pixels.

    If a photo has several faces, the largest is used. `crops.csv` in the folder lists the photo,
    box, landmarks and quality of each crop, and why a photo has none. Until all photos are done,
    its name is `crops.csv.part`. After an interruption, run the same command: it starts again and
    overwrites the crops listed there. `-` reads one photo from standard input.
    """
    from gestalt_space.devices import parse_device
    from gestalt_space.gallery.models import OpenModels
    from gestalt_space.gallery.opened import photo_limits
    from gestalt_space.gallery.pipeline import find_all_faces
    from gestalt_space.interop.descriptor_files import PART_TABLE, write_crops
    from gestalt_space.settings import load_settings
    from gestalt_space.weights.store import ModelStore

    settings = load_settings(home)
    sources, over = probes_of(photos, face, settings.max_photo_bytes)
    detectors = OpenModels(ModelStore(settings.models_dir)).detectors(
        detector, landmarks=landmarks, device=parse_device(device)
    )
    if not quiet:
        output.say_passed_over(over)
        output.say(f"Detector {detectors.title}.")
    found = find_all_faces(sources, detectors, limits=photo_limits(settings))
    written = write_crops(found, folder, overwrite=overwrite)
    shown = output.with_bar(written, "Aligning", len(sources), quiet=quiet)
    results: list[PhotoResult] = []
    with interruption(
        lambda: (
            f" after {len(results):,} of {counted_text(len(sources), 'photo')}: "
            f"{PART_TABLE} in {display_name(folder)} lists the crops written so far."
        ),
        "Run the same command again; it starts over and overwrites those crops.",
    ):
        for result in output.without_pixels(shown):
            results.append(result)  # noqa: PERF402 - the message counts what came before
    return _finish(results, folder, "aligned", over, as_json=as_json, quiet=quiet)


def encode(
    photos: options.Photos,
    path: DescriptorFile,
    face: options.FaceNumber = None,
    overwrite: options.Overwrite = False,
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
    """Write the descriptors of photos to a file. Nothing is stored in the gallery.

    `.npz` has the arrays `descriptors` (n, d) float32 and `photos` (n,), the photos that failed in
    `failed`, and two JSON texts: the specification of the space in `space`, and the precision,
    device and runtime in `run`. `.parquet` has the same as columns and metadata. `.csv` has the
    slots in the format of GestaltMatcher-Arc's encodings, one row per photo and slot. Descriptors
    are personal data: a face can be rebuilt from them. `-` reads one photo from standard input.
    """
    from gestalt_space.encoders.registry import encoder_spec
    from gestalt_space.interop.descriptor_files import (
        check_descriptor_path,
        collect,
        write_descriptors,
    )

    check_descriptor_path(path, overwrite=overwrite)
    with opened_for_photos(
        home, space, detector, landmarks, device, precision, engine, address
    ) as gallery:
        sources, over = probes_of(photos, face, gallery.settings.max_photo_bytes)
        gallery = gallery.pinned()
        model = gallery.space.model
        if not quiet:
            output.say_passed_over(over)
            output.say(f"Encoder {model.name}, detector {gallery.detector}.")
        with gallery.encoding() as encoding:
            found = itertools.chain.from_iterable(encoding.photos(sources))
            shown = output.with_bar(found, "Encoding", len(sources), quiet=quiet)
            results = list(output.without_pixels(shown))
            made_by = encoding.made_by
        write_descriptors(collect(results, encoder_spec(model), made_by), path)
    return _finish(results, path, "encoded", over, as_json=as_json, quiet=quiet)


def _finish(
    results: Sequence[PhotoResult],
    place: Path,
    done: Literal["aligned", "encoded"],
    found: FoundPhotos,
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    failed = [result for result in results if result.error is not None]
    if as_json:
        from gestalt_space.documents.written import written_document

        over = output.passed_over_forms(found)
        output.write_json(written_document(display_name(place), done, results, over))
    if not quiet:
        for result in failed[:SHOWN_FAILURES]:
            if result.error is not None:
                output.say_error(result.error, result.source.name)
        if len(failed) > SHOWN_FAILURES:
            output.say(f"… and {len(failed) - SHOWN_FAILURES} more; {place} lists them all.")
        count = counted_text(len(results) - len(failed), "photo")
        output.say(f"{count} {done} to {display_name(place)}, {len(failed)} failed.")
    return 3 if failed else 0
