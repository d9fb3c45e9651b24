"""Cohesion, comparison and recognisability as JSON documents. No patient is named."""

from __future__ import annotations

from typing import Any

from gestalt_space.cohort.cohesion import Cohesion
from gestalt_space.cohort.comparison import DisorderComparison, GroupComparison
from gestalt_space.cohort.recognisable import Recognisable
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.sub_blocks import Blocks
from gestalt_space.cohort.term_groups import TermGroups
from gestalt_space.documents.cohorts import (
    BlocksForm,
    ClassifiedGroupForm,
    CohesionDocument,
    CohesionForm,
    ComparedDisorderForm,
    ComparedTermsForm,
    ComparisonDocument,
    CurvePointForm,
    GroupForm,
    PairsForm,
    RecognisableDocument,
    RecognisableForm,
    TermCountForm,
    TermShareForm,
    ToldForm,
    TooFewForm,
)
from gestalt_space.documents.figures import (
    BootstrapForm,
    estimate_form,
    finding_forms,
    measured_space_form,
)
from gestalt_space.documents.form import filled, without_nan


def cohesion_document(cohort: Selection, found: Cohesion) -> CohesionDocument:
    """A cohort's cohesion; figures that do not exist are null."""
    document: CohesionDocument = without_nan(
        filled(
            CohesionDocument,
            found.plan,
            document="cohesion",
            version=1,
            space=measured_space_form(cohort.space, cohort.fingerprint, cohort.runs),
            selection=cohort.source,
            cohesion=filled(
                CohesionForm, found, curve=[filled(CurvePointForm, one) for one in found.curve]
            ),
        )
    )
    return document


def comparison_document(a: Selection, b: Selection, found: GroupComparison) -> ComparisonDocument:
    """Two groups compared; figures that do not exist are null. All tests are in `findings`, as in
    `comparison_table`."""
    document: ComparisonDocument = without_nan(
        filled(
            ComparisonDocument,
            found.plan,
            document="comparison",
            version=2,
            space=measured_space_form(a.space, a.fingerprint, a.runs),
            bootstrap=filled(BootstrapForm, found.plan.bootstrap),
            groups=[
                filled(GroupForm, counts, selection=group.source)
                for group, counts in ((a, found.a), (b, found.b))
            ],
            warnings=list(found.warnings),
            findings=finding_forms(found.findings),
            disorders=list(map(_disorder, found.disorders)),
            too_few=[filled(TooFewForm, one) for one in found.too_few],
        )
    )
    return document


def recognisable_document(cohort: Selection, found: Recognisable) -> RecognisableDocument:
    """Whether the patients of a cohort are recognisable."""
    parts: dict[str, Any] = {
        name: filled(ClassifiedGroupForm, getattr(found, name)) for name in ("patients", "controls")
    }
    parts["alone"] = [filled(ToldForm, one, auroc=estimate_form(one.auroc)) for one in found.alone]
    parts["terms"] = None if found.terms is None else _terms(found.terms)
    document: RecognisableDocument = filled(
        RecognisableDocument,
        found.plan,
        document="recognisable",
        version=1,
        space=measured_space_form(cohort.space, cohort.fingerprint, cohort.runs),
        selection=cohort.source,
        controls_per_patient=found.plan.controls,
        warnings=list(found.warnings),
        recognisable=filled(RecognisableForm, found, auroc=estimate_form(found.auroc), **parts),
    )
    return document


def _terms(found: TermGroups) -> ComparedTermsForm:
    return filled(
        ComparedTermsForm,
        found,
        count=filled(TermCountForm, found.count),
        shares=[filled(TermShareForm, one) for one in found.shares],
    )


def _disorder(one: DisorderComparison) -> ComparedDisorderForm:
    """A disorder without its findings, which are listed separately."""
    pairs: dict[str, Any] = {
        name: filled(PairsForm, getattr(one, name)) for name in ("within_a", "within_b", "between")
    }
    blocks = None if one.blocks is None else _blocks(one.blocks)
    return filled(ComparedDisorderForm, one, **pairs, blocks=blocks)


def _blocks(blocks: Blocks) -> BlocksForm:
    return filled(
        BlocksForm,
        blocks,
        different=estimate_form(blocks.different),
        same=estimate_form(blocks.same),
    )
