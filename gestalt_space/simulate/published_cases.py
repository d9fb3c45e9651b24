"""Published cases whose facial terms can be shown on faces of persons who do not exist."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError
from gestalt_space.interop.phenopackets import Phenopacket, PhenopacketFile
from gestalt_space.phenotype.ontology import Ontology
from gestalt_space.simulate.phenotypes import TERMS
from gestalt_space.types import Disorder

SIMULATED_FACE: Literal["simulated face of a published case"] = "simulated face of a published case"
"""Said by every picture, table and page of such a face."""
FEWEST_SHOWN = 2
"""Facial terms that a case needs, unless told otherwise."""
FACE = 271
"""HP:0000271, Abnormality of the face: what is under it is a facial term."""
NARROWER = frozenset(
    {2277, 6837, 7687}  # ptosis of one eye
    | {537, 25611}  # other folds than the epicanthus that is shown
    | {5338, 25325}  # sparse in one part of the eyebrow
    | {179, 215}  # one thick lip
    | {3778, 5790, 7627, 7628}  # a part of the jaw that is not the chin
    | {997, 30052}  # freckles elsewhere than in the face
)
"""Numbers of terms that lie under a term that can be shown, and whose deformation would show more
than they say."""
TOGETHER = frozenset({"nasal bridge", "pigment"})
"""Axes of which a person can have two terms: a bridge can be depressed and wide."""


@dataclass(frozen=True, slots=True)
class PublishedCase:
    """A case as its phenopacket tells it. `id`: the phenopacket's; `sex`, `age_years`: None where
    they are not known; `present`, `excluded`: identifiers of all HPO terms; `shown`: terms of
    `TERMS`, of those that are present."""

    id: str
    disorder: Disorder
    gene: str | None
    sex: str | None
    age_years: float | None
    present: tuple[str, ...]
    excluded: tuple[str, ...]
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TermCount:
    """A term, and how many cases have it."""

    term: str
    label: str
    cases: int


@dataclass(frozen=True, slots=True)
class PublishedCases:
    """The cases of some phenopackets that can be used, by their identifiers, and what became of the
    others.

    `read`: phenopackets that were found; `failed`: those that cannot be used, with the reason;
    `without_disorder`, `several_disorders`, `too_few_terms`: numbers of cases that are left out for
    these reasons, the last ones because they have fewer than `least` terms that can be shown.
    `not_shown`: facial terms without a deformation, of all cases that were read, the most frequent
    first. `hpo`: the release.
    """

    cases: tuple[PublishedCase, ...]
    hpo: str
    least: int
    read: int
    failed: tuple[tuple[str, str], ...]
    without_disorder: int
    several_disorders: int
    too_few_terms: int
    not_shown: tuple[TermCount, ...]


def shown_term(ontology: Ontology, text: str) -> str | None:
    """The term of `TERMS` whose deformation shows a term: the term itself, or the nearest one above
    it, unless that would show more than the term says. None where there is none."""
    place = ontology.resolve(text).place
    if place is None or int(ontology.numbers[place]) in NARROWER:
        return None
    above = ontology.ancestors[place].tolist()
    found = [one for one in above if ontology.id_of(one) in TERMS]
    # The nearest one has the most terms above it.
    nearest = max(found, key=lambda one: (len(ontology.ancestors[one]), -one), default=None)
    return None if nearest is None else ontology.id_of(nearest)


def use_cases(
    files: Iterable[PhenopacketFile], ontology: Ontology, least: int = FEWEST_SHOWN
) -> PublishedCases:
    """The cases of phenopackets that can be used. Raises `UsageError` where there is none."""
    cases: dict[str, PublishedCase] = {}
    failed: list[tuple[str, str]] = []
    reasons: Counter[str] = Counter()
    not_shown: Counter[str] = Counter()
    read = 0
    for file in files:
        read += 1
        packet = file.packet
        if packet is None:
            failed.append((file.name, file.error.message if file.error else ""))
            continue
        id_ = packet.id or file.name
        if id_ in cases:
            failed.append((file.name, f"Another phenopacket has the identifier {id_}, too."))
            continue
        not_shown.update(_facial_without_deformation(ontology, packet.present))
        if len(packet.disorders) != 1:
            reasons["several" if packet.disorders else "none"] += 1
            continue
        case = _case(id_, packet, ontology)
        if len(case.shown) < least:
            reasons["few"] += 1
            continue
        cases[id_] = case
    if not cases:
        raise UsageError(
            f"None of {counted_text(read, 'phenopacket')} has one disorder and at least {least} of "
            "the facial terms that can be simulated.",
            "`gestalt simulate terms` lists these terms. --min-terms asks for fewer of them.",
        )
    return PublishedCases(
        cases=tuple(cases[id_] for id_ in sorted(cases)),
        hpo=ontology.release,
        least=least,
        read=read,
        failed=tuple(failed),
        without_disorder=reasons["none"],
        several_disorders=reasons["several"],
        too_few_terms=reasons["few"],
        not_shown=tuple(_counted(ontology, not_shown)),
    )


def choose_cases(
    cases: Sequence[PublishedCase],
    seed: int,
    *,
    disorders: int | None = None,
    patients: int | None = None,
    is_even: bool = False,
) -> tuple[PublishedCase, ...]:
    """Some of the cases, in their order: those of the `disorders` with the most cases, ties by
    identifier, and of these `patients` drawn at random or, evenly, as many of each as there are.

    Raises `UsageError` where there are not that many.
    """
    theirs: dict[str, list[int]] = defaultdict(list)
    for row, case in enumerate(cases):
        theirs[case.disorder.id].append(row)
    largest = sorted(theirs, key=lambda id_: (-len(theirs[id_]), id_))
    if disorders is not None and disorders > len(largest):
        raise UsageError(
            f"The cases have {counted_text(len(largest), 'disorder')}, not {disorders:,}.",
            "Use fewer --disorders.",
        )
    kept = [row for id_ in largest[:disorders] for row in theirs[id_]]
    if patients is not None and patients > len(kept):
        raise UsageError(
            f"Only {counted_text(len(kept), 'case')} can be used, not {patients:,}.",
            "Use fewer --patients.",
        )
    rng = np.random.default_rng([seed, 7])
    drawn = [kept[at] for at in rng.permutation(len(kept))]
    if is_even:
        before: Counter[str] = Counter()
        turns = {}
        for row in drawn:
            before[cases[row].disorder.id] += 1
            turns[row] = before[cases[row].disorder.id]
        drawn.sort(key=lambda row: turns[row])
    return tuple(cases[row] for row in sorted(drawn[:patients]))


def _case(id_: str, packet: Phenopacket, ontology: Ontology) -> PublishedCase:
    present, excluded = packet.hpo_terms
    return PublishedCase(
        id=id_,
        disorder=packet.disorders[0],
        gene=packet.genes[0] if packet.genes else None,
        sex=packet.sex,
        age_years=packet.age_years,
        present=present,
        excluded=excluded,
        shown=tuple(_shown(ontology, present)),
    )


def _shown(ontology: Ontology, present: Iterable[str]) -> list[str]:
    """Of two terms that contradict each other, the first alone."""
    found: dict[str, None] = {}
    axes: set[str] = set()
    for text in present:
        term = shown_term(ontology, text)
        if term is None or term in found:
            continue
        axis = TERMS[term].axis
        if axis not in axes or axis in TOGETHER:
            found[term] = None
            axes.add(axis)
    return list(found)


def _facial_without_deformation(ontology: Ontology, present: Iterable[str]) -> set[str]:
    face = ontology.place_of(FACE)
    found = set()
    for text in present:
        place = ontology.resolve(text).place
        if place is None or shown_term(ontology, text) is not None:
            continue
        above = ontology.ancestors[place]
        if face in above or int(ontology.numbers[place]) in NARROWER:
            found.add(ontology.id_of(place))
    return found


def _counted(ontology: Ontology, counts: Counter[str]) -> Iterator[TermCount]:
    for term, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        place = ontology.resolve(term).place
        assert place is not None  # noqa: S101 - it was found before
        yield TermCount(term, ontology.names[place], count)
