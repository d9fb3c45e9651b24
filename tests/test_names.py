"""Names in one spelling."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.names import likeness, normal_name


@given(st.text())
def test_every_form_of_a_name_is_one_name(text: str) -> None:
    found = normal_name(text)
    assert {normal_name(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")} == {found}
    assert normal_name(f" {found} ") == found
    assert likeness(found) == likeness(text)


def test_likeness_leaves_case_and_blanks_out() -> None:
    assert likeness(" P  17") == likeness("p 17")
    assert likeness("STRASSE") == likeness("straße")
    assert likeness("P17") != likeness("P 17")
