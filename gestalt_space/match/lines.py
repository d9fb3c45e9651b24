"""A line of a ranking, by keys; names come later."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RankedLine:
    """A line: its group, the patient whose photo is the nearest and that photo's descriptor, by
    their keys; what it is ranked by, and the similarity, -1..1."""

    group: int
    patient: int
    descriptor: int
    score: float
    similarity: float
