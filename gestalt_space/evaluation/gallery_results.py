"""What is asked of an evaluation of one's own gallery, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gestalt_space.evaluation.accuracy import Accuracy
from gestalt_space.evaluation.cases import Answers
from gestalt_space.evaluation.curves import Roc
from gestalt_space.evaluation.gallery_data import SpaceData
from gestalt_space.evaluation.paired import PairedComparison
from gestalt_space.evaluation.split import EvaluationSplit
from gestalt_space.evaluation.strata import SubgroupAccuracy
from gestalt_space.ranking.aggregation import AGGREGATIONS, Aggregation
from gestalt_space.stats.resampling import Bootstrap


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """How a gallery is evaluated.

    `aggregations`: without doublets, one at least; the first is the one that strata are told of,
    and `nearest`, where it is among them, the one that others are compared with. `controls`: the
    cohort whose undiagnosed patients stand for people without a disorder. `with_family`: relatives
    are evidence for each other, too.
    """

    aggregations: tuple[Aggregation, ...] = AGGREGATIONS
    split: EvaluationSplit | None = None
    controls: str | None = None
    with_family: bool = False
    bootstrap: Bootstrap = field(default_factory=Bootstrap)


@dataclass(frozen=True, slots=True)
class Untested:
    """A disorder that could not be asked about, and how many patients it has."""

    id: str
    name: str
    patients: int


@dataclass(frozen=True, slots=True)
class EvaluationCounts:
    """Of how much an evaluation is. `evidence_…`: what is compared with; `asked_…`: what is asked
    about, whose cases can be tested; `with_relatives`: those of them who have relatives among the
    evidence; `undiagnosed`: patients without a disorder; `aside`: diagnosed patients whom a split
    names in neither part."""

    evidence_patients: int
    evidence_photos: int
    evidence_disorders: int
    asked_patients: int
    asked_photos: int
    asked_disorders: int
    with_relatives: int
    undiagnosed: int
    controls: int
    aside: int


@dataclass(frozen=True)
class AggregationResult:
    """The figures of one aggregation: every photo by itself, each patient's photos as one, and the
    curves of the latter."""

    images: Accuracy
    patients: Accuracy
    same_different: Roc | None
    patient_control: Roc | None


@dataclass(frozen=True)
class SpaceResult:
    """The figures of one space. `answers`: of patients, for what is asked about single ones."""

    data: SpaceData
    counts: EvaluationCounts
    untested: tuple[Untested, ...]
    aggregations: Mapping[Aggregation, AggregationResult]
    strata: tuple[SubgroupAccuracy, ...]
    answers: Answers


@dataclass(frozen=True)
class GalleryEvaluation:
    """An evaluation: what was planned, what came of each space, and the comparisons between
    aggregations and between spaces."""

    plan: EvaluationPlan
    spaces: tuple[SpaceResult, ...]
    comparisons: tuple[PairedComparison, ...]
