"""Every statistic on every fault of real cohorts, where the truth is known.

python -m benchmarks.confounded [--draws 1000] [--only WORD] [--seed 9000]

Each cell is a share of planted cohorts (`gestalt_space.simulate.planted`) in which the statistic
finds something: where there is nothing to find, and, after the dot, where there is. The first
must lie between 3 and 6.5 % for a test at 5 %, and be 5 % at most for a bound or verdict:

    ok      it does
    ?       it does not, but the 95 % interval (Clopper and Pearson 1934) reaches there: draw more
    NO      it does not
    (…)     the statistic does not claim to withstand this fault; the second table says why

Faults are laid over both. A statistic that withholds its figure finds nothing; how often is told.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from scipy.stats import binomtest
from threadpoolctl import threadpool_limits

from benchmarks.confounded_plan import FAULTS, LEVEL, Statistic, Verdict
from benchmarks.confounded_statistics import STATISTICS
from benchmarks.table import keep
from gestalt_space.devices import cores
from gestalt_space.simulate.planted import plant

DRAWS = 1_000
SEED = 9_000
AT_ONCE = 25
"""Cohorts that a process draws before it tells what it found."""


@dataclass(frozen=True)
class Found:
    """How many cohorts were drawn, in how many something was found, and in how many no figure was
    given."""

    draws: int = 0
    hits: int = 0
    withheld: int = 0

    def __add__(self, other: Found) -> Found:
        return Found(
            self.draws + other.draws, self.hits + other.hits, self.withheld + other.withheld
        )

    @property
    def share(self) -> float:
        """Of the cohorts."""
        return self.hits / self.draws


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--only", default="", help="Statistics whose name has this in it.")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    wanted = [one for one in STATISTICS if given.only in one.name]
    command = f"python -m benchmarks.confounded --draws {given.draws}"
    command += f' --only "{given.only}"' if given.only else ""
    command += f"  # seeds from {given.seed}"
    found = study(wanted, given.draws, given.seed)
    name = "confounded" + (f"-{given.only}".replace(" ", "-") if given.only else "")
    keep(
        name,
        command,
        ("fault", *(f"{one.name} ({_promise(one)})" for one in wanted)),
        [
            (fault, *(cell(one, fault, *found[one.name, fault]) for one in wanted))
            for fault in FAULTS
        ],
    )
    keep(
        f"{name}-limits",
        command,
        ("statistic", "fault", "why it is not claimed"),
        [(one.name, fault, why) for one in wanted for fault, why in one.limits.items()],
    )


def study(
    statistics: Sequence[Statistic], draws: int, seed: int
) -> dict[tuple[str, str], tuple[Found, Found]]:
    """What was found by statistic and fault: where there is nothing, and where there is something.

    The power rests on a fifth of the draws, a hundred at least where so many are asked.
    """
    powered = min(draws, max(100, draws // 5))
    tasks = [
        (one.name, fault, is_null, chunk)
        for one in statistics
        for fault in FAULTS
        for is_null, count in ((True, draws), (False, powered))
        for start in range(0, count, AT_ONCE)
        for chunk in (range(seed + start, seed + min(start + AT_ONCE, count)),)
    ]
    found = {(one.name, fault): [Found(), Found()] for one in statistics for fault in FAULTS}
    with ProcessPoolExecutor(cores()) as pool:
        for (name, fault, is_null, _), one in zip(tasks, pool.map(_chunk, tasks), strict=True):
            found[name, fault][0 if is_null else 1] += one
            null, real = found[name, fault]
            if real.draws == powered:
                statistic = next(one for one in statistics if one.name == name)
                shown = cell(statistic, fault, null, real)
                print(f"{name}, {fault}: {shown}", file=sys.stderr, flush=True)
    return {place: (null, real) for place, (null, real) in found.items()}


def cell(statistic: Statistic, fault: str, null: Found, real: Found) -> str:
    """A cell of the table."""
    text = f"{100 * null.share:.1f} % {mark(statistic.within, null)}"
    if fault in statistic.limits:
        text = f"({100 * null.share:.1f} %)"
    text += f" · {100 * real.share:.0f} %"
    if null.withheld + real.withheld:
        share = (null.withheld + real.withheld) / (null.draws + real.draws)
        text += f", withheld {100 * share:.0f} %"
    return text


def mark(within: tuple[float, float], found: Found) -> str:
    """Whether a share lies where it must: `ok`, `NO`, or `?` where the draws do not tell."""
    low, high = within
    if low <= found.share <= high:
        return "ok"
    interval = binomtest(found.hits, found.draws).proportion_ci()
    return "?" if interval.low <= high and interval.high >= low else "NO"


def _promise(statistic: Statistic) -> str:
    low, high = statistic.within
    return f"{100 * low:g}–{100 * high:g} %" if low else f"≤ {100 * high:g} %"


def _chunk(task: tuple[str, str, bool, Sequence[int]]) -> Found:
    name, fault, is_null, seeds = task
    statistic = next(one for one in STATISTICS if one.name == name)
    plan = FAULTS[fault](statistic.null if is_null else statistic.real)
    with threadpool_limits(1):
        verdicts = [statistic.ask(plant(plan, seed), seed) for seed in seeds]
    return Found(len(verdicts), sum(map(_is_hit, verdicts)), verdicts.count(None))


def _is_hit(verdict: Verdict) -> bool:
    if verdict is None or isinstance(verdict, bool):
        return bool(verdict)
    return verdict <= LEVEL


if __name__ == "__main__":
    main()
