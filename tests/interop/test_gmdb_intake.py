"""A release of GMDB on its way into the gallery."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from gestalt_space.ages import same_age
from gestalt_space.errors import TableDamaged, UsageError
from gestalt_space.interop.gmdb_intake import gmdb_intake
from gestalt_space.types import PhotoRecord
from tests import made

COLUMNS = (
    *("image_id", "filename", "patient_id", "gene_names", "internal_syndrome_id"),
    *("internal_syndrome_name", "present_features", "absent_features", "age_year", "age_month"),
    *("gender", "ethnicity_category", "image_type", "private", "consent", "person_type"),
    *("author", "email", "patient_name", "username"),
)
SECRET = "somebody@example.org"


def release(folder: Path, *rows: dict[str, str], version: str = "v1.0.3") -> Path:
    """Metadata of images, each with a file, and a table of two syndromes."""
    folder.mkdir(exist_ok=True)
    with (folder / f"image_metadata_{version}.tsv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, COLUMNS, restval="", delimiter="\t")
        table.writeheader()
        for number, row in enumerate(rows, start=1):
            given = {"image_id": str(number), "filename": f"{number}.png", "patient_id": "P1"}
            table.writerow({**given, "email": SECRET, "author": "A", **row})
            made.photo_file(folder / f"{number}.png", number)
    (folder / f"gmdb_syndromes_{version}.tsv").write_text(
        "syndrome_id\tsyndrome_name\tOMIM\n7\tSeven\t[122470]\n8\tEight\t[100100, 200100]\n"
    )
    return folder


def record(folder: Path, **row: str) -> PhotoRecord:
    (intake,) = gmdb_intake(release(folder, row)).rows
    assert intake.record is not None, intake.error
    return intake.record


def test_what_is_known_of_an_image_is_taken_and_who_it_is_of_is_not(tmp_path: Path) -> None:
    found = record(
        tmp_path,
        patient_id="17",
        gene_names='["NIPBL", "SMC3"]',
        internal_syndrome_id="7",
        internal_syndrome_name="Seven; a syndrome",
        present_features='["HP:0000664", "HP:0000252"]',
        absent_features="['HP:0001250']",
        age_year="4",
        age_month="6",
        gender="Female",
        ethnicity_category="East Asian",
        consent="True",
        private="False",
        image_type="frontal",
    )
    assert (found.patient, found.genes) == ("17", ("NIPBL", "SMC3"))
    assert [(one.id, one.name) for one in found.disorders] == [("OMIM:122470", "Seven, a syndrome")]
    assert (found.hpo, found.hpo_absent) == (("HP:0000664", "HP:0000252"), ("HP:0001250",))
    assert (found.age, found.sex, found.ancestry) == (4.5, "female", "East Asian")
    assert (found.cohort, found.consent) == ("GMDB v1.0.3", "given")
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    ("id_", "code"), [("7", "OMIM:122470"), ("8", "GMDB:8"), ("9", "GMDB:9"), ("", "A name")]
)
def test_a_syndrome_of_several_numbers_keeps_its_own(id_: str, code: str, tmp_path: Path) -> None:
    found = record(tmp_path, internal_syndrome_id=id_, internal_syndrome_name="A name")
    assert [one.id for one in found.disorders] == [code]


def test_consent_and_privacy_are_respected(tmp_path: Path) -> None:
    folder = release(
        tmp_path,
        {"consent": "False"},
        {"private": "True", "consent": "True"},
        {"image_type": "profile, left"},
        {},
    )
    found = gmdb_intake(folder)
    assert found.left_out == {
        "no consent": ("1",),
        "private": ("2",),
        "image type profile, left": ("3",),
    }
    assert [row.photo for row in found.rows] == ["4.png"]
    with_private = gmdb_intake(folder, include_private=True)
    assert [row.photo for row in with_private.rows] == ["2.png", "4.png"]
    assert "no consent" in with_private.left_out


def test_a_word_that_is_not_understood_means_the_worst(tmp_path: Path) -> None:
    folder = release(tmp_path, {"consent": "withdrawn"}, {"private": "perhaps"}, {"private": "0"})
    found = gmdb_intake(folder)
    assert found.left_out == {
        "unknown consent 'withdrawn'": ("1",),
        "private": ("2",),
    }
    assert [row.photo for row in found.rows] == ["3.png"]


@pytest.mark.parametrize("name", ["/etc/hostname", "../secret.png", "a/../../b.png"])
def test_a_file_that_lies_elsewhere_is_not_read(tmp_path: Path, name: str) -> None:
    folder = release(tmp_path / "gmdb", {}, {"filename": name})
    rows = gmdb_intake(folder).rows
    assert rows[0].record is not None
    assert rows[1].record is None
    assert "outside the folder of the images" in str(rows[1].error)


def test_controls_have_no_disorder_and_a_cohort_of_their_own(tmp_path: Path) -> None:
    found = record(tmp_path, person_type="control", internal_syndrome_id="7")
    assert found.disorders == ()
    assert found.cohort == "GMDB v1.0.3 control"


def test_a_row_that_does_not_fit_is_kept_with_its_place(tmp_path: Path) -> None:
    (row,) = gmdb_intake(release(tmp_path, {"age_year": "old"})).rows
    assert row.record is None
    assert "row 2" in str(row.error)


def test_an_image_twice_and_missing_columns_are_told(tmp_path: Path) -> None:
    with pytest.raises(TableDamaged, match="row 3, column image_id"):
        gmdb_intake(release(tmp_path, {"image_id": "1"}, {"image_id": "1"}))
    (tmp_path / "image_metadata_v2.tsv").write_text("image_id\n1\n")
    with pytest.raises(TableDamaged, match="patient_id"):
        gmdb_intake(tmp_path, version="v2")
    with pytest.raises(UsageError, match=r"v1\.0\.3, v2"):
        gmdb_intake(tmp_path)


def test_images_are_found_beside_the_metadata(tmp_path: Path) -> None:
    folder = release(tmp_path / "gmdb", {})
    (tmp_path / "photos").mkdir()
    (folder / "1.png").rename(tmp_path / "photos" / "1.png")
    (row,) = gmdb_intake(folder).rows
    assert row.path.is_file()
    (tmp_path / "photos" / "1.png").rename(tmp_path / "elsewhere.png")
    with pytest.raises(UsageError, match="Cannot find the images"):
        gmdb_intake(folder)
    with pytest.raises(UsageError, match="no folder"):
        gmdb_intake(folder, images=tmp_path / "nowhere")


def test_cells_that_say_that_nothing_is_known_give_nothing(tmp_path: Path) -> None:
    unknown = dict.fromkeys(
        ("gender", "ethnicity_category", "gene_names", "internal_syndrome_name", "age_year"), "N/A"
    )
    found = record(tmp_path, **unknown, internal_syndrome_id="?", present_features="unknown")
    assert found == PhotoRecord(photo="1.png", patient="P1", cohort="GMDB v1.0.3")


@pytest.mark.parametrize("column", ["consent", "private"])
def test_what_nobody_knows_to_be_allowed_is_left_out(column: str, tmp_path: Path) -> None:
    found = gmdb_intake(release(tmp_path, {column: "unknown"}))
    assert (found.rows, len(found.left_out)) == ((), 1)


def test_years_and_months_are_an_age_to_the_day(tmp_path: Path) -> None:
    found = record(tmp_path, age_year="4.0", age_month="2.0")
    assert found.age is not None
    assert same_age(found.age, 50 / 12)


def test_a_gene_that_a_spreadsheet_made_a_date_of_is_named(tmp_path: Path) -> None:
    (row,) = gmdb_intake(release(tmp_path, {"gene_names": '["2-Sep"]'})).rows
    assert row.error is not None
    assert "image_metadata_v1.0.3.tsv, row 2" in row.error.message
    assert "SEPTIN2" in row.error.hint


def test_a_row_without_a_patient_is_refused(tmp_path: Path) -> None:
    (row,) = gmdb_intake(release(tmp_path, {"patient_id": "nan"})).rows
    assert row.error is not None
    assert "patient is empty" in row.error.message
