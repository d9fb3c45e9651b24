"""The JSON document of an evaluation of the user's own gallery, version 2.

It names patients only on request.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from gestalt_space import __version__
from gestalt_space.documents.evaluations import (
    AccuracyForm,
    CaseForm,
    DifferenceForm,
    EvaluatedCountsForm,
    EvaluatedSpaceForm,
    EvaluationDocument,
    PartAccuracyForm,
    RocForm,
    UntestedForm,
)
from gestalt_space.documents.figures import estimate_form, finding_forms
from gestalt_space.documents.form import filled
from gestalt_space.documents.parts import run_count_forms
from gestalt_space.evaluation.accuracy import CONDITIONAL, Accuracy
from gestalt_space.evaluation.cases import BINS
from gestalt_space.evaluation.curves import Roc
from gestalt_space.evaluation.findings import ESTIMANDS, METHODS, findings_of
from gestalt_space.evaluation.gallery_results import GalleryEvaluation, SpaceResult
from gestalt_space.evaluation.paired import FLIPS, PairedComparison
from gestalt_space.evaluation.strata import too_small
from gestalt_space.stats.estimates import LEVEL, finding_rows
from gestalt_space.tables.table import Table

VERSION: Literal[2] = 2
DIGITS = 6


def evaluation_document(
    evaluation: GalleryEvaluation, *, with_patients: bool = False
) -> EvaluationDocument:
    """The document. Shares are 0..1; what could not be computed is null.

    `with_patients`: also the patient, disorder and ranks of every case.
    """
    plan = evaluation.plan
    return {
        "document": "evaluation",
        "version": VERSION,
        "gestalt_space": __version__,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "by": "gene" if evaluation.spaces[0].data.by == "gene" else "disorder",
        "protocol": "leave-one-patient-out" if plan.split is None else "split",
        "split": None if plan.split is None else plan.split.name,
        "controls": plan.controls,
        "interval": {
            "level": LEVEL,
            "kinds": {
                kind: {"estimand": ESTIMANDS[kind], "method": METHODS[kind]} for kind in ESTIMANDS
            },
            "replicates": plan.bootstrap.replicates,
            "seed": plan.bootstrap.seed,
        },
        "test": {"method": "sign flips over families, adjusted by Holm's method", "flips": FLIPS},
        "score_bins": BINS,
        "spaces": [_space(result, with_patients) for result in evaluation.spaces],
        "comparisons": [_comparison(one) for one in evaluation.comparisons],
        "findings": finding_forms(findings_of(evaluation)),
    }


def evaluation_table(evaluation: GalleryEvaluation) -> Table:
    """A row for each figure, with the ends of its interval."""
    return Table(*finding_rows(findings_of(evaluation)))


def _space(result: SpaceResult, with_patients: bool) -> EvaluatedSpaceForm:
    record: EvaluatedSpaceForm = {
        "name": result.data.space,
        "fingerprint": result.data.fingerprint,
        "runs": run_count_forms(result.data.runs),
        "counts": filled(EvaluatedCountsForm, result.counts),
        "not_tested": [filled(UntestedForm, one) for one in result.untested],
        "aggregations": {
            how: {
                "images": _accuracy(found.images),
                "patients": _accuracy(found.patients),
                "same_different": _roc(found.same_different),
                "patient_control": _roc(found.patient_control),
            }
            for how, found in result.aggregations.items()
        },
        "strata_of": next(iter(result.aggregations)),
        "strata": [
            {
                "attribute": part.attribute,
                "value": part.value,
                "images": _part(part.images),
                "patients": _part(part.patients),
            }
            for part in result.strata
        ],
    }
    if with_patients:
        record["cases"] = _cases(result)
    return record


def _cases(result: SpaceResult) -> list[CaseForm]:
    cases, data = result.answers.cases, result.data
    records: list[CaseForm] = []
    for place, (patient, group) in enumerate(zip(cases.patients, cases.groups, strict=True)):
        record: CaseForm = {
            "patient": data.patients[int(patient)],
            "ranks": {how: int(ranks[place]) for how, ranks in result.answers.ranks.items()},
        }
        record["gene" if data.by == "gene" else "disorder"] = data.titles[int(group)][0]
        records.append(record)
    return records


def _accuracy(found: Accuracy | None) -> AccuracyForm | None:
    if found is None:
        return None
    return {
        "cases": found.cases,
        "patients": found.patients,
        "disorders": found.disorders,
        "interval": found.interval,
        "top": {str(k): estimate_form(one, DIGITS) for k, one in found.top.items()},
        "top_mean_over_disorders": {
            str(k): estimate_form(one, DIGITS) for k, one in found.top_of_disorders.items()
        },
        "mean_rank": round(found.mean_rank, 6),
        "median_rank": found.median_rank,
    }


def _part(found: Accuracy | None) -> PartAccuracyForm | None:
    record = _accuracy(found)
    return None if found is None or record is None else {"too_small": too_small(found), **record}


def _roc(found: Roc | None) -> RocForm | None:
    if found is None:
        return None
    return {
        "auroc": estimate_form(found.auroc, DIGITS),
        "interval": CONDITIONAL,
        "positives": found.positives,
        "negatives": found.negatives,
    }


def _comparison(one: PairedComparison) -> DifferenceForm:
    return {
        "space": one.space,
        "aggregation": one.aggregation,
        "against": {"space": one.other_space, "aggregation": one.other_aggregation},
        "k": one.k,
        "over": one.over,
        "patients": one.found.patients,
        "cases": one.found.cases,
        "difference": estimate_form(one.found.difference, DIGITS),
        "interval": CONDITIONAL,
        "p": round(one.found.p, 6),
        "p_holm": round(one.p_held, 6),
    }
