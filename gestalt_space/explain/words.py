"""Maps in words."""

from __future__ import annotations

import math

from gestalt_space.explain.face_map import FaceMap
from gestalt_space.stats.estimates import Estimate

NAMED = 3
"""Regions that are named, those with the largest shares."""
NOTHING = "nothing in this face speaks for it"


def regions_in_words(face_map: FaceMap) -> str:
    """The regions with the largest shares: `nose 34 % (28–41), mouth 20 % (15–26)`."""
    if face_map.is_blank:
        return NOTHING
    shares = sorted(face_map.shares().items(), key=lambda item: -item[1].value)
    return ", ".join(f"{name} {share_text(share)}" for name, share in shares[:NAMED])


def balance_in_words(face_map: FaceMap) -> str:
    """How much of a map speaks for its line: `18 % of the map speaks for it, 82 % against it`."""
    if math.isnan(face_map.speaks_for):
        return "the map is empty"
    share = round(100 * face_map.speaks_for)
    return f"{share} % of the map speaks for it, {100 - share} % against it"


def share_text(share: Estimate) -> str:
    """A share with its interval, if it has one: `34 % (28–41)`."""
    if math.isnan(share.value):
        return "–"
    text = f"{100 * share.value:.0f} %"
    if math.isnan(share.low):
        return text
    return f"{text} ({100 * share.low:.0f}–{100 * share.high:.0f})"


def similarity_of_maps(correlation: float) -> str:
    """What the correlation of two maps says."""
    if math.isnan(correlation):
        return "One of the maps is the same everywhere, so they cannot be compared."
    if correlation > 0.7:
        return (
            "The maps are almost the same: the first is hardly specific to its disorder or class."
        )
    if correlation > 0.3:
        return "The maps are partly the same."
    return "The maps differ: the first is specific to its disorder or class."
