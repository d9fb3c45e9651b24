"""Cohesion and comparison as JSON documents and as rows of a table. No patient is named."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from gestalt_space.cohort.cohesion import Cohesion
from gestalt_space.cohort.comparison import Comparison, DisorderComparison
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.sub_blocks import BlockReference

VERSION = 1
COLUMNS = (
    "disorder",
    "patients_a",
    "patients_b",
    *(
        f"{pairs}_{figure}"
        for pairs in ("within_a", "within_b", "between")
        for figure in ("pairs", "mean", "sd", "low", "median", "high")
    ),
    *(f"{name}{end}" for name in ("difference", "effect") for end in ("", "_low", "_high")),
    "p",
    "p_adjusted",
    *(f"block_{name}" for name in ("size", "distance", "threshold", "share", "ppv")),
)
"""Of the table of disorders."""


def cohesion_document(cohort: Selection, found: Cohesion) -> dict[str, Any]:
    """A cohort's cohesion; figures that do not exist are null."""
    figures = asdict(found)
    plan = figures.pop("plan")
    document: dict[str, Any] = _plain(
        {"version": VERSION, **_of(cohort), **plan, "cohesion": figures, "selection": cohort.source}
    )
    return document


def comparison_document(a: Selection, b: Selection, found: Comparison) -> dict[str, Any]:
    """Two groups compared; figures that do not exist are null."""
    document: dict[str, Any] = _plain(
        {
            "version": VERSION,
            **_of(a),
            "match": found.plan.match,
            "permutations": found.plan.permutations,
            "bootstrap": asdict(found.plan.bootstrap),
            "seed": found.plan.seed,
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
            "block_thresholds": _thresholds(found.reference),
        }
    )
    return document


def comparison_csv(found: Comparison) -> bytes:
    """The compared disorders as CSV with the columns `COLUMNS`, in UTF-8; a figure that does not
    exist is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([*_cells(one)] for one in found.disorders)
    return text.getvalue().encode()


def _cells(one: DisorderComparison) -> Iterator[object]:
    yield from (one.disorder, one.patients_a, one.patients_b)
    for pairs in (one.within_a, one.within_b, one.between):
        yield pairs.pairs
        yield from map(_digits, (pairs.mean, pairs.sd, pairs.low, pairs.median, pairs.high))
    for figure in (one.difference, one.effect):
        yield from map(_digits, (figure.value, figure.low, figure.high))
    yield from map(_digits, (one.p, one.p_adjusted))
    if one.blocks is None:
        yield from [""] * 5
    else:
        yield one.blocks.size
        of_blocks = (one.blocks.distance, one.blocks.threshold, one.blocks.share, one.blocks.ppv)
        yield from map(_digits, of_blocks)


def _digits(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _of(selection: Selection) -> dict[str, Any]:
    return {"space": {"name": selection.space, "fingerprint": selection.fingerprint}}


def _thresholds(reference: BlockReference | None) -> list[dict[str, Any]]:
    if reference is None:
        return []
    return [
        {
            "size": size,
            "threshold": one.threshold,
            "sensitivity": one.sensitivity,
            "specificity": one.specificity,
            "disorders": one.disorders,
        }
        for size, one in reference.by_size.items()
    ]


def _plain(value: Any) -> Any:
    """What JSON can hold: text keys, lists, and null for what is not a number."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value
