"""`gestalt train pedia`: a ranking of genes by several scores together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gestalt_space.counts import counted_text

from . import genomics_options, options, output


def pedia(
    cases: Annotated[
        Path,
        typer.Argument(
            help="Table with the columns case, gene, causal (0 or 1), and one for each score.",
            metavar="CASES",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="New folder for the model and its card.", show_default=False
        ),
    ],
    distance: genomics_options.Distances = [],  # noqa: B006 - Typer copies it
    gene_table: genomics_options.GeneTableFile = None,
    folds: Annotated[
        int, typer.Option("--folds", min=2, help="Number of folds of the cross-validation.")
    ] = 10,
    seed: options.Seed = 0,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train the ranking of genes on solved cases: which score counts how much (PEDIA).

    Each case has rows for its candidate genes, one of them causal. Accuracy is that of
    cross-validation by causal gene: no gene is found by a model that was trained on a case with it.
    The table lists it with all scores, without each, and with each alone. The model is then trained
    on all cases.

    The folder gets pedia.json for gestalt genomics pedia, and a card. Neither names a case.
    """
    from gestalt_space.genomics.genes import load_genes
    from gestalt_space.genomics.pedia_card import write_model
    from gestalt_space.genomics.pedia_documents import accuracy_table, pedia_trained_document
    from gestalt_space.genomics.pedia_table import read_pedia_table
    from gestalt_space.genomics.pedia_training import PediaPlan, train_pedia
    from gestalt_space.stats.resampling import Bootstrap

    genomics_options.check_new_folder(out)
    names = load_genes(gene_table)
    table = read_pedia_table(cases, names, for_training=True)
    plan = PediaPlan(frozenset(distance), folds, bootstrap=Bootstrap(seed=seed))
    with output.stages(quiet=quiet) as stages:
        found = train_pedia(table, plan, names.source, stages)
    write_model(out, found)
    if as_json:
        output.write_json(pedia_trained_document(found, out))
    else:
        output.write_table(accuracy_table(found))
    if quiet:
        return
    output.say(
        f"{counted_text(found.cases, 'case')}, "
        f"{counted_text(found.model.causal_genes, 'causal gene')}, C = {found.model.c:g}. An order "
        f"at random puts the causal gene first in {found.chance:.1%}."
    )
    for feature in found.model.features:
        output.say(
            f"{feature.name}: weight {feature.weight:.3f}, missing in {feature.missing:.1%} of "
            "rows",
            indent="  ",
        )
    for note in found.notes:
        output.say(note)
    output.say(f"The model is in {out}. Use it: `gestalt genomics pedia SCORES --model {out}`.")
