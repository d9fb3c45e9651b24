"""Ranks of genes: equal scores take the worst rank, so that no order is won by chance."""

from __future__ import annotations

from collections.abc import Sequence


def worst_ranks(scores: Sequence[float | None]) -> list[int | None]:
    """Ranks from 1 for the highest score; None for a missing score, which has no rank."""
    falling = sorted(-score for score in scores if score is not None)
    last = {score: place for place, score in enumerate(falling, start=1)}
    return [None if score is None else last[-score] for score in scores]
