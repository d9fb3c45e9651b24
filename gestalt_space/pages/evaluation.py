"""The page of an evaluation of one's own gallery. It names no patient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from markupsafe import Markup

from gestalt_space.atomic_files import check_new_file, write_atomically
from gestalt_space.evaluation.curves import Roc
from gestalt_space.evaluation.gallery_results import GalleryEvaluation, SpaceResult
from gestalt_space.evaluation.paired import FLIPS
from gestalt_space.evaluation.strata import FEWEST_PATIENTS
from gestalt_space.evaluation.units import LARGE
from gestalt_space.figures.evaluations import (
    GROUP_TOPS,
    accuracy_figure,
    control_curves_figure,
    disorder_curves_figure,
    groups_figure,
    result_confusion_figure,
    scores_figure,
)
from gestalt_space.pages.environment import ENDINGS, render
from gestalt_space.pages.pictures import Drawings

_ATTRIBUTES = {
    "ancestry": "Ancestry",
    "sex": "Sex",
    "age": "Age at the photo",
    "disorder": "Patients with the disorder",
}


@dataclass(frozen=True)
class _CurveChart:
    kind: Literal["disorder", "control"]
    svg: Markup
    positives: int
    negatives: int


def check_page_path(path: Path, *, overwrite: bool = False) -> None:
    """Raise where no page can be written to `path`, before any work is done for it.

    `UsageError` for an ending other than `.html`, `OutputError` for a file that is there or a
    folder that is not.
    """
    check_new_file(path, ENDINGS, overwrite=overwrite)


def write_page(evaluation: GalleryEvaluation, path: Path) -> None:
    """Write the page. Raises `OutputError`."""
    write_atomically(path, evaluation_page(evaluation).encode("utf-8"))


def evaluation_page(evaluation: GalleryEvaluation) -> str:
    """The page as HTML."""
    plan, first = evaluation.plan, evaluation.spaces[0]
    drawings = Drawings()
    disorders = first.counts.evidence_disorders
    # Of a few disorders, chance has most among the first ten.
    k = 10 if disorders >= 20 else 1
    best, best_top = max(
        ((how, found.patients.top[k]) for how, found in first.aggregations.items()),
        key=lambda item: item[1].value,
    )
    return render(
        "evaluation.html",
        maker="gestalt-space evaluate gallery",
        by=first.data.by,
        counts=first.counts,
        untested=len(first.untested),
        best=best,
        best_top=best_top,
        best_k=k,
        chance=k / disorders,
        split=None if plan.split is None else plan.split.name,
        with_family=plan.with_family,
        spaces=[_space(result, drawings) for result in evaluation.spaces],
        first=next(iter(first.aggregations)),
        attributes=_ATTRIBUTES,
        comparisons=evaluation.comparisons,
        fewest=FEWEST_PATIENTS,
        large=LARGE,
        flips=FLIPS,
        replicates=plan.bootstrap.replicates,
        seed=plan.bootstrap.seed,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
    )


def _space(result: SpaceResult, drawings: Drawings) -> dict[str, object]:
    by = result.data.by
    tops = f"Bar chart: patients whose true {by} is among the first 1, 5 and 10"
    confusion = f"Confusion: the {by} at rank 1 for patients with each true {by}"
    return {
        "name": result.data.space,
        "fingerprint": result.data.fingerprint[:12],
        "counts": result.counts,
        "untested": result.untested,
        "tops": drawings.add(accuracy_figure(result), tops),
        "patients": {how: found.patients for how, found in result.aggregations.items()},
        "images": {how: found.images for how, found in result.aggregations.items()},
        "confusion": drawings.add(result_confusion_figure(result), confusion),
        "scores": None
        if (scores := scores_figure(result)) is None
        else drawings.add(scores, f"Scores of true {by}s and of other {by}s"),
        "curves": list(_curves(result, drawings)),
        "groups": [
            (k, drawings.add(groups_figure(result, k), f"Top-{k} of groups of patients"))
            for k in GROUP_TOPS
        ],
        "strata": result.strata,
    }


def _curves(result: SpaceResult, drawings: Drawings) -> Iterator[_CurveChart]:
    by = result.data.by
    found = result.aggregations.values()
    if (figure := disorder_curves_figure(result)) is not None:
        svg = drawings.add(figure, f"ROC curves: true {by}s against other {by}s")
        yield _CurveChart("disorder", svg, *_counts(one.same_different for one in found))
    if (figure := control_curves_figure(result)) is not None:
        svg = drawings.add(figure, "ROC curves: patients against controls")
        yield _CurveChart("control", svg, *_counts(one.patient_control for one in found))


def _counts(curves: Iterator[Roc | None]) -> tuple[int, int]:
    """Of how many scores of both kinds curves are: the same for all."""
    first = next(one for one in curves if one is not None)
    return first.positives, first.negatives
