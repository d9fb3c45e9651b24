"""One score for each gene, from the variants of a patient: the highest CADD score that fits the
mode of inheritance.

Where both copies of a gene have to be hit, a homozygous variant counts with its score, and two
heterozygous ones with the lower of both. Two variants that are phased on one copy are no pair, and
neither is a variant that the VCF repeats.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal, TypeAlias

from gestalt_space.genomics.annotated_genes import AnnotatedGenes
from gestalt_space.genomics.consequences import IMPACTS, Consequence
from gestalt_space.genomics.genes import Gene
from gestalt_space.genomics.inheritance import Inheritance, is_heterozygous
from gestalt_space.genomics.ranks import worst_ranks
from gestalt_space.genomics.vcf import SampleVariant

How: TypeAlias = Literal["one variant", "homozygous", "hemizygous", "two heterozygous"]
_Copy: TypeAlias = tuple[int | None, int] | None
"""The copy of a chromosome on which a variant is phased; None where it is not."""


@dataclass(frozen=True, slots=True)
class GeneVariant:
    """A variant in a gene, with its most severe consequence there."""

    variant: SampleVariant
    consequence: Consequence

    @property
    def order(self) -> tuple[float, int, str]:
        """Sorts by score, the highest first, those without a score last; then by place."""
        cadd = self.variant.cadd
        return (float("inf") if cadd is None else -cadd, self.variant.position, self.variant.name)


@dataclass(frozen=True, slots=True)
class GeneScore:
    """A gene's score, made from `variants` alone. None is missing: the gene has variants that fit,
    none of them with CADD. `count`: all its variants that passed the filters, of which
    `without_cadd` have no score. `rank`: from 1; equal scores have the worst.
    """

    gene: Gene
    rank: int | None
    score: float | None
    how: How
    variants: tuple[GeneVariant, ...]
    count: int
    without_cadd: int


@dataclass(slots=True)
class _Candidates:
    """What may make the score of a gene: the best variants, of each copy the best two."""

    gene: Gene
    count: int = 0
    without_cadd: int = 0
    single: GeneVariant | None = None
    copies: dict[_Copy, list[GeneVariant]] = field(default_factory=dict)

    def has(self, variant: GeneVariant) -> bool:
        """Whether the variant is among the best already: the VCF repeats it."""
        kept = [one for best in self.copies.values() for one in best]
        if self.single is not None:
            kept.append(self.single)
        return any(one.variant.name == variant.variant.name for one in kept)


def score_genes(
    variants: Iterable[SampleVariant], inheritance: Inheritance, genes: AnnotatedGenes
) -> tuple[GeneScore, ...]:
    """The scores of all genes with variants that fit, the highest first, those that are missing
    last. Only the variants that may make a score are kept in memory.
    """
    found: dict[str, _Candidates] = {}
    for variant in variants:
        for gene, consequence in _by_gene(variant, genes):
            one = found.setdefault(gene.key, _Candidates(gene))
            _add(one, GeneVariant(variant, consequence), inheritance)
    scored = [score for one in found.values() if (score := _score(one)) is not None]
    scored.sort(key=lambda one: (_falling(one.score), one.gene))
    ranks = worst_ranks([one.score for one in scored])
    return tuple(
        GeneScore(one.gene, rank, one.score, one.how, one.variants, one.count, one.without_cadd)
        for one, rank in zip(scored, ranks, strict=True)
    )


def _by_gene(variant: SampleVariant, genes: AnnotatedGenes) -> Iterable[tuple[Gene, Consequence]]:
    """The genes of a variant, each with the first of its most severe consequences."""
    found: dict[str, tuple[Gene, Consequence]] = {}
    for one in variant.consequences:
        gene = genes.gene_of(one)
        if gene is None:
            continue
        if gene.key not in found or _severity(one) < _severity(found[gene.key][1]):
            found[gene.key] = (gene, one)
    return found.values()


def _severity(one: Consequence) -> int:
    return len(IMPACTS) if one.impact is None else IMPACTS.index(one.impact)


def _add(one: _Candidates, variant: GeneVariant, inheritance: Inheritance) -> None:
    if not one.has(variant):
        one.count += 1
        one.without_cadd += variant.variant.cadd is None
    if inheritance.needs_both_copies() and is_heterozygous(variant.variant):
        best = one.copies.setdefault(_copy(variant.variant), [])
        best.append(variant)
        best.sort(key=lambda found: found.order, reverse=True)
        # Of a repeated variant, the last one stays, which is the better one.
        best[:] = sorted(
            {found.variant.name: found for found in best}.values(), key=lambda found: found.order
        )[:2]
    elif one.single is None or variant.order < one.single.order:
        one.single = variant


def _copy(variant: SampleVariant) -> _Copy:
    if variant.haplotype is None:
        return None
    return variant.phase_set, variant.haplotype


def _score(one: _Candidates) -> GeneScore | None:
    options: list[tuple[float | None, How, tuple[GeneVariant, ...]]] = []
    if one.single is not None:
        options.append((one.single.variant.cadd, _how(one.single.variant), (one.single,)))
    best = [variant for copy in one.copies.values() for variant in copy]
    for pair in combinations(sorted(best, key=lambda variant: variant.order), 2):
        if _is_pair(*pair):
            lower = [variant.variant.cadd for variant in pair]
            score = None if None in lower else min(cadd for cadd in lower if cadd is not None)
            options.append((score, "two heterozygous", pair))
    if not options:
        return None
    score, how, made = min(options, key=lambda option: _falling(option[0]))
    return GeneScore(one.gene, None, score, how, made, one.count, one.without_cadd)


def _how(variant: SampleVariant) -> How:
    if is_heterozygous(variant):
        return "one variant"
    return "hemizygous" if variant.ploidy == 1 else "homozygous"


def _is_pair(one: GeneVariant, other: GeneVariant) -> bool:
    if one.variant.name == other.variant.name:
        return False
    copy = _copy(one.variant)
    return copy is None or copy != _copy(other.variant)


def _falling(score: float | None) -> float:
    return float("inf") if score is None else -score
