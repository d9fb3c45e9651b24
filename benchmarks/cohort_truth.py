"""What the statistics of cohorts say where the truth is known, and how fast they permute.

python -m benchmarks.cohort_truth [--compare COHORTS]

With --compare, so many more null cohorts are compared, with seeds of their own, and nothing else.

Simulated descriptors: centres of disorders on the sphere, with what is a person's own (length 1)
and what is a photo's own (0.7) added. Nulls: a cohort that is drawn at random from its gallery, and
two groups of the same disorders from one population. p-values must then be uniform.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.stats import kstest
from threadpoolctl import threadpool_limits

from benchmarks.table import keep, seconds
from gestalt_space.cohort.cohesion import CohesionPlan, cohesion
from gestalt_space.cohort.comparison import ComparisonPlan, compare_groups
from gestalt_space.cohort.selection import Selection
from gestalt_space.figures.saving import save_figure
from gestalt_space.figures.studies import nulls_figure, power_figure
from gestalt_space.stats.permutation import Stratum, draw_groups, relabelled_means
from gestalt_space.stats.resampling import Bootstrap
from tests.cohort.simulated import simulated

SEED = 41
SEEDS = (77, 78)
"""Of the nulls of `compare_groups` alone."""
NULLS = 1_000
COHORTS = 200
"""Of each strength."""
PERMUTATIONS = 999
DISORDERS = ["d1"] * 12 + ["d2"] * 8 + ["d3"] * 5
LEVEL = 0.05
LEVELS = (0.01, 0.05, 0.10)
_LEVELS = [f"p ≤ {level:.2f}" for level in LEVELS]
REPEATS = 7
STRENGTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
STRENGTH = "strength (a person's own part is 1)"
TESTS = (
    "cohesion, 8 of 60 patients",
    "compare, 25 and 25 patients of 3 disorders",
    "compare, 12 and 12 of one",
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--compare", type=int, default=0)
    given = parser.parse_args()
    if given.compare:
        study_compare(given.compare)
        return
    rng = np.random.default_rng(SEED)
    with threadpool_limits(1):
        study_nulls(rng)
        study_power(rng)
    measure_speed(rng)


def study_nulls(rng: np.random.Generator) -> None:
    compared = np.array([_compare(rng, seed, 0) for seed in range(NULLS)])
    found = {
        "cohesion": [_cohesion(rng, seed, 0) for seed in range(NULLS)],
        "cohesion, matched on sex": [
            _cohesion(rng, seed, 0, matched=True) for seed in range(NULLS)
        ],
        "compare, three disorders together": compared[:, 0],
        "compare, one disorder (12 and 12 patients)": compared[:, 1],
    }
    table = keep(
        "cohort-nulls",
        f"python -m benchmarks.cohort_truth  # seed {SEED}, {PERMUTATIONS} permutations each",
        ("p-values without a difference", "cohorts", "KS p", *_LEVELS),
        [(name, NULLS, *_uniform(np.array(p))) for name, p in found.items()],
    )
    figure = nulls_figure({name: np.array(p) for name, p in found.items()})
    save_figure(figure, table.with_suffix(".svg"), overwrite=True)


def study_compare(cohorts: int) -> None:
    """Nulls of `compare_groups` alone, as many as it takes to see a small deviation."""
    rows = []
    with threadpool_limits(1):
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            p = np.array([_compare(rng, seed * 100_000 + one, 0) for one in range(cohorts)])
            for place, name in enumerate(("three disorders together", "one disorder")):
                rows.append((f"compare, {name}, seed {seed}", cohorts, *_uniform(p[:, place])))
    keep(
        "cohort-nulls-compare",
        f"python -m benchmarks.cohort_truth --compare {cohorts}  # {PERMUTATIONS} permutations "
        "each",
        ("p-values without a difference", "cohorts", "KS p", *_LEVELS),
        rows,
    )


def _uniform(p: np.ndarray) -> list[str]:
    """The p of a Kolmogorov–Smirnov test of uniform p-values, and how many lie below levels.

    A p is k/(m + 1); it is drawn within its step, as the test is one for continuous values.
    """
    drawn = p - np.random.default_rng(SEED).random(len(p)) / (PERMUTATIONS + 1)
    shares = [f"{100 * np.mean(p <= level):.1f} %" for level in LEVELS]
    return [f"{kstest(drawn, 'uniform').pvalue:.3f}", *shares]


def study_power(rng: np.random.Generator) -> None:
    rows, found = [], []
    for strength in STRENGTHS:
        p = np.array(
            [
                (_cohesion(rng, seed, strength), *_compare(rng, seed, strength))
                for seed in range(COHORTS)
            ]
        )
        found.append(np.mean(p <= LEVEL, axis=0))
        rows.append((f"{strength:.1f}", *(f"{100 * share:.0f} %" for share in found[-1])))
    table = keep(
        "cohort-power",
        f"python -m benchmarks.cohort_truth  # seed {SEED}, {COHORTS} cohorts of each strength",
        (STRENGTH, *TESTS),
        rows,
    )
    shares = dict(zip(TESTS, np.transpose(found), strict=True))
    figure = power_figure(np.array(STRENGTHS), shares, x=STRENGTH)
    save_figure(figure, table.with_suffix(".svg"), overwrite=True)


def measure_speed(rng: np.random.Generator) -> None:
    """10,000 permutations of the labels of 200 patients, 100 in each group."""
    patients, size, draws, looped = 200, 100, 10_000, 500
    vectors = rng.standard_normal((patients, 512))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarities = vectors @ vectors.T
    strata = [Stratum(np.arange(patients), size)]

    def at_once() -> None:
        relabelled_means(similarities, draw_groups(rng, strata, patients, draws))

    loops: dict[str, Callable[[], object]] = {
        "loop: masks of the relabelled matrix": lambda: _by_masks(rng, similarities, size, looped),
        "loop: blocks picked out of the matrix": lambda: _by_blocks(
            rng, similarities, size, looped
        ),
    }
    rows = []
    with threadpool_limits(1):
        at_once()
        ours: list[float] = []
        theirs: dict[str, list[float]] = {name: [] for name in loops}
        for _ in range(REPEATS):
            ours += seconds(at_once)
            for name, loop in loops.items():
                theirs[name].append(seconds(loop)[0] * draws / looped)
    rows.append(("at once", f"{1000 * np.median(ours):.0f} ms", "", ""))
    for name, taken in theirs.items():
        ratio = np.median(np.array(taken) / np.array(ours))
        asked = "50 ×" if "masks" in name else ""
        rows.append((name, f"{1000 * np.median(taken):.0f} ms", f"{ratio:.0f} ×", asked))
    keep(
        "cohort-permutations",
        f"python -m benchmarks.cohort_truth  # 200 patients, 10,000 permutations, one thread; "
        f"medians of {REPEATS}, loops timed over {looped} and scaled",
        ("what", "time", "at once is faster by", "asked"),
        rows,
    )


def _cohesion(
    rng: np.random.Generator, seed: int, strength: float, *, matched: bool = False
) -> float:
    """The p of 8 patients with a disorder of some strength among 60 patients."""
    sexes = rng.choice(["female", "male"], 60).tolist()
    gallery = simulated(
        rng, ["d1"] * 8 + [""] * 52, strength=strength, centres=seed, sex=sexes, prefix="P"
    )
    plan = CohesionPlan(permutations=PERMUTATIONS, draws=0, seed=seed)
    cohort = gallery.only(gallery.patients[:8])
    return cohesion(cohort, gallery, replace(plan, match=("sex",) if matched else ())).p


def _groups(rng: np.random.Generator, seed: int, shift: float) -> tuple[Selection, Selection]:
    a = simulated(rng, DISORDERS, centres=seed, prefix="A")
    return a, simulated(rng, DISORDERS, centres=seed, shift=shift, prefix="B")


def _compare(rng: np.random.Generator, seed: int, shift: float) -> tuple[float, float]:
    """The p over all disorders, and of the first, of two groups that lie `shift` apart."""
    plan = ComparisonPlan(permutations=PERMUTATIONS, bootstrap=Bootstrap(1), seed=seed)
    found = compare_groups(*_groups(rng, seed, shift), plan)
    return found.tests.shift.p, found.disorders[0].tests.shift.p


def _by_masks(
    rng: np.random.Generator, similarities: np.ndarray, size: int, draws: int
) -> list[float]:
    labels = np.arange(len(similarities)) < size
    different = ~np.eye(len(labels), dtype=bool)
    found = []
    for _ in range(draws):
        drawn = rng.permutation(labels)
        first = similarities[(drawn[:, None] & drawn[None, :]) & different].mean()
        second = similarities[(~drawn[:, None] & ~drawn[None, :]) & different].mean()
        between = similarities[drawn[:, None] & ~drawn[None, :]].mean()
        found.append((first + second) / 2 - between)
    return found


def _by_blocks(
    rng: np.random.Generator, similarities: np.ndarray, size: int, draws: int
) -> list[float]:
    above = np.triu_indices(size, 1)
    found = []
    for _ in range(draws):
        drawn = rng.permutation(len(similarities))
        a, b = drawn[:size], drawn[size:]
        within = [similarities[np.ix_(group, group)][above].mean() for group in (a, b)]
        found.append(sum(within) / 2 - similarities[np.ix_(a, b)].mean())
    return found


if __name__ == "__main__":
    main()
