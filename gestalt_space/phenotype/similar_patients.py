"""Patients whose HPO terms are most like those of another one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.phenotype.ontology import Ontology, rows_of
from gestalt_space.phenotype.query import Query, make_query
from gestalt_space.phenotype.release import Release
from gestalt_space.phenotype.similarity import (
    MEASURES,
    Measure,
    Similarities,
    best_matches,
    information_content,
)

_IN_COMMON = 3
"""Terms that two patients have in common: the most informative ones are named."""


@dataclass(frozen=True, slots=True)
class SharedTerm:
    """A term that two patients have, or that follows from terms of both."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class SimilarPatient:
    """A patient. `similarity`: the best-match average of both patients' terms, 0 and more, higher
    is closer; `terms`: how many of the patient's terms count; `in_common`: the most informative
    terms that both have, or that follow from terms of both."""

    rank: int
    patient: str
    similarity: float
    terms: int
    in_common: tuple[SharedTerm, ...]


@dataclass(frozen=True, slots=True)
class SimilarPatients:
    """The patients most like a query, best first; ties in the order of their identifiers. `ranked`:
    how many have a term that can be used."""

    patients: tuple[SimilarPatient, ...]
    ranked: int


def similar_patients(
    release: Release,
    query: Query,
    patients: Mapping[str, Iterable[str]],
    top: int,
    measure: Measure = "resnik",
) -> SimilarPatients:
    """Rank patients, of whom each has the identifiers of the terms that are present.

    The similarity is the mean over both directions of the mean over terms of the closest term of
    the other patient. The information content of a term is that among OMIM's disorders. Excluded
    terms do not count. Raises `UsageError` for another measure, and if the query has no term that
    is present.
    """
    if measure not in MEASURES:
        raise UsageError(
            f"There is no similarity {measure!r}.", f"Choose one of: {', '.join(MEASURES)}."
        )
    if not query.present:
        raise UsageError(
            "There is no HPO term that is present and can be used.",
            "Give one that is a phenotype: `gestalt phenotype search TEXT`.",
        )
    ontology = release.ontology
    terms = {one: make_query(ontology, list(told)).present for one, told in patients.items()}
    names = sorted(one for one, own in terms.items() if own)
    genes = np.zeros(len(release.annotations.genes), np.bool_)
    information = information_content(release.profiles, np.concatenate([release.is_omim, genes]))
    matrix = Similarities(ontology, information).matrix(query.present, measure)
    owners = np.repeat(np.arange(len(names), dtype=np.int32), [len(terms[one]) for one in names])
    places = np.array([term for one in names for term in terms[one]], np.int32)
    found = best_matches(matrix, rows_of(owners, places, len(names)), is_symmetric=True)
    best = np.argsort(-found, kind="stable")[:top]
    return SimilarPatients(
        tuple(
            SimilarPatient(
                rank,
                names[place],
                float(found[place]),
                len(terms[names[place]]),
                _in_common(ontology, information, query.present, terms[names[place]]),
            )
            for rank, place in enumerate(best.tolist(), start=1)
        ),
        len(names),
    )


def _in_common(
    ontology: Ontology,
    information: NDArray[np.float32],
    first: tuple[int, ...],
    second: tuple[int, ...],
) -> tuple[SharedTerm, ...]:
    """The most informative terms that two sets have or imply, without those that others imply."""
    here, there = (
        np.unique(np.concatenate([ontology.ancestors[term] for term in terms]))
        for terms in (first, second)
    )
    both = np.intersect1d(here, there)
    both = both[ontology.is_phenotype[both]]
    above = {int(one) for term in both for one in ontology.ancestors[term] if int(one) != int(term)}
    last = sorted(set(both.tolist()) - above, key=lambda term: (-information[term], term))
    return tuple(
        SharedTerm(ontology.id_of(term), ontology.names[term]) for term in last[:_IN_COMMON]
    )
