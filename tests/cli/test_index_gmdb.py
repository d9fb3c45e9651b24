"""`gestalt index import-gmdb`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Command
from tests.galleries import files_with
from tests.interop.test_gmdb_intake import SECRET, release


def test_a_release_goes_in_without_what_may_not(
    home: Path, gestalt: Command, tmp_path: Path
) -> None:
    folder = release(
        tmp_path / "gmdb",
        {"internal_syndrome_id": "7", "internal_syndrome_name": "Seven"},
        {"consent": "no", "patient_id": "P2"},
        {"private": "1", "patient_id": "P3"},
        {"person_type": "control", "patient_id": "P4"},
    )
    (folder / "4.png").unlink()
    words = ("index", "import-gmdb", folder, "--detector", "aligned")
    ran = gestalt(*words, "--json")
    assert ran.code == 3
    document = ran.document
    assert document["gmdb"] == "v1.0.3"
    assert document["left_out"] == {"no consent": 1, "private": 1}
    assert [(one["photo"], one["status"]) for one in document["photos"]] == [
        ("1.png", "added"),
        ("4.png", "failed"),
    ]
    patient = gestalt("index", "show", "P1", "--json").document["patient"]
    assert patient["disorders"] == [{"id": "OMIM:122470", "name": "Seven"}]
    assert patient["cohort"] == "GMDB v1.0.3"
    assert files_with(home, SECRET.encode()) == []
    again = gestalt(*words)
    assert "1 image left out: private." in again.err
    assert "already there" in again.err


def test_a_patient_of_the_same_name_is_somebody_else(
    filled: Path, gestalt: Command, tmp_path: Path
) -> None:
    folder = release(tmp_path / "gmdb", {"patient_id": "P0"})
    words = ("index", "import-gmdb", folder, "--detector", "aligned")
    refused = gestalt(*words)
    assert refused.code == 1
    assert "--prefix" in refused.err
    # The photo itself is that of another patient: it is told, and nothing is mixed.
    taken = gestalt(*words, "--prefix", "GMDB:", "--json")
    assert [one["patient"] for one in taken.document["photos"]] == ["GMDB:P0"]
