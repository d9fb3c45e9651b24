"""PEDIA on made-up cases: time, C, and accuracy.

python -m benchmarks.pedia [--cases 50 100 200 400] [--candidates 100] [--seed 0]

Each case has as many candidate genes; half as many causal genes as cases. Three scores: two are
higher for the causal gene by two standard deviations, the third one tells nothing. A fifth of the
scores are missing. These are no patients, and no figure here says how PEDIA does on patients.
"""

from __future__ import annotations

import argparse
import math
import time

from benchmarks.table import keep
from gestalt_space.genomics.pedia_training import PediaPlan, train_pedia
from gestalt_space.stats.resampling import Bootstrap
from tests.genomics.made_cases import cases


def measured(count: int, candidates: int, seed: int) -> list[object]:
    """A row of the table."""
    table = cases(count, candidates, causal_genes=count // 2, seed=seed)
    start = time.perf_counter()
    found = train_pedia(table, PediaPlan(bootstrap=Bootstrap(seed=seed)))
    taken = time.perf_counter() - start
    top = {one.title: one.tops[1] for one in found.accuracy}
    shown = ("all", "gestalt alone", "cadd alone", "noise alone")
    return [
        count,
        f"{found.rows:,}",
        f"{taken:.0f}",
        f"2^{math.log2(found.model.c):.0f}",
        *(f"{top[one].value:.0%} ({top[one].low:.0%}–{top[one].high:.0%})" for one in shown),
        f"{found.chance:.0%}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, nargs="+", default=[50, 100, 200, 400])
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    keep(
        "pedia",
        "python -m benchmarks.pedia",
        [
            *("cases", "rows", "s", "C"),
            *("top-1, all", "gestalt alone", "cadd alone", "noise alone", "chance"),
        ],
        [measured(count, given.candidates, given.seed) for count in given.cases],
    )


if __name__ == "__main__":
    main()
