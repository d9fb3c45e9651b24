"""`gestalt evaluate gmdb` and `arrays`: the published protocol on published files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text

from . import options, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gestalt_space.evaluation.gmdb import GmdbResult
    from gestalt_space.evaluation.gmdb_comparison import GmdbComparison


SHOWN = 5

EncodingsFile = Annotated[
    Path,
    typer.Option(
        "--encodings",
        help="Encodings: published files (.csv, .pkl), or files from `gestalt evaluate arrays` or "
        "`gestalt encode` (.npz, .csv).",
        show_default=False,
    ),
]


def gmdb(
    encodings: EncodingsFile,
    metadata: Annotated[
        Path,
        typer.Option(
            "--metadata",
            help="Folder with gmdb_frequent_gallery_images_….csv and the three other files.",
            show_default=False,
        ),
    ],
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            help="Version of the metadata, such as v1.0.3. [default: the only one there]",
            show_default=False,
        ),
    ] = None,
    lookup: Annotated[
        Path | None,
        typer.Option(
            "--lookup",
            help="The model's lookup_table_….txt, to check that it has all frequent syndromes.",
            show_default=False,
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            help="Encodings of the same photos by another encoder, to compare.",
            show_default=False,
        ),
    ] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
    csv: options.Csv = None,
    table: options.CsvTable = None,
    quiet: options.Quiet = False,
) -> None:
    """Evaluate encodings by the protocol of GestaltMatcher.

    Reports top-k accuracy in percent, averaged over syndromes: for frequent and for rare syndromes,
    against their own gallery and against both. The 95 % intervals are over the patients tested and
    conditional on the galleries in the files.

    --csv writes the table `accuracy`; with --against also `comparisons`.
    """
    from gestalt_space.evaluation.gmdb import evaluate_gmdb
    from gestalt_space.evaluation.gmdb_comparison import compare_gmdb
    from gestalt_space.evaluation.gmdb_document import (
        accuracy_table,
        comparisons_table,
        gmdb_document,
    )
    from gestalt_space.interop.encodings import read_encodings
    from gestalt_space.interop.gmdb import check_lookup, read_splits
    from gestalt_space.stats.resampling import Bootstrap

    output.check_csv(csv, as_json=as_json)
    wanted = output.table_name(table, ("accuracy", "comparisons"), csv)
    splits = read_splits(metadata, version)
    if lookup is not None:
        check_lookup(lookup, splits)
    comparisons: tuple[GmdbComparison, ...] = ()
    with output.stages(quiet=quiet) as stages:
        stages("Reading encodings", "images")
        result = evaluate_gmdb(read_encodings(encodings), splits, stages=stages)
        if against is not None:
            stages("Reading encodings", "images")
            other = evaluate_gmdb(read_encodings(against), splits, stages=stages)
            stages("Comparing encodings", "patients")
            comparisons = compare_gmdb(result, other, Bootstrap(seed=seed))
    if as_json:
        output.write_json(gmdb_document(result, comparisons, seed))
    elif csv is not None:
        comparing = wanted == "comparisons"
        written = comparisons_table(comparisons) if comparing else accuracy_table(result)
        output.write_table(written, csv)
    else:
        _write_table(result)
        _write_comparisons(comparisons)
    if not quiet:
        _tell_left_out(result)


def arrays(
    encodings: EncodingsFile,
    destination: Annotated[
        Path, typer.Option("-o", "--output", help="The .npz file.", show_default=False)
    ],
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Convert published encodings to arrays, which load many times faster."""
    from gestalt_space.atomic_files import check_free, write_atomically
    from gestalt_space.errors import UsageError
    from gestalt_space.interop.encodings import encodings_npz, read_encodings

    if destination.suffix != ".npz":
        raise UsageError(
            f"{destination.name} does not end in .npz.", "Give a file name that ends in .npz."
        )
    check_free(destination, overwrite)
    found = read_encodings(encodings)
    write_atomically(destination, encodings_npz(found))
    if not quiet:
        output.say(
            f"Wrote {counted_text(len(found.images), 'image')} with "
            f"{counted_text(len(found.slots), 'slot')} to {destination}."
        )
        _tell("left out, a slot is missing", found.incomplete)
        _tell("left out, a vector is zero or not finite", found.unsound)


def _write_table(result: GmdbResult) -> None:
    table = output.new_table(
        *("test", "gallery", "images", "in gallery", "top-1", "top-5", "top-10", "top-30"),
        right=("images", "in gallery", "top-1", "top-5", "top-10", "top-30"),
        least=("in gallery", "images", "top-30", "top-10", "top-5"),
    )
    for one in result.evaluations:
        tops = (_top(top, one.low[k], one.high[k]) for k, top in one.top.items())
        table.add_row(one.test, one.gallery, f"{one.test_size:g}", f"{one.gallery_size:g}", *tops)
    output.write_text(
        f"GMDB {result.version}, {counted_text(result.slots, 'slot')}. Top-k in percent, "
        "the mean over syndromes, then\nover splits; in brackets 95 % intervals over patients, "
        "conditional on these galleries.",
        style="dim",
    )
    output.write_table(table)


def _top(top: float | None, low: float | None, high: float | None) -> str:
    return "–" if top is None else f"{top:.2f} ({low:.0f}–{high:.0f})"


def _write_comparisons(comparisons: Sequence[GmdbComparison]) -> None:
    if not comparisons:
        return
    columns = ("top-k", "difference, points", "p", "p (Holm)")
    table = output.new_table("test", "gallery", "over", *columns, right=columns, least=("p",))
    for one in comparisons:
        value, low, high = (
            f"{100 * end:+.1f}"
            for end in (
                one.found.difference.value,
                one.found.difference.low,
                one.found.difference.high,
            )
        )
        cells = (str(one.k), f"{value} ({low} to {high})", f"{one.found.p:.3f}")
        table.add_row(one.test, one.gallery, one.over, *cells, f"{one.p_held:.3f}")
    output.write_text("\nDifference from the encodings of --against", style="bold")
    output.write_table(table)


def _tell_left_out(result: GmdbResult) -> None:
    """What the figures do not rest on, on standard error."""
    _tell("left out, not encoded", result.missing)
    _tell("left out, a slot is missing", result.incomplete)
    _tell("left out, a vector is zero or not finite", result.unsound)
    for one in result.evaluations:
        _tell(
            f"{one.test} against {one.gallery}: not in the gallery, counted as not found",
            one.absent,
            "syndrome",
        )
    _tell("of one patient, tested only against others", result.single, "syndrome")
    _tell("in a test set and in its gallery, so the figures are too good", result.shared, "patient")


def _tell(what: str, names: Sequence[str], noun: str = "image") -> None:
    if names:
        listed = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
        output.say(f"{counted_text(len(names), noun)} {what}: {listed}.")
