"""An evaluation by the published protocol as programs read it."""

from __future__ import annotations

from collections.abc import Sequence

from gestalt_space.documents.evaluations import GmdbDocument, GmdbEvaluationForm
from gestalt_space.documents.figures import estimate_form
from gestalt_space.documents.form import filled
from gestalt_space.evaluation.gmdb import GmdbResult
from gestalt_space.evaluation.gmdb_comparison import GmdbComparison
from gestalt_space.evaluation.paired import FLIPS
from gestalt_space.stats.estimates import LEVEL


def gmdb_document(
    result: GmdbResult, comparisons: Sequence[GmdbComparison], seed: int
) -> GmdbDocument:
    """The figures of GMDB, in percent. `seed`: of the comparisons."""
    return {
        "document": "evaluation-gmdb",
        "version": 2,
        "data": {"gmdb": result.version, "slots": result.slots, "dim": result.dim},
        "unit": "percent; mean over syndromes of the share of test images, then over splits",
        "evaluations": [
            filled(
                GmdbEvaluationForm,
                one,
                **{
                    name: {str(k): value for k, value in getattr(one, name).items()}
                    for name in ("top", "low", "high")
                },
            )
            for one in result.evaluations
        ],
        "interval": {
            "level": LEVEL,
            "estimand": "the mean over patients drawn anew and tested against these galleries",
            "method": "variance of patients' parts of the figure, as Wilson has it: conditional on "
            "the galleries",
        },
        "comparisons": [
            {
                "test": one.test,
                "gallery": one.gallery,
                "k": one.k,
                "over": one.over,
                "cases": one.found.cases,
                "patients": one.found.patients,
                "difference": estimate_form(one.found.difference),
                "p": one.found.p,
                "p_holm": one.p_held,
            }
            for one in comparisons
        ],
        "test": {
            "method": "sign flips over patients, held by Holm; intervals: percentile bootstrap "
            "over patients, conditional on the galleries",
            "flips": FLIPS,
            "seed": seed,
        },
        "left_out": {
            "missing": list(result.missing),
            "incomplete": list(result.incomplete),
            "unsound": list(result.unsound),
        },
        "single_patient_syndromes": list(result.single),
        "patients_tested_against_themselves": list(result.shared),
    }
