"""Reader studies as documents and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gestalt_space.documents.figures import estimate_form
from gestalt_space.documents.form import filled, without_nan
from gestalt_space.documents.reader_studies import (
    AccuracyForm,
    AccuracyLineForm,
    AgreementForm,
    DesignRowForm,
    GazeAgreementDocument,
    LeftOutForm,
    MeasuresForm,
    PlannedMeasureForm,
    ReaderFigureForm,
    ReaderStudyDocument,
    RocPointForm,
    SkippedMeasureForm,
    StudyCellForm,
    StudyDesignDocument,
    StudyEffectForm,
    StudyPowerDocument,
)
from gestalt_space.gaze.comparison import EPSILON
from gestalt_space.stats.estimates import Estimate
from gestalt_space.tables.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gestalt_space.gaze.agreement import Agreement
    from gestalt_space.gaze.reader_accuracy import ReaderAccuracy
    from gestalt_space.gaze.reader_study import ReaderStudy
    from gestalt_space.gaze.study_design import StudyDesign
    from gestalt_space.gaze.study_power import MeasurePlan, Power

FIGURES = ("nss", "auc_judd", "auc_shuffled", "cc", "sim", "kl", "iou")
_TITLES = ("NSS", "AUC-Judd", "shuffled AUC", "CC", "SIM", "KL", "IoU")


def reader_study_document(
    study: ReaderStudy | None, accuracy: ReaderAccuracy | None
) -> ReaderStudyDocument:
    """What was asked for of the two parts."""
    document: ReaderStudyDocument = {"document": "reader-study", "version": 1}
    if study is not None:
        document["measures"] = _measures_form(study)
    if accuracy is not None:
        document["accuracy"] = _accuracy_form(accuracy)
    return document


def power_document(plan: MeasurePlan, power: Power, seed: int) -> StudyPowerDocument:
    """The power of a planned study."""
    return {
        "document": "reader-study-power",
        "version": 1,
        "effect": power.effect,
        "power": estimate_form(power.share, 4),
        "studies": power.studies,
        "seed": seed,
        "plan": filled(PlannedMeasureForm, plan),
    }


def design_document(design: StudyDesign) -> StudyDesignDocument:
    """A design sheet."""
    return {
        "document": "reader-study-design",
        "version": 1,
        "lowest_position": round(design.spread[0], 2),
        "highest_position": round(design.spread[1], 2),
        "longest_run": design.longest_run,
        "wash_out": design.wash_out,
        "seed": design.seed,
        "rows": [filled(DesignRowForm, row) for row in design.rows],
    }


def agreement_document(
    groups: Mapping[str, Sequence[Agreement]],
    sd: float,
    salient: float,
    left_out: Mapping[str, int],
) -> GazeAgreementDocument:
    """Candidates against the readers of each group."""
    return {
        "document": "gaze-agreement",
        "version": 1,
        "sd": sd,
        "salient": salient,
        "epsilon": EPSILON,
        "groups": [
            {"group": name, "candidates": [_agreement_form(one) for one in of]}
            for name, of in groups.items()
        ],
        "left_out": _left_out(left_out),
    }


def effects_table(study: ReaderStudy) -> Table:
    """A row for each effect."""
    table = Table(
        (
            Column("area"),
            Column("measure"),
            Column("effect"),
            Column("contrast", least=3),
            Column("scale", readers="programs"),
            Column("estimate", "number", shown=".3g"),
            Column("low", "number", title="from", shown=".3g"),
            Column("high", "number", title="to", shown=".3g"),
            Column("freedom", "number", title="df", shown=".0f", least=1),
            Column("p", "number", shown=_p),
            Column("p_permuted", "number", title="p by permutation", shown=_p, least=2),
            Column("exchanged", readers="programs"),
            Column("p_adjusted", "number", title="p adj.", shown=_p),
            Column("readers", "integer", readers="programs"),
            Column("photos", "integer", readers="programs"),
            Column("trials", "integer", least=0),
        )
    )
    for one in study.effects:
        estimate = one.estimate
        table.add_row(
            *(one.area, one.measure, one.effect, one.contrast, one.scale),
            *(estimate.value, estimate.low, estimate.high),
            *(one.freedom, one.p, one.p_permuted, one.exchanged, one.p_adjusted),
            *(one.readers, one.photos, one.trials),
        )
    return table


def cells_table(study: ReaderStudy) -> Table:
    """A row for the mean of each measure in each group and ancestry."""
    table = Table(
        (
            *(Column(name) for name in ("area", "measure", "group", "ancestry")),
            Column("mean", "number", shown=".3g"),
            Column("sd", "number", title="SD of readers", shown=".3g"),
            *(Column(name, "integer") for name in ("readers", "photos", "trials")),
        )
    )
    for one in study.cells:
        table.add_row(
            *(one.area, one.measure, one.group, one.ancestry or None),
            *(one.mean, one.sd, one.readers, one.photos, one.trials),
        )
    return table


def accuracy_table(accuracy: ReaderAccuracy) -> Table:
    """A row for each figure and difference."""
    table = Table(
        (
            Column("group"),
            Column("ancestry"),
            Column("kind", least=4),
            Column("value", "number", shown=".3f"),
            Column("low", "number", title="from", shown=".3f"),
            Column("high", "number", title="to", shown=".3f"),
            Column("freedom", "number", title="df", shown=".0f", least=1),
            Column("p", "number", shown=_p),
            Column("readers", "integer", least=3),
            Column("patients", "integer", least=2),
            Column("others", "integer", least=0),
        )
    )
    for one in accuracy.lines:
        estimate = one.estimate
        table.add_row(
            *(one.group, one.ancestry or "all", "difference" if one.is_difference else "figure"),
            *(estimate.value, estimate.low, estimate.high, one.freedom, one.p),
            *(one.readers, one.patients, one.others),
        )
    return table


def readers_table(accuracy: ReaderAccuracy) -> Table:
    """A row for each reader."""
    columns = (
        Column("reader", whole=True),
        Column("group"),
        Column("value", "number", shown=".3f"),
    )
    return Table(columns, ((one.reader, one.group, one.value) for one in accuracy.readers))


def roc_table(accuracy: ReaderAccuracy) -> Table:
    """A row for each point of the groups' ROC curves."""
    names = ("at_least", "false_positives", "true_positives")
    columns = (Column("group"), *(Column(name, "number", shown=".3g") for name in names))
    return Table(
        columns,
        (
            (one.group, one.at_least, one.false_positives, one.true_positives)
            for one in accuracy.curve
        ),
    )


def design_table(design: StudyDesign) -> Table:
    """A row for each photo that a reader sees."""
    return Table(
        (
            *(Column("reader", whole=True), Column("group")),
            *(Column("session", "integer"), Column("day", "integer"), Column("condition")),
            *(Column("position", "integer"), Column("photo", whole=True), Column("ancestry")),
        ),
        (
            (
                *(row.reader, row.group, row.session, row.day, row.condition or None),
                *(row.position, row.photo, row.ancestry or None),
            )
            for row in design.rows
        ),
    )


def agreement_table(groups: Mapping[str, Sequence[Agreement]]) -> Table:
    """A row for each group of readers and candidate; intervals are for programs."""
    columns = [Column("group"), Column("candidate")]
    for name, title in zip(FIGURES, _TITLES, strict=True):
        columns.append(Column(name, "number", title=title, shown=".2f"))
        columns += [
            Column(f"{name}_{end}", "number", readers="programs") for end in ("low", "high")
        ]
    columns += [
        Column("readers", "integer", least=2),
        Column("photos", "integer", least=1),
        Column("trials", "integer", least=0),
    ]
    table = Table(columns)
    for group, of in groups.items():
        for one in of:
            figures: list[Estimate] = [getattr(one, name) for name in FIGURES]
            values = [end for each in figures for end in (each.value, each.low, each.high)]
            table.add_row(group, one.candidate, *values, one.readers, one.photos, one.trials)
    return table


def _measures_form(study: ReaderStudy) -> MeasuresForm:
    return {
        "groups": [{"group": name, "readers": count} for name, count in study.readers.items()],
        "ancestries": list(study.ancestries),
        "photos": study.photos,
        "cells": [without_nan(filled(StudyCellForm, one)) for one in study.cells],
        "effects": [
            without_nan(
                filled(
                    StudyEffectForm,
                    one,
                    estimate=estimate_form(one.estimate),
                    components=dict(one.components),
                )
            )
            for one in study.effects
        ],
        "skipped": [filled(SkippedMeasureForm, one) for one in study.skipped],
        "left_out": _left_out(study.left_out),
        "permutations": study.permutations,
        "seed": study.seed,
    }


def _accuracy_form(accuracy: ReaderAccuracy) -> AccuracyForm:
    return {
        "figure": accuracy.figure,
        "method": accuracy.method,
        "groups": list(accuracy.groups),
        "ancestries": list(accuracy.ancestries),
        "lines": [
            without_nan(filled(AccuracyLineForm, one, estimate=estimate_form(one.estimate)))
            for one in accuracy.lines
        ],
        "readers": [filled(ReaderFigureForm, one) for one in accuracy.readers],
        "curve": [filled(RocPointForm, one) for one in accuracy.curve],
        "skipped": [
            {"ancestry": name, "reason": reason} for name, reason in accuracy.skipped.items()
        ],
        "left_out": _left_out(accuracy.left_out),
    }


def _agreement_form(one: Agreement) -> AgreementForm:
    figures = {name: estimate_form(getattr(one, name)) for name in FIGURES}
    found: AgreementForm = without_nan(filled(AgreementForm, one, **figures))
    return found


def _left_out(counts: Mapping[str, int]) -> list[LeftOutForm]:
    return [{"what": what, "count": count} for what, count in counts.items()]


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
