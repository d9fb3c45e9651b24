"""What `gestalt gaze study` says of simulated studies of readers where the truth is known.

python -m benchmarks.gaze_studies [--studies N] [--processes N] [--only PART]

Measures of trials are drawn with deviations of readers, photos, readers between ancestries, photos
between groups, and trials (`MeasurePlan`). Without a true difference, p must be at most 0.05 in 5 %
of the studies. Ratings are drawn from two normal distributions with deviations of readers, cases,
cases between groups, and ratings (Roe and Metz 1997); the groups have the same true accuracy.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.table import keep
from gestalt_space.gaze.crossed_trials import EFFECTS, EffectName
from gestalt_space.gaze.reader_study import study_effects
from gestalt_space.gaze.study_power import LEVEL, MeasurePlan, binomial_share, draw_trials
from gestalt_space.stats.multireader import Method, areas, difference

PERMUTATIONS = 499
SEED = 50_000
"""Apart from the seeds of the tests."""
USUAL = MeasurePlan()


@dataclass(frozen=True)
class Case:
    """A kind of study. `skewed`: measures are exponentials of normal ones, analysed on the log
    scale; `more`: standard deviation that readers of the first group have besides."""

    name: str
    plan: MeasurePlan
    skewed: bool = False
    more: float = 0.0


CASES = (
    Case("12 + 12 readers, 40 photos", USUAL),
    Case("6 + 18 readers, 10 % of trials lost", replace(USUAL, readers=(6, 18), missing=0.1)),
    Case("6 + 18 readers, the smaller group varies more", replace(USUAL, readers=(6, 18)), more=12),
    Case("12 + 12 readers, 30 + 10 photos", replace(USUAL, photos=(30, 10))),
    Case("4 + 4 readers, 12 photos", replace(USUAL, readers=(4, 4), photos=(6, 6))),
    Case(
        "ancestry differs by 10, photos differ by group (SD 6)",
        replace(USUAL, ancestry=10, photo_by_group_sd=6),
    ),
    Case("readers differ by ancestry (SD 8)", replace(USUAL, reader_by_ancestry_sd=8)),
    Case(
        "no differences of readers by ancestry, or photos by group",
        replace(USUAL, reader_by_ancestry_sd=0, photo_by_group_sd=0),
    ),
    Case(
        "trials vary, nothing else",
        replace(USUAL, reader_sd=0, photo_sd=0, reader_by_ancestry_sd=0, photo_by_group_sd=0),
    ),
    Case("times, on the log scale", USUAL, skewed=True),
)
POWERS = (
    Case("difference 5", replace(USUAL, group=5)),
    Case("difference 10", replace(USUAL, group=10)),
    Case("difference 10, 8 + 8 readers", replace(USUAL, group=10, readers=(8, 8))),
    Case("difference 10, 20 photos", replace(USUAL, group=10, photos=(10, 10))),
    Case("difference 15", replace(USUAL, group=15)),
)
READINGS: tuple[tuple[tuple[int, int, int], Method], ...] = (
    ((12, 12, 40), "delong"),
    ((12, 12, 40), "jackknife"),
    ((5, 15, 40), "delong"),
    ((4, 4, 60), "delong"),
)
"""Readers of the two groups and cases, half of them patients; and the method of covariances."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=1_000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--only", choices=("measures", "accuracy", "power"))
    args = parser.parse_args()
    command = f"python -m benchmarks.gaze_studies --studies {args.studies}"
    with ProcessPoolExecutor(args.processes, mp_context=get_context("spawn")) as pool:
        for name, part in (("measures", measures), ("accuracy", accuracy), ("power", powers)):
            if args.only in (None, name):
                header, rows = part(pool, args.studies)
                keep(f"gaze-{name}", f"{command} --only {name}", header, rows)


def measures(pool: Executor, studies: int) -> tuple[Sequence[str], list[list[object]]]:
    """How often the tests of measures find a difference that is not there."""
    rows = []
    for case in CASES:
        rows.append(null_row(case, many(pool, case, studies)))
        print(rows[-1], flush=True)
    return (
        *("no difference of the groups", "studies"),
        *(f"{name}: p ≤ {LEVEL}, %" for name in EFFECTS),
        *(f"{name}, permutation" for name in EFFECTS),
        "true difference in the interval, %",
    ), rows


def accuracy(pool: Executor, studies: int) -> tuple[Sequence[str], list[list[object]]]:
    """How often the test of accuracy rejects where nothing differs."""
    rows: list[list[object]] = []
    for readers, method in READINGS:
        counts, methods = [readers] * studies, [method] * studies
        p = np.array(list(pool.map(rated, counts, methods, seeds(studies), chunksize=25)))
        rows.append([f"{readers[0]} + {readers[1]}", readers[2], method, studies, share(p)])
        print(rows[-1], flush=True)
    return ("readers", "cases", "covariances", "studies", f"p ≤ {LEVEL}, %"), rows


def powers(pool: Executor, studies: int) -> tuple[Sequence[str], list[list[object]]]:
    """How often a difference is found that is there."""
    rows: list[list[object]] = []
    for case in POWERS:
        found = many(pool, case, studies)
        plan = case.plan
        rows.append(
            [
                f"{plan.group:g}",
                f"{plan.readers[0]} + {plan.readers[1]}",
                sum(plan.photos),
                studies,
                *(share(found[:, 0, column]) for column in (0, 1)),
            ]
        )
        print(rows[-1], flush=True)
    return ("difference", "readers", "photos", "studies", "mixed model, %", "permutation, %"), rows


def many(pool: Executor, case: Case, studies: int) -> NDArray[np.float64]:
    """`(studies, effects, 3)`, as `measured` gives them."""
    return np.array(list(pool.map(measured, [case] * studies, seeds(studies), chunksize=25)))


def seeds(studies: int) -> range:
    """Of the studies."""
    return range(SEED, SEED + studies)


def measured(case: Case, seed: int) -> NDArray[np.float64]:
    """One study: p of the model, p of the permutation, and whether the interval has the true
    difference, of each effect `(3, 3)`."""
    trials = draw_trials(case.plan, seed)
    if case.skewed:
        # Of a spread as first fixations have: a factor of 1.6 between trials.
        trials = replace(trials, value=np.exp((trials.value - case.plan.mean) / 30))
    if case.more:
        deviations = case.more * np.random.default_rng([seed, 1]).normal(size=len(trials.is_second))
        deviations[trials.is_second] = 0
        trials = replace(trials, value=trials.value + deviations[trials.reader])
    true: dict[EffectName, float] = {
        "group": case.plan.group,
        "ancestry": case.plan.ancestry,
        "group x ancestry": case.plan.both,
    }
    with threadpool_limits(1):
        effects = study_effects(trials, log=case.skewed, permutations=PERMUTATIONS, seed=seed)
    found = []
    for one in effects:
        value = np.exp(true[one.effect] / 30) if case.skewed else true[one.effect]
        inside = one.estimate.low <= value <= one.estimate.high
        found.append([one.p, one.p_permuted, float(inside)])
    return np.array(found)


def rated(readers: tuple[int, int, int], method: Method, seed: int) -> float:
    """One study of accuracy: p of the difference of two groups of the same true accuracy."""
    rng = np.random.default_rng(seed)
    count, cases = readers[0] + readers[1], readers[2]
    truth = np.arange(cases) < cases // 2
    first = np.arange(count) < readers[0]
    skill = 1.4 + 0.3 * rng.normal(size=(count, 1))
    by_group = 0.3 * rng.normal(size=(2, cases))[first.astype(int)]
    ratings = skill * truth + 0.5 * rng.normal(size=cases) + by_group
    ratings = ratings + 0.8 * rng.normal(size=(count, cases))
    levels = np.digitize(ratings, (-0.6, 0.3, 1.1, 1.9)).astype(np.float64)
    return difference(areas(levels, truth, method), first).p


def null_row(case: Case, found: NDArray[np.float64]) -> list[object]:
    """`found` `(studies, effects, 3)`."""
    is_null = (True, case.plan.ancestry == 0, True)
    return [
        case.name,
        len(found),
        *(share(found[:, n, 0]) if is_null[n] else "planted" for n in range(3)),
        *(share(found[:, n, 1]) if is_null[n] else "planted" for n in range(3)),
        f"{100 * found[:, 0, 2].mean():.1f}",
    ]


def share(p: NDArray[np.float64]) -> str:
    """Percent of p-values up to the level, with the exact 95 % interval."""
    found = binomial_share(int((p <= LEVEL).sum()), len(p))
    return f"{100 * found.value:.1f} ({100 * found.low:.1f}–{100 * found.high:.1f})"


if __name__ == "__main__":
    main()
