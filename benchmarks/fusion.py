"""Photo, HPO terms and exome: each alone, each pair, and all. Simulated faces of published cases.

gestalt simulate cohort --phenopackets SHARED/genomics/phenopackets.zip -o COHORT
gestalt index add COHORT/patients.csv --home HOME ; gestalt index calibrate --home HOME
python -m benchmarks.fusion COHORT HOME SHARED [--patients 1000] [--space builtin]

Each patient is asked about without the own photos, against all others (leave one patient out). The
curves of the calibration are of all patients. Real are the terms, disorders and genes of the cases,
and the exome of the 1000 Genomes project. Simulated are the faces, and the causal variant: the
causal gene of each case is put into the gene scores of that exome with a CADD score, in 95 of 100
cases. The score is drawn from what was found for pathogenic variants (PMC9731569, table 2, all
SNVs): 39 % above 25, 82 % above 16.3, and 67 % above 21.75 by the likelihood ratio there; within
these bounds evenly. That is not the distribution that the fusion assumes. Annotations that rest on
a case's own paper are left out of the ratios of its terms.

The number of independent terms, as which a patient's terms count at the most, was chosen on the
half of the papers whose hash is even (table `fusion-terms`: the mean log10 of the probability of
the true disorder, if all disorders were equally frequent). All other tables have the other half.

Candidates are all disorders of OMIM with phenotypes, and all genes of HPO. Ties take the worst
rank. Gains are paired; their intervals are by bootstrap of whole disorders or genes.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import keep
from gestalt_space.errors import NotInGallery
from gestalt_space.fusion.exome_evidence import CAUSAL_SEEN, ExomeEvidence
from gestalt_space.fusion.fused import Fusion
from gestalt_space.fusion.parts import PARTS, PartName, PhotoPart
from gestalt_space.fusion.terms_evidence import counted_terms
from gestalt_space.genomics.exome import ExomeScores, score_exome
from gestalt_space.genomics.filters import FilterPlan
from gestalt_space.genomics.gene_scores import GeneScore
from gestalt_space.genomics.genes import Gene, load_genes
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from gestalt_space.phenotype.left_out import LeftOut, without_source
from gestalt_space.phenotype.likelihood import Likelihoods
from gestalt_space.phenotype.query import Query, parse_query
from gestalt_space.phenotype.ranking import Ranker, Scores
from gestalt_space.phenotype.release import Release, open_release

SEED, SAMPLES = 31, 2_000
CADD = ((0.0, 16.3, 0.18), (16.3, 21.75, 0.15), (21.75, 25.0, 0.28), (25.0, 40.0, 0.39))
"""Ranges of scores of pathogenic variants, and the share in each."""
NAMES = {"photo": "face", "terms": "terms", "exome": "exome"}
INDEPENDENT_TERMS = (1.0, 2.0, 3.0, 3.5, 4.0, 5.0, 7.0, 10.0, np.inf)
SETS: tuple[tuple[PartName, ...], ...] = tuple(
    found for size in (1, 2, 3) for found in combinations(PARTS, size)
)
BINS = (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
"""Log10 bounds at which the fused lower bound is held against what was counted."""


@dataclass(frozen=True)
class Case:
    """A simulated patient of a published case."""

    patient: str
    disorder: str
    gene: str
    terms: tuple[str, ...]
    paper: str

    @property
    def is_even(self) -> bool:
        """Whether the paper belongs to the half on which the number of independent terms was
        chosen."""
        return int(hashlib.sha256(self.paper.encode()).hexdigest(), 16) % 2 == 0


class OthersRanker(Ranker):
    """Scores by what others have reported: a paper's annotations are left out."""

    paper = ""

    def scores(self, query: Query) -> Scores:
        """The scores without `paper`."""
        found = super().scores(query)
        left = self._left()
        if left is None:
            return found
        release = self.release
        likelihoods = Likelihoods(release.ontology, left.profiles, release.background)
        disorders = found.disorders.copy()
        disorders[left.disorders] = likelihoods.total(query.present, query.excluded)
        genes = found.genes.copy()
        # The annotations of a gene have the paper, too: its disorders alone count there.
        annotations = release.annotations
        for place in {g for d in left.disorders for g in annotations.disorder_genes[d].tolist()}:
            genes[place] = disorders[annotations.gene_disorders[place]].max()
        return Scores(disorders, genes)

    def _left(self) -> LeftOut | None:
        return without_source(self.release, self.paper, {}) if self.paper else None


def read_cases(cohort: Path, release: Release) -> list[Case]:
    """The patients of a cohort whose disorder and gene HPO has."""
    with (cohort / "cases.csv").open(encoding="utf-8") as stream:
        papers = {row["patient"]: row["case"] for row in csv.DictReader(stream)}
    with (cohort / "patients.csv").open(encoding="utf-8") as stream:
        rows = {row["patient"]: row for row in csv.DictReader(stream)}
    annotations = release.annotations
    known = {annotations.disorders[place] for place in np.flatnonzero(release.is_omim)}
    found = []
    for patient, row in rows.items():
        gene = row["genes"].split(";")[0].upper()
        if row["disorder"] in known and gene in annotations.place_of_gene:
            number = papers[patient].split("_")[1]
            terms = tuple(row["hpo"].split(";"))
            found.append(Case(patient, row["disorder"], gene, terms, f"PMID:{number}"))
    return found


def with_causal(exome: ExomeScores, gene: str, rng: np.random.Generator) -> list[GeneScore]:
    """The gene scores of the exome with a causal variant, or without where it is not seen."""
    if rng.random() >= CAUSAL_SEEN:
        return list(exome.genes)
    low, high, _ = CADD[int(rng.choice(len(CADD), p=[share for *_, share in CADD]))]
    score = float(rng.uniform(low, high))
    own = [one for one in exome.genes if one.gene.symbol.upper() == gene]
    best = max([score, *(one.score for one in own if one.score is not None)])
    causal = GeneScore(Gene(gene), None, best, "one variant", (), 1, 0)
    return [*(one for one in exome.genes if one not in own), causal]


def independence_rows(
    cases: Sequence[Case], ranker: OthersRanker, exome: ExomeScores
) -> Iterator[list[object]]:
    """How probable the true disorder is, by the number of independent terms, on both halves."""
    rng = np.random.default_rng(SEED)
    release = ranker.release
    annotations, candidates = release.annotations, np.flatnonzero(release.is_omim)
    found: dict[tuple[bool, bool, float], list[float]] = {}
    for case in cases:
        ranker.paper = case.paper
        query = parse_query(release.ontology, case.terms)
        terms = ranker.scores(query).disorders[candidates]
        evidence = ExomeEvidence(with_causal(exome, case.gene, rng), exome.total, annotations)
        genes = [evidence.of_gene(place).log10_ratio for place in range(len(annotations.genes))]
        variants = np.array(
            [
                max((genes[gene] for gene in annotations.disorder_genes[place]), default=0.0)
                for place in candidates.tolist()
            ]
        )
        true = candidates == annotations.place_of_disorder[case.disorder]
        for count in INDEPENDENT_TERMS:
            weight = min(1.0, count / max(counted_terms(query), 1.0))
            for has_exome in (False, True):
                total = weight * terms + has_exome * variants
                highest = total.max()
                whole = highest + np.log10((10.0 ** (total - highest)).sum())
                key = (case.is_even, has_exome, count)
                found.setdefault(key, []).append(float(total[true][0] - whole))
    for count in INDEPENDENT_TERMS:
        cells = [
            f"{np.mean(found[is_even, has_exome, count]):.2f}"
            for has_exome in (False, True)
            for is_even in (True, False)
        ]
        yield ["all" if count == np.inf else f"{count:g}", *cells]


@dataclass
class Found:
    """Ranks by parts `(n, sets)` of disorders and genes, and lower bounds of true and of wrong
    disorders that have a photo's ratio, by parts."""

    disorders: list[list[int]]
    genes: list[list[int]]
    true: dict[str, list[float]]
    wrong: dict[str, list[NDArray[np.float64]]]


def is_there(gallery: Gallery, case: Case) -> bool:
    """Whether a face was found in the case's photo."""
    try:
        gallery.patient(case.patient)
    except NotInGallery:
        return False
    return True


def rank_all(
    cases: Sequence[Case], gallery: Gallery, ranker: OthersRanker, exome: ExomeScores
) -> Found:
    """Each case, without its own photos and paper."""
    rng = np.random.default_rng(SEED)
    annotations = ranker.release.annotations
    found = Found([], [], {}, {})
    for number, case in enumerate(cases):
        if number % 200 == 0:
            print(f"{number} of {len(cases)}", flush=True)
        ranker.paper = case.paper
        query = parse_query(ranker.release.ontology, case.terms)
        ((_, lines),) = gallery.answer_in_full([gallery.stored_probe(case.patient)], Question())
        evidence = ExomeEvidence(with_causal(exome, case.gene, rng), exome.total, annotations)
        fusion = Fusion(ranker, lines, query, evidence)
        gene = f"Entrez:{annotations.genes[annotations.place_of_gene[case.gene]]}"
        found.disorders.append([fusion.disorder_ranks(parts)[case.disorder] for parts in SETS])
        found.genes.append([fusion.gene_ranks(parts)[gene] for parts in SETS])
        for name, true, wrong in _bounds(fusion, case.disorder):
            found.true.setdefault(name, []).extend(true)
            found.wrong.setdefault(name, []).append(wrong)
    return found


def _bounds(
    fusion: Fusion, disorder: str
) -> Iterator[tuple[str, list[float], NDArray[np.float64]]]:
    """Lower bounds of the true disorder and of wrong ones, of those that have a photo's ratio."""
    lines = []
    for line in fusion.disorders().lines:
        photo = line.parts["photo"]
        if isinstance(photo, PhotoPart) and photo.why is None:
            lower = -9.0 if photo.lower is None else photo.lower
            lines.append((line, lower))
    for parts in (("photo",), ("photo", "terms"), PARTS):
        rest = [name for name in parts if name != "photo"]
        values = np.array(
            [lower + sum(line.parts[name].log10_ratio for name in rest) for line, lower in lines]
        )
        is_true = np.array([line.id == disorder for line, _ in lines], np.bool_)
        yield _name(parts), values[is_true].tolist(), values[~is_true]


def _name(parts: Sequence[str]) -> str:
    return " + ".join(NAMES[part] for part in parts)


def accuracy_rows(ranks: NDArray[np.int64], groups: Sequence[str]) -> Iterator[list[object]]:
    """Top-1 and top-10 of each set of parts, and what the whole gains over it."""
    whole = ranks[:, -1]
    for number, parts in enumerate(SETS):
        own = ranks[:, number]
        cells = [f"{(own <= top).mean():.1%}" for top in (1, 10)]
        gains = ["", ""]
        if number < len(SETS) - 1:
            gains = [_gain(whole <= top, own <= top, groups) for top in (1, 10)]
        yield [_name(parts), *cells, f"{int(np.median(own)):,}", *gains]


def _gain(one: NDArray[np.bool_], other: NDArray[np.bool_], groups: Sequence[str]) -> str:
    """The paired difference in percentage points with its interval."""
    _, at = np.unique(groups, return_inverse=True)
    each = one.astype(float) - other
    sums, sizes = np.bincount(at, each), np.bincount(at)
    drawn = np.random.default_rng(SEED).integers(len(sums), size=(SAMPLES, len(sums)))
    low, high = np.quantile(sums[drawn].sum(1) / sizes[drawn].sum(1), [0.025, 0.975])
    return f"{100 * each.mean():+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def bound_rows(
    true: Mapping[str, list[float]], wrong: Mapping[str, list[NDArray[np.float64]]]
) -> Iterator[list[object]]:
    """What patients with a disorder and without it get, by ranges of the lower bound. The ratio of
    both shares should not be below the range."""
    for name, values in true.items():
        of_true, of_wrong = np.array(values), np.concatenate(wrong[name])
        for low, high in zip(BINS, (*BINS[1:], np.inf), strict=True):
            a = ((of_true >= low) & (of_true < high)).sum()
            b = ((of_wrong >= low) & (of_wrong < high)).sum()
            ratio = "–"
            if a and b:
                ratio = f"{np.log10((a / len(of_true)) / (b / len(of_wrong))):+.2f}"
            upper = "" if high == np.inf else f" to {high:+g}"
            yield [name, f"{low:+g}{upper}", f"{a:,}", f"{b:,}", ratio]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--patients", type=int)
    parser.add_argument("--space")
    told = parser.parse_args(arguments)
    release = open_release()
    cases = read_cases(told.cohort, release)
    if told.patients is not None:
        drawn = np.random.default_rng(SEED).permutation(len(cases))[: told.patients]
        cases = [cases[place] for place in np.sort(drawn)]
    exome = score_exome(
        told.shared / "genomics" / "exome_hg19_cadd.vcf.gz", FilterPlan(), load_genes(None)
    )
    ranker = OthersRanker(release)
    asked = "" if told.patients is None else f" --patients {told.patients}"
    asked += "" if told.space is None else f" --space {told.space}"
    of_space = "" if told.space is None else f"-{told.space}"
    command = f"python -m benchmarks.fusion COHORT HOME SHARED{asked}  # seed {SEED}"
    halves = ("terms, even papers", "odd papers", "terms + exome, even papers", "odd papers")
    rows = list(independence_rows(cases, ranker, exome))
    keep("fusion-terms", command, ("independent terms", *halves), rows)
    with Gallery.open(told.home, space=told.space) as gallery:
        cases = [case for case in cases if not case.is_even and is_there(gallery, case)]
        found = rank_all(cases, gallery.pinned(), ranker, exome)
    header = ("evidence", "top-1", "top-10", "median rank", "all three gain, top-1", "top-10")
    for what, ranks in (("disorders", found.disorders), ("genes", found.genes)):
        groups = [case.disorder if what == "disorders" else case.gene for case in cases]
        rows = list(accuracy_rows(np.array(ranks), groups))
        keep(f"fusion-{what}{of_space}", f"{command}, {len(cases):,} patients", header, rows)
    bounds = ("evidence", "log10 lower bound", "true", "wrong", "log10 ratio of the shares")
    rows = list(bound_rows(found.true, found.wrong))
    keep(f"fusion-bounds{of_space}", f"{command}, {len(cases):,} patients", bounds, rows)


if __name__ == "__main__":
    main()
