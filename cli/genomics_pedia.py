"""`gestalt genomics pedia`: genes ranked by several scores together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gestalt_space.counts import counted_text

from . import genomics_options, options, output


def pedia(
    scores: Annotated[
        Path,
        typer.Argument(
            help="Table with the columns case, gene, and one for each score.", metavar="SCORES"
        ),
    ],
    model: Annotated[
        Path,
        typer.Option(
            "--model",
            help="Folder that gestalt train pedia wrote.",
            metavar="FOLDER",
            show_default=False,
        ),
    ],
    gene_table: genomics_options.GeneTableFile = None,
    pheval: Annotated[
        Path | None,
        typer.Option(
            "--pheval",
            help="New folder for the results in the form of PhEval, a file per case.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    top: genomics_options.Top = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
    quiet: options.Quiet = False,
) -> None:
    """Rank the genes of patients by several scores together (PEDIA).

    Each gene is listed with what each score adds: weight times scaled score. The score of the gene
    is their sum. A missing score adds nothing, as the worst score of the training cases does.
    """
    from gestalt_space.genomics.genes import load_genes
    from gestalt_space.genomics.pedia_documents import pedia_document, pedia_table
    from gestalt_space.genomics.pedia_model import load_model
    from gestalt_space.genomics.pedia_table import read_pedia_table
    from gestalt_space.genomics.pheval import write_pheval

    output.check_csv(csv, as_json=as_json)
    if pheval is not None:
        genomics_options.check_new_folder(pheval)
    loaded = load_model(model)
    table = read_pedia_table(scores, load_genes(gene_table), for_training=False)
    ranked = loaded.rank(table)
    if pheval is not None:
        write_pheval(pheval, ranked)
    if as_json:
        output.write_json(pedia_document(loaded, ranked, top))
    else:
        shown = top if csv is not None else top or genomics_options.SHOWN
        output.write_table(pedia_table(loaded, ranked, shown), csv)
    if quiet:
        return
    for one in ranked:
        missing = ", ".join(f"{count:,} without {name}" for name, count in one.missing.items())
        output.say(f"{one.case}: {counted_text(len(one.genes), 'gene')}, {missing}.")
    if extra := [name for name in table.features if name not in loaded.names]:
        output.say(f"Not used, since the model was trained without it: {', '.join(extra)}.")
    if pheval is not None:
        output.say(f"Results in the form of PhEval are in {pheval}.")
    output.say("A research tool, not a medical device: a rank is not a diagnosis.")
