"""`gestalt phenotype`: disorders and genes from HPO terms, without a photo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options, output
from .phenotype_output import write_case, write_summary
from .phenotype_similar import similar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gestalt_space.phenotype.cases import Case, RankedCase
    from gestalt_space.phenotype.ontology import Ontology

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, or all cases failed, 2 wrong usage, 3 done, but some cases "
    "failed."
)

_SHOWN_REPEATED = 5

app = typer.Typer(
    help="Rank disorders and genes from HPO terms, and search for terms.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command("rank", epilog=EXIT_CODES)
def rank(
    hpo: Annotated[
        list[str],
        typer.Option(
            "--hpo",
            help="HPO terms by identifier or name, separated by commas; ! before a term that was "
            "looked for and not found. Repeatable.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - Typer copies it
    phenopacket: Annotated[
        list[Path],
        typer.Option(
            "--phenopacket",
            help="A phenopacket of version 2, as JSON. Repeatable.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    phenopackets: Annotated[
        Path | None,
        typer.Option(
            "--phenopackets", help="Folder or zip file of phenopackets.", show_default=False
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--table",
            help="CSV or TSV file with a row per case: case, hpo and, optionally, candidates "
            "(genes, separated by semicolons).",
            show_default=False,
        ),
    ] = None,
    candidates: Annotated[
        str | None,
        typer.Option(
            "--candidates",
            help="With --hpo or phenopackets: rank only these genes, by symbol or as Entrez:…, "
            "separated by commas.",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="likelihood (a likelihood ratio per term), phenomizer (p values), or a "
            "similarity: resnik, lin or jiang-conrath.",
        ),
    ] = "likelihood",
    database: Annotated[
        list[str],
        typer.Option("--database", help="Disorders to rank: OMIM, ORPHA or DECIPHER. Repeatable."),
    ] = ["OMIM"],  # noqa: B006
    penalise: Annotated[
        bool,
        typer.Option(
            "--penalise",
            help="Let a term that has nothing to do with a disorder count against it, with a "
            "likelihood ratio of 1/100. By default such a term is neutral.",
        ),
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what each term adds to a disorder's score.")
    ] = False,
    top: Annotated[int, typer.Option("--top", min=1, help="Number of disorders and genes.")] = 10,
    hpo_release: options.HpoRelease = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
    quiet: options.Quiet = False,
) -> int:
    """Rank disorders and genes from HPO terms.

    The score of a disorder is the sum of the logarithms of the likelihood ratios of its terms.
    Terms that are implied by others, unknown or no phenotypes are not used, and are listed.
    """
    from gestalt_space.documents.phenotype_ranking import (
        phenotype_ranking_document,
        ranked_case_form,
        ranking_table,
    )
    from gestalt_space.phenotype.cases import rank_cases
    from gestalt_space.phenotype.likelihood import NEUTRAL, UNRELATED
    from gestalt_space.phenotype.ranking import Ranker
    from gestalt_space.phenotype.release import open_release

    output.check_csv(csv, as_json=as_json)
    _check_sources(hpo, phenopacket, phenopackets, table, candidates)
    databases = [name.strip().upper() for name in database]
    ranker = Ranker(
        open_release(hpo_release),
        method=method,  # type: ignore[arg-type]  # it is checked there
        databases=databases,
        unrelated=UNRELATED if penalise else NEUTRAL,
    )
    ontology = ranker.release.ontology
    # All are read before the first line is written, so that a wrong file gives no half answer.
    cases = list(_cases(ontology, hpo, phenopacket, phenopackets, table, candidates))
    failed = 0

    def counted() -> Iterator[RankedCase]:
        nonlocal failed
        with output.progress("Ranking", len(cases), quiet=quiet, unit="cases") as show:
            ranked = rank_cases(ranker, cases, top, explain=explain)
            for number, case in enumerate(ranked, start=1):
                failed += case.error is not None
                show(number, len(cases))
                yield case

    if as_json:
        document = phenotype_ranking_document(ranker, databases)
        output.write_json_parts(document, "cases", map(ranked_case_form, counted()))
    elif csv is not None:
        with output.csv_parts(csv) as write:
            write(ranking_table(()))
            for case in counted():
                write(ranking_table([case]))
    else:
        for case in counted():
            write_case(case)
        if not quiet:
            write_summary(ranker, databases)
    if failed == len(cases):
        return 1
    return 3 if failed else 0


@app.command("search", epilog=options.EXIT_CODES)
def search(
    text: Annotated[
        list[str],
        typer.Argument(help="Words of a name or synonym.", metavar="TEXT", show_default=False),
    ],
    top: Annotated[int, typer.Option("--top", min=1, help="Number of terms.")] = 20,
    hpo_release: options.HpoRelease = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
) -> None:
    """Search HPO terms by words of their names and synonyms."""
    from gestalt_space.documents.phenotype_ranking import (
        phenotype_terms_document,
        terms_table,
    )
    from gestalt_space.phenotype.release import open_ontology

    output.check_csv(csv, as_json=as_json)
    ontology = open_ontology(hpo_release)
    found = ontology.search(" ".join(text), top)
    if as_json:
        output.write_json(phenotype_terms_document(ontology.release, found))
        return
    output.write_table(terms_table(found), csv)
    if csv is None:
        output.write_text(f"HPO of {ontology.release}.", style="dim")


app.command("similar", epilog=options.EXIT_CODES)(similar)


def _check_sources(
    hpo: Sequence[str],
    phenopacket: Sequence[Path],
    phenopackets: Path | None,
    table: Path | None,
    candidates: str | None,
) -> None:
    from gestalt_space.errors import UsageError

    given = [bool(hpo), bool(phenopacket), phenopackets is not None, table is not None]
    if sum(given) != 1:
        raise UsageError(
            "One source of terms is needed, and one alone.",
            "Use --hpo, --phenopacket, --phenopackets or --table.",
        )
    if table is not None and candidates is not None:
        raise UsageError(
            "--table and --candidates cannot be combined.",
            "Write each case's candidates into the column `candidates` of the table.",
        )


def _cases(
    ontology: Ontology,
    hpo: Sequence[str],
    phenopacket: Sequence[Path],
    phenopackets: Path | None,
    table: Path | None,
    candidates: str | None,
) -> Iterator[Case]:
    """The cases of whichever source was given."""
    from dataclasses import replace

    from gestalt_space.errors import UsageError
    from gestalt_space.interop.case_table import case_of_terms, read_cases
    from gestalt_space.interop.phenopackets import named_cases, read_phenopackets
    from gestalt_space.paths import display_name

    if table is not None:
        yield from read_cases(table, ontology)
        return
    genes = None
    if candidates is not None:
        genes = tuple(gene.strip() for gene in candidates.split(",") if gene.strip())
        if not genes:
            raise UsageError("--candidates has no gene.", "Name genes: --candidates KMT2D,KDM6A.")
    if hpo:
        yield case_of_terms("terms", hpo, ontology, genes)
    sources = phenopacket if phenopackets is None else [phenopackets]
    cases, repeated = named_cases(file for source in sources for file in read_phenopackets(source))
    if repeated:
        shown = ", ".join(repeated[:_SHOWN_REPEATED]) + ", …" * (len(repeated) > _SHOWN_REPEATED)
        output.say(
            f"Several phenopackets have the identifier {display_name(shown)}: their cases are "
            "named with their files."
        )
    for case in cases:
        yield replace(case, candidates=genes)
