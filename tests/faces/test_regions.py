from __future__ import annotations

import cv2
import numpy as np
import pytest

from gestalt_space.faces.alignment import TEMPLATE
from gestalt_space.faces.regions import OUTLINES, OUTSIDE, REGIONS, region_at


def region_of(x: float, y: float) -> str:
    return REGIONS[region_at(np.array([x]), np.array([y]))[0]]


def test_the_landmarks_are_in_their_regions() -> None:
    assert [region_of(x, y) for x, y in TEMPLATE] == ["eyes", "eyes", "nose", "mouth", "mouth"]


@pytest.mark.parametrize(
    ("place", "region"),
    [
        ((56, 82), "philtrum"),
        ((40, 40), "brows"),
        ((56, 20), "forehead"),
        ((56, 108), "jaw"),
        ((56, 118), "jaw"),
        ((30, 72), "cheeks"),
        ((12, 65), "ears"),
        ((100, 65), "ears"),
        ((2, 2), OUTSIDE),
        ((-40, 60), OUTSIDE),
        ((float("nan"), 60), OUTSIDE),
    ],
)
def test_parts_of_the_face(place: tuple[float, float], region: str) -> None:
    assert region_of(*place) == region


def test_where_outlines_overlap_the_first_has_it() -> None:
    x, y = (one.ravel() for one in np.meshgrid(np.arange(0.37, 112), np.arange(0.41, 122)))
    found = region_at(x, y)
    inside = {
        name: np.any(
            [
                [
                    cv2.pointPolygonTest(np.array(outline, np.float32), (a, b), False) > 0
                    for a, b in zip(x.tolist(), y.tolist(), strict=True)
                ]
                for outline in outlines
            ],
            axis=0,
        )
        for name, outlines in OUTLINES.items()
    }
    overlaps = 0
    for place in range(len(x)):
        names = [name for name in OUTLINES if inside[name][place]]
        overlaps += len(names) > 1
        assert REGIONS[found[place]] == (names[0] if names else OUTSIDE)
    assert overlaps > 100


def test_left_and_right_are_alike() -> None:
    x, y = (one.ravel() for one in np.meshgrid(np.arange(0.37, 112), np.arange(0.37, 112)))
    assert (region_at(x, y) == region_at(112 - x, y)).mean() > 0.99
