from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import recipes.detector.training as detector
from gestalt_space.devices import runtime
from gestalt_space.errors import UsageError
from gestalt_space.faces.builtin import LOOK_SIDE, BuiltinDetector, decode, grid
from gestalt_space.faces.photos import read_photo
from gestalt_space.faces.yunet import YunetDetector
from gestalt_space.same_face import overlap
from gestalt_space.simulate.persons import Persons
from gestalt_space.training.splits import held_out
from gestalt_space.types import Photo
from recipes.detector.data import (
    Faces,
    drawn_faces,
    mirror,
    taught_faces,
    teach,
    teacher_face,
)
from recipes.detector.landmarks import train_look
from recipes.detector.network import DetectorNetwork, export
from recipes.detector.pictures import Painter, TrainingPicture
from recipes.detector.recipe import (
    DetectorRecipe,
    collect,
    measure_detector,
    train_detector,
)
from recipes.detector.training import TrainingPlan, batched, loss, train
from tests import made


@pytest.fixture(scope="module")
def faces() -> Faces:
    """Simulated persons, with boxes around their landmarks."""
    persons, rng = Persons.builtin(), np.random.default_rng(5)
    portraits = [persons.portrait(persons.sample(rng), rng) for _ in range(6)]
    points = portraits[0].landmarks * 1.25
    box = np.concatenate([points.min(axis=0) - 25, points.max(axis=0) + 25])
    like = Faces(
        ("a",),
        np.zeros((1, 200, 200, 3), np.uint8),
        np.array([[points, mirror(points)]], np.float32),
        np.array([[box, box]], np.float32),
    )
    return drawn_faces([(portrait.pixels, portrait.landmarks) for portrait in portraits], like)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches, and few backgrounds."""
    monkeypatch.setattr(detector, "CANVASES", ((96, 2),))
    monkeypatch.setattr("recipes.detector.pictures.BACKGROUNDS", 6)


@pytest.fixture
def painter(faces: Faces, few: None) -> Painter:
    return Painter(faces, np.random.default_rng(1), faces)


def test_drawn_faces_keep_their_landmarks(faces: Faces):
    assert faces.pixels.shape == (6, 200, 200, 3)
    assert faces.landmarks.shape == (6, 2, 5, 2)
    middles = (faces.boxes[..., :2] + faces.boxes[..., 2:]) / 2
    assert np.abs(middles - faces.landmarks.mean(axis=2)).max() < 20
    assert np.allclose(mirror(mirror(faces.landmarks[0, 0])), faces.landmarks[0, 0])
    assert (faces.landmarks[:, :, 0, 0] < faces.landmarks[:, :, 1, 0]).all()


def test_faces_can_be_chosen_and_joined(faces: Faces):
    some = faces.among(lambda name: name in ("drawn 1", "drawn 4"))
    assert some.names == ("drawn 1", "drawn 4")
    assert np.array_equal(some.pixels[1], faces.pixels[4])
    assert len(faces.among(lambda name: False)) == 0


def test_pictures_say_where_their_faces_are(painter: Painter):
    rng = np.random.default_rng(2)
    pictures = [painter.picture(160, rng) for _ in range(60)]
    counts = [len(picture.boxes) for picture in pictures]
    assert {0, 1} <= set(counts)
    assert max(counts) > 1
    for picture in pictures:
        assert picture.pixels.shape == (160, 160, 3)
        assert picture.pixels.dtype == np.uint8
        for box, landmarks in zip(picture.boxes, picture.landmarks, strict=True):
            middle = landmarks.mean(axis=0)
            assert (box[:2] < middle).all()
            assert (middle < box[2:]).all()


def test_the_same_seed_paints_the_same_pictures(faces: Faces, few: None):
    one, other = (Painter(faces, np.random.default_rng(8)) for _ in range(2))
    for seed in range(10):
        first, second = (
            painter.picture(96, np.random.default_rng(seed)) for painter in (one, other)
        )
        assert np.array_equal(first.pixels, second.pixels)
        assert np.array_equal(first.boxes, second.boxes)


def picture_with(box: tuple[float, float, float, float], counted: bool = True) -> TrainingPicture:
    corners = np.array(box)
    landmarks = np.linspace(corners[:2], corners[2:], 5)
    return TrainingPicture(np.zeros((128, 128, 3), np.uint8), [corners], [landmarks], [counted])


@pytest.mark.parametrize(
    ("box", "unit"),
    [((20, 20, 40, 40), 24.0), ((20, 20, 84, 84), 64.0), ((0, 0, 127, 127), 160.0)],
)
def test_a_face_belongs_to_the_cells_in_its_middle_of_its_scale(
    box: tuple[float, float, float, float], unit: float
):
    batch = batched([picture_with(box)])
    assert len(batch.boxes) == int((batch.states == 1).sum()) > 0
    assert unit in batch.units.tolist()
    middle = torch.tensor([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    size = box[2] - box[0]
    assert (batch.middles - middle).abs().max() <= max(0.25 * size, 24)
    assert torch.equal(batch.boxes[0], torch.tensor([*middle, size, size]))


def test_a_face_that_does_not_count_is_neither_wanted_nor_refused():
    states = batched([picture_with((20, 20, 84, 84), counted=False)]).states
    assert (states == 1).sum() == 0
    assert (states == -1).sum() > 0


def test_a_picture_without_faces_wants_none():
    batch = batched([TrainingPicture(np.zeros((64, 64, 3), np.uint8))])
    assert (batch.states == 0).all()
    assert torch.isfinite(loss(torch.zeros(1, 15, batch.states.shape[1]), batch)).all()


def test_what_is_wanted_costs_nothing_when_it_is_said():
    """Targets and decoding are each other's inverse."""
    batch = batched([picture_with((20, 30, 84, 100))])
    cells = torch.full((1, 15, len(grid(128, 128)[0])), 0.0)
    cells[:, 0] = -20
    chosen = batch.states[0] == 1
    unit = batch.units[:, None]
    rows = torch.cat(
        [
            torch.full((len(unit), 1), 20.0),
            (batch.boxes[:, :2] - batch.middles) / unit,
            torch.log(batch.boxes[:, 2:] / unit),
            ((batch.landmarks - batch.middles[:, None]) / unit[:, None]).flatten(1),
        ],
        dim=1,
    )
    cells[0, :, chosen] = rows.T
    assert loss(cells, batch).sum() < 1e-4
    scores, boxes, landmarks = decode(cells[0].numpy(), 128, 128)
    assert len(scores) == int(chosen.sum())
    assert np.allclose(boxes, [20, 30, 84, 100], atol=1e-3)
    assert np.allclose(landmarks[0], batch.landmarks[0], atol=1e-3)


def test_a_few_steps_are_the_same_again(faces: Faces, few: None):
    lines: list[str] = []
    one, other = (train(faces, TrainingPlan(3, log_every=1), log=lines.append) for _ in range(2))
    assert len(lines) == 6
    for first, second in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(first, second)


def test_a_second_look_learns_where_the_landmarks_are(
    faces: Faces, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("recipes.detector.landmarks.BATCH", 16)
    lines: list[str] = []
    train_look(faces, TrainingPlan(30, log_every=10), drawn=faces, log=lines.append)
    first, *_, last = (float(line.split()[3]) for line in lines)
    assert last < first


def test_the_model_file_says_what_the_network_says(faces: Faces, few: None, tmp_path: Path):
    network, look = train(faces, TrainingPlan(3)), train_look(faces, TrainingPlan(2))
    export(network, look, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").stat().st_size < 1_500_000
    session = runtime().InferenceSession(
        str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    rng = np.random.default_rng(0)
    for shape in ((2, 3, 64, 96), (1, 3, 160, 32)):
        pictures = rng.uniform(0, 255, shape).astype(np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(pictures)).numpy()
        crops = rng.uniform(0, 255, (3, 3, LOOK_SIDE, LOOK_SIDE)).astype(np.float32)
        with torch.no_grad():
            places = look(torch.from_numpy(crops)).numpy()
        cells, landmarks = session.run(None, {"pictures": pictures, "crops": crops})
        # The weights are kept in 16 bits.
        assert np.allclose(cells, expected, atol=0.02)
        assert np.allclose(landmarks, places, atol=0.1)
    photo = Photo("photo", made.crop(1, 100), "0" * 64, "PNG")
    assert isinstance(BuiltinDetector(tmp_path / "model.onnx", device="cpu").find(photo), list)


def test_a_network_of_an_odd_size_is_learned_in_training_mode():
    network = DetectorNetwork()
    assert network(torch.zeros(1, 3, 32, 64)).shape == (1, 15, 32 + 8 + 2)


def test_boxes_overlap_by_their_shared_area():
    box = np.array([0, 0, 2, 2], np.float32)
    assert overlap(box, box) == 1
    assert overlap(box, box + 2) == 0
    assert overlap(box, np.array([1, 0, 3, 2], np.float32)) == pytest.approx(1 / 3)


def test_photos_and_a_teacher_that_are_not_there_are_told(tmp_path: Path):
    with pytest.raises(UsageError, match=r"yunet\.onnx"):
        taught_faces(tmp_path, tmp_path / "yunet.onnx", held_out)
    (tmp_path / "yunet.onnx").write_bytes(b"")
    with pytest.raises(UsageError, match="not a folder or zip file"):
        taught_faces(tmp_path / "nothing", tmp_path / "yunet.onnx", held_out)


@pytest.mark.shared
def test_the_teacher_is_asked_in_several_sizes(shared: Path):
    teacher = YunetDetector(shared / "models" / "yunet_n.onnx")
    with zipfile.ZipFile(shared / "data" / "utkface.zip") as archive:
        photos = [read_photo(archive.read(name)).pixels for name in archive.namelist()[5000:5020]]
    taught = [(pixels, seen[0]) for pixels in photos if (seen := teach(pixels, teacher))]
    assert len(taught) > 10
    apart = []
    for pixels, mean in taught:
        once = teacher_face(pixels, teacher)
        assert once is not None
        between = np.linalg.norm(mean.landmarks[1] - mean.landmarks[0])
        apart.append(np.linalg.norm(mean.landmarks - once.landmarks, axis=1) / between)
    assert 0 < np.median(apart) < 0.06


@pytest.mark.shared
def test_the_recipe_goes_from_photos_to_a_model(
    shared: Path, tmp_path: Path, few: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("recipes.detector.recipe.PERSONS", 8)
    (tmp_path / "photos").mkdir()
    with zipfile.ZipFile(shared / "data" / "utkface.zip") as archive:
        for name in archive.namelist()[5000:5060]:
            (tmp_path / "photos" / name).write_bytes(archive.read(name))
    (tmp_path / "photos" / "damaged.jpg").write_bytes(b"no photo")
    teacher = shared / "models" / "yunet_n.onnx"
    recipe = DetectorRecipe(tmp_path / "photos", teacher, steps=2, look_steps=2)
    faces = collect(recipe)
    assert not any(held_out(name) for name in faces.names)
    assert 20 < len(faces) < 60
    lines: list[str] = []
    measured = train_detector(recipe, faces, tmp_path / "model.onnx", lines.append)
    assert 0 <= measured.found <= 1
    assert (tmp_path / "model.log").read_text().splitlines() == lines
    assert "seed 3" in lines[0]
    again = measure_detector(BuiltinDetector(tmp_path / "model.onnx", device="cpu"), faces)
    assert again.photos == len(faces)
