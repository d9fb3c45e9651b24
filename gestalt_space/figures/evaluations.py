"""Figures of an evaluation: accuracy, groups side by side, curves and confusion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from gestalt_space.errors import OutputError
from gestalt_space.evaluation.cases import SCORES
from gestalt_space.evaluation.curves import Roc
from gestalt_space.evaluation.gallery_results import GalleryEvaluation, SpaceResult
from gestalt_space.evaluation.strata import too_small
from gestalt_space.figures.charts import Curve, ShareWithInterval, curves_figure, shares_figure
from gestalt_space.figures.confusion import confusion_figure
from gestalt_space.figures.distributions import Distribution, distributions_figure
from gestalt_space.figures.saving import save_figure
from gestalt_space.paths import display_name
from gestalt_space.ranking.aggregation import Aggregation
from gestalt_space.stats.estimates import Estimate

ENDINGS = (".pdf", ".png")
TOPS = (1, 5, 10)
GROUP_TOPS = (1, 10)
_MERGED = 10
"""Bins of scores that a figure shows as one."""
_MOST_CONFUSED = 30
"""Rows of a confusion; cases with other disorders are left out, which its note says."""
_ATTRIBUTES = {
    "ancestry": "ancestry",
    "sex": "sex",
    "age": "age at the photo",
    "disorder": "patients with the disorder",
}


def accuracy_figure(result: SpaceResult) -> Figure:
    """Shares of patients whose true disorder is among the first 1, 5 and 10, by aggregation."""
    groups = [
        (
            f"top-{k}",
            [_share(how, found.patients.top[k]) for how, found in result.aggregations.items()],
        )
        for k in TOPS
    ]
    return shares_figure(groups)


def groups_figure(result: SpaceResult, k: int) -> Figure:
    """Top-`k` of groups of patients side by side, those of too few pale."""
    groups = []
    for attribute, title in _ATTRIBUTES.items():
        parts = [one for one in result.strata if one.attribute == attribute]
        shares = [
            _share(part.value, of.top[k], f"n = {of.patients:,}", faint=too_small(of))
            for part in parts
            if (of := part.patients)
        ]
        groups += [(title, shares)] * bool(shares)
    return shares_figure(groups, dots=True)


def scores_figure(result: SpaceResult) -> Figure | None:
    """How the scores of true and of other disorders by the first aggregation are distributed; None
    where there are none."""
    how, by = next(iter(result.aggregations)), result.data.by
    counts = result.answers.others[how].sum(axis=0, dtype=np.int64)
    true = result.answers.true_scores[how]
    if not counts.any() or not len(true):
        return None
    # Coarser bins, and those alone that hold anything.
    whole = counts.reshape(-1, _MERGED).sum(axis=1)
    edges = np.linspace(*SCORES[how], len(whole) + 1)
    own = np.histogram(np.clip(true, *SCORES[how]), edges)[0]
    kept = np.flatnonzero(whole + own)
    here = slice(kept[0], kept[-1] + 1)
    middle = np.searchsorted(np.cumsum(counts), counts.sum() / 2)
    of_others = SCORES[how][0] + (middle + 0.5) * (np.ptp(SCORES[how]) / len(counts))
    edges = edges[here.start : here.stop + 1]
    of = [
        Distribution(f"true {by}", own[here], edges, float(np.median(true))),
        Distribution(f"other {by}s", whole[here], edges, float(of_others)),
    ]
    return distributions_figure(of, x=f"score of a {by} ({how})", each="scores")


def disorder_curves_figure(result: SpaceResult) -> Figure | None:
    """ROC curves of true against other disorders; None where there are none."""
    by = result.data.by
    found = {how: of.same_different for how, of in result.aggregations.items()}
    return _curves(found, f"other {by}s above the threshold", f"true {by}s above the threshold")


def control_curves_figure(result: SpaceResult) -> Figure | None:
    """ROC curves of patients against controls; None without controls."""
    found = {how: of.patient_control for how, of in result.aggregations.items()}
    return _curves(found, "controls above the threshold", "patients above the threshold")


def result_confusion_figure(result: SpaceResult) -> Figure:
    """Which disorder is at rank 1 by the first aggregation, for patients of the most frequent
    ones."""
    how = next(iter(result.aggregations))
    true, first = result.answers.cases.groups, result.answers.first[how]
    groups, sizes = np.unique(true, return_counts=True)
    shown = np.sort(groups[np.argsort(-sizes, kind="stable")[:_MOST_CONFUSED]])
    counts = np.zeros((len(shown), len(shown) + 1), dtype=np.int64)
    is_shown = np.isin(true, shown)
    rows = np.searchsorted(shown, true[is_shown])
    at_first = first[is_shown]
    columns = np.where(np.isin(at_first, shown), np.searchsorted(shown, at_first), len(shown))
    np.add.at(counts, (rows, columns), 1)
    names = [name or id_ for id_, name in (result.data.titles[int(group)] for group in shown)]
    by = result.data.by
    note = f"{how}; {int(is_shown.sum()):,} of {len(true):,} cases"
    if len(shown) < len(groups):
        note += f", of the {len(shown)} most frequent of {len(groups):,} {by}s"
    note += ". The stronger the blue, the larger the share of the row."
    return confusion_figure(
        counts, names, columns=[*names, "another"], rows_are=f"true {by}", note=note
    )


def check_figures_folder(folder: Path, *, overwrite: bool = False) -> None:
    """Raise `OutputError` where the figures cannot be written to a folder: to a file, or, without
    `overwrite`, to a folder that holds anything."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{display_name(folder)} is not a folder.", "Choose another folder.")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise OutputError(
            f"{display_name(folder)} is not empty.", "Choose another folder, or add --overwrite."
        )


def write_figures(evaluation: GalleryEvaluation, folder: Path, *, overwrite: bool = False) -> str:
    """Write the figures as PDF and PNG into a folder, and return the characters that no font of
    this machine has. Raises `OutputError`."""
    check_figures_folder(folder, overwrite=overwrite)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{display_name(folder)} cannot be created: {error.strerror or error}.",
            "Choose another folder.",
        ) from error
    missing: set[str] = set()
    for name, figure in _figures(evaluation):
        for ending in ENDINGS:
            missing |= set(save_figure(figure, folder / f"{name}{ending}", overwrite=overwrite))
    return "".join(sorted(missing))


def _figures(evaluation: GalleryEvaluation) -> Iterator[tuple[str, Figure]]:
    for number, result in enumerate(evaluation.spaces, start=1):
        # Names of models may hold any sign; the order is that of --space.
        end = f"-{number}" if len(evaluation.spaces) > 1 else ""
        yield f"accuracy{end}", accuracy_figure(result)
        for k in GROUP_TOPS:
            yield f"groups-top-{k}{end}", groups_figure(result, k)
        for name, curves in (
            ("scores", scores_figure(result)),
            ("roc-disorders", disorder_curves_figure(result)),
            ("roc-controls", control_curves_figure(result)),
        ):
            if curves is not None:
                yield f"{name}{end}", curves
        yield f"confusion{end}", result_confusion_figure(result)


def _curves(found: Mapping[Aggregation, Roc | None], x: str, y: str) -> Figure | None:
    curves = [
        Curve(f"{how}: {_area(roc.auroc)}", roc.false_positives, roc.true_positives)
        for how, roc in found.items()
        if roc is not None
    ]
    return curves_figure(curves, x=x, y=y) if curves else None


def _share(name: str, of: Estimate, note: str = "", *, faint: bool = False) -> ShareWithInterval:
    return ShareWithInterval(name, of.value, of.low, of.high, note, faint)


def _area(of: Estimate) -> str:
    return f"{of.value:.3f} ({of.low:.3f}–{of.high:.3f})"
