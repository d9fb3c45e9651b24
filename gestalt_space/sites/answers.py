"""The answers of other hospitals, checked before anything of them is used: their services may be
broken, or not what they seem."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationError

from gestalt_space.match.for_site import SiteAnswer, SiteQuestion
from gestalt_space.paths import display_name
from gestalt_space.sites.exchange import HttpAnswer
from gestalt_space.sites.received import BrokenAnswer, Received, broken, lines_of, read_answer
from gestalt_space.sites.replies import SiteReply, SiteState
from gestalt_space.sites.site import Site

VERSION = 1
LONGEST_TOLD = 200


class _Version(Received):
    document: str
    version: int


class _Error(Received):
    code: Annotated[str, Field(max_length=300)]
    message: str


class _ErrorDocument(Received):
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
    version = _version_in(body)
    if version not in (None, VERSION):
        told = f"Its answers have version {version}; this gestalt-space reads {VERSION}."
        return failed(site, "other_version", told)
    try:
        read = read_answer(body)
        if read.space != question.fingerprint:
            return failed(site, "other_space", "Its answer is of another space than the question.")
        if read.by != question.by:
            raise broken("by", f"is {read.by!r}, but the question was about {question.by}s")
        if len(read.lines) > question.k:
            raise broken("lines", f"has {len(read.lines)} lines, more than asked for, {question.k}")
        lines = lines_of(read)
    except BrokenAnswer as error:
        return failed(site, "invalid_answer", str(error)[:LONGEST_TOLD])
    answer = SiteAnswer(lines, read.verdict, read.least_patients, read.patients_at_least)
    return SiteReply(site.name, site.address, "answered", None, answer)


def _version_in(body: bytes) -> int | None:
    """The version of such an answer; None where it is none."""
    try:
        found = _Version.model_validate_json(body)
    except ValidationError:
        return None
    return found.version if found.document == "site-answer" else None


def _error_in(body: bytes) -> tuple[str, str]:
    """The code and the message of an error document; empty texts where it is none."""
    try:
        error = _ErrorDocument.model_validate_json(body).error
    except (ValidationError, RecursionError):
        return "", ""
    return error.code, display_name(error.message)[:LONGEST_TOLD]
