"""The page of an evaluation of one's own gallery. It names no patient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from markupsafe import Markup

from gestalt_space.evaluation.accuracy import Accuracy
from gestalt_space.evaluation.curves import Roc
from gestalt_space.evaluation.gallery_results import GalleryEvaluation, SpaceResult
from gestalt_space.evaluation.paired import FLIPS
from gestalt_space.evaluation.strata import FEWEST_PATIENTS, Stratum, too_small
from gestalt_space.evaluation.units import LARGE
from gestalt_space.figures.charts import Curve, Share, curves_figure, shares_figure
from gestalt_space.files import check_new_file, write_atomically
from gestalt_space.pages.environment import ENDINGS, render
from gestalt_space.pages.numbers import fixed
from gestalt_space.pages.pictures import Drawings
from gestalt_space.stats.estimates import Estimate

SHOWN_TOPS = (1, 5, 10)
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


@dataclass(frozen=True)
class _GroupChart:
    k: int
    svg: Markup


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
    best, best_top = max(
        ((how, found.patients.top[10]) for how, found in first.aggregations.items()),
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
        chance=min(1.0, 10 / first.counts.evidence_disorders),
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
    return {
        "name": result.data.space,
        "fingerprint": result.data.fingerprint[:12],
        "counts": result.counts,
        "untested": result.untested,
        "tops": _tops(result, drawings),
        "patients": {how: found.patients for how, found in result.aggregations.items()},
        "images": {how: found.images for how, found in result.aggregations.items()},
        "curves": list(_curves(result, drawings)),
        "groups": [_GroupChart(k, _groups(result, k, drawings)) for k in (1, 10)],
        "strata": result.strata,
    }


def _tops(result: SpaceResult, drawings: Drawings) -> Markup:
    groups = [
        (
            "Rank 1" if k == 1 else f"Ranks 1 to {k}",
            [_share(how, of.patients.top[k]) for how, of in result.aggregations.items()],
        )
        for k in SHOWN_TOPS
    ]
    alt = f"Bar chart: patients whose true {result.data.by} is among the first 1, 5 and 10"
    return drawings.add(shares_figure(groups), alt)


def _curves(result: SpaceResult, drawings: Drawings) -> Iterator[_CurveChart]:
    by = result.data.by
    kinds: Sequence[tuple[Literal["disorder", "control"], str, str, dict[str, Roc | None]]] = (
        (
            "disorder",
            f"other {by}s above the threshold",
            f"true {by}s above the threshold",
            {how: found.same_different for how, found in result.aggregations.items()},
        ),
        (
            "control",
            "controls above the threshold",
            "patients above the threshold",
            {how: found.patient_control for how, found in result.aggregations.items()},
        ),
    )
    for kind, x, y, found in kinds:
        known = {how: roc for how, roc in found.items() if roc is not None}
        if not known:
            continue
        curves = [
            Curve(f"{how}: {_area(roc.auroc)}", roc.false_positives, roc.true_positives)
            for how, roc in known.items()
        ]
        svg = drawings.add(curves_figure(curves, x=x, y=y), f"ROC curves: {y} against {x}")
        first = next(iter(known.values()))
        yield _CurveChart(kind, svg, first.positives, first.negatives)


def _groups(result: SpaceResult, k: int, drawings: Drawings) -> Markup:
    parts = [(part, part.patients) for part in result.strata]
    groups = [
        (
            title,
            [_part(part, of, k) for part, of in parts if part.attribute == attribute and of],
        )
        for attribute, title in _ATTRIBUTES.items()
    ]
    return drawings.add(shares_figure(groups, dots=True), f"Top-{k} of groups of patients")


def _part(part: Stratum, found: Accuracy, k: int) -> Share:
    return _share(part.value, found.top[k], f"n = {found.patients:,}", faint=too_small(found))


def _share(name: str, of: Estimate, note: str = "", *, faint: bool = False) -> Share:
    return Share(name, of.value, of.low, of.high, note, faint)


def _area(of: Estimate) -> str:
    return f"{fixed(of.value, 3)} ({fixed(of.low, 3)}–{fixed(of.high, 3)})"
