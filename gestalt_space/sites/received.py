"""The answer of another hospital as it is received: its fields, and the rules by which nothing in
it contradicts the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.disorders import parse_disorder
from gestalt_space.gallery.intake.genes import read_gene
from gestalt_space.match.for_site import SiteLine, coarse
from gestalt_space.names import LONGEST_NAME
from gestalt_space.paths import display_name
from gestalt_space.ranking.calibration import LikelihoodRatio, Verdict

_Count = Annotated[int, Field(ge=0, le=10**12)]
_Text = Annotated[str, Field(max_length=LONGEST_NAME)]


class BrokenAnswer(ValueError):
    """An answer that cannot be used; its text is a sentence that names the field."""


class Received(BaseModel):
    """What other hospitals send. Fields may be added without a new version."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class ReceivedRatio(Received):
    """A likelihood ratio."""

    value: Annotated[float, Field(ge=0)]
    lower: Annotated[float, Field(ge=0)]


class ReceivedLine(Received):
    """A disorder or a gene."""

    rank: _Count
    id: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    name: _Text
    similarity: Annotated[float, Field(ge=-1, le=1)]
    percentile: Annotated[float, Field(ge=0, le=100)] | None
    likelihood_ratio: ReceivedRatio | None
    patients_at_least: _Count
    photos_at_least: _Count


class ReceivedAnswer(Received):
    """A whole answer."""

    document: Literal["site-answer"]
    version: Literal[1]
    space: str
    by: Literal["disorder", "gene"]
    top: _Count
    least_patients: _Count
    patients_at_least: _Count
    verdict: Verdict | None
    lines: Annotated[list[ReceivedLine], Field(max_length=1000)]


def read_answer(body: bytes) -> ReceivedAnswer:
    """An answer without contradictions. Raises `BrokenAnswer`."""
    try:
        answer = ReceivedAnswer.model_validate_json(body)
    except ValidationError as error:
        raise BrokenAnswer(_told(error)) from error
    for field, why in _contradictions(answer):
        raise broken(field, why)
    return answer


def lines_of(answer: ReceivedAnswer) -> tuple[SiteLine, ...]:
    """Its lines. Raises `BrokenAnswer` where one is of no disorder or gene, or of that of another
    line."""
    places: dict[str, int] = {}
    lines: list[SiteLine] = []
    for place, one in enumerate(answer.lines):
        field, ratio = f"lines[{place}].id", one.likelihood_ratio
        id_ = _identifier(one.id, field, answer.by)
        if (other := places.setdefault(id_, place)) != place:
            raise broken(field, f"is the same as that of `lines[{other}]`")
        lines.append(
            SiteLine(
                rank=one.rank,
                id=id_,
                name=display_name(one.name),
                similarity=one.similarity,
                percentile=one.percentile,
                likelihood_ratio=None
                if ratio is None
                else LikelihoodRatio(ratio.value, ratio.lower),
                patients_at_least=one.patients_at_least,
                photos_at_least=one.photos_at_least,
            )
        )
    return tuple(lines)


def broken(field: str, why: str) -> BrokenAnswer:
    """That a field, by its path in the document, is wrong."""
    return BrokenAnswer(f"Its answer is broken: `{field}` {why}.")


def _told(error: ValidationError) -> str:
    """The first thing that is wrong with the form."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return "Its answer is not JSON."
    path = "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in first["loc"])
    field = f"`{path.removeprefix('.')}`: " if path else ""
    return f"Its answer is broken: {field}{first['msg'][0].lower()}{first['msg'][1:]}."


def _identifier(text: str, field: str, by: Literal["disorder", "gene"]) -> str:
    printable = display_name(text)
    try:
        return parse_disorder(printable) if by == "disorder" else read_gene(printable).value
    except UsageError as error:
        raise broken(field, f"is no identifier of a {by}") from error


def _contradictions(answer: ReceivedAnswer) -> Iterator[tuple[str, str]]:
    """The fields that contradict others, and how."""
    lines = answer.lines
    if len(lines) > answer.top:
        yield "lines", f"has {len(lines)} lines, more than `top`, {answer.top}"
    if answer.verdict is not None and not lines:
        yield "verdict", f"is {answer.verdict!r}, but there is no line"
    for place, line in enumerate(lines):
        at = f"lines[{place}]"
        if line.rank != place + 1:
            yield f"{at}.rank", f"is {line.rank}, but it is line {place + 1}"
        if place and line.similarity > lines[place - 1].similarity:
            yield f"{at}.similarity", "is greater than that of the line before"
        yield from _contradictions_of(line, at, answer)


def _contradictions_of(
    line: ReceivedLine, at: str, answer: ReceivedAnswer
) -> Iterator[tuple[str, str]]:
    patients, photos = line.patients_at_least, line.photos_at_least
    if photos < patients:
        yield f"{at}.photos_at_least", f"is {photos}, fewer than the patients, {patients}"
    if patients > answer.patients_at_least:
        total = answer.patients_at_least
        yield f"{at}.patients_at_least", f"is {patients}, more than all patients, {total}"
    if patients < coarse(answer.least_patients):
        least = answer.least_patients
        yield f"{at}.patients_at_least", f"is {patients}, fewer than `least_patients`, {least}"
    ratio = line.likelihood_ratio
    if ratio is not None and ratio.lower > ratio.value:
        field = f"{at}.likelihood_ratio.lower"
        yield field, f"is {ratio.lower:g}, above the value, {ratio.value:g}"
