"""A classifier of one disorder against others: `gestalt train binary`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gestalt_space.classifiers.region_ensemble import average
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.stats.area import area, area_under_curve
from gestalt_space.stats.estimates import Estimate
from gestalt_space.training.classifier.crossed import cross_fit, train_everybody, write_crossed
from gestalt_space.training.classifier.folds import deal_folds
from gestalt_space.training.classifier.labels import read_binary
from gestalt_space.training.classifier.plan import Plan, class_counts
from gestalt_space.training.classifier.region_networks import Workshop
from gestalt_space.training.classifier.relabelled import mean_probabilities, permuted
from gestalt_space.training.classifier.results import BinaryResult
from gestalt_space.training.classifier.run_folder import MODEL, table_bytes
from gestalt_space.training.classifier.threshold import best_threshold, share_of
from gestalt_space.training.classifier.trunks import region_faces
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.weights.classifier_facts import Measured

Floats = NDArray[np.float64]
PERMUTATIONS = 100
"""Of labels, by which the interval of the AUROC is widened."""
_LABELS = 5


def train_binary(plan: Plan, disorders: Sequence[str], against: Sequence[str] = ()) -> BinaryResult:
    """Train a classifier of patients with one of the disorders against those with one of `against`,
    or with any other.

    Its figures are those of cross-validation by family: networks, class layers, weights of regions
    and threshold come from other families. The classifier that is written is trained on everybody.
    Raises what `read_binary` and `Plan.begin` raise.
    """
    labelled = read_binary(plan.home, disorders, against)
    workshop = plan.begin()
    plan.tell(labelled, workshop)
    faces = labelled.faces
    folds = deal_folds(faces, plan.recipe.folds, plan.recipe.seed)
    rows = zip(faces.patients, map(str, folds + 1), strict=True)
    plan.write_split(faces.patients, table_bytes(("patient", "fold"), rows))
    crossed = cross_fit(plan, workshop, faces, folds)
    first = faces.disorders == 0
    scores = crossed.probabilities[:, 0]
    said = np.empty(len(scores), dtype=np.bool_)
    for fold, weights in enumerate(crossed.weights):
        held = folds == fold
        others = average(crossed.by_region[~held], weights.tolist())[:, 0]
        said[held] = scores[held] >= best_threshold(others, first[~held])
    trained = train_everybody(plan, workshop, labelled, folds, crossed)
    weighted = average(crossed.by_region, crossed.final_weights.tolist())[:, 0]
    result = BinaryResult(
        model=plan.folder / MODEL,
        recipe=plan.recipe,
        classes=class_counts(labelled),
        left_out=faces.left_out,
        regions=plan.figures(crossed.by_region, faces.disorders, crossed.final_weights),
        known=trained.known,
        unknown=trained.unknown,
        folds=len(crossed.weights),
        accuracy=share_of(said == first, faces.families),
        sensitivity=share_of(said[first], faces.families[first]),
        specificity=share_of(~said[~first], faces.families[~first]),
        auroc=_area(scores, first, faces.families, _chance(plan, workshop, faces, folds)),
        majority=float(max(first.mean(), 1 - first.mean())),
        threshold=best_threshold(weighted, first),
    )
    measured = Measured(
        sensitivity=result.sensitivity.value,
        specificity=result.specificity.value,
        auroc=result.auroc.value,
    )
    write_crossed(
        *(plan, workshop, labelled, trained, result, "binary", measured),
        result.threshold,
    )
    return result


def _area(
    scores: Floats, first: NDArray[np.bool_], families: Numbers, shuffled: Floats | None
) -> Estimate:
    """The area under the ROC curve of families' mean scores; relatives of one class count once."""
    pairs = np.stack([families, first.astype(np.int64)], axis=1)
    units, unit = np.unique(pairs, axis=0, return_inverse=True)
    return area_under_curve(_means(scores, unit.ravel()), units[:, 1] == 1, shuffled)


def _chance(plan: Plan, workshop: Workshop, faces: LabelledFaces, folds: Numbers) -> Floats | None:
    """Areas after labels are permuted and all but the networks is fitted again; None where networks
    are fitted to labels, too."""
    if plan.recipe.fine_tune:
        return None
    descriptors = [
        workshop.describe(
            workshop.trunks.open(region), region_faces(faces, region, plan.recipe).crops
        )
        for region in plan.recipe.region_names
    ]
    rng = np.random.default_rng([plan.recipe.seed, _LABELS])
    labellings = permuted(faces.disorders, faces.families, folds, PERMUTATIONS, rng)
    _, one_of, family = np.unique(faces.families, return_index=True, return_inverse=True)
    areas = []
    for some, mean in mean_probabilities(
        descriptors,
        faces.patient_of_face,
        labellings,
        folds,
        2,
        plan.recipe.ridge,
        equal_weights=plan.recipe.region_weights == "equal",
    ):
        areas += [
            area(_means(scores, family.ravel()), labels[one_of] == 0)
            for labels, scores in zip(some, mean[:, :, 0], strict=True)
        ]
    return np.array(areas)


def _means(scores: Floats, unit: Numbers) -> Floats:
    return np.asarray(np.bincount(unit, scores) / np.bincount(unit))
