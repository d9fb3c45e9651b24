"""`gestalt phenotype`: rankings of disorders and genes from terms, and terms that were found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NotRequired

from gestalt_space.documents.form import Form, filled
from gestalt_space.documents.parts import ErrorForm, error_form
from gestalt_space.phenotype.cases import RankedCase
from gestalt_space.phenotype.ontology import NamedTerm
from gestalt_space.phenotype.query import Query, Reason
from gestalt_space.phenotype.ranking import DisorderLine, Ranker
from gestalt_space.tables.table import Column, Table


class OntologyForm(Form):
    """The release of HPO."""

    release: str


class HpoForm(Form):
    """The release of HPO, and that of its annotations."""

    release: str
    annotations: str


class MappedTermForm(Form):
    """A term that was given under a former identifier or a name; `id`, `name`: as it is used."""

    given: str
    id: str
    name: str


class IgnoredTermForm(Form):
    """A term that is not used, and why; `by`: the term that repeats, implies or contradicts it."""

    given: str
    reason: Reason
    by: str | None


class QueryTermsForm(Form):
    """The terms of a case. `used`: how many count; the lists name all others."""

    used: int
    mapped: list[MappedTermForm]
    ignored: list[IgnoredTermForm]


class TermEvidenceForm(Form):
    """What a term adds to a disorder's score: `log10_ratio`. `matched`: the term that it was
    compared by, null where nothing links it to the disorder; `frequency`: how often the disorder
    has that one, `background`: how often disorders have it, 0 to 1."""

    id: str
    name: str
    is_present: bool
    log10_ratio: float
    matched: str | None
    matched_name: str | None
    frequency: float
    background: float | None


class RankedDisorderForm(Form):
    """A disorder. `score`: by likelihoods the log10 of `likelihood_ratio`, and the sum of the
    evidence; by the other methods a similarity, and then there is no ratio. `p`: by the
    Phenomizer's method alone. `tied`: how many disorders are equal to it, with this one; their
    ranks are in the order of identifiers."""

    rank: int
    tied: int
    id: str
    name: str
    score: float
    likelihood_ratio: float | None
    p: NotRequired[float]
    evidence: NotRequired[list[TermEvidenceForm]]


class RankedGeneForm(Form):
    """A gene. `hgnc_id`: null where no table of HGNC is at hand, as now; `disorder`: the one of its
    disorders that fits best; `tied`: how many of the ranked genes are equal, with this one."""

    rank: int
    tied: int
    symbol: str
    hgnc_id: str | None
    entrez_id: str
    score: float
    disorder: str
    disorder_name: str


class RankedCaseForm(Form):
    """A case. `ranked`: how many disorders were ranked; `unknown_candidates`: candidate genes that
    have no annotations, and so no rank."""

    case: str
    error: ErrorForm | None
    terms: QueryTermsForm
    ranked: int
    disorders: list[RankedDisorderForm]
    genes: list[RankedGeneForm]
    unknown_candidates: list[str]


class PhenotypeRankingDocument(Form):
    """`gestalt phenotype rank`."""

    document: Literal["phenotype-ranking"]
    version: Literal[1]
    hpo: HpoForm
    method: str
    databases: list[str]
    cases: list[RankedCaseForm]


class FoundTermForm(Form):
    """A term of HPO."""

    id: str
    name: str
    synonyms: list[str]


class PhenotypeTermsDocument(Form):
    """`gestalt phenotype search`."""

    document: Literal["phenotype-terms"]
    version: Literal[1]
    hpo: OntologyForm
    terms: list[FoundTermForm]


def phenotype_ranking_document(
    ranker: Ranker, databases: Sequence[str], cases: Iterable[RankedCase] = ()
) -> PhenotypeRankingDocument:
    """Cases that were ranked; see `ranked_case_form` for each."""
    return {
        "document": "phenotype-ranking",
        "version": 1,
        "hpo": {
            "release": ranker.release.ontology.release,
            "annotations": ranker.release.annotations.release,
        },
        "method": ranker.method,
        "databases": list(databases),
        "cases": [ranked_case_form(case) for case in cases],
    }


def phenotype_terms_document(release: str, terms: Iterable[NamedTerm]) -> PhenotypeTermsDocument:
    """Terms that a search found in a release."""
    return {
        "document": "phenotype-terms",
        "version": 1,
        "hpo": {"release": release},
        "terms": [filled(FoundTermForm, term) for term in terms],
    }


def ranking_table(cases: Iterable[RankedCase]) -> Table:
    """A row for each disorder and each gene of each case, and one for each case that failed."""
    columns = (
        *(Column("case"), Column("kind"), Column("rank", "integer"), Column("id"), Column("name")),
        Column("score", "number"),
        *(Column("likelihood_ratio", "number"), Column("p", "number"), Column("error")),
        Column("tied", "integer"),
    )
    table = Table(columns)
    for case in cases:
        if case.error is not None:
            table.add_row(case.name, *[None] * 7, case.error.message, None)
        if case.ranking is None:
            continue
        for one in case.ranking.disorders:
            ratio = (one.score, one.likelihood_ratio, one.p)
            table.add_row(case.name, "disorder", one.rank, one.id, one.name, *ratio, None, one.tied)
        for gene in case.ranking.genes:
            place = (gene.rank, gene.entrez_id, gene.symbol, gene.score)
            table.add_row(case.name, "gene", *place, None, None, None, gene.tied)
    return table


def terms_table(terms: Iterable[NamedTerm]) -> Table:
    """A row for each term."""
    columns = (Column("id", whole=True, title="term"), Column("name"), Column("synonyms", least=0))
    return Table(columns, ((term.id, term.name, term.synonyms) for term in terms))


def ranked_case_form(case: RankedCase) -> RankedCaseForm:
    """One case of the document."""
    ranking = case.ranking
    return {
        "case": case.name,
        "error": None if case.error is None else error_form(case.error),
        "terms": query_terms_form(case.query),
        "ranked": 0 if ranking is None else ranking.ranked,
        "disorders": [] if ranking is None else [_disorder_form(one) for one in ranking.disorders],
        "genes": []
        if ranking is None
        else [filled(RankedGeneForm, gene, hgnc_id=None) for gene in ranking.genes],
        "unknown_candidates": [] if ranking is None else list(ranking.unknown_candidates),
    }


def query_terms_form(query: Query | None) -> QueryTermsForm:
    """The terms of a case; none where it was not read."""
    if query is None:
        return {"used": 0, "mapped": [], "ignored": []}
    return {
        "used": len(query.present) + len(query.excluded),
        "mapped": [filled(MappedTermForm, one) for one in query.mapped],
        "ignored": [filled(IgnoredTermForm, one) for one in query.ignored],
    }


def _disorder_form(line: DisorderLine) -> RankedDisorderForm:
    form: RankedDisorderForm = {
        "rank": line.rank,
        "tied": line.tied,
        "id": line.id,
        "name": line.name,
        "score": line.score,
        "likelihood_ratio": line.likelihood_ratio,
    }
    if line.p is not None:
        form["p"] = line.p
    if line.evidence:
        form["evidence"] = [filled(TermEvidenceForm, one) for one in line.evidence]
    return form
