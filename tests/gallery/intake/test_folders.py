"""Photos in folders: whose they are, and what is passed over."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.folders import find_photos, one_photo, photos_in, plan_folder
from gestalt_space.gallery.intake.records import ReadRecord
from gestalt_space.types import Disorder, PhotoRecord
from tests import made

NOTHING = ReadRecord(PhotoRecord(photo="", patient=""))


def record(row: Intake) -> PhotoRecord:
    assert row.error is None, row.error
    assert row.record is not None
    return row.record


def touch(root: Path, *names: str) -> Path:
    """Files without anything in them, for what looks at names alone."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "cohort"
    for name in ("b.png", "a.PNG", "P1/x.png", "P1/y.png", "P 2/z.png", ".hidden/h.png"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        made.photo_file(path.with_suffix(".png"), 1)
        path.with_suffix(".png").rename(path)
    made.photo_file(root / "P1" / "twin.png", 2)
    (root / ".dot.png").touch()
    (root / "notes.txt").touch()
    (root / "folder.png").mkdir()
    return root


def test_a_photo_in_a_subfolder_is_of_the_patient_it_is_named_after(folder: Path) -> None:
    plan = plan_folder(folder, NOTHING)
    assert [(row.photo, record(row).patient, record(row).new_patient) for row in plan.rows] == [
        ("P 2/z.png", "P 2", False),
        ("P1/twin.png", "P1", False),
        ("P1/x.png", "P1", False),
        ("P1/y.png", "P1", False),
        ("a.PNG", "a", True),
        ("b.png", "b", True),
    ]
    assert all(row.path == folder / row.photo for row in plan.rows)
    assert all(record(row).photo == row.photo for row in plan.rows)
    assert plan.patients == 4


def test_the_plan_says_what_is_passed_over_and_why(folder: Path) -> None:
    assert str(plan_folder(folder, NOTHING)) == (
        "6 photos of 4 patients, 2 files and 1 folder skipped: 1 .png (hidden), "
        "1 .hidden/ (hidden), 1 .txt (not a known photo)"
    )


def test_with_a_patient_all_photos_are_theirs(folder: Path) -> None:
    touch(folder, "one/two/three/x.png")
    told = ReadRecord(PhotoRecord("", "P9", disorders=(Disorder("A"),), sex="male"), ("a note",))
    rows = plan_folder(folder, told).rows
    assert len(rows) == 7
    assert {record(row).patient for row in rows} == {"P9"}
    assert {record(row).sex for row in rows} == {"male"}
    assert not any(record(row).new_patient for row in rows)
    assert {row.notes for row in rows} == {("a note",)}


def test_what_is_told_of_a_folder_is_told_of_each_photo(folder: Path) -> None:
    told = ReadRecord(PhotoRecord("", "", disorders=(Disorder("A"),), cohort="one"))
    assert {
        (record(row).disorders, record(row).cohort) for row in plan_folder(folder, told).rows
    } == {((Disorder("A"),), "one")}


def test_what_systems_make_is_no_patient(tmp_path: Path) -> None:
    touch(
        tmp_path,
        *("P1/a.jpg", "P1/@eaDir/a.jpg/SYNOFILE_THUMB_M.jpg", "@eaDir/b.jpg/SYNOFILE_THUMB_M.jpg"),
        *("__MACOSX/P1/._a.jpg", ".thumbnails/a.jpg", "#recycle/old.jpg", "$RECYCLE.BIN/x.jpg"),
        *("lost+found/y.jpg", "P1/.DS_Store", "P1/Thumbs.db", "P1/._a.jpg", "P1/desktop.ini"),
    )
    plan = plan_folder(tmp_path, NOTHING)
    assert [(row.photo, record(row).patient) for row in plan.rows] == [("P1/a.jpg", "P1")]
    passed = {one.path.relative_to(tmp_path).as_posix(): one for one in plan.found.passed_over}
    assert {name for name, one in passed.items() if one.is_folder} == {
        *(
            "P1/@eaDir",
            "@eaDir",
            "__MACOSX",
            ".thumbnails",
            "#recycle",
            "$RECYCLE.BIN",
            "lost+found",
        )
    }
    assert {name for name, one in passed.items() if not one.is_folder} == {
        *("P1/.DS_Store", "P1/Thumbs.db", "P1/._a.jpg", "P1/desktop.ini")
    }
    assert "2 @eaDir/ (made by the system)" in str(plan)
    only = photos_in(touch(tmp_path / "only", "a.jpg", "@eaDir/a.jpg"))
    assert only.passed_over_text() == "1 folder skipped: 1 @eaDir/ (made by the system)"


def test_files_that_are_no_known_photo_are_counted_by_their_ending(tmp_path: Path) -> None:
    touch(tmp_path, "P1/a.jpg", "P1/b.xyz", "P2/c.XYZ", "P2/notes.docx", "P2/raw")
    assert plan_folder(tmp_path, NOTHING).found.passed_over_text() == (
        "4 files skipped: 2 .xyz (not a known photo), 1 .docx (not a known photo), "
        "1 raw (not a known photo)"
    )


def test_a_photo_under_another_ending_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "P1/a.jpg")
    for name, format_ in (("scan", "JPEG"), ("b.jpg_large", "PNG"), ("c.x", "WEBP"), ("d", "TIFF")):
        photo = made.photo_file(tmp_path / f"made.{format_.lower()}", 1)
        photo.rename(tmp_path / "P1" / name)
    text = plan_folder(tmp_path, NOTHING).found.passed_over_text()
    for named in (
        *("1 scan (a JPEG by its first bytes", "1 b.jpg_large (a PNG", "1 c.x (a WebP"),
        "1 d (a TIFF by its first bytes: rename it to that ending)",
    ):
        assert named in text


def test_of_many_kinds_the_first_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "P1/a.jpg", *(f"P1/b.x{n}" for n in range(20)))
    text = plan_folder(tmp_path, NOTHING).found.passed_over_text()
    assert text.startswith("20 files skipped: 1 .x0 (not a known photo)")
    assert text.endswith(", and 8 other kinds")


def test_links_to_folders_are_not_followed_and_said(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/x.jpg", "cohort/P1/a.jpg")
    (tmp_path / "cohort" / "P2").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "cohort" / "P3.jpg").symlink_to(tmp_path / "nothing")
    plan = plan_folder(tmp_path / "cohort", NOTHING)
    assert [row.photo for row in plan.rows] == ["P1/a.jpg"]
    assert {one.reason for one in plan.found.passed_over} == {
        *("a link to a folder", "not a file that can be read")
    }


def test_folders_in_folders_are_asked_about(tmp_path: Path) -> None:
    touch(tmp_path, "Kabuki/P1/a.jpg", "Kabuki/P2/b.jpg", "P9/c.jpg")
    with pytest.raises(UsageError) as caught:
        plan_folder(tmp_path, NOTHING)
    assert "Kabuki/P1/a.jpg" in caught.value.message
    assert "'Kabuki' or 'P1'" in caught.value.message
    assert "--patient-level 1" in caught.value.hint
    assert "--patient-level 2 if the inner ones are (2 patients)" in caught.value.hint


def test_a_level_says_which_folders_are_patients(tmp_path: Path) -> None:
    touch(tmp_path, "Kabuki/P1/a.jpg", "Kabuki/P2/2020/b.jpg", "P9/c.jpg", "d.jpg")
    outer = plan_folder(tmp_path, NOTHING, patient_level=1)
    assert [record(row).patient for row in outer.rows] == ["Kabuki", "Kabuki", "P9", "d"]
    inner = plan_folder(tmp_path, NOTHING, patient_level=2)
    assert [record(row).patient for row in inner.rows[:2]] == ["P1", "P2"]
    for row in inner.rows[2:]:
        assert row.error is not None
        assert "not in a folder of level 2" in row.error.message
    assert str(inner) == "4 photos of 2 patients"


def test_two_folders_of_one_name_are_asked_about(tmp_path: Path) -> None:
    touch(tmp_path, "Kabuki/1/a.jpg", "Noonan/1/b.jpg")
    with pytest.raises(UsageError, match="Kabuki/1 and Noonan/1"):
        plan_folder(tmp_path, NOTHING, patient_level=2)
    for form in ("NFC", "NFD"):
        touch(tmp_path / "more", f"{unicodedata.normalize(form, 'Zoé')}/a.jpg")
    with pytest.raises(UsageError, match="Two folders are named after the patient 'Zoé'"):
        plan_folder(tmp_path / "more", NOTHING)


def test_names_of_folders_and_photos_come_in_one_spelling(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "Zoé/é.jpg")
    touch(tmp_path, name)
    (row,) = plan_folder(tmp_path, NOTHING).rows
    assert row.path == tmp_path / name
    assert (row.photo, record(row).patient) == ("Zoé/é.jpg", "Zoé")


def test_a_folder_without_photos_is_refused_with_what_is_in_it(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    for read in (photos_in, lambda path: plan_folder(path, NOTHING)):
        with pytest.raises(
            UsageError, match=r"no photo .* 1 \.txt \(not a known photo\)"
        ) as caught:
            read(tmp_path)
        assert ".jpg" in caught.value.hint


def test_folders_among_paths_stand_for_their_photos(folder: Path) -> None:
    single = folder / "notes.txt"
    found = find_photos([single, folder / "P1"])
    assert found.photos == (
        single,
        *(folder / "P1" / name for name in ("twin.png", "x.png", "y.png")),
    )
    assert found.passed_over_text() == ""


def test_a_single_photo_needs_its_patient() -> None:
    with pytest.raises(UsageError, match=r"The patient of x\.png") as caught:
        one_photo(Path("a/x.png"), NOTHING)
    assert "--patient" in caught.value.hint
    row = one_photo(Path("a/x.png"), ReadRecord(PhotoRecord("", "P", sex="male"), ("a note",)))
    assert record(row) == PhotoRecord("a/x.png", "P", sex="male")
    assert row.path == Path("a/x.png")
    assert row.notes == ("a note",)


@pytest.mark.parametrize(("typed", "there"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_photo_is_found_in_either_form_of_its_name(typed: str, there: str, tmp_path: Path):
    stored = tmp_path / unicodedata.normalize(there, "Zoé.png")
    stored.write_bytes(b"x")
    asked = tmp_path / unicodedata.normalize(typed, "Zoé.png")
    assert find_photos([asked]).photos == (stored,)
