"""A filter as SQL."""

from __future__ import annotations

from gestalt_space.index.engines.contract import EngineFilter


def conditions(among: EngineFilter) -> tuple[str, tuple[object, ...]]:
    """Which rows fit, as SQL behind another condition, and its values."""
    parts: list[str] = []
    values: list[object] = []
    ages: list[str] = []
    if among.ages is not None:
        ages.append("age BETWEEN %s AND %s")
        values += among.ages
    if among.unknown_age:
        ages.append("age IS NULL")
    if ages:
        parts.append(f"({' OR '.join(ages)})")
    for text, keys in (
        ("site = ANY(%s)", among.sites),
        ("patient = ANY(%s)", among.patients),
        ("NOT patient = ANY(%s)", among.without),
    ):
        if keys is not None:
            parts.append(text)
            values.append(keys.tolist())
    return "".join(f" AND {part}" for part in parts), tuple(values)
