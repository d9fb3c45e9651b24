"""Every text of the pages is there in every language, with the values that belong into it."""

from __future__ import annotations

import re

import pytest
from babel.messages.catalog import Catalog, Message

from gestalt_space.errors import GestaltError
from gestalt_space.service.web.catalogues import messages, read_catalogue
from gestalt_space.service.web.languages import LANGUAGES, Language
from gestalt_space.service.web.words import ACTIONS, ERRORS, script_words
from gestalt_space.store.audit import COPIES
from gestalt_space.store.copied import COPY
from gestalt_space.store.homes import FORGET, RETURN
from gestalt_space.store.taken_back import CORRECTIONS, HARMLESS, REMOVALS, UNDO

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}|%%|%s")
TRANSLATED: list[Language] = [one for one in LANGUAGES if one != "en"]


@pytest.fixture(scope="module")
def said() -> Catalog:
    return messages()


def texts(of: Message) -> list[str]:
    return [of.string] if isinstance(of.string, str) else list(of.string)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated(language: Language, said: Catalog):
    catalogue = read_catalogue(language)
    missing = [one.id for one in said if one.id and not catalogue.get(one.id, one.context)]
    unsaid = [one.id for one in catalogue if one.id and not said.get(one.id, one.context)]
    empty = [one.id for one in catalogue if one.id and not all(map(str.strip, texts(one)))]
    fuzzy = [one.id for one in catalogue if one.fuzzy]
    assert (missing, unsaid, empty, fuzzy) == ([], [], [], [])
    assert len(said) > 50


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_translation_has_the_values_of_its_text(language: Language):
    for message in read_catalogue(language):
        if not message.id:
            continue
        singular, *plural = [message.id] if isinstance(message.id, str) else message.id
        # The plural has them all; that of one may leave the number out.
        expected = sorted(PLACEHOLDER.findall(plural[0] if plural else singular))
        for text in texts(message):
            assert sorted(PLACEHOLDER.findall(text)) == expected, message.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_is_not_the_english_text(language: Language):
    same = {one.id for one in read_catalogue(language) if one.id and one.id in texts(one)}
    names = {"Phenopacket", "Ptosis", "Proptosis", "Synophrys"}
    assert same <= {"Name", "Patient", "optional"} | names


def test_every_action_of_the_trail_has_a_name():
    known = {*CORRECTIONS, UNDO, *REMOVALS, *HARMLESS, *COPIES, COPY, FORGET, RETURN}
    assert known <= set(ACTIONS)


def kinds(of: type[GestaltError]) -> list[type[GestaltError]]:
    return [of, *(deeper for kind in of.__subclasses__() for deeper in kinds(kind))]


def test_every_error_is_explained():
    codes = {kind.code for kind in kinds(GestaltError) if kind.__module__.startswith("gestalt_")}
    assert codes - ERRORS.keys() == set()
    assert {f"error.{code}" for code in codes} <= script_words("de").keys()
