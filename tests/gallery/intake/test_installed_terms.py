"""What the intake says of terms by the release of HPO that is used."""

from __future__ import annotations

import pytest

from gestalt_space.gallery.intake import terms
from gestalt_space.gallery.intake.terms import notes_on_terms
from gestalt_space.phenotype.obo import parse_obo
from tests.phenotype.made import OBO


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release made up for tests in the place of the installed one."""
    monkeypatch.setattr(terms, "installed_ontology", lambda: parse_obo(OBO))


@pytest.mark.usefixtures("release")
def test_what_the_release_does_not_have_as_a_phenotype_is_noted() -> None:
    assert notes_on_terms(["HP:0000010", "HP:0000011"]) == []
    told = {
        "HP:9999999": "no term HP:9999999",
        "HP:0000090": "withdrawn the term HP:0000090",
        "HP:0000091": "has HP:0000091 as HP:0000010 (Nose)",
        "HP:0000019": "has HP:0000019 as HP:0000010 (Nose)",
        "HP:0000005": "HP:0000005 (Mode of inheritance) is not a phenotype",
    }
    for term, text in told.items():
        (note,) = notes_on_terms(["HP:0000010", term])
        assert text in note
    assert "2025-01-16" in notes_on_terms(["HP:9999999"])[0]


def test_nothing_is_claimed_without_a_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "installed_ontology", lambda: None)
    assert notes_on_terms(["HP:9999999"]) == []
