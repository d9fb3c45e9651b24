from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.cohort.composite import (
    _EDGE,
    WeightedFace,
    _spline,
    average_face,
    bent,
    composite,
    in_crop,
    mean_shape,
    photo_mask,
    weights_of,
)
from gestalt_space.cohort.selection import Criteria, select
from gestalt_space.errors import UsageError
from gestalt_space.faces.alignment import TEMPLATE
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, make_home, open_gallery, row

POINTS = TEMPLATE.astype(np.float64)


def flat(value: int) -> np.ndarray:
    return np.full((112, 112, 3), value, np.uint8)


def of(*crops: np.ndarray) -> list[WeightedFace]:
    return [WeightedFace(crop, POINTS, 1 / len(crops)) for crop in crops]


def test_families_then_patients_then_photos_weigh_alike():
    families = [0, 0, 0, 1, 2]
    weights = weights_of(families, ["a", "a", "sibling", "b", "c"])
    np.testing.assert_allclose(weights, [1 / 12, 1 / 12, 1 / 6, 1 / 3, 1 / 3])


def test_light_is_averaged_by_weight():
    face = average_face(of(flat(0), flat(255)))
    assert face.shape == (336, 336, 3)
    assert (face == 188).all()  # half the light of white
    faces = [WeightedFace(flat(0), POINTS, 0.9), WeightedFace(flat(255), POINTS, 0.1)]
    assert (average_face(faces) == 89).all()  # a tenth of it


def test_the_same_face_stays_as_it_is():
    crop = made.crop(1)
    face = average_face(of(*[crop] * 5))
    again = face.reshape(112, 3, 112, 3, 3).mean((1, 3))
    assert np.abs(again - crop).mean() < 12


def test_an_average_is_sharpened_only_where_asked():
    """Where contrasts differ from face to face, the plain average has their mean."""
    rng = np.random.default_rng(3)
    fine = [
        np.clip(128 + rng.normal(0, 40, (112, 112, 1)), 1, 255).astype(np.uint8).repeat(3, axis=2)
        for _ in range(6)
    ]
    plain, sharpened = average_face(of(*fine)), average_face(of(*fine), sharpen=True)
    assert sharpened.std() > 1.5 * plain.std()


def test_what_is_beyond_a_photo_does_not_count():
    """A photo that ends on the left: the average is the other faces' there, and is not darkened."""
    cut = flat(200)
    cut[:, :30] = 0
    assert (average_face(of(cut, flat(200))) == 200).all()
    edge = average_face(of(cut, cut))
    assert (edge[:, :60] == 0).all(), "black where nobody has a photo"
    assert (edge[:, 110:] == 200).all()
    dark = flat(200)
    dark[50:60, 50:60] = 0
    assert (photo_mask(dark) == 255).all(), "black within a face is the photo's"
    assert (photo_mask(flat(0)) == 255).all()


def test_landmarks_are_laid_on_the_mean_shape():
    crop = flat(0)
    crop[68:72, 50:54] = 255  # a nose that is left of where it belongs
    points = POINTS.copy()
    points[2] = (51.5, 69.5)
    y, x = np.argwhere(bent(crop, points, POINTS)[..., 0] > 128).mean(0)
    np.testing.assert_allclose([(x + 0.5) / 3 - 0.5, (y + 0.5) / 3 - 0.5], POINTS[2], atol=0.7)


def test_a_bending_is_that_of_every_pixel():
    crop, rng = made.crop(3), np.random.default_rng(4)
    points = POINTS + rng.normal(scale=3, size=POINTS.shape)
    rows = np.add.outer(np.arange(112), np.zeros(112)).astype(np.uint8)
    slope = np.stack([2 * rows, 2 * rows.T, 0 * rows], axis=2)
    fixed, moved = (np.concatenate([places, _EDGE]) for places in (POINTS, points))
    places = (np.arange(336) + 0.5) / 3 - 0.5
    asked = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)
    wanted = 2 * _spline(fixed, moved, asked)[:, ::-1].reshape(336, 336, 2)
    found = bent(slope, points, POINTS)[..., :2]
    inside = ((wanted > 2) & (wanted < 220)).all(axis=2)
    assert np.abs(found - wanted)[inside].max() < 1.6, "of a slope of 2 a pixel, rounded"
    assert bent(crop, points, POINTS).shape == (336, 336, 3)


def test_landmarks_of_a_photo_are_found_in_its_crop():
    turned = TEMPLATE @ np.array([[0, 2], [-2, 0]], np.float32) + 40
    np.testing.assert_allclose(in_crop(turned), POINTS, atol=1e-3)


def filled(tmp_path: Path, store: ModelStore, patients: int):
    gallery = open_gallery(make_home(tmp_path / "home", store))
    rows = [
        row(made.photo_file(tmp_path / f"{seed}.png", seed), f"P{seed}", "OMIM:122470")
        for seed in range(patients)
    ]
    add(gallery, *rows)
    return gallery


def test_a_group_of_a_few_is_refused(tmp_path: Path, tiny_store: ModelStore):
    with filled(tmp_path, tiny_store, 4) as gallery:
        chosen = select(gallery, Criteria())
        with pytest.raises(UsageError, match="4 patients, fewer than 5"):
            composite(gallery, chosen)
        with pytest.raises(UsageError, match="needs at least two patients"):
            composite(gallery, chosen, at_least=1)
        assert composite(gallery, chosen, at_least=4).patients == 4


def test_a_gallery_gives_a_composite(tmp_path: Path, tiny_store: ModelStore):
    with filled(tmp_path, tiny_store, 6) as gallery:
        face = composite(gallery, select(gallery, Criteria(disorders=("OMIM:122470",))))
    assert (face.families, face.patients, face.photos, face.without) == (6, 6, 6, 0)
    assert not face.sharpened
    assert face.pixels.shape == (336, 336, 3)


def test_the_eyes_of_a_composite_are_where_those_of_its_faces_are(
    tmp_path: Path, tiny_store: ModelStore
):
    wide = POINTS + np.outer([-1, 1, 0, 0, 0], [3, 0])
    faces = [WeightedFace(flat(90), POINTS, 0.25), WeightedFace(flat(90), wide, 0.75)]
    assert mean_shape(faces)[:2, 0] == pytest.approx(POINTS[:2, 0] + [-2.25, 2.25])
    with filled(tmp_path, tiny_store, 6) as gallery:
        face = composite(gallery, select(gallery, Criteria(disorders=("OMIM:122470",))))
    # The gallery's photos are crops, whose landmarks are the template's: three pixels for one.
    assert face.eyes == pytest.approx((POINTS[:2, 0] + 0.5) * 3 - 0.5, abs=0.01)
