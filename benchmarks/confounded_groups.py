"""What `gestalt cohort cluster` says of disorders where the truth is known and a fault of real
cohorts is laid over it: are two told apart, alike, or one in two?

Two names are given to patients of one disorder, by chance or so that they follow a fault, such as a
sex; `told_apart`, `alike` and `falls_into_two` ask one thing of a selection and can be used alone.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.table import keep
from gestalt_space.cohort.clusters import ClusterPlan, pairs_of, split_of
from gestalt_space.cohort.columns import Column, column_of
from gestalt_space.cohort.selection import Selection
from gestalt_space.devices import cores
from gestalt_space.simulate.planted import PlantedPlan, plant

SAMPLES = 99
SEED = 40_000
LEVEL = 0.05
FOLLOWS = 0.8
"""Of the patients of a sex, or a site, who have the name that goes with it."""


def verdict(selection: Selection, seed: int) -> str:
    """Of the first pair of disorders; empty where there is no pair."""
    pairs = pairs_of(selection, ClusterPlan(seed=seed))
    return pairs[0].verdict if pairs else ""


def told_apart(selection: Selection, seed: int) -> bool | None:
    """Whether the first pair of disorders is told apart; None without a verdict."""
    return _is(verdict(selection, seed), "told apart")


def alike(selection: Selection, seed: int) -> bool | None:
    """Whether the first pair of disorders is shown to be alike; None without a verdict."""
    return _is(verdict(selection, seed), "alike")


def falls_into_two(selection: Selection, seed: int) -> bool | None:
    """Whether the first disorder is called two, and not by a site, a sex or another column; None
    where it is too small."""
    names = column_of(selection, "disorder")
    found = split_of(selection, names == names.tolist()[0], ClusterPlan(samples=SAMPLES, seed=seed))
    return None if found is None else found.p <= LEVEL and not found.follows


def _is(found: str, wanted: str) -> bool | None:
    return None if found in ("", "no verdict") else found == wanted


@dataclass(frozen=True)
class Fault:
    """`plan`: of one disorder. `follows`: the column that the two names follow, None for chance;
    `second`: share of families with the second name; `hidden`: whether sites are not recorded."""

    plan: PlantedPlan
    follows: Column | None = None
    second: float = 0.5
    hidden: bool = False


def named(fault: Fault, seed: int) -> Selection:
    """A disorder under two names, dealt to families."""
    selection = plant(fault.plan, seed)
    rng = np.random.default_rng([seed, 7])
    family = selection.families
    chance = np.full(len(family), fault.second)
    if fault.follows is not None:
        values = column_of(selection, fault.follows)
        chance = np.where(values == sorted(set(values.tolist()))[-1], FOLLOWS, 1 - FOLLOWS)
    is_second = _by_family(rng.random(len(family)) < chance, family)
    names = np.where(is_second, "OMIM:100001", "OMIM:100000")
    sites = np.full(len(selection), "") if fault.hidden else selection.sites
    return replace(selection, sites=sites, disorders=tuple((name,) for name in names.tolist()))


def _by_family(values: NDArray[np.bool_], family: NDArray[np.int64]) -> NDArray[np.bool_]:
    return values[np.unique(family, return_index=True)[1]][family]


ONE = PlantedPlan((40,), share_b=0)
FAULTS: dict[str, Fault] = {
    "nothing": Fault(ONE),
    "nothing, 10 patients": Fault(replace(ONE, sizes=(10,))),
    "unequal counts": Fault(ONE, second=0.15),
    "families": Fault(replace(ONE, families=0.8, kinship=0.8)),
    "sexes": Fault(replace(ONE, sex=1.0), follows="sex"),
    "sites": Fault(replace(ONE, sites=2, site=1.0), follows="site"),
    "noisier photos at one site": Fault(
        replace(ONE, sites=2, photos=1, site_photo=2.0), follows="site"
    ),
    "noisier photos, sites not recorded": Fault(
        replace(ONE, sites=2, photos=1, site_photo=2.0), follows="site", hidden=True
    ),
    "ages": Fault(replace(ONE, age=0.5)),
}
"""Of one disorder with two names: nothing is there to be told apart, and nothing to be split."""

TWO: dict[str, PlantedPlan] = {
    "two disorders, 12 and 12": PlantedPlan((12, 12), share_b=0),
    "two disorders, 40 and 6": PlantedPlan((40, 6), share_b=0),
    "two disorders with families": PlantedPlan((12, 12), families=0.8, kinship=0.8, share_b=0),
    "two disorders, weak": PlantedPlan((20, 20), disorder=0.5, share_b=0),
}


def _asked(task: tuple[str, int]) -> tuple[str, bool | None]:
    """The verdict on a pair, and whether a disorder is called two, of one cohort."""
    name, seed = task
    with threadpool_limits(1):
        if name in TWO:
            selection = plant(TWO[name], seed)
            return verdict(selection, seed), falls_into_two(selection, seed)
        fault = FAULTS[name]
        whole = replace(fault.plan, sizes=(min(20, fault.plan.sizes[0]),))
        return verdict(named(fault, seed), seed), falls_into_two(plant(whole, seed), seed)


def _share(verdicts: list[bool | None]) -> str:
    text = f"{100 * np.mean([bool(one) for one in verdicts]):.1f} %"
    withheld = np.mean([one is None for one in verdicts])
    return f"{text}, withheld {100 * withheld:.0f} %" if withheld else text


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    rows = []
    with ProcessPoolExecutor(cores()) as pool:
        for name in (*FAULTS, *TWO):
            draws = given.draws if name in FAULTS else max(1, given.draws // 5)
            seeds = range(given.seed, given.seed + draws)
            found = list(pool.map(_asked, [(name, seed) for seed in seeds], chunksize=10))
            pairs = [[_is(one, wanted) for one, _ in found] for wanted in ("told apart", "alike")]
            shares = [_share(column) for column in (*pairs, [two for _, two in found])]
            what = f"one disorder: {name}" if name in FAULTS else name
            rows.append([what, draws, *shares])
    keep(
        "confounded-groups",
        f"python -m benchmarks.confounded_groups --draws {given.draws} --seed {given.seed}",
        ["what is there", "cohorts", "told apart", "alike", "called two"],
        rows,
    )


if __name__ == "__main__":
    main()
