"""`gestalt genomics score`: a VCF to scores of genes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError

from . import genomics_options, options, output


def score(
    vcf: Annotated[
        Path, typer.Argument(help="VCF or BCF of the patient, also compressed.", metavar="VCF")
    ],
    sample: Annotated[
        str | None,
        typer.Option("--sample", help="The patient, if the VCF has several samples."),
    ] = None,
    build: Annotated[
        str | None,
        typer.Option(
            "--build",
            help="Genome build: GRCh37 (hg19) or GRCh38 (hg38). Refused if the VCF is on the "
            "other one. [default: by the contigs of the VCF]",
            show_default=False,
        ),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            "--mode",
            help="Mode of inheritance: any, dominant, recessive, compound-heterozygous, x-dominant "
            "or x-recessive.",
        ),
    ] = "any",
    sex: Annotated[
        str | None,
        typer.Option("--sex", help="Sex of the patient: female or male. For x-recessive."),
    ] = None,
    max_frequency: Annotated[
        float,
        typer.Option(
            "--max-frequency",
            min=0,
            max=1,
            help="Highest frequency in any population; 1 keeps all.",
        ),
    ] = 0.01,
    impact: Annotated[
        str,
        typer.Option(
            "--impact", help="Least impact on a gene: high, moderate, low or modifier (all)."
        ),
    ] = "moderate",
    min_quality: Annotated[
        float | None, typer.Option("--min-quality", min=0, help="Least QUAL.")
    ] = None,
    min_depth: Annotated[
        int | None, typer.Option("--min-depth", min=1, help="Fewest reads of the sample.")
    ] = None,
    any_filter: Annotated[
        bool, typer.Option("--any-filter", help="Keep variants that did not pass FILTER.")
    ] = False,
    panel: Annotated[
        Path | None,
        typer.Option("--panel", help="File with the genes to keep, one per line.", metavar="FILE"),
    ] = None,
    gene_table: genomics_options.GeneTableFile = None,
    top: genomics_options.Top = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
    quiet: options.Quiet = False,
) -> None:
    """Score genes by the CADD scores of a patient's variants.

    The variants are filtered, and the number left after each filter is reported. The score of a
    gene is the highest CADD score of its variants that fits the mode of inheritance; of two
    heterozygous variants, the lower one counts. A variant without CADD has no score, not a low one.

    The VCF needs an annotation by VEP, SnpEff or Jannovar, and CADD scores.
    """
    from gestalt_space.genomics.builds import parse_build
    from gestalt_space.genomics.consequences import IMPACTS
    from gestalt_space.genomics.documents import gene_scores_document, gene_scores_table
    from gestalt_space.genomics.exome import score_exome
    from gestalt_space.genomics.filters import FilterPlan
    from gestalt_space.genomics.genes import load_genes, read_panel
    from gestalt_space.genomics.inheritance import Inheritance, parse_mode, parse_sex

    output.check_csv(csv, as_json=as_json)
    least = next((one for one in IMPACTS if one == impact.lower()), None)
    if least is None:
        raise UsageError(f"Unknown impact {impact!r}.", f"Choose one of: {', '.join(IMPACTS)}.")
    inheritance = Inheritance(parse_mode(mode), parse_sex(sex))
    asked = None if build is None else parse_build(build)
    names = load_genes(gene_table)
    plan = FilterPlan(
        only_pass=not any_filter,
        min_quality=min_quality,
        min_depth=min_depth,
        min_impact=None if least == "modifier" else least,
        max_frequency=None if max_frequency >= 1 else max_frequency,
        panel=None if panel is None else read_panel(panel, names),
        inheritance=inheritance,
    )
    with output.step("Reading variants", quiet=quiet):
        found = score_exome(vcf, plan, names, sample, asked)
    shown = found
    if not (as_json or csv) or top is not None:
        shown = replace(found, genes=found.genes[: top or genomics_options.SHOWN])
    if as_json:
        output.write_json(gene_scores_document(shown))
    else:
        output.write_table(gene_scores_table(shown), csv)
    # Said whatever is asked for: a list without genes looks like a patient without variants.
    if found.emptied:
        output.say(found.emptied)
    if quiet:
        return
    header = found.header
    output.say(
        f"{header.sample}, {header.build or 'unknown build'}: "
        f"{counted_text(found.counts.alleles, 'variant')}, "
        f"{counted_text(len(found.genes), 'gene')} with variants that fit."
    )
    for step in found.steps:
        unknown = f", {step.unknown:,} of them unknown" if step.unknown else ""
        output.say(f"{step.name}: {step.left:,} left{unknown}", indent="  ")
    for note in found.notes:
        output.say(note)
    output.say("A research tool, not a medical device: a score is not a diagnosis.")
