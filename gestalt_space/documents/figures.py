"""Figures of statistics as they stand in documents."""

from __future__ import annotations

from collections.abc import Iterable

from gestalt_space.documents.form import Form, filled, without_nan
from gestalt_space.documents.parts import RunCountForm, run_count_forms
from gestalt_space.stats.estimates import Estimate, Finding
from gestalt_space.store.runs import RunCounts


class EstimateForm(Form):
    """A figure with the ends of its 95 % interval, null where there is none."""

    value: float | None
    low: float | None
    high: float | None


class StudyFindingForm(Form):
    """A figure of a study, with its interval and p-values, null where there are none. `n`:
    independent units behind it, of the kind `unit`; `p_adjusted`: for how many were tested."""

    subject: str
    estimand: str
    estimate: float | None
    n: int
    unit: str
    method: str
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    seed: int | None


class MeasuredSpaceForm(Form):
    """The space that was measured in, and what made its descriptors."""

    name: str
    fingerprint: str
    runs: list[RunCountForm]


class BootstrapForm(Form):
    """How often units were drawn again, and the seed."""

    replicates: int
    seed: int


def measured_space_form(name: str, fingerprint: str, runs: RunCounts) -> MeasuredSpaceForm:
    """The space that was measured in."""
    return {"name": name, "fingerprint": fingerprint, "runs": run_count_forms(runs)}


def estimate_form(one: Estimate, digits: int | None = None) -> EstimateForm:
    """A figure, rounded where digits are given."""
    values = {"value": one.value, "low": one.low, "high": one.high}
    if digits is not None:
        values = {name: round(value, digits) for name, value in values.items()}
    return filled(EstimateForm, one, **without_nan(values))


def finding_forms(findings: Iterable[Finding]) -> list[StudyFindingForm]:
    """Figures of a study, in their order."""
    return [without_nan(filled(StudyFindingForm, one)) for one in findings]
