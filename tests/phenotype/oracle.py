"""The formulas of the room in plain Python, term by term, over the release made by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

PARENTS = {
    1: [], 5: [1], 118: [1], 2: [118], 3: [118], 10: [2], 11: [10], 12: [10], 13: [2], 20: [3],
    21: [20, 2],
}  # fmt: skip
FREQUENCIES = {
    # Patients of several papers and half a patient of one more: (3 + 2 + 0.5) / (4 + 5 + 1).
    "OMIM:1": {11: 0.55, 13: 0.5},
    "OMIM:2": {10: 0.5, 21: 0.895},
    "OMIM:3": {20: 0.25},
    "OMIM:4": {},
    "ORPHA:7": {12: 0.545},
    # Genes, with the disorders of each together.
    "BBB1": {10: 0.5, 21: 0.895},
    "CCC1": {20: 0.25},
    "Entrez:40": {20: 0.25},
    "AAA1": {11: 0.55, 13: 0.5, 12: 0.545},
}
OMIM = ("OMIM:1", "OMIM:2", "OMIM:3")
"""The disorders of OMIM that have phenotypes."""


def ancestors(term: int) -> set[int]:
    return {term}.union(*(ancestors(parent) for parent in PARENTS[term]))


def kin(term: int) -> set[int]:
    """Ancestors that are phenotypes."""
    return ancestors(term) - {term, 1, 118}


def share(own: Mapping[int, float], term: int) -> float:
    """How often somebody with these phenotypes has a term."""
    return max((often for one, often in own.items() if term in ancestors(one)), default=0.0)


def background(term: int) -> float:
    """Of a term that no disorder has: as if one had it in half of the patients."""
    mean = sum(share(FREQUENCIES[one], term) for one in OMIM) / len(OMIM)
    return max(mean, 0.5 / len(OMIM))


def present_ratio(own: Mapping[int, float], term: int, kinship: float, unrelated: float) -> float:
    if share(own, term):
        return max(share(own, term) / background(term), 1.0)
    related = [share(own, one) / background(one) for one in kin(term) if share(own, one)]
    return max(1 + kinship * (max(related) - 1), 1.0) if related else unrelated


def excluded_ratio(own: Mapping[int, float], term: int, most: float) -> float:
    if not share(own, term):
        return 1.0
    return (1 - min(share(own, term), most)) / (1 - min(background(term), most))


def information(term: int) -> float:
    having = sum(share(FREQUENCIES[one], term) > 0 for one in OMIM)
    return -math.log(max(having, 1) / len(OMIM))


def resnik(first: int, second: int) -> float:
    return max(information(one) for one in ancestors(first) & ancestors(second))


def lin(first: int, second: int) -> float:
    both = information(first) + information(second)
    return 2 * resnik(first, second) / both if both else 0.0


def jiang_conrath(first: int, second: int) -> float:
    distance = information(first) + information(second) - 2 * resnik(first, second)
    return 1 / (1 + distance)


MEASURES = {"resnik": resnik, "lin": lin, "jiang-conrath": jiang_conrath}


def one_sided(measure: str, first: Iterable[int], second: Iterable[int]) -> float:
    second = list(second)
    best = [max(MEASURES[measure](one, other) for other in second) for one in first]
    return sum(best) / len(best)


def symmetric(measure: str, first: Iterable[int], second: Iterable[int]) -> float:
    first, second = list(first), list(second)
    return (one_sided(measure, first, second) + one_sided(measure, second, first)) / 2
