"""`gestalt gaze study`, `power`, `design` and `compare`: studies of readers."""

from __future__ import annotations

from typing import Literal, NotRequired

from gestalt_space.documents.figures import EstimateForm
from gestalt_space.documents.form import Form


class LeftOutForm(Form):
    """What was left out, and how many."""

    what: str
    count: int


class StudyGroupForm(Form):
    """A group of readers."""

    group: str
    readers: int


class StudyCellForm(Form):
    """The mean of a measure in a group and an ancestry, each reader having equal weight, and the
    standard deviation of readers. `ancestry`: empty if there is one only."""

    area: str
    measure: str
    group: str
    ancestry: str
    mean: float | None
    sd: float | None
    readers: int
    photos: int
    trials: int


class StudyEffectForm(Form):
    """An effect on a measure in an area. `contrast`: what is subtracted; `scale`: whether the
    estimate is a difference, or a ratio of a measure that was analysed on the log scale;
    `freedom`, `p`: of the mixed model; `p_permuted`: of the permutation over `exchanged`, null
    without one; `p_adjusted`: for the number of areas; `components`: standard deviations of the
    random effects, on the log scale for ratios."""

    area: str
    measure: str
    effect: Literal["group", "ancestry", "group x ancestry"]
    contrast: str
    scale: Literal["difference", "ratio"]
    estimate: EstimateForm
    freedom: float
    p: float
    p_permuted: float | None
    exchanged: Literal["readers", "photos"]
    p_adjusted: float
    readers: int
    photos: int
    trials: int
    components: dict[str, float]


class SkippedMeasureForm(Form):
    """A measure that could not be analysed, and why."""

    area: str
    measure: str
    reason: str


class MeasuresForm(Form):
    """Where and when readers look. `groups` and `ancestries`: in the order of
    subtraction; without ancestries, the groups only are compared."""

    groups: list[StudyGroupForm]
    ancestries: list[str]
    photos: int
    cells: list[StudyCellForm]
    effects: list[StudyEffectForm]
    skipped: list[SkippedMeasureForm]
    left_out: list[LeftOutForm]
    permutations: int
    seed: int


class AccuracyLineForm(Form):
    """The figure of a group or a difference, for cases of an ancestry, empty for all. `p`: that a
    difference is 0, null for a figure. p and the interval are null where readers do not vary."""

    group: str
    ancestry: str
    is_difference: bool
    estimate: EstimateForm
    freedom: float
    p: float | None
    readers: int
    patients: int
    others: int


class ReaderFigureForm(Form):
    """The figure of one reader, over all cases."""

    reader: str
    group: str
    value: float


class RocPointForm(Form):
    """The mean shares of other cases and of patients that a group rates `at_least`."""

    group: str
    at_least: float
    false_positives: float
    true_positives: float


class SkippedCasesForm(Form):
    """Cases of an ancestry that could not be analysed, and why."""

    ancestry: str
    reason: str


class AccuracyForm(Form):
    """How well readers recognise patients. `method`: of the covariances over cases, empty for
    shares of right diagnoses."""

    figure: str
    method: Literal["delong", "jackknife", ""]
    groups: list[str]
    ancestries: list[str]
    lines: list[AccuracyLineForm]
    readers: list[ReaderFigureForm]
    curve: list[RocPointForm]
    skipped: list[SkippedCasesForm]
    left_out: list[LeftOutForm]


class ReaderStudyDocument(Form):
    """`gestalt gaze study`: what was asked for of both parts."""

    document: Literal["reader-study"]
    version: Literal[1]
    measures: NotRequired[MeasuresForm]
    accuracy: NotRequired[AccuracyForm]


class PlannedMeasureForm(Form):
    """The measure and the design that were simulated; standard deviations are of readers, photos, a
    reader between ancestries, a photo between groups, and trials."""

    readers: list[int]
    photos: list[int]
    group: float
    ancestry: float
    both: float
    mean: float
    reader_sd: float
    photo_sd: float
    reader_by_ancestry_sd: float
    photo_by_group_sd: float
    trial_sd: float
    missing: float


class StudyPowerDocument(Form):
    """`gestalt gaze power`. `power`: share of `studies` with a p below 0.05."""

    document: Literal["reader-study-power"]
    version: Literal[1]
    effect: Literal["group", "ancestry", "group x ancestry"]
    power: EstimateForm
    studies: int
    seed: int
    plan: PlannedMeasureForm


class DesignRowForm(Form):
    """A photo that a reader sees. `session`, `position`, `day`: from 1."""

    reader: str
    group: str
    session: int
    day: int
    condition: str
    position: int
    photo: str
    ancestry: str


class StudyDesignDocument(Form):
    """`gestalt gaze design`. `lowest_position`, `highest_position`: of the mean positions of photos
    over the readers of a group and a session; `longest_run`: photos of one ancestry in a row, 0 if
    there is one ancestry only; `wash_out`: days between two sessions."""

    document: Literal["reader-study-design"]
    version: Literal[1]
    lowest_position: float
    highest_position: float
    longest_run: int
    wash_out: int
    seed: int
    rows: list[DesignRowForm]


class AgreementForm(Form):
    """The agreement of a candidate with the fixations of readers. `sources`: readers whose
    fixations make the candidate, null for a model; intervals are over readers."""

    candidate: str
    readers: int
    photos: int
    trials: int
    sources: float | None
    nss: EstimateForm
    auc_judd: EstimateForm
    auc_shuffled: EstimateForm
    cc: EstimateForm
    sim: EstimateForm
    kl: EstimateForm
    iou: EstimateForm


class AgreementsOfGroupForm(Form):
    """All candidates against the readers of a group."""

    group: str
    candidates: list[AgreementForm]


class GazeAgreementDocument(Form):
    """`gestalt gaze compare`. `sd`: of the densities, in pixels of the aligned face; `salient`:
    share of the pixels that IoU compares; `epsilon`: of the KL divergence."""

    document: Literal["gaze-agreement"]
    version: Literal[1]
    sd: float
    salient: float
    epsilon: float
    groups: list[AgreementsOfGroupForm]
    left_out: list[LeftOutForm]
