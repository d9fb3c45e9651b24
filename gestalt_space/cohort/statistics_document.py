"""Cohesion and comparison as JSON documents. No patient is named."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gestalt_space.cohort.cluster_documents import without_nan
from gestalt_space.cohort.cohesion import Cohesion
from gestalt_space.cohort.comparison import Comparison, DisorderComparison
from gestalt_space.cohort.selection import Selection
from gestalt_space.gallery.spaces import run_records
from gestalt_space.stats.estimates import finding_records

VERSION = 1
COMPARISON_VERSION = 2


def cohesion_document(cohort: Selection, found: Cohesion) -> dict[str, Any]:
    """A cohort's cohesion; figures that do not exist are null."""
    figures = asdict(found)
    plan = figures.pop("plan")
    document: dict[str, Any] = without_nan(
        {"version": VERSION, **_of(cohort), **plan, "cohesion": figures, "selection": cohort.source}
    )
    return document


def comparison_document(a: Selection, b: Selection, found: Comparison) -> dict[str, Any]:
    """Two groups compared; figures that do not exist are null. What was tested is in `findings`,
    as `comparison_table` has it."""
    plan = found.plan
    document: dict[str, Any] = without_nan(
        {
            "version": COMPARISON_VERSION,
            **_of(a),
            "match": plan.match,
            "with_family": plan.with_family,
            "permutations": plan.permutations,
            "bootstrap": asdict(plan.bootstrap),
            "seed": plan.seed,
            "prior": plan.prior,
            "groups": [
                {"selection": group.source, **asdict(counts)}
                for group, counts in ((a, found.a), (b, found.b))
            ],
            "warnings": found.warnings,
            "findings": finding_records(found.findings),
            "disorders": [_described(one) for one in found.disorders],
            "too_few": [asdict(one) for one in found.too_few],
        }
    )
    return document


def _described(one: DisorderComparison) -> dict[str, Any]:
    """A disorder without its findings, which stand by themselves."""
    figures = asdict(one)
    figures.pop("tests")
    return figures


def _of(selection: Selection) -> dict[str, Any]:
    return {
        "space": {
            "name": selection.space,
            "fingerprint": selection.fingerprint,
            "runs": run_records(selection.runs),
        }
    }
