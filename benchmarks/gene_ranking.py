"""Genes ranked from HPO terms, on the cases of a public comparison.

python -m benchmarks.gene_ranking SHARED [--cases train|validate] [--seeds SEEDS]

The cases and the counts of rare variants by gene are those of gene-ranking-shootout (MIT): terms of
real submissions to ClinVar and of collaborators, and the causal gene. As there, each case has 100
candidate genes beside the causal one, drawn without replacement, each gene as likely as it has rare
variants in gnomAD; the causal gene is never among them. Genes without annotations are candidates
too, and rank last. A tie counts as the worst rank. All parameters were chosen on the cases `train`.

Figures of others are the published ones, for all 4,714 cases of the comparison. They and ours are
circular to some degree: the annotations of disorders come from the same literature as the cases,
and cases of a gene often are the patients of its first papers. The annotations that are used here
are newer than those that the others had in 2023.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from benchmarks.table import keep
from gestalt_space.phenotype.query import Query, make_query
from gestalt_space.phenotype.ranking import LIKELIHOOD, Method, Ranker
from gestalt_space.phenotype.release import open_release

CANDIDATES = 100
PUBLISHED = {
    "Exomiser hiphive (human)": (2593, 4330),
    "Exomiser phenix": (2566, 4277),
    "Phen2Gene": (2426, None),
    "Exomiser hiphive": (2418, None),
    "Exomiser phive": (934, None),
    "CADA, trained on most of these cases": (3462, None),
}
"""Cases of 4,714 with the causal gene first, and among the first ten."""
PUBLISHED_CASES = 4714
METHODS: tuple[Method, ...] = (LIKELIHOOD, "resnik", "lin", "jiang-conrath")
HEADER = ("ranked by", "cases", "seeds", "top-1", "95 % interval", "top-5", "top-10")


@dataclass(frozen=True)
class Case:
    """A case: its query, the causal gene's place, and whether it can be ranked at all."""

    query: Query
    causal: int | None
    entrez: str


def read_cases(shared: Path, name: str, ranker: Ranker) -> list[Case]:
    """The cases of a part of the comparison."""
    path = shared / "genomics" / f"gene_cases_{name}.json"
    places = ranker.release.annotations.place_of_gene
    return [
        Case(
            make_query(ranker.release.ontology, case["hpo_terms"]),
            places.get(case["disease_gene_id"].upper()),
            case["disease_gene_id"],
        )
        for case in json.loads(path.read_text("utf-8"))
    ]


class Draw:
    """Draws candidate genes as the comparison does."""

    def __init__(self, shared: Path, ranker: Ranker) -> None:
        rows = (shared / "genomics" / "gnomad_gene_counts.tsv").read_text("utf-8").splitlines()
        cells = [row.split("\t") for row in rows[1:]]
        self._entrez = np.array([row[2] for row in cells])
        counts = np.array([float(row[3]) for row in cells])
        self._weights = counts / counts.sum()
        known = ranker.release.annotations.place_of_gene
        self._places = np.array([known.get(row[2].upper(), -1) for row in cells])

    def __call__(self, case: Case, rng: np.random.Generator) -> NDArray[np.int64]:
        """Places of the candidates, -1 for those without annotations."""
        drawn = rng.choice(len(self._weights), CANDIDATES + 1, replace=False, p=self._weights)
        others = drawn[self._entrez[drawn] != case.entrez][:CANDIDATES]
        return np.asarray(self._places[others])


def ranks_of(ranker: Ranker, cases: Sequence[Case], draw: Draw, seed: int) -> NDArray[np.int64]:
    """The worst rank of each case's causal gene."""
    rng = np.random.default_rng(seed)
    found = np.full(len(cases), CANDIDATES + 1)
    for number, case in enumerate(cases):
        others = draw(case, rng)
        if case.causal is None:
            continue
        genes = ranker.scores(case.query).genes
        scores = np.where(others >= 0, genes[others], -np.inf)
        found[number] = 1 + int((scores >= genes[case.causal]).sum())
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--cases", choices=("train", "validate"), default="validate")
    parser.add_argument("--seeds", type=int, default=5)
    told = parser.parse_args(arguments)
    release = open_release()
    rows: list[list[object]] = []
    for method in METHODS:
        ranker = Ranker(release, method=method)
        cases = read_cases(told.shared, told.cases, ranker)
        draw = Draw(told.shared, ranker)
        ranks = np.stack([ranks_of(ranker, cases, draw, seed) for seed in range(told.seeds)])
        hits = int(np.rint((ranks == 1).mean(0).sum()))
        interval = binomtest(hits, len(cases)).proportion_ci(method="wilson")
        rows.append(
            [
                f"ours, {method}",
                f"{len(cases):,}",
                told.seeds,
                f"{(ranks == 1).mean():.1%}",
                f"{interval.low:.1%} to {interval.high:.1%}",
                f"{(ranks <= 5).mean():.1%}",
                f"{(ranks <= 10).mean():.1%}",
            ]
        )
        print(rows[-1], flush=True)
    for name, (first, ten) in PUBLISHED.items():
        share = "" if ten is None else f"{ten / PUBLISHED_CASES:.1%}"
        cells = [f"{PUBLISHED_CASES:,}", "", f"{first / PUBLISHED_CASES:.1%}", "", "", share]
        rows.append([f"published: {name}", *cells])
    release_name = f"HPO of {release.annotations.release}"
    command = f"python -m benchmarks.gene_ranking SHARED --cases {told.cases} --seeds {told.seeds}"
    keep(f"gene-ranking-{told.cases}", f"{command} ({release_name})", HEADER, rows)


if __name__ == "__main__":
    main()
