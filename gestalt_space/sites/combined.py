"""The lines of our gallery and of other hospitals as one list, by similarity.

All are of one space, and each line rests on its nearest photo: the greatest similarity of a line at
any hospital is the one that a gallery of all their photos would give. So the list is the ranking of
that gallery, as far as each hospital may tell of it: patients whose consent does not cover it and
lines with too few patients are missing, and similarities are equal within rounding. Percentiles and
likelihood ratios are not combined: each holds in the gallery that it was fitted to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gestalt_space.match.answer import MatchLine
from gestalt_space.match.for_site import DECIMALS, SiteAnswer, SiteLine


@dataclass(frozen=True, slots=True)
class HospitalLine:
    """A line at one hospital, `site`; None for our own gallery."""

    site: str | None
    rank: int
    similarity: float
    percentile: float | None


@dataclass(frozen=True, slots=True)
class CombinedLine:
    """A line of all hospitals. `similarity`: the greatest, rounded; `hospitals`: where the line is,
    the most similar first."""

    rank: int
    id: str
    name: str
    similarity: float
    hospitals: tuple[HospitalLine, ...]


def combined_lines(
    own: Sequence[MatchLine], others: Mapping[str, SiteAnswer], k: int
) -> tuple[CombinedLine, ...]:
    """The first `k` lines of our gallery and `others`, by site. Of equally similar ones, the one
    with the higher percentile at its hospital comes first, then the identifier decides. Names are
    our own where we have them."""
    names: dict[str, str] = {}
    found: dict[str, list[HospitalLine]] = {}
    everything: list[tuple[str | None, Sequence[MatchLine] | Sequence[SiteLine]]]
    everything = [(None, own), *((site, answer.lines) for site, answer in others.items())]
    for site, lines in everything:
        for line in lines:
            names.setdefault(line.id, line.name)
            similarity = round(line.similarity, DECIMALS)
            there = HospitalLine(site, line.rank, similarity, line.percentile)
            found.setdefault(line.id, []).append(there)
    for hospitals in found.values():
        hospitals.sort(key=_order)
    first = sorted(found, key=lambda id_: (*_order(found[id_][0]), id_))[:k]
    return tuple(
        CombinedLine(rank, id_, names[id_], found[id_][0].similarity, tuple(found[id_]))
        for rank, id_ in enumerate(first, start=1)
    )


def _order(line: HospitalLine) -> tuple[float, float]:
    return -line.similarity, 1.0 if line.percentile is None else -line.percentile
