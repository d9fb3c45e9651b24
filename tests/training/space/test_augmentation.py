from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from gestalt_space.training.space import augmentation
from gestalt_space.training.space.augmentation import (
    LARGEST,
    NUMBERS,
    SMALLEST,
    Augmentation,
    contrasted,
    lit,
    moved,
    recoloured,
    saturated,
    shrunk,
)
from tests import made
from tests.training.space.conftest import small_recipe

NONE = ("flip=0", "grey=0", "shrink=0", "jitter=0", "hue=0", "shift=0", "turn=0")
DRAWN = 2000
NOISE = np.random.default_rng(2).integers(0, 256, (112, 112, 3), dtype=np.uint8)


def varied(*changes, seed=1):
    vary = Augmentation(small_recipe(*NONE, *changes))
    return vary(made.crop(3), vary.draw(np.random.default_rng(seed), 1)[0])


def test_without_variation_a_face_stays_as_it_is():
    assert np.array_equal(varied(), made.crop(3))


def test_a_face_is_mirrored():
    assert np.array_equal(varied("flip=1"), made.crop(3)[:, ::-1])


def test_a_grey_face_has_three_equal_channels():
    grey = varied("grey=1")
    assert np.array_equal(grey[..., 0], grey[..., 2])
    assert not np.array_equal(grey, made.crop(3))


def test_a_shrunk_face_has_its_size_and_less_detail():
    shrunk = varied("shrink=1").astype(int)
    whole = made.crop(3).astype(int)
    assert shrunk.shape == whole.shape
    assert np.abs(np.diff(shrunk, axis=0)).sum() < np.abs(np.diff(whole, axis=0)).sum()


def test_each_variation_changes_the_face_and_depends_on_the_seed_alone():
    for change in ("jitter=0.5", "hue=0.3", "shift=0.2", "turn=30"):
        first, again, other = (varied(change, seed=seed) for seed in (1, 1, 2))
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)
        assert first.shape == (112, 112, 3)
        assert first.dtype == np.uint8


def affine(face: torch.Tensor, degrees: float, shift: tuple[int, int]) -> torch.Tensor:
    return functional.affine(
        face, degrees, list(shift), 1.0, [0.0, 0.0], InterpolationMode.BILINEAR
    )


def resized(face: torch.Tensor, side: int) -> torch.Tensor:
    return functional.resize(functional.resize(face, [side, side]), [112, 112])


@pytest.mark.parametrize("crop", [made.crop(3), NOISE], ids=["face", "noise"])
@pytest.mark.parametrize(
    ("ours", "theirs", "given"),
    [
        *((lit, functional.adjust_brightness, (factor,)) for factor in (0.0, 0.6, 1.8)),
        *((contrasted, functional.adjust_contrast, (factor,)) for factor in (0.0, 0.6, 1.8)),
        *((saturated, functional.adjust_saturation, (factor,)) for factor in (0.0, 0.6, 1.8)),
        *((recoloured, functional.adjust_hue, (turn,)) for turn in (-0.5, -0.4, -0.02, 0.1, 0.5)),
        *((moved, affine, given) for given in ((5.0, (3, -2)), (-30.0, (0, 7)), (0.0, (9, 1)))),
        *((shrunk, resized, (side,)) for side in (SMALLEST, 77, LARGEST)),
    ],
)
def test_each_variation_is_that_of_torchvision(
    crop: np.ndarray, ours: Callable[..., np.ndarray], theirs: Callable[..., Any], given: Any
):
    face = torch.from_numpy(np.ascontiguousarray(crop)).permute(2, 0, 1).float() / 255
    wanted = (theirs(face, *given) * 255).permute(1, 2, 0).numpy()
    found = ours(crop, *given)
    assert found.dtype == np.uint8
    differences = np.abs(found - wanted)
    assert differences.max() < 2
    assert differences.mean() < 0.5


class Seen:
    """Notes what a variation is given, and changes nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given: dict[str, list[Any]] = {}
        self.order: list[str] = []
        for name in ("shrunk", "moved", "lit", "contrasted", "saturated", "recoloured"):
            monkeypatch.setattr(augmentation, name, self._noting(name))

    def _noting(self, name: str) -> Callable[..., np.ndarray]:
        def note(crop: np.ndarray, *given: Any, **named: Any) -> np.ndarray:
            self.given.setdefault(name, []).append((*given, *named.values()))
            self.order.append(name)
            return crop

        return note


def look(*changes: str) -> list[np.ndarray]:
    """One face in many ways."""
    vary = Augmentation(small_recipe(*NONE, *changes))
    looks = vary.draw(np.random.default_rng(4), DRAWN)
    assert looks.shape == (DRAWN, NUMBERS)
    return [vary(made.crop(3), numbers) for numbers in looks]


def even(values: list[float], low: float, high: float) -> bool:
    """Whether values are spread evenly over a range."""
    shares = np.histogram(values, bins=4, range=(low, high))[0] / len(values)
    return len(values) == DRAWN and bool(np.all(np.abs(shares - 0.25) < 0.05))


def test_jitter_is_drawn_as_torchvision_draws_it(monkeypatch: pytest.MonkeyPatch):
    seen = Seen(monkeypatch)
    look("jitter=0.2", "hue=0.1")
    for name in ("lit", "contrasted", "saturated"):
        assert even([factor for (factor,) in seen.given[name]], 0.8, 1.2)
    assert even([turn for (turn,) in seen.given["recoloured"]], -0.1, 0.1)
    orders = [tuple(seen.order[start : start + 4]) for start in range(0, len(seen.order), 4)]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 24
    assert min(counts) > DRAWN / 24 / 2


def test_turns_and_whole_pixels_of_shifts_are_drawn_evenly(monkeypatch: pytest.MonkeyPatch):
    seen = Seen(monkeypatch)
    look("turn=10", "shift=0.25")
    degrees, shifts = zip(*seen.given["moved"], strict=True)
    assert even(list(degrees), -10, 10)
    for along in zip(*shifts, strict=True):
        assert even(list(along), -28.5, 28.5)
        assert all(isinstance(one, int) for one in along)


def test_as_many_faces_are_shrunk_mirrored_and_made_grey_as_the_recipe_says(
    monkeypatch: pytest.MonkeyPatch,
):
    seen = Seen(monkeypatch)
    faces = look("flip=0.5", "shrink=0.1", "grey=0.3")
    mirrored = np.mean([not np.array_equal(face, made.crop(3)) for face in faces])
    assert mirrored == pytest.approx(0.5, abs=0.05)
    assert len(seen.given["shrunk"]) / DRAWN == pytest.approx(0.1, abs=0.03)
    assert seen.given["saturated"].count((0.0,)) / DRAWN == pytest.approx(0.3, abs=0.05)
    look("shrink=1")
    sides = {side for (side,) in seen.given["shrunk"]}
    assert sides == set(range(SMALLEST, LARGEST + 1))
