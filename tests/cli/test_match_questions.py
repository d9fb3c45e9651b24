"""`gestalt match` beyond the list of disorders: other lines, filters, evidence, foreign replies."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Command

ALIGNED = ("--detector", "aligned")


def test_several_photos_as_one(filled: Path, photos: list[Path], gestalt: Command) -> None:
    ran = gestalt("match", photos[4], photos[5], "--as-one", *ALIGNED)
    assert "2 of 2 photos as one probe" in ran.out
    document = gestalt("match", photos[4], photos[5], "--as-one", "--json", *ALIGNED).document
    (probe,) = document["probes"]
    assert [photo["photo"] for photo in probe["photos"]] == [str(p) for p in photos[4:6]]
    assert probe["face"] is None


def test_one_bad_photo_of_several_is_told_and_the_others_are_asked(
    filled: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no photo")
    ran = gestalt("match", photos[4], bad, "--as-one", *ALIGNED)
    assert ran.code == 3
    assert "1 of 2 photos as one probe" in ran.out
    assert "bad.png" in ran.err


def test_a_patient_of_the_gallery(filled: Path, gestalt: Command) -> None:
    ran = gestalt("match", "--patient", "P0", "--by", "patient")
    assert ran.code == 0, ran.err
    assert "own photos are excluded" in ran.out
    (probe,) = gestalt("match", "--patient", "P0", "--by", "patient", "--json").document["probes"]
    assert sorted(line["id"] for line in probe["patients"]) == ["P1", "P2", "P3"]
    assert probe["left_out"] == "P0"


def test_relatives_are_left_out_and_named(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    for number in (0, 1):
        words = ("index", "add", photos[number], "--patient", f"P{number}", "--family", "F 1")
        assert gestalt(*words, *ALIGNED).code == 0
    ran = gestalt("match", "--patient", "P0", "--by", "patient")
    assert "excluded as family: 1 patient, P1" in ran.out
    (probe,) = gestalt("match", "--patient", "P0", "--by", "patient", "--json").document["probes"]
    assert probe["relatives"] == ["P1"]
    assert sorted(line["id"] for line in probe["patients"]) == ["P2", "P3"]
    words = ("match", "--patient", "P0", "--by", "patient", "--with-family", "--json")
    document = gestalt(*words).document
    assert document["question"]["with_family"] is True
    (probe,) = document["probes"]
    assert probe["relatives"] == []
    assert sorted(line["id"] for line in probe["patients"]) == ["P1", "P2", "P3"]
    new = ("match", photos[4], "--by", "patient", *ALIGNED)
    document = gestalt(*new, "--family", " F 1", "--json").document
    assert document["question"]["family"] == "F 1"
    assert document["probes"][0]["relatives"] == ["P0", "P1"]
    assert gestalt(*new, "--family", "F2").code == 1
    assert gestalt(*new, "--family", "F 1", "--with-family").code == 2


def test_by_gene(filled: Path, photos: list[Path], gestalt: Command) -> None:
    document = gestalt("match", photos[4], "--by", "gene", "--json", *ALIGNED).document
    counts = {name: document["gallery"][name] for name in ("patients", "photos", "genes")}
    assert counts == {"patients": 4, "photos": 4, "genes": 1}
    assert [line["id"] for line in document["probes"][0]["genes"]] == ["NIPBL"]


def test_a_filter_and_how_many_are_eligible(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    words = ("match", photos[4], "--among", "sex=female", "--among", "age=0-5y", *ALIGNED)
    assert (
        "10 disorders requested, 1 eligible among sex=female, age=0-5y, from 1 patient with 1 photo"
        in (" ".join(gestalt(*words).out.split()))
    )
    document = gestalt(*words, "--json").document
    assert document["question"]["among"] == "sex=female, age=0-5y"
    assert document["probes"][0]["eligible"] == {"lines": 1, "patients": 1, "photos": 1}
    nothing = gestalt("match", photos[4], "--among", "sex=other", *ALIGNED)
    assert nothing.code == 1
    assert "sex=other" in nothing.err


def test_the_gallerys_composition(filled: Path, photos: list[Path], gestalt: Command) -> None:
    ran = gestalt("match", photos[4], "--sex", "f", "--age", "5y", *ALIGNED)
    assert re.search(
        r"sex female, where known: \d of \d patients? listed, \d of \d eligible", ran.out
    )
    (probe,) = gestalt(
        "match", photos[4], "--sex", "f", "--age", "5y", "--json", *ALIGNED
    ).document["probes"]
    sex, age = probe["composition"]
    assert (sex["attribute"], sex["value"], sex["eligible"], sex["eligible_known"]) == (
        *("sex", "female"),
        *(1, 2),
    )
    assert (age["value"], age["eligible"], age["eligible_known"]) == ("5 to 9 years", 0, 2)


@pytest.mark.parametrize("how", ["patient-mean", "centroid", "blend", "vote"])
def test_an_aggregation_shows_its_score(
    how: str, filled: Path, photos: list[Path], gestalt: Command
) -> None:
    ran = gestalt("match", photos[4], "--aggregation", how, *ALIGNED)
    assert how in ran.out
    rows = list(
        csv.DictReader(
            io.StringIO(
                gestalt("match", photos[4], "--aggregation", how, "--csv", "-", *ALIGNED).out
            )
        )
    )
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_the_evidence_of_a_line(filled: Path, photos: list[Path], gestalt: Command) -> None:
    by_patient = gestalt("match", photos[4], "--explain", "P0", "--json", *ALIGNED).document
    by_disorder = gestalt("match", photos[4], "--explain", "OMIM:122470", "--json", *ALIGNED)
    assert by_patient["lines"] == by_disorder.document["lines"]
    (line,) = by_patient["lines"]
    assert sorted(photo["patient"] for photo in line["photos"]) == ["P0", "P1"]
    shown = gestalt("match", photos[4], "--explain", "P0", *ALIGNED)
    assert "photos/p1.png" in shown.out
    unknown = gestalt("match", photos[4], "--explain", "Z", *ALIGNED)
    assert unknown.code == 1
    assert "'Z'" in unknown.err


def test_the_reply_of_the_published_service(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    ours = gestalt("match", photos[4], "--json", *ALIGNED).document["probes"][0]["disorders"]
    reply = gestalt("match", photos[4], "--format", "gestaltmatcher", *ALIGNED).document
    assert set(reply) == {
        *("model_version", "gallery_version"),
        *("suggested_genes_list", "suggested_syndromes_list"),
    }
    for line, mine in zip(reply["suggested_syndromes_list"], ours, strict=True):
        assert set(line) == {
            *("syndrome_name", "omim_id", "distance", "gestalt_score"),
            *("image_id", "subject_id"),
        }
        assert line["gestalt_score"] == line["distance"] == round(line["distance"], 3)
        assert line["distance"] == pytest.approx(1 - mine["similarity"], abs=6e-4)
        assert line["subject_id"] == mine["patient"]
    by_name = {line["syndrome_name"]: line for line in reply["suggested_syndromes_list"]}
    assert by_name["Cornelia de Lange syndrome 1"]["omim_id"] == 122470
    assert by_name["ORPHA:199"]["omim_id"] == ""
    (gene,) = reply["suggested_genes_list"]
    assert set(gene) == {
        *("gene_name", "gene_entrez_id", "distance", "gestalt_score"),
        *("image_id", "subject_id"),
    }
    assert (gene["gene_name"], gene["gene_entrez_id"]) == ("NIPBL", None)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--patient", "P0", "--as-one"),
        ("--by", "shoe", "--patient", "P0"),
        ("--aggregation", "sum", "--patient", "P0"),
        ("--among", "sex", "--patient", "P0"),
        ("--format", "xml", "--patient", "P0"),
        ("--format", "csv", "--json", "--patient", "P0"),
        ("--explain", "P0", "--format", "gestaltmatcher", "--patient", "P0"),
        ("--format", "gestaltmatcher", "--aggregation", "vote", "--patient", "P0"),
        ("--format", "gestaltmatcher", "--by", "patient", "--patient", "P0"),
        ("--sex", "?!", "--patient", "P0"),
    ],
)
def test_wrong_usage_is_told(words: tuple[str, ...], filled: Path, gestalt: Command) -> None:
    ran = gestalt("match", *words)
    assert ran.code == 2
    assert ran.err


def test_replies_about_one_probe_refuse_several(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    for words in (("--format", "gestaltmatcher"), ("--explain", "P0")):
        ran = gestalt("match", photos[4], photos[5], *words, *ALIGNED)
        assert ran.code == 2
        assert "one probe" in ran.err
        assert gestalt("match", photos[4], photos[5], "--as-one", *words, *ALIGNED).code == 0


def test_a_gallery_that_is_not_calibrated_says_so(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    assert "not calibrated" not in gestalt("match", photos[4], *ALIGNED).out
    with sqlite3.connect(filled / "gallery.sqlite3") as connection:
        connection.execute("UPDATE calibration SET document = '{}'")
    connection.close()
    shown = gestalt("match", photos[4], *ALIGNED)
    assert "not calibrated" in shown.out
    assert "gestalt index calibrate" in shown.out
    assert gestalt("index", "calibrate").code == 0
    assert "not calibrated" not in gestalt("match", photos[4], *ALIGNED).out
