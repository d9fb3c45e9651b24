"""HPO terms: their one spelling, and whether the ontology has them where it is at hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.ontology import installed_ontology
from gestalt_space.gallery.intake.values import COMMAS, SEPARATORS, known_of, plain, split_list

_TERM = re.compile(
    r"(?:https?://purl\.obolibrary\.org/obo/)?HP[\s:_]*(?P<number>[0-9]{7})", re.IGNORECASE
)


def split_terms(text: str | None) -> list[str]:
    """The known entries of a list of terms."""
    return known_of(split_list(text, SEPARATORS + COMMAS))


def parse_hpo(terms: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """HPO terms present, and absent (written `!HP:0000252`). Raises `UsageError`."""
    present: dict[str, None] = {}
    absent: dict[str, None] = {}
    for term in terms:
        simple = plain(term)
        code = parse_term(simple.removeprefix("!").strip())
        (absent if simple.startswith("!") else present)[code] = None
    check_terms(present, absent)
    return tuple(present), tuple(absent)


def parse_term(text: str) -> str:
    """A term in its one spelling: `hp_0000316` is `HP:0000316`. Raises `UsageError`."""
    found = _TERM.fullmatch(plain(text))
    if found is None:
        raise UsageError(f"{text!r} is not an HPO term.", "Write it like HP:0000316.")
    return f"HP:{found['number']}"


def check_terms(present: Iterable[str], absent: Iterable[str]) -> None:
    """Raise `UsageError` for a term that is both present and absent."""
    if both := set(present) & set(absent):
        raise UsageError(f"{min(both)} is given both as present and as absent.", "Keep only one.")


def notes_on_terms(terms: Iterable[str]) -> list[str]:
    """Which terms HPO does not have. Nothing is claimed where no release is installed."""
    terms = list(terms)
    ontology = installed_ontology() if terms else None
    if ontology is None:
        return []
    return [
        f"HPO of {ontology.release} has no term {term}. Check the number."
        for term in terms
        if term not in ontology.terms
    ]
