"""What says whether a map is true: pointing and mass, planted regions, shuffled weights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from gestalt_space.encoders.differentiable import open_differentiable
from gestalt_space.encoders.registry import find_encoder_model
from gestalt_space.errors import UsageError
from gestalt_space.explain.checks import (
    TOLERANCE,
    chance_of_pointing,
    mass_in,
    points_at,
    with_shuffled_weights,
)
from gestalt_space.explain.planted import planted_face
from gestalt_space.faces.regions import region_mask
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.phenotypes import TERMS
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.explain.faces import spot


def square(top: int, left: int, side: int = 10) -> np.ndarray:
    region = np.zeros((112, 112), np.bool_)
    region[top : top + side, left : left + side] = True
    return region


def test_a_map_points_at_the_region_of_its_highest_place() -> None:
    values = spot(50, 40).values
    assert points_at(values, square(45, 35))
    assert points_at(values, square(50 + TOLERANCE, 40))
    assert not points_at(values, square(51 + TOLERANCE, 40))
    assert not points_at(values, square(80, 80))


def test_a_map_of_which_nothing_speaks_for_the_line_points_nowhere() -> None:
    assert not points_at(np.full((112, 112), -1.0, np.float32), square(0, 0, 112))


def test_chance_is_how_often_a_random_place_is_a_hit() -> None:
    region = square(40, 40)
    hits = []
    for row in range(0, 112, 3):
        for column in range(0, 112, 3):
            values = np.zeros((112, 112), np.float32)
            values[row, column] = 1
            hits.append(points_at(values, region))
    assert chance_of_pointing(region) == pytest.approx(np.mean(hits), abs=0.005)
    assert chance_of_pointing(square(0, 0, 112)) == 1


def test_mass_counts_what_speaks_for_the_line_only() -> None:
    values = np.zeros((112, 112), np.float32)
    values[10, 10], values[60, 60], values[80, 80] = 3, 1, -9
    assert mass_in(values, square(5, 5)) == 0.75
    assert np.isnan(mass_in(-np.abs(values), square(5, 5)))


def test_both_agree_with_quantus() -> None:
    quantus = pytest.importorskip("quantus", reason="the independent implementation")
    rng = np.random.default_rng(4)
    maps = [np.abs(rng.normal(size=(112, 112))).astype(np.float32) for _ in range(20)]
    regions = [square(*rng.integers(0, 60, 2), side=int(rng.integers(20, 50))) for _ in maps]
    batches = {
        "a_batch": np.stack(maps)[:, None],
        "s_batch": np.stack(regions)[:, None].astype(int),
    }
    mass = quantus.RelevanceMassAccuracy(disable_warnings=True).evaluate_batch(**batches)
    ours = [mass_in(values, region) for values, region in zip(maps, regions, strict=True)]
    assert ours == pytest.approx(mass, rel=1e-5)
    hits = quantus.PointingGame(disable_warnings=True).evaluate_batch(**batches)
    near = quantus.PointingGame(disable_warnings=True).evaluate_batch(
        a_batch=batches["a_batch"],
        s_batch=np.stack([widened(region) for region in regions])[:, None].astype(int),
    )
    points = [points_at(values, region) for values, region in zip(maps, regions, strict=True)]
    assert points == near.astype(bool).tolist()
    assert all(mine >= theirs for mine, theirs in zip(points, hits, strict=True))


def widened(region: np.ndarray) -> np.ndarray:
    """The region and what lies up to the tolerance beside it, pixel by pixel."""
    return np.asarray(distance_transform_edt(~region) <= TOLERANCE)


@pytest.mark.parametrize(
    ("term", "region"),
    [("HP:0000445", "nose"), ("HP:0000664", "brows"), ("HP:0000154", "mouth")],
)
def test_a_planted_phenotype_lies_in_its_region(term: str, region: str) -> None:
    face = planted_face(Persons.builtin(), np.random.default_rng(2), term, 2.0)
    assert face.crop.shape == (112, 112, 3)
    assert 0 < face.region.mean() < 0.1
    mine = (face.region & region_mask(region)).sum()
    assert mine > 0.3 * face.region.sum()


def test_a_planted_phenotype_is_what_changes_the_face() -> None:
    persons, term = Persons.builtin(), "HP:0000574"
    with_it, without = (
        planted_face(persons, np.random.default_rng(2), term, strength) for strength in (3.0, 0.0)
    )
    changed = np.abs(with_it.crop.astype(int) - without.crop).mean(axis=2)
    assert changed[with_it.region].mean() > 4 * changed[~with_it.region].mean()


def test_the_strength_does_not_move_the_region() -> None:
    assert len(TERMS) > 30
    one, other = (
        planted_face(Persons.builtin(), np.random.default_rng(2), "HP:0000664", strength).region
        for strength in (1.0, 3.0)
    )
    assert (one == other).mean() > 0.99


def test_an_unknown_term_is_refused() -> None:
    with pytest.raises(UsageError, match="Unknown simulated phenotype"):
        planted_face(Persons.builtin(), np.random.default_rng(2), "HP:1", 2.0)


def test_shuffled_weights_are_the_same_numbers_and_give_another_space(tmp_path: object) -> None:
    whole = open_differentiable(find_encoder_model(ModelStore(tmp_path)), "cpu")  # type: ignore[arg-type]
    broken, encoder = with_shuffled_weights(whole, seed=1)
    for mine, theirs in zip(
        broken.networks[0].parameters(), whole.networks[0].parameters(), strict=True
    ):
        assert np.array_equal(np.sort(mine.numpy().ravel()), np.sort(theirs.numpy().ravel()))
    import torch

    crops = np.stack([made.crop(1), made.crop(2)])
    faces = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        ours, theirs_too = broken.descriptors(faces).numpy(), whole.descriptors(faces).numpy()
    assert np.abs((ours * theirs_too).sum(axis=1)).max() < 0.9
    assert (encoder.encode(crops)[:, 0] * ours).sum(axis=1) == pytest.approx(1, abs=1e-4)
