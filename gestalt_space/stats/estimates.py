"""Results of statistics: a value with its confidence interval, and the tidy row from which tables,
JSON documents and pages are written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

LEVEL = 0.95
"""Confidence level of every two-sided interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the ends of its 95 % confidence interval; NaN if there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a study.

    `subject`: what it is about, such as a disorder, or `all`. `estimand`: what is estimated, in
    words. `low`, `high`: the 95 % interval. `p`: from the test named by `method`. `p_adjusted`:
    adjusted for the number of subjects tested. Each is NaN if there is none. `n`: the number of
    independent units, of the kind `unit`. `seed`: of the random draws, None if there were none.
    """

    subject: str
    estimand: str
    estimate: float
    n: int
    unit: str
    method: str
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    p_adjusted: float = math.nan
    seed: int | None = None


def finding_records(findings: Iterable[Finding]) -> list[dict[str, str | int | float | None]]:
    """Findings as plain records, in their order; None for NaN."""
    names = [field.name for field in fields(Finding)]
    return [{name: _plain(getattr(one, name)) for name in names} for one in findings]


def finding_rows(
    findings: Iterable[Finding],
) -> tuple[tuple[str, ...], list[Sequence[str | int | float | None]]]:
    """The names of the columns and the rows of a table of findings."""
    names = tuple(field.name for field in fields(Finding))
    return names, [list(record.values()) for record in finding_records(findings)]


def _plain(value: str | int | float | None) -> str | int | float | None:
    return None if isinstance(value, float) and math.isnan(value) else value
