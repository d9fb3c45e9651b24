from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gestalt_space.errors import PhenotypeError, UsageError
from gestalt_space.interop import phenopackets
from gestalt_space.interop.phenopackets import (
    named_cases,
    parse_phenopacket,
    read_phenopackets,
    years_of,
)
from gestalt_space.types import Disorder


def packet(id_: str = "P1", **changes: Any) -> dict[str, Any]:
    """A phenopacket of version 2 of a patient who does not exist."""
    return {
        "id": id_,
        "subject": {"id": "1", "sex": "FEMALE", "timeAtLastEncounter": {"age": {}}},
        "phenotypicFeatures": [
            {"type": {"id": "HP:0000011", "label": "Wide nose"}},
            {"type": {"id": "HP:0000020", "label": "Short arm"}, "excluded": True},
        ],
        "diseases": [
            {"term": {"id": "OMIM:1", "label": "Disorder 1"}},
            {"term": {"id": "OMIM:2", "label": "Disorder 2"}, "excluded": True},
        ],
        "metaData": {
            "phenopacketSchemaVersion": "2.0",
            "resources": [{"namespacePrefix": "HP", "version": "2024-02-27"}],
            "externalReferences": [{"id": "PMID:1"}],
        },
        **changes,
    }


def data(record: Any) -> bytes:
    return json.dumps(record).encode()


def test_what_is_used_of_a_phenopacket_is_read():
    found = parse_phenopacket(data(packet()))
    assert found.id == "P1"
    assert found.present == ("HP:0000011",)
    assert found.excluded == ("HP:0000020",)
    assert found.disorders == (Disorder("OMIM:1", "Disorder 1"),)
    assert found.references == ("PMID:1",)
    assert (found.sex, found.hpo) == ("female", "2024-02-27")


@pytest.mark.parametrize(
    ("duration", "years"),
    [("P4Y6M", 4.5), ("P18M", 1.5), ("P3W", 21 / 365.25), ("P0Y", 0.0), ("4 years", None)],
)
def test_the_age_is_in_years(duration: str, years: float | None):
    subject = {"sex": "MALE", "timeAtLastEncounter": {"age": {"iso8601duration": duration}}}
    found = parse_phenopacket(data(packet(subject=subject)))
    assert (found.sex, found.age_years) == (
        "male",
        years if years is None else pytest.approx(years),
    )


def test_a_phenopacket_may_lack_almost_everything():
    found = parse_phenopacket(data({"id": "P1"}))
    assert (found.present, found.excluded, found.disorders) == ((), (), ())
    assert found.sex is None
    parse_phenopacket(data(packet(metaData={}, subject=None, diseases=None)))


def test_names_of_the_schema_are_read_too():
    record = packet()
    record["phenotypic_features"] = record.pop("phenotypicFeatures")
    meta = record.pop("metaData")
    record["meta_data"] = {
        "phenopacket_schema_version": "2.0.0",
        "resources": [{"namespace_prefix": "hp", "version": "2024-02-27"}],
        "external_references": meta["externalReferences"],
    }
    assert parse_phenopacket(data(record)) == parse_phenopacket(data(packet()))
    record["meta_data"]["phenopacket_schema_version"] = "1.0.0"
    with pytest.raises(PhenotypeError, match="version 1"):
        parse_phenopacket(data(record))


OLD = [{"type": {"id": "HP:0000011"}, "negated": True}]


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (packet(metaData={"phenopacketSchemaVersion": "1.0.0"}), "version 1.0.0"),
        (packet(metaData={}, phenotypicFeatures=OLD), "version 1,"),
        (packet(metaData={}, genes=[{"id": "HGNC:1"}]), "version 1,"),
        (packet(metaData={"phenopacketSchemaVersion": "3.0"}), "version 3.0"),
        ({"id": "F", "proband": packet()}, "family or cohort"),
        ({"id": "C", "members": [packet()]}, "family or cohort"),
        ([packet()], "not a phenopacket"),
        ({"name": "x"}, "not a phenopacket"),
        (packet(phenotypicFeatures=[{"excluded": True}]), "not a phenopacket"),
        (packet(phenotypicFeatures="HP:0000011"), "not a phenopacket"),
        (packet(metaData=[]), None),
        (packet(metaData=["x"]), "not a phenopacket"),
    ],
)
def test_what_is_no_phenopacket_of_version_2_is_refused(record: Any, told: str | None):
    if told is None:
        parse_phenopacket(data(record))
        return
    with pytest.raises(PhenotypeError, match=told):
        parse_phenopacket(data(record))


@pytest.mark.parametrize("bad", [b"", b"\xff\xfe{", b"{", b"[" * 100_000])
def test_what_is_no_json_is_refused(bad: bytes):
    with pytest.raises(PhenotypeError, match="not JSON"):
        parse_phenopacket(bad)


@pytest.mark.parametrize("word", ["no", "false", 0, 1, []])
@pytest.mark.parametrize("part", ["phenotypicFeatures", "diseases"])
def test_excluded_is_true_or_false(part: str, word: Any) -> None:
    """A text such as "no" is no excluded term: that would count against a disorder."""
    name = "type" if part == "phenotypicFeatures" else "term"
    packet = {"id": "A", part: [{name: {"id": "HP:0000664"}, "excluded": word}]}
    with pytest.raises(PhenotypeError, match="not true or false"):
        parse_phenopacket(json.dumps(packet).encode())


def test_a_folder_is_read_with_all_in_it(tmp_path: Path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.json").write_bytes(data(packet("P2")))
    (tmp_path / "one.json").write_bytes(data(packet("")))
    (tmp_path / "bad.json").write_bytes(b"{")
    (tmp_path / "notes.txt").write_text("x")
    found = list(read_phenopackets(tmp_path))
    assert [one.case.name for one in found] == ["P2", "bad", "one"]
    assert [one.error is None for one in found] == [True, False, True]
    assert found[1].case.error is found[1].error
    (single,) = read_phenopackets(tmp_path / "one.json")
    assert single.case.present == ("HP:0000011",)


def test_a_zip_file_is_read_without_unpacking_it(tmp_path: Path):
    path = tmp_path / "cases.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b/two.json", data(packet("P2")))
        archive.writestr("../a/one.json", data(packet("P1")))
        archive.writestr("__MACOSX/._one.json", b"x")
        archive.writestr("LICENSE", b"x")
    assert [one.case.name for one in read_phenopackets(path)] == ["P1", "P2"]
    assert [one.name for one in tmp_path.iterdir()] == ["cases.zip"]


def test_a_bad_entry_of_a_zip_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "cases.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.json", data(packet("A")))
        archive.writestr("b.json", data(packet("B")))
        archive.writestr("c.json", b" " * 5_000)
    raw = bytearray(path.read_bytes())
    at = raw.find(b'"id": "A"')
    raw[at + 7] ^= 1  # another byte than its checksum says
    second = raw.rfind(b"b.json") - 46
    (flags,) = struct.unpack_from("<H", raw, second + 8)
    struct.pack_into("<H", raw, second + 8, flags | 1)  # encrypted
    path.write_bytes(raw)
    monkeypatch.setattr(phenopackets, "MOST_BYTES", 4_000)
    found = list(read_phenopackets(path))
    assert [one.name for one in found] == ["a", "b", "c"]
    assert all(isinstance(one.error, PhenotypeError) for one in found)
    assert "larger" in str(found[2].error)


def test_where_there_is_none_it_is_said(tmp_path: Path):
    with pytest.raises(UsageError, match="has no phenopackets"):
        list(read_phenopackets(tmp_path))
    with pytest.raises(UsageError, match="no file or folder"):
        list(read_phenopackets(tmp_path / "none"))
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(UsageError, match="has no phenopackets"):
        list(read_phenopackets(tmp_path / "empty.zip"))


def found_gene(symbol: str, status: str) -> dict[str, Any]:
    """A genomic interpretation."""
    described = {"geneContext": {"valueId": "HGNC:1", "symbol": symbol}}
    variant = {"variationDescriptor": described}
    return {"interpretationStatus": status, "variantInterpretation": variant}


def test_genes_are_those_that_are_part_of_the_diagnosis():
    found = [
        found_gene("BBB1", "CAUSATIVE"),
        found_gene("BBB1", "CAUSATIVE"),
        found_gene("CCC1", "REJECTED"),
        found_gene("DDD1", "CANDIDATE"),
        {"interpretationStatus": "CONTRIBUTORY", "gene": {"valueId": "HGNC:2", "symbol": "AAA1"}},
        {"interpretationStatus": "CAUSATIVE"},
    ]
    record = packet(interpretations=[{"diagnosis": {"genomicInterpretations": found}}, {}])
    assert parse_phenopacket(data(record)).genes == ("BBB1", "AAA1")
    assert parse_phenopacket(data(packet())).genes == ()


@pytest.mark.parametrize(
    ("duration", "years"),
    [
        ("P4Y", 4),
        ("P4Y6M", 4.5),
        ("P18M", 1.5),
        ("P2W", 14 / 365.25),
        ("P1Y3DT4H", 1 + 3 / 365.25),
        ("P0D", 0),
        ("P1.5Y", 1.5),
        ("PT5H", 0),
        ("P", None),
        ("4Y", None),
        ("P-4Y", None),
        ("P\u0664Y", None),
        ("", None),
    ],
)
def test_ages_are_durations_of_iso_8601(duration: str, years: float | None):
    assert years_of(duration) == (None if years is None else pytest.approx(years))
    subject = {"id": "1", "timeAtLastEncounter": {"age": {"iso8601duration": duration}}}
    told = parse_phenopacket(data(packet(subject=subject)))
    assert told.age_years == years_of(duration)
    assert (told.subject, told.sex) == ("1", None)


def test_an_age_before_birth_or_by_words_is_not_known():
    for when in ({"gestationalAge": {"weeks": 30}}, {"ontologyClass": {"id": "HP:0003577"}}):
        subject = {"id": "1", "timeAtLastEncounter": when}
        assert parse_phenopacket(data(packet(subject=subject))).age_years is None


def test_files_of_one_name_are_named_with_their_folder(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in ("a/case.json", "b/case.json", "b/other.json"):
            path = tmp_path / "all" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"{")
            archive.write(path, name)
    for source in ("all", "all.zip"):
        found = list(read_phenopackets(tmp_path / source))
        assert [file.name for file in found] == ["a/case", "b/case", "other"]


def test_cases_of_one_identifier_are_named_with_their_file(tmp_path: Path):
    for name, id_ in (("a/1", "P1"), ("b/1", "P1"), ("c", "P2")):
        path = tmp_path / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data(packet(id_)))
    cases, repeated = named_cases(read_phenopackets(tmp_path))
    assert [case.name for case in cases] == ["P1 (a/1.json)", "P1 (b/1.json)", "P2"]
    assert repeated == ("P1",)


def test_a_cut_zip_file_is_said_to_be_damaged(tmp_path: Path):
    path = tmp_path / "cases.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.json", data(packet("A")))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(UsageError, match=r"cases\.zip is a damaged zip file"):
        list(read_phenopackets(path))
