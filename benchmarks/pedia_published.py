"""PEDIA on published cases with simulated faces: all scores, without each, and each alone.

python -m benchmarks.pedia_published COHORT HOME SHARED [--patients 400] [--space builtin]

Cohort and home as for `benchmarks.fusion`. A row for the causal gene of each case and for as many
others as the exome of the 1000 Genomes project has genes with candidate variants. These others have
the CADD scores of that exome, but are drawn for each case from the genes of the cohort: of the
exome's own genes hardly one has a patient in the gallery, so that having any similarity would tell
the causal gene. Its CADD score is drawn from those of pathogenic variants; it is always among the
rows, as in PEDIA. Scores: `gestalt`, the similarity to the nearest other patient with the gene,
missing where the gallery has none; `terms`, the score of the HPO terms, without the annotations of
the case's own paper; `cadd`. Real are the terms, the cases' genes and the exome's scores; the faces
and who has which variant are simulated.

The outer folds are by causal gene, the inner ones by case. Intervals are by bootstrap over causal
genes; equal scores take the worst rank.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.fusion_cases import (
    Case,
    OthersRanker,
    is_there,
    read_cases,
    with_variant,
)
from benchmarks.table import keep
from gestalt_space.genomics.exome import ExomeScores, score_exome
from gestalt_space.genomics.filters import FilterPlan
from gestalt_space.genomics.genes import Gene, load_genes
from gestalt_space.genomics.pedia_card import share_text
from gestalt_space.genomics.pedia_table import PediaTable
from gestalt_space.genomics.pedia_training import TOPS, PediaPlan, train_pedia
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from gestalt_space.phenotype.query import parse_query
from gestalt_space.phenotype.release import open_release
from gestalt_space.stats.resampling import Bootstrap

SEED = 31
FEATURES = ("gestalt", "terms", "cadd")


def table_of(
    cases: Sequence[Case],
    known: Sequence[str],
    gallery: Gallery,
    ranker: OthersRanker,
    exome: ExomeScores,
) -> PediaTable:
    """The rows of all cases. `known`: genes of which the others are drawn."""
    rng = np.random.default_rng(SEED)
    release = ranker.release
    places = release.annotations.place_of_gene
    names: list[str] = []
    genes: list[Gene] = []
    causal: list[bool] = []
    values: list[tuple[float, ...]] = []
    for case in cases:
        ranker.paper = case.paper
        terms = ranker.scores(parse_query(release.ontology, case.terms)).genes
        probe = gallery.stored_probe(case.patient)
        ((_, lines),) = gallery.answer_in_full([probe], Question(by="gene"))
        similarities = {line.id.upper(): line.similarity for line in lines}
        others = rng.permutation([gene for gene in known if gene != case.gene])
        *drawn, score = with_variant(exome, case.gene, rng)
        for symbol, one in [*zip(others, drawn, strict=False), (case.gene, score)]:
            names.append(case.patient)
            genes.append(Gene(symbol))
            causal.append(symbol == case.gene)
            values.append(
                (
                    similarities.get(symbol, np.nan),
                    float(terms[places[symbol]]),
                    np.nan if one.score is None else one.score,
                )
            )
    return PediaTable(
        *("published cases", FEATURES, tuple(names), tuple(genes)),
        causal=np.array(causal, np.bool_),
        values=np.array(values, np.float64),
    )


def main() -> None:
    """Print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--patients", type=int)
    parser.add_argument("--space")
    told = parser.parse_args()
    release = open_release()
    cases = read_cases(told.cohort, release)
    exome = score_exome(
        told.shared / "genomics" / "exome_hg19_cadd.vcf.gz", FilterPlan(), load_genes(None)
    )
    with Gallery.open(told.home, space=told.space) as gallery:
        cases = [case for case in cases if is_there(gallery, case)]
        known = sorted({case.gene for case in cases})
        if told.patients is not None:
            drawn = np.random.default_rng(SEED).permutation(len(cases))[: told.patients]
            cases = [cases[place] for place in np.sort(drawn)]
        table = table_of(cases, known, gallery.pinned(), OthersRanker(release), exome)
    found = train_pedia(table, PediaPlan(bootstrap=Bootstrap(seed=SEED)))
    asked = "" if told.patients is None else f" --patients {told.patients}"
    asked += "" if told.space is None else f" --space {told.space}"
    command = f"python -m benchmarks.pedia_published COHORT HOME SHARED{asked}  # seed {SEED}"
    weights = ", ".join(f"{one.name} {one.weight:.2f}" for one in found.model.features)
    keep(
        "pedia-published",
        f"{command}, {found.cases:,} cases, {found.model.causal_genes} causal genes, "
        f"{found.rows:,} rows, at random {found.chance:.1%}; weights: {weights}",
        ["scores", *(f"top-{k}" for k in TOPS)],
        [[one.title, *(share_text(one.tops[k]) for k in TOPS)] for one in found.accuracy],
    )


if __name__ == "__main__":
    main()
