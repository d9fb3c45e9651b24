"""`gestalt evaluate`: how well photos are ranked. The room `evaluation` fills these forms."""

from __future__ import annotations

from typing import Literal, NotRequired

from gestalt_space.documents.figures import EstimateForm, StudyFindingForm
from gestalt_space.documents.form import Form
from gestalt_space.documents.parts import RunCountForm


class IntervalKindForm(Form):
    """What an interval is for, and how it is found."""

    estimand: str
    method: str


class IntervalForm(Form):
    """How intervals were found."""

    level: float
    kinds: dict[str, IntervalKindForm]
    replicates: int
    seed: int


class TestForm(Form):
    """How differences were tested."""

    method: str
    flips: int


class EvaluatedCountsForm(Form):
    """Who was asked about, and against whom. `aside`: in no part of a split; `trained_on`:
    patients asked about on whom the encoder was trained, so that they are found too easily."""

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


class UntestedForm(Form):
    """A disorder or gene without another patient to be found by."""

    id: str
    name: str
    patients: int


class AccuracyForm(Form):
    """Shares with the true line among the first k, over cases and as a mean over disorders, by k;
    `interval`: its kind."""

    cases: int
    patients: int
    disorders: int
    interval: str
    top: dict[str, EstimateForm]
    top_mean_over_disorders: dict[str, EstimateForm]
    mean_rank: float
    median_rank: float


class PartAccuracyForm(AccuracyForm):
    """Of a part of the patients. `too_small`: too few to read anything from."""

    too_small: bool


class RocForm(Form):
    """The area under a curve."""

    auroc: EstimateForm
    interval: str
    positives: int
    negatives: int


class AggregationForm(Form):
    """Every photo by itself, each patient's photos as one, and areas under curves; null for what
    could not be computed."""

    images: AccuracyForm | None
    patients: AccuracyForm | None
    same_different: RocForm | None
    patient_control: RocForm | None


class StratumForm(Form):
    """A part of the patients."""

    attribute: str
    value: str
    images: PartAccuracyForm | None
    patients: PartAccuracyForm | None


class CaseForm(Form):
    """A patient, what the patient has, and its rank by aggregation."""

    patient: str
    disorder: NotRequired[str]
    gene: NotRequired[str]
    ranks: dict[str, int]


class EvaluatedSpaceForm(Form):
    """A space. `strata_of`: by which aggregation the strata are; `cases`: where patients were asked
    for."""

    name: str
    fingerprint: str
    runs: list[RunCountForm]
    counts: EvaluatedCountsForm
    not_tested: list[UntestedForm]
    aggregations: dict[str, AggregationForm]
    strata_of: str
    strata: list[StratumForm]
    cases: NotRequired[list[CaseForm]]


class AgainstForm(Form):
    """What was compared with."""

    space: str
    aggregation: str


class DifferenceForm(Form):
    """The difference of two shares among the first k; `over`: cases, or disorders."""

    space: str
    aggregation: str
    against: AgainstForm
    k: int
    over: str
    patients: int
    cases: int
    difference: EstimateForm
    interval: str
    p: float
    p_holm: float


class EvaluationDocument(Form):
    """`gestalt evaluate gallery`. Shares are 0..1."""

    document: Literal["evaluation"]
    version: Literal[2]
    gestalt_space: str
    date: str
    by: Literal["disorder", "gene"]
    protocol: Literal["leave-one-patient-out", "split"]
    split: str | None
    controls: str | None
    interval: IntervalForm
    test: TestForm
    score_bins: int
    spaces: list[EvaluatedSpaceForm]
    comparisons: list[DifferenceForm]
    findings: list[StudyFindingForm]


class GmdbDataForm(Form):
    """The release, and the encodings' slots and length."""

    gmdb: str
    slots: int
    dim: int


class GmdbEvaluationForm(Form):
    """A test set on a gallery: percent by k, with the ends of intervals; sizes are means over
    splits. `absent`: syndromes that are not in the gallery."""

    test: str
    gallery: str
    gallery_size: float
    test_size: float
    top: dict[str, float | None]
    low: dict[str, float | None]
    high: dict[str, float | None]
    patients: int
    splits: int
    syndromes: float
    absent: list[str]


class GmdbIntervalForm(Form):
    """How intervals were found."""

    level: float
    estimand: str
    method: str


class GmdbDifferenceForm(Form):
    """The difference to the encodings of `--against`."""

    test: str
    gallery: str
    k: int
    over: str
    cases: int
    patients: int
    difference: EstimateForm
    p: float
    p_holm: float


class GmdbTestForm(Form):
    """How differences were tested."""

    method: str
    flips: int
    seed: int


class LeftOutForm(Form):
    """Images that were left out: not encoded, without a slot, or with a vector that is none."""

    missing: list[str]
    incomplete: list[str]
    unsound: list[str]


class GmdbDocument(Form):
    """`gestalt evaluate gmdb`."""

    document: Literal["evaluation-gmdb"]
    version: Literal[2]
    data: GmdbDataForm
    unit: str
    evaluations: list[GmdbEvaluationForm]
    interval: GmdbIntervalForm
    comparisons: list[GmdbDifferenceForm]
    test: GmdbTestForm
    left_out: LeftOutForm
    single_patient_syndromes: list[str]
    patients_tested_against_themselves: list[str]
