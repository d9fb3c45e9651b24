"""`gestalt match --ask`: other hospitals' lines beside ours."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gestalt_space.weights.store import ModelStore
from tests import made
from tests.cli.conftest import Command
from tests.hospitals import SHARED, Hospital, dead_address, fill, hospital, patient

ALIGNED = ("--detector", "aligned")
A, B = "OMIM:122470", "OMIM:147920"


@pytest.fixture
def other(
    tmp_path: Path, tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hospital]:
    """Another hospital, which the settings call `b`; a dead one is `c`."""
    monkeypatch.setenv("GESTALT_SITE_CONSENTS", f'["{SHARED}"]')
    monkeypatch.setenv("GESTALT_SITE_TIMEOUT", "50")
    photos = [patient(f"Q{n}", (A, B)[n % 2], 0.3, n) for n in range(12)]
    with hospital(fill(tmp_path / "b", tiny_store, photos)) as found:
        file = tmp_path / "b.token"
        file.touch(0o600)
        file.write_text(found.token)
        sites = {
            "b": {"address": found.address, "token_file": str(file)},
            "c": {"address": dead_address(), "token_file": str(file)},
        }
        monkeypatch.setenv("GESTALT_SITES", json.dumps(sites))
        yield found


def test_tables_of_each_hospital_and_of_all(
    filled: Path, photos: list[Path], gestalt: Command, other: Hospital
) -> None:
    own = gestalt("match", photos[4], *ALIGNED, "--quiet")
    ran = gestalt("match", photos[4], *ALIGNED, "--ask", "b", "--ask", "c", "--quiet")
    assert ran.code == 0, ran.err
    assert ran.out.startswith(own.out)
    rest = ran.out.removeprefix(own.out)
    assert "b\n  10 patients or more, lines with 5 or more\n" in rest
    assert "c: unreachable\n  It cannot be reached: Connection refused.\n" in rest
    assert rest.index("all hospitals, by similarity") > rest.index("c: unreachable")
    assert "≥ 5" in rest
    assert f"name of {B} ({B})" in rest
    assert other.token not in ran.out + ran.err


def test_json_and_csv(filled: Path, photos: list[Path], gestalt: Command, other: Hospital) -> None:
    words = ("match", photos[4], photos[5], *ALIGNED, "--ask", "b", "--ask", "c")
    own = gestalt("match", photos[4], photos[5], *ALIGNED, "--json").document
    document = gestalt(*words, "--json").document
    for probe, alone in zip(document["probes"], own["probes"], strict=True):
        b, c = probe.pop("sites")
        combined = probe.pop("combined")
        assert probe == alone
        assert (b["state"], b["message"], len(b["lines"])) == ("answered", None, 2)
        assert (c["state"], c["lines"], c["verdict"]) == ("unreachable", [], None)
        assert {line["id"] for line in combined} >= {A, B}
        best = max(line["similarity"] for line in [*b["lines"], *alone["disorders"]])
        assert combined[0]["similarity"] == round(best, 2)
    rows = list(csv.DictReader(io.StringIO(gestalt(*words, "--csv", "-").out)))
    assert [row["site"] for row in rows if row["photo"] == str(photos[4])][-3:] == ["b", "b", "c"]
    of_b = next(row for row in rows if row["site"] == "b")
    assert (of_b["patients"], of_b["patient"], of_b["state"]) == ("5", "", "answered")
    assert rows[-1]["error"].startswith("It cannot be reached")
    assert {row["site"] for row in rows} == {"", "b", "c"}


def test_a_patient_whose_consent_does_not_cover_it(
    filled: Path, gestalt: Command, other: Hospital
) -> None:
    ran = gestalt("match", "--patient", "P0", "--ask", "b", "--json")
    assert (ran.code, ran.document["error"]["code"]) == (1, "not_shared")
    assert other.gallery.log(newest=1)[0].action != "answer"
    gestalt("index", "set", "P0", "--consent", SHARED)
    ran = gestalt("match", "--patient", "P0", "--ask", "b", "--json")
    assert (ran.code, ran.document["probes"][0]["sites"][0]["state"]) == (0, "answered")
    assert other.gallery.log(newest=1)[0].action == "answer"
    log = gestalt("index", "log").out
    assert f"descriptor sent to b ({other.address})" in log


def test_a_photo_without_a_face_is_asked_about_nowhere(
    filled: Path, photos: list[Path], gestalt: Command, other: Hospital, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no photo")
    ran = gestalt("match", bad, photos[4], *ALIGNED, "--ask", "b", "--json")
    first, second = ran.document["probes"]
    assert (ran.code, "sites" in first, "sites" in second) == (3, False, True)


def test_a_hospital_in_another_space_says_so(
    filled: Path,
    photos: list[Path],
    gestalt: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made.arcface_onnx(tmp_path / "another.onnx", seed=77)
    store = ModelStore(tmp_path / "another")
    store.add(tmp_path / "another.onnx", name="another", license_name="made by the tests")
    monkeypatch.setenv("GESTALT_SITE_CONSENTS", f'["{SHARED}"]')
    monkeypatch.setenv("GESTALT_SITE_TIMEOUT", "50")
    with hospital(fill(tmp_path / "b", store, [patient("Q0", A, 0.3, 0)])) as b:
        monkeypatch.setenv("GESTALT_SITE_TOKEN", b.token)
        words = ("match", photos[4], *ALIGNED, "--ask", b.address, "--json")
        (reply,) = gestalt(*words).document["probes"][0]["sites"]
        assert reply["state"] == "other_space"
        assert b.gallery.space.fingerprint[:12] in reply["message"]
        assert (
            gestalt("index", "spaces", "--json").document["spaces"][0]["fingerprint"][:12]
            in reply["message"]
        )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--ask", "d"), "Known sites: b, c"),
        (("--ask", "http://hospital-d.example"), "would not be encrypted"),
        (("--ask", "https://d.example"), "no token"),
        (("--ask", "b", "--by", "patient"), "--by patient"),
        (("--ask", "b", "--among", "sex=female"), "--among"),
        (("--ask", "b", "--explain", A), "--explain"),
        (("--ask", "b", "--hpo", "HP:0000664"), "--hpo, --phenopacket or --vcf"),
        (("--ask", "b", "--format", "gestaltmatcher"), "--format gestaltmatcher"),
        (("--ask", "b", "--top", "101"), "more than 100 lines"),
    ],
)
def test_what_cannot_be_asked(
    filled: Path,
    photos: list[Path],
    gestalt: Command,
    other: Hospital,
    words: tuple[str, ...],
    told: str,
) -> None:
    ran = gestalt("match", photos[4], *ALIGNED, *words)
    assert ran.code == 2
    assert told in ran.err
    assert other.gallery.log(newest=1)[0].action != "answer"
