"""`gestalt train multiclass`, `binary` and `specialised`: who a classifier was trained on, and how
well it does on patients who were not."""

from __future__ import annotations

from typing import Any, Literal

from gestalt_space.documents.figures import EstimateForm
from gestalt_space.documents.form import Form, filled
from gestalt_space.weights.classifier_facts import TopProbabilities


class AnswerForm(Form):
    """A class."""

    id: str
    name: str


class ClassCountsForm(Form):
    """A class, and who was there to train and measure it."""

    id: str
    name: str
    patients: int
    families: int
    photos: int


class RegionForm(Form):
    """A region alone, on patients who were not trained on. `top1`: mean over classes; `weight`: in
    the mean of all regions, 0..1."""

    region: str
    top1: float
    log_loss: float
    weight: float


class TopProbabilitiesForm(Form):
    """The largest probability that each of some patients gets: quantiles from 0 to 100 % in steps
    of 5 %."""

    patients: int
    quantiles: list[float]


class MeasuredForm(Form):
    """How a classifier did on patients of families that were not trained on; null for what is not
    measured in its experiment. `top1`: among disorders, the share of photos; among genes, the mean
    over genes. `chance`: of an order at random; among genes, the mean after genes are permuted,
    with its `p`."""

    top1: float | None
    chance: float | None
    p: float | None
    sensitivity: float | None
    specificity: float | None
    auroc: float | None


class UnknownForm(Form):
    """The largest probabilities of patients who were not trained on: `known`, with one of the
    classes; `unknown`, with none. Null where there were fewer than 5."""

    known: TopProbabilitiesForm | None
    unknown: TopProbabilitiesForm | None


class LeftOutForm(Form):
    """How many patients were left out, and why."""

    reason: str
    patients: int


class TrainedForm(Form):
    """What all classifiers have. `model`: the folder for `gestalt models add`; `values`: of the
    recipe."""

    model: str
    recipe: str
    values: dict[str, Any]
    classes: list[ClassCountsForm]
    left_out: list[LeftOutForm]
    regions: list[RegionForm]
    top_probabilities: UnknownForm


class TopShareForm(Form):
    """How often the true class is among the first `k`: the share of test photos, and its mean over
    classes. `chance`: of an order at random."""

    k: int
    photos: EstimateForm
    classes: EstimateForm
    chance: float


class PartForm(Form):
    """The patients and photos of a part of a split, with a disorder that is trained. `rare_...`:
    with a rare one; they are in no figure but the largest probabilities."""

    part: Literal["training", "validation", "test", "gallery"]
    patients: int
    photos: int
    rare_patients: int
    rare_photos: int


class MulticlassDocument(Form):
    """`gestalt train multiclass`. `rare`: disorders that were not trained; regions are measured on
    validation patients, `tops` on test patients."""

    document: Literal["multiclass"]
    version: Literal[1]
    validated: Literal["one split by family"]
    trained: TrainedForm
    parts: list[PartForm]
    rare: int
    tops: list[TopShareForm]


class BinaryDocument(Form):
    """`gestalt train binary`. Figures of patients by classifiers that saw none of their families.
    `majority`: the accuracy of always giving the larger class; `threshold`: of the classifier that
    is written."""

    document: Literal["binary"]
    version: Literal[1]
    validated: Literal["cross-validation by family"]
    folds: int
    trained: TrainedForm
    accuracy: EstimateForm
    sensitivity: EstimateForm
    specificity: EstimateForm
    auroc: EstimateForm
    majority: float
    threshold: float


class SpecialisedDocument(Form):
    """`gestalt train specialised`. Figures of patients by classifiers that saw none of their
    families. `class_top1`: the mean over genes, of which `p` is; `chance`: its mean after labels
    are permuted. `confusion`: patients by gene and by the gene given, in the order of the
    classes."""

    document: Literal["specialised"]
    version: Literal[1]
    validated: Literal["cross-validation by family"]
    folds: int
    disorder: str
    by: Literal["gene"]
    trained: TrainedForm
    permutations: int
    top1: EstimateForm
    class_top1: float
    chance: float
    p: float
    confusion: list[list[int]]


def top_probabilities_form(top: TopProbabilities | None) -> TopProbabilitiesForm | None:
    """The largest probabilities of some patients."""
    return None if top is None else filled(TopProbabilitiesForm, top)
