"""`gestalt export phenopackets` and `gestalt index import-phenopackets`."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gestalt_space.weights.store import ModelStore
from tests.cli.conftest import Command
from tests.documents.validation import assert_valid
from tests.galleries import make_home
from tests.interop.test_phenopackets import packet
from tests.simulate.published import write_faces_release


@pytest.fixture(autouse=True)
def _release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GESTALT_HPO_RELEASE", str(write_faces_release(tmp_path / "release")))


@pytest.fixture
def tiny_home(tmp_path: Path, tiny_store: ModelStore) -> Path:
    """Another home, without patients."""
    return make_home(tmp_path / "other", tiny_store)


def shown(gestalt: Command, home: Path) -> list[dict[str, Any]]:
    """The patients of a home, without what phenopackets cannot have."""
    listed = gestalt("index", "list", "--json", "--home", home).document["patients"]
    found = []
    for one in listed:
        patient = gestalt("index", "show", one["patient"], "--json", "--home", home)
        record = patient.document["patient"]
        for name in ("added_at", "cohort", "consent"):
            del record[name]
        for photo in record["photos"]:
            del photo["added_at"]
        found.append(record)
    return found


def test_patients_come_back_as_they_were(
    filled: Path, gestalt: Command, tmp_path: Path, tiny_home: Path
) -> None:
    done = gestalt("export", "phenopackets", "-o", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    assert_valid(done.document)
    export = done.document["export"]
    assert (export["patients"], export["photos"], export["hpo"]) == (4, 4, "2025-01-16")
    assert export["lost"]["cohort"] == 3
    assert len(list((tmp_path / "out").iterdir())) == 4
    log = gestalt("index", "log", "--json").document
    assert "export" in json.dumps(log)
    words = ("index", "import-phenopackets", tmp_path / "out", "--home", tiny_home)
    words += ("--photos", tmp_path, "--detector", "aligned")
    refused = gestalt(*words, "--dry-run", "--json")
    assert refused.document["phenopackets"]["left_out"] == {"no consent stated": 4}
    seen = gestalt(*words, "--consent", "research", "--dry-run", "--json")
    assert_valid(seen.document)
    assert seen.document["phenopackets"]["photos"] == 4
    assert not list(tiny_home.glob("*.db"))
    elsewhere = ("index", "import-phenopackets", tmp_path / "out", "--home", tiny_home)
    lost = gestalt(*elsewhere, "--consent", "research", "--dry-run")
    assert "4 photos left out: no such file." in lost.err
    assert "--photos DIR" in lost.err
    assert "--photos DIR" not in gestalt(*words, "--consent", "research", "--dry-run").err
    added = gestalt(*words, "--consent", "research", "--json")
    assert added.code == 0, added.err
    assert_valid(added.document)
    assert added.document["counts"]["added"] == 4
    assert shown(gestalt, tiny_home) == shown(gestalt, filled)
    again = gestalt(*words, "--consent", "research", "--json")
    assert again.document["counts"]["already"] == 4


def test_an_impossible_sex_or_age_is_named(gestalt: Command, tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    subject = {"sex": "MALES", "timeAtLastEncounter": {"age": {"iso8601duration": "P300Y"}}}
    path.write_text(json.dumps(packet(subject=subject)), encoding="utf-8")
    words = ("index", "import-phenopackets", path, "--dry-run")
    done = gestalt(*words, "--json")
    assert_valid(done.document)
    sex, age = done.document["phenopackets"]["not_used"]
    assert (sex["file"], age["file"]) == ("case", "case")
    assert "'MALES' is not used" in sex["note"]
    assert "case: The age 'P300Y' is not used" in gestalt(*words).err


def test_what_is_lost_and_left_out_is_said(filled: Path, gestalt: Command, tmp_path: Path) -> None:
    del filled
    ran = gestalt("export", "phenopackets", "-o", tmp_path / "out", "--patient", "P0")
    assert "1 patient and 1 photo in" in ran.err
    assert "labels of HPO 2025-01-16" in ran.err
    assert "Not in the phenopackets: aligned face and descriptors of a photo (1)" in ran.err
    again = gestalt("export", "phenopackets", "-o", tmp_path / "out")
    assert again.code == 1
    assert "already exists" in again.err
    unknown = gestalt("export", "phenopackets", "-o", tmp_path / "x", "--patient", "P9")
    assert unknown.code == 1
    assert "P9" in unknown.err


def test_packets_that_cannot_be_used_are_listed(
    gestalt: Command, tmp_path: Path, tiny_home: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "cases.zip", "w") as archive:
        archive.writestr("../out.json", json.dumps({"id": "A"}))
        archive.writestr("old.json", json.dumps({"id": "B", "genes": [{"id": "x"}]}))
        archive.writestr("broken.json", "{")
    words = ("index", "import-phenopackets", tmp_path / "cases.zip", "--home", tiny_home)
    ran = gestalt(*words, "--dry-run")
    assert ran.code == 3
    assert "Read 3 phenopackets: 0 photos of 0 patients can be added." in ran.err
    assert "1 patient left out: no photo." in ran.err
    assert "only version 2 is read" in ran.err
    assert "not JSON" in ran.err
    assert not (tmp_path.parent / "out.json").exists()
    missing = gestalt("index", "import-phenopackets", tmp_path / "none")
    assert missing.code == 2
