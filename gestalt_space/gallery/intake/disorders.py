"""Identifiers of disorders in their one spelling, whatever a table made of them, and by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.values import (
    COMMAS,
    ReadValue,
    is_unknown,
    known_of,
    plain,
    split_list,
)
from gestalt_space.names import likeness, normal_name
from gestalt_space.types import Disorder

ADVICE = "write only the identifier, with its catalogue."
_LISTED = 8
"""Disorders that a refusal lists."""
EXAMPLES = "Write it like OMIM:122470, OMIM:PS122470, ORPHA:199 or MONDO:0007387."


@dataclass(frozen=True, slots=True)
class _Catalogue:
    prefix: str
    number: re.Pattern[str]


_CATALOGUES = {
    "mim": _Catalogue("OMIM", re.compile("(?:PS)?[1-9][0-9]{5}")),
    "orpha": _Catalogue("ORPHA", re.compile("[1-9][0-9]{0,5}")),
    "mondo": _Catalogue("MONDO", re.compile("[0-9]{7}")),
}
_FAMILIES = {
    **dict.fromkeys(("mim", "omim", "omimps"), "mim"),
    **dict.fromkeys(("orpha", "orphanet", "orphacode", "orpha code", "ordo"), "orpha"),
    "mondo": "mondo",
}
_NAMES = "|".join(sorted(_FAMILIES, key=len, reverse=True))
_NUMBER = r"(?P<number>(?:ps)?[0-9]+)(?:\.0)?"
_PREFIXED = re.compile(rf"[#*+%^]?\s*(?P<name>{_NAMES})[\s:#_./-]*{_NUMBER}", re.IGNORECASE)
_OTHER_NUMBER = re.compile(
    r"(?P<name>omim|mim|orpha|orphanet|mondo)\s*:\s*(?P<rest>\S+)", re.IGNORECASE
)
_BARE = re.compile(r"(?P<sign>[#%])?\s*(?P<number>(?:ps)?[0-9]+)(?:\.0)?", re.IGNORECASE)
_BARE_MIM = re.compile("[1-6][0-9]{5}")
"""OMIM's numbers of phenotypes and genes begin with 1 to 6."""
_PAGE = re.compile(
    r"https?://(?:www\.)?(?:"
    r"(?P<mim>omim\.org/(?:entry|phenotypicseries|clinicalsynopsis|mim)/|identifiers\.org/o?mim[:/])"
    r"|(?P<orpha>orpha\.net/(?:ordo/orphanet_|\S*[?&]expert=|\S*/disease/detail/)"
    r"|identifiers\.org/orphanet[:/])"
    r"|(?P<mondo>purl\.obolibrary\.org/obo/mondo_|monarchinitiative\.org/(?:disease/)?mondo:"
    r"|identifiers\.org/mondo[:/])"
    r")(?P<number>(?:ps)?[0-9]+)(?:[/?#&]\S*)?",
    re.IGNORECASE,
)
"""The pages of disorders in these catalogues."""
_INSIDE = re.compile(
    rf"\b(?:(?P<name>{_NAMES})[\s:#_./-]*)?(?P<number>(?:ps)?[0-9]+)\b", re.IGNORECASE
)


def parse_disorder(text: str) -> str:
    """A disorder's identifier in its one spelling; see `read_disorder`. Raises `UsageError`."""
    return read_disorder(text).value


def find_disorder(text: str, known: Mapping[str, str]) -> str:
    """The identifier of the disorder that is meant, among `known` names by identifier; what names
    none of them is read as an identifier.

    An identifier is meant before a whole name, and that before words of one; case does not count.
    Raises `UsageError` where several are named so, and as `parse_disorder` does.
    """
    code = parse_disorder(text)
    meant, words = likeness(text), f" {_words(text)} "
    if code in known or not words.strip():
        return code
    whole = [one for one, name in known.items() if meant in (likeness(one), likeness(name))]
    found = whole or [one for one, name in known.items() if words in f" {_words(name)} "]
    if len(found) > 1:
        listed = [f"{one} ({known[one]})" for one in sorted(found)[:_LISTED]]
        more = [f"{len(found) - _LISTED:,} more"] if len(found) > _LISTED else []
        raise UsageError(
            f"{normal_name(text)!r} is in the names of {len(found):,} disorders: "
            f"{', '.join((*listed, *more))}.",
            "Give the identifier of the one that you mean. For several, repeat the option.",
        )
    return found[0] if found else code


def read_disorder(text: str) -> ReadValue:
    """A disorder's identifier in its one spelling: `omim 122470`, `#122470` and the address of
    OMIM's page are `OMIM:122470`.

    A number of six digits alone is taken for OMIM's, with a note. What no catalogue has is a free
    name and stays as it is, with a note where an identifier seems to be meant. Raises `UsageError`
    for a number that the named catalogue cannot have.
    """
    name = normal_name(text)
    simple = plain(text)
    if found := _PAGE.fullmatch(simple):
        family = next(family for family in _CATALOGUES if found[family])
        return ReadValue(_identifier(family, found["number"], name))
    if found := _PREFIXED.fullmatch(simple):
        return ReadValue(_prefixed(found, name))
    if found := _OTHER_NUMBER.fullmatch(simple):
        raise _impossible(_CATALOGUES[_FAMILIES[found["name"].lower()]].prefix, name)
    if found := _BARE.fullmatch(simple):
        return _bare(found, name)
    meant = {code for one in _INSIDE.finditer(simple) if (code := _likely(one)) is not None}
    if meant:
        return ReadValue(
            name, f"{name!r} is read as a free name. If {min(meant)} is meant, {ADVICE}"
        )
    return ReadValue(name)


def parse_disorders(ids: str | None, names: str | None) -> tuple[Disorder, ...]:
    """Disorders from two lists of the same order, as the table's cells have them.

    The identifiers are as written. Raises `UsageError` where the lists do not go together.
    """
    codes, titles = split_disorders(ids), split_list(names)
    if len(titles) != len(codes):
        codes, titles = known_of(codes), known_of(titles)
        if len(codes) == 1:
            # A single disorder whose name has a semicolon in it.
            titles = ["; ".join(titles)]
        elif not codes and len(titles) == 1:
            codes = titles
        elif titles and len(titles) != len(codes):
            raise UsageError(
                f"{len(codes)} disorders have {len(titles)} names.",
                "Give one name for each identifier, separated by ;.",
            )
    pairs = zip(codes, titles or [""] * len(codes), strict=True)
    named = ((title if is_unknown(code) else code, title) for code, title in pairs)
    return tuple(
        Disorder(code, "" if is_unknown(title) else title)
        for code, title in named
        if not is_unknown(code)
    )


def split_disorders(text: str | None) -> list[str]:
    """The entries of a list of disorders. A comma separates them only where each is an identifier:
    the names of disorders have commas."""
    entries = []
    for entry in split_list(text):
        parts = split_list(entry, COMMAS)
        are_identifiers = all(_PREFIXED.fullmatch(plain(part)) for part in parts)
        entries += parts if are_identifiers else [entry]
    return entries


def _prefixed(found: re.Match[str], text: str) -> str:
    prefix = found["name"].lower()
    # As MONDO writes phenotypic series of OMIM.
    series = "PS" if prefix == "omimps" else ""
    return _identifier(_FAMILIES[prefix], series + found["number"], text)


def _identifier(family: str, number: str, text: str) -> str:
    catalogue = _CATALOGUES[family]
    number = number.upper()
    if family == "orpha":
        number = number.lstrip("0")
    if not catalogue.number.fullmatch(number):
        raise _impossible(catalogue.prefix, text)
    return f"{catalogue.prefix}:{number}"


def _words(text: str) -> str:
    """The words of a name, as a reader tells them apart."""
    return " ".join(re.findall(r"\w+", likeness(text)))


def _impossible(prefix: str, text: str) -> UsageError:
    return UsageError(f"{text!r} is not an {prefix} identifier.", EXAMPLES)


def _bare(found: re.Match[str], name: str) -> ReadValue:
    number = found["number"].upper()
    if found["sign"] is not None or number.startswith("PS"):
        return ReadValue(_identifier("mim", number, name))
    if _BARE_MIM.fullmatch(number):
        return ReadValue(f"OMIM:{number}", f"The number {name!r} is read as OMIM:{number}.")
    meant = "an identifier"
    for family in ("mondo", "orpha"):
        if _CATALOGUES[family].number.fullmatch(number):
            meant = f"{_CATALOGUES[family].prefix}:{number}"
    return ReadValue(
        name, f"The number {name!r} is read as a free name. If {meant} is meant, {ADVICE}"
    )


def _likely(found: re.Match[str]) -> str | None:
    """The identifier that a part of a free name seems to be."""
    if found["name"] is None:
        return f"OMIM:{found['number']}" if _BARE_MIM.fullmatch(found["number"]) else None
    try:
        return _prefixed(found, found[0])
    except UsageError:
        return None
