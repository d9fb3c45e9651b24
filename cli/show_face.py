"""`--show-face`: pictures of the faces that were found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.errors import GestaltError, UsageError
from gestalt_space.paths import display_name

from . import output

if TYPE_CHECKING:
    from gestalt_space.faces.photos import PhotoLimits
    from gestalt_space.gallery.pipeline import PhotoSource
    from gestalt_space.types import Face

ShowFace = Annotated[
    Path | None,
    typer.Option(
        "--show-face",
        help="Write a picture (.jpg or .png) of the face found: the photo with box and landmarks, "
        "and the aligned face. For several photos, the pictures are numbered: face-1.jpg, "
        "face-2.jpg. A picture is personal data, like the photo.",
        metavar="FILE",
        show_default=False,
    ),
]


def picture_paths(
    path: Path | None, sources: Sequence[PhotoSource], *, overwrite: bool
) -> list[Path]:
    """A place for the picture of each photo, in order; none where no pictures are asked for.

    Raises `UsageError` and `OutputError` before any work is done: for another ending, a file that
    is there, and a place that is a photo's own.
    """
    if path is None:
        return []
    from gestalt_space.atomic_files import check_new_file
    from gestalt_space.faces.face_picture import ENDINGS

    places = [path]
    if len(sources) > 1:
        places = [
            path.with_name(f"{path.stem}-{number}{path.suffix}")
            for number in range(1, len(sources) + 1)
        ]
    photos = {source.data.resolve() for source in sources if isinstance(source.data, Path)}
    for place in places:
        if place.resolve() in photos:
            raise UsageError(
                f"--show-face would overwrite the photo {display_name(place)}.",
                "Choose another file for --show-face.",
            )
        check_new_file(place, ENDINGS, overwrite=overwrite)
    return places


def write_pictures(
    places: Sequence[Path],
    sources: Sequence[PhotoSource],
    faces: Sequence[Sequence[Face]],
    limits: PhotoLimits,
    *,
    quiet: bool,
) -> None:
    """Write the picture of each photo in which faces were found. A photo that cannot be read again
    is reported."""
    from gestalt_space.atomic_files import write_atomically
    from gestalt_space.faces.face_picture import face_picture, picture_file
    from gestalt_space.faces.photos import read_photo

    written = []
    for place, source, found in zip(places, sources, faces, strict=False):
        if not found:
            continue
        try:
            photo = read_photo(source.data, name=source.name, limits=limits)
        except GestaltError as error:
            output.say_error(error, source.name)
            continue
        write_atomically(place, picture_file(face_picture(photo, found), place.suffix))
        written.append(display_name(place))
    if not quiet and written:
        named = written[0] if len(written) == 1 else f"{written[0]} to {written[-1]}"
        what = "picture of the face" if len(written) == 1 else "pictures of the faces"
        output.say(f"The {what}: {named}.")
