from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Command
from tests.object_stores import KEY
from tests.pages.parsed import Page


def test_clusters_are_told_and_drawn(cohort: Path, gestalt: Command, tmp_path: Path):
    picture = tmp_path / "tree.svg"
    ran = gestalt("cohort", "cluster", "--bootstrap", 5, "--figure", picture)
    assert ran.code == 0, ran.err
    assert "OMIM:122470" in ran.out
    assert "Adjusted Rand index" in ran.err
    assert "Q00" not in ran.out + picture.read_text(encoding="utf-8")
    again = gestalt("cohort", "cluster", "--figure", picture)
    assert again.code == 1
    assert "--overwrite" in again.err


def test_clusters_as_a_document_name_nobody_unless_asked(cohort: Path, gestalt: Command):
    ran = gestalt("cohort", "cluster", "--bootstrap", 2, "--json")
    assert ran.document["patients"] == 12
    assert "Q00" not in ran.out
    named = gestalt("cohort", "cluster", "--bootstrap", 2, "--json", "--show-patients")
    assert len(named.document["members"]) == 12


def test_pairs_have_a_margin_and_strata_of_ones_own(cohort: Path, gestalt: Command):
    ran = gestalt("cohort", "cluster", "--margin", 0.2, "--within", "cohort", "--json")
    assert ran.document["plan"]["margin"] == 0.2
    assert ran.document["plan"]["within"] == ["cohort"]
    assert gestalt("cohort", "cluster", "--margin", 0.5).code == 2
    assert "Unknown column 'hair'" in gestalt("cohort", "cluster", "--within", "hair").err


@pytest.mark.parametrize("ending", ["png", "svg", "html"])
def test_a_map_is_drawn(cohort: Path, gestalt: Command, tmp_path: Path, ending: str):
    path = tmp_path / f"map.{ending}"
    ran = gestalt("cohort", "map", "-o", path, "--method", "pca")
    assert ran.code == 0, ran.err
    assert b"Q00" not in path.read_bytes()
    assert gestalt("cohort", "map", "-o", path).code == 1
    assert gestalt("cohort", "map", "-o", path, "--overwrite", "--show-patients").code == 0


def test_a_map_is_drawn_as_several_files(cohort: Path, gestalt: Command, tmp_path: Path):
    words = ("cohort", "map", "--method", "pca", "--json")
    words += ("-o", tmp_path / "map.html", "-o", tmp_path / "map.png")
    ran = gestalt(*words)
    assert ran.code == 0, ran.err
    assert (tmp_path / "map.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "map.html").unlink()
    assert gestalt(*words).code == 1
    assert not (tmp_path / "map.html").exists()


def test_the_page_of_a_map_needs_nothing_beside_itself(
    cohort: Path, gestalt: Command, tmp_path: Path
):
    path = tmp_path / "map.html"
    assert gestalt("cohort", "map", "-o", path, "--show-patients").code == 0
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert page.addresses == []
    assert [one["id"] for one in page.of("input")] == ["by-disorder", "by-cohort", "by-sex"]
    assert "Q00" in text


def test_new_patients_are_placed_on_a_map(cohort: Path, gestalt: Command, tmp_path: Path):
    kept = tmp_path / "map.npz"
    first = gestalt(
        "cohort", "map", "--cohort", "Bonn", "-o", tmp_path / "a.png", "--save-map", kept
    )
    assert first.code == 0, first.err
    ran = gestalt(
        "cohort", "map", "--cohort", "Taipei", "--on", kept, "-o", tmp_path / "b.svg", "--json"
    )
    assert ran.code == 0, ran.err
    assert (ran.document["patients"], ran.document["placed"]) == (6, 6)
    assert "placed later (6)" in (tmp_path / "b.svg").read_text(encoding="utf-8")


def test_a_composite_is_written_and_a_small_group_refused(
    cohort: Path, gestalt: Command, tmp_path: Path
):
    path = tmp_path / "face.png"
    ran = gestalt("cohort", "composite", "--disorder", "ORPHA:199", "-o", path, "--json")
    assert ran.code == 0, ran.err
    assert ran.document["patients"] == 6
    assert ran.document["sharpened"] is False
    words = (
        "cohort",
        "composite",
        "--disorder",
        "ORPHA:199",
        "-o",
        path,
        "--overwrite",
        "--sharpen",
    )
    sharpened = gestalt(*words)
    assert "The face is sharpened" in sharpened.out + sharpened.err
    assert path.read_bytes().startswith(b"\x89PNG")
    assert Image.open(path).width > 336
    plain = gestalt(*words[:-1], "--plain")
    assert (plain.code, Image.open(path).size) == (0, (336, 336))
    refused = gestalt("cohort", "composite", "-o", tmp_path / "n.pdf", "--plain")
    assert refused.code == 2
    small = gestalt("cohort", "composite", "-o", tmp_path / "n.png", "--at-least", 20)
    assert small.code == 2
    assert not (tmp_path / "n.png").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("cluster", "--gene", "NONE1"),
        ("map", "-o", "m.txt"),
        ("map", "-o", "m.png", "--colour", "shoes"),
        ("map", "-o", "m.png", "--colour", "gene"),
        ("map", "-o", "m.png", "--method", "magic"),
        ("map", "-o", "m.png", "--on", "none.npz"),
        ("composite", "-o", "none/m.png"),
    ],
)
def test_bad_input_is_a_clear_error(
    cohort: Path, gestalt: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple
):
    monkeypatch.chdir(tmp_path)
    ran = gestalt("cohort", *words)
    assert ran.code in (1, 2)
    assert ran.err.startswith("Error: ")
    assert not list(tmp_path.glob("m.*"))


def test_a_composite_of_crops_in_a_folder_is_that_of_crops_in_the_database(
    cohort: Path, gestalt: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    words = ("cohort", "composite", "--disorder", "ORPHA:199", "--plain")
    assert gestalt(*words, "-o", tmp_path / "database.png").code == 0
    monkeypatch.setenv("GESTALT_CROPS_KEY", KEY)
    crops = tmp_path / "crops"
    assert gestalt("index", "crops", "move", "--to", crops.as_uri()).code == 0
    ran = gestalt(*words, "-o", tmp_path / "folder.png")
    assert ran.code == 0, ran.err
    assert (tmp_path / "folder.png").read_bytes() == (tmp_path / "database.png").read_bytes()
    crops.rename(tmp_path / "elsewhere")
    away = gestalt(*words, "-o", tmp_path / "away.png")
    assert away.code == 1
    assert str(crops) in away.err
    assert not (tmp_path / "away.png").exists()
    monkeypatch.delenv("GESTALT_CROPS_KEY")
    (tmp_path / "elsewhere").rename(crops)
    without_key = gestalt(*words, "-o", tmp_path / "away.png")
    assert without_key.code != 0
    assert "GESTALT_CROPS_KEY" in without_key.err
