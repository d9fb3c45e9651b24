"""`gestalt explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options, output
from .opening import opened_for_photos
from .probes import probes_of

if TYPE_CHECKING:
    from gestalt_space.explain.explanation import ExplainedLine, Explanation


def explain(
    photo: Annotated[
        Path,
        typer.Argument(
            help="A photo; - reads it from standard input.", metavar="PHOTO", show_default=False
        ),
    ],
    line: Annotated[
        str,
        typer.Option(
            "--line",
            help="Disorder of the gallery to explain, or class of the classifier.",
            metavar="ID",
            show_default=False,
        ),
    ],
    path: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write a page (.html) with the maps. It has the photo in it, and is personal data "
            "like the photo.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            help="Disorder or class of the second map, which the first is compared with. "
            "[default: the highest-ranked other one]",
            metavar="ID",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            help="What stands for a disorder: centroid (the mean of its patients) or nearest (the "
            "patient nearest to the photo).",
        ),
    ] = "centroid",
    classifier: Annotated[
        str | None,
        typer.Option(
            "--classifier",
            help="Explain a class of this installed classifier instead of the gallery.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="How the map is made: occlusion, regions, rise, gradients, hires-cam or grad-cam. "
            "The last three need an encoder that runs in torch. auto takes gradients where they "
            "work, and otherwise rise.",
        ),
    ] = "auto",
    without: options.Without = [],  # noqa: B006 - Typer copies it
    family: options.Family = None,
    seed: options.Seed = 0,
    face: options.FaceNumber = None,
    overwrite: options.Overwrite = False,
    detector: options.Detector = "auto",
    landmarks: options.LandmarksFile = None,
    space: options.Space = None,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show which parts of a face speak for a disorder. Nothing is stored.

    The map shows what makes the face more similar to this disorder than to others. A second map, of
    another disorder, is a check: if both are the same, they do not explain the ranking.
    """
    from gestalt_space.atomic_files import check_new_file
    from gestalt_space.classifiers.opening import find_classifier, open_classifier
    from gestalt_space.devices import parse_device
    from gestalt_space.errors import UsageError
    from gestalt_space.explain.explanation import explain_class, explain_photo, parse_line_by
    from gestalt_space.explain.explanation_document import explanation_document
    from gestalt_space.explain.methods import parse_method
    from gestalt_space.gallery.intake.values import parse_text
    from gestalt_space.match.question import Question
    from gestalt_space.names import normal_name
    from gestalt_space.pages.environment import ENDINGS
    from gestalt_space.settings import load_settings
    from gestalt_space.weights.store import ModelStore

    line_by = parse_line_by(by)
    question = Question(without=tuple(map(normal_name, without)), family=parse_text(family))
    if classifier is not None and (without or family):
        raise UsageError(
            "A classifier is not compared with patients.", "Leave out --without and --family."
        )
    parse_method(method)
    if path is not None:
        check_new_file(path, ENDINGS, overwrite=overwrite)
    sources, _ = probes_of([photo], face, load_settings(home).max_photo_bytes)
    if len(sources) > 1:
        raise UsageError(f"{photo} is a folder with several photos.", "Name one photo.")
    (source,) = sources
    with (
        opened_for_photos(home, space, detector, landmarks, device, None) as gallery,
        output.progress("Computing the maps", None, quiet=quiet),
    ):
        if classifier is None:
            made = explain_photo(
                *(gallery, source, line),
                against=against,
                line_by=line_by,
                question=question,
                method=method,
                seed=seed,
            )
        else:
            model = find_classifier(ModelStore(gallery.settings.models_dir), classifier)
            opened = open_classifier(model, device=parse_device(device))
            made = explain_class(
                *(gallery, source, line, opened, classifier),
                against=against,
                method=method,
                seed=seed,
            )
    if path is not None:
        from gestalt_space.pages.explanation import write_explanation_page

        with output.step("Drawing", quiet=quiet):
            write_explanation_page(made, path, overwrite=overwrite)
    if as_json:
        output.write_json(explanation_document(made))
        return
    _write(made)
    if not quiet:
        if path is not None:
            output.say(f"The page is in {path}.")
        for told in (*made.cautions, output.DISCLAIMER):
            output.write_text(told, style="dim")


def _write(made: Explanation) -> None:
    from gestalt_space.explain.words import balance_in_words, share_text, similarity_of_maps

    output.write_text(made.photo, style="bold")
    lines = [made.line, *([] if made.against is None else [made.against])]
    for line in lines:
        output.write_text(f"  {_title(line)}; {balance_in_words(line.face_map)}")
    table = output.new_table("region", *(line.id for line in lines), whole=["region"])
    shares = [line.face_map.shares() for line in lines]
    for name in sorted(shares[0], key=lambda name: -shares[0][name].value):
        table.add_row(name, *(share_text(of[name]) for of in shares))
    output.write_table(table)
    if made.correlation is not None:
        output.write_text(
            f"  rank correlation of both maps: {made.correlation:.2f}. "
            f"{similarity_of_maps(made.correlation)}"
        )


def _title(line: ExplainedLine) -> str:
    title = f"{line.id} {line.name}".strip()
    if line.reference is None:
        return f"{title}: probability {line.probability:.3f}"
    return (
        f"{title}: nearest patient {line.reference.patient}, similarity "
        f"{line.reference.similarity:.4f}"
    )
