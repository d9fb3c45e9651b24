"""HPO as its file `hp.obo` has it (OBO 1.2), read by the few lines that are needed."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

import numpy as np

from gestalt_space.errors import TableDamaged
from gestalt_space.phenotype.ontology import Ontology, Rows

_RELEASE = re.compile(r"^data-version: (?:hp/releases/)?(\S+)", re.MULTILINE)
_LINE = re.compile(
    r"^(?:(?P<key>id|alt_id|is_a|replaced_by): HP:(?P<number>[0-9]{7})"
    r'|name: (?P<name>.+)|synonym: "(?P<synonym>(?:[^"\\]|\\.)*)"|(?P<gone>is_obsolete: true))',
    re.MULTILINE,
)
_STANZA = "\n[Term]\n"
_OTHER_STANZA = "\n["
_HINT = "Use the files of one release of HPO as they were published."


@dataclass(slots=True)
class _Stanza:
    number: int
    name: str
    synonyms: list[str]
    parents: list[int]
    alternatives: list[int]
    replaced_by: int | None
    is_gone: bool


def parse_obo(text: str) -> Ontology:
    """A release of HPO from the text of `hp.obo`. Raises `TableDamaged`."""
    stanzas = [stanza for part in text.split(_STANZA)[1:] if (stanza := _stanza(part))]
    used = {stanza.number: stanza for stanza in stanzas if not stanza.is_gone}
    if not used:
        raise TableDamaged("hp.obo has no terms.", _HINT)
    numbers = sorted(used)
    places = {number: place for place, number in enumerate(numbers)}
    ordered = [used[number] for number in numbers]
    parents = [
        sorted({places[parent] for parent in stanza.parents if parent in places})
        for stanza in ordered
    ]
    former = {
        other: place
        for place, stanza in enumerate(ordered)
        for other in stanza.alternatives
        if other not in places
    }
    gone = {stanza.number: stanza.replaced_by for stanza in stanzas if stanza.is_gone}
    for number in gone:
        if (place := _replacement(number, gone, places | former)) is not None:
            former[number] = place
    release = _RELEASE.search(text)
    return Ontology(
        release=release[1] if release else "of an unknown date",
        numbers=np.array(numbers, np.int32),
        names=tuple(stanza.name for stanza in ordered),
        synonyms=tuple(
            tuple(one for one in dict.fromkeys(stanza.synonyms) if one != stanza.name)
            for stanza in ordered
        ),
        parents=_rows(parents),
        ancestors=_rows(_ancestors(parents)),
        former=np.array(sorted(former.items()), np.int32).reshape(-1, 2),
        gone=np.array(sorted(gone.keys() - former.keys()), np.int32),
    )


def _stanza(text: str) -> _Stanza | None:
    """One term; None for what has no identifier of HPO or no name."""
    found = _Stanza(-1, "", [], [], [], None, is_gone=False)
    for line in _LINE.finditer(text.split(_OTHER_STANZA, 1)[0]):
        number = int(line["number"] or -1)
        match line["key"]:
            case "id":
                found.number = number
            case "alt_id":
                found.alternatives.append(number)
            case "is_a":
                found.parents.append(number)
            case "replaced_by":
                found.replaced_by = number
        found.name = line["name"] or found.name
        if line["synonym"]:
            found.synonyms.append(line["synonym"].replace("\\", ""))
        found.is_gone = found.is_gone or line["gone"] is not None
    return found if found.number >= 0 and (found.name or found.is_gone) else None


def _replacement(number: int, gone: dict[int, int | None], places: dict[int, int]) -> int | None:
    """The place of the term that stands for a withdrawn one, through several replacements."""
    seen: set[int] = set()
    next_: int | None = number
    while next_ is not None and next_ not in seen:
        if next_ in places:
            return places[next_]
        seen.add(next_)
        next_ = gone.get(next_)
    return None


def _ancestors(parents: list[list[int]]) -> list[list[int]]:
    """The ancestors of each term with itself, ascending. Raises `TableDamaged` for a circle."""
    children: list[list[int]] = [[] for _ in parents]
    waiting = [len(own) for own in parents]
    for place, own in enumerate(parents):
        for parent in own:
            children[parent].append(place)
    ready = deque(place for place, count in enumerate(waiting) if not count)
    found: list[set[int]] = [set() for _ in parents]
    done = 0
    while ready:
        place = ready.popleft()
        done += 1
        found[place] = {place}.union(*(found[parent] for parent in parents[place]))
        for child in children[place]:
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    if done < len(parents):
        raise TableDamaged("hp.obo has terms that are their own ancestors.", _HINT)
    return [sorted(one) for one in found]


def _rows(lists: list[list[int]]) -> Rows:
    starts = np.zeros(len(lists) + 1, np.int64)
    np.cumsum([len(one) for one in lists], out=starts[1:])
    return Rows(starts, np.array([value for one in lists for value in one], np.int32))
