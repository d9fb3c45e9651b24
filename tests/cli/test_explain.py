"""`gestalt explain`: maps of a face for a line, as a table, a page and a document."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gestalt_space.encoders import differentiable
from gestalt_space.errors import GraphUnknown
from gestalt_space.faces.regions import REGIONS
from tests.cli.conftest import Command
from tests.pages.parsed import Page

ALIGNED = ("--detector", "aligned")
FIRST, SECOND = "OMIM:122470", "ORPHA:199"
QUICK = ("--method", "hires-cam")


def test_a_table_names_the_regions_and_compares_two_lines(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    ran = gestalt("explain", photos[4], "--line", FIRST, *ALIGNED)
    assert ran.code == 0, ran.err
    for name in REGIONS:
        assert f" {name} " in ran.out
    assert f"{SECOND}: nearest patient P2" in ran.out
    assert " % of the map speaks for it, " in ran.out
    assert "rank correlation of both maps: " in ran.out
    assert "not a diagnosis" in ran.out


def test_the_document(filled: Path, photos: list[Path], gestalt: Command) -> None:
    document = gestalt("explain", photos[4], "--line", FIRST, "--json", *ALIGNED).document
    assert document["document"] == "explanation"
    assert (document["model"], document["method"]) == ("tiny", "gradients")
    assert document["line_by"] == "centroid"
    assert (document["line"]["id"], document["against"]["id"]) == (FIRST, SECOND)
    assert document["line"]["patients"] == 2
    assert document["line"]["patient"] in ("P0", "P1")
    assert -1 <= document["correlation"] <= 1
    for line in (document["line"], document["against"]):
        assert [one["region"] for one in line["regions"]] == list(REGIONS)
        assert sum(one["share"] for one in line["regions"]) == pytest.approx(1, abs=1e-3)
        assert all(one["low"] <= one["high"] for one in line["regions"])
        assert np.abs(line["cells"]).max() == 1
        assert np.shape(line["cells"]) == (14, 14)
    again = gestalt("explain", photos[4], "--line", FIRST, "--json", *ALIGNED).document
    assert again == document


def test_the_nearest_patient_instead_of_the_centroid(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    ask = ("explain", photos[4], "--line", FIRST, "--json", *QUICK, *ALIGNED)
    centroid, nearest = gestalt(*ask).document, gestalt(*ask, "--by", "nearest").document
    assert nearest["line_by"] == "nearest"
    assert nearest["line"]["cells"] != centroid["line"]["cells"]
    assert nearest["line"]["similarity"] == centroid["line"]["similarity"]
    # One patient is both.
    assert nearest["against"]["cells"] == centroid["against"]["cells"]


def test_a_page_has_all_it_shows(
    filled: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    ran = gestalt("explain", photos[4], "--line", FIRST, "-o", page, *QUICK, *ALIGNED)
    assert ran.code == 0, ran.err
    parsed = Page(page.read_text(encoding="utf-8"))
    assert "For research use. This is not a diagnosis." in parsed.text
    assert "Cornelia de Lange syndrome 1" in parsed.text
    assert "the nearest with this disorder" in parsed.text
    assert "\N{NO-BREAK SPACE}% of the map speaks for it, " in page.read_text(encoding="utf-8")
    assert all(address.startswith("data:image/") for address in parsed.addresses)
    again = gestalt("explain", photos[4], "--line", FIRST, "-o", page, *QUICK, *ALIGNED)
    assert again.code == 1
    assert "--overwrite" in again.err


def test_the_page_shows_no_reference_that_is_not_kept(
    home: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    facts = ("--disorder", FIRST, "--patient", "P0", "--no-crops", *ALIGNED)
    assert gestalt("index", "add", photos[0], *facts).code == 0
    page = tmp_path / "page.html"
    assert gestalt("explain", photos[4], "--line", FIRST, "-o", page, *QUICK, *ALIGNED).code == 0
    text = Page(page.read_text(encoding="utf-8")).text
    assert "does not keep this patient's aligned face" in text
    assert "has no other disorder" in text


def test_with_one_disorder_there_is_nothing_to_compare(
    home: Path, photos: list[Path], gestalt: Command
) -> None:
    facts = ("--disorder", FIRST, "--patient", "P0", *ALIGNED)
    assert gestalt("index", "add", photos[0], *facts).code == 0
    document = gestalt("explain", photos[4], "--line", FIRST, "--json", *QUICK, *ALIGNED).document
    assert document["against"] is document["correlation"] is None


def test_a_patient_is_not_explained_by_their_own_photos(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    document = gestalt("explain", photos[0], "--line", FIRST, "--json", *QUICK, *ALIGNED).document
    assert (document["line"]["patient"], document["line"]["patients"]) == ("P1", 1)
    alone = gestalt("explain", photos[2], "--line", SECOND, *QUICK, *ALIGNED)
    assert alone.code == 1
    assert f"no disorder '{SECOND}' to compare" in alone.err


def test_nothing_is_stored(filled: Path, photos: list[Path], gestalt: Command) -> None:
    def files() -> dict[Path, bytes]:
        paths = (path for path in filled.rglob("*") if path.is_file())
        return {path: path.read_bytes() for path in paths if not path.name.endswith("-shm")}

    gestalt("index", "list")
    before = files()
    assert gestalt("explain", photos[4], "--line", FIRST, *QUICK, *ALIGNED).code == 0
    assert files() == before


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("--line", "OMIM:1"), "has no disorder 'OMIM:1'", "gestalt match"),
        (("--line", FIRST, "--against", FIRST), "compared with itself", "--against"),
        (("--line", FIRST, "--against", "OMIM:1"), "has no disorder 'OMIM:1'", "gestalt match"),
        (("--line", FIRST, "--method", "lime"), "Unknown method 'lime'", "hires-cam"),
        (("--line", FIRST, "--by", "mean"), "Unknown value 'mean'", "centroid or nearest"),
        (("--line", FIRST, "-o", "page.pdf"), "page.pdf", ".html"),
        (("--line", FIRST, "--classifier", "tiny"), "not a classifier", "gestalt train"),
    ],
)
def test_what_cannot_be_explained_is_said(
    words: tuple[str, ...],
    message: str,
    hint: str,
    filled: Path,
    photos: list[Path],
    gestalt: Command,
) -> None:
    ran = gestalt("explain", photos[4], *words, *ALIGNED)
    assert ran.code in (1, 2)
    assert message in ran.err
    assert hint in ran.err


def test_a_photo_without_a_face(filled: Path, tmp_path: Path, gestalt: Command) -> None:
    grey = tmp_path / "grey.png"
    Image.new("RGB", (200, 200), (120, 120, 120)).save(grey)
    ran = gestalt("explain", grey, "--line", FIRST, "--detector", "builtin")
    assert ran.code == 1
    assert "found no face" in ran.err


def test_several_photos_are_refused(filled: Path, photos: list[Path], gestalt: Command) -> None:
    ran = gestalt("explain", photos[0].parent, "--line", FIRST, *ALIGNED)
    assert ran.code == 2
    assert "Name one photo" in ran.err


def test_an_encoder_in_onnx_runtime_only_has_ways_without_gradients(
    filled: Path, photos: list[Path], gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> None:
        raise GraphUnknown("The graph cannot be converted to torch.", "")

    monkeypatch.setattr(differentiable, "load_network", unknown)
    ask = ("explain", photos[4], "--line", FIRST, *ALIGNED)
    ran = gestalt(*ask, "--method", "gradients")
    assert ran.code == 1
    assert "tiny runs in ONNX Runtime only" in ran.err
    assert "--method occlusion" in ran.err
    assert json.loads(gestalt(*ask, "--json").out)["method"] == "rise"


def test_who_is_excluded_is_no_evidence(filled: Path, photos: list[Path], gestalt: Command) -> None:
    ask = ("explain", photos[4], "--line", FIRST, "--json", *QUICK, *ALIGNED)
    everybody = gestalt(*ask).document["line"]
    without = gestalt(*ask, "--without", "P0").document["line"]
    assert (everybody["patients"], without["patients"]) == (2, 1)
    assert without["patient"] == "P1"
    assert without["cells"] != everybody["cells"]
    assert gestalt("index", "set", "P1", "--family", "F1").code == 0
    of_family = gestalt(*ask, "--family", "F1").document["line"]
    assert (of_family["patients"], of_family["patient"]) == (1, "P0")
    # Nor is the second map of a line whose only patient is excluded.
    ran = gestalt(*ask, "--without", "P2", "--against", SECOND)
    assert ran.code == 1
    assert SECOND in ran.document["error"]["message"]
    assert gestalt(*ask, "--without", "P2").document["against"] is None
    assert gestalt(*ask, "--without", "P9").code != 0


def test_a_classifier_excludes_nobody(filled: Path, photos: list[Path], gestalt: Command) -> None:
    ask = ("explain", photos[4], "--line", FIRST, "--classifier", "own", *ALIGNED)
    ran = gestalt(*ask, "--without", "P0")
    assert (ran.code, "not compared with patients" in ran.err) == (2, True)
