"""Gaze as documents and tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gestalt_space.documents.form import filled, rounded
from gestalt_space.documents.gaze import (
    GazeAccuracyForm,
    GazeAreaForm,
    GazeAreasDocument,
    GazeBinForm,
    GazeCheckDocument,
    GazeColumnForm,
    GazeEstimateForm,
    GazeImportDocument,
    GazeLeftOutForm,
    GazeMediumForm,
    GazeQualityForm,
    GazeRecordingForm,
    GazeTransitionForm,
)
from gestalt_space.gaze.areas import AREAS
from gestalt_space.gaze.fixations import FixationPlan
from gestalt_space.gaze.importing.export import Export, LeftOut
from gestalt_space.gaze.quality import Accuracy, Quality, Rules
from gestalt_space.gaze.summary import Estimates, Summary, by_trial
from gestalt_space.gaze.trials import FaceTrial, FaceTrials
from gestalt_space.gaze.types import Placement, Recording, Shown
from gestalt_space.gaze.when import BIN
from gestalt_space.paths import display_name
from gestalt_space.tables.table import Column, Table

TABLES = ("areas", "trials", "time-course", "transitions")
TRIAL_COLUMNS = (
    Column("reader"),
    Column("recording"),
    Column("trial", "integer"),
    Column("medium"),
    Column("shown", "number"),
    Column("fixations", "integer"),
    Column("loss", "number"),
    Column("rms", "number"),
    Column("sd", "number"),
    Column("outside", "number"),
    Column("left_out"),
)


def check_document(export: Export, without_photo: Sequence[str]) -> GazeCheckDocument:
    """What an export has."""
    return {
        "document": "gaze-check",
        "version": 1,
        "format": export.format,
        "rows": export.rows,
        "columns": _columns(export),
        "recordings": [recording_form(one) for one in export.recordings],
        "media": media_forms(export.recordings),
        "without_photo": list(without_photo),
        "left_out": _left_out(export.left_out),
        "notes": list(export.notes),
    }


def import_document(
    output: Path,
    export: Export,
    found: FaceTrials,
    plan: FixationPlan,
    rules: Rules,
    accuracies: Sequence[Accuracy],
) -> GazeImportDocument:
    """What became of an export."""
    trials = found.trials
    return {
        "document": "gaze-import",
        "version": 1,
        "output": display_name(output),
        "format": export.format,
        "rows": export.rows,
        "columns": _columns(export),
        "source": found.source,
        "method": str(plan) if found.source == "samples" else "",
        "rules": str(rules),
        "readers": len({one.trial.reader for one in trials}),
        "media": len({one.trial.medium for one in trials}),
        "trials": len(trials),
        "fixations": sum(len(one.trial.fixations) for one in trials),
        "begun_before": found.begun_before,
        "off_photo": found.off_photo,
        "quality": quality_form(trials),
        "accuracy": [rounded(filled(GazeAccuracyForm, one)) for one in accuracies],
        "left_out": _left_out(found.left_out),
        "without_photo": list(found.without_photo),
        "notes": [*export.notes, *found.notes],
    }


def areas_document(summary: Summary) -> GazeAreasDocument:
    """Where and when readers looked."""
    return {
        "document": "gaze-areas",
        "version": 1,
        "readers": summary.readers,
        "media": summary.media,
        "trials": summary.trials,
        "fixations": summary.fixations,
        "priority": list(AREAS),
        "areas": [_area_form(summary, number) for number in range(len(AREAS))],
        "bin": BIN,
        "time_course": [*_bin_forms(summary)],
        "transitions": [*_transition_forms(summary)],
    }


def recording_form(one: Recording) -> GazeRecordingForm:
    """A recording by its counts."""
    samples = one.samples
    return {
        "reader": one.reader,
        "recording": one.name,
        "media": len(one.shown),
        "rate": None if one.rate is None else round(one.rate, 2),
        "samples": None if samples is None else len(samples.time),
        "lost": None if samples is None else round(1 - float(samples.valid.mean()), 4),
        "fixations": None if one.fixations is None else len(one.fixations),
    }


def media_forms(recordings: Sequence[Recording]) -> list[GazeMediumForm]:
    """Media by name, with the places that they had."""
    shown: dict[str, list[Shown]] = {}
    for one in (one for recording in recordings for one in recording.shown):
        shown.setdefault(one.medium, []).append(one)
    return [_medium_form(medium, ones) for medium, ones in shown.items()]


def recordings_table(export: Export) -> Table:
    """Recordings for people."""
    table = Table(
        (
            Column("reader"),
            Column("recording"),
            Column("media", "integer"),
            Column("rate", "number", title="Hz", shown=".4g"),
            Column("samples", "integer"),
            Column("lost", "number", shown=".1%"),
            Column("fixations", "integer"),
        )
    )
    for one in map(recording_form, export.recordings):
        table.add_row(*(one[name] for name in table.names))  # type: ignore[literal-required]
    return table


def quality_table(found: FaceTrials) -> Table:
    """A row per trial: its quality, or why it is left out; and rows of recordings and readers that
    are left out."""
    table = Table(TRIAL_COLUMNS)
    for one in found.trials:
        trial, quality = one.trial, one.quality
        assert quality is not None  # noqa: S101 - trials from recordings have it
        table.add_row(
            *(trial.reader, one.recording, one.number, trial.medium, trial.duration),
            *(len(trial.fixations), quality.loss, quality.rms, quality.sd, quality.outside),
            None,
        )
    for left in found.left_out:
        table.add_row(
            *(left.reader, left.recording or None, None, left.medium or None),
            *(None,) * 6,
            left.reason,
        )
    return table


def areas_table(summary: Summary) -> Table:
    """A row an area: where and when, means over readers with 95 % intervals."""
    table = Table(
        (
            Column("area"),
            Column("dwell", "number", title="dwell (s)", shown=".2f"),
            Column("share", "number", shown=".1%"),
            Column("share_low", "number", title="from", shown=".1%", least=3),
            Column("share_high", "number", title="to", shown=".1%", least=2),
            Column("looked", "number", title="looked at", shown=".0%"),
            Column("first", "number", title="first look (s)", shown=".2f"),
            Column("first_low", "number", readers="programs"),
            Column("first_high", "number", readers="programs"),
            Column("order", "number", shown=".1f"),
        )
    )
    for number, area in enumerate(AREAS):
        share, first = summary.share, summary.first
        table.add_row(
            area,
            float(summary.dwell.mean[number]),
            *(float(one[number]) for one in (share.mean, share.low, share.high)),
            float(summary.looked.mean[number]),
            *(float(one[number]) for one in (first.mean, first.low, first.high)),
            float(summary.order.mean[number]),
        )
    return table


def trials_by_area_table(trials: Sequence[FaceTrial]) -> Table:
    """A row per reader, medium and area: the table that a reader study starts from."""
    table = Table(
        (
            Column("reader"),
            Column("medium"),
            Column("area"),
            Column("dwell", "number"),
            Column("dwell_share", "number"),
            Column("fixations", "number"),
            Column("first_fixation", "number"),
            Column("order", "number"),
        )
    )
    for reader, medium, values in by_trial(trials):
        for area, row in zip(AREAS, values, strict=True):
            table.add_row(reader, medium, area, *map(float, row))
    return table


def time_course_table(summary: Summary) -> Table:
    """A row per bin and area."""
    table = Table(("begin", "area", "share", "low", "high"))
    course = summary.course
    for place in range(len(course.mean)):
        for number, area in enumerate(AREAS):
            values = (float(one[place, number]) for one in (course.mean, course.low, course.high))
            table.add_row(place * BIN, area, *values)
    return table


def transitions_table(summary: Summary) -> Table:
    """A row per pair of areas."""
    table = Table(("from_area", "to_area", "share", "low", "high"))
    found = summary.transitions
    for place, number in np.ndindex(*found.mean.shape):
        if place != number:
            values = (float(one[place, number]) for one in (found.mean, found.low, found.high))
            table.add_row(AREAS[place], AREAS[number], *values)
    return table


def quality_form(trials: Sequence[FaceTrial]) -> GazeQualityForm:
    """Medians over trials."""
    known = [one.quality for one in trials if one.quality is not None]
    return {
        "loss": _median(known, "loss"),
        "rms": _median(known, "rms"),
        "sd": _median(known, "sd"),
        "outside": _median(known, "outside"),
    }


def _median(known: Sequence[Quality], name: str) -> float | None:
    values = [value for one in known if math.isfinite(value := getattr(one, name))]
    return round(float(np.median(values)), 4) if values else None


def _columns(export: Export) -> list[GazeColumnForm]:
    return [{"what": what, "heading": heading} for what, heading in export.columns]


def _left_out(found: Sequence[LeftOut]) -> list[GazeLeftOutForm]:
    return [filled(GazeLeftOutForm, one) for one in found]


def _medium_form(medium: str, ones: Sequence[Shown]) -> GazeMediumForm:
    places: list[Placement] = list(
        dict.fromkeys(one.placement for one in ones if one.placement is not None)
    )
    first = places[0] if places else None
    return {
        "medium": medium,
        "shown": len(ones),
        "places": len(places),
        "left": None if first is None else first.left,
        "top": None if first is None else first.top,
        "width": None if first is None else first.width,
        "height": None if first is None else first.height,
        "photo_width": None if first is None else first.photo_width,
        "photo_height": None if first is None else first.photo_height,
    }


def _area_form(summary: Summary, number: int) -> GazeAreaForm:
    return {
        "area": AREAS[number],
        "dwell": _estimate(summary.dwell, number),
        "share": _estimate(summary.share, number),
        "looked": _estimate(summary.looked, number),
        "first": _estimate(summary.first, number),
        "order": _estimate(summary.order, number),
    }


def _bin_forms(summary: Summary) -> Iterator[GazeBinForm]:
    for place in range(len(summary.course.mean)):
        for number, area in enumerate(AREAS):
            share = _estimate(summary.course, place, number)
            yield {"begin": place * BIN, "area": area, "share": share}


def _transition_forms(summary: Summary) -> Iterator[GazeTransitionForm]:
    for place, number in np.ndindex(*summary.transitions.mean.shape):
        if place != number:
            share = _estimate(summary.transitions, place, number)
            yield {"from_area": AREAS[place], "to_area": AREAS[number], "share": share}


def _estimate(found: Estimates, *place: int) -> GazeEstimateForm:
    values = [float(one[place]) for one in (found.mean, found.low, found.high)]
    mean, low, high = (round(one, 4) if math.isfinite(one) else None for one in values)
    return {"mean": mean, "low": low, "high": high}
