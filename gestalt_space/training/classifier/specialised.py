"""A classifier of the genes of a disorder: `gestalt train specialised`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gestalt_space.errors import UsageError
from gestalt_space.progress import Stages, no_stages
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.stats.permutation import (
    FEWEST_PERMUTATIONS,
    MOST_PERMUTATIONS,
    p_value,
)
from gestalt_space.training.classifier.crossed import cross_fit, train_everybody, write_crossed
from gestalt_space.training.classifier.folds import deal_folds
from gestalt_space.training.classifier.labels import Labelled, read_genes
from gestalt_space.training.classifier.plan import Plan, class_counts
from gestalt_space.training.classifier.relabelled import class_top1, permuted
from gestalt_space.training.classifier.results import SpecialisedResult
from gestalt_space.training.classifier.run_folder import MODEL, table_bytes
from gestalt_space.training.classifier.threshold import share_of
from gestalt_space.training.classifier.trunks import region_faces
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.weights.classifier_facts import Measured

PERMUTATIONS = 1_000
_LABELS = 6


def train_specialised(
    plan: Plan,
    disorders: Sequence[str],
    *,
    permutations: int = PERMUTATIONS,
    stages: Stages = no_stages,
) -> SpecialisedResult:
    """Train a classifier of the genes of patients with one of the disorders, and test whether it is
    better than chance.

    Figures are those of cross-validation by family. For p, labels are permuted between families of
    a fold, and all that was fitted to labels is fitted again: then p is uniform if faces do not
    differ. For that the networks have to stay as they are. The classifier that is written is
    trained on everybody. Raises `UsageError` for a recipe that fine-tunes, for a family with two
    genes and for too few permutations, and what `read_genes` and `Plan.begin` raise.
    """
    _check(plan, permutations)
    labelled = read_genes(plan.home, disorders, plan.recipe.frequent)
    faces = labelled.faces
    _check_families(labelled)
    workshop = plan.begin()
    plan.tell(labelled, workshop)
    folds = deal_folds(faces, plan.recipe.folds, plan.recipe.seed)
    rows = zip(faces.patients, map(str, folds + 1), strict=True)
    plan.write_split(faces.patients, table_bytes(("patient", "fold"), rows))
    descriptors = []
    for region in plan.recipe.region_names:
        shown = region_faces(faces, region, plan.recipe)
        network = workshop.trunks.open(region)
        descriptors.append(workshop.describe(network, shown.crops))
    crossed = cross_fit(plan, workshop, faces, folds)
    given = crossed.probabilities.argmax(axis=1)
    rng = np.random.default_rng([plan.recipe.seed, _LABELS])
    labellings = permuted(faces.disorders, faces.families, folds, permutations, rng)
    tops = class_top1(
        descriptors,
        faces.patient_of_face,
        np.concatenate([faces.disorders[None], labellings]),
        folds,
        len(faces.titles),
        plan.recipe.ridge,
        equal_weights=plan.recipe.region_weights == "equal",
        progress=stages("Permuting labels", "labellings"),
    )
    trained = train_everybody(plan, workshop, labelled, folds, crossed)
    result = SpecialisedResult(
        model=plan.folder / MODEL,
        recipe=plan.recipe,
        classes=class_counts(labelled),
        left_out=faces.left_out,
        regions=plan.figures(crossed.by_region, faces.disorders, crossed.final_weights),
        known=trained.known,
        unknown=trained.unknown,
        folds=len(crossed.weights),
        disorder=labelled.subject,
        permutations=permutations,
        top1=share_of(given == faces.disorders, faces.families),
        class_top1=float(tops[0]),
        chance=float(tops[1:].mean()),
        p=p_value(float(tops[0]), tops[1:]),
        confusion=_confusion(faces.disorders, given, len(faces.titles)),
    )
    measured = Measured(top1=result.class_top1, chance=result.chance, p=result.p)
    write_crossed(plan, workshop, labelled, trained, result, "specialised", measured)
    return result


def _confusion(classes: Numbers, given: Numbers, count: int) -> tuple[tuple[int, ...], ...]:
    table = np.zeros((count, count), dtype=np.int64)
    np.add.at(table, (classes, given), 1)
    return tuple(map(tuple, table.tolist()))


def _check(plan: Plan, permutations: int) -> None:
    if plan.recipe.fine_tune:
        raise UsageError(
            "A specialised classifier cannot be fine-tuned: labels are permuted, and the training "
            "is repeated each time.",
            "Use --set fine_tune=false.",
        )
    if not FEWEST_PERMUTATIONS <= permutations <= MOST_PERMUTATIONS:
        raise UsageError(
            f"{permutations} permutations are too "
            + ("few." if permutations < FEWEST_PERMUTATIONS else "many."),
            f"Give {FEWEST_PERMUTATIONS} to {MOST_PERMUTATIONS}; {PERMUTATIONS} are usual.",
        )


def _check_families(labelled: Labelled) -> None:
    faces: LabelledFaces = labelled.faces
    first: dict[int, int] = {}
    for place, family in enumerate(faces.families.tolist()):
        other = first.setdefault(family, place)
        if faces.disorders[other] != faces.disorders[place]:
            raise UsageError(
                f"Patients {faces.patients[other]} and {faces.patients[place]} are of one family, "
                "but have variants in different genes.",
                "Correct the gene of one of them: `gestalt index correct`.",
            )
