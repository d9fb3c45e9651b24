"""What a single cell says: ages, sexes, faces, lists, and that nothing is known."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.ages import age_text, same_age
from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.values import (
    is_unknown,
    note_on_consent,
    parse_age,
    parse_consent,
    parse_face,
    parse_sex,
    parse_text,
    split_list,
)
from gestalt_space.types import WITHDRAWN
from tests.gallery.intake.words import UNKNOWN_WORDS


@pytest.mark.parametrize("word", UNKNOWN_WORDS)
def test_one_rule_says_what_is_not_known(word: str) -> None:
    assert is_unknown(word)
    assert is_unknown(word.upper())
    assert [parse(word) for parse in (parse_age, parse_sex, parse_face, parse_text)] == [None] * 4


@pytest.mark.parametrize("word", ["unknown syndrome", "0", "no", "--", "Nan Hua", "x"])
def test_other_words_are_words(word: str) -> None:
    assert not is_unknown(word)
    assert parse_text(word) == word


@given(st.text(max_size=20))
def test_a_text_has_one_spelling(text: str) -> None:
    forms = {parse_text(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert len(forms) == 1
    (found,) = forms
    assert parse_text(found) == found


def test_lists_are_cut_at_semicolons_and_bars() -> None:
    assert split_list(" a;b | c;; ；d") == ["a", "b", "c", "d"]
    assert split_list(None) == []


@given(st.floats(0, 130, allow_nan=False))
def test_an_age_that_was_written_is_read_to_the_day(years: float) -> None:
    found = parse_age(age_text(years))
    assert found is not None
    assert same_age(found, years)


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("4", 4.0),
        ("4.5", 4.5),
        (" 4Y ", 4.0),
        ("4y", 4.0),
        ("4 years", 4.0),
        ("18m", 1.5),
        ("18 months", 1.5),
        ("4y6m", 4.5),
        ("4y 6m", 4.5),
        ("4 years 6 months", 4.5),
        ("1y6m7d", 1.5 + 7 / 365.25),
        ("3w", 21 / 365.25),
        ("3 weeks", 21 / 365.25),
        ("10d", 10 / 365.25),
        ("1.5y", 1.5),
        ("0", 0.0),
        ("0d", 0.0),
        ("130", 130.0),
        ("4,5", 4.5),
        ("4,5y", 4.5),
        ("１８m", 1.5),
    ],
)
def test_ages_are_read_in_all_their_notations(text: str, years: float) -> None:
    assert parse_age(text) == pytest.approx(years)


@pytest.mark.parametrize(
    "text",
    [
        "-1",
        "131",
        "1600m",
        "old",
        "4x",
        "y",
        "4y6",
        "inf",
        "1e400",
        "4-5",
        "3 wives",
        "2 men",
    ],
)
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an age") as caught:
        parse_age(text)
    assert "4y" in caught.value.hint


@given(
    years=st.integers(0, 100),
    months=st.integers(0, 11),
    days=st.integers(0, 30),
    blank=st.sampled_from(["", " "]),
    words=st.sampled_from([("y", "m", "d"), ("years", "months", "days"), ("Y", "M", "D")]),
)
def test_an_age_is_the_sum_of_its_parts(
    years: int, months: int, days: int, blank: str, words: tuple[str, str, str]
) -> None:
    parts = [f"{n}{blank}{word}" for n, word in zip((years, months, days), words, strict=True)]
    wanted = years + months / 12 + days / 365.25
    assert parse_age(blank.join(parts)) == pytest.approx(wanted)


@given(st.floats(0, 130, allow_nan=False))
def test_years_as_a_number_come_through(years: float) -> None:
    assert parse_age(repr(years)) == pytest.approx(years)


@given(st.text(max_size=12))
def test_any_text_is_an_age_within_reason_unknown_or_refused(text: str) -> None:
    try:
        years = parse_age(text)
    except UsageError:
        return
    assert years is None or 0 <= years <= 130


@pytest.mark.parametrize(
    ("text", "sex"),
    [
        *(("female", "female"), ("F", "female"), ("m", "male"), ("Male", "male")),
        *(("other", "other"), ("", None), (None, None), ("unknown", None), ("?", None)),
    ],
)
def test_sexes(text: str | None, sex: str | None) -> None:
    assert parse_sex(text) == sex


def test_a_sex_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="Unknown sex 'both'"):
        parse_sex("both")


@pytest.mark.parametrize(("text", "number"), [("", None), (None, None), ("1", 1), (" 12 ", 12)])
def test_numbers_of_faces(text: str | None, number: int | None) -> None:
    assert parse_face(text) == number


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "one", "²"])
def test_what_is_no_number_of_a_face_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not the number of a face"):
        parse_face(text)


@pytest.mark.parametrize(
    "text", ["withdrawn", " Withdrawn. ", "REVOKED", "Consent withdrawn", "consent was revoked"]
)
def test_consent_that_was_taken_back_has_one_spelling(text: str) -> None:
    assert parse_consent(text) == WITHDRAWN


@pytest.mark.parametrize("text", ["research", "not withdrawn", "withdrawn for research only"])
def test_other_words_of_consent_stay(text: str) -> None:
    assert parse_consent(text) == text
    noted = "Only `withdrawn` takes a patient out of matching" in note_on_consent(text)
    assert noted == ("withdrawn" in text)
