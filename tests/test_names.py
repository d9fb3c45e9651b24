"""Names in one spelling."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.names import find_file, likeness, normal_name


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


def test_a_file_is_found_as_written_first(tmp_path: Path) -> None:
    nfc, nfd = (tmp_path / unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    nfd.touch()
    assert find_file(nfc) == nfd
    if not nfc.exists():  # a disk that keeps both forms apart
        nfc.touch()
        assert find_file(nfc) == nfc
        assert find_file(nfd) == nfd


@pytest.mark.parametrize("name", ["nothing.png", "no\0name.png", "x" * 5000])
def test_a_path_without_a_file_stays(name: str, tmp_path: Path) -> None:
    assert find_file(tmp_path / name) == tmp_path / name
    assert find_file(Path(name)) == Path(name)
