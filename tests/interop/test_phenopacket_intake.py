from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from gestalt_space.errors import PhenotypeError
from gestalt_space.gallery.intake.records import check_row
from gestalt_space.interop.phenopacket_intake import (
    NO_PHOTO,
    PhenopacketIntake,
    phenopacket_intake,
    reasons,
)
from gestalt_space.interop.phenopackets import PhenopacketFile, parse_phenopacket
from gestalt_space.types import Disorder
from tests import made
from tests.interop.test_phenopackets import data, found_gene, packet


def attached(path: Path, uri: str = "", **attributes: str | None) -> dict[str, Any]:
    """A photo as a phenopacket names it, with its hash and consent unless told otherwise."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "0" * 64
    told = {"sha256": digest, "consent": "research", **attributes}
    known = {name: value for name, value in told.items() if value is not None}
    return {"uri": uri or path.name, "fileAttributes": known}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "packets").mkdir()
    return made.photo_file(tmp_path / "packets" / "a b.png", 1)


def file(folder: Path, id_: str = "P1", **changes: Any) -> PhenopacketFile:
    return PhenopacketFile(id_, parse_phenopacket(data(packet(id_, **changes))), folder=folder)


def intake(photo: Path, **options: Any) -> PhenopacketIntake:
    """Of one phenopacket that names the photo as the options say."""
    consent, photos = options.pop("with_consent", None), options.pop("photos", None)
    one = file(photo.parent, files=[attached(photo, **options)])
    return phenopacket_intake([one], consent=consent, photos=photos)


def test_a_photo_goes_in_with_all_that_is_known(photo: Path):
    found_in = [found_gene("NIPBL", "CAUSATIVE")]
    one = file(
        photo.parent,
        subject={
            "id": "chart 7",
            "sex": "MALE",
            "timeAtLastEncounter": {"age": {"iso8601duration": "P4Y6M"}},
        },
        diseases=[
            {"term": {"id": "OMIM:122470", "label": "CdLS"}},
            {"term": {"id": "OMIM:147920", "label": "OMIM:147920"}},
        ],
        interpretations=[{"diagnosis": {"genomicInterpretations": found_in}}],
        files=[attached(photo, "a%20b.png", site="Bonn", face="2")],
    )
    found = phenopacket_intake([one], prefix="X-")
    (row,) = found.rows
    assert (row.path, row.photo) == (photo, "a b.png")
    record = row.record
    assert record is not None
    assert record.patient == "X-P1"
    assert record.disorders == (Disorder("OMIM:122470", "CdLS"), Disorder("OMIM:147920"))
    assert (record.genes, record.sex, record.age) == (("NIPBL",), "male", 4.5)
    assert (record.hpo, record.hpo_absent) == (("HP:0000011",), ("HP:0000020",))
    assert (record.consent, record.site, record.face) == ("research", "Bonn", 2)
    assert (found.read, found.patients, found.left_out, found.failed) == (1, 1, {}, ())
    assert check_row(row).error is None


def test_each_of_several_photos_has_its_own_age_or_none(photo: Path):
    other = made.photo_file(photo.with_name("b.png"), 2)
    subject = {"id": "1", "timeAtLastEncounter": {"age": {"iso8601duration": "P9Y"}}}
    files = [attached(photo, "a%20b.png", age="P3Y"), attached(other)]
    found = phenopacket_intake([file(photo.parent, subject=subject, files=files)])
    assert [row.record.age for row in found.rows if row.record] == [3, None]
    assert found.patients == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"consent": None}, "no consent stated"),
        ({"consent": "unknown"}, "no consent stated"),
        ({"consent": "withdrawn"}, "consent withdrawn"),
        ({"sha256": None}, "no hash (sha256)"),
        ({"sha256": "0" * 64}, "the hash is another file's"),
        ({"uri": "none.png"}, "no such file"),
        ({"uri": "../packets/a%20b.png"}, "a path out of the folder"),
        ({"uri": "x/..%2F../a.png"}, "a path out of the folder"),
        ({"uri": "..\\a.png"}, "a path out of the folder"),
        ({"uri": "/a.png"}, "a path out of the folder"),
        ({"uri": "//host/a.png"}, "no path beside the phenopacket"),
        ({"uri": "file:///a.png"}, "no path beside the phenopacket"),
        ({"uri": "https://example.org/a.png"}, "no path beside the phenopacket"),
        ({"uri": "C:/a.png"}, "no path beside the phenopacket"),
        ({"uri": "http://[a.png"}, "no path beside the phenopacket"),
        ({"uri": "a%00.png"}, "no path beside the phenopacket"),
    ],
)
def test_a_photo_that_may_not_or_cannot_be_taken_is_counted(
    photo: Path, changes: dict[str, Any], reason: str
):
    found = intake(photo, **{"uri": "a%20b.png", **changes})
    assert found.rows == ()
    assert list(reasons(found)) == [(reason, 1)]


def test_a_link_that_leads_out_of_the_folder_is_not_followed(photo: Path):
    outside = made.photo_file(photo.parent.parent / "outside.png", 3)
    link = photo.with_name("link.png")
    link.symlink_to(outside)
    assert list(reasons(intake(link))) == [("a path out of the folder", 1)]


def test_consent_may_be_stated_for_those_that_state_none(photo: Path):
    stated = intake(photo, uri="a%20b.png", consent=None, with_consent="ethics 12")
    assert [row.record.consent for row in stated.rows if row.record] == ["ethics 12"]
    own = intake(photo, uri="a%20b.png", with_consent="ethics 12")
    assert [row.record.consent for row in own.rows if row.record] == ["research"]


def test_photos_may_lie_in_a_folder_of_their_own(photo: Path, tmp_path: Path):
    (tmp_path / "photos").mkdir()
    moved = photo.rename(tmp_path / "photos" / "a.png")
    one = file(tmp_path / "packets", files=[attached(moved)])
    assert list(reasons(phenopacket_intake([one]))) == [("no such file", 1)]
    (row,) = phenopacket_intake([one], photos=tmp_path / "photos").rows
    assert row.path == moved


def test_patients_without_a_photo_and_files_that_cannot_be_read_are_counted(photo: Path):
    vcf = {"uri": "a.vcf.gz", "fileAttributes": {"fileFormat": "VCF"}}
    files = [
        file(photo.parent, "P1", files=[vcf]),
        file(photo.parent, "P2"),
        file(photo.parent, "P3", files=[attached(photo, "a%20b.png")]),
        file(photo.parent, "P3", files=[attached(photo, "a%20b.png")]),
        PhenopacketFile("old", None, PhenotypeError("This is a phenopacket of version 1.", "")),
    ]
    found = phenopacket_intake(files)
    assert found.left_out == {NO_PHOTO: ("P1", "P2")}
    assert [name for name, _ in found.failed] == ["P3", "old"]
    assert (found.read, found.patients) == (5, 1)


@pytest.mark.parametrize(
    ("features", "present"),
    [
        ([], ()),
        ([{"type": {"id": "HP:9999999"}}], ("HP:9999999",)),
        ([{"type": {"id": "MONDO:0000001"}}], ()),
        (
            [{"type": {"id": "HP:0000011"}}, {"type": {"id": "HP:0000011"}, "excluded": True}],
            ("HP:0000011",),
        ),
    ],
)
def test_a_patient_may_have_no_term_or_one_that_is_not_known(
    photo: Path, features: list[Any], present: tuple[str, ...]
):
    one = file(
        photo.parent,
        phenotypicFeatures=features,
        diseases=[],
        files=[attached(photo, "a%20b.png")],
    )
    (row,) = phenopacket_intake([one]).rows
    checked = check_row(row)
    assert checked.error is None
    assert checked.record is not None
    assert (checked.record.hpo, checked.record.hpo_absent) == (present, ())
    assert checked.record.disorders == ()
