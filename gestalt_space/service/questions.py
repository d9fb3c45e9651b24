"""What a form asks as a question to the gallery: the options of `gestalt match`, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Form

from gestalt_space.gallery.intake.values import parse_age, parse_sex, parse_text
from gestalt_space.match.filters import parse_filter
from gestalt_space.match.question import Question, parse_aggregation, parse_by, parse_index
from gestalt_space.names import normal_name

MOST_LINES = 1000


async def _question(
    top: Annotated[int, Form(ge=1, le=MOST_LINES, description="How many lines.")] = 10,
    by: Annotated[str, Form(description="disorder, gene or patient.")] = "disorder",
    aggregation: Annotated[str, Form(description="How a line's patients are weighed.")] = "nearest",
    among: Annotated[list[str], Form(description="Filters, as sex=female.")] = [],  # noqa: B006
    without: Annotated[list[str], Form(description="Patients to leave out.")] = [],  # noqa: B006
    family: Annotated[str | None, Form(description="The family of the photos.")] = None,
    index: Annotated[str, Form(description="exact, ivf, hnsw, pgvector or milvus.")] = "exact",
    sex: Annotated[str | None, Form(description="Of the photos' patient.")] = None,
    age: Annotated[str | None, Form(description="As 4, 18m, 4y6m.")] = None,
    ancestry: Annotated[str | None, Form(description="In the gallery's words.")] = None,
) -> Question:
    return question_of(
        top=top,
        by=by,
        aggregation=aggregation,
        among=among,
        without=without,
        family=family,
        index=index,
        sex=sex,
        age=age,
        ancestry=ancestry,
    )


def question_of(
    *,
    top: int,
    by: str,
    aggregation: str,
    among: Sequence[str],
    without: Sequence[str],
    index: str,
    sex: str | None,
    age: str | None,
    ancestry: str | None,
    family: str | None = None,
    with_family: bool = False,
) -> Question:
    """A question of texts. Raises `UsageError`."""
    return Question(
        k=top,
        by=parse_by(by),
        aggregation=parse_aggregation(aggregation),
        among=parse_filter(among),
        without=tuple(map(normal_name, without)),
        family=parse_text(family),
        with_family=with_family,
        index=parse_index(index),
        sex=parse_sex(sex or None),
        age=parse_age(age or None),
        ancestry=parse_text(ancestry),
    )


Asked = Annotated[Question, Depends(_question)]
