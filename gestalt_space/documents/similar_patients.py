"""`gestalt phenotype similar`: patients of a gallery with terms like those of another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from gestalt_space.documents.form import Form, filled
from gestalt_space.documents.phenotype_ranking import (
    OntologyForm,
    QueryTermsForm,
    query_terms_form,
)
from gestalt_space.phenotype.query import Query
from gestalt_space.phenotype.similar_patients import SimilarPatients
from gestalt_space.tables.table import Column, Table

Disorders = Mapping[str, tuple[str, ...]]
"""Identifiers of disorders, by patient."""


class SharedTermForm(Form):
    """A term that both patients have, or that follows from terms of both."""

    id: str
    name: str


class SimilarPatientForm(Form):
    """A patient. `similarity`: the best-match average, 0 and more, higher is closer; `terms`: how
    many of the patient's terms count."""

    rank: int
    patient: str
    disorders: list[str]
    similarity: float
    terms: int
    in_common: list[SharedTermForm]


class SimilarPatientsDocument(Form):
    """`gestalt phenotype similar`. `ranked`: how many patients have a term that can be used;
    `left_out`: who was asked about, null for terms, whose family is not ranked."""

    document: Literal["similar-patients"]
    version: Literal[1]
    hpo: OntologyForm
    measure: str
    left_out: str | None
    terms: QueryTermsForm
    ranked: int
    patients: list[SimilarPatientForm]


def similar_patients_document(
    found: SimilarPatients,
    query: Query,
    disorders: Disorders,
    *,
    release: str,
    measure: str,
    left_out: str | None,
) -> SimilarPatientsDocument:
    """Patients that were ranked."""
    return {
        "document": "similar-patients",
        "version": 1,
        "hpo": {"release": release},
        "measure": measure,
        "left_out": left_out,
        "terms": query_terms_form(query),
        "ranked": found.ranked,
        "patients": [
            filled(
                SimilarPatientForm,
                one,
                disorders=list(disorders[one.patient]),
                in_common=[filled(SharedTermForm, term) for term in one.in_common],
            )
            for one in found.patients
        ],
    }


def similar_patients_table(found: SimilarPatients, disorders: Disorders) -> Table:
    """A row for each patient."""
    columns = (
        Column("rank", "integer"),
        Column("patient", whole=True),
        Column("similarity", "number", shown=".2f"),
        Column("terms", "integer"),
        Column("in_common", title="in common"),
        Column("disorders", least=0),
    )
    table = Table(columns)
    for one in found.patients:
        shared = tuple(term.name for term in one.in_common)
        table.add_row(
            one.rank, one.patient, one.similarity, one.terms, shared, disorders[one.patient]
        )
    return table
