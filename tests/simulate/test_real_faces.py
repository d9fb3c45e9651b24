from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gestalt_space.errors import NoFace, UsageError
from gestalt_space.simulate.canvas import MEAN_LANDMARKS, SIZE, TEMPLATE_LANDMARKS
from gestalt_space.simulate.persons import FaceLabels, Portrait
from gestalt_space.simulate.real_faces import BORDER, RealFace, read_faces
from gestalt_space.types import Detection, Photo
from tests.simulate import blobs
from tests.simulate.faces import cartoon

EDGE = round(BORDER * SIZE)
Source = Callable[[Mapping[str, bytes]], Path]


class MeanFace:
    """Finds a mean face in the middle of every photo but black ones."""

    name = "mean"

    def find(self, photo: Photo) -> Sequence[Detection]:
        if photo.pixels.mean() < 20:
            return []
        if photo.pixels.mean() > 235:
            raise NoFace("none")
        landmarks = MEAN_LANDMARKS + EDGE
        small = Detection(np.array([0, 0, 10, 10], np.float32), landmarks * 0.1, 0.99)
        box = np.array([EDGE, EDGE, EDGE + SIZE, EDGE + SIZE], np.float32)
        return [small, Detection(box, landmarks.astype(np.float32), 0.9)]


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def face_photo(seed: int) -> bytes:
    return png(cartoon(seed)[0].pixels)


def flat_photo(level: int) -> bytes:
    return png(np.full((SIZE, SIZE, 3), level, np.uint8))


@pytest.fixture(params=["folder", "zip"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """Makes a folder, or a zip, of named files."""

    def make(files: Mapping[str, bytes]) -> Path:
        if request.param == "zip":
            path = tmp_path / "photos.zip"
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
            return path
        for name, content in files.items():
            path = tmp_path / "photos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path / "photos"

    return make


def names_of(faces: Sequence[RealFace]) -> list[str]:
    return [face.name for face in faces]


def test_photos_are_read_in_the_order_of_their_names(source: Source):
    place = source({f"{name}.png": face_photo(1) for name in ("b", "sub/a", "a")})
    assert names_of(list(read_faces(place, MeanFace()))) == ["a.png", "b.png", "sub/a.png"]


def test_the_largest_face_lies_on_the_canvas(source: Source):
    """With the landmarks in the template, and pixels where the landmarks are."""
    dots = blobs.dotted(MEAN_LANDMARKS)
    (face,) = read_faces(source({"a.png": png(dots)}), MeanFace())
    portrait = face.portrait
    assert portrait.pixels.shape == (SIZE, SIZE, 3)
    assert np.abs(portrait.landmarks - TEMPLATE_LANDMARKS).max() < 5
    for landmark in portrait.landmarks:
        found = blobs.centroid(portrait.pixels.mean(axis=2) - blobs.GREY, landmark)
        assert np.abs(found - landmark).max() < 0.3


def test_labels_stand_in_a_file_beside_the_photos(source: Source):
    table = "file,age_years,sex,ancestry\na.png,34.5,female,asian\nb.png,,,\nnone.png,1,male,x\n"
    files = {f"{name}.png": face_photo(1) for name in "abc"} | {
        "faces.csv": b"\xef\xbb\xbf" + table.encode()
    }
    labels = [face.labels for face in read_faces(source(files), MeanFace())]
    assert labels == [FaceLabels("female", 34.5, "asian"), FaceLabels(), FaceLabels()]


def test_labels_may_lack_columns(source: Source):
    files = {"a.png": face_photo(1), "faces.csv": b"sex,file\nmale,a.png\nmale\n"}
    (face,) = read_faces(source(files), MeanFace())
    assert face.labels == FaceLabels(sex="male")


@pytest.mark.parametrize(
    "table",
    [
        b"photo,sex\na.png,male\n",
        b"file,age_years\na.png,four\n",
        b"file,sex\n\xff\xfe.png,male\n",
    ],
)
def test_labels_that_cannot_be_used_are_refused(table: bytes, source: Source):
    place = source({"a.png": face_photo(1), "faces.csv": table})
    with pytest.raises(UsageError, match=r"faces\.csv") as caught:
        list(read_faces(place, MeanFace()))
    assert "age_years" in caught.value.hint


def test_photos_that_cannot_be_read_or_show_no_face_are_left_out(source: Source):
    files = {
        "a.png": face_photo(1),
        "black.png": flat_photo(0),
        "white.png": flat_photo(255),
        "damaged.jpg": b"\xff\xd8\xff no photo",
        "cut.png": face_photo(2)[:300],
        "empty.png": b"",
        "z.png": face_photo(3),
    }
    done: list[tuple[int, int]] = []
    faces = read_faces(
        source(files), MeanFace(), progress=lambda now, total: done.append((now, total))
    )
    assert names_of(list(faces)) == ["a.png", "z.png"]
    assert done == [(n, 7) for n in range(1, 8)]


def test_a_photo_that_is_damaged_in_the_zip_is_left_out(tmp_path: Path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", face_photo(1))
        archive.writestr("b.png", face_photo(2))
        broken = archive.getinfo("a.png")
    data = bytearray(path.read_bytes())
    data[broken.header_offset + 200] ^= 0xFF
    path.write_bytes(data)
    assert names_of(list(read_faces(path, MeanFace()))) == ["b.png"]


def test_other_files_and_unwanted_photos_are_passed_over(source: Source):
    place = source({"a.png": face_photo(1), "b.PNG": face_photo(2), "notes.txt": b"a"})
    assert names_of(list(read_faces(place, MeanFace()))) == ["a.png", "b.PNG"]
    wanted = read_faces(place, MeanFace(), wanted=lambda name: name.startswith("b"))
    assert names_of(list(wanted)) == ["b.PNG"]


def test_a_source_without_photos_is_refused(source: Source):
    with pytest.raises(UsageError, match="has no photos"):
        list(read_faces(source({"notes.txt": b"a"}), MeanFace()))


def test_what_is_neither_a_folder_nor_a_zip_is_refused(tmp_path: Path):
    (tmp_path / "photos.zip").write_bytes(b"PK no zip")
    for path in (tmp_path / "photos.zip", tmp_path / "none"):
        with pytest.raises(UsageError, match="not a folder or zip file"):
            list(read_faces(path, MeanFace()))


def real_face(portrait: Portrait) -> RealFace:
    return RealFace("a.png", portrait, FaceLabels())


def test_a_face_near_the_mean_in_colour_is_frontal():
    portrait, _ = cartoon(3)
    assert real_face(replace(portrait, landmarks=MEAN_LANDMARKS)).is_frontal


@pytest.mark.parametrize(("point", "by"), [(2, (6, 0)), (2, (-6, 0)), (3, (0, 12)), (0, (0, -12))])
def test_a_turned_or_odd_face_is_not_frontal(point: int, by: tuple[float, float]):
    landmarks = MEAN_LANDMARKS.copy()
    landmarks[point] += by
    assert not real_face(replace(cartoon(3)[0], landmarks=landmarks)).is_frontal


def test_a_photo_without_colours_is_not_frontal():
    grey = np.repeat(cartoon(3)[0].pixels.mean(axis=2, keepdims=True), 3, axis=2)
    assert not real_face(Portrait(grey.astype(np.uint8), MEAN_LANDMARKS)).is_frontal


@pytest.mark.parametrize("age", ["inf", "-5", "400"])
def test_an_age_that_nobody_has_is_refused(age: str, source: Source):
    table = f"file,age_years\na.png,{age}\n".encode()
    place = source({"a.png": face_photo(1), "faces.csv": table})
    with pytest.raises(UsageError, match=r"faces\.csv.*line 2.*age"):
        list(read_faces(place, MeanFace()))


@pytest.mark.parametrize("row", ["a.png,weiblich,", 'a.png,,"a\nb"', "a.png,,\x1b[31m"])
def test_words_that_the_table_of_a_cohort_cannot_have_are_refused(row: str, source: Source):
    table = f"file,sex,ancestry\n{row}\n".encode()
    place = source({"a.png": face_photo(1), "faces.csv": table})
    with pytest.raises(UsageError, match=r"faces\.csv"):
        list(read_faces(place, MeanFace()))


def test_sexes_are_written_in_several_ways(source: Source):
    table = b"file,sex\na.png,F\nb.png, Male\nc.png,unknown\n"
    files = {f"{name}.png": face_photo(1) for name in "abc"} | {"faces.csv": table}
    sexes = [face.labels.sex for face in read_faces(source(files), MeanFace())]
    assert sexes == ["female", "male", None]


def test_a_table_without_its_column_says_so(source: Source):
    place = source({"a.png": face_photo(1), "faces.csv": b"photo,sex\na.png,male\n"})
    with pytest.raises(UsageError, match="no column file"):
        list(read_faces(place, MeanFace()))


def test_a_table_may_stand_in_a_folder_of_its_photos(source: Source):
    """As in a zip of a folder."""
    files = {
        "top/a.png": face_photo(1),
        "top/sub/b.png": face_photo(1),
        "top/faces.csv": b"file,sex\na.png,male\nsub/b.png,female\n",
    }
    sexes = [face.labels.sex for face in read_faces(source(files), MeanFace())]
    assert sexes == ["male", "female"]


@pytest.mark.parametrize("damage", ["locked", "changed"])
def test_a_table_that_cannot_be_read_from_the_zip_is_refused(damage: str, tmp_path: Path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("faces.csv", "file,sex\na.png,male\n")
        archive.writestr("a.png", face_photo(1))
    data = bytearray(path.read_bytes())
    if damage == "locked":
        data[6] |= 1
        data[data.find(b"PK\x01\x02") + 8] |= 1
    else:
        data[data.find(b"male")] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"faces\.csv.*cannot be read"):
        list(read_faces(path, MeanFace()))


def test_a_file_too_large_for_a_photo_is_not_unpacked(
    source: Source, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gestalt_space.simulate.photo_files.MOST_BYTES", 1_000_000)
    large = face_photo(1) + bytes(1_000_000)
    place = source({"a.png": large, "b.png": face_photo(1)})
    assert names_of(list(read_faces(place, MeanFace()))) == ["b.png"]


def test_an_error_of_the_reader_is_not_taken_for_one_of_the_zip(source: Source):
    class Broken:
        name = "broken"

        def find(self, photo: Photo) -> Sequence[Detection]:
            raise OSError("the model is gone")

    with pytest.raises(OSError, match="the model is gone"):
        list(read_faces(source({"a.png": face_photo(1)}), Broken()))
