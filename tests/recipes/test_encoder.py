"""The encoder's training: deformations, pairs, a few steps, and the file that comes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

import recipes.encoder.recipe as encoder_recipe
import recipes.encoder.training as encoder
from gestalt_space.errors import UsageError
from gestalt_space.simulate.persons import FaceLabels, Persons, Portrait
from gestalt_space.simulate.real_faces import RealFace
from gestalt_space.training.splits import held_out, validating
from recipes.encoder.data import Pairs, make_groups, make_pairs, mirrored_order
from recipes.encoder.deformations import (
    TARGET_LENGTH,
    TARGET_POINTS,
    Deformation,
    deform,
    draw,
)
from recipes.encoder.export import export
from recipes.encoder.network import COMPONENTS, DIM, EncoderNetwork
from recipes.encoder.people import joined, trained_on, validated_on
from recipes.encoder.training import (
    TargetScaling,
    TrainingStage,
    centre,
    contrastive_loss,
    normalised,
    train,
)
from recipes.encoder.validation import told_on_validation
from recipes.encoder.validation_family import draw_disorders

POINTS = len(TARGET_POINTS)


@pytest.fixture(scope="module")
def portraits() -> list[Portrait]:
    persons, rng = Persons.builtin(), np.random.default_rng(5)
    return [persons.portrait(persons.sample(rng), rng) for _ in range(12)]


def test_no_deformation_is_so_steep_that_a_face_folds(portraits: list[Portrait]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        fields = draw(rng).shown_by(rng, 1.6).fields_on(portraits[0])
        assert np.abs(np.diff(fields[:2], axis=1)).max() <= 0.6201
        assert np.abs(np.diff(fields[:2], axis=2)).max() <= 0.6201


def test_all_kinds_of_deformations_are_drawn() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw(rng) for _ in range(100)]
    assert any(one.field is not None and not len(one.bumps) for one in drawn)
    assert any(one.field is None and len(one.bumps) for one in drawn)
    assert any(one.field is not None and len(one.bumps) for one in drawn)


def test_a_face_without_a_deformation_has_nothing_to_tell(portraits: list[Portrait]) -> None:
    nothing = np.zeros((6, 160, 160), np.float32)
    changed, target = deform(portraits[0], nothing)
    assert np.array_equal(changed.pixels, portraits[0].pixels)
    assert target.shape == (TARGET_LENGTH,)
    assert np.abs(target).max() < 1e-4


def test_what_moves_a_face_as_a_whole_is_not_told(portraits: list[Portrait]) -> None:
    shifted = np.zeros((6, 160, 160), np.float32)
    shifted[0] = 3.0
    _, target = deform(portraits[0], shifted)
    assert np.abs(target[: 2 * POINTS]).max() < 0.05


def test_a_target_says_where_a_point_went(portraits: list[Portrait]) -> None:
    place = TARGET_POINTS[POINTS // 2]
    bump = np.array([[*place, 6, 6, 0, 2.0, 0, 0, 0, 0]], np.float32)
    one = Deformation(bump, np.zeros(1, np.int64), None)
    face = replace(portraits[0])
    _, target = deform(face, one.fields_on(face))
    down = target[POINTS : 2 * POINTS]
    assert down.argmax() == POINTS // 2
    # Two canvas pixels are 1.67 of the aligned face; the landmarks take a little of it with them.
    assert 1.2 < down.max() < 1.8


def test_mirroring_twice_is_the_target_itself() -> None:
    order, signs = mirrored_order()
    target = np.random.default_rng(0).normal(size=TARGET_LENGTH).astype(np.float32)
    once = target[order] * signs
    assert not np.allclose(once, target)
    assert np.allclose(once[order] * signs, target)


def test_pairs_are_of_two_people_and_the_same_for_a_seed(portraits: list[Portrait]) -> None:
    pairs = make_pairs(portraits, 3, [1, 2])
    again = make_pairs(portraits, 3, [1, 2])
    assert pairs.crops.shape == (3, 2, 112, 112, 3)
    assert np.array_equal(pairs.crops, again.crops)
    assert np.array_equal(pairs.targets, again.targets)
    assert not np.array_equal(pairs.crops, make_pairs(portraits, 3, [1, 3]).crops)
    assert not np.array_equal(pairs.crops[:, 0], pairs.crops[:, 1])


def test_groups_say_which_deformation_each_carries(portraits: list[Portrait]) -> None:
    crops, groups = make_groups(portraits, 3, 4, [1])
    assert crops.shape == (12, 112, 112, 3)
    assert groups.tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_the_contrastive_loss_is_low_where_partners_are_alike() -> None:
    half = torch.eye(6)
    alike = contrastive_loss(torch.cat([half, half]))
    apart = contrastive_loss(torch.cat([half, half.roll(1, 0)]))
    assert float(alike) < 0.01
    assert float(apart) > 5


def test_a_few_steps_lower_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "REPORT_EVERY", 14)
    monkeypatch.setattr(encoder, "WARM_UP", 5)
    rng = np.random.default_rng(0)
    # What is told is how high a disc stands in the picture: easy to learn, and the same mirrored.
    high = rng.uniform(-1, 1, (60, 2)).astype(np.float32)
    rows, columns = np.mgrid[:112, :112]
    away = np.hypot(rows - 56 - 40 * high[..., None, None], columns - 56)
    crops = np.where(away < 12, 220, 60)[..., None].repeat(3, axis=-1).astype(np.uint8)
    targets = rng.normal(0, 0.01, (60, 2, TARGET_LENGTH)).astype(np.float32)
    targets[..., POINTS : 2 * POINTS] += high[..., None]
    telling = TargetScaling.fit(targets.reshape(120, -1), 0)
    losses: list[tuple[float, float]] = []
    stages = (TrainingStage(4, 14, 0.0, (1e-3, 1e-3)), TrainingStage(4, 14, 0.2, (1e-3, 0.0)))
    train(
        Pairs(crops, targets),
        telling,
        lambda step, told, contrast: losses.append((told, contrast)),
        stages=stages,
    )
    assert losses[1][0] < 0.6 * losses[0][0]


def test_a_centred_network_has_plain_faces_around_the_origin() -> None:
    torch.manual_seed(1)
    network = EncoderNetwork().eval()
    crops = np.random.default_rng(0).integers(0, 256, (30, 112, 112, 3)).astype(np.uint8)
    images = normalised(torch.from_numpy(crops))
    with torch.inference_mode():
        before = network(images)
        centre(network, crops)
        after = network(images)
    assert float(before.mean(dim=0).abs().max()) > 0.01
    assert torch.allclose(after, before - before.mean(dim=0), atol=1e-5)


def test_the_file_gives_what_the_network_gives(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = EncoderNetwork()
    network(torch.rand(8, 3, 112, 112))  # so that the normalisations are not those of birth
    network.eval()
    export(network, tmp_path / "encoder.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "encoder.onnx")
    images = torch.rand(3, 3, 112, 112) * 2 - 1
    with torch.inference_mode():
        expected = network(images).numpy()
    found = session.run(None, {"faces": images.numpy()})[0]
    assert found.shape == (3, DIM)
    assert np.allclose(found, expected, atol=1e-4)
    content = (tmp_path / "encoder.onnx").read_bytes()
    assert len(content) <= 8_000_000
    assert str(Path(encoder.__file__).parents[2]).encode() not in content


def test_the_recipe_writes_a_model_and_its_log_and_leaves_held_out_photos_out(
    tmp_path: Path, portraits: list[Portrait], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"PERSONS": 4, "CHUNK": 30, "TEST_GROUPS": 4, "TEST_PEOPLE": 2, "TEST_PERSONS": 4}
    for name, size in (sizes | {"DISORDERS": 2}).items():
        monkeypatch.setattr(encoder_recipe, name, size)
    faces = [RealFace(f"{n}.jpg", portraits[n % 12], FaceLabels()) for n in range(150)]
    seen = sum(not held_out(face.name) and not validating(face.name) for face in faces)
    assert 20 <= seen < 150
    stages = (TrainingStage(4, 2, 0.2, (1e-3, 0.0)),)
    recipe = encoder_recipe.EncoderRecipe(tmp_path, pairs=COMPONENTS, stages=stages)
    lines: list[str] = []
    encoder_recipe.train_encoder(recipe, faces, tmp_path / "e.onnx", lines.append)
    assert (tmp_path / "e.log").read_text(encoding="utf-8").splitlines() == lines
    assert any(f"{seen} real faces" in line for line in lines)
    assert lines[-1].startswith("disorders of the validation family: top-1 ")
    assert onnxruntime.InferenceSession(tmp_path / "e.onnx").get_outputs()[0].shape[-1] == DIM


def test_photos_of_one_person_are_on_one_side_of_the_split() -> None:
    names = [f"{number}.jpg" for number in range(200)]
    rng = np.random.default_rng(1)
    faces = np.repeat(rng.normal(size=(100, 32)), 2, axis=0) + rng.normal(0, 0.05, (200, 32))
    people = joined((faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32))
    assert np.array_equal(people, np.repeat(np.arange(100), 2))
    used, chosen = trained_on(names, people), validated_on(names, people)
    kept = {*people[[held_out(name) for name in names]]}
    assert not kept & {*people[used]}
    assert not kept & {*people[chosen]}
    assert not {*people[used]} & {*people[[validating(name) for name in names]]}
    assert chosen.any()
    assert all(validating(names[row]) for row in np.flatnonzero(chosen))
    assert len({*people[chosen]}) == chosen.sum()


def test_the_validation_family_changes_faces_and_is_the_same_for_a_seed(
    portraits: list[Portrait],
) -> None:
    first, again = (
        [one.show(rng, portraits[0]) for one in draw_disorders(rng, 5)]
        for rng in (np.random.default_rng(3), np.random.default_rng(3))
    )
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.pixels, other.pixels)
        assert np.abs(one.pixels.astype(int) - portraits[0].pixels).max() > 20


def test_an_encoder_is_measured_with_each_person_once(portraits: list[Portrait]) -> None:
    torch.manual_seed(1)
    told = told_on_validation(EncoderNetwork().eval(), portraits, disorders=3)
    assert told.photos == 12
    assert told.tenth == 1
    assert "of 12 photos" in str(told)


def test_too_few_faces_are_refused(tmp_path: Path, portraits: list[Portrait]) -> None:
    faces = [RealFace("a.jpg", portraits[0], FaceLabels())]
    with pytest.raises(UsageError, match="too few"):
        encoder_recipe.train_encoder(
            encoder_recipe.EncoderRecipe(tmp_path), faces, tmp_path / "e.onnx", print
        )
    assert not (tmp_path / "e.log").exists()
