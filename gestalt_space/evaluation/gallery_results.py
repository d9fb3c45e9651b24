"""The plan and the results of an evaluation of the user's own gallery."""

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

    `aggregations`: one or more, each once; the first is used for groups of patients, and `nearest`,
    if included, is the one that others are compared with. `controls`: the cohort whose undiagnosed
    patients are the people without a disorder. `with_family`: relatives are evidence for each
    other, too.
    """

    aggregations: tuple[Aggregation, ...] = AGGREGATIONS
    split: EvaluationSplit | None = None
    controls: str | None = None
    with_family: bool = False
    bootstrap: Bootstrap = field(default_factory=Bootstrap)


@dataclass(frozen=True, slots=True)
class Untested:
    """A disorder that could not be tested, and the number of its patients."""

    id: str
    name: str
    patients: int


@dataclass(frozen=True, slots=True)
class EvaluationCounts:
    """The size of an evaluation. `evidence_…`: the evidence; `asked_…`: the tested patients and
    photos; `with_relatives`: the tested patients who have relatives in the evidence; `undiagnosed`:
    patients without a disorder; `aside`: diagnosed patients in no part of a split;
    `trained_on`: the tested patients on whom the encoder was trained."""

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
    trained_on: int


@dataclass(frozen=True)
class AggregationResult:
    """The results of one aggregation: for every photo as a probe, for all photos of each patient as
    one probe, and the curves of the latter."""

    images: Accuracy
    patients: Accuracy
    same_different: Roc | None
    patient_control: Roc | None


@dataclass(frozen=True)
class SpaceResult:
    """The results of one space. `answers`: for patients, for the results of single ones."""

    data: SpaceData
    counts: EvaluationCounts
    untested: tuple[Untested, ...]
    aggregations: Mapping[Aggregation, AggregationResult]
    strata: tuple[SubgroupAccuracy, ...]
    answers: Answers


@dataclass(frozen=True)
class GalleryEvaluation:
    """An evaluation: the plan, the results of each space, and the comparisons between aggregations
    and between spaces."""

    plan: EvaluationPlan
    spaces: tuple[SpaceResult, ...]
    comparisons: tuple[PairedComparison, ...]
