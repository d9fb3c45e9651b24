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

What had to be chosen was chosen on the half of the papers whose hash is even: how many independent
terms a patient's terms count as at the most (`fusion-terms`: the mean log10 of the probability of
the true disorder, if all disorders were equally frequent), how many in a bound (`fusion-careful`:
the highest number with which no range of bounds was worth less than its lower end, for disorders),
and that a withheld ratio is borrowed for the order (`fusion-borrowed`). All other tables have the
other half.

`fusion-bounds` holds the ratios and the bounds that are shown against what was counted: the share
of true lines with such a figure, against that of wrong ones. `gallery`: among disorders with a
photo's ratio, or genes of such disorders; `all`: also among those that the gallery does not have,
where the photo says nothing.

Candidates are all disorders of OMIM with phenotypes, and all genes of HPO. Ties take the worst
rank. Gains are paired; their intervals are by bootstrap of whole disorders or genes.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import keep
from gestalt_space.errors import NotInGallery
from gestalt_space.fusion.exome_evidence import CAUSAL_SEEN, ExomeEvidence
from gestalt_space.fusion.fused import FusedRanking, Fusion, against_others
from gestalt_space.fusion.parts import DIGITS, PARTS, PartName, PhotoPart, TermsPart
from gestalt_space.fusion.terms_evidence import CAREFUL, INDEPENDENT, counted_terms
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
FUSED: tuple[tuple[PartName, ...], ...] = (
    ("photo",),
    ("photo", "terms"),
    ("photo", "exome"),
    PARTS,
)
CAREFUL_TERMS = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5)
BINS = (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
"""Log10 ratios and bounds at which they are held against what was counted."""
NO_BOUND = -9.0
ROUNDING = 3e-4


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
    return with_variant(exome, gene, rng)


def with_variant(exome: ExomeScores, gene: str, rng: np.random.Generator) -> list[GeneScore]:
    """The gene scores of the exome with a causal variant, whose CADD score is drawn."""
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
    of_gene = annotations.genes
    found: dict[tuple[bool, bool, float], list[float]] = {}
    for case in cases:
        ranker.paper = case.paper
        query = parse_query(release.ontology, case.terms)
        terms = ranker.scores(query).disorders[candidates]
        evidence = ExomeEvidence(with_causal(exome, case.gene, rng), exome.total, annotations)
        genes = [10 ** evidence.of_gene(place).log10_ratio for place in range(len(of_gene))]
        variants = np.log10(
            [
                np.mean([genes[gene] for gene in annotations.disorder_genes[place]] or [1.0])
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


@dataclass(frozen=True)
class Lines:
    """What all lines of a case have. `bound`: the photo's, NaN where it has none; `score`: of the
    terms, which count as `terms`. `is_compared`: they have a photo's ratio."""

    is_true: NDArray[np.bool_]
    is_compared: NDArray[np.bool_]
    is_withheld: NDArray[np.bool_]
    photo: NDArray[np.float64]
    bound: NDArray[np.float64]
    score: NDArray[np.float64]
    exome: NDArray[np.float64]
    terms: float

    def total(self, parts: Sequence[PartName], independent: float) -> NDArray[np.float64]:
        """The sums of parts, with so many independent terms."""
        weight = round(min(1.0, independent / max(self.terms, 1.0)), DIGITS)
        values = {
            "photo": self.photo,
            "terms": np.round(weight * self.score, DIGITS),
            "exome": self.exome,
        }
        return np.asarray(np.sum([values[name] for name in parts], axis=0), np.float64)

    def rank(self, parts: Sequence[PartName]) -> int:
        """The rank of the true line; equal ones take the worst."""
        total = np.round(self.total(parts, INDEPENDENT), DIGITS)
        return int((total >= total[self.is_true]).sum())

    def ratio(self, parts: Sequence[PartName], independent: float) -> NDArray[np.float64]:
        """The fused log10 ratios, with so many independent terms."""
        total = self.total(parts, independent)
        return total if len(parts) == 1 else total + against_others(total)

    def lower(self, parts: Sequence[PartName], careful: float = CAREFUL) -> NDArray[np.float64]:
        """The bounds of the ratios."""
        moved = np.where(self.is_compared, self.bound - self.photo, 0.0)
        bounds = np.minimum(self.ratio(parts, INDEPENDENT), self.ratio(parts, careful) + moved)
        return np.nan_to_num(bounds, nan=NO_BOUND)


def lines_of(fused: FusedRanking, true: str, terms: float) -> Lines:
    """The lines of a ranking."""
    photos = [cast(PhotoPart, line.parts["photo"]) for line in fused.lines]
    scores = [cast(TermsPart, line.parts["terms"]).score for line in fused.lines]
    return Lines(
        is_true=np.array([line.id == true for line in fused.lines]),
        is_compared=np.array([photo.why is None for photo in photos]),
        is_withheld=np.array([photo.is_withheld for photo in photos]),
        photo=np.array([photo.log10_ratio for photo in photos]),
        bound=np.array([np.nan if one.lower is None else one.lower for one in photos]),
        score=np.array([0.0 if score is None else score for score in scores]),
        exome=np.array([line.parts["exome"].log10_ratio for line in fused.lines]),
        terms=terms,
    )


class Counted:
    """How many true and wrong lines have a figure in each of `BINS` `(2, b)`, below them and in
    all."""

    def __init__(self) -> None:
        self.counts = np.zeros((2, len(BINS) + 1), np.int64)

    def add(self, values: NDArray[np.float64], is_true: NDArray[np.bool_]) -> None:
        """Count the lines of a case."""
        places = np.searchsorted(BINS, values, side="right")
        for row, of in enumerate((is_true, ~is_true)):
            self.counts[row] += np.bincount(places[of], minlength=len(BINS) + 1)

    def worth(self) -> list[str]:
        """The log10 ratio of the shares of true and wrong lines, by bins."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.log10(np.divide(*(self.counts / self.counts.sum(1, keepdims=True))))
        return [f"{one:+.2f}" if np.isfinite(one) else "–" for one in ratios[1:]]


@dataclass
class Found:
    """Ranks by parts `(n, sets)` of disorders and genes; of the even half, ranks of disorders by
    all parts without borrowed ratios `(n,)`. Counts by what they are of."""

    ranks: dict[str, list[list[int]]]
    own: list[int]
    counts: dict[tuple[str, ...], Counted]

    def count(self, key: tuple[str, ...], values: Lines, figures: NDArray[np.float64]) -> None:
        """Count figures of a case among lines with a photo's ratio, and among all."""
        for where, shown in (("gallery", values.is_compared), ("all", ~values.is_withheld)):
            counted = self.counts.setdefault((*key, where), Counted())
            counted.add(figures[shown], values.is_true[shown])


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
    found = Found({"disorders": [], "genes": []}, [], {})
    for number, case in enumerate(cases):
        if number % 200 == 0:
            print(f"{number} of {len(cases)}", flush=True)
        ranker.paper = case.paper
        query = parse_query(ranker.release.ontology, case.terms)
        ((_, lines),) = gallery.answer_in_full([gallery.stored_probe(case.patient)], Question())
        evidence = ExomeEvidence(with_causal(exome, case.gene, rng), exome.total, annotations)
        fusion = Fusion(ranker, lines, query, evidence)
        gene = f"Entrez:{annotations.genes[annotations.place_of_gene[case.gene]]}"
        for what, ranking, true in (
            ("disorders", fusion.disorders(), case.disorder),
            ("genes", fusion.genes(), gene),
        ):
            values = lines_of(ranking, true, counted_terms(query))
            if not number:
                _check(values, ranking)
            found.ranks[what].append([values.rank(parts) for parts in SETS])
            _count(found, what, values, is_even=case.is_even)
            if case.is_even and what == "disorders":
                photo = np.where(values.is_withheld, 0.0, values.photo)
                found.own.append(replace(values, photo=photo).rank(PARTS))
    return found


def _check(values: Lines, ranking: FusedRanking) -> None:
    """The figures that are counted are those that are shown."""
    for figures, name in (
        (values.ratio(PARTS, INDEPENDENT), "log10_ratio"),
        (values.lower(PARTS), "lower"),
    ):
        shown = [getattr(line, name) for line in ranking.lines]
        for one, other in zip(figures, shown, strict=True):
            assert other is None or abs(one - other) < ROUNDING, name


def _count(found: Found, what: str, values: Lines, *, is_even: bool) -> None:
    if is_even:
        for parts in (("photo", "terms"), PARTS):
            for careful in CAREFUL_TERMS:
                key = (what, _name(parts), f"{careful:g}")
                found.count(key, values, values.lower(parts, careful))
        return
    for parts in FUSED:
        key = (what, _name(parts))
        found.count((*key, "ratio"), values, values.ratio(parts, INDEPENDENT))
        found.count((*key, "bound"), values, values.lower(parts))


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


def borrowed_rows(found: Found, cases: Sequence[Case]) -> Iterator[list[object]]:
    """What all three gain over terms and exome, with and without borrowed ratios: disorders."""
    ranks = np.array(found.ranks["disorders"])
    rest = ranks[:, SETS.index(("terms", "exome"))]
    groups = [case.disorder for case in cases]
    for name, own in (("own", np.array(found.own)), ("borrowed", ranks[:, -1])):
        shares = [f"{(own <= top).mean():.1%}" for top in (1, 10)]
        yield [name, *shares, *(_gain(own <= k, rest <= k, groups) for k in (1, 10))]


def careful_rows(found: Found) -> Iterator[list[object]]:
    """What bounds were worth, by the number of independent terms in them."""
    for key, counted in found.counts.items():
        yield [*key, *counted.worth()[1:]]


def bound_rows(found: Found) -> Iterator[list[object]]:
    """What patients with a disorder and without it get, by ranges of the figures. The ratio of both
    shares should not be below the range of a bound, and in that of a ratio."""
    for key, counted in found.counts.items():
        if key[1] == _name(("photo",)) and key[-1] == "all":
            continue
        for place, (low, worth) in enumerate(zip(BINS, counted.worth(), strict=True)):
            upper = "" if place == len(BINS) - 1 else f" to {BINS[place + 1]:+g}"
            true, wrong = counted.counts[:, place + 1]
            yield [*key, f"{low:+g}{upper}", f"{true:,}", f"{wrong:,}", worth]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--patients", type=int)
    parser.add_argument("--space")
    told = parser.parse_args(arguments)
    header: tuple[str, ...]
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
        known = [case for case in cases if is_there(gallery, case)]
        even, odd = ([one for one in known if one.is_even is half] for half in (True, False))
        chosen = rank_all(even, gallery.pinned(), ranker, exome)
        told_even = f"{command}, {len(even):,} patients of even papers"
        header = ("ratios", "top-1", "top-10", "gain over terms + exome, top-1", "top-10")
        keep(f"fusion-borrowed{of_space}", told_even, header, list(borrowed_rows(chosen, even)))
        ranges = [f"{low:+g}" for low in BINS[1:]]
        header = ("what", "evidence", "independent terms", "among", *ranges)
        keep(f"fusion-careful{of_space}", told_even, header, list(careful_rows(chosen)))
        found = rank_all(odd, gallery.pinned(), ranker, exome)
    told_odd = f"{command}, {len(odd):,} patients"
    header = ("evidence", "top-1", "top-10", "median rank", "all three gain, top-1", "top-10")
    for what, ranks in found.ranks.items():
        groups = [case.disorder if what == "disorders" else case.gene for case in odd]
        rows = list(accuracy_rows(np.array(ranks), groups))
        keep(f"fusion-{what}{of_space}", told_odd, header, rows)
    header = ("what", "evidence", "figure", "among", "log10", "true", "wrong", "counted log10")
    keep(f"fusion-bounds{of_space}", told_odd, header, list(bound_rows(found)))


if __name__ == "__main__":
    main()
