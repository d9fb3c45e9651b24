"""Terms, phenopackets and VCFs that come with photos: what is refused, and that nothing is kept."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gestalt_space.errors import BodyTooLarge
from gestalt_space.fusion.asking import read_exome
from gestalt_space.service import patient_details
from gestalt_space.service.patient_details import SentFile, check_unpacked, file_in_memory
from tests.documents.validation import assert_valid
from tests.genomics import made_vcf
from tests.interop.test_phenopackets import packet
from tests.phenotype.made import write_release

pytest.importorskip("cyvcf2", reason="reading a VCF needs cyvcf2")
File = tuple[str, bytes]
LINES = [made_vcf.line(gene="BBB1", cadd=30), made_vcf.line(pos=200, gene="New1", cadd=10)]
TEXT = made_vcf.content(LINES)
CASE = json.dumps(packet()).encode()


@pytest.fixture(autouse=True)
def _release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GESTALT_HPO_RELEASE", str(write_release(tmp_path / "release")))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["text", "gzip"])
def test_a_photo_a_phenopacket_and_an_exome(
    client: TestClient, photo: File, pack: Callable[[bytes], bytes]
):
    files = {"photo": photo, "phenopacket": ("case.json", CASE), "vcf": ("e.vcf.gz", pack(TEXT))}
    answer = client.post("/api/v1/match", files=files, data={"by": "gene", "sex": "male"})
    assert answer.status_code == 200, answer.json()
    assert_valid(answer.json(), "match")
    fused = answer.json()["probes"][0]["fused"]
    assert (fused["by"], fused["sex"]) == ("gene", "male")
    assert fused["notes"] == ["The phenopacket says female, but male was given: male is used."]
    assert fused["exome"]["file"] == "e.vcf.gz"
    assert (fused["exome"]["sample"], fused["exome"]["variants"]) == ("P1", 2)
    found = {line["name"]: line["parts"] for line in fused["genes"]}
    assert found["BBB1"]["exome"]["score"] == 30
    assert found["BBB1"]["terms"]["evidence"]


def test_notes_name_fields_and_no_options(client: TestClient, photo: File):
    head = [line for line in made_vcf.header() if "contig" not in line]
    files = {"photo": photo, "vcf": ("e.vcf", made_vcf.content(LINES, head))}
    answer = client.post("/api/v1/match", files=files)
    notes = " ".join(answer.json()["probes"][0]["fused"]["exome"]["notes"])
    assert "Add `build` GRCh37" in notes
    told = client.post("/api/v1/match", files=files, data={"build": "GRCh37"}).json()
    assert told["probes"][0]["fused"]["exome"]["build"] == "GRCh37"


@pytest.mark.parametrize(
    ("files", "data", "status", "message"),
    [
        ([("phenopacket", ("a.json", b"{"))], {}, 422, "a.json: The file is not JSON."),
        ([("phenopacket", ("a.json", b""))], {}, 400, "a.json is empty."),
        ([("phenopacket", ("a.json", CASE))] * 2, {}, 400, "There are 2 files of the phenopacket."),
        ([("vcf", ("e.vcf", b"hello\n"))], {}, 422, "e.vcf is not a VCF"),
        ([("vcf", ("e.vcf.gz", gzip.compress(TEXT)[:-9]))], {}, 422, "e.vcf.gz is cut off"),
        ([("vcf", ("e.vcf", TEXT))], {"build": "GRCh38"}, 400, "The VCF is on GRCh37"),
        ([("vcf", ("e.vcf", TEXT))], {"sample": "P9"}, 400, "e.vcf has no sample 'P9'"),
        ([], {"sample": "P1"}, 400, "`sample` needs a VCF."),
        ([("vcf", ("e.vcf", TEXT))], {"by": "patient"}, 400, "cannot be combined with `by`"),
    ],
)
def test_what_cannot_be_read_is_refused(
    client: TestClient,
    photo: File,
    files: list[tuple[str, File]],
    data: dict[str, str],
    status: int,
    message: str,
):
    answer = client.post("/api/v1/match", files=[("photo", photo), *files], data=data)
    assert message in answer.json()["error"]["message"]
    assert answer.status_code == status


def test_a_vcf_without_candidates_says_which_filter_took_the_last(client: TestClient, photo: File):
    text = made_vcf.content([made_vcf.line(gene="BBB1", frequency=0.3)])
    answer = client.post("/api/v1/match", files={"photo": photo, "vcf": ("e.vcf", text)})
    assert answer.status_code == 400
    assert "0 of 1 variants are left" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("limit", "what"),
    [
        ("MOST_VCF_BYTES", "e.vcf has more than 0 MB, the most that a VCF may have."),
        ("MOST_VCF_TEXT", "e.vcf is too large"),
        ("MOST_PHENOPACKET_BYTES", "case.json has more than 0 MB"),
    ],
)
def test_sizes_are_capped(
    client: TestClient, photo: File, limit: str, what: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(patient_details, limit, 60)
    files = {"photo": photo, "phenopacket": ("case.json", CASE), "vcf": ("e.vcf", TEXT)}
    answer = client.post("/api/v1/match", files=files)
    assert answer.status_code == 413
    assert what in answer.json()["error"]["message"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["text", "gzip"])
@pytest.mark.parametrize("before", [b"", b"a\n" * 90, b"\n" * 5 + b"x" * 20 + b"\n"])
@pytest.mark.parametrize("after", [b"", b"\n", b"\n" + b"y" * 20])
def test_the_longest_line_is_found_wherever_it_is(
    before: bytes,
    after: bytes,
    pack: Callable[[bytes], bytes],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(patient_details, "_PIECE", 7)
    monkeypatch.setattr(patient_details, "LONGEST_VCF_LINE", 20)
    check_unpacked(SentFile("e.vcf", pack(before + b"z" * 20 + after)))
    with pytest.raises(BodyTooLarge):
        check_unpacked(SentFile("e.vcf", pack(before + b"z" * 21 + after)))


def test_nothing_is_written_to_the_disk(
    client: TestClient, photo: File, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    opened: list[Path] = []

    def noted(path: Path, *given: Any) -> Any:
        opened.append(path.readlink())
        return read_exome(path, *given)

    monkeypatch.setattr(patient_details, "read_exome", noted)
    mark = "gene_of_nobody"
    text = TEXT.replace(b"New1", mark.encode())
    case = CASE.replace(b'"id"', b'"note": "gene_of_nobody", "id"', 1)
    files = {"photo": photo, "phenopacket": ("case.json", case), "vcf": ("e.vcf", text)}
    answer = client.post("/api/v1/match", files=files)
    assert mark in answer.text
    assert [str(one).partition(":")[0] for one in opened] == ["/memfd"]
    assert list((tmp_path / "tmp").iterdir()) == []
    for path in filter(Path.is_file, home.rglob("*")):
        assert mark.encode() not in path.read_bytes(), path


def test_a_file_in_memory_is_gone_afterwards():
    before = len(list(Path("/proc/self/fd").iterdir()))
    with file_in_memory(b"text") as path:
        assert path.read_bytes() == path.read_bytes() == b"text"
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert not path.exists()


def test_without_such_files_a_vcf_is_refused(
    client: TestClient, photo: File, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delattr(os, "memfd_create")
    answer = client.post("/api/v1/match", files={"photo": photo, "vcf": ("e.vcf", TEXT)})
    assert answer.status_code == 400
    assert "without writing it to the disk" in answer.json()["error"]["message"]
