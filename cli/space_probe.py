"""`gestalt space probe`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.errors import UsageError

from . import options, output

if TYPE_CHECKING:
    from gestalt_space.explain.space_probe import ProbedSpace
    from gestalt_space.explain.term_documents import Differences
    from gestalt_space.tables.table import Table

FACTS = ("sex", "age", "ancestry")


def probe(
    space: Annotated[
        list[str],
        typer.Option(
            "--space",
            help="Encoder to ask, by the name of its model. Two are compared. [default: the "
            "gallery's own, else the best one installed]",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - Typer copies it
    people: Annotated[
        int,
        typer.Option("--people", min=1, help="People in each group of sex, age and ancestry."),
    ] = 4,
    strength: Annotated[
        float,
        typer.Option("--strength", min=-5, max=5, help="Strength of the terms, in deviations."),
    ] = 2.0,
    by: Annotated[
        str | None,
        typer.Option("--by", help="Show the effect by sex, age or ancestry.", show_default=False),
    ] = None,
    seed: options.Seed = 0,
    detector: options.Detector = "builtin",
    device: options.DeviceName = "auto",
    precision: options.PrecisionName = None,
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
    quiet: options.Quiet = False,
) -> None:
    """Measure how far each HPO term that can be simulated moves a face in a space.

    The same simulated people are encoded without and with each term. The effect is in standard
    deviations between people: a term with an effect of 2 moves a face as far as two standard
    deviations. `beyond` is how often the face with the term is further along the term's direction
    than another person's face without it; 50 % means that nothing is seen. `moved` is the length of
    the move, as a share of the distance between two people. The last row has another photo of the
    same person in place of a term.
    """
    from gestalt_space.devices import parse_device
    from gestalt_space.encoders.precision import parse_precision
    from gestalt_space.explain.space_probe import compare_spaces, encode_faces, probe_space
    from gestalt_space.explain.term_documents import space_probe_document
    from gestalt_space.explain.term_faces import FacesPlan
    from gestalt_space.home import Gallery
    from gestalt_space.stats.resampling import Bootstrap

    output.check_csv(csv, as_json=as_json)
    if len(set(space)) != len(space) or len(space) > 2:
        raise UsageError("One space, or two different ones, can be asked.", "Leave out others.")
    if by not in (None, *FACTS):
        raise UsageError(f"--by is {by!r}.", f"Use one of: {', '.join(FACTS)}.")
    if by is not None and len(space) == 2:
        raise UsageError("--by shows one space.", "Name one --space, or use --json for both.")
    plan, bootstrap = FacesPlan(people, strength, seed), Bootstrap(seed=seed)
    # One after the other: each has the encoder of its own model.
    galleries = [
        Gallery.open(
            home,
            space=name,
            detector=detector,
            device=parse_device(device),
            precision=parse_precision(precision),
        )
        for name in (space or (None,))
    ]
    try:
        pipelines = [gallery.pipeline for gallery in galleries]
        with (
            output.progress("Encoding simulated people", None, quiet=quiet, unit="people") as bar,
            pipelines[0].detectors.lent() as finder,
        ):
            faces = encode_faces(plan, finder, [one.encoder for one in pipelines], progress=bar)
        found = [probe_space(one, bootstrap) for one in faces]
        names = [gallery.space.model.name for gallery in galleries]
        prints = [one.encoder.spec.fingerprint for one in pipelines]
        title = pipelines[0].detector
    finally:
        for gallery in galleries:
            gallery.close()
    differences = compare_spaces(found[0], found[1], bootstrap) if len(found) == 2 else {}
    if as_json:
        spaces = list(zip(names, prints, found, strict=True))
        output.write_json(space_probe_document(spaces, differences, plan, bootstrap, title))
        return
    groups = [] if by is None else list(faces[0].groups[by])
    output.write_table(_table(found, names, differences, groups), csv)
    if csv is None and not quiet:
        first = found[0]
        columns = (
            "Effects of all people and of each group; --json has their intervals."
            if groups
            else "low and high: 95 % interval."
        )
        missed = f" No face was found in {first.missed:,} photos." if first.missed else ""
        output.write_text(
            f"{first.people:,} simulated people, strength {strength:g}, seed {seed}; space of "
            f"{' and '.join(names)}, faces found by {title}.{missed}"
            f" {columns}",
            style="dim",
        )


def _table(
    found: list[ProbedSpace],
    names: list[str],
    differences: Differences,
    groups: list[str],
) -> Table:
    from gestalt_space.explain.term_documents import (
        space_probe_table,
        spaces_compared_table,
        term_groups_table,
    )

    if len(found) == 2:
        return spaces_compared_table(found[0], found[1], (names[0], names[1]), differences)
    return term_groups_table(found[0], groups) if groups else space_probe_table(found[0])
