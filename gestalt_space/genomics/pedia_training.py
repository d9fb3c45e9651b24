"""Training PEDIA: a linear support vector machine with the hinge loss and balanced classes, and its
accuracy on causal genes that it was not trained on (Hsieh et al. 2019).

C is chosen on inner folds, in which no case is on both sides; it is tried from 2^-6 to 2^10.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gestalt_space.counts import counted_text
from gestalt_space.errors import TrainingError, UsageError
from gestalt_space.genomics.hinge import fit_hinge
from gestalt_space.genomics.pedia_model import Feature, Kind, PediaModel
from gestalt_space.genomics.pedia_table import PediaTable
from gestalt_space.progress import Stages, no_stages
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.resampling import Bootstrap, estimate

GRID = tuple(2.0**power for power in range(-6, 11))
TOPS = (1, 10)
FEWEST_CASES = 5
_LOOKS_LIKE_DISTANCE = re.compile(r"(?:^|[^a-z])dist(?:ances?)?(?:$|[^a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PediaPlan:
    """`distances`: scores of which the lower is closer. `folds`: outer ones, at the most;
    `inner`: inner ones, at the most.
    """

    distances: frozenset[str] = frozenset()
    folds: int = 10
    inner: int = 5
    bootstrap: Bootstrap = Bootstrap()  # noqa: RUF009 - it is frozen


@dataclass(frozen=True, slots=True)
class PediaAccuracy:
    """Accuracy with some of the scores, on cases whose causal gene was not trained on. `title`:
    `all`, `without CADD` or `CADD alone`. `tops`: the share of cases whose causal gene is among
    the first k, with 95 % intervals over causal genes. `ranks`: of all cases, in their order.
    """

    title: str
    features: tuple[str, ...]
    tops: dict[int, Estimate]
    ranks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PediaTraining:
    """A model trained on all cases, and accuracy by cross-validation. `chance`: the share of cases
    whose causal gene an order at random puts first. `notes`: what a user should know, in sentences.
    """

    model: PediaModel
    cases: int
    rows: int
    folds: int
    inner: int
    accuracy: tuple[PediaAccuracy, ...]
    chance: float
    notes: tuple[str, ...]


def train_pedia(
    table: PediaTable, plan: PediaPlan, gene_table: str = "", stages: Stages = no_stages
) -> PediaTraining:
    """Train on all cases, and measure with all scores, without each, and with each alone.

    Raises `UsageError` for a score that is not there or looks like an undeclared distance, and
    `TrainingError` for too few cases or causal genes.
    """
    _check(table, plan)
    genes = causal_genes(table)
    folds = min(plan.folds, len(set(genes.values())))
    sets = list(_feature_sets(table.features))
    progress = stages("Cross-validating", "sets of scores")
    accuracy = []
    for number, (title, features) in enumerate(sets, start=1):
        ranks = cross_validated_ranks(table.of_features(features), plan)
        accuracy.append(_accuracy(title, features, ranks, genes, plan.bootstrap))
        progress(number, len(sets))
    model = replace(
        fit(table, choose_c(table, plan), plan),
        causal_genes=len(set(genes.values())),
        gene_table=gene_table,
    )
    sizes = np.unique(table.cases, return_counts=True)[1]
    return PediaTraining(
        model,
        len(genes),
        len(table.cases),
        folds,
        min(plan.inner, len(genes)),
        tuple(accuracy),
        float(np.mean(1 / sizes)),
        tuple(_notes(model, accuracy, float(np.mean(1 / sizes)))),
    )


def causal_genes(table: PediaTable) -> dict[str, str]:
    """The key of the causal gene of each case."""
    return {
        case: gene.key
        for case, gene, is_causal in zip(table.cases, table.genes, table.causal, strict=True)
        if is_causal
    }


def cross_validated_ranks(table: PediaTable, plan: PediaPlan) -> dict[str, int]:
    """The rank of the causal gene of each case, by a model that was trained on cases with other
    causal genes; C was chosen among those.
    """
    genes = causal_genes(table)
    cases = list(genes)
    ranks: dict[str, int] = {}
    for held_out in _folds([genes[case] for case in cases], plan.folds):
        test = {cases[number] for number in held_out}
        training = table.at(table.rows_of(genes.keys() - test))
        model = fit(training, choose_c(training, plan), plan)
        ranks |= _causal_ranks(model, table.at(table.rows_of(test)))
    return {case: ranks[case] for case in cases}


def choose_c(table: PediaTable, plan: PediaPlan) -> float:
    """The C with the most cases whose causal gene is first, then with the highest mean of 1/rank,
    then the smallest.
    """
    cases = list(dict.fromkeys(table.cases))
    ranks: list[list[int]] = [[] for _ in GRID]
    for held_out in _folds(cases, plan.inner):
        test = {cases[number] for number in held_out}
        training = table.at(table.rows_of(set(cases) - test))
        asked = table.at(table.rows_of(test))
        model = None
        for of_c, c in zip(ranks, GRID, strict=True):
            model = fit(training, c, plan, model)
            of_c += _causal_ranks(model, asked).values()
    quality = [(np.mean(np.equal(one, 1)), np.mean(1 / np.array(one))) for one in ranks]
    return GRID[quality.index(max(quality))]


def fit(
    table: PediaTable, c: float, plan: PediaPlan, before: PediaModel | None = None
) -> PediaModel:
    """A model of a table for one C. `before`: of the same table and a smaller C, from which it is
    found sooner.
    """
    features = [
        _feature(name, column, "distance" if name in plan.distances else "similarity")
        for name, column in zip(table.features, table.values.T, strict=True)
    ]
    scaled = np.column_stack(
        [feature.scaled(column) for feature, column in zip(features, table.values.T, strict=True)]
    )
    start = None
    if before is not None:
        start = np.array([*(one.weight for one in before.features), before.intercept])
    *weights, intercept = map(float, fit_hinge(scaled, table.causal, c, start))
    return PediaModel(
        tuple(
            replace(feature, weight=weight)
            for feature, weight in zip(features, weights, strict=True)
        ),
        intercept,
        c,
        len(set(table.cases)),
        int(table.causal.sum()),
    )


def _feature(name: str, values: NDArray[np.float64], kind: Kind) -> Feature:
    known = values[~np.isnan(values)]
    if not len(known):
        return Feature(name, kind, 0.0, 0.0, 1.0)
    towards = -known if kind == "distance" else known
    missing = 1 - len(known) / len(values)
    return Feature(name, kind, float(towards.min()), float(towards.max()), missing)


def _causal_ranks(model: PediaModel, table: PediaTable) -> dict[str, int]:
    """The rank of the causal gene of each case; equal scores count as better."""
    scores = model.scores(model.contributions(table.values)[1])
    cases = np.array(table.cases)
    return {
        case: int((scores[cases == case] >= scores[number]).sum())
        for number, case in enumerate(table.cases)
        if table.causal[number]
    }


def _folds(groups: Collection[str], most: int) -> Iterator[NDArray[np.int64]]:
    """Numbers of those that are held out, fold by fold; a group is in one fold."""
    from sklearn.model_selection import GroupKFold

    count = min(most, len(set(groups)))
    for _, held_out in GroupKFold(count).split(np.zeros(len(groups)), groups=list(groups)):
        yield held_out


def _feature_sets(names: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "all", names
    if len(names) > 1:
        for name in names:
            yield f"without {name}", tuple(other for other in names if other != name)
        for name in names:
            yield f"{name} alone", (name,)


def _accuracy(
    title: str,
    features: tuple[str, ...],
    ranks: dict[str, int],
    genes: dict[str, str],
    bootstrap: Bootstrap,
) -> PediaAccuracy:
    """Top-k with intervals by the bootstrap over causal genes, each with all of its cases."""
    keys, of = np.unique([genes[case] for case in ranks], return_inverse=True)
    found = np.array(list(ranks.values()))
    cases = np.bincount(of, minlength=len(keys)).astype(np.float64)
    tops = {}
    for k in TOPS:
        hits = np.bincount(of, weights=found <= k, minlength=len(keys))
        drawn = np.concatenate(
            [(weights @ hits) / (weights @ cases) for weights in bootstrap.weights(len(keys))]
        )
        tops[k] = estimate(float(hits.sum() / cases.sum()), drawn)
    return PediaAccuracy(title, features, tops, tuple(int(rank) for rank in found))


def _check(table: PediaTable, plan: PediaPlan) -> None:
    for name in sorted(plan.distances - set(table.features)):
        raise UsageError(f"{table.name} has no column {name}.", "Check the name of the distance.")
    for name in table.features:
        if _LOOKS_LIKE_DISTANCE.search(name) and name not in plan.distances:
            raise UsageError(
                f"The score {name!r} looks like a distance, of which the lower is closer.",
                f"Add --distance {name}. If it is a similarity, rename the column.",
            )
    genes = causal_genes(table)
    if len(genes) < FEWEST_CASES or len(set(genes.values())) < 3:
        raise TrainingError(
            f"{counted_text(len(genes), 'case')} with "
            f"{counted_text(len(set(genes.values())), 'causal gene')} are too few to train on.",
            f"Give at least {FEWEST_CASES} cases with 3 causal genes; hundreds are better.",
        )


def _notes(model: PediaModel, accuracy: Sequence[PediaAccuracy], chance: float) -> Iterator[str]:
    alone = {one.features: one.tops[1] for one in accuracy if len(one.features) == 1}
    for feature in model.features:
        if feature.weight < 0 and alone[(feature.name,)].low > chance:
            yield (
                f"The weight of {feature.name} is negative: a higher score ranks a gene lower. If "
                f"it is a distance, add --distance {feature.name}."
            )
    first = accuracy[0].tops[1]
    if first.low <= chance:
        yield (
            f"It is not better than chance: {first.value:.1%} of causal genes are first (95 % "
            f"interval from {first.low:.1%}), by chance {chance:.1%}."
        )
