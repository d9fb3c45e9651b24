"""What came of asking another hospital."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gestalt_space.match.for_site import SiteAnswer

SiteState = Literal[
    "answered",
    "late",
    "unreachable",
    "refused",
    "other_space",
    "other_version",
    "invalid_answer",
]


@dataclass(frozen=True, slots=True)
class SiteReply:
    """What a site says. `told`: why there is no `answer`, in words."""

    site: str
    address: str
    state: SiteState
    told: str | None
    answer: SiteAnswer | None = None
