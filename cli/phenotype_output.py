"""What `gestalt phenotype rank` shows: tables for people."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from gestalt_space.counts import counted_text
from gestalt_space.paths import display_name

from . import output
from .ties import write_ties

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gestalt_space.phenotype.cases import RankedCase
    from gestalt_space.phenotype.query import Query
    from gestalt_space.phenotype.ranking import DisorderLine, Ranker

DISCLAIMER = "A research tool, not a medical device: a ranking is not a diagnosis."
TOGETHER = (
    "LR multiplies findings that go together, so it is far too high: read it as an order, not as a "
    "strength of evidence."
)
_SHOWN_EVIDENCE = 3
"""Disorders whose evidence is printed; --json has that of all."""


def write_case(case: RankedCase) -> None:
    """The terms of a case, its disorders and its genes; an error on standard error."""
    name = display_name(case.name)
    output.write_text(name, style="bold")
    if case.query is not None:
        write_terms(case.query)
    if case.error is not None:
        output.say_error(case.error, name)
    if case.ranking is None:
        return
    has_ratio = any(line.likelihood_ratio is not None for line in case.ranking.disorders)
    has_p = any(line.p is not None for line in case.ranking.disorders)
    columns = ["rank", "disorder", "score", *["LR"] * has_ratio, *["p"] * has_p]
    disorders = output.new_table(*columns, right=("rank", "score", "LR", "p"), least=("LR",))
    for line in case.ranking.disorders:
        cells = [str(line.rank), f"{line.name} ({line.id})", f"{line.score:.2f}"]
        if line.likelihood_ratio is not None:
            cells.append(f"{line.likelihood_ratio:.2g}")
        if line.p is not None:
            cells.append(f"{line.p:.3f}")
        disorders.add_row(*cells)
    output.write_table(disorders)
    equal = [((line.p, line.score), line.tied) for line in case.ranking.disorders]
    write_ties("disorder", "p and score" if has_p else "score", equal)
    for line in islice((line for line in case.ranking.disorders if line.evidence), _SHOWN_EVIDENCE):
        _write_evidence(line)
    genes = output.new_table(
        *("rank", "gene", "Entrez", "score", "best disorder"),
        right=("rank", "Entrez", "score"),
        whole=("gene",),
        least=("Entrez",),
    )
    for gene in case.ranking.genes:
        cells = [str(gene.rank), gene.symbol, gene.entrez_id.removeprefix("Entrez:")]
        genes.add_row(*cells, f"{gene.score:.2f}", f"{gene.disorder_name} ({gene.disorder})")
    output.write_table(genes)
    write_ties("gene", "score", [(gene.score, gene.tied) for gene in case.ranking.genes])
    if unknown := case.ranking.unknown_candidates:
        output.write_text(
            f"  {'candidate that is' if len(unknown) == 1 else 'candidates that are'} "
            f"no gene of HPO's annotations: {display_name(', '.join(unknown))}"
        )


def write_terms(query: Query) -> None:
    """How many terms count, which were mapped, and which are not used, and why."""
    used = len(query.present) + len(query.excluded)
    output.write_text(
        f"  {counted_text(used, 'term')} used: {len(query.present)} present, "
        f"{len(query.excluded)} excluded"
    )
    for mapped in query.mapped:
        output.write_text(f"  {display_name(mapped.given)} is {mapped.id} ({mapped.name})")
    for ignored in query.ignored:
        why = {
            "unknown": "HPO has no such term",
            "obsolete": "HPO has withdrawn it",
            "ambiguous": "a synonym of several terms",
            "no_phenotype": "not a phenotype",
            "repeated": "already among the terms"
            if ignored.given == ignored.by
            else f"the same as {ignored.by}",
            "implied": f"implied by {ignored.by}",
            "contradicted": f"excluded, but {ignored.by} is present",
        }[ignored.reason]
        output.write_text(f"  not used: {display_name(ignored.given)}, {why}")


def _write_evidence(line: DisorderLine) -> None:
    output.write_text(f"{line.name} ({line.id})")
    table = output.new_table(
        *("term", "log10 LR", "compared by", "in disorder", "in all"),
        right=("log10 LR", "in disorder", "in all"),
    )
    for one in line.evidence:
        name = one.name if one.is_present else f"no {one.name}"
        by = one.matched_name or "nothing in common"
        shares = ("", "") if one.matched is None else _shares(one.frequency, one.background)
        table.add_row(name, f"{one.log10_ratio:+.4f}", "" if by == one.name else by, *shares)
    table.add_row("sum", f"{line.score:+.4f}", "", "", "")
    output.write_table(table)


def _shares(frequency: float, background: float | None) -> tuple[str, str]:
    return f"{frequency:.0%}", "" if background is None else f"{background:.2%}"


def write_summary(ranker: Ranker, databases: Sequence[str]) -> None:
    """What was ranked, and what kind of tool this is."""
    from gestalt_space.phenotype.ranking import LIKELIHOOD

    release = ranker.release
    if ranker.method == LIKELIHOOD:
        output.write_text(TOGETHER, style="dim")
    output.write_text(
        f"{' and '.join(databases)} disorders, HPO of {release.ontology.release}, annotations of "
        f"{release.annotations.release}.",
        style="dim",
    )
    output.write_text(DISCLAIMER, style="dim")
