"""Published cases with simulated faces, and the evidence of all disorders and genes for each."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import NotInGallery
from gestalt_space.fusion.exome_evidence import CAUSAL_SEEN, ExomeEvidence
from gestalt_space.fusion.fused import against_others
from gestalt_space.fusion.parts import DIGITS, PartName, PhotoPart
from gestalt_space.fusion.photo_evidence import PhotoEvidence, without_photo_of_gene
from gestalt_space.fusion.terms_evidence import CAREFUL, INDEPENDENT, counted_terms
from gestalt_space.genomics.exome import ExomeScores
from gestalt_space.genomics.gene_scores import GeneScore
from gestalt_space.genomics.genes import Gene
from gestalt_space.home import Gallery
from gestalt_space.match.answer import MatchLine
from gestalt_space.phenotype.left_out import LeftOut, without_source
from gestalt_space.phenotype.likelihood import Likelihoods
from gestalt_space.phenotype.query import Query
from gestalt_space.phenotype.ranking import Ranker, Scores
from gestalt_space.phenotype.release import Release

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CADD = ((0.0, 16.3, 0.18), (16.3, 21.75, 0.15), (21.75, 25.0, 0.28), (25.0, 40.0, 0.39))
"""Ranges of scores of pathogenic variants, and the share in each."""


@dataclass(frozen=True)
class Case:
    """A simulated patient of a published case."""

    patient: str
    disorder: str
    gene: str
    terms: tuple[str, ...]
    paper: str
    colleagues: tuple[str, ...] = ()
    """The other patients of the paper."""

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
    of_paper: dict[str, list[str]] = {}
    for patient, case in papers.items():
        of_paper.setdefault(case.split("_")[1], []).append(patient)
    annotations = release.annotations
    known = {annotations.disorders[place] for place in np.flatnonzero(release.is_omim)}
    found = []
    for patient, row in rows.items():
        gene = row["genes"].split(";")[0].upper()
        if row["disorder"] in known and gene in annotations.place_of_gene:
            number = papers[patient].split("_")[1]
            terms = tuple(row["hpo"].split(";"))
            others = tuple(other for other in of_paper[number] if other != patient)
            found.append(Case(patient, row["disorder"], gene, terms, f"PMID:{number}", others))
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


def is_there(gallery: Gallery, case: Case) -> bool:
    """Whether a face was found in the case's photo."""
    try:
        gallery.patient(case.patient)
    except NotInGallery:
        return False
    return True


@dataclass(frozen=True)
class Lines:
    """The evidence of all disorders, or of all genes, for a case, each `(n,)`. `true`: the place of
    the true one. `photo`: log10 ratios, borrowed where they are withheld; `bound`: NaN where there
    is none; `score`: of the terms, which count as `terms`. `is_known`: to HPO; `is_compared`: with
    a photo's own ratio.
    """

    ids: Sequence[str]
    true: int
    is_known: Flags
    is_compared: Flags
    is_withheld: Flags
    photo: Floats
    bound: Floats
    score: Floats
    exome: Floats
    terms: float

    def total(self, parts: Sequence[PartName], independent: float = INDEPENDENT) -> Floats:
        """The sums of parts, with so many independent terms."""
        weight = round(min(1.0, independent / max(self.terms, 1.0)), DIGITS)
        found = np.zeros(len(self.photo))
        if "photo" in parts:
            found += self.photo
        if "terms" in parts:
            found += np.round(weight * self.score, DIGITS)
        if "exome" in parts:
            found += self.exome
        return np.round(found, DIGITS)

    def rank(self, parts: Sequence[PartName]) -> int:
        """The rank of the true one; equal ones take the worst."""
        total = self.total(parts)
        return int((total >= total[self.true]).sum())

    def ratio(self, parts: Sequence[PartName], independent: float = INDEPENDENT) -> Floats:
        """The fused log10 ratios, with so many independent terms; of one part, its own."""
        total = self.total(parts, independent)
        return total if len(parts) == 1 else total + against_others(total)

    def lower(self, parts: Sequence[PartName], careful: float = CAREFUL) -> Floats:
        """The bounds of the ratios, NaN where there is none."""
        moved = np.where(self.is_compared, self.bound - self.photo, 0.0)
        found = np.minimum(self.ratio(parts), self.ratio(parts, careful) + moved)
        found[self.is_withheld] = np.nan
        return found


class Evidence:
    """The lines of cases, of all candidates. `unknown`: genes of the exome that HPO does not
    have."""

    def __init__(self, release: Release, unknown: int) -> None:
        self._annotations = annotations = release.annotations
        self._candidates = np.flatnonzero(release.is_omim)
        self._disorders = [annotations.disorders[at] for at in self._candidates]
        self._genes = [f"Entrez:{number}" for number in annotations.genes]
        self._unknown = unknown
        self._place_of = {id_: place for place, id_ in enumerate(self._disorders)}
        genes = [annotations.disorder_genes[at] for at in self._candidates.tolist()]
        counts = np.array([len(some) for some in genes])
        self._has_gene = np.flatnonzero(counts)
        self._genes_of = np.concatenate(genes)
        self._counts = counts[self._has_gene]
        self._starts = np.cumsum(self._counts) - self._counts

    def disorders(
        self, case: Case, photo: Iterable[MatchLine], query: Query, scores: Scores
    ) -> Lines:
        """All disorders, without an exome. Those that only the gallery has come last."""
        evidence = PhotoEvidence(photo, self._annotations)
        others = [id_ for id_ in evidence.names if id_ not in self._place_of]
        ids = [*self._disorders, *others]
        score = np.zeros(len(ids))
        score[: len(self._disorders)] = np.round(scores.disorders[self._candidates], DIGITS)
        parts = [evidence.of_disorder(id_) for id_ in ids]
        return _lines(ids, self._place_of[case.disorder], parts, score, len(others), query)

    def genes(self, case: Case, photo: Iterable[MatchLine], query: Query, scores: Scores) -> Lines:
        """All genes, without an exome."""
        evidence = PhotoEvidence(photo, self._annotations)
        parts = [evidence.of_gene(place) for place in range(len(self._genes))]
        parts += [without_photo_of_gene()] * self._unknown
        true = self._annotations.place_of_gene[case.gene]
        ids = [*self._genes, *(f"unknown {number}" for number in range(self._unknown))]
        score = np.append(np.round(scores.genes, DIGITS), np.zeros(self._unknown))
        return _lines(ids, true, parts, score, self._unknown, query)

    def exome(self, evidence: ExomeEvidence, disorders: int) -> tuple[Floats, Floats]:
        """The exome's parts of so many disorders, and of all genes."""
        absent = next(at for at in range(len(self._genes)) if at not in evidence.places)
        genes = np.full(len(self._genes), evidence.of_gene(absent).log10_ratio)
        for place in evidence.places:
            genes[place] = evidence.of_gene(place).log10_ratio
        found = np.zeros(disorders)
        sums = np.add.reduceat(10 ** genes[self._genes_of], self._starts)
        found[self._has_gene] = np.round(np.log10(sums / self._counts), DIGITS)
        unknown = [evidence.of_candidate(one).log10_ratio for one in evidence.unknown]
        return found, np.append(genes, unknown)


def _lines(
    ids: Sequence[str],
    true: int,
    parts: Sequence[PhotoPart],
    score: Floats,
    unknown: int,
    query: Query,
) -> Lines:
    return Lines(
        *(ids, true),
        is_known=np.arange(len(ids)) < len(ids) - unknown,
        is_compared=np.array([part.why is None for part in parts]),
        is_withheld=np.array([part.is_withheld for part in parts]),
        photo=np.array([part.log10_ratio for part in parts]),
        bound=np.array([np.nan if part.lower is None else part.lower for part in parts]),
        score=score,
        exome=np.zeros(len(ids)),
        terms=counted_terms(query),
    )
