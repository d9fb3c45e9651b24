"""What hospitals tell each other: lines without anything about a single patient."""

from __future__ import annotations

from typing import Literal

from gestalt_space.documents.form import Form, filled
from gestalt_space.match.for_site import SiteAnswer, SiteLine, SiteQuestion


class SiteRatioForm(Form):
    """A likelihood ratio to two digits; `lower`: its one-sided 95 % bound."""

    value: float
    lower: float


class SiteLineForm(Form):
    """A disorder or a gene of another hospital. `similarity`: of the nearest photo, cosine, to two
    decimals; `percentile` and `likelihood_ratio`: by that hospital's own calibration;
    `patients_at_least` and `photos_at_least`: rounded down to 1, 2, 5, 10, 20 and so on."""

    rank: int
    id: str
    name: str
    similarity: float
    percentile: float | None
    likelihood_ratio: SiteRatioForm | None
    patients_at_least: int
    photos_at_least: int


class SiteAnswerDocument(Form):
    """The answer to another hospital. `space`: the fingerprint of the space; `least_patients`:
    lines with fewer patients are not listed; `patients_at_least`: how many patients may be
    compared, rounded down; `verdict`: of the first line."""

    document: Literal["site-answer"]
    version: Literal[1]
    space: str
    by: Literal["disorder", "gene"]
    top: int
    least_patients: int
    patients_at_least: int
    verdict: Literal["close match", "weak match", "no close match"] | None
    lines: list[SiteLineForm]


class SiteReplyForm(Form):
    """What another hospital says. `state`: whether it answered; `message`: why not, null where it
    did. The rest is its answer; null, or no lines, without one."""

    site: str
    address: str
    state: Literal[
        "answered",
        "late",
        "unreachable",
        "refused",
        "other_space",
        "other_version",
        "invalid_answer",
    ]
    message: str | None
    verdict: Literal["close match", "weak match", "no close match"] | None
    least_patients: int | None
    patients_at_least: int | None
    lines: list[SiteLineForm]


class HospitalLineForm(Form):
    """A line at one hospital, `site`; null for our own gallery. `percentile`: by that hospital's
    calibration."""

    site: str | None
    rank: int
    similarity: float
    percentile: float | None


class CombinedLineForm(Form):
    """A line of our gallery and all hospitals that answered, by similarity. `similarity`: the
    greatest; `hospitals`: where the line is, the most similar first."""

    rank: int
    id: str
    name: str
    similarity: float
    hospitals: list[HospitalLineForm]


def site_answer_document(asked: SiteQuestion, answer: SiteAnswer) -> SiteAnswerDocument:
    """The answer to another hospital."""
    return {
        "document": "site-answer",
        "version": 1,
        "space": asked.fingerprint,
        "by": asked.by,
        "top": asked.k,
        "least_patients": answer.least_patients,
        "patients_at_least": answer.patients_at_least,
        "verdict": answer.verdict,
        "lines": list(map(site_line_form, answer.lines)),
    }


def site_line_form(line: SiteLine) -> SiteLineForm:
    """A line of another hospital."""
    ratio = line.likelihood_ratio
    return filled(
        SiteLineForm,
        line,
        likelihood_ratio=None if ratio is None else filled(SiteRatioForm, ratio),
    )
