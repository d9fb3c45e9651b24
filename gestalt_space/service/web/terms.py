"""Terms of the Human Phenotype Ontology that a reader may note with a question: those whose face
can be simulated, with their synonyms in the reader's language, and the faces; all others by their
names in the release that is installed, or by their identifiers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from gestalt_space.demo.shown import SHOWN_STRENGTH
from gestalt_space.errors import NotInGallery, UsageError
from gestalt_space.gallery.intake.terms import parse_term
from gestalt_space.phenotype.release import installed_ontology
from gestalt_space.service.web.languages import Language, translations
from gestalt_space.service.web.words import N_
from gestalt_space.simulate.persons import Persons, Portrait
from gestalt_space.simulate.phenotypes import TERMS, show
from gestalt_space.store.reads import PatientRecord

MOST_FOUND = 20
MOST_SYNONYMS = 4
SHORTEST = 2
"""Letters of a search from which on there is an answer."""
_PERSON = 2026
_QUALITY = 90
PLAIN = "none"
"""Stands in the place of a term for the same face without any."""

# Synonyms are those of the ontology (hp.obo), the ones that are not the name in another order.
_WORDS: dict[str, tuple[str, str]] = {
    "HP:0000316": (N_("Hypertelorism"), N_("widely spaced eyes")),
    "HP:0000601": (N_("Hypotelorism"), N_("closely spaced eyes")),
    "HP:0000582": (N_("Upslanted palpebral fissure"), N_("upward slanting eyes")),
    "HP:0000494": (N_("Downslanted palpebral fissures"), N_("downward slanting eyes")),
    "HP:0012745": (N_("Short palpebral fissure"), N_("short opening between the eyelids")),
    "HP:0000637": (N_("Long palpebral fissure"), N_("wide opening between the eyelids")),
    "HP:0000508": (N_("Ptosis"), N_("drooping upper eyelid, blepharoptosis")),
    "HP:0000286": (N_("Epicanthus"), N_("epicanthal fold")),
    "HP:0000490": (N_("Deeply set eye"), N_("enophthalmos, sunken eyes")),
    "HP:0000520": (N_("Proptosis"), N_("exophthalmos, protruding eyes")),
    "HP:0000664": (N_("Synophrys"), N_("monobrow, unibrow")),
    "HP:0000574": (N_("Thick eyebrow"), N_("bushy eyebrows")),
    "HP:0045075": (N_("Sparse eyebrow"), N_("hypotrichosis of the eyebrow")),
    "HP:0002553": (N_("Highly arched eyebrow"), N_("arched eyebrows")),
    "HP:0000445": (N_("Wide nose"), N_("broad nose")),
    "HP:0000460": (N_("Narrow nose"), N_("thin nose")),
    "HP:0003189": (N_("Long nose"), N_("elongated nose")),
    "HP:0003196": (N_("Short nose"), N_("small nose")),
    "HP:0005280": (N_("Depressed nasal bridge"), N_("flat nasal bridge, low nasal root")),
    "HP:0000431": (N_("Wide nasal bridge"), N_("broad nasal root")),
    "HP:0000414": (N_("Bulbous nose"), N_("bulbous nasal tip")),
    "HP:0000463": (N_("Anteverted nares"), N_("upturned nostrils")),
    "HP:0000343": (N_("Long philtrum"), N_("elongated philtrum")),
    "HP:0000322": (N_("Short philtrum"), N_("decreased length of the philtrum")),
    "HP:0000319": (N_("Smooth philtrum"), N_("flat philtrum, indistinct philtrum")),
    "HP:0000154": (N_("Wide mouth"), N_("macrostomia, large mouth")),
    "HP:0000160": (N_("Narrow mouth"), N_("microstomia, small mouth")),
    "HP:0000219": (N_("Thin upper lip vermilion"), N_("thin upper lip")),
    "HP:0012471": (N_("Thick vermilion border"), N_("full lips, thick lips")),
    "HP:0002714": (N_("Downturned corners of mouth"), N_("downturned mouth")),
    "HP:0000347": (N_("Micrognathia"), N_("small lower jaw, mandibular hypoplasia")),
    "HP:0000303": (N_("Mandibular prognathia"), N_("prominent chin, prognathism")),
    "HP:0000337": (N_("Broad forehead"), N_("wide forehead")),
    "HP:0000348": (N_("High forehead"), N_("tall forehead")),
    "HP:0000311": (N_("Round face"), N_("round facies")),
    "HP:0000276": (N_("Long face"), N_("elongated face")),
    "HP:0000325": (N_("Triangular face"), N_("broad temples and narrow chin")),
    "HP:0000293": (N_("Full cheeks"), N_("chubby cheeks")),
    "HP:0001480": (N_("Freckling"), N_("freckles")),
    "HP:0000980": (N_("Pallor"), N_("paleness")),
}


@dataclass(frozen=True, slots=True)
class Term:
    """A term as a reader finds it. `search`: all of its words, in lower case; `is_shown`: whether
    there is a face, and the words are in the reader's language; `is_unknown`: not a term of the
    release that is installed."""

    id: str
    label: str
    synonyms: str
    search: str = ""
    is_shown: bool = False
    is_unknown: bool = False


@cache
def terms(language: Language) -> tuple[Term, ...]:
    """All terms that can be shown, in the order of the face."""
    told = translations(language).gettext
    return tuple(
        Term(
            id_,
            told(label),
            told(synonyms),
            " ".join((id_, label, synonyms, told(label), told(synonyms))).lower(),
            is_shown=True,
        )
        for id_, (label, synonyms) in _WORDS.items()
    )


def chosen_terms(ids: Sequence[str], language: Language) -> list[Term]:
    """Terms by their identifiers. Raises `UsageError` for what is no identifier of a term."""
    return named_terms(list(dict.fromkeys(map(parse_term, ids))), language)


def named_terms(ids: Sequence[str], language: Language) -> list[Term]:
    """Terms that the gallery has, by their identifiers, in their order."""
    shown = {term.id: term for term in terms(language)}
    return [shown.get(one) or _other_term(one) for one in ids]


@dataclass(frozen=True, slots=True)
class PatientTerms:
    """The terms of a patient, and those that are absent."""

    present: list[Term]
    absent: list[Term]


def patient_terms(patient: PatientRecord, language: Language) -> PatientTerms:
    """The terms that the gallery has of a patient, by their names."""
    return PatientTerms(
        named_terms(patient.hpo, language), named_terms(patient.hpo_absent, language)
    )


def further_terms(text: str) -> list[Term]:
    """Terms without a face that fit a search, at most `MOST_FOUND`; where it is an identifier, that
    one."""
    with suppress(UsageError):
        typed = parse_term(text)
        return [] if typed in _WORDS else [_other_term(typed)]
    if len(text.strip()) < SHORTEST:
        return []
    ontology = installed_ontology()
    found = [] if ontology is None else ontology.search(text, MOST_FOUND + len(_WORDS))
    return [_other_term(one.id) for one in found if one.id not in _WORDS][:MOST_FOUND]


def _other_term(id_: str) -> Term:
    """A term without a face. Nothing is claimed of it where no release is installed."""
    ontology = installed_ontology()
    if ontology is None:
        return Term(id_, id_, "")
    place = ontology.resolve(id_).place
    if place is None:
        return Term(id_, id_, "", is_unknown=True)
    named = ontology.term(place)
    return Term(id_, named.name, ", ".join(named.synonyms[:MOST_SYNONYMS]))


@cache
def term_picture(term: str) -> bytes:
    """A simulated face that shows a term, or none for `PLAIN`, as JPEG. Raises `NotInGallery`."""
    if term != PLAIN and term not in TERMS:
        raise NotInGallery(f"There is no simulated face for {term!r}.", "Choose from the list.")
    pixels = show(_portrait(), {} if term == PLAIN else {term: SHOWN_STRENGTH}).pixels
    ok, data = cv2.imencode(
        ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, _QUALITY)
    )
    assert ok, "OpenCV writes any RGB image as JPEG"  # noqa: S101
    return bytes(data)


@cache
def _portrait() -> Portrait:
    """A person who does not exist."""
    persons, rng = Persons.builtin(), np.random.default_rng(_PERSON)
    return persons.portrait(persons.sample(rng, sex="female", age_years=9), rng)
