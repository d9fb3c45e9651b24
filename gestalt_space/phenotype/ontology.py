"""A release of the Human Phenotype Ontology: its terms, how they stand to each other, and a search
by names. Reading it from its file is in `obo`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gestalt_space.phenotype.identifiers import term_id, term_number

PHENOTYPES = 118
"""HP:0000118, Phenotypic abnormality: what is under it is a phenotype. Other terms are modes of
inheritance, frequencies, courses and the like."""

Places = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Rows:
    """Lists of numbers of different lengths: row i is `values[starts[i]:starts[i + 1]]`."""

    starts: NDArray[np.int64]
    values: Places

    def __getitem__(self, row: int) -> Places:
        return self.values[self.starts[row] : self.starts[row + 1]]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def owners(self) -> Places:
        """The row of each value."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.starts))

    def turned(self, width: int) -> Rows:
        """Row j lists the rows that have j, in ascending order; `width`: how many j there are."""
        return rows_of(self.values, self.owners, width)


def rows_of(rows: Places, values: Places, count: int) -> Rows:
    """Rows from pairs of a row and a value, sorted by both."""
    order = np.lexsort((values, rows))
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=count), out=starts[1:])
    return Rows(starts, values[order].astype(np.int32))


@dataclass(frozen=True, slots=True)
class NamedTerm:
    """A term that is in use, with its other names."""

    id: str
    name: str
    synonyms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a text means in a release.

    `place`: of the term, None where there is none. `how`: `id`, the identifier of a term;
    `former`, an alternative or replaced identifier; `name`, a name or synonym; `obsolete`, an
    identifier that was withdrawn; `ambiguous`, a synonym of several terms; `unknown`.
    """

    place: int | None
    how: Literal["id", "former", "name", "obsolete", "ambiguous", "unknown"]


@dataclass(frozen=True)
class Ontology:
    """A release of HPO. Terms are known by their places 0..n-1, in the order of their numbers.

    `numbers` `(n,)`: of the terms in use, ascending. `names`, `synonyms`: of each. `parents`,
    `ancestors`: places, the ancestors with the term itself. `former` `(m, 2)`: numbers of
    alternative and replaced identifiers, and the places that they lead to, by number. `gone`:
    numbers that were withdrawn and lead nowhere, ascending.
    """

    release: str
    numbers: Places
    names: tuple[str, ...]
    synonyms: tuple[tuple[str, ...], ...]
    parents: Rows
    ancestors: Rows
    former: Places
    gone: Places

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def descendants(self) -> Rows:
        """Places of the descendants of each term, with the term itself."""
        return self.ancestors.turned(len(self))

    @cached_property
    def is_phenotype(self) -> NDArray[np.bool_]:
        """`(n,)`: which terms are phenotypes. The root of the phenotypes says nothing of a patient,
        and is none."""
        found = np.zeros(len(self), np.bool_)
        root = self.place_of(PHENOTYPES)
        if root is not None:
            found[self.descendants[root]] = True
            found[root] = False
        return found

    @cached_property
    def _by_text(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for place, synonyms in enumerate(self.synonyms):
            for text in synonyms:
                found.setdefault(text.lower(), []).append(place)
        # A name wins over the synonyms of other terms.
        found.update({name.lower(): [place] for place, name in enumerate(self.names)})
        return found

    @cached_property
    def _words(self) -> list[str]:
        """Identifiers, former ones too, names and synonyms of each term in lower case."""
        ids = [[self.id_of(place)] for place in range(len(self))]
        for number, place in self.former.tolist():
            ids[place].append(term_id(number))
        parts = zip(ids, self.names, self.synonyms, strict=True)
        return [" ".join((*own, name, *synonyms)).lower() for own, name, synonyms in parts]

    def id_of(self, place: int) -> str:
        """The identifier of a term."""
        return term_id(int(self.numbers[place]))

    def place_of(self, number: int) -> int | None:
        """The place of a number that is in use."""
        place = int(np.searchsorted(self.numbers, number))
        return place if place < len(self) and self.numbers[place] == number else None

    def resolve(self, text: str) -> Resolved:
        """What an identifier, a name or a synonym means in this release."""
        number = term_number(text)
        if number is None:
            places = sorted(set(self._by_text.get(" ".join(text.lower().split()), ())))
            if not places:
                return Resolved(None, "unknown")
            return Resolved(places[0], "name") if len(places) == 1 else Resolved(None, "ambiguous")
        if (place := self.place_of(number)) is not None:
            return Resolved(place, "id")
        at = int(np.searchsorted(self.former[:, 0], number))
        if at < len(self.former) and self.former[at, 0] == number:
            return Resolved(int(self.former[at, 1]), "former")
        return Resolved(None, "obsolete" if number in self.gone else "unknown")

    def term(self, place: int) -> NamedTerm:
        """A term with its names."""
        return NamedTerm(self.id_of(place), self.names[place], self.synonyms[place])

    def search(self, text: str, most: int) -> list[NamedTerm]:
        """Terms that have all words of a text in their identifiers, names or synonyms: first those
        whose name begins with it, then the shorter names."""
        wanted = text.lower().split()
        if not wanted:
            return []
        start = " ".join(wanted)

        def rank(place: int) -> tuple[bool, int, int, int]:
            name = self.names[place].lower()
            missing = sum(word not in name for word in wanted)
            return not name.startswith(start), missing, len(name), place

        found = (
            place
            for place, words in enumerate(self._words)
            if all(word in words for word in wanted)
        )
        return [self.term(place) for place in sorted(found, key=rank)[:most]]
