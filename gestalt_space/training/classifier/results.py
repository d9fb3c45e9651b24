"""What a training of a classifier found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gestalt_space.stats.estimates import Estimate
from gestalt_space.training.classifier.recipe import ClassifierRecipe
from gestalt_space.training.classifier.tops import TopShare
from gestalt_space.weights.classifier_facts import Answer, TopProbabilities


@dataclass(frozen=True, slots=True)
class RegionFigures:
    """A region alone, on patients who were not trained on: how often its first class is the true
    one (mean over classes), and its mean log-loss, where all classes count the same. `weight`: in
    the mean of all regions, 0..1."""

    region: str
    top1: float
    log_loss: float
    weight: float


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """A class, and who was there to train and measure it."""

    answer: Answer
    patients: int
    families: int
    photos: int


@dataclass(frozen=True)
class ClassifierResult:
    """What all trainings have in common. `model`: the folder for `gestalt models add`; `left_out`:
    how many patients, by reason; `known`, `unknown` as in `ClassifierFacts`."""

    model: Path
    recipe: ClassifierRecipe
    classes: tuple[ClassCounts, ...]
    left_out: Mapping[str, int]
    regions: tuple[RegionFigures, ...]
    known: TopProbabilities | None
    unknown: TopProbabilities | None


@dataclass(frozen=True)
class MulticlassResult(ClassifierResult):
    """`tops`: of the test patients' photos. `parts`: patients and photos by part, with one of the
    classes; `rare_parts`: with another disorder. `rare`: disorders that were not trained."""

    tops: tuple[TopShare, ...]
    parts: Mapping[str, tuple[int, int]]
    rare_parts: Mapping[str, tuple[int, int]]
    rare: int


@dataclass(frozen=True)
class BinaryResult(ClassifierResult):
    """Of patients, by classifiers that saw none of their families, with a threshold that was chosen
    on other families. `majority`: the accuracy of always giving the larger class; `threshold`: of
    the classifier that is written."""

    folds: int
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate
    auroc: Estimate
    majority: float
    threshold: float


@dataclass(frozen=True)
class SpecialisedResult(ClassifierResult):
    """Of patients, by classifiers that saw none of their families. `top1`: the share of patients
    whose gene is first; `class_top1`: its unweighted mean over genes, which p is about. `chance`:
    mean of `class_top1` after labels are permuted. `confusion` `(c, c)`: patients by gene and by
    the gene given."""

    folds: int
    disorder: str
    permutations: int
    top1: Estimate
    class_top1: float
    chance: float
    p: float
    confusion: tuple[tuple[int, ...], ...]
