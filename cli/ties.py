"""Lines of a table that have the same value: how many they are, with those that are not shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from gestalt_space.counts import counted_text

from . import output


def write_ties(what: str, measure: str, ties: Sequence[tuple[object, int]]) -> None:
    """A line for each value that several have. `ties`: of each line, in its order, its value and
    how many have it."""
    for text in _tie_texts(what, measure, ties):
        output.write_text(f"  {text}", style="dim")


def places_text(places: Sequence[int]) -> str:
    """`line 3`, `lines 3, 5`, and `lines 3 to 6` for three and more that follow each other."""
    if len(places) > 2 and places[-1] - places[0] == len(places) - 1:
        return f"lines {places[0]} to {places[-1]}"
    return f"{'line' if len(places) == 1 else 'lines'} {', '.join(map(str, places))}"


def _tie_texts(what: str, measure: str, ties: Sequence[tuple[object, int]]) -> Iterator[str]:
    numbered = enumerate(ties, start=1)
    for (_, count), group in groupby(numbered, key=lambda one: one[1]):
        if count > 1:
            places = places_text([place for place, _ in group])
            yield f"{places}: {counted_text(count, what)} have the same {measure}"
