"""Identifiers of disorders in their one spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.disorders import (
    find_disorder,
    parse_disorder,
    parse_disorders,
    read_disorder,
)
from gestalt_space.types import Disorder

MIM = (
    *("OMIM:122470", "omim: 122470", "MIM:122470", "mim :122470", "OMIM 122470", "MIM122470"),
    *("#122470", "# 122470", "OMIM#122470", "MIM #122470", "OMIM:#122470", "%122470"),
    *("OMIM_122470", "OMIM-122470", "OMIM:122470.0", "OMIM\uff1a122470", "ＯＭＩＭ：１２２４７０"),
    *("https://omim.org/entry/122470", "https://www.omim.org/entry/122470/", " OMIM:122470 "),
    *("https://omim.org/entry/122470?search=cornelia", "https://omim.org/entry/122470#text"),
)
OTHERS = (
    *(("ORPHA:199", "ORPHA:199"), ("ORPHA199", "ORPHA:199"), ("Orphanet:199", "ORPHA:199")),
    *(("Orphanet_199", "ORPHA:199"), ("orpha 199", "ORPHA:199"), ("ORPHAcode:199", "ORPHA:199")),
    ("http://www.orpha.net/ORDO/Orphanet_199", "ORPHA:199"),
    ("https://www.orpha.net/en/disease/detail/199", "ORPHA:199"),
    ("https://www.orpha.net/consor/cgi-bin/OC_Exp.php?Expert=199&lng=EN", "ORPHA:199"),
    ("http://identifiers.org/mim/122470", "OMIM:122470"),
    ("http://purl.obolibrary.org/obo/DOID_0011725", "http://purl.obolibrary.org/obo/DOID_0011725"),
    *(("MONDO:0007387", "MONDO:0007387"), ("MONDO_0007387", "MONDO:0007387")),
    *(("mondo 0007387", "MONDO:0007387"), ("mondo：0007387", "MONDO:0007387")),
    ("http://purl.obolibrary.org/obo/MONDO_0007387", "MONDO:0007387"),
    ("https://monarchinitiative.org/MONDO:0007387", "MONDO:0007387"),
    *(("OMIM:PS122470", "OMIM:PS122470"), ("MIM:ps122470", "OMIM:PS122470")),
    *(("PS122470", "OMIM:PS122470"), ("omimps:122470", "OMIM:PS122470")),
    ("https://omim.org/phenotypicSeries/PS122470", "OMIM:PS122470"),
    *(("Noonan syndrome", "Noonan syndrome"), ("DOID:11725", "DOID:11725"), ("GMDB:12", "GMDB:12")),
    ("Mowat–Wilson, type 2", "Mowat–Wilson, type 2"),
)


@pytest.mark.parametrize(("text", "code"), [*((text, "OMIM:122470") for text in MIM), *OTHERS])
def test_disorders_have_one_spelling(text: str, code: str) -> None:
    found = read_disorder(text)
    assert (found.value, found.note) == (code, "")
    assert read_disorder(code) == found


@given(
    st.integers(100_000, 699_999),
    st.sampled_from(["OMIM", "omim", "MIM", "Mim"]),
    st.sampled_from([":", " ", "#", ": ", " #", "_", "", "："]),
    st.sampled_from(["", ".0"]),
)
def test_whatever_stands_around_a_number_of_omim_is_no_part_of_it(
    number: int, prefix: str, sign: str, tail: str
) -> None:
    assert parse_disorder(f"{prefix}{sign}{number}{tail}") == f"OMIM:{number}"


@pytest.mark.parametrize("text", ["122470", "122470.0", " 122470"])
def test_six_digits_are_omim_s_and_noted(text: str) -> None:
    found = read_disorder(text)
    assert found.value == "OMIM:122470"
    assert f"The number {text.strip()!r} is read as OMIM:122470" in found.note


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("199", "ORPHA:199"),
        ("12247", "ORPHA:12247"),
        ("12345678", "an identifier"),
        ("122470.0001", "OMIM:122470"),
        ("122470 (Cornelia de Lange)", "OMIM:122470"),
        ("http://example.org/MONDO_0007387", "MONDO:0007387"),
        ("0007387", "MONDO:0007387"),
        ("900000", "ORPHA:900000"),
        ("OMIM:122470 Cornelia de Lange", "OMIM:122470"),
        ("Cornelia de Lange syndrome (MIM 122470)", "OMIM:122470"),
        ("122470 or MONDO:0007387", "MONDO:0007387"),
    ],
)
def test_a_free_name_that_looks_like_an_identifier_is_noted(text: str, meant: str) -> None:
    found = read_disorder(text)
    assert found.value == text
    assert "read as a free name" in found.note
    assert meant in found.note


@pytest.mark.parametrize(
    "text",
    [
        "OMIM:12247",
        "OMIM:1224700",
        "OMIM:x",
        "ORPHA:1234567",
        "MONDO:7387",
        "MIM 12247",
        "ORPHA:0",
        "#12247",
    ],
)
def test_a_number_that_the_catalogue_cannot_have_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="identifier") as caught:
        parse_disorder(text)
    assert "OMIM:122470" in caught.value.hint


@given(st.text(max_size=30))
def test_any_text_has_a_spelling_that_stays_or_is_refused(text: str) -> None:
    try:
        found = parse_disorder(text)
    except UsageError:
        return
    assert parse_disorder(found) == found


def test_disorders_and_names_go_together() -> None:
    a, b = Disorder("A"), Disorder("B")
    assert parse_disorders("", None) == ()
    assert parse_disorders("A", "") == (a,)
    assert parse_disorders("A;B", "a;b") == (Disorder("A", "a"), Disorder("B", "b"))
    assert parse_disorders("", "only a name") == (Disorder("only a name", "only a name"),)
    assert parse_disorders("NA", "only a name") == (Disorder("only a name", "only a name"),)
    assert parse_disorders("A", "one; two") == (Disorder("A", "one; two"),)
    assert parse_disorders("A|B", "NA|b") == (a, Disorder("B", "b"))
    assert parse_disorders("A;NA", None) == (a,)
    assert parse_disorders("A;B", "?") == (a, b)
    for ids, names in (("A;B", "a"), ("", "a;b"), ("A;B", "a;b;c")):
        with pytest.raises(UsageError, match="names"):
            parse_disorders(ids, names)


def test_a_comma_separates_identifiers_and_no_names() -> None:
    found = parse_disorders("OMIM:122470, ORPHA 199", None)
    assert found == (Disorder("OMIM:122470"), Disorder("ORPHA 199"))
    assert parse_disorders("Deafness, X-linked", None) == (Disorder("Deafness, X-linked"),)


KNOWN = {
    "OMIM:163950": "Noonan syndrome 1",
    "OMIM:605275": "Noonan syndrome 2",
    "ORPHA:648": "Noonan syndrome",
    "OMIM:122470": "Cornelia de Lange syndrome 1",
    "Kabuki": "",
    "kabuki-like": "Kabuki syndrome",
    "first": "Twice named",
    "second": "TWICE  named",
}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("omim 163950", "OMIM:163950"),
        ("163950", "OMIM:163950"),
        ("noonan  SYNDROME", "ORPHA:648"),
        ("Noonan syndrome 2", "OMIM:605275"),
        ("Cornelia de Lange", "OMIM:122470"),
        ("lange syndrome", "OMIM:122470"),
        ("KABUKI", "Kabuki"),
        ("kabuki syndrome", "kabuki-like"),
        ("Cornel", "Cornel"),
        ("OMIM:999999", "OMIM:999999"),
        ("", ""),
        ("-", "-"),
    ],
)
def test_a_disorder_is_found_by_identifier_or_name(text: str, code: str) -> None:
    assert find_disorder(text, KNOWN) == code


def test_a_name_of_several_disorders_is_refused_and_they_are_listed() -> None:
    with pytest.raises(UsageError) as refused:
        find_disorder("Noonan", KNOWN)
    assert refused.value.message == (
        "'Noonan' is in the names of 3 disorders: OMIM:163950 (Noonan syndrome 1), OMIM:605275 "
        "(Noonan syndrome 2), ORPHA:648 (Noonan syndrome)."
    )
    with pytest.raises(UsageError, match=r"2 disorders: first \(Twice named\), second"):
        find_disorder("twice NAMED", KNOWN)
    many = {str(number): f"Type {number} of it" for number in range(20)}
    with pytest.raises(UsageError, match=r"20 disorders: .*, 12 more"):
        find_disorder("of it", many)
