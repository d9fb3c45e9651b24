"""The main job with the real models on real photos, through the commands that a user types."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from gestalt_cli.entry import run
from PIL import ExifTags, Image

pytestmark = pytest.mark.shared

TABLE = """\
photo,patient,disorder,disorder_name,genes,sex,age,ancestry,cohort,hpo,face
{wild}/bulk_Rob_Lowe_0001.jpg,Lowe,OMIM:122470,Cornelia de Lange syndrome 1,NIPBL,male,40y,,wild,,
{wild}/bulk_kun.jpg,Kun,ORPHA:199,Cornelia de Lange syndrome,NIPBL;SMC3,,25,,wild,HP:0000664,
{wild}/bulk_Nathalie_Baye_0002.jpg,Baye,MONDO:0007387,,,female,60y6m,,wild,!HP:0000252,
{wild}/attribute_1561.jpg,Pair,a disorder of its own,,,,,,wild,,1
{wild}/bulk_yifei.jpg,Yifei,,,,female,,,wild,,
"""


@pytest.fixture(scope="module")
def real_home(tmp_path_factory: pytest.TempPathFactory, shared: Path, wild: Path) -> Path:
    """The home that the commands of the README leave behind: not to be changed by a test."""
    home = tmp_path_factory.mktemp("real") / "home"
    table = home.parent / "patients.csv"
    table.write_text(TABLE.format(wild=wild), encoding="utf-8")
    at = ("--home", str(home))
    models = shared / "models"
    assert run(["models", "add", str(models / "arcface-mbf"), "--accept-license", *at]) == 0
    assert run(["models", "add", str(models / "yunet_n.onnx"), "--name", "yunet", *at]) == 0
    assert run(["index", "add", str(table), "--quiet", *at]) == 0
    return home


Gestalt = Callable[..., tuple[int, Any]]


@pytest.fixture
def gestalt(
    real_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Gestalt:
    """Runs a command with `--json` in the real home, or in the one given."""
    monkeypatch.setenv("GESTALT_HOME", str(real_home))

    def command(*words: object, home: Path | None = None) -> tuple[int, Any]:
        capsys.readouterr()
        at = [] if home is None else ["--home", str(home)]
        code = run([*map(str, words), *at, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return command


@pytest.fixture
def own_home(real_home: Path, tmp_path: Path) -> Path:
    """A home with the real models and an empty gallery."""
    shutil.copytree(real_home / "models", tmp_path / "own" / "models")
    return tmp_path / "own"


@pytest.fixture
def descriptors(gestalt: Gestalt, tmp_path: Path) -> Callable[..., np.ndarray]:
    """The descriptors of photos, in order."""

    def encode(*photos: Path) -> np.ndarray:
        path = tmp_path / "d.npz"
        code, document = gestalt("encode", *photos, "-o", path, "--overwrite")
        assert code == 0, document["failed"]
        with np.load(path) as data:
            assert data["photos"].tolist() == [str(photo) for photo in photos]
            return np.asarray(data["descriptors"])

    return encode


def test_ten_wild_photos_are_matched(gestalt: Gestalt, wild: Path) -> None:
    photos = sorted(wild.iterdir())[:10]
    code, document = gestalt("match", *photos, "--top", "3")
    assert code == 0
    assert document["space"]["name"] == "arcface-mbf"
    counts = {"patients": 5, "photos": 5, "disorders": 4}
    assert {name: document["gallery"][name] for name in counts} == counts
    assert [probe["photo"] for probe in document["probes"]] == [str(photo) for photo in photos]
    for probe in document["probes"]:
        assert probe["error"] is None
        assert probe["face"]["detector"] == "scrfd"
        assert [line["rank"] for line in probe["disorders"]] == [1, 2, 3]
        assert all(-1 <= line["similarity"] <= 1 for line in probe["disorders"])


def test_another_photo_of_a_patient_finds_the_patient_first(gestalt: Gestalt, wild: Path) -> None:
    _, document = gestalt("match", wild / "bulk_Rob_Lowe_0002.jpg")
    first, second = document["probes"][0]["disorders"][:2]
    assert (first["patient"], first["id"]) == ("Lowe", "OMIM:122470")
    assert first["similarity"] > 0.6
    assert second["similarity"] < 0.3


def test_the_stored_photo_itself_leaves_its_patient_out(gestalt: Gestalt, wild: Path) -> None:
    _, document = gestalt("match", wild / "bulk_kun.jpg")
    (probe,) = document["probes"]
    assert probe["left_out"] == "Kun"
    assert "ORPHA:199" not in {line["id"] for line in probe["disorders"]}


def test_adding_the_table_again_adds_nothing(gestalt: Gestalt, real_home: Path) -> None:
    code, document = gestalt("index", "add", real_home.parent / "patients.csv")
    assert code == 0
    assert document["counts"] == {"added": 0, "already": 5, "updated": 0, "failed": 0}


def test_the_doctor_finds_all_sound(gestalt: Gestalt) -> None:
    code, document = gestalt("doctor")
    failed = [found for found in document["findings"] if found["state"] == "fail"]
    assert failed == []
    assert code == 0
    assert document["sound"] is True


def test_show_tells_what_the_table_told(gestalt: Gestalt) -> None:
    _, document = gestalt("index", "show", "Baye")
    patient = document["patient"]
    assert patient["disorders"] == [{"id": "MONDO:0007387", "name": ""}]
    assert patient["hpo_absent"] == ["HP:0000252"]
    assert patient["photos"][0]["age"] == 60.5
    assert patient["photos"][0]["detector"] == "scrfd"


def test_every_wild_photo_goes_in_or_says_why(
    gestalt: Gestalt, own_home: Path, wild: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.csv"
    code, document = gestalt("index", "add", wild, "--report", report, home=own_home)
    assert code == 3
    assert document["counts"] == {"added": 26, "already": 0, "updated": 0, "failed": 2}
    failed = {one["photo"]: one for one in document["photos"] if one["status"] == "failed"}
    assert {name: one["error"]["code"] for name, one in failed.items()} == {
        "attribute_1561.jpg": "several_faces",
        "bulk_woman.png": "patient_conflict",
    }
    # Two files of the same bytes, under the names of two patients.
    assert "'bulk_face_sample'" in failed["bulk_woman.png"]["error"]["message"]
    with report.open(newline="", encoding="utf-8") as stream:
        lines = {line["photo"]: line for line in csv.DictReader(stream)}
    assert len(lines) == 28
    assert lines["bulk_kun_cartoon_crop_r90.jpg"]["step"] == "turned 270"
    assert lines["crop_crop_mask.png"]["step"] == "padded"


def test_several_faces_are_refused_naming_both_boxes_until_one_is_meant(
    gestalt: Gestalt, own_home: Path, wild: Path
) -> None:
    words = ("index", "add", wild / "attribute_1561.jpg", "--patient", "P")
    code, document = gestalt(*words, home=own_home)
    assert code == 3
    error = document["photos"][0]["error"]
    assert error["code"] == "several_faces"
    assert "2 faces: 1 at x" in error["message"]
    assert ", 2 at x" in error["message"]
    assert "--face N" in error["hint"]
    assert gestalt("index", "stats", home=own_home)[1]["gallery"]["photos"] == 0
    code, document = gestalt(*words, "--face", "3", home=own_home)
    assert document["photos"][0]["error"]["code"] == "no_such_face"
    code, document = gestalt(*words, "--face", "2", home=own_home)
    assert code == 0
    second = document["photos"][0]["face"]
    assert (second["face"], second["faces"]) == (2, 2)
    gestalt("index", "remove", "P", home=own_home)
    code, document = gestalt(*words, "--largest", home=own_home)
    assert code == 0
    assert document["photos"][0]["face"]["face"] == 1
    assert document["photos"][0]["face"]["size"] > second["size"]


def test_match_takes_the_largest_of_several_and_says_so(gestalt: Gestalt, wild: Path) -> None:
    photo = wild / "attribute_1561.jpg"
    _, document = gestalt("match", photo)
    face = document["probes"][0]["face"]
    assert (face["number"], face["count"]) == (1, 2)
    _, document = gestalt("match", photo, "--face", "2")
    other = document["probes"][0]["face"]
    assert other["number"] == 2
    assert other["box"] != face["box"]


@pytest.mark.parametrize("detector", ["scrfd", "yunet"])
def test_a_picture_without_a_face_is_no_face(
    detector: str, gestalt: Gestalt, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    Image.fromarray(rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)).save(tmp_path / "n.png")
    Image.new("RGB", (300, 300), "grey").save(tmp_path / "grey.png")
    photos = (tmp_path / "n.png", tmp_path / "grey.png")
    code, document = gestalt("match", *photos, "--detector", detector)
    assert code == 3
    for probe in document["probes"]:
        assert probe["error"]["code"] == "no_face"
        assert probe["error"]["hint"]
        assert probe["disorders"] == []


def test_landmarks_from_a_file_give_what_the_detector_gave(
    gestalt: Gestalt, wild: Path, tmp_path: Path
) -> None:
    photos = [wild / f"bulk_{name}.jpg" for name in ("kun", "yifei", "Rob_Lowe_0001")]
    found = tmp_path / "found"
    assert gestalt("align", *photos, "-o", found, "--detector", "scrfd")[0] == 0
    _, document = gestalt("match", *photos, "--detector", "scrfd")
    header = ["photo", *(f"{axis}{n}" for n in range(1, 6) for axis in "xy")]
    with (tmp_path / "points.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        for photo, probe in zip(photos, document["probes"], strict=True):
            points = [value for point in probe["face"]["landmarks"] for value in point]
            writer.writerow([photo.name, *points])
    given = tmp_path / "given"
    words = ("align", *photos, "-o", given, "--landmarks", tmp_path / "points.csv")
    assert gestalt(*words)[0] == 0
    for photo in photos:
        crops = [
            np.asarray(Image.open(folder / f"{photo.stem}.png"), np.int16)
            for folder in (found, given)
        ]
        # The file has the points to a hundredth of a pixel.
        assert np.abs(crops[0] - crops[1]).mean() < 0.5
    _, by_file = gestalt("match", *photos, "--landmarks", tmp_path / "points.csv")
    for one, other in zip(document["probes"], by_file["probes"], strict=True):
        assert other["face"]["detector"] == "landmarks"
        assert [line["id"] for line in one["disorders"]] == [
            line["id"] for line in other["disorders"]
        ]
        assert [line["similarity"] for line in one["disorders"]] == pytest.approx(
            [line["similarity"] for line in other["disorders"]], abs=0.01
        )


def save_grey(image: Image.Image, path: Path) -> None:
    image.convert("L").save(path.with_suffix(".png"))


def save_alpha(image: Image.Image, path: Path) -> None:
    image.convert("RGBA").save(path.with_suffix(".png"))


def save_16_bits(image: Image.Image, path: Path) -> None:
    grey = np.asarray(image.convert("L"), np.uint16) * 257
    Image.fromarray(grey).save(path.with_suffix(".png"))


def save_palette(image: Image.Image, path: Path) -> None:
    image.quantize(256).save(path.with_suffix(".png"))


def save_cmyk(image: Image.Image, path: Path) -> None:
    image.convert("CMYK").save(path.with_suffix(".jpg"), quality=95)


def save_heic(image: Image.Image, path: Path) -> None:
    heif = pillow_heif.from_pillow(image)
    heif.save(path.with_suffix(".heic"), quality=90)


def save_webp(image: Image.Image, path: Path) -> None:
    image.save(path.with_suffix(".webp"), quality=95)


def save_animation(image: Image.Image, path: Path) -> None:
    black = Image.new("RGB", image.size)
    image.save(path.with_suffix(".webp"), save_all=True, append_images=[black], quality=95)


def save_tiff(image: Image.Image, path: Path) -> None:
    image.save(path.with_suffix(".tif"))


def save_bmp(image: Image.Image, path: Path) -> None:
    image.save(path.with_suffix(".bmp"))


SAVERS = [
    *(save_grey, save_alpha, save_16_bits, save_palette, save_cmyk, save_heic, save_webp),
    *(save_animation, save_tiff, save_bmp),
]


def test_a_photo_in_any_format_and_mode_matches_its_original(
    descriptors: Callable[..., np.ndarray], wild: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copies of one"
    folder.mkdir()
    original = wild / "bulk_yifei.jpg"
    with Image.open(original) as image:
        small = image.convert("RGB").resize((540, 720))
    for save in SAVERS:
        save(small, folder / f"写真 {save.__name__}")
    copies = sorted(folder.iterdir())
    assert len(copies) == len(SAVERS)
    found = descriptors(original, *copies)
    cosines = dict(zip((copy.name for copy in copies), found[1:] @ found[0], strict=True))
    assert {name: cosine for name, cosine in cosines.items() if cosine <= 0.9} == {}


# What undoes each EXIF orientation: the stored picture, so that turned back it is the original.
TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def test_a_photo_that_lies_on_its_side_by_exif_is_the_same_photo(
    descriptors: Callable[..., np.ndarray], wild: Path, tmp_path: Path
) -> None:
    with Image.open(wild / "bulk_Rob_Lowe_0001.jpg") as image:
        upright = image.convert("RGB")
    upright.save(tmp_path / "1.png")
    for orientation, turn in TURNED.items():
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        upright.transpose(turn).save(tmp_path / f"{orientation}.png", exif=exif)
    found = descriptors(*(tmp_path / f"{n}.png" for n in range(1, 9)))
    assert (found[1:] @ found[0]).min() > 0.99


def turned_copies(photo: Path, folder: Path) -> list[Path]:
    """The photo upright and turned by 90, 180 and 270 degrees, with nothing that says so."""
    copies = [folder / f"{degrees}.png" for degrees in (0, 90, 180, 270)]
    with Image.open(photo) as image:
        for copy in copies:
            image.convert("RGB").rotate(int(copy.stem), expand=True).save(copy)
    return copies


@pytest.mark.parametrize("detector", ["scrfd", "yunet", "builtin"])
def test_a_photo_that_lies_on_its_side_untagged_is_turned(
    detector: str, gestalt: Gestalt, wild: Path, tmp_path: Path
) -> None:
    copies = turned_copies(wild / "bulk_Rob_Lowe_0001.jpg", tmp_path)
    words = ("encode", *copies, "-o", tmp_path / "d.npz", "--detector", detector)
    assert gestalt(*words)[0] == 0
    found = np.load(tmp_path / "d.npz")["descriptors"]
    assert (found[1:] @ found[0]).min() > 0.9


@pytest.mark.parametrize("detector", ["scrfd", "yunet"])
def test_a_photo_that_stands_on_its_head_untagged_is_turned(
    detector: str, gestalt: Gestalt, wild: Path, tmp_path: Path
) -> None:
    upright, _, upside_down, _ = turned_copies(wild / "bulk_Rob_Lowe_0001.jpg", tmp_path)
    words = ("encode", upright, upside_down, "-o", tmp_path / "d.npz", "--detector", detector)
    assert gestalt(*words)[0] == 0
    found = np.load(tmp_path / "d.npz")["descriptors"]
    assert found[0] @ found[1] > 0.8


def test_a_face_that_is_turned_is_not_warned_of(
    own_home: Path, wild: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, sideways, _, _ = turned_copies(wild / "bulk_kun.jpg", tmp_path)
    words = ["index", "add", sideways, "--patient", "A", "--detector", "scrfd", "--home", own_home]
    assert run([*map(str, words)]) == 0
    assert "is turned on its side" not in capsys.readouterr().err


def test_encode_agrees_with_the_people_on_the_photos(
    descriptors: Callable[..., np.ndarray], wild: Path
) -> None:
    names = ("bulk_Rob_Lowe_0001", "bulk_Rob_Lowe_0002", "bulk_kun")
    lowe, lowe_too, kun = descriptors(*(wild / f"{name}.jpg" for name in names))
    assert lowe @ lowe_too > 0.6
    assert lowe @ kun < 0.2
    assert lowe_too @ kun < 0.2


def test_yunet_and_scrfd_give_one_person_one_descriptor(
    gestalt: Gestalt, wild: Path, tmp_path: Path
) -> None:
    photos = [wild / name for name in ("bulk_kun.jpg", "bulk_yifei.jpg", "bulk_r0.jpg")]
    found = []
    for detector in ("scrfd", "yunet"):
        path = tmp_path / f"{detector}.npz"
        assert gestalt("encode", *photos, "-o", path, "--detector", detector)[0] == 0
        found.append(np.load(path)["descriptors"])
    assert (found[0] * found[1]).sum(axis=1).min() > 0.8


def test_aligned_crops_give_the_descriptors_of_their_photos(
    gestalt: Gestalt, wild: Path, tmp_path: Path
) -> None:
    photos = sorted(wild.iterdir())[:6]
    assert gestalt("align", *photos, "-o", tmp_path / "crops")[0] == 0
    with (tmp_path / "crops" / "crops.csv").open(newline="", encoding="utf-8") as stream:
        crops = [tmp_path / "crops" / row["crop"] for row in csv.DictReader(stream)]
    assert gestalt("encode", *photos, "-o", tmp_path / "photos.npz")[0] == 0
    words = ("encode", *crops, "-o", tmp_path / "crops.npz", "--detector", "aligned")
    assert gestalt(*words)[0] == 0
    found = [np.load(tmp_path / f"{name}.npz")["descriptors"] for name in ("photos", "crops")]
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)
