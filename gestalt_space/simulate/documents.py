"""What programs and people read of simulated phenotypes and cohorts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from gestalt_space.documents.simulated import (
    PublishedCasesForm,
    SimulatedCountsForm,
    SimulatedDocument,
    SimulatedReadersDocument,
    TermsDocument,
)
from gestalt_space.simulate.cohort import FREQUENT, Cohort
from gestalt_space.simulate.phenotypes import TERMS
from gestalt_space.simulate.published_cases import SIMULATED_FACE, PublishedCases
from gestalt_space.simulate.readers import ShownFace, SimulatedReader
from gestalt_space.tables.table import Column, Table


def terms_document() -> TermsDocument:
    """The phenotypes that can be simulated."""
    return {
        "document": "terms",
        "version": 1,
        "terms": [
            {"term": term.id, "label": term.label, "axis": term.axis, "measure": term.measure}
            for term in TERMS.values()
        ],
    }


def terms_table() -> Table:
    """A row for each phenotype."""
    columns = (
        Column("term", whole=True),
        Column("label"),
        Column("axis", readers="programs"),
        Column("measure", title="what is measured", least=0),
    )
    return Table(
        columns, ((term.id, term.label, term.axis, term.measure) for term in TERMS.values())
    )


def simulated_document(cohort: Cohort, output: str) -> SimulatedDocument:
    """A cohort that was written to `output`."""
    document: SimulatedDocument = {
        "document": "simulated",
        "version": 1,
        "output": output,
        "counts": simulated_counts(cohort),
    }
    if cohort.published is not None:
        document["published"] = published_form(cohort.published)
    return document


def simulated_readers_document(
    readers: Sequence[SimulatedReader],
    faces: Sequence[ShownFace],
    formats: Sequence[str],
    output: str,
) -> SimulatedReadersDocument:
    """Readers that were written to `output`."""
    groups = Counter(one.group for one in readers)
    trials = [trial for one in readers for trial in one.trials]
    return {
        "document": "simulated-readers",
        "version": 1,
        "output": output,
        "groups": [{"group": name, "readers": count} for name, count in groups.items()],
        "faces": len(faces),
        "trials": len(trials),
        "fixations": sum(len(one.areas) for one in trials),
        "formats": list(formats),
    }


def published_form(published: PublishedCases) -> PublishedCasesForm:
    """Published cases, and those that cannot be used."""
    return {
        "photos": SIMULATED_FACE,
        "hpo": published.hpo,
        "least_terms": published.least,
        "read": published.read,
        "usable": len(published.cases),
        "without_disorder": published.without_disorder,
        "several_disorders": published.several_disorders,
        "too_few_terms": published.too_few_terms,
        "failed": [{"file": name, "error": error} for name, error in published.failed],
        "not_shown": [asdict(count) for count in published.not_shown],  # type: ignore[misc]
    }


def simulated_counts(cohort: Cohort) -> SimulatedCountsForm:
    """How many patients there are, and of how many disorders."""
    sizes = Counter(patient.diagnosis.id for patient in cohort.patients if patient.diagnosis)
    return {
        "disorders": len(cohort.disorders),
        "frequent": sum(size >= FREQUENT for size in sizes.values()),
        "patients": sizes.total(),
        "controls": len(cohort.patients) - sizes.total(),
        "photos": cohort.photo_count,
    }
