"""Options of `gestalt match` for what is known of a patient beside the photo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Hpo = Annotated[
    list[str],
    typer.Option(
        "--hpo",
        help="HPO terms of the patient by identifier or name, separated by commas; ! before a "
        "term that was looked for and not found. Repeatable. Photo and terms then rank "
        "disorders and genes together.",
        show_default=False,
    ),
]
PhenopacketFile = Annotated[
    Path | None,
    typer.Option(
        "--phenopacket",
        help="A phenopacket of version 2, as JSON: terms, and sex and age unless --sex and "
        "--age give them.",
        metavar="FILE",
        show_default=False,
    ),
]
Vcf = Annotated[
    Path | None,
    typer.Option(
        "--vcf",
        help="Exome of the patient, as for `gestalt genomics score`: its variants count too.",
        metavar="FILE",
        show_default=False,
    ),
]
Sample = Annotated[
    str | None,
    typer.Option(
        "--sample",
        help="With --vcf: the patient, if it has several samples.",
        show_default=False,
    ),
]
BuildName = Annotated[
    str | None,
    typer.Option(
        "--build",
        help="With --vcf: genome build, GRCh37 or GRCh38. Refused if the VCF is on the other "
        "one. [default: by the contigs of the VCF]",
        show_default=False,
    ),
]
GeneTable = Annotated[
    Path | None,
    typer.Option(
        "--genes",
        help="With --vcf: gene table, hgnc_complete_set.txt of HGNC.",
        metavar="FILE",
        show_default=False,
    ),
]
