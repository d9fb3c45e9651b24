"""Each way to a map finds what decides the score."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.encoders.differentiable import open_differentiable
from gestalt_space.encoders.registry import find_encoder_model, open_encoder
from gestalt_space.errors import UsageError
from gestalt_space.explain.fills import typical_fills
from gestalt_space.explain.gradients import IntegratedGradients
from gestalt_space.explain.methods import AUTO, METHODS, parse_method
from gestalt_space.explain.occlusion import hidden, patch_masks, region_masks
from gestalt_space.explain.random_masks import RandomMasks, random_masks
from gestalt_space.explain.targets import LineTarget, direction_to
from gestalt_space.faces.regions import REGIONS, region_mask
from gestalt_space.weights.store import ModelStore
from tests.explain.faces import PLACE, PatchTarget, face


@pytest.mark.parametrize("name", ["occlusion", "regions", "rise"])
def test_what_decides_the_score_is_the_highest_of_the_map(name: str) -> None:
    made = METHODS[name].make(0).explain(face(), PatchTarget(face()))
    row, column = np.unravel_index(np.argmax(made.values), made.values.shape)
    if name == "regions":
        assert region_mask("nose")[row, column] or region_mask("cheeks")[row, column]
    else:
        assert PLACE[0].start - 4 <= row < PLACE[0].stop + 4
        assert PLACE[1].start - 4 <= column < PLACE[1].stop + 4


@pytest.mark.parametrize("name", ["occlusion", "regions", "rise"])
def test_a_seed_gives_the_same_map_and_another_one_another(name: str) -> None:
    target = PatchTarget(face())
    one, same = (METHODS[name].make(5).explain(face(), target).values for _ in range(2))
    other = METHODS[name].make(6).explain(face(), target).values
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_hiding_a_region_costs_what_the_map_says_of_it() -> None:
    target = PatchTarget(face())
    made = METHODS["regions"].make(0).explain(face(), target)
    whole = target.scores(face()[None])[0]
    number = REGIONS.index("nose")
    drops = [
        whole - target.scores(hidden(face(), fill, region_masks()[number : number + 1]))[0]
        for fill in typical_fills(face(), len(made.repeats))
    ]
    sums = made.repeats[:, region_mask("nose")].sum(axis=1)
    assert sums == pytest.approx(np.array(drops), rel=1e-4)


def test_what_is_hidden_is_the_fill_and_what_is_not_is_the_face() -> None:
    fill = typical_fills(face(), 1)[0]
    masks = np.zeros((2, 112, 112), np.float32)
    masks[1, :56] = 1
    one, other = hidden(face(), fill, masks)
    assert np.array_equal(one, face())
    assert np.array_equal(other[56:], face()[56:])
    assert np.array_equal(other[:56], np.rint(fill[:56]).astype(np.uint8))


def test_fills_keep_the_light_of_the_face_and_take_its_details() -> None:
    light, dark = (np.full((112, 112, 3), level, np.uint8) for level in (200, 60))
    means = [typical_fills(crop, 8).mean() for crop in (light, dark)]
    assert means == pytest.approx([200, 60], abs=6)
    assert typical_fills(light, 8).std(axis=0).mean() > 1


def test_masks_cover_the_face() -> None:
    assert patch_masks().shape == (196, 112, 112)
    assert patch_masks().max(axis=0).min() > 0.4
    hiding = random_masks(400, 0)
    assert hiding.mean(axis=0) == pytest.approx(np.full((112, 112), 0.5), abs=0.15)


def test_more_masks_than_one_of_each_repeat_are_rounded_up() -> None:
    assert len(RandomMasks(masks=30).explain(face(), PatchTarget(face())).repeats) == 20


def test_a_method_that_is_not_known_is_refused() -> None:
    assert parse_method(AUTO) == AUTO
    with pytest.raises(UsageError, match="Unknown method 'lime'"):
        parse_method("lime")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> LineTarget:
    """A line of the space of the built-in encoder: another face."""
    model = find_encoder_model(ModelStore(tmp_path_factory.mktemp("models")))
    encoder = open_encoder(model, device="cpu", threads=1)
    gradients = open_differentiable(model, "cpu")
    lines = encoder.encode(np.stack([face(seed) for seed in range(4)]))[:, 0]
    direction = direction_to(lines[0], lines[1:].mean(axis=0))
    return LineTarget(encoder, direction, lambda: gradients)


def test_integrated_gradients_add_up_to_the_difference_of_the_scores(target: LineTarget) -> None:
    crop = face(0)
    fills = typical_fills(crop, 4)
    way = IntegratedGradients(fills=4, steps=64, smoothing=0)
    made = way.explain(crop, target)
    scores = target.scores(np.rint(np.concatenate([crop[None], fills])).astype(np.uint8))
    assert made.repeats.sum(axis=(1, 2)) == pytest.approx(scores[0] - scores[1:], abs=0.02)


@pytest.mark.parametrize("name", ["gradients", "hires-cam", "grad-cam"])
def test_gradients_tell_a_line_from_its_opposite(name: str, target: LineTarget) -> None:
    opposite = LineTarget(target.encoder, -target.direction, target.differentiable)
    one, other = (METHODS[name].make(0).explain(face(0), of).values for of in (target, opposite))
    assert one.shape == (112, 112)
    assert not np.allclose(one, other)
    if name != "grad-cam":
        assert one == pytest.approx(-other, abs=1e-5 + 1e-3 * float(np.abs(one).max()))


@pytest.mark.parametrize("name", ["gradients", "hires-cam", "grad-cam"])
def test_a_target_without_gradients_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not explained by gradients"):
        METHODS[name].make(0).explain(face(), PatchTarget(face()))
