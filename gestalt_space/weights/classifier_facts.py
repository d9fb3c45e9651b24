"""What a classifier is, as its manifest has it: its classes, its regions, and what others get."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any, Literal, get_args

Experiment = Literal["multiclass", "binary", "specialised"]
"""Among all disorders; a disorder or not; among the genes of a disorder."""
RegionView = Literal["enlarged", "in-place"]
"""How a network sees a region: stretched to the whole picture, or where it is, the rest grey."""

OTHERS = "others"
"""The second class of a binary classifier that tells a disorder from all others."""
SIGNIFICANT = 0.05
"""The largest p-value of a specialised classifier that is better than chance."""
STEPS = 20
"""Steps between the quantiles of a distribution."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A class by its identifier, and its name."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class RegionNetwork:
    """The network of a region: its file, and its weight in the mean of all regions."""

    region: str
    file: str
    weight: float


@dataclass(frozen=True, slots=True)
class TopProbabilities:
    """The largest probability that each of some patients gets: `quantiles` from 0 to 100 % in
    steps of 5 %."""

    patients: int
    quantiles: tuple[float, ...]

    def share_reaching(self, probability: float) -> float:
        """The share of the patients, 0..1, whose largest probability is so high or higher."""
        values = self.quantiles
        if probability <= values[0]:
            return 1.0
        if probability > values[-1]:
            return 0.0
        above = bisect_left(values, probability)
        low, high = values[above - 1], values[above]
        place = above - 1 + (probability - low) / (high - low)
        return 1 - place / STEPS

    def count_reaching(self, probability: float) -> int:
        """About how many of the patients reach it: between quantiles, it is not known exactly."""
        share = self.share_reaching(probability)
        return math.floor(share * (self.patients - 1)) + 1 if share else 0


@dataclass(frozen=True, slots=True)
class Measured:
    """How a classifier did on patients of families that were not trained on; None for what is not
    measured in its experiment.

    `top1`: among disorders, the share of photos; among genes, the mean over genes. `chance`: of an
    order at random; among genes, the mean after genes are permuted, with its `p`.
    """

    top1: float | None = None
    chance: float | None = None
    p: float | None = None
    sensitivity: float | None = None
    specificity: float | None = None
    auroc: float | None = None


@dataclass(frozen=True, slots=True)
class ClassifierFacts:
    """What a classifier answers, and with what.

    `subject`: the disorder that it is about; empty among all disorders. `layers`: the file with the
    class layer of each region. `threshold`: from which probability of the first class on a binary
    classifier says yes. `known`, `unknown`: of patients who were not trained on, with one of the
    classes and with none; None where there were too few. `measured`: None for a classifier of an
    older version.
    """

    experiment: Experiment
    subject: str
    classes: tuple[Answer, ...]
    view: RegionView
    regions: tuple[RegionNetwork, ...]
    layers: str
    threshold: float | None
    known: TopProbabilities | None
    unknown: TopProbabilities | None
    measured: Measured | None = None

    @property
    def against_others(self) -> bool:
        """Whether there are no patients with none of the classes."""
        return self.experiment == "binary" and self.classes[1].id == OTHERS

    @property
    def no_better_than_chance(self) -> bool:
        """Whether its p-value is too large."""
        p = None if self.measured is None else self.measured.p
        return p is not None and p > SIGNIFICANT


def read_facts(record: dict[str, Any]) -> ClassifierFacts:
    """The facts from a manifest. Raises `ValueError`, `TypeError` or `KeyError`."""
    for name, kind in (("experiment", Experiment), ("view", RegionView)):
        if record[name] not in get_args(kind):
            raise ValueError(f"{name} is {record[name]!r}")
    for name in ("known", "unknown"):
        if record[name] is not None:
            record[name] = _top(record[name])
    if record.get("measured") is not None:
        record["measured"] = _measured(record["measured"])
    record["classes"] = tuple(Answer(**one) for one in record["classes"])
    record["regions"] = tuple(RegionNetwork(**one) for one in record["regions"])
    facts = ClassifierFacts(**record)
    texts = [facts.subject, facts.layers]
    texts += [text for one in facts.classes for text in (one.id, one.name)]
    texts += [text for one in facts.regions for text in (one.region, one.file)]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a name is no text")
    if len(facts.classes) < 2 or not facts.regions:
        raise ValueError("a classifier has two classes or more, and a region")
    weights = [one.weight for one in facts.regions]
    if min(weights) < 0 or not 0.99 < sum(weights) < 1.01:
        raise ValueError(f"the weights of the regions are {weights}")
    return facts


def _top(record: dict[str, Any]) -> TopProbabilities:
    values = tuple(float(value) for value in record["quantiles"])
    if len(values) != STEPS + 1 or list(values) != sorted(values) or values[0] < 0:
        raise ValueError("these are no quantiles of probabilities")
    return TopProbabilities(int(record["patients"]), values)


def _measured(record: dict[str, Any]) -> Measured:
    for name, value in record.items():
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"{name} is {value!r}")
    return Measured(**record)
