"""Clusters of patients, by average linkage and by density, without using their disorders: how
stable they are, how well they agree with the disorders, and which disorders look like one or like
two.

A patient is one point: the mean descriptor, scaled to unit length. Distances are 1 − cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.columns import Column, column_of, known_columns
from gestalt_space.cohort.lumping import MARGIN, Pair, compare_pairs
from gestalt_space.cohort.patients import patient_ages
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.splitting import DisorderSplit, split_in_two
from gestalt_space.errors import UsageError
from gestalt_space.progress import Progress, Stages, followed, no_progress, no_stages
from gestalt_space.stats.adjustment import false_discovery_rates
from gestalt_space.stats.estimates import Finding
from gestalt_space.stats.halves import SAMPLES, SMALLEST_HALF

FEWEST_PATIENTS = 4
MOST_PATIENTS = 10_000
"""The distances of so many take 0.8 GB."""
MOST_CLUSTERS = 100
MOST_ORDERED = 600
"""Patients whose tree is ordered in a second."""
SMALLEST_DENSE = 3
"""Smallest number of patients in a cluster found by density."""
ALPHA = 0.05

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClusterPlan:
    """The number of clusters (None: chosen by silhouette), the number of bootstrap draws, and the
    seed.

    `margin`: disorders are alike if their separability is shown to differ from chance by less.
    `within`: patients of two disorders are compared only if they have the same values in these
    columns. Raises `UsageError` for an invalid margin.
    """

    clusters: int | None = None
    bootstrap: int = 100
    samples: int = SAMPLES
    seed: int = 0
    margin: float = MARGIN
    within: tuple[Column, ...] = ("site", "sex")

    def __post_init__(self) -> None:
        if not 0 < self.margin < 0.5:
            raise UsageError(
                f"The margin {self.margin:g} is out of range.",
                "Give a number above 0 and below 0.5.",
            )


USUAL_PLAN = ClusterPlan()


@dataclass(frozen=True)
class Cluster:
    """A cluster: its number from 1, its patients, its most common disorder with the number of its
    patients, and the mean Jaccard index 0..1 with the most similar cluster of each bootstrap draw
    (Hennig 2007), NaN without bootstrap."""

    number: int
    patients: int
    disorder: str
    of_disorder: int
    stability: float


@dataclass(frozen=True)
class DisorderFigures:
    """The patients of a disorder among all. `silhouette`: mean, −1..1, against the other disorders;
    NaN if there is no other disorder, or only one patient. `half_sizes`: number of families in its
    two halves. `apart`: distance of the halves in standard deviations within them. `p`: of so clear
    a gap in a disorder without a split; `q`: after Benjamini and Hochberg; `split`: whether it
    falls into two. NaN with fewer than eight families. `follows`: the columns, other than disorder,
    that are associated with the halves."""

    disorder: str
    patients: int
    silhouette: float
    half_sizes: tuple[int, int]
    apart: float
    p: float
    q: float
    split: bool
    follows: tuple[Column, ...]

    @property
    def has_halves(self) -> bool:
        """Whether there are two halves with enough families in each."""
        return self.q == self.q and min(self.half_sizes) >= SMALLEST_HALF

    @property
    def reading(self) -> str:
        """The result in words. A split associated with a site, a sex or the like is not a subtype
        of a disorder."""
        if self.q != self.q:
            return "too few to say"
        if not self.split:
            return "no split shown"
        return f"two, by {', '.join(self.follows)}" if self.follows else "two"

    @property
    def finding(self) -> Finding:
        """The gap as a tidy row."""
        return Finding(
            subject=self.disorder,
            estimand="distance of two halves, in standard deviations within",
            estimate=self.apart,
            p=self.q,
            n=sum(self.half_sizes),
            unit="families",
            method="samples without a gap, Benjamini-Hochberg over disorders",
        )


@dataclass(frozen=True)
class Clustering:
    """Clusters of patients `(p,)`.

    `linkage` `(p − 1, 4)`: average linkage in SciPy's format. `labels` `(p,)`: clusters of the cut,
    from 1, the largest first. `dense` `(p,)`: clusters by HDBSCAN, from 1, 0 for patients in none.
    `rule`: how the number of clusters was chosen, in words. `silhouette`: mean over patients.
    `agreement` and `dense_agreement`: adjusted Rand index with the disorders, over the `compared`
    patients with exactly one disorder, NaN for fewer than two. `resampled_agreement`: mean adjusted
    Rand index with the clusterings of bootstrap draws.
    """

    patients: tuple[str, ...]
    linkage: Floats
    labels: Labels
    dense: Labels
    rule: str
    silhouette: float
    agreement: float
    dense_agreement: float
    compared: int
    resampled_agreement: float
    clusters: tuple[Cluster, ...]
    disorders: tuple[DisorderFigures, ...]
    pairs: tuple[Pair, ...]
    plan: ClusterPlan


def cluster(
    selection: Selection,
    plan: ClusterPlan = USUAL_PLAN,
    *,
    stages: Stages = no_stages,
) -> Clustering:
    """Cluster the patients of a selection. Raises `UsageError` for fewer than four patients, more
    than 10,000, or more clusters than patients."""
    count = len(selection.patients)
    if count < FEWEST_PATIENTS:
        raise UsageError(
            f"{count} patients are too few for clusters.",
            f"Select {FEWEST_PATIENTS} or more; `gestalt index list` shows all patients.",
        )
    if count > MOST_PATIENTS:
        raise UsageError(
            f"{count:,} patients are too many to cluster; the limit is {MOST_PATIENTS:,}. The tree "
            f"needs the distances of all pairs at once, which take {count**2 * 8 / 1e9:,.1f} GB.",
            "Select fewer: --cohort, --disorder, --gene or --patients.",
        )
    if plan.clusters is not None and not 1 <= plan.clusters <= count:
        raise UsageError(
            f"Cannot divide {count} patients into {plan.clusters} clusters.",
            f"Give a number from 1 to {count}.",
        )
    from threadpoolctl import threadpool_limits

    # Thousands of small products: threads would spend the time waiting for each other.
    with threadpool_limits(1):
        return _clustered(selection, plan, stages)


def _clustered(selection: Selection, plan: ClusterPlan, stages: Stages) -> Clustering:
    stages("Building the tree", "patients")
    rows = selection.patient_descriptors().astype(np.float64)
    disorders = column_of(selection, "disorder")
    single = np.array([len(one) == 1 for one in selection.disorders])
    distances = cosine_distances(rows)
    tree = average_linkage(distances, ordered=True)
    if plan.clusters is None:
        labels, rule = silhouette_cut(
            tree, distances, stages("Choosing the number of clusters", "cuts")
        )
    else:
        labels, rule = cut_into(tree, plan.clusters), "the number requested"
    stages("Clustering by density", "patients")
    dense = dense_clusters(distances)
    drawing = stages("Drawing bootstrap samples", "draws")
    stability, agreement = _stability(distances, labels, plan, drawing)
    return Clustering(
        patients=selection.patients,
        linkage=tree,
        labels=labels,
        dense=dense,
        rule=rule,
        silhouette=_silhouette(distances, labels),
        agreement=_agreement(labels[single], disorders[single]),
        dense_agreement=_agreement(dense[single], disorders[single]),
        compared=int(single.sum()),
        resampled_agreement=agreement,
        clusters=_described(labels, disorders, stability),
        disorders=_disorders(
            selection,
            rows,
            distances,
            single_disorders(selection),
            plan,
            stages("Splitting disorders", "disorders"),
        ),
        pairs=pairs_of(selection, plan, stages("Comparing disorders", "pairs")),
        plan=plan,
    )


def pairs_of(
    selection: Selection, plan: ClusterPlan = USUAL_PLAN, progress: Progress = no_progress
) -> tuple[Pair, ...]:
    """The pairs of disorders of a selection, for patients with exactly one disorder."""
    return compare_pairs(
        selection.patient_descriptors().astype(np.float64),
        single_disorders(selection),
        selection.families,
        _joined(selection, plan.within),
        margin=plan.margin,
        seed=plan.seed,
        progress=progress,
    )


def single_disorders(selection: Selection) -> NDArray[np.str_]:
    """`(p,)`: each patient's disorder, empty for those with none or several."""
    single = np.array([len(one) == 1 for one in selection.disorders])
    return np.where(single, column_of(selection, "disorder"), "")


def cosine_distances(rows: Floats) -> Floats:
    """1 − cosine between unit rows `(p, d)`, `(p, p)`, 0 on the diagonal."""
    distances = np.clip(1 - rows @ rows.T, 0, 2)
    np.fill_diagonal(distances, 0)
    return (distances + distances.T) / 2


def average_linkage(distances: Floats, *, ordered: bool = False) -> Floats:
    """The tree of average linkage, `(p − 1, 4)` in SciPy's format. If `ordered`, neighbouring
    leaves are as similar as possible, unless the tree is too large for that."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    tree = linkage(
        squareform(distances, checks=False),
        "average",
        optimal_ordering=ordered and len(distances) <= MOST_ORDERED,
    )
    return np.asarray(tree, np.float64)


def cut_into(tree: Floats, clusters: int) -> Labels:
    """The clusters `(p,)` of a tree that is cut into a number of clusters, numbered from 1, the
    largest first."""
    return _cuts(tree, [clusters])[0]


def _cuts(tree: Floats, counts: Sequence[int]) -> list[Labels]:
    from scipy.cluster.hierarchy import cut_tree

    cuts = cut_tree(tree, n_clusters=list(counts))
    return [_by_size(column.astype(np.int64)) for column in cuts.T]


def dense_clusters(distances: Floats) -> Labels:
    """Clusters by HDBSCAN (Campello 2013) of distances `(p, p)`: `(p,)` from 1 on, 0 for none."""
    from sklearn.cluster import HDBSCAN

    if len(distances) < 2 * SMALLEST_DENSE:
        return np.zeros(len(distances), np.int64)
    found = HDBSCAN(min_cluster_size=SMALLEST_DENSE, metric="precomputed", copy=True)
    labels = np.asarray(found.fit_predict(distances), dtype=np.int64)
    numbered = np.zeros_like(labels)
    numbered[labels >= 0] = _by_size(labels[labels >= 0])
    return numbered


def _by_size(labels: Labels) -> Labels:
    """Labels numbered from 1, the largest first, ties by the first patient."""
    kinds, first, inverse, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.lexsort((first, -sizes))
    numbers = np.empty(len(kinds), np.int64)
    numbers[order] = np.arange(1, len(kinds) + 1)
    return numbers[inverse]


def silhouette_cut(
    tree: Floats, distances: Floats, progress: Progress = no_progress
) -> tuple[Labels, str]:
    """The cut with the highest mean silhouette, and the rule in words."""
    most = min(len(distances) // 2, MOST_CLUSTERS)
    cuts = _cuts(tree, range(2, most + 1))
    best = int(np.argmax([_silhouette(distances, labels) for labels in followed(cuts, progress)]))
    return cuts[best], (
        f"the number from 2 to {most} with the highest mean silhouette; a patient alone in a "
        "cluster counts 0"
    )


def _silhouette(distances: Floats, labels: NDArray[np.generic]) -> float:
    values = _silhouettes(distances, labels)
    return float(values.mean()) if len(values) else float("nan")


def _silhouettes(distances: Floats, labels: NDArray[np.generic]) -> Floats:
    """The silhouette of each patient (Rousseeuw 1987); empty with fewer than two clusters."""
    kinds, of = np.unique(labels, return_inverse=True)
    if len(kinds) < 2:
        return np.zeros(0)
    member = np.eye(len(kinds))[of]
    sizes = member.sum(0)
    sums = distances @ member
    own = sums[np.arange(len(of)), of] / np.maximum(sizes[of] - 1, 1)
    means = sums / sizes
    means[np.arange(len(of)), of] = np.inf
    other = means.min(1)
    widest = np.maximum(np.maximum(own, other), 1e-12)
    return np.asarray(np.where(sizes[of] > 1, (other - own) / widest, 0.0))


def _agreement(labels: NDArray[np.generic], truth: NDArray[np.str_]) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(truth, labels)) if len(labels) > 1 else float("nan")


def _stability(
    distances: Floats, labels: Labels, plan: ClusterPlan, progress: Progress
) -> tuple[Floats, float]:
    """The mean Jaccard index of each cluster `(k,)`, and the mean adjusted Rand index, over
    bootstrap draws."""
    from sklearn.metrics import adjusted_rand_score

    kinds = int(labels.max())
    rng = np.random.default_rng(plan.seed)
    sums, seen, agreements = np.zeros(kinds), np.zeros(kinds), []
    for _ in followed(range(plan.bootstrap), progress):
        # Patients drawn twice lie on one point and would be a cluster by themselves: once each.
        drawn = np.unique(rng.integers(0, len(labels), len(labels)))
        if len(drawn) < 2:
            continue
        again = cut_into(average_linkage(distances[np.ix_(drawn, drawn)]), min(kinds, len(drawn)))
        table = np.zeros((kinds, int(again.max())))
        np.add.at(table, (labels[drawn] - 1, again - 1), 1)
        unions = table.sum(1, keepdims=True) + table.sum(0) - table
        there = table.sum(1) > 0
        sums[there] += (table / unions).max(1)[there]
        seen += there
        agreements.append(adjusted_rand_score(labels[drawn], again))
    if not agreements:
        return np.full(kinds, np.nan), float("nan")
    return np.divide(sums, seen, out=np.full(kinds, np.nan), where=seen > 0), float(
        np.mean(agreements)
    )


def _described(
    labels: Labels, disorders: NDArray[np.str_], stability: Floats
) -> tuple[Cluster, ...]:
    found = []
    for number in range(1, int(labels.max()) + 1):
        theirs = disorders[labels == number]
        names, counts = np.unique(theirs[theirs != ""], return_counts=True)
        common = int(np.argmax(counts)) if len(names) else None
        found.append(
            Cluster(
                number,
                len(theirs),
                "" if common is None else str(names[common]),
                0 if common is None else int(counts[common]),
                float(stability[number - 1]),
            )
        )
    return tuple(found)


def _disorders(
    selection: Selection,
    rows: Floats,
    distances: Floats,
    disorders: NDArray[np.str_],
    plan: ClusterPlan,
    progress: Progress,
) -> tuple[DisorderFigures, ...]:
    told = disorders != ""
    silhouettes = np.full(len(rows), np.nan)
    among = _silhouettes(distances[np.ix_(told, told)], disorders[told])
    if len(among):
        silhouettes[told] = among
    names = list(map(str, np.unique(disorders[told])))
    found = {
        name: split_of(selection, disorders == name, plan) for name in followed(names, progress)
    }
    splits = {name: one for name, one in found.items() if one is not None}
    tested = dict(
        zip(splits, false_discovery_rates([one.p for one in splits.values()]), strict=True)
    )
    nan = float("nan")
    figures = []
    for name in names:
        theirs = disorders == name
        one = splits.get(name, DisorderSplit((0, 0), nan, nan, ()))
        q = tested.get(name, nan)
        figures.append(
            DisorderFigures(
                name,
                int(theirs.sum()),
                float(silhouettes[theirs].mean()) if theirs.sum() > 1 else nan,
                one.sizes,
                one.apart,
                one.p,
                q,
                q <= ALPHA,
                one.follows if q <= ALPHA else (),
            )
        )
    return tuple(figures)


def split_of(
    selection: Selection, theirs: NDArray[np.bool_], plan: ClusterPlan = USUAL_PLAN
) -> DisorderSplit | None:
    """The halves of some of the patients `(p,)`; None if there are too few families."""
    rows = selection.patient_descriptors().astype(np.float64)
    ages = patient_ages(selection)
    columns: dict[Column, NDArray[np.str_] | Floats] = {
        column: (ages if column == "age" else column_of(selection, column))[theirs]
        for column in known_columns(selection)
        if column != "disorder"
    }
    return split_in_two(
        rows[theirs], selection.families[theirs], columns, samples=plan.samples, seed=plan.seed
    )


def _joined(selection: Selection, columns: Sequence[Column]) -> NDArray[np.str_]:
    """`(p,)`: the values of several columns, joined as one text."""
    texts = [column_of(selection, column).tolist() for column in columns]
    told = [", ".join(one) for one in zip(*texts, strict=True)] or [""] * len(selection.patients)
    return np.array(told, dtype=np.str_)
