"""Filters of variants, in a declared order, with what is left after each.

What a filter cannot judge, because the VCF does not say, is kept and counted: a missing quality is
not a bad one, and a variant that no population database has is rare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from gestalt_space.counts import counted_text
from gestalt_space.genomics.annotated_genes import AnnotatedGenes
from gestalt_space.genomics.consequences import Impact, is_at_least
from gestalt_space.genomics.inheritance import TEXTS, Inheritance
from gestalt_space.genomics.vcf import SampleVariant

Judgement: TypeAlias = SampleVariant | None
"""A variant that is kept, perhaps with fewer consequences, or None."""

MAX_FREQUENCY = 0.01
MIN_IMPACT: Impact = "moderate"
ANY_GENOTYPE = Inheritance()


@dataclass(frozen=True, slots=True)
class FilterPlan:
    """Which variants are kept. `only_pass`: those of which FILTER says PASS or nothing. `min_…`,
    `max_…`: limits that belong to what is kept; None for no limit. `panel`: keys of genes.
    """

    only_pass: bool = True
    min_quality: float | None = None
    min_depth: int | None = None
    min_impact: Impact | None = MIN_IMPACT
    max_frequency: float | None = MAX_FREQUENCY
    panel: frozenset[str] | None = None
    inheritance: Inheritance = ANY_GENOTYPE


@dataclass(slots=True)
class FilterStep:
    """A filter. `keeps`: what it keeps, in words; `left`: how many variants passed it, of which the
    VCF had nothing for `unknown`.
    """

    name: str
    keeps: str
    judge: Callable[[SampleVariant], tuple[Judgement, bool]]
    left: int = 0
    unknown: int = 0


class FilterChain:
    """The filters of a plan, one after the other. `total`: variants before the first;
    `annotated`: variants with an annotation that passed the last.
    """

    def __init__(self, plan: FilterPlan, genes: AnnotatedGenes) -> None:
        self.total = 0
        self.annotated = 0
        self.steps = tuple(_steps(plan, genes))

    def passed(self, variants: Iterable[SampleVariant]) -> Iterator[SampleVariant]:
        """The variants that pass all filters."""
        for variant in variants:
            self.total += 1
            kept = self._judged(variant)
            if kept is not None:
                self.annotated += bool(kept.consequences)
                yield kept

    def _judged(self, variant: SampleVariant) -> Judgement:
        for step in self.steps:
            kept, is_unknown = step.judge(variant)
            if kept is None:
                return None
            variant = kept
            step.left += 1
            step.unknown += is_unknown
        return variant

    @property
    def emptied(self) -> str:
        """What to say where nothing is left: which filter removed how many; empty otherwise."""
        before = self.total
        if not before:
            return "The sample has no variants."
        for step in self.steps:
            if not step.left:
                return (
                    f"0 of {self.total:,} variants are left: the filter «{step.name}» removed the "
                    f"last {counted_text(before, 'variant')}. It keeps: {step.keeps}."
                )
            before = step.left
        return ""


def _steps(plan: FilterPlan, genes: AnnotatedGenes) -> Iterator[FilterStep]:
    if plan.only_pass:
        yield FilterStep("FILTER", "PASS or no entry", _only_pass)
    if (quality := plan.min_quality) is not None:
        yield _at_least("quality", f"QUAL of {quality:g} or more", quality, _quality)
    if (depth := plan.min_depth) is not None:
        yield _at_least("depth", f"{depth} reads or more", depth, _depth)
    if (impact := plan.min_impact) is not None:
        yield _of_impact(impact)
    if (limit := plan.max_frequency) is not None:
        yield _rare(limit)
    if (panel := plan.panel) is not None:
        yield _in_panel(panel, genes)
    inheritance = plan.inheritance
    if inheritance.mode != "any":
        yield FilterStep(
            "inheritance",
            TEXTS[inheritance.mode],
            lambda one: (one if inheritance.fits(one) else None, False),
        )


def _only_pass(one: SampleVariant) -> tuple[Judgement, bool]:
    return (one if one.filters in ((), ("PASS",)) else None), not one.filters


def _quality(one: SampleVariant) -> float | None:
    return one.quality


def _depth(one: SampleVariant) -> float | None:
    return one.depth


def _at_least(
    name: str, keeps: str, limit: float, value_of: Callable[[SampleVariant], float | None]
) -> FilterStep:
    def judge(one: SampleVariant) -> tuple[Judgement, bool]:
        value = value_of(one)
        return (one if value is None or value >= limit else None), value is None

    return FilterStep(name, keeps, judge)


def _of_impact(least: Impact) -> FilterStep:
    def judge(one: SampleVariant) -> tuple[Judgement, bool]:
        kept = tuple(
            effect
            for effect in one.consequences
            if effect.impact is None or is_at_least(effect.impact, least)
        )
        if not one.consequences:
            return one, True
        unknown = all(effect.impact is None for effect in kept)
        return (replace(one, consequences=kept) if kept else None), unknown

    more = "" if least == "high" else " or more"
    return FilterStep("effect", f"{least} impact{more} on a gene", judge)


def _rare(limit: float) -> FilterStep:
    def judge(one: SampleVariant) -> tuple[Judgement, bool]:
        frequency = one.frequency
        return (one if frequency is None or frequency <= limit else None), frequency is None

    return FilterStep("frequency", f"{limit:g} or less in every population", judge)


def _in_panel(panel: frozenset[str], genes: AnnotatedGenes) -> FilterStep:
    def judge(one: SampleVariant) -> tuple[Judgement, bool]:
        kept = tuple(
            effect
            for effect in one.consequences
            # Without a gene table, the panel has symbols alone.
            if (gene := genes.gene_of(effect)) is not None and {gene.key, gene.symbol} & panel
        )
        return (replace(one, consequences=kept) if kept else None), False

    return FilterStep("panel", f"in one of {counted_text(len(panel), 'gene')}", judge)
