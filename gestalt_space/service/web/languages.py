"""The languages of the pages, which one a reader wants, and their words.

Catalogues are read as translators write them, from `.po` files: nothing has to be built first.
"""

from __future__ import annotations

import io
from functools import cache
from gettext import NullTranslations
from importlib.resources import files
from typing import Literal

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from starlette.requests import Request

Language = Literal["en", "de", "zh_Hant"]
LANGUAGES: dict[Language, str] = {"en": "English", "de": "Deutsch", "zh_Hant": "繁體中文"}
"""The languages by their own names."""
COOKIE = "gestalt_language"
CATALOGUE = "messages.po"


def tag_of(language: Language) -> str:
    """The language as HTML names it (BCP 47)."""
    return language.replace("_", "-")


def language_named(name: str) -> Language | None:
    """The language of a cookie or of a tag like `zh-TW`; None where the pages do not have it."""
    parts = name.replace("-", "_").lower().split("_")
    for language in LANGUAGES:
        # All of Chinese: a reader of the simplified script reads the other rather than English.
        if parts[0] == language.split("_")[0]:
            return language
    return None


def language_of(request: Request) -> Language:
    """What a reader chose, else what their browser prefers, else English."""
    chosen = language_named(request.cookies.get(COOKIE, ""))
    return chosen or _preferred(request.headers.get("accept-language", ""))


@cache
def translations(language: Language) -> NullTranslations:
    """The words of a language; English ones are in the sources."""
    if language == "en":
        return NullTranslations()
    place = files("gestalt_space.service") / "locales" / language / "LC_MESSAGES" / CATALOGUE
    compiled = io.BytesIO()
    with place.open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def _preferred(header: str) -> Language:
    """The language of an `Accept-Language` header that stands first by weight."""
    wanted = []
    for place, part in enumerate(header.split(",")):
        name, _, weight = part.partition(";")
        language = language_named(name.strip())
        try:
            share = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            share = 0.0
        if language is not None and share > 0:
            wanted.append((-share, place, language))
    return min(wanted)[2] if wanted else "en"
