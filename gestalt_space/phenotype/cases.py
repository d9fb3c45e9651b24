"""Cases that are described by terms, ranked one after another: a bad one never stops the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gestalt_space.errors import GestaltError, PhenotypeError
from gestalt_space.phenotype.query import Query, make_query
from gestalt_space.phenotype.ranking import Ranker, Ranking


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it was read. `present`, `excluded`: identifiers or names of terms. `candidates`:
    the genes that alone are ranked, all where None. `error`: why it could not be read."""

    name: str
    present: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    candidates: tuple[str, ...] | None = None
    error: GestaltError | None = None


@dataclass(frozen=True, slots=True)
class RankedCase:
    """A case and its ranking, or why there is none. `query`: None where it was not read."""

    name: str
    query: Query | None
    ranking: Ranking | None
    error: GestaltError | None


def rank_cases(
    ranker: Ranker, cases: Iterable[Case], top: int, *, explain: bool = False
) -> Iterator[RankedCase]:
    """Each case with its ranking, in the same order."""
    for case in cases:
        if case.error is not None:
            yield RankedCase(case.name, None, None, case.error)
            continue
        query = make_query(ranker.release.ontology, case.present, case.excluded)
        if not query.present:
            yield RankedCase(case.name, query, None, _nothing_present(case))
            continue
        genes = None if case.candidates is None else ranker.candidates(case.candidates)
        yield RankedCase(case.name, query, ranker.rank(query, top, genes, explain=explain), None)


def _nothing_present(case: Case) -> PhenotypeError:
    if case.present:
        return PhenotypeError(
            "No term can be used.", "The list of ignored terms shows why. Check the terms."
        )
    return PhenotypeError(
        "There is no term that is present.", "Give at least one phenotype that the patient has."
    )
