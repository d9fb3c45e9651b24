"""`gestalt faces`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gestalt_space.errors import GestaltError
from gestalt_space.faces.steps import PLAIN, step_text

from . import options, output
from .probes import probes_of
from .show_face import ShowFace, picture_paths, write_pictures

if TYPE_CHECKING:
    from gestalt_space.types import Face


def faces(
    photos: options.Photos,
    show_face: ShowFace = None,
    overwrite: options.Overwrite = False,
    detector: options.Detector = "auto",
    landmarks: options.LandmarksFile = None,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """List all faces in photos, and what makes a match less reliable. Nothing is stored.

    Face 1 is the largest. Use this number for --face in other commands. Small, blurred and turned
    faces are marked. `-` reads one photo from standard input.
    """
    from gestalt_space.devices import parse_device
    from gestalt_space.gallery.models import OpenModels
    from gestalt_space.gallery.opened import photo_limits
    from gestalt_space.gallery.pipeline import every_face
    from gestalt_space.settings import load_settings
    from gestalt_space.weights.store import ModelStore

    settings = load_settings(home)
    sources, over = probes_of(photos, None, settings.max_photo_bytes)
    pictures = picture_paths(show_face, sources, overwrite=overwrite)
    detectors = OpenModels(ModelStore(settings.models_dir)).detectors(
        detector, landmarks=landmarks, device=parse_device(device)
    )
    if not quiet:
        output.say_passed_over(over)
        output.say(f"Detector {detectors.title}.")
    limits = photo_limits(settings)
    found: list[tuple[Face, ...] | GestaltError] = []
    for source in output.with_bar(sources, "Looking for faces", len(sources), quiet=quiet):
        try:
            every = every_face(source, detectors, limits=limits)
            found.append(tuple(face.without_crop() for face in every))
        except GestaltError as error:
            found.append(error)
    names = [source.name for source in sources]
    if as_json:
        from gestalt_space.documents.faces import faces_document

        told = zip(names, found, strict=True)
        passed_over = output.passed_over_forms(over)
        output.write_json(faces_document(detectors.title, told, passed_over))
    else:
        for name, one in zip(names, found, strict=True):
            _write(name, one)
    seen = [() if isinstance(one, GestaltError) else one for one in found]
    write_pictures(pictures, sources, seen, limits, quiet=quiet)
    return 0 if all(seen) else 3


def _write(name: str, found: tuple[Face, ...] | GestaltError) -> None:
    from gestalt_space.faces.marks import marks_of
    from gestalt_space.faces.quality import eye_distance

    if isinstance(found, GestaltError):
        output.say_error(found, name)
        return
    output.write_text(name, style="bold")
    for face in found:
        of = face.quality
        how = "" if face.step in PLAIN else f", photo {step_text(face.step)}"
        output.write_text(
            f"  face {face.number} of {face.count}, score {face.score:.2f}{how}\n"
            f"    {eye_distance(face.landmarks):.0f} px between the eyes, "
            f"sharpness {of.sharpness:.0f}, yaw {round(of.yaw)}°, roll {round(of.roll)}°"
        )
        for mark in marks_of(face.landmarks, of):
            output.write_text(f"    {mark.reason}")
