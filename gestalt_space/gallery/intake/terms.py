"""HPO terms: their one spelling, and whether the ontology has them where it is at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.values import COMMAS, SEPARATORS, known_of, plain, split_list
from gestalt_space.phenotype.identifiers import term_id, term_number
from gestalt_space.phenotype.ontology import Ontology
from gestalt_space.phenotype.release import installed_ontology


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
    number = term_number(plain(text))
    if number is None:
        raise UsageError(f"{text!r} is not an HPO term.", "Write it like HP:0000316.")
    return term_id(number)


def check_terms(present: Iterable[str], absent: Iterable[str]) -> None:
    """Raise `UsageError` for a term that is both present and absent."""
    if both := set(present) & set(absent):
        raise UsageError(f"{min(both)} is given both as present and as absent.", "Keep only one.")


def notes_on_terms(terms: Iterable[str]) -> list[str]:
    """Which terms HPO does not have, or has under another identifier, and which are no phenotypes.
    Nothing is claimed where no release is installed."""
    terms = list(terms)
    ontology = installed_ontology() if terms else None
    return [] if ontology is None else list(_notes(terms, ontology))


def _notes(terms: Iterable[str], ontology: Ontology) -> Iterator[str]:
    hpo = f"HPO of {ontology.release}"
    for term in terms:
        found = ontology.resolve(term)
        if found.place is None:
            if found.how == "obsolete":
                yield f"{hpo} has withdrawn the term {term}. Choose another one."
            else:
                yield f"{hpo} has no term {term}. Check the number."
            continue
        name = ontology.names[found.place]
        if found.how == "former":
            yield f"{hpo} has {term} as {ontology.id_of(found.place)} ({name})."
        if not ontology.is_phenotype[found.place]:
            yield f"{term} ({name}) is not a phenotype. Check the number."
