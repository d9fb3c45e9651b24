"""Likelihood ratios, and the strengths of evidence that ACMG/AMP's PP4 has for them.

LR(s) = f(s | the patient has the disorder) / f(s | not), s being the similarity to the nearest
photo of the disorder, the patient's own family left out (DOMAIN section 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Strength = Literal["none", "supporting", "moderate", "strong", "very strong"]
STRENGTHS: tuple[tuple[float, Strength], ...] = (
    (350.4, "very strong"),
    (18.72, "strong"),
    (4.33, "moderate"),
    (2.08, "supporting"),
)
"""Least likelihood ratio of each strength of evidence (ACMG/AMP PP4)."""


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """`value`, and `lower`, its one-sided 95 % lower bound, 0 where there is none. `strength` is
    that of the lower bound, in the words of ACMG/AMP PP4; it is no probability, and knows nothing
    of how common the disorder is."""

    value: float
    lower: float
    strength: Strength


def strength_of(ratio: float) -> Strength:
    """The strength of evidence that a likelihood ratio has."""
    return next((name for least, name in STRENGTHS if ratio >= least), "none")
