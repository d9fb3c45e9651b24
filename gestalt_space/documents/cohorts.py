"""`gestalt cohort`: what was measured of selected patients. The room `cohort` fills these forms."""

from __future__ import annotations

from typing import Literal, NotRequired

from gestalt_space.documents.figures import (
    BootstrapForm,
    EstimateForm,
    MeasuredSpaceForm,
    StudyFindingForm,
)
from gestalt_space.documents.form import Form


class CurvePointForm(Form):
    """Single photos of `size` families: similarity of the cohort's and of others'."""

    size: int
    similarity: float
    controls: float
    percentile: float


class CohesionForm(Form):
    """How alike the patients are beside random groups of as many families."""

    patients: int
    families: int
    photos: int
    controls: int
    relatives: int
    similarity: float | None
    random_mean: float | None
    random_sd: float | None
    effect: float | None
    percentile: float | None
    p: float | None
    curve_controls: int
    curve: list[CurvePointForm]


class CohesionDocument(Form):
    """`gestalt cohort cohesion`. `draws`: of single photos for each point of the curve."""

    document: Literal["cohesion"]
    version: Literal[1]
    space: MeasuredSpaceForm
    selection: str
    match: list[str]
    permutations: int
    draws: int
    seed: int
    with_family: bool
    cohesion: CohesionForm


class ClassifiedGroupForm(Form):
    """A group that is told from another. `units`: its families."""

    patients: int
    units: int
    photos: int


class ToldForm(Form):
    """How well patients are told from controls by the face, by HPO terms, or by both."""

    by: Literal["face", "terms", "both"]
    brier: float
    shuffled_brier: float
    shuffled_sd: float
    p: float
    auroc: EstimateForm


class TermCountForm(Form):
    """Mean number of terms of a family, and how often a permutation makes the two differ as
    much."""

    patients: float
    controls: float
    p: float


class TermShareForm(Form):
    """A term, and the share of families in each group that have it or something under it. `q`: p
    adjusted for the false discovery rate."""

    id: str
    name: str
    patients: float
    controls: float
    difference: float
    p: float
    q: float


class ComparedTermsForm(Form):
    """The terms of both groups. `patients_without`, `controls_without`: patients of the cohort, and
    others, who are left out because they have no term; `unusable`: stored terms that the release
    does not have, or that are no phenotypes; `shares`: those that distinguish most first."""

    release: str
    patients_without: int
    controls_without: int
    unusable: int
    count: TermCountForm
    shares: list[TermShareForm]


class RecognisableForm(ToldForm):
    """Whether patients are told from controls. `unknown`, `unmatched`: patients who are not
    compared; `relatives`: patients who are not controls. `alone`: by the face and by terms alone,
    where both are used; `terms`: null where only the face is."""

    patients: ClassifiedGroupForm
    controls: ClassifiedGroupForm
    unknown: int
    unmatched: int
    relatives: int
    classifier: Literal["logistic regression", "RBF SVM"]
    folds: int
    alone: list[ToldForm]
    terms: ComparedTermsForm | None


class RecognisableDocument(Form):
    """`gestalt train recognisable`. `controls_per_patient`: families of controls for each family of
    patients."""

    document: Literal["recognisable"]
    version: Literal[1]
    space: MeasuredSpaceForm
    selection: str
    match: list[str]
    controls_per_patient: int
    permutations: int
    seed: int
    with_family: bool
    warnings: list[str]
    recognisable: RecognisableForm


class GroupForm(Form):
    """A group. `compared`: patients with a compared disorder; `units`: their families."""

    selection: str
    patients: int
    unmatched: int
    compared: int
    units: int


class PairsForm(Form):
    """Similarities of pairs of families."""

    pairs: int
    mean: float | None
    sd: float | None
    low: float | None
    median: float | None
    high: float | None


class BlocksForm(Form):
    """Whether two sides of a disorder are two disorders, by their distance. `withheld`: why that is
    not said, empty where it is."""

    families_a: int
    families_b: int
    prior: float
    side_a: int
    side_b: int
    distance: float | None
    different: EstimateForm
    same: EstimateForm
    threshold: float | None
    sensitivity: float | None
    specificity: float | None
    disorders: int
    sites: Literal["shared", "apart", "unknown"]
    withheld: str


class ComparedDisorderForm(Form):
    """A disorder in both groups; `blocks`: null where there was no reference."""

    disorder: str
    patients_a: int
    patients_b: int
    units_a: int
    units_b: int
    within_a: PairsForm
    within_b: PairsForm
    between: PairsForm
    blocks: BlocksForm | None


class TooFewForm(Form):
    """A disorder with too few patients."""

    disorder: str
    patients_a: int
    patients_b: int


class ComparisonDocument(Form):
    """`gestalt cohort compare`. What was tested is in `findings`."""

    document: Literal["comparison"]
    version: Literal[2]
    space: MeasuredSpaceForm
    match: list[str]
    with_family: bool
    permutations: int
    bootstrap: BootstrapForm
    seed: int
    prior: float
    groups: list[GroupForm]
    warnings: list[str]
    findings: list[StudyFindingForm]
    disorders: list[ComparedDisorderForm]
    too_few: list[TooFewForm]


class ClusterPlanForm(Form):
    """How clusters were found. `clusters`: null for the cut with the highest mean silhouette."""

    clusters: int | None
    bootstrap: int
    samples: int
    seed: int
    margin: float
    within: list[str]


class AgreementForm(Form):
    """Adjusted Rand indexes: with the disorders of `patients`, and of patients drawn again."""

    patients: int
    average_linkage: float | None
    hdbscan: float | None
    resampled: float | None


class ClusterForm(Form):
    """A cluster, and its commonest disorder."""

    number: int
    patients: int
    disorder: str
    of_disorder: int
    stability: float | None


class ClusteredDisorderForm(Form):
    """How the patients of a disorder lie. `split`: whether they fall into two; `follows`: what the
    halves go with; `reading`: in words."""

    disorder: str
    patients: int
    silhouette: float | None
    half_sizes: list[int]
    apart: float | None
    p: float | None
    q: float | None
    split: bool
    follows: list[str]
    reading: str


class DisorderPairForm(Form):
    """Whether two disorders can be told apart. `share`: of families nearer to their own;
    `reason`: why there is no verdict."""

    first: str
    second: str
    families: list[int]
    left_out: int
    share: EstimateForm
    sides: list[float | None]
    p: float | None
    q: float | None
    p_alike: float | None
    q_alike: float | None
    verdict: str
    reason: str


class MemberForm(Form):
    """A patient's clusters; `hdbscan`: null for none."""

    patient: str
    cluster: int
    hdbscan: int | None


class ClustersDocument(Form):
    """`gestalt cohort cluster`. `members`: where patients were asked for."""

    document: Literal["clusters"]
    version: Literal[1]
    made_by: str
    space: MeasuredSpaceForm
    selection: str
    patients: int
    photos: int
    plan: ClusterPlanForm
    rule: str
    silhouette: float | None
    adjusted_rand: AgreementForm
    clusters: list[ClusterForm]
    hdbscan_clusters: int
    disorders: list[ClusteredDisorderForm]
    pairs: list[DisorderPairForm]
    findings: list[StudyFindingForm]
    members: NotRequired[list[MemberForm]]


class MapSpaceForm(Form):
    """The space of a map."""

    name: str
    fingerprint: str


class MapDocument(Form):
    """`gestalt cohort map`: a map of `patients`, and how many were placed on it later."""

    document: Literal["map"]
    version: Literal[1]
    space: MapSpaceForm
    selection: str
    patients: int
    placed: int
    method: str
    output: str


class CompositeForm(Form):
    """An average face of a report."""

    group: str
    families: int
    patients: int
    photos: int
    sharpened: bool


class CompositeDocument(Form):
    """`gestalt cohort composite`: an average face. `without_crop`: photos without a kept crop."""

    document: Literal["composite"]
    version: Literal[1]
    selection: str
    families: int
    patients: int
    photos: int
    without_crop: int
    sharpened: bool
    output: str


class ReportDocument(Form):
    """`gestalt cohort report`, and `report.json`. Null is what the patients did not allow, and
    `left_out` says why."""

    document: Literal["report"]
    version: Literal[1]
    clusters: ClustersDocument
    cohesion: CohesionDocument | None
    comparison: ComparisonDocument | None
    map: str
    composites: list[CompositeForm]
    left_out: list[str]


class AboutMatrixForm(Form):
    """What a matrix was made of. `direction`: whether higher or lower is closer;
    `relatives_left_out`: pairs of a probe and a relative, who is in no pool of ranks."""

    version: Literal[1]
    value: Literal["similarity", "distance", "rank"]
    direction: str
    unit: Literal["photo", "patient"]
    patient_value: str | None
    space: str
    fingerprint: str
    encoded_in: str
    selection: str
    against: str | None
    patients: int
    photos: int
    against_patients: int | None
    against_photos: int | None
    control_photos: int | None
    relatives_left_out: int | None
    date: str
    made_by: str


class RowForm(Form):
    """A photo or a patient of a matrix, with what is known of it; `age` in years."""

    name: str
    patient: str | None
    disorders: str | None
    disorder_names: str | None
    genes: str | None
    sex: str | None
    ancestry: str | None
    cohort: str | None
    family: str | None
    site: str | None
    age: float | None
    photos: NotRequired[int]


class MatrixDocument(AboutMatrixForm):
    """`FILE.json` beside a matrix in a file; `columns`: null within one set."""

    document: Literal["matrix"]
    rows: list[RowForm]
    columns: list[RowForm] | None


class ShownMatrixDocument(AboutMatrixForm):
    """`gestalt cohort matrix --json`. `rows` and `columns`: names; `values` by rows, where nothing
    was written to a file."""

    document: Literal["matrix-shown"]
    rows: list[str]
    columns: list[str]
    values: NotRequired[list[list[float]]]


class LargeMatrixDocument(Form):
    """`gestalt cohort matrix -o FILE.npy --json`."""

    document: Literal["matrix-file"]
    version: Literal[1]
    output: str
    rows: int
