"""The training of the cover network: what is drawn before faces, and the file that comes out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import recipes.cover.recipe as cover_recipe
from gestalt_space.errors import UsageError
from gestalt_space.faces.cover import CELLS, OVAL, CoverModel
from gestalt_space.simulate.persons import FaceLabels, Persons, Portrait
from gestalt_space.simulate.real_faces import RealFace
from gestalt_space.training.splits import held_out, validating
from recipes.cover.network import CoverNetwork, export
from recipes.cover.pictures import KINDS, CoverPainter, distracted, in_cells
from recipes.cover.recipe import CoverRecipe, train_cover


@pytest.fixture(scope="module")
def portraits() -> list[Portrait]:
    persons, rng = Persons.builtin(), np.random.default_rng(5)
    return [persons.portrait(persons.sample(rng), rng) for _ in range(6)]


@pytest.fixture(scope="module")
def painter(portraits: list[Portrait]) -> CoverPainter:
    return CoverPainter(portraits, np.random.default_rng(1))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_hidden_is_changed_and_the_rest_is_not(painter: CoverPainter, kind: str):
    crop = np.full((112, 112, 3), 200, np.uint8)
    hiding = 0
    for seed in range(20):
        covered, mask = painter.covered(crop, kind, np.random.default_rng(seed))
        assert mask.min() >= 0
        assert mask.max() <= 1
        hiding += in_cells((mask >= 0.5).astype(np.float32))[OVAL].mean() > 0.1
        near = cv2.dilate((mask > 0).astype(np.uint8), np.ones((61, 61), np.uint8))
        assert np.array_equal(covered[near == 0], crop[near == 0])
    assert hiding >= 10


def test_dark_glasses_lie_on_the_eyes_and_a_mask_on_the_mouth(painter: CoverPainter):
    crop = np.full((112, 112, 3), 200, np.uint8)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        glasses, mask = (painter.covered(crop, kind, rng)[1] for kind in ("glasses", "mask"))
        assert glasses[50:53, 36:41].min() > 0.5
        assert glasses[92, 56] == 0
        assert mask[105, 56] > 0.9
        assert mask[45, 56] == 0


def test_light_shadows_and_clear_glasses_hide_nothing(portraits: list[Portrait]):
    """They change the picture, and pixels still differ where the face's did."""
    crop = portraits[0].pixels[24:136, 24:136]
    changed = [distracted(crop, np.random.default_rng(seed)) for seed in range(30)]
    assert sum(not np.array_equal(one, crop) for one in changed) > 10


def test_cells_tell_how_much_of_them_is_hidden():
    hidden = np.zeros((112, 112), np.float32)
    hidden[8:16, 16:20] = 1
    cells = in_cells(hidden)
    assert cells[1, 2] == 0.5
    assert cells.sum() == 0.5


def test_the_same_seed_paints_the_same_pictures(painter: CoverPainter):
    first, second = (
        [painter.picture(np.random.default_rng(n)) for n in range(10)] for _ in range(2)
    )
    for (crop, hidden), (again, same) in zip(first, second, strict=True):
        assert np.array_equal(crop, again)
        assert np.array_equal(hidden, same)
    bare = [not hidden.any() for _, hidden in first]
    assert 0 < sum(bare) < 10


def test_a_kind_can_be_left_out(portraits: list[Portrait]):
    painter = CoverPainter(portraits, np.random.default_rng(1), without="hand")
    assert set(painter.kinds) == set(KINDS) - {"hand"}


def test_the_model_file_says_what_the_network_says(tmp_path: Path):
    torch.manual_seed(1)
    network = CoverNetwork().eval()
    with torch.no_grad():
        network.head.weight.mul_(20)  # so that cells differ
    export(network, tmp_path / "cover.onnx")
    crop = np.random.default_rng(0).integers(0, 256, (112, 112, 3)).astype(np.uint8)
    with torch.inference_mode():
        logits = network(torch.from_numpy(crop).permute(2, 0, 1)[None].float())
    wanted = torch.sigmoid(logits)[0, 0].numpy()
    model = CoverModel(tmp_path / "cover.onnx")
    assert wanted.std() > 0.01
    # Weights have 16 bits in the file.
    assert np.abs(model.cells(crop) - wanted).max() < 2e-2
    assert model.share(crop) == pytest.approx(float(model.cells(crop)[OVAL].mean()))


def named(portraits: list[Portrait]) -> list[RealFace]:
    """A few hundred faces under names that fall into all parts."""
    return [RealFace(f"{n}.png", portraits[n % len(portraits)], FaceLabels()) for n in range(120)]


def test_the_recipe_goes_from_faces_to_a_model_and_its_log(
    portraits: list[Portrait], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cover_recipe, "BATCH", 4)
    monkeypatch.setattr(cover_recipe, "PERSONS", 5)
    faces, lines = named(portraits), list[str]()
    out = tmp_path / "cover.onnx"
    train_cover(CoverRecipe(tmp_path, steps=3), faces, out, lines.append)
    used = [face for face in faces if not held_out(face.name) and not validating(face.name)]
    kept = [face for face in faces if validating(face.name)]
    assert f"{len(used)} faces, {len(kept)} to measure with" in lines
    assert [line for line in lines if line.startswith("with ")] != []
    assert out.with_suffix(".log").read_text().splitlines() == lines
    assert CoverModel(out).cells(portraits[0].pixels[:112, :112]).shape == (CELLS, CELLS)


def test_too_few_faces_are_told(portraits: list[Portrait], tmp_path: Path):
    with pytest.raises(UsageError, match="too few"):
        train_cover(CoverRecipe(tmp_path), named(portraits)[:5], tmp_path / "c.onnx", print)
    assert list(tmp_path.iterdir()) == []


def test_a_few_steps_learn_something(
    portraits: list[Portrait], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The loss falls, and the same seed gives the same weights."""
    monkeypatch.setattr(cover_recipe, "BATCH", 8)
    monkeypatch.setattr(cover_recipe, "LOG_EVERY", 1)
    lines: list[str] = []
    recipe = CoverRecipe(tmp_path, steps=12)
    first = cover_recipe.train(portraits, recipe, lines.append)
    losses = [float(line.split()[3]) for line in lines]
    assert np.mean(losses[-4:]) < np.mean(losses[:4])
    second = cover_recipe.train(portraits, recipe, print)
    for ours, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(ours, theirs)
