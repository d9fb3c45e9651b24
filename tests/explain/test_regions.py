"""The regions divide the aligned face, and lie where the landmarks say."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.explain.regions import masses
from gestalt_space.faces.alignment import TEMPLATE
from gestalt_space.faces.regions import OUTSIDE, REGIONS, region_map, region_mask
from gestalt_space.simulate.phenotypes import TERMS


@pytest.mark.parametrize(
    ("landmark", "region"), list(enumerate(["eyes", "eyes", "nose", "mouth", "mouth"]))
)
def test_each_landmark_lies_in_its_region(landmark: int, region: str) -> None:
    column, row = np.rint(TEMPLATE[landmark]).astype(int)
    assert REGIONS[region_map()[row, column]] == region


def test_each_pixel_has_one_region_and_each_region_some_pixels() -> None:
    whole = np.sum([region_mask(name) for name in REGIONS], axis=0)
    assert (whole == 1).all()
    assert all(region_mask(name).any() for name in REGIONS)


def test_the_regions_are_the_same_on_both_sides() -> None:
    mirrored = region_map()[:, ::-1]
    assert (mirrored == region_map()).mean() > 0.96


def test_the_corners_are_outside_and_the_middle_is_not() -> None:
    assert REGIONS[region_map()[0, 0]] == OUTSIDE
    assert REGIONS[region_map()[60, 56]] == "nose"


@pytest.mark.parametrize(
    ("term", "region"),
    [
        ("HP:0000508", "eyes"),
        ("HP:0000664", "brows"),
        ("HP:0000445", "nose"),
        ("HP:0000319", "philtrum"),
        ("HP:0000154", "mouth"),
    ],
)
def test_simulated_phenotypes_lie_in_the_regions_of_their_names(term: str, region: str) -> None:
    from gestalt_space.simulate.canvas import OFFSET, ZOOM

    places = {
        REGIONS[region_map()[round(y), round(x)]]
        for bump in TERMS[term].bumps
        for x, y in [(np.array([bump.x, bump.y]) - OFFSET) / ZOOM]
    }
    assert region in places


def test_masses_are_shares_of_what_speaks_for_the_line() -> None:
    values = np.where(region_mask("nose"), 1.0, 0.0)
    values[region_mask("eyes")] = -5.0
    shares = dict(zip(REGIONS, masses(values), strict=True))
    assert shares["nose"] == 1
    assert sum(shares.values()) == 1


def test_a_map_without_anything_has_no_shares() -> None:
    assert np.isnan(masses(np.zeros((2, 112, 112)))).all()
