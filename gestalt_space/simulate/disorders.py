"""Disorders that do not exist: distributions over phenotypes, with genes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gestalt_space.errors import UsageError
from gestalt_space.simulate.phenotypes import STRONGEST, TERMS

FEWEST_TERMS, MOST_TERMS = 4, 7


@dataclass(frozen=True, slots=True)
class Difficulty:
    """How strongly disorders show.

    `severity`: mean strength of a term in standard deviations; `spread`: standard deviation of the
    logarithm of a patient's strength about the disorder's; `penetrance`: mean share of the patients
    who show a term.
    """

    severity: float
    spread: float
    penetrance: float


DIFFICULTIES: Mapping[str, Difficulty] = {
    "textbook": Difficulty(severity=3.0, spread=0.15, penetrance=0.97),
    "clinical": Difficulty(severity=1.25, spread=0.3, penetrance=0.85),
    "subtle": Difficulty(severity=0.8, spread=0.35, penetrance=0.75),
}
"""By name; docs/simulation.md has what off-the-shelf face recognition reaches on each."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A term of a disorder: the share of patients who show it, and its strength in them."""

    term: str
    penetrance: float
    severity: float


@dataclass(frozen=True, slots=True)
class SimulatedDisorder:
    """A disorder: identifier (`SIM:1`), name, features, and the genes that cause it."""

    id: str
    name: str
    features: tuple[Feature, ...]
    genes: tuple[str, ...]

    def sample_strengths(
        self, rng: np.random.Generator, difficulty: Difficulty
    ) -> dict[str, float]:
        """The phenotypes of one patient: terms to strengths, one at least."""
        shown = [feature for feature in self.features if rng.random() < feature.penetrance]
        shown = shown or [max(self.features, key=lambda feature: feature.penetrance)]
        return {
            feature.term: float(
                min(STRONGEST, feature.severity * rng.lognormal(0.0, difficulty.spread))
            )
            for feature in shown
        }


def term_combinations(terms: Sequence[str]) -> int:
    """How many different disorders these terms allow: sets with one term an axis at most."""
    per_axis = Counter(TERMS[term].axis for term in terms)
    ways = [1] + [0] * MOST_TERMS
    for choices in per_axis.values():
        for size in range(MOST_TERMS, 0, -1):
            ways[size] += ways[size - 1] * choices
    return sum(ways[FEWEST_TERMS:])


def draw_disorders(
    rng: np.random.Generator,
    count: int,
    difficulty: Difficulty,
    terms: Sequence[str] | None = None,
) -> tuple[SimulatedDisorder, ...]:
    """Draw disorders of different sets of terms; `terms`: those to draw from.

    A fifth of the disorders have two or three genes; one gene in ten causes two disorders. Raises
    `UsageError` where the terms do not allow so many.
    """
    terms = tuple(TERMS if terms is None else dict.fromkeys(terms))
    unknown = [term for term in terms if term not in TERMS]
    if unknown:
        raise UsageError(
            f"Unknown simulated phenotype {unknown[0]!r}.",
            "`gestalt simulate terms` lists all phenotypes.",
        )
    allowed = term_combinations(terms)
    if count > allowed:
        raise UsageError(
            f"Cannot make {count} disorders: {len(terms)} terms allow only {allowed}, with "
            f"{FEWEST_TERMS} to {MOST_TERMS} terms each.",
            "Use fewer disorders, or more --terms.",
        )
    sets = _term_sets(rng, count, terms)
    genes = _genes(rng, count)
    return tuple(
        SimulatedDisorder(
            id=f"SIM:{number}",
            name=f"Simulated disorder {number}",
            features=tuple(_feature(rng, term, difficulty) for term in chosen),
            genes=genes[number - 1],
        )
        for number, chosen in enumerate(sets, start=1)
    )


def _feature(rng: np.random.Generator, term: str, difficulty: Difficulty) -> Feature:
    mean = difficulty.penetrance
    penetrance = float(rng.beta(12 * mean, 12 * (1 - mean)))
    severity = float(difficulty.severity * rng.lognormal(0.0, 0.25))
    return Feature(term, round(penetrance, 3), round(severity, 3))


def _term_sets(rng: np.random.Generator, count: int, terms: Sequence[str]) -> list[tuple[str, ...]]:
    axes: dict[str, list[str]] = {}
    for term in terms:
        axes.setdefault(TERMS[term].axis, []).append(term)
    names = list(axes)
    most = min(MOST_TERMS, len(names))
    # Sizes as often as there are sets of them, among few terms; else all alike.
    found: dict[frozenset[str], tuple[str, ...]] = {}
    fruitless = 0
    while len(found) < count:
        size = int(rng.integers(FEWEST_TERMS, most + 1))
        chosen = rng.choice(len(names), size, replace=False)
        drawn = tuple(str(rng.choice(axes[names[axis]])) for axis in chosen)
        fruitless = fruitless + 1 if frozenset(drawn) in found else 0
        found.setdefault(frozenset(drawn), drawn)
        if fruitless > 1000 * math.log(count + 2):
            return list(found.values()) + _missing_sets(rng, count - len(found), axes, found)
    return list(found.values())


def _missing_sets(
    rng: np.random.Generator,
    count: int,
    axes: Mapping[str, Sequence[str]],
    found: Mapping[frozenset[str], tuple[str, ...]],
) -> list[tuple[str, ...]]:
    """The sets that drawing seldom meets, by going through all of them."""
    from itertools import combinations, product

    rest = [
        drawn
        for size in range(FEWEST_TERMS, min(MOST_TERMS, len(axes)) + 1)
        for chosen in combinations(axes.values(), size)
        for drawn in product(*chosen)
        if frozenset(drawn) not in found
    ]
    return [rest[row] for row in rng.choice(len(rest), count, replace=False)]


def _genes(rng: np.random.Generator, count: int) -> list[tuple[str, ...]]:
    """Made-up gene symbols for each disorder."""
    made = 0
    genes: list[tuple[str, ...]] = []
    for number in range(count):
        if number and rng.random() < 0.1:
            genes.append((str(rng.choice(genes[int(rng.integers(number))])),))
            continue
        several = int(rng.integers(2, 4)) if rng.random() < 0.2 else 1
        genes.append(tuple(f"SIMG{made + one + 1}" for one in range(several)))
        made += several
    return genes
