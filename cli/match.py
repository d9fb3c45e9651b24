"""`gestalt match`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.errors import GestaltError, UsageError
from gestalt_space.paths import display_name

from . import options, output

if TYPE_CHECKING:
    from gestalt_space.types import Face, Match

PLAIN_STEPS = ("as is", "aligned", "landmarks file")
CSV_COLUMNS = (
    "photo",
    "rank",
    "id",
    "name",
    "similarity",
    "patient",
    "patients",
    "photos",
    "error",
)


def match(
    photos: options.Photos,
    top: Annotated[int, typer.Option("--top", min=1, help="How many disorders to list.")] = 10,
    face: options.FaceNumber = None,
    detector: options.Detector = "auto",
    landmarks: options.LandmarksFile = None,
    space: options.Space = None,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    precision: options.PrecisionName = "auto",
    as_json: options.Json = False,
    as_csv: options.Csv = False,
    quiet: options.Quiet = False,
) -> int:
    """Rank the gallery's disorders for each photo. Nothing is stored.

    Each line rests on one patient, the nearest with that disorder: similarity is the cosine of the
    two faces' descriptors, from -1 to 1, higher is closer. Of several faces in a photo the largest
    is taken, and the output says so. A patient whose own photo is asked about is left out.
    """
    from gestalt_space.devices import parse_device
    from gestalt_space.encoders.precision import parse_precision
    from gestalt_space.gallery import Gallery
    from gestalt_space.intake import photos_of
    from gestalt_space.pipeline import PhotoSource
    from gestalt_space.replies import failed_match_document, match_document
    from gestalt_space.weights.store import BUILTIN, BUILTIN_CAUTION

    if as_json and as_csv:
        raise UsageError("--json and --csv were both given.", "Give one of them.")
    names = [display_name(path) for path in photos]
    try:
        paths = photos_of(photos)
        names = [display_name(path) for path in paths]
        sources = [
            PhotoSource(name, path, face, largest=True)
            for name, path in zip(names, paths, strict=True)
        ]
        with Gallery.open(
            home,
            space=space,
            detector=detector,
            landmarks=landmarks,
            device=parse_device(device),
            precision=parse_precision(precision),
        ) as gallery:
            snapshot = gallery.snapshot()
            found = output.without_pixels(gallery.match(sources, k=top, snapshot=snapshot))
            total, bar = len(sources), quiet or len(sources) == 1
            matches = list(output.counted(found, "Matching", total, quiet=bar))
            active, took = gallery.space, gallery.pipeline.detector
    except GestaltError as error:
        if not as_json:
            raise
        output.fail(error, as_json=False)
        output.write_json(failed_match_document(error, names))
        return error.exit_code
    if as_json:
        output.write_json(match_document(active, snapshot, matches))
    elif as_csv:
        _write_csv(matches)
    else:
        for found_match in matches:
            _show(found_match, took)
        if not quiet:
            output.write_text(
                f"{output.counted_text(len(snapshot.patients), 'patient')}, "
                f"{output.counted_text(len(snapshot.index), 'photo')}, "
                f"{output.counted_text(len(snapshot.lines.titles), 'disorder')} "
                f"in the space of {active.model.name}.",
                style="dim",
            )
            if active.model.name == BUILTIN:
                output.write_text(BUILTIN_CAUTION, style="dim")
            output.write_text(output.DISCLAIMER, style="dim")
    return 3 if any(one.error is not None for one in matches) else 0


def _show(match: Match, detector: str) -> None:
    if match.error is not None:
        output.say_error(match.error, match.photo)
        return
    output.write_text(match.photo, style="bold")
    if match.face is not None:
        output.write_text(_face_line(match.face, detector))
    if match.left_out is not None:
        output.write_text(
            f"  this photo is in the gallery for patient {match.left_out}, who is left out"
        )
    table = output.new_table(
        *("rank", "disorder", "similarity", "patient", "patients", "photos"),
        right=("rank", "similarity", "patients", "photos"),
    )
    for line in match.disorders:
        title = line.id if line.name in ("", line.id) else f"{line.name} ({line.id})"
        table.add_row(
            str(line.rank),
            title,
            f"{line.similarity:.4f}",
            line.patient,
            str(line.patients),
            str(line.photos),
        )
    output.write_table(table)


def _face_line(face: Face, detector: str) -> str:
    which = "one face" if face.count == 1 else f"face {face.number} of {face.count}"
    how = "" if face.step in PLAIN_STEPS else f", photo {face.step}"
    line = (
        f"  {which}, {face.quality.size:.0f} px, found by {detector} (score {face.score:.2f}{how})"
    )
    if output.lies_on_its_side(face):
        line += "\n  the face lies on its side: turn the photo upright for a better match"
    return line


def _write_csv(matches: list[Match]) -> None:
    rows: list[tuple[object, ...]] = []
    for match in matches:
        if match.error is not None:
            rows.append((match.photo, *[""] * 7, match.error.message))
        rows += [
            (
                match.photo,
                line.rank,
                line.id,
                line.name,
                f"{line.similarity:.4f}",
                line.patient,
                line.patients,
                line.photos,
                "",
            )
            for line in match.disorders
        ]
    output.write_csv(CSV_COLUMNS, rows)
