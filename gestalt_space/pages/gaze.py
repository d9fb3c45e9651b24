"""The page of a study of gaze: where and when groups of readers looked, beside models, and the
sentences for the methods section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gestalt_space.atomic_files import write_atomically
from gestalt_space.figures.gaze_report import courses_figure, densities_figure, face_figure
from gestalt_space.gaze.areas import AREAS
from gestalt_space.gaze.methods import import_sentences, report_sentences, study_sentences
from gestalt_space.gaze.report import GazeReport, GroupLooks
from gestalt_space.pages.environment import render
from gestalt_space.pages.pictures import Drawings
from gestalt_space.stats.estimates import Estimate

FIGURES = ("nss", "auc_judd", "auc_shuffled", "cc", "sim", "kl", "iou")
"""Figures of agreement, in the order of the table."""


def write_gaze_page(
    report: GazeReport,
    path: Path,
    *,
    imported: Mapping[str, Any] | None = None,
    study: Mapping[str, Any] | None = None,
    simulated: bool,
) -> None:
    """Write the page. Raises `OutputError`."""
    page = gaze_page(report, imported=imported, study=study, simulated=simulated)
    write_atomically(path, page.encode("utf-8"))


def gaze_page(
    report: GazeReport,
    *,
    imported: Mapping[str, Any] | None = None,
    study: Mapping[str, Any] | None = None,
    simulated: bool,
) -> str:
    """The page as HTML. `imported`, `study`: the documents of `gestalt gaze import` and `study`;
    `simulated`: whether readers and faces are."""
    drawings = Drawings()
    names = ", ".join(group.name for group in report.groups)
    densities = {group.name: group.density for group in report.groups} | dict(report.maps)
    methods: Sequence[str] = [
        *(import_sentences(imported) if imported else ()),
        *report_sentences(report),
        *(study_sentences(study) if study else ()),
    ]
    return render(
        "gaze.html",
        maker="gestalt-space gaze report",
        groups=report.groups,
        counts=[one.summary for one in report.groups],
        densities=drawings.add(densities_figure(densities), f"Mean density of {names}"),
        models=list(report.maps),
        courses=drawings.add(courses_figure(report.groups), f"Time course of {names}"),
        areas=[_area(number, report.groups) for number in range(len(AREAS))],
        agreement=[
            (group.name, one.candidate, [getattr(one, name) for name in FIGURES])
            for group in report.groups
            for one in group.agreement
        ],
        faces=[
            (
                face.medium,
                drawings.add(face_figure(face), f"Scan paths and densities, {face.medium}"),
            )
            for face in report.faces
        ],
        more=report.more,
        without_group=report.without_group,
        study=study,
        methods=methods,
        simulated=simulated,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
    )


def _area(number: int, groups: Sequence[GroupLooks]) -> tuple[str, list[dict[str, Any]]]:
    """An area, and for each group the share of the time and the seconds to the first look."""
    cells = []
    for group in groups:
        share, first = group.summary.share, group.summary.first
        cells.append(
            {
                "share": _estimate(share, number),
                "first": _estimate(first, number),
                "looked": float(group.summary.looked.mean[number]),
            }
        )
    return AREAS[number], cells


def _estimate(of: Any, number: int) -> Estimate:
    return Estimate(*(float(one[number]) for one in (of.mean, of.low, of.high)))
