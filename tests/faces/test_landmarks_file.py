from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest

from gestalt_space.errors import FaceError, NoFace, UsageError
from gestalt_space.faces.landmarks_file import LandmarksDetector, read_landmarks
from gestalt_space.types import Photo
from tests import made

OURS = "photo,x1,y1,x2,y2,x3,y3,x4,y4,x5,y5"
THEIRS = "img,x1,y1,x2,y2,l1x,l1y,l2x,l2y,l3x,l3y,l4x,l4y,l5x,l5y"
POINTS = [10, 20, 50, 20, 30, 40, 15, 60, 45, 60]


def row(name: str, *numbers: object) -> str:
    return ",".join([name, *map(str, numbers)])


def photo(name: str) -> Photo:
    return Photo(name, made.crop(1, 300), "0" * 64, "PNG")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "landmarks.csv"


def write(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def test_our_layout_is_read(path: Path):
    (found,) = LandmarksDetector(write(path, OURS, row("a.jpg", *POINTS))).find(photo("a.jpg"))
    assert np.array_equal(found.landmarks, np.array(POINTS, np.float32).reshape(5, 2))
    assert found.landmarks.dtype == np.float32
    assert (found.score, found.step) == (1.0, "landmarks file")


def test_a_box_that_is_not_given_lies_around_the_landmarks(path: Path):
    (found,) = LandmarksDetector(write(path, OURS, row("a.jpg", *POINTS))).find(photo("a.jpg"))
    assert (found.landmarks > found.box[:2]).all()
    assert (found.landmarks < found.box[2:]).all()
    assert found.box[2] - found.box[0] == pytest.approx(96)


def test_the_layout_of_gestaltmatcher_is_read(path: Path):
    lines = [THEIRS, row("a.jpg", 1, 2, 70, 80, *POINTS)]
    (found,) = LandmarksDetector(write(path, *lines)).find(photo("a.jpg"))
    assert found.box.tolist() == [1, 2, 70, 80]
    assert np.array_equal(found.landmarks.ravel(), POINTS)


def test_a_photo_is_known_by_its_path_as_given_or_by_its_file_name(path: Path):
    detector = LandmarksDetector(
        write(path, OURS, row("a.jpg", *POINTS), row("sub/a.jpg", *[n + 1 for n in POINTS]))
    )
    assert detector.find(photo("elsewhere/a.jpg"))[0].landmarks[0, 0] == 10
    assert detector.find(photo("sub/a.jpg"))[0].landmarks[0, 0] == 11


def test_several_lines_of_one_photo_are_several_faces(path: Path):
    lines = [OURS, row("a.jpg", *POINTS), row("a.jpg", *[n + 100 for n in POINTS])]
    assert len(LandmarksDetector(write(path, *lines)).find(photo("a.jpg"))) == 2


def test_a_photo_that_the_file_does_not_have_has_no_face(path: Path):
    detector = LandmarksDetector(write(path, OURS, row("a.jpg", *POINTS)))
    with pytest.raises(NoFace, match="has no landmarks for this photo"):
        detector.find(photo("b.jpg"))


def test_empty_lines_spaces_and_a_byte_order_mark_are_passed_over(path: Path):
    lines = [OURS, "", row(" größe 1.jpg ", *POINTS), ",,,"]
    write(path, *lines, encoding="utf-8-sig")
    assert list(read_landmarks(path)) == ["größe 1.jpg"]


def test_a_quoted_name_may_hold_a_comma(path: Path):
    write(path, OURS, row('"a, b.jpg"', *POINTS))
    assert list(read_landmarks(path)) == ["a, b.jpg"]


@pytest.mark.parametrize("header", ["", "file,x1,y1", "photo,x1,y1", THEIRS[:-8], "img"])
def test_a_file_of_another_layout_is_refused(header: str, path: Path):
    with pytest.raises(UsageError, match="not a landmarks file"):
        read_landmarks(write(path, header))


@pytest.mark.parametrize(
    "line",
    [
        row("a.jpg", *POINTS[:9]),
        row("a.jpg", *POINTS[:9], "left"),
        row("a.jpg", *POINTS[:9], ""),
        row("a.jpg", *POINTS[:9], "nan"),
        row("a.jpg", *POINTS[:9], "inf"),
        "a.jpg",
    ],
)
def test_a_line_that_is_not_ten_numbers_is_named(line: str, path: Path):
    with pytest.raises(UsageError, match="line 3"):
        read_landmarks(write(path, OURS, row("b.jpg", *POINTS), line))


@pytest.mark.parametrize("data", [b"photo,\xff\xfe\x00", b"\x00\x01" * 50])
def test_a_file_that_is_no_csv_is_refused(data: bytes, path: Path):
    path.write_bytes(data)
    with pytest.raises(UsageError):
        read_landmarks(path)


def test_a_missing_file_is_refused(path: Path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_landmarks(path)


def test_a_folder_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_landmarks(tmp_path)


@pytest.mark.parametrize(("separator", "point"), [(";", ","), ("\t", ","), (";", "."), ("\t", ".")])
def test_a_european_spreadsheet_is_read(separator: str, point: str, path: Path):
    numbers = [f"{value}.5".replace(".", point) for value in POINTS]
    lines = [OURS.replace(",", separator), separator.join(["a, b.jpg", *numbers])]
    (found,) = LandmarksDetector(write(path, *lines)).find(photo("a, b.jpg"))
    assert np.array_equal(found.landmarks.ravel(), np.array(POINTS) + 0.5)


@pytest.mark.parametrize("in_file", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_a_name_is_found_in_either_normal_form(in_file: str, asked: str, path: Path):
    name = "größe.jpg"
    detector = LandmarksDetector(write(path, OURS, row(normalize(in_file, name), *POINTS)))
    assert len(detector.find(photo(normalize(asked, f"ä/{name}")))) == 1


def test_points_that_cannot_be_a_face_are_refused_for_that_photo(path: Path):
    far = [8 * value for value in POINTS]
    lines = [OURS, row("a.jpg", *POINTS), row("b.jpg", *far), row("b.jpg", *POINTS)]
    detector = LandmarksDetector(write(path, *lines))
    assert len(detector.find(photo("a.jpg"))) == 1
    with pytest.raises(
        FaceError, match=r"landmarks\.csv.*y 160–480 px, but the photo has 300"
    ) as caught:
        detector.find(photo("b.jpg"))
    assert "pixels of the upright photo" in caught.value.hint


def test_a_box_of_another_face_is_refused(path: Path):
    detector = LandmarksDetector(write(path, THEIRS, row("a.jpg", 200, 200, 270, 280, *POINTS)))
    with pytest.raises(FaceError, match="The box at x 200–270"):
        detector.find(photo("a.jpg"))
