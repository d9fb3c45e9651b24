"""Cohesion and comparison as JSON documents. No patient is named."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gestalt_space.cohort.cluster_documents import without_nan
from gestalt_space.cohort.cohesion import Cohesion
from gestalt_space.cohort.comparison import Comparison
from gestalt_space.cohort.selection import Selection
from gestalt_space.spaces import run_records

VERSION = 1


def cohesion_document(cohort: Selection, found: Cohesion) -> dict[str, Any]:
    """A cohort's cohesion; figures that do not exist are null."""
    figures = asdict(found)
    plan = figures.pop("plan")
    document: dict[str, Any] = without_nan(
        {"version": VERSION, **_of(cohort), **plan, "cohesion": figures, "selection": cohort.source}
    )
    return document


def comparison_document(a: Selection, b: Selection, found: Comparison) -> dict[str, Any]:
    """Two groups compared; figures that do not exist are null."""
    document: dict[str, Any] = without_nan(
        {
            "version": VERSION,
            **_of(a),
            "match": found.plan.match,
            "permutations": found.plan.permutations,
            "bootstrap": asdict(found.plan.bootstrap),
            "seed": found.plan.seed,
            "prior": found.plan.prior,
            "groups": [
                {"selection": group.source, "patients": patients, "unmatched": unmatched}
                for group, patients, unmatched in (
                    (a, found.patients_a, found.unmatched[0]),
                    (b, found.patients_b, found.unmatched[1]),
                )
            ],
            "overall": {"difference": found.difference, "p": found.p},
            "disorders": [asdict(one) for one in found.disorders],
            "too_few": [asdict(one) for one in found.too_few],
            "accuracy": [asdict(one) for one in found.accuracy],
        }
    )
    return document


def _of(selection: Selection) -> dict[str, Any]:
    return {
        "space": {
            "name": selection.space,
            "fingerprint": selection.fingerprint,
            "runs": run_records(selection.runs),
        }
    }
