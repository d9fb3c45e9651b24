"""What classifiers by regions find where it is known what was planted.

python -m benchmarks.classifiers [--seeds SEEDS] [--nulls NULLS]

Patients of simulated disorders, one photo each, of persons who do not exist; the recipe
`deepgestalt-builtin`. The ceiling is the same softmax regression on the strengths that were planted
in each patient, with the same folds. The built-in encoder was trained on deformations of the same
kind as these phenotypes, so figures say what classifiers make of descriptors, not what to expect of
real patients.

Four tables: a disorder against others; genes of a disorder, which differ in two features; a
phenotype of one region; all disorders by the classifier, by the gallery and by both. Labels that
are permuted between patients must give chance.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest, kstest

from benchmarks.table import keep
from gestalt_space.classifiers.region_ensemble import average
from gestalt_space.faces.alignment import SIZE
from gestalt_space.match.answer import Match, MatchLine
from gestalt_space.match.classified import ClassLine, fused_lines
from gestalt_space.simulate.aligned_photos import photographed
from gestalt_space.simulate.disorders import (
    DIFFICULTIES,
    Difficulty,
    Feature,
    SimulatedDisorder,
    draw_disorders,
)
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.phenotypes import TERMS, show
from gestalt_space.stats.area import area
from gestalt_space.stats.permutation import p_value
from gestalt_space.training.classifier.crossed import combined
from gestalt_space.training.classifier.fitted import fit_layer
from gestalt_space.training.classifier.folds import deal_folds
from gestalt_space.training.classifier.plan import Plan
from gestalt_space.training.classifier.recipe import (
    ClassifierRecipe,
    RegionWeights,
    load_classifier_recipe,
)
from gestalt_space.training.classifier.region_networks import Workshop
from gestalt_space.training.classifier.relabelled import class_top1, permuted
from gestalt_space.training.classifier.trunks import Trunks, region_faces
from gestalt_space.training.computing import Computing
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.weights.store import ModelStore

FIRST_SEED = 100
PERMUTATIONS = 199
GENES, EACH = 5, 20
OF_ONE_REGION = {
    "eyes": ("HP:0000508", "HP:0000637", "HP:0000494"),
    "nose": ("HP:0000445", "HP:0000414", "HP:0000431"),
    "mouth": ("HP:0000154", "HP:0012471", "HP:0002714"),
}
"""Terms that change little but a region; none moves the eyes apart, which moves everything."""

REGIONS = (
    *("planted in", "patients : others", "cohorts", "weight of eyes", "nose", "mouth"),
    *("AUROC of eyes", "nose", "mouth", "largest weights of all eight"),
)
MULTICLASS = ("difficulty", "patients", "cohorts", "photos", "ranked by", "top-1", "top-5")
BINARY = (
    *("difficulty", "patients : others", "cohorts", "AUROC, regions", "face alone"),
    *("planted strengths", "regions, equal weights", "labels permuted, regions"),
)
BY_GENE = (
    *("difficulty", "patients", "cohorts", "top-1, regions", "face alone", "planted strengths"),
    "p of each cohort",
    *("labels permuted: p ≤ 0.05 (95 % interval)", "uniform: p (KS)"),
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cohort:
    """Faces of patients, and the strength of each term in each of them `(p, t)`."""

    faces: LabelledFaces
    strengths: Floats


def drawn(
    disorders: Sequence[SimulatedDisorder | None], each: int, difficulty: Difficulty, seed: int
) -> Cohort:
    """`each` patients of every disorder; None: people without a phenotype."""
    persons, terms = Persons.builtin(), sorted(TERMS)
    count = len(disorders) * each
    crops = np.empty((count, SIZE, SIZE, 3), np.uint8)
    strengths = np.zeros((count, len(terms)))
    for place in range(count):
        rng = np.random.default_rng([seed, place])
        disorder = disorders[place // each]
        shown = {} if disorder is None else disorder.sample_strengths(rng, difficulty)
        for term, strength in shown.items():
            strengths[place, terms.index(term)] = strength
        portrait = persons.portrait(persons.sample(rng), rng)
        crops[place] = photographed(show(portrait, shown), rng)
    return Cohort(labelled(crops, np.repeat(np.arange(len(disorders)), each)), strengths)


def labelled(crops: NDArray[np.uint8], classes: NDArray[np.int64]) -> LabelledFaces:
    """Patients without relatives, one photo each."""
    count = len(crops)
    return LabelledFaces(
        crops=crops,
        patient_of_face=np.arange(count),
        patients=tuple(map(str, range(count))),
        families=np.arange(count),
        disorders=classes,
        sex=("",) * count,
        ancestry=("",) * count,
        titles=tuple(map(str, range(int(classes.max()) + 1))),
        left_out={},
    )


class Study:
    """The built-in encoder on regions."""

    def __init__(self, folder: Path) -> None:
        self.recipe: ClassifierRecipe = load_classifier_recipe("deepgestalt-builtin")
        trunks = Trunks(ModelStore(folder), "builtin")
        computing = Computing(torch.device("cpu"), half=False)
        self.workshop = Workshop(self.recipe, trunks, folder, computing, print)
        self.network = trunks.open("face")

    def described(self, faces: LabelledFaces) -> list[NDArray[np.float32]]:
        """Descriptors `(p, d)` by each region."""
        return [
            self.workshop.describe(self.network, region_faces(faces, region, self.recipe).crops)
            for region in self.recipe.region_names
        ]

    def crossed(
        self,
        rows: Sequence[NDArray[np.floating]],
        classes: NDArray[np.int64],
        folds: NDArray[np.int64],
        *,
        weights: RegionWeights = "learnt",
    ) -> tuple[Floats, Floats]:
        """Probabilities `(p, c)` by other folds, and the final weights of the rows' parts."""
        parts = []
        for own in rows:
            found = np.empty((len(classes), int(classes.max()) + 1))
            for fold in range(int(folds.max()) + 1):
                held = folds == fold
                owners = np.flatnonzero(~held)
                layer = fit_layer(
                    own[~held].astype(np.float32), classes[~held], owners, self.recipe.ridge
                )
                found[held] = layer.probabilities(own[held])
            parts.append(found)
        plan = Plan(replace(self.recipe, region_weights=weights), None, Path("unused"))
        crossed = combined(plan, np.stack(parts, axis=1), classes, folds)
        return crossed.probabilities, crossed.final_weights


def binary(study: Study, seeds: int, nulls: int) -> list[list[object]]:
    """One disorder against eight others."""
    rows = []
    for name, difficulty in DIFFICULTIES.items():
        figures, shuffled = [], []
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            disorders = draw_disorders(np.random.default_rng(seed), 9, difficulty)
            cohort = drawn(disorders, 30, difficulty, seed)
            classes = (cohort.faces.disorders > 0).astype(np.int64)
            faces = labelled(cohort.faces.crops, classes)
            folds = deal_folds(faces, 5, seed)
            regions = study.described(faces)
            first = classes == 0
            asked: list[Sequence[NDArray[np.floating]]] = [regions, regions[:1], [cohort.strengths]]
            areas = [area(study.crossed(part, classes, folds)[0][:, 0], first) for part in asked]
            areas.append(
                area(study.crossed(regions, classes, folds, weights="equal")[0][:, 0], first)
            )
            figures.append(areas)
            rng = np.random.default_rng([seed, 1])
            for _ in range(nulls):
                labels = rng.permutation(classes)
                own = deal_folds(labelled(cohort.faces.crops, labels), 5, seed)
                given, _ = study.crossed(regions, labels, own)
                shuffled.append(area(given[:, 0], labels == 0))
        means = np.mean(figures, axis=0)
        spread = f"{np.mean(shuffled):.2f} (sd {np.std(shuffled):.2f}, n {len(shuffled)})"
        rows.append([name, "30 : 240", seeds, *(f"{one:.3f}" for one in means), spread])
        print(rows[-1], flush=True)
    return rows


def with_features(number: int, features: Sequence[Feature]) -> SimulatedDisorder:
    return SimulatedDisorder(f"SIM:{number}", "", tuple(features), ())


def gene_disorders(rng: np.random.Generator, difficulty: Difficulty) -> list[SimulatedDisorder]:
    """Genes of a disorder: four features that all have, and two of their own."""
    axes = {TERMS[term].axis: term for term in rng.permutation(sorted(TERMS)).tolist()}
    terms = rng.permutation(sorted(axes.values())).tolist()
    shared, own = terms[:4], terms[4:]
    return [
        with_features(
            number,
            [
                Feature(term, difficulty.penetrance, difficulty.severity)
                for term in (*shared, *own[2 * number : 2 * number + 2])
            ],
        )
        for number in range(GENES)
    ]


def genes(study: Study, seeds: int, nulls: int) -> list[list[object]]:
    """Five genes of a disorder, 20 patients each."""
    rows = []
    for name, difficulty in DIFFICULTIES.items():
        tops: list[list[float]] = []
        found, by_chance = [], []
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            rng = np.random.default_rng([seed, 2])
            cohort = drawn(gene_disorders(rng, difficulty), EACH, difficulty, seed)
            faces = cohort.faces
            folds = deal_folds(faces, 5, seed)
            regions = study.described(faces)
            asked = ([*regions], regions[:1], [cohort.strengths])
            right = [
                study.crossed(part, faces.disorders, folds)[0].argmax(axis=1) == faces.disorders
                for part in asked
            ]
            tops.append([float(one.mean()) for one in right])
            found.append(tested(study, regions, faces, folds, rng))
            for _ in range(nulls):
                labels = permuted(faces.disorders, faces.families, folds, 1, rng)[0]
                by_chance.append(
                    tested(study, regions, replace(faces, disorders=labels), folds, rng)
                )
        means = np.mean(tops, axis=0)
        low = sum(one <= 0.05 for one in by_chance)
        share = binomtest(low, len(by_chance)).proportion_ci() if by_chance else None
        rows.append(
            [
                *(name, f"{GENES} × {EACH}", seeds),
                *(f"{100 * one:.0f} %" for one in means),
                ", ".join(f"{one:.3f}" for one in found),
                ""
                if share is None
                else f"{100 * low / len(by_chance):.0f} % ({100 * share.low:.0f}–"
                f"{100 * share.high:.0f}), n {len(by_chance)}",
                "" if share is None else f"{kstest(by_chance, 'uniform').pvalue:.2f}",
            ]
        )
        print(rows[-1], flush=True)
    return rows


def tested(
    study: Study,
    regions: Sequence[NDArray[np.float32]],
    faces: LabelledFaces,
    folds: NDArray[np.int64],
    rng: np.random.Generator,
) -> float:
    """The p-value of a specialised classifier."""
    others = permuted(faces.disorders, faces.families, folds, PERMUTATIONS, rng)
    tops = class_top1(
        regions,
        faces.patient_of_face,
        np.concatenate([faces.disorders[None], others]),
        folds,
        len(faces.titles),
        study.recipe.ridge,
        equal_weights=False,
    )
    return p_value(float(tops[0]), tops[1:])


def regions(study: Study, seeds: int) -> list[list[object]]:
    """A phenotype of one region against people without any: which region gets the weight."""
    parts = ("eyes", "nose", "mouth")
    names = study.recipe.region_names
    difficulty = DIFFICULTIES["clinical"]
    rows = []
    for planted, terms in OF_ONE_REGION.items():
        disorder = with_features(
            1, [Feature(term, difficulty.penetrance, difficulty.severity) for term in terms]
        )
        shares, areas, all_of_them = [], [], []
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            faces = drawn([disorder, None], 60, difficulty, seed).faces
            folds = deal_folds(faces, 5, seed)
            described = dict(zip(names, study.described(faces), strict=True))
            first = faces.disorders == 0
            _, weights = study.crossed([described[one] for one in parts], faces.disorders, folds)
            shares.append(weights)
            alone = [study.crossed([described[one]], faces.disorders, folds)[0] for one in parts]
            areas.append([area(one[:, 0], first) for one in alone])
            _, weights = study.crossed(list(described.values()), faces.disorders, folds)
            all_of_them.append(weights)
        weights = np.mean(all_of_them, axis=0)
        rows.append(
            [
                *(planted, "60 : 60", seeds),
                *(f"{one:.2f}" for one in np.mean(shares, axis=0)),
                *(f"{one:.2f}" for one in np.mean(areas, axis=0)),
                ", ".join(
                    f"{names[place]} {weights[place]:.2f}" for place in np.argsort(-weights)[:3]
                ),
            ]
        )
        print(rows[-1], flush=True)
    return rows


def multiclass(study: Study, seeds: int) -> list[list[object]]:
    """Twenty disorders: of 20 patients each, 4 are tested."""
    rows = []
    for name, difficulty in DIFFICULTIES.items():
        ranks: dict[str, list[int]] = {}
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            disorders = draw_disorders(np.random.default_rng([seed, 3]), 20, difficulty)
            cohort = drawn(disorders, 20, difficulty, seed)
            faces = cohort.faces
            place = np.arange(len(faces.crops)) % 20
            tested, validating = place < 4, (place >= 4) & (place < 7)
            trained = place >= 7
            described = study.described(faces)
            owners, own = np.flatnonzero(trained), faces.disorders[trained]
            layers = [
                fit_layer(rows[trained], own, owners, study.recipe.ridge) for rows in described
            ]
            by_region = np.stack(
                [layer.probabilities(one) for layer, one in zip(layers, described, strict=True)],
                axis=1,
            )
            plan = Plan(study.recipe, None, Path("unused"))
            weights = plan.weights(by_region[validating], faces.disorders[validating])
            given = {
                "classifier": average(by_region, weights.tolist()),
                "classifier, equal weights": by_region.mean(axis=1),
                "classifier, face": by_region[:, 0],
            }
            similar = described[0] @ described[0][~tested].T
            nearest = np.stack(
                [
                    similar[:, faces.disorders[~tested] == one].max(axis=1)
                    for one in range(len(disorders))
                ],
                axis=1,
            )
            given["gallery, nearest"] = nearest
            for one in np.flatnonzero(tested):
                true = faces.disorders[one]
                for kind, values in given.items():
                    rank = int(np.sum(values[one] >= values[one, true]))
                    ranks.setdefault(kind, []).append(rank)
                fused = fused_rank(nearest[one], given["classifier"][one], int(true))
                ranks.setdefault("fused", []).append(fused)
        for kind, found in ranks.items():
            tops = [f"{100 * np.mean(np.array(found) <= k):.0f} %" for k in (1, 5)]
            rows.append([name, "20 × 20", seeds, len(found), kind, *tops])
            print(rows[-1], flush=True)
    return rows


def fused_rank(similar: Floats, given: Floats, true: int) -> int:
    """The rank of the true disorder in both rankings together."""
    order = np.argsort(-similar)
    lines = tuple(
        MatchLine(rank, str(one), "", float(similar[one]), "", 1, 1, float(similar[one]))
        for rank, one in enumerate(order.tolist(), start=1)
    )
    classes = tuple(
        ClassLine(rank, str(one), "", float(given[one]))
        for rank, one in enumerate(np.argsort(-given).tolist(), start=1)
    )
    found = fused_lines(Match("probe", lines=lines), classes, len(order))
    return next(line.rank for line in found if line.id == str(true))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--nulls", type=int, default=30)
    asked = parser.parse_args()
    command = f"python -m benchmarks.classifiers --seeds {asked.seeds} --nulls {asked.nulls}"
    with tempfile.TemporaryDirectory() as folder:
        study = Study(Path(folder))
        keep("classifiers-regions", command, REGIONS, regions(study, asked.seeds))
        keep("classifiers-multiclass", command, MULTICLASS, multiclass(study, asked.seeds))
        keep("classifiers-binary", command, BINARY, binary(study, asked.seeds, asked.nulls))
        keep("classifiers-genes", command, BY_GENE, genes(study, asked.seeds, asked.nulls))


if __name__ == "__main__":
    main()
