"""Faces of photos: what makes a match less sure, and pictures of what was found."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from gestalt_space.faces.alignment import align
from gestalt_space.faces.marks import LEAST_EYE_DISTANCE, LEAST_SHARPNESS, MOST_HIDDEN
from gestalt_space.simulate.persons import Persons
from tests.cli.conftest import Command

ALIGNED = ("--detector", "aligned")


@pytest.fixture
def blurred(tmp_path: Path) -> Path:
    """A photo without any fine contrasts, large enough."""
    path = tmp_path / "blurred.png"
    Image.linear_gradient("L").convert("RGB").resize((224, 224)).save(path)
    return path


def a_good_photo(path: Path, covered: slice = slice(0)) -> Path:
    """The aligned face of a simulated person, sharp, with those rows white; in the place of
    another photo."""
    persons, rng = Persons.builtin(), np.random.default_rng(1)
    portrait = persons.portrait(persons.sample(rng), rng)
    face = Image.fromarray(align(portrait.pixels, portrait.landmarks))
    sharp = np.array(face.filter(ImageFilter.UnsharpMask(2, 300)))
    sharp[covered] = 240
    Image.fromarray(sharp).save(path)
    return path


@pytest.fixture
def landmarks(tmp_path: Path, photos: list[Path]) -> Path:
    """Landmarks of the fifth photo that are near each other, and whose nose lies to the side."""
    path = tmp_path / "landmarks.csv"
    header = "photo," + ",".join(f"{axis}{n}" for n in range(1, 6) for axis in "xy")
    points = "40,40,48,40,48.5,45,41,49,47,49"
    path.write_text(f"{header}\n{photos[4].name},{points}\n", encoding="utf-8")
    return path


def test_match_says_what_makes_it_less_sure(
    filled: Path, photos: list[Path], landmarks: Path, gestalt: Command
):
    ran = gestalt("match", photos[4], "--landmarks", landmarks)
    assert ran.code == 0, ran.err
    small = f"small: 8 pixels between the eyes, fewer than {LEAST_EYE_DISTANCE}"
    assert small in ran.out
    assert "turned: about 46° to the side" in ran.out
    (probe,) = gestalt("match", photos[4], "--landmarks", landmarks, "--json").document["probes"]
    quality = probe["face"]["quality"]
    assert quality["eye_distance"] == 8
    assert [mark["kind"] for mark in quality["marks"]][:2] == ["small", "turned"]
    assert quality["marks"][0] == {
        "kind": "small",
        "value": 8,
        "limit": LEAST_EYE_DISTANCE,
        "reason": small,
    }
    out = gestalt("match", photos[4], "--landmarks", landmarks, "--csv", "-").out
    assert next(csv.DictReader(io.StringIO(out)))["marks"].startswith(small)


def test_a_good_photo_is_not_marked(filled: Path, photos: list[Path], gestalt: Command):
    good = a_good_photo(photos[4])
    out = gestalt("match", good, *ALIGNED).out
    assert "blurred" not in out
    assert "covered" not in out
    (probe,) = gestalt("match", good, "--json", *ALIGNED).document["probes"]
    assert probe["face"]["quality"]["marks"] == []
    assert "but" not in gestalt("index", "add", good, "--patient", "P9", *ALIGNED).err


def test_a_covered_face_is_marked(filled: Path, photos: list[Path], gestalt: Command):
    masked = a_good_photo(photos[4], slice(68, None))
    ran = gestalt("match", masked, *ALIGNED)
    (probe,) = gestalt("match", masked, "--json", *ALIGNED).document["probes"]
    quality = probe["face"]["quality"]
    (mark,) = quality["marks"]
    assert (mark["kind"], mark["limit"]) == ("covered", MOST_HIDDEN)
    assert quality["hidden"] == pytest.approx(mark["value"] / 100, abs=0.006)
    assert mark["value"] > 30
    assert mark["reason"] in " ".join(ran.out.split())


def test_add_marks_and_adds(home: Path, blurred: Path, gestalt: Command, tmp_path: Path):
    report = tmp_path / "report.csv"
    ran = gestalt("index", "add", blurred, "--patient", "P9", "--report", report, *ALIGNED)
    assert ran.code == 0
    told = f"blurred: sharpness 0, below {LEAST_SHARPNESS}"
    assert f"{blurred}: added, but {told}" in ran.err
    assert "1 added" in ran.err
    (row,) = csv.DictReader(report.open(encoding="utf-8"))
    assert row["marks"].startswith(told)
    again = gestalt("index", "add", blurred, "--patient", "P9", *ALIGNED)
    assert "blurred:" not in again.err


def test_faces_are_listed_with_numbers_and_marks(
    home: Path, photos: list[Path], blurred: Path, gestalt: Command, tmp_path: Path
):
    ran = gestalt("faces", photos[0], blurred, tmp_path / "none.png", *ALIGNED)
    assert ran.code == 3
    assert ran.out.count("face 1 of 1, score ") == 2
    assert max(len(line) for line in ran.out.splitlines() if line.startswith("  ")) <= 80
    assert "70 px between the eyes, sharpness 0, yaw" in ran.out
    assert f"blurred: sharpness 0, below {LEAST_SHARPNESS}" in ran.out
    assert "none.png: The file does not exist." in ran.err
    first, second, third = gestalt(
        "faces", photos[0], blurred, tmp_path / "none.png", "--json", *ALIGNED
    ).document["photos"]
    assert (first["error"], len(first["faces"])) == (None, 1)
    assert second["faces"][0]["quality"]["marks"][0]["kind"] == "blurred"
    assert (third["error"]["code"], third["faces"]) == ("photo_not_found", [])


@pytest.mark.parametrize("command", ["match", "faces"])
def test_a_picture_shows_the_face(
    command: str, filled: Path, photos: list[Path], gestalt: Command, tmp_path: Path
):
    path = tmp_path / "face.png"
    ran = gestalt(command, photos[4], "--show-face", path, *ALIGNED)
    assert ran.code == 0, ran.err
    assert "face.png" in ran.err
    assert path.stat().st_mode & 0o777 == 0o600
    with Image.open(path) as picture:
        assert picture.size == (112 + 336 + 3 * 16, 336 + 2 * 16)
        assert not picture.info
    taken = gestalt(command, photos[4], "--show-face", path, *ALIGNED)
    assert taken.code != 0
    assert "exists" in taken.err
    assert gestalt(command, photos[4], "--show-face", path, "--overwrite", *ALIGNED).code == 0


@pytest.mark.parametrize("how", [(), ("--as-one",)])
def test_pictures_of_several_photos_are_numbered(
    how: tuple[str, ...], filled: Path, photos: list[Path], gestalt: Command, tmp_path: Path
):
    missing = tmp_path / "none.png"
    asked = (photos[4], missing, photos[5])
    ran = gestalt("match", *asked, "--show-face", tmp_path / "face.jpg", *how, *ALIGNED)
    assert ran.code == 3
    assert sorted(path.name for path in tmp_path.glob("face*")) == ["face-1.jpg", "face-3.jpg"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("{photo}", "--show-face", "{photo}", "--overwrite"), "would overwrite the photo"),
        (("{photo}", "--show-face", "face.gif"), "does not end in"),
        (("{photo}", "--show-face", "none/face.png"), "There is no folder"),
        (("--patient", "P0", "--show-face", "face.png"), "does not keep the photos"),
        (
            ("{photo}", "--explain", "P0", "--show-face", "face.png"),
            "cannot be combined with --explain",
        ),
    ],
)
def test_a_picture_that_cannot_be_is_refused_before_any_work(
    words: tuple[str, ...], told: str, filled: Path, photos: list[Path], gestalt: Command
):
    before = photos[4].read_bytes()
    ran = gestalt("match", *(word.format(photo=photos[4]) for word in words), *ALIGNED)
    assert ran.code == 1 + (told != "There is no folder")
    assert told in ran.err
    assert ran.out == ""
    assert photos[4].read_bytes() == before
