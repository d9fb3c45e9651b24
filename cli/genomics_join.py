"""`gestalt genomics join`: scores of several tools in one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError
from gestalt_space.paths import display_name

from . import genomics_options, options, output


def join(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Files of scores, each as NAME=FILE: of gestalt genomics score, gestalt match "
            "--by gene --json, gestalt phenotype rank --json, Exomiser (JSON, TSV), AMELIE, CADA, "
            "Phen2Gene, LIRICAL, or a table with the columns gene and score.",
            metavar="NAME=FILE",
        ),
    ],
    case: Annotated[str, typer.Option("--case", help="Name of the case.", show_default=False)],
    exomiser: Annotated[
        str,
        typer.Option("--exomiser", help="Score of Exomiser: combined, phenotype or variant."),
    ] = "combined",
    disease_genes: Annotated[
        Path | None,
        typer.Option(
            "--disease-genes",
            help="Table of genes by disease, for LIRICAL: genes_to_disease.txt of the HPO project.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    distance: genomics_options.Distances = [],  # noqa: B006 - Typer copies it
    gene_table: genomics_options.GeneTableFile = None,
    csv: options.Csv = None,
    quiet: options.Quiet = False,
) -> None:
    """Join scores of genes from several tools: one row per gene, one column per score.

    The table is what gestalt genomics pedia ranks. A gene that a file does not have has no score
    there; it is missing, not low.
    """
    from gestalt_space.genomics.genes import load_genes
    from gestalt_space.genomics.pedia_table import joined
    from gestalt_space.genomics.score_files import parse_part, read_disease_genes, read_scores

    output.check_csv(csv, as_json=False)
    part = parse_part(exomiser)
    names = load_genes(gene_table)
    diseases = None if disease_genes is None else read_disease_genes(disease_genes)
    found = {}
    for given in files:
        name, equals, file = given.partition("=")
        if not (name.strip() and equals and file.strip()):
            raise UsageError(f"{given!r} is not NAME=FILE.", "Name each score: cadd=cadd.csv.")
        if name in found:
            raise UsageError(f"Two scores are named {name!r}.", "Give each its own name.")
        try:
            found[name] = read_scores(
                Path(file), names, part, diseases, is_distance=name in distance
            )
        except UsageError:
            if _is_fused(Path(file)):
                raise _fused_error(Path(file)) from None
            raise
    for name in distance:
        if name not in found:
            raise UsageError(f"No score is named {name!r}.", "Check --distance.")
    table = joined(case, found)
    output.write_table(table, csv)
    if quiet:
        return
    for name, one in found.items():
        missing = len(table.rows) - len(one.scores)
        said = f"{name}: {counted_text(len(one.scores), 'gene')} from {one.name} ({one.tool})"
        output.say(f"{said}, missing for {missing:,}")
        for what, genes in (("not in the gene table", one.unknown), ("ambiguous", one.ambiguous)):
            if genes:
                shown = ", ".join(genes[:5]) + (", …" if len(genes) > 5 else "")
                output.say(f"left out, {what}: {len(genes):,} ({shown})", indent="  ")
    if not names.source:
        output.say(
            "No gene table is given: two names of one gene are two rows. "
            "Add --genes hgnc_complete_set.txt."
        )


def _is_fused(path: Path) -> bool:
    """Whether a file is the document of a match with terms or an exome."""
    try:
        probes = json.loads(path.read_bytes())["probes"]
        return any("fused" in probe for probe in probes)
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _fused_error(path: Path) -> UsageError:
    return UsageError(
        f"{display_name(path)} is a match with terms or an exome, which cannot be joined.",
        "Match the photo alone, with --by gene, and give terms and exome as files of their own: "
        "`gestalt phenotype rank`, `gestalt genomics score`.",
    )
