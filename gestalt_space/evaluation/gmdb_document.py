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
from gestalt_space.tables.table import Column, Table


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
            "estimand": "the mean over new patients tested against these galleries",
            "method": "variance of the patients' contributions, as in Wilson (1927): conditional "
            "on the galleries",
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
            "method": "sign flips over patients, adjusted by Holm's method; intervals: percentile "
            "bootstrap over patients, conditional on the galleries",
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


def accuracy_table(result: GmdbResult) -> Table:
    """A row for each test set, gallery and k: percent, with the ends of the interval."""
    columns = (
        *(Column("test"), Column("gallery"), Column("images", "number")),
        *(Column("in_gallery", "number"), Column("k", "integer")),
        *(Column("top", "number"), Column("low", "number"), Column("high", "number")),
    )
    return Table(
        columns,
        (
            (
                *(one.test, one.gallery, one.test_size, one.gallery_size),
                *(k, top, one.low[k], one.high[k]),
            )
            for one in result.evaluations
            for k, top in one.top.items()
        ),
    )


def comparisons_table(comparisons: Sequence[GmdbComparison]) -> Table:
    """A row for each difference to other encodings: shares, with the ends of the interval."""
    columns = (
        *(Column("test"), Column("gallery"), Column("over"), Column("k", "integer")),
        *(Column("difference", "number"), Column("low", "number"), Column("high", "number")),
        *(Column("p", "number"), Column("p_holm", "number")),
    )
    differences = ((one, one.found.difference) for one in comparisons)
    return Table(
        columns,
        (
            (
                *(one.test, one.gallery, one.over, one.k),
                *(found.value, found.low, found.high, one.found.p, one.p_held),
            )
            for one, found in differences
        ),
    )
