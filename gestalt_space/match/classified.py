"""What a classifier says of a probe, and its ranking together with the gallery's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gestalt_space.classifiers.class_layer import Probabilities
from gestalt_space.classifiers.region_ensemble import RegionEnsemble
from gestalt_space.errors import GestaltError, UsageError
from gestalt_space.match.answer import Match, ProbePhoto
from gestalt_space.match.probe import Probe
from gestalt_space.ranking.calibration import Verdict
from gestalt_space.store.people import By
from gestalt_space.types import Crops
from gestalt_space.weights.classifier_facts import ClassifierFacts

SMOOTHING = 60
"""Added to ranks, so that the first ranks do not decide alone (Cormack 2009)."""


@dataclass(frozen=True, slots=True)
class ClassLine:
    """A class, by its probability 0..1; all classes sum to 1."""

    rank: int
    id: str
    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class FusedLine:
    """A line of both rankings. `gallery_rank`, `similarity`: in the gallery; `probability`: None
    for what the classifier does not know."""

    rank: int
    id: str
    name: str
    gallery_rank: int
    similarity: float
    probability: float | None


@dataclass(frozen=True, slots=True)
class Classified:
    """What a classifier says of a probe, or the error.

    `own`: the patient of the gallery whom the probe is stored for. `trained_on`: whether the
    classifier, or an encoder that it was trained from, was trained on them, so that the probability
    of their own class is too high; None where the gallery does not know whom it was trained on.
    `lines`: the most probable classes. `top`: the largest probability. `entropy`:
    0, all on one class, to 1, all classes equally likely. `reached_by_unknown`, `reached_by_known`:
    of patients with none of the classes, and with one, the share whose largest probability is as
    high; None if that was not measured. `is_first`: whether a binary classifier says the first
    class. `fused`: together with the gallery's ranking, if that was asked for; `verdict`
    and `best_percentile`: of that ranking alone, as in `Match`.
    """

    photo: str
    photos: tuple[ProbePhoto, ...] = ()
    error: GestaltError | None = None
    own: str | None = None
    trained_on: bool | None = None
    lines: tuple[ClassLine, ...] = ()
    top: float | None = None
    entropy: float | None = None
    reached_by_unknown: float | None = None
    reached_by_known: float | None = None
    is_first: bool | None = None
    fused: tuple[FusedLine, ...] | None = None
    verdict: Verdict | None = None
    best_percentile: float | None = None


def classified(probe: Probe, crops: Crops, classifier: RegionEnsemble, count: int) -> Classified:
    """The `count` most probable classes of a probe: the mean over its aligned faces
    `(n, 112, 112, 3)`, one or more."""
    facts = classifier.facts
    mean = classifier.probabilities(crops).mean(axis=0)
    top = float(mean.max())
    order = np.argsort(-mean, kind="stable")[:count]
    return Classified(
        photo=probe.name,
        photos=probe.photos,
        own=None if probe.own is None else probe.own.identifier,
        lines=tuple(
            ClassLine(rank, facts.classes[one].id, facts.classes[one].name, float(mean[one]))
            for rank, one in enumerate(order.tolist(), start=1)
        ),
        top=top,
        entropy=_entropy(mean),
        reached_by_unknown=None if facts.unknown is None else facts.unknown.share_reaching(top),
        reached_by_known=None if facts.known is None else facts.known.share_reaching(top),
        is_first=None if facts.threshold is None else bool(mean[0] >= facts.threshold),
    )


def fused_lines(match: Match, lines: Sequence[ClassLine], count: int) -> tuple[FusedLine, ...]:
    """The first `count` lines of both rankings together; `lines` are all classes.

    What the classifier does not know keeps its place in the gallery's ranking. What both know
    shares the other places, in the order of the sum of 1 / (60 + rank) over both rankings
    (reciprocal rank fusion, Cormack 2009), ranks counted among what both know.
    """
    probability = {line.id: line.probability for line in lines}
    shared = [line.id for line in match.lines if line.id in probability]
    in_gallery = {one: rank for rank, one in enumerate(shared, start=1)}
    by_class = sorted(shared, key=lambda one: -probability[one])
    by_classifier = {one: rank for rank, one in enumerate(by_class, start=1)}

    def score(one: str) -> float:
        return 1 / (SMOOTHING + in_gallery[one]) + 1 / (SMOOTHING + by_classifier[one])

    reordered = iter(sorted(shared, key=lambda one: (-score(one), in_gallery[one])))
    by_id = {line.id: line for line in match.lines}
    order = [next(reordered) if line.id in probability else line.id for line in match.lines]
    return tuple(
        FusedLine(
            rank,
            one,
            by_id[one].name,
            by_id[one].rank,
            by_id[one].similarity,
            probability.get(one),
        )
        for rank, one in enumerate(order[:count], start=1)
    )


def ranked_by(facts: ClassifierFacts) -> By:
    """What of a gallery a classifier ranks. Raises `UsageError` for a binary one."""
    if facts.experiment == "binary":
        raise UsageError(
            "A binary classifier gives no ranking of disorders that could be fused.",
            "Leave out --fuse.",
        )
    return "disorder" if facts.experiment == "multiclass" else "gene"


def _entropy(mean: Probabilities) -> float:
    some = mean[mean > 0]
    return float(-(some * np.log(some)).sum() / np.log(len(mean)))
