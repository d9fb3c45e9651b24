"""`gestalt index`: photos in, patients listed, shown, removed, counted, and filled elsewhere."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gestalt_space.weights.store import ModelStore
from tests import made
from tests.cli.conftest import Command

ALIGNED = ("--detector", "aligned")
MAIN = (sys.executable, "-c", "from gestalt_cli import main; main()")


def stats(gestalt: Command) -> dict[str, int]:
    ran = gestalt("index", "stats", "--json")
    if ran.code:
        assert ran.document["error"]["code"] == "gallery_missing"
        return dict.fromkeys(("patients", "photos"), 0)
    counted: dict[str, int] = ran.document["gallery"]
    return counted


def test_a_photo_with_options_goes_in_with_all_that_is_told(
    home: Path, photos: list[Path], gestalt: Command
) -> None:
    ran = gestalt(
        *("index", "add", photos[0], "--patient", "P17", "--disorder", "omim: 122470"),
        *("--disorder-name", "Cornelia de Lange syndrome 1", "--gene", "NIPBL"),
        *("--sex", "f", "--age", "4y6m", "--ancestry", "East Asian", "--cohort", "A"),
        *("--hpo", "HP:0000664", "--hpo-absent", "HP:0000252", "--consent", "research"),
        *("--family", "F1", "--site", "clinic A", *ALIGNED),
    )
    assert ran.code == 0
    assert ran.out == ""
    assert "tiny" in ran.err
    assert "1 added, 0 already there, 0 failed" in ran.err
    shown = gestalt("index", "show", "P17", "--json").document["patient"]
    (photo,) = shown.pop("photos")
    assert shown.pop("added_at")
    assert shown == {
        "patient": "P17",
        "disorders": [{"id": "OMIM:122470", "name": "Cornelia de Lange syndrome 1"}],
        "genes": ["NIPBL"],
        "sex": "female",
        "ancestry": "East Asian",
        "cohort": "A",
        "consent": "research",
        "family": "F1",
        "hpo": ["HP:0000664"],
        "hpo_absent": ["HP:0000252"],
    }
    assert (photo["age"], photo["site"]) == (4.5, "clinic A")
    assert photo["crop_kept"] is True
    assert photo["spaces"] == ["tiny"]
    assert not {"descriptor", "vector"} & set(photo)


def test_what_is_shown_to_people_has_the_same_facts(filled: Path, gestalt: Command) -> None:
    shown = gestalt("index", "show", "P0").out
    for told in (
        *("P0", "Cornelia de Lange syndrome 1 (OMIM:122470)", "NIPBL", "female", "HP:0000664"),
        *("photos/p0.png", "4y", "1 of 1, 112 px", "aligned 1.00"),
    ):
        assert told in shown
    assert "undiagnosed" in gestalt("index", "show", "P3").out


def test_adding_again_is_already_there(
    filled: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    before = stats(gestalt)
    ran = gestalt("index", "add", tmp_path / "patients.csv", "--json", *ALIGNED)
    assert ran.code == 0
    assert ran.document["counts"] == {"added": 0, "already": 4, "updated": 0, "failed": 0}
    assert stats(gestalt) == before


def test_a_table_with_bad_rows_and_bad_photos_takes_the_good_ones(
    home: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    (tmp_path / "text.jpg").write_text("no photo", encoding="utf-8")
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.png").write_bytes(photos[0].read_bytes()[:200])
    Image.new("RGB", (40, 30)).save(tmp_path / "oblong.png")
    table = tmp_path / "t.csv"
    table.write_text(
        "photo,patient,disorder,age,face,note\n"
        "photos/p0.png,P0,X,,,kept\n"
        "photos/p1.png,P1,X,very old,,\n"
        "photos/p2.png,P2,OMIM:12,,,\n"
        "photos/p3.png,,X,,,\n"
        "text.jpg,P4,X,,,\n"
        "empty.png,P5,X,,,\n"
        "cut.png,P6,X,,,\n"
        "oblong.png,P7,X,,,\n"
        "missing.png,P8,X,,,\n"
        "photos/p4.png,P9,X,,2,\n"
        "photos/p0.png,P10,X,,,\n"
        "photos/p5.png,P11,X,,,\n",
        encoding="utf-8",
    )
    report = tmp_path / "report.csv"
    ran = gestalt("index", "add", table, "--json", "--report", report, *ALIGNED)
    assert ran.code == 3
    document = ran.document
    assert document["counts"] == {"added": 2, "already": 0, "updated": 0, "failed": 10}
    codes = [one["error"] and one["error"]["code"] for one in document["photos"]]
    assert codes == [
        *(None, "usage", "usage", "usage", "photo_format", "photo_damaged", "photo_damaged"),
        *("no_face", "photo_not_found", "no_such_face", "patient_conflict", None),
    ]
    assert all(one["error"]["hint"] for one in document["photos"] if one["error"])
    assert "t.csv, line 3" in document["photos"][1]["error"]["message"]
    assert "'P10'" in document["photos"][10]["error"]["message"]
    assert "'P0'" in document["photos"][10]["error"]["message"]
    assert "columns not used: note" in ran.err
    assert stats(gestalt)["photos"] == 2
    lines = list(csv.DictReader(report.open(encoding="utf-8", newline="")))
    assert [line["status"] for line in lines] == [one["status"] for one in document["photos"]]
    assert [line["code"] or None for line in lines] == codes
    assert [line["photo"] for line in lines] == [one["photo"] for one in document["photos"]]
    assert lines[0]["detector"] == "aligned"
    assert lines[4]["hint"] != ""


def test_failures_are_told_to_people_with_reason_and_hint(
    home: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    ran = gestalt("index", "add", photos[0], tmp_path / "gone.png", "--patient", "P", *ALIGNED)
    assert ran.code == 3
    assert ran.out == ""
    assert "gone.png: The file does not exist." in ran.err
    assert "Check the path" in ran.err
    assert "1 added, 0 already there, 1 failed" in ran.err


def test_quiet_says_nothing(home: Path, photos: list[Path], gestalt: Command) -> None:
    ran = gestalt("index", "add", photos[0], "--patient", "P", "--quiet", *ALIGNED)
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_folder_gives_patients_their_names(home: Path, gestalt: Command, tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    for n, name in enumerate(("P1/a.png", "P1/b.png", "P2/c.png", "alone.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        made.photo_file(folder / name, n)
    (folder / "notes.txt").write_text("no photo", encoding="utf-8")
    ran = gestalt("index", "add", folder, "--disorder", "X", "--json", *ALIGNED)
    assert ran.code == 0
    assert {one["photo"]: one["patient"] for one in ran.document["photos"]} == {
        "P1/a.png": "P1",
        "P1/b.png": "P1",
        "P2/c.png": "P2",
        "alone.png": "alone",
    }
    listed = gestalt("index", "list", "--json").document["patients"]
    assert [(p["patient"], p["photos"]) for p in listed] == [("P1", 2), ("P2", 1), ("alone", 1)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("photo.png",), "--patient"),
        (("photo.png", "--patient", "P", "--age", "old"), "age"),
        (("photo.png", "--patient", "P", "--sex", "both"), "sex"),
        (("photo.png", "--patient", "P", "--hpo", "HP:1"), "HPO"),
        (("photo.png", "--patient", "P", "--disorder", "OMIM:1"), "OMIM"),
        (("photo.png", "--patient", "P", "--device", "abacus"), "device"),
        (("t.csv", "--patient", "P"), "table"),
        (("t.csv", "--face", "1"), "table"),
        (("missing.csv",), "cannot be read"),
        (("empty",), "no photo"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_added(
    words: tuple[str, ...],
    told: str,
    home: Path,
    gestalt: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    made.photo_file(tmp_path / "photo.png", 0)
    (tmp_path / "t.csv").write_text("photo,patient\nphoto.png,P\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    ran = gestalt("index", "add", *words, "--json", *ALIGNED)
    assert ran.code == 2
    assert ran.document["error"]["code"] == "usage"
    assert told in ran.document["error"]["message"] + ran.document["error"]["hint"]
    assert stats(gestalt)["photos"] == 0


def test_a_report_that_cannot_be_written_is_told_before_anything_is_added(
    home: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    ran = gestalt(
        *("index", "add", photos[0], "--patient", "P", "--json"),
        *("--report", tmp_path / "no folder" / "report.csv", *ALIGNED),
    )
    assert ran.code == 1
    assert ran.document["error"]["code"] == "output"
    assert stats(gestalt)["photos"] == 0


def test_a_report_never_takes_the_place_of_the_table_that_is_read(
    home: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("photo,patient,cohort\nphotos/p0.png,P,A\n", encoding="utf-8")
    text = table.read_bytes()
    ran = gestalt("index", "add", table, "--report", table, *ALIGNED)
    assert ran.code != 0
    assert table.read_bytes() == text


@pytest.mark.parametrize("name", ["two words.png", "Jürgen 写真.png", "-dash.png", "~tilde.png"])
def test_odd_names_go_in(
    name: str, home: Path, gestalt: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made.photo_file(Path(name), 1)
    ran = gestalt("index", "add", "--patient", "Jürgen", "--json", *ALIGNED, "--", name)
    assert ran.code == 0
    assert ran.document["photos"][0]["photo"] == name
    table = tmp_path / "t.csv"
    table.write_text(f"photo,patient\n{name},Jürgen\n", encoding="utf-8")
    again = gestalt("index", "add", table, "--json", *ALIGNED)
    assert again.code == 0
    assert again.document["counts"]["already"] == 1


def test_names_and_patients_of_bytes_that_are_no_utf_8_go_in_or_are_refused(
    home: Path, gestalt: Command, tmp_path: Path
) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    made.photo_file(tmp_path / "plain.png", 9).rename(os.fsdecode(name))
    # As Python gives a process its words.
    by_name = gestalt("index", "add", os.fsdecode(name), "--patient", "P", "--json", *ALIGNED)
    assert by_name.code in (0, 3), by_name.err
    by_patient = subprocess.run(
        [*MAIN, "index", "add", name, "--patient", b"caf\xe9", "--json", *ALIGNED],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert by_patient.returncode in (0, 2, 3), by_patient.stderr
    assert b"Traceback" not in by_patient.stderr


def test_a_folder_with_a_name_of_odd_bytes_takes_the_others_in(
    home: Path, gestalt: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "cohort"
    folder.mkdir()
    for seed in range(3):
        made.photo_file(folder / f"p{seed}.png", seed)
    (folder / "p1.png").rename(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png"))
    ran = gestalt("index", "add", folder, "--json", *ALIGNED)
    assert ran.code in (0, 3), ran.err
    assert ran.document["counts"]["added"] >= 2


def test_list_can_be_narrowed(filled: Path, gestalt: Command) -> None:
    def patients(*words: object) -> list[str]:
        listed = gestalt("index", "list", *words, "--json").document["patients"]
        return [patient["patient"] for patient in listed]

    assert patients() == ["P0", "P1", "P2", "P3"]
    assert patients("--disorder", "mim:122470") == ["P0", "P1"]
    assert patients("--disorder", "nothing") == []
    assert patients("--cohort", "B") == ["P2"]
    assert patients("--limit", "3") == ["P0", "P1", "P2"]
    assert patients("--disorder", "OMIM:122470", "--cohort", "A", "--limit", "1") == ["P0"]


def test_list_as_csv_is_a_table_on_standard_output_only(filled: Path, gestalt: Command) -> None:
    ran = gestalt("index", "list", "--csv", "-")
    assert ran.err == ""
    rows = list(csv.reader(ran.out.splitlines()))
    columns = ["patient", "disorders", "sex", "ancestry", "cohort", "family", "photos", "consent"]
    assert rows[0] == columns
    assert rows[1] == ["P0", "OMIM:122470", "female", "", "A", "", "1", ""]
    assert rows[4] == ["P3", "", "", "", "", "", "1", ""]


def test_list_for_people_has_every_patient(filled: Path, gestalt: Command) -> None:
    shown = gestalt("index", "list").out
    assert all(patient in shown for patient in ("P0", "P1", "P2", "P3", "ORPHA:199"))


def test_names_with_brackets_and_colons_are_listed_as_they_are(
    home: Path, photos: list[Path], gestalt: Command
) -> None:
    patient = "P[1]:100:[b]"
    gestalt("index", "add", photos[0], "--patient", patient, "--cohort", "[c]", *ALIGNED)
    assert patient in gestalt("index", "list").out
    shown = gestalt("index", "show", patient).out
    assert patient in shown
    assert "[c]" in shown


def test_remove_takes_patients_and_photos_out(filled: Path, gestalt: Command) -> None:
    ran = gestalt("index", "remove", "P0", "--photo", "photos/p2.png", "--json")
    assert ran.code == 0
    assert ran.document["removed"] == {"patients": 2, "photos": 2}
    assert stats(gestalt) == {
        "patients": 2,
        "undiagnosed": 1,
        "photos": 2,
        "crops": 2,
        "disorders": 1,
        "genes": 1,
        "withdrawn": 0,
    }


def test_remove_says_how_many_went(filled: Path, gestalt: Command) -> None:
    assert "Removed 1 photo and 1 patient" in gestalt("index", "remove", "P3").err
    assert gestalt("index", "remove", "P2", "--quiet").err == ""


def test_remove_of_one_that_is_not_there_removes_none(filled: Path, gestalt: Command) -> None:
    before = stats(gestalt)
    for words in (("P0", "nobody"), ("P0", "--photo", "nothing.png")):
        ran = gestalt("index", "remove", *words, "--json")
        assert ran.code == 1
        assert ran.document["error"]["code"] == "not_in_gallery"
        assert stats(gestalt) == before


def test_a_removed_photo_can_be_added_again(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    gestalt("index", "remove", "P0")
    ran = gestalt("index", "add", photos[0], "--patient", "P9", "--json", *ALIGNED)
    assert ran.document["counts"]["added"] == 1


def test_show_of_nobody_is_an_error(filled: Path, gestalt: Command) -> None:
    ran = gestalt("index", "show", "nobody", "--json")
    assert ran.code == 1
    assert ran.document["error"] == {
        "code": "not_in_gallery",
        "message": "There is no patient 'nobody'.",
        "hint": "`gestalt index list` shows all patients.",
    }


def test_stats_count_what_is_held(filled: Path, gestalt: Command) -> None:
    document = gestalt("index", "stats", "--json").document
    assert document["gallery"] == {
        "patients": 4,
        "undiagnosed": 1,
        "photos": 4,
        "crops": 4,
        "disorders": 2,
        "genes": 1,
        "withdrawn": 0,
    }
    (space,) = document["spaces"]
    assert (space["name"], space["default"], space["descriptors"]) == ("tiny", True, 4)
    shown = gestalt("index", "stats").out
    assert "tiny (in use)" in shown
    assert "undiagnosed" in shown


def test_fill_brings_the_gallery_to_another_space(
    filled: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    made.arcface_onnx(tmp_path / "other.onnx", dim=8, seed=2)
    ModelStore(filled / "models").add(tmp_path / "other.onnx", name="other", license_name="made")
    ran = gestalt("index", "fill", "--space", "other", "--json")
    assert ran.code == 0
    assert ran.document["counts"] == {"filled": 4, "failed": 0}
    assert ran.document["space"] == "other"
    matched = gestalt("match", photos[4], "--space", "other", "--json", *ALIGNED).document
    assert matched["space"]["name"] == "other"
    assert gestalt("match", photos[4], "--json", *ALIGNED).document["space"]["name"] == "tiny"
    again = gestalt("index", "fill", "--space", "other", "--default", "--json")
    assert again.document["counts"] == {"filled": 0, "failed": 0}
    assert gestalt("match", photos[4], "--json", *ALIGNED).document["space"]["name"] == "other"


def test_fill_names_the_photos_without_a_crop(
    home: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    gestalt("index", "add", photos[0], "--patient", "P", "--no-crops", *ALIGNED)
    made.arcface_onnx(tmp_path / "other.onnx", dim=8, seed=2)
    ModelStore(home / "models").add(tmp_path / "other.onnx", name="other", license_name="made")
    ran = gestalt("index", "fill", "--space", "other", "--json")
    assert ran.code == 3
    assert ran.document["counts"] == {"filled": 0, "failed": 1}
    assert ran.document["failed"][0]["patient"] == "P"
    told = gestalt("index", "fill", "--space", "other")
    assert "No crop is stored" in told.err


def test_adding_to_another_space_says_that_the_others_are_not_in_it(
    filled: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    made.arcface_onnx(tmp_path / "other.onnx", dim=8, seed=2)
    ModelStore(filled / "models").add(tmp_path / "other.onnx", name="other", license_name="made")
    words = ("index", "add", photos[4], "--patient", "P4", "--space", "other", *ALIGNED)
    assert "4 photos of the gallery have no descriptor in this space" in gestalt(*words).err


def test_rebuild_writes_the_index_from_the_database(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    before = gestalt("match", photos[4], "--json", *ALIGNED).document
    for path in (filled / "index").iterdir():
        path.unlink()
    ran = gestalt("index", "rebuild")
    assert ran.code == 0
    assert "Rebuilt the index of tiny: 4 descriptors in 1 segment" in ran.err
    assert len(list((filled / "index").glob("*.json"))) == 1
    assert gestalt("match", photos[4], "--json", *ALIGNED).document == before


def test_a_new_gallery_says_which_encoder_it_takes(
    home: Path, photos: list[Path], gestalt: Command
) -> None:
    words = ("index", "add", photos[0], "--patient", "P", *ALIGNED)
    assert "uses the best encoder installed, tiny, from now on" in gestalt(*words).err
    assert "New gallery" not in gestalt(*words).err


def test_no_model_leaves_no_photo_behind(photos: list[Path], gestalt: Command) -> None:
    words = ["--patient", "P", "--space", "other", "--json", *ALIGNED]
    ran = gestalt("index", "add", photos[0], *words)
    assert ran.code == 1
    assert ran.document["error"]["code"] == "model_not_installed"
    assert stats(gestalt)["photos"] == 0


def test_several_faces_are_refused_unless_one_is_meant(
    home: Path, gestalt: Command, tmp_path: Path
) -> None:
    photo = tmp_path / "two.png"
    Image.fromarray(np.hstack([made.crop(1), made.crop(2)])).save(photo)
    points = ["38", "52", "74", "52", "56", "72", "42", "92", "71", "92"]
    moved = [str(int(v) + 112 * (n % 2 == 0)) for n, v in enumerate(points)]
    header = ",".join(["photo", *(f"{axis}{n}" for n in range(1, 6) for axis in "xy")])
    file = tmp_path / "points.csv"
    lines = [header, ",".join(["two.png", *points]), ",".join(["two.png", *moved])]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = ("index", "add", photo, "--patient", "P", "--landmarks", file, "--json")
    refused = gestalt(*words)
    assert refused.code == 3
    error = refused.document["photos"][0]["error"]
    assert error["code"] == "several_faces"
    assert "1 at x" in error["message"]
    assert "2 at x" in error["message"]
    assert "--face N" in error["hint"]
    assert stats(gestalt)["photos"] == 0
    taken = gestalt(*words, "--face", "2")
    assert taken.code == 0
    assert taken.document["photos"][0]["face"]["face"] == 2
    assert taken.document["photos"][0]["face"]["faces"] == 2
    gestalt("index", "remove", "P")
    assert gestalt(*words, "--largest").document["photos"][0]["face"]["face"] == 1


def test_a_folder_s_plan_is_told_before_anything_is_done(
    home: Path, gestalt: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "cohort"
    for n, name in enumerate(("A/P1/a.png", "B/P2/b.png", "B/P2/@eaDir/c.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        made.photo_file(folder / name, n)
    (folder / "A" / "x.raw").touch()
    refused = gestalt("index", "add", folder, *ALIGNED)
    assert refused.code == 2
    assert "--patient-level 2" in refused.err
    assert not (home / "gallery.sqlite3").exists()
    ran = gestalt("index", "add", folder, "--patient-level", "2", "--json", *ALIGNED)
    assert ran.code == 0
    plan = ran.err.splitlines()[0]
    assert "2 photos of 2 patients, 1 file and 1 folder skipped: " in plan
    assert "1 .raw (not a known photo)" in plan
    (told,) = ran.document["folders"]
    assert (told["photos"], told["patients"]) == (2, 2)
    assert {Path(one["file"]).name for one in told["passed_over"]} == {"x.raw", "@eaDir"}
    assert [one["patient"] for one in ran.document["photos"]] == ["P1", "P2"]


def test_notes_are_told_once_each_and_kept_in_report_and_json(
    home: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    table, report = tmp_path / "t.csv", tmp_path / "report.csv"
    table.write_text(
        "photo;patient;disorder\nphotos/p0.png;P1;122470\nphotos/p1.png;p1;122470\n",
        encoding="utf-8",
    )
    ran = gestalt("index", "add", table, "--report", report, "--json", *ALIGNED)
    assert ran.code == 0
    assert "t.csv: separator ;." in ran.err
    read_as = "The number '122470' is read as OMIM:122470."
    assert ran.err.count(read_as) == 1
    assert f"photos/p0.png (P1) and 1 more: {read_as}" in ran.err
    assert "patient 'p1': another row has 'P1'" in ran.err
    first, second = (one["notes"] for one in ran.document["photos"])
    assert (first, second[0], len(second)) == ([read_as], read_as, 2)
    lines = list(csv.DictReader(report.open(encoding="utf-8", newline="")))
    assert [line["notes"] for line in lines] == [" ".join(first), " ".join(second)]


def test_of_many_notes_the_first_are_told(home: Path, photos: list[Path], gestalt: Command) -> None:
    genes = [word for n in range(25) for word in ("--gene", f"G?{n}")]
    ran = gestalt("index", "add", photos[0], "--patient", "P", *genes, *ALIGNED)
    assert ran.code == 0
    assert ran.err.count("does not look like a gene symbol") == 20
    assert "5 more to look at" in ran.err


def test_a_spreadsheet_s_file_is_refused_with_the_way_out(
    home: Path, gestalt: Command, tmp_path: Path
) -> None:
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04")
    ran = gestalt("index", "add", tmp_path / "t.xlsx", *ALIGNED)
    assert ran.code == 2
    assert "CSV UTF-8" in ran.err


def test_what_was_given_in_one_form_is_found_in_the_other(
    home: Path, photos: list[Path], gestalt: Command
) -> None:
    nfc, nfd = (unicodedata.normalize(form, "Zoé") for form in ("NFC", "NFD"))
    gestalt("index", "add", photos[0], "--patient", nfd, "--cohort", nfd, "--quiet", *ALIGNED)
    assert gestalt("index", "show", nfd, "--json").document["patient"]["patient"] == nfc
    listed = gestalt("index", "list", "--cohort", nfd, "--json").document["patients"]
    assert [one["patient"] for one in listed] == [nfc]
    assert gestalt("index", "remove", nfd, "--json").document["removed"]["patients"] == 1


def test_verify_says_what_is_wrong_by_its_exit_code(filled: Path, gestalt: Command) -> None:
    sound = gestalt("index", "verify", "--json")
    assert sound.code == 0
    subjects = [one["subject"] for one in sound.document["findings"]]
    assert subjects[0] == "database"
    assert "index tiny" in subjects
    for path in (filled / "index").glob("*vectors*"):
        path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\1")
    broken = gestalt("index", "verify")
    assert broken.code == 1
    assert "FAIL" in broken.out
