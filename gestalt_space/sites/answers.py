"""The answers of other hospitals, checked before anything of them is used: their services may be
broken, or not what they seem."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.disorders import parse_disorder
from gestalt_space.gallery.intake.genes import read_gene
from gestalt_space.match.for_site import SiteAnswer, SiteLine, SiteQuestion
from gestalt_space.paths import display_name
from gestalt_space.ranking.calibration import LikelihoodRatio
from gestalt_space.sites.exchange import HttpAnswer
from gestalt_space.sites.replies import SiteReply, SiteState
from gestalt_space.sites.site import Site

VERSION = 1
LONGEST_TOLD = 200
_Count = Annotated[int, Field(ge=0, le=10**12)]
_Text = Annotated[str, Field(max_length=300)]


class _Read(BaseModel):
    # Fields may be added without a new version.
    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class _Ratio(_Read):
    value: Annotated[float, Field(ge=0)]
    lower: Annotated[float, Field(ge=0)]


class _Line(_Read):
    rank: _Count
    id: Annotated[str, Field(min_length=1, max_length=300)]
    name: _Text
    similarity: Annotated[float, Field(ge=-1, le=1)]
    percentile: Annotated[float, Field(ge=0, le=100)] | None
    likelihood_ratio: _Ratio | None
    patients_at_least: _Count
    photos_at_least: _Count


class _Answer(_Read):
    document: Literal["site-answer"]
    version: Literal[1]
    space: str
    by: Literal["disorder", "gene"]
    least_patients: _Count
    patients_at_least: _Count
    verdict: Literal["close match", "weak match", "no close match"] | None
    lines: Annotated[list[_Line], Field(max_length=1000)]


class _Version(_Read):
    document: str
    version: int


class _Error(_Read):
    code: _Text
    message: str


class _ErrorDocument(_Read):
    error: _Error


def reply_of(site: Site, question: SiteQuestion, answer: HttpAnswer) -> SiteReply:
    """What a site says, from what came back."""
    if answer.status == 200:
        return _answered(site, question, answer.body)
    if 300 <= answer.status < 400:
        return failed(site, "invalid_answer", "It sends us elsewhere, which is not followed.")
    code, told = _error_in(answer.body)
    states: dict[int, SiteState] = {401: "refused", 403: "refused", 429: "refused"}
    state = states.get(answer.status, "unreachable" if answer.status >= 500 else "invalid_answer")
    if answer.status in (404, 405) and code in ("", "usage"):
        state = "other_version"
        told = "It does not answer other hospitals at this address: its version may be older."
    elif code == "space_mismatch":
        state = "other_space"
    return failed(site, state, told or f"It answers with the status {answer.status}.")


def failed(site: Site, state: SiteState, told: str) -> SiteReply:
    """That a site gave no lines, and why."""
    return SiteReply(site.name, site.address, state, told)


def _answered(site: Site, question: SiteQuestion, body: bytes) -> SiteReply:
    try:
        version = _Version.model_validate_json(body)
        if version.document == "site-answer" and version.version != VERSION:
            told = f"Its answers have version {version.version}; this gestalt-space reads 1."
            return failed(site, "other_version", told)
        read = _Answer.model_validate_json(body)
        if read.space != question.fingerprint:
            return failed(site, "other_space", "Its answer is of another space than the question.")
        lines = _lines(read.lines, question)
    except (ValidationError, UsageError, ValueError, RecursionError):
        return failed(site, "invalid_answer", "Its answer is not what such a service answers.")
    if read.by != question.by:
        return failed(site, "invalid_answer", f"It answers about {read.by}s.")
    answer = SiteAnswer(lines, read.verdict, read.least_patients, read.patients_at_least)
    return SiteReply(site.name, site.address, "answered", None, answer)


def _lines(read: list[_Line], question: SiteQuestion) -> tuple[SiteLine, ...]:
    """The lines, if they are a ranking. Raises `ValueError`, `UsageError`."""
    lines = tuple(
        SiteLine(
            rank=rank,
            id=_identifier(one.id, question.by),
            name=display_name(one.name),
            similarity=one.similarity,
            percentile=one.percentile,
            likelihood_ratio=None
            if one.likelihood_ratio is None
            else LikelihoodRatio(one.likelihood_ratio.value, one.likelihood_ratio.lower),
            patients_at_least=one.patients_at_least,
            photos_at_least=one.photos_at_least,
        )
        for rank, one in enumerate(read, start=1)
    )
    similarities = [line.similarity for line in lines]
    if (
        len(lines) > question.k
        or len({line.id for line in lines}) < len(lines)
        or similarities != sorted(similarities, reverse=True)
        or [one.rank for one in read] != list(range(1, len(read) + 1))
    ):
        raise ValueError("no ranking")
    return lines


def _identifier(text: str, by: Literal["disorder", "gene"]) -> str:
    printable = display_name(text)
    return parse_disorder(printable) if by == "disorder" else read_gene(printable).value


def _error_in(body: bytes) -> tuple[str, str]:
    """The code and the message of an error document; empty texts where it is none."""
    try:
        error = _ErrorDocument.model_validate_json(body).error
    except (ValidationError, RecursionError):
        return "", ""
    return error.code, display_name(error.message)[:LONGEST_TOLD]
