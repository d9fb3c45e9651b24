"""A patient's phenotypes as they are asked about: terms that are present and terms that were looked
for and not found, each once, with all that was changed or left out on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gestalt_space.phenotype.ontology import Ontology

EXCLUDED = "!"
"""Before a term that was looked for and not found."""

Reason = Literal[
    "unknown", "obsolete", "ambiguous", "no_phenotype", "repeated", "implied", "contradicted"
]


@dataclass(frozen=True, slots=True)
class MappedTerm:
    """A text that stands for a term under another identifier, or for a term by its name."""

    given: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class IgnoredTerm:
    """A text that is not used. `by`: the identifier of the term that repeats, implies or
    contradicts it.

    `reason`: `unknown` and `obsolete`, the release has no such term, or no longer; `ambiguous`, a
    synonym of several terms; `no_phenotype`, a mode of inheritance for one; `repeated`; `implied`,
    an ancestor of a present term, or a descendant of an excluded one; `contradicted`, excluded, and
    yet an ancestor of a present term or that term itself.
    """

    given: str
    reason: Reason
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """Places of terms, ascending: none is an ancestor of another, within `present` and within
    `excluded`. `mapped`, `ignored`: in the order in which the terms were given."""

    present: tuple[int, ...]
    excluded: tuple[int, ...]
    mapped: tuple[MappedTerm, ...] = ()
    ignored: tuple[IgnoredTerm, ...] = ()


def split_terms(text: str, ontology: Ontology) -> list[str]:
    """The terms of a list with commas or semicolons. A name that has a comma may stand alone."""
    whole = text.strip()
    if ontology.resolve(whole.removeprefix(EXCLUDED).strip()).place is not None:
        return [whole]
    return [part.strip() for part in whole.replace(";", ",").split(",") if part.strip()]


def parse_query(ontology: Ontology, texts: Iterable[str]) -> Query:
    """Identifiers, names or synonyms as a query; `!` before a text excludes the term."""
    present, excluded = [], []
    for text in texts:
        plain = text.strip()
        if plain.startswith(EXCLUDED):
            excluded.append(plain.removeprefix(EXCLUDED).strip())
        else:
            present.append(plain)
    return make_query(ontology, present, excluded)


def make_query(ontology: Ontology, present: Sequence[str], excluded: Sequence[str] = ()) -> Query:
    """Present and excluded identifiers, names or synonyms as a query."""
    reading = _Reading(ontology, [], [])
    has = reading.places(present, "")
    lacks = reading.places(excluded, EXCLUDED)
    ancestors, descendants = ontology.ancestors, ontology.descendants
    implied = {
        ancestor: place for place in has for ancestor in ancestors[place].tolist()
        if ancestor != place
    }  # fmt: skip
    for place in list(lacks):
        if place in has or place in implied:
            by = place if place in has else implied[place]
            reading.ignore(lacks.pop(place), "contradicted", by)
    for place in [place for place in has if place in implied]:
        reading.ignore(has[place], "implied", implied[place])
    without = {
        descendant: place for place in lacks for descendant in descendants[place].tolist()
        if descendant != place
    }  # fmt: skip
    for place in [place for place in lacks if place in without]:
        reading.ignore(lacks[place], "implied", without[place])
    return Query(
        tuple(sorted(has.keys() - implied.keys())),
        tuple(sorted(lacks.keys() - without.keys())),
        tuple(reading.mapped),
        tuple(reading.ignored),
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """Collects what is reported of texts while they are read."""

    ontology: Ontology
    mapped: list[MappedTerm]
    ignored: list[IgnoredTerm]

    def places(self, texts: Sequence[str], before: str) -> dict[int, str]:
        """The texts that are phenotypes, by the places of their terms."""
        found: dict[int, str] = {}
        for text in texts:
            given = before + text
            resolved = self.ontology.resolve(text)
            place = resolved.place
            if place is None:
                self.ignored.append(IgnoredTerm(given, _WHY[resolved.how]))
                continue
            if resolved.how in ("former", "name"):
                term = self.ontology.term(place)
                self.mapped.append(MappedTerm(given, term.id, term.name))
            if not self.ontology.is_phenotype[place]:
                self.ignore(given, "no_phenotype")
            elif place in found:
                self.ignore(given, "repeated", place)
            else:
                found[place] = given
        return found

    def ignore(self, given: str, reason: Reason, by: int | None = None) -> None:
        self.ignored.append(
            IgnoredTerm(given, reason, None if by is None else self.ontology.id_of(by))
        )


_WHY: dict[str, Reason] = {
    "unknown": "unknown",
    "obsolete": "obsolete",
    "ambiguous": "ambiguous",
}
