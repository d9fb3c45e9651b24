"""Parts of the cards of models that are trained on patients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

FEWEST = 5
"""Smaller counts could tell who the patients are: they are not given."""


def count_text(number: int) -> str:
    """A count of patients, or that it is small."""
    return str(number) if not number or number >= FEWEST else f"fewer than {FEWEST}"


def strata_lines(name: str, values: Iterable[str]) -> list[str]:
    """A row of a table for each value that at least five patients have."""
    counts = Counter(value or "unknown" for value in values)
    large = {value: count for value, count in counts.items() if count >= FEWEST}
    lines = [f"| {name}: {value} | {count} |" for value, count in sorted(large.items())]
    if len(large) < len(counts):
        lines.append(f"| {name}: others, fewer than {FEWEST} each | |")
    return lines


def toml_lines(values: Mapping[str, Any]) -> list[str]:
    """The values of a recipe as in its file."""
    return [
        f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {str(value).lower()}"
        for key, value in values.items()
    ]
