"""Brings the catalogues of the languages up to the sources: `python -m
gestalt_space.service.web.catalogues`. New entries are empty, and for a translator to fill."""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from gestalt_space.service.web.languages import CATALOGUE, LANGUAGES, Language

SERVICE = Path(__file__).parents[1]
_METHODS = [("web/**.py", "python"), ("templates/**.html", "jinja2")]
_OPTIONS = {"templates/**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}}
_FUNCTIONS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}


def messages() -> Catalog:
    """All texts of pages, where they stand."""
    found = Catalog()
    texts = extract_from_dir(
        SERVICE, method_map=_METHODS, options_map=_OPTIONS, keywords=_FUNCTIONS
    )
    for file, _, text, comments, context in texts:
        found.add(text, locations=[(file, 0)], auto_comments=comments, context=context)
    return found


def catalogue_path(language: Language) -> Path:
    """Where the words of a language stand."""
    return SERVICE / "locales" / language / "LC_MESSAGES" / CATALOGUE


def read_catalogue(language: Language) -> Catalog:
    """The words of a language, as they are translated so far."""
    with catalogue_path(language).open("rb") as source:
        return read_po(source, locale=language)


def update(language: Language) -> None:
    """Bring a catalogue up to the sources; what is not said any more leaves."""
    path = catalogue_path(language)
    catalogue = read_catalogue(language) if path.exists() else Catalog(language)
    catalogue.header_comment = "# The pages of gestalt-space."
    catalogue.fuzzy = False
    # A similar text is no translation of this one.
    catalogue.update(messages(), no_fuzzy_matching=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as place:
        write_po(
            place,
            catalogue,
            width=100,
            ignore_obsolete=True,
            sort_by_file=True,
            include_lineno=False,
        )


if __name__ == "__main__":
    for one in LANGUAGES:
        if one != "en":
            update(one)
