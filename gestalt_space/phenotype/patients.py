"""Patients of a gallery by their stored terms: how similar two are, and which terms each has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.phenotype.ontology import rows_of
from gestalt_space.phenotype.query import Query, make_query
from gestalt_space.phenotype.release import Release
from gestalt_space.phenotype.similarity import Similarities, best_matches, information_content

_NOT_IN_RELEASE = ("unknown", "obsolete", "no_phenotype")


@dataclass(frozen=True)
class DescribedPatients:
    """The terms of patients, by identifier. Only those who have a term that can be used are in
    `queries`; `unusable`: terms of each patient that the release does not have, or that are no
    phenotypes."""

    release: Release
    queries: Mapping[str, Query]
    unusable: Mapping[str, int]

    def __contains__(self, patient: object) -> bool:
        return patient in self.queries

    def counts(self, patients: Sequence[str]) -> NDArray[np.float64]:
        """`(p,)`: the number of each patient's terms, without those that others imply."""
        return np.array([len(self.queries[one].present) for one in patients], np.float64)

    def similarities(self, patients: Sequence[str]) -> NDArray[np.float64]:
        """`(p, p)`: the symmetric best-match average of each two patients' terms, by Resnik's
        similarity. The information content of a term is that among OMIM's disorders."""
        release = self.release
        genes = np.zeros(len(release.annotations.genes), np.bool_)
        among = np.concatenate([release.is_omim, genes])
        measured = Similarities(release.ontology, information_content(release.profiles, among))
        owners, terms = self._pairs(patients)
        known, places = np.unique(terms, return_inverse=True)
        matrix = np.array([measured.to_all(int(term))[known] for term in known], np.float32)
        own = rows_of(owners, places.astype(np.int32), len(patients))
        return np.array(
            [
                best_matches(matrix[own[place]], own, is_symmetric=True)
                for place in range(len(patients))
            ],
            np.float64,
        ).reshape(len(patients), len(patients))

    def implied(self, patients: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Places `(t,)` of the phenotypes that any of some patients has or that follow from them,
        and `(p, t)`, which patient has which."""
        ontology = self.release.ontology
        found = [
            np.unique(np.concatenate([ontology.ancestors[term] for term in terms]))
            for terms in (self.queries[one].present for one in patients)
        ]
        known = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int32)
        known = known[ontology.is_phenotype[known]]
        return known, np.array([np.isin(known, one) for one in found]).reshape(len(found), -1)

    def _pairs(self, patients: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The places of patients, and the terms that each has."""
        terms = [self.queries[one].present for one in patients]
        owners = np.repeat(np.arange(len(terms), dtype=np.int32), [len(one) for one in terms])
        return owners, np.array([term for one in terms for term in one], np.int32)


def described(release: Release, terms: Mapping[str, Iterable[str]]) -> DescribedPatients:
    """Patients by the identifiers of the terms that are present in each."""
    queries = {one: make_query(release.ontology, list(told)) for one, told in terms.items()}
    return DescribedPatients(
        release,
        {one: query for one, query in queries.items() if query.present},
        {
            one: sum(term.reason in _NOT_IN_RELEASE for term in query.ignored)
            for one, query in queries.items()
        },
    )
