"""The figures of an evaluation of the user's own gallery as tidy rows, each with its estimand and
method."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gestalt_space.evaluation.accuracy import CONDITIONAL, REFITTED, Accuracy, Interval
from gestalt_space.evaluation.curves import Roc
from gestalt_space.evaluation.gallery_results import EvaluationPlan, GalleryEvaluation, SpaceResult
from gestalt_space.evaluation.strata import too_small
from gestalt_space.stats.estimates import Estimate, Finding

ESTIMANDS: dict[Interval, str] = {
    REFITTED: "mean over new galleries of as many families with the same disorders",
    CONDITIONAL: "mean over resampled families matched against this gallery",
}
METHODS: dict[Interval, str] = {
    REFITTED: "jackknife over families within disorders, ranks recomputed without each "
    "family; disorders with fewer than six families are pooled with those of their "
    "size; corrected by second differences",
    CONDITIONAL: "percentile bootstrap over families, ranks kept: conditional on this gallery",
}


def findings_of(evaluation: GalleryEvaluation) -> Iterator[Finding]:
    """Every figure of every space: its aggregations, then its groups of patients, then the
    comparisons. Groups that are too small to interpret have none."""
    plan = evaluation.plan
    for result in evaluation.spaces:
        yield from _of_space(result, plan)
    for one in evaluation.comparisons:
        share = f"top-{one.k}" if one.over == "cases" else f"top-{one.k}, mean over disorders"
        found = one.found
        yield Finding(
            f"{one.space}: {one.aggregation} against {one.other_space}: {one.other_aggregation}",
            f"difference in {share}",
            found.difference.value,
            found.patients,
            "patients",
            f"sign flips over families, Holm; {METHODS[CONDITIONAL]}",
            found.difference.low,
            found.difference.high,
            p=found.p,
            p_adjusted=one.p_held,
            seed=plan.bootstrap.seed,
        )


def _of_space(result: SpaceResult, plan: EvaluationPlan) -> Iterator[Finding]:
    space, seed = result.data.space, plan.bootstrap.seed
    for how, found in result.aggregations.items():
        subject = f"{space}: {how}"
        yield from _of_accuracy(f"{subject}, photos as one", found.patients, seed)
        yield from _of_accuracy(f"{subject}, every photo", found.images, seed)
        for name, roc in (("same", found.same_different), ("patient", found.patient_control)):
            if roc is not None:
                yield _of_area(f"{subject}, photos as one", name, roc, seed)
    first = plan.aggregations[0]
    for part in result.strata:
        subject = f"{space}: {first}, {part.attribute} {part.value}"
        for title, measured in (("photos as one", part.patients), ("every photo", part.images)):
            if measured is not None and not too_small(measured):
                yield from _of_accuracy(f"{subject}, {title}", measured, seed)


def _of_accuracy(subject: str, found: Accuracy, seed: int) -> Iterator[Finding]:
    figures: list[tuple[str, Estimate]] = [
        *((f"top-{k}", one) for k, one in found.top.items()),
        *((f"top-{k}, mean over disorders", one) for k, one in found.top_of_disorders.items()),
        ("mean rank", Estimate(found.mean_rank, math.nan, math.nan)),
        ("median rank", Estimate(found.median_rank, math.nan, math.nan)),
    ]
    for name, one in figures:
        yield Finding(
            subject,
            f"{name}: {ESTIMANDS[found.interval]}",
            one.value,
            found.patients,
            "patients",
            METHODS[found.interval],
            one.low,
            one.high,
            seed=None if found.interval == REFITTED else seed,
        )


def _of_area(subject: str, name: str, roc: Roc, seed: int) -> Finding:
    one = roc.auroc
    return Finding(
        subject,
        f"AUROC {name}: {ESTIMANDS[CONDITIONAL]}",
        one.value,
        roc.positives,
        "positives",
        METHODS[CONDITIONAL],
        one.low,
        one.high,
        seed=seed,
    )
