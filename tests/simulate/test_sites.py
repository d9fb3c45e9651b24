from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.simulate.capture import Capture
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.sites import PhotoSite, draw_sites
from gestalt_space.simulate.surroundings import Background

AGES = {"0-2": 0.5, "3-9": 0.5}
ANCESTRIES = {"here": 0.25, "there": 0.75}


def sites(strength: float, names: tuple[str, ...] = ("Bonn", "Taipei"), seed: int = 1):
    return draw_sites(np.random.default_rng(seed), names, strength, AGES, ANCESTRIES)


def test_sites_of_strength_0_change_nothing():
    own = Capture(light=(0.1, 0.2, -0.1), blur=0.4, noise=2.0, resolution=0.7, quality=71)
    for site in sites(0.0):
        assert site.capture(own) == own
        assert site.ages == pytest.approx(AGES)
        assert site.ancestries == pytest.approx(ANCESTRIES)
        assert site.wall.share == 0


def test_sites_differ_in_everything_that_a_camera_and_patients_have():
    one, two = sites(1.0)
    assert (one.name, two.name) == ("Bonn", "Taipei")
    for part in PhotoSite.__slots__[1:]:
        assert getattr(one, part) != getattr(two, part), part
    for shares in (one.ages, one.ancestries):
        assert sum(shares.values()) == pytest.approx(1)


def test_sites_differ_more_the_stronger():
    def spread(strength: float) -> float:
        made = sites(strength, tuple(map(str, range(40))))
        return float(np.std([site.light[2] for site in made]))

    assert 0 < 2 * spread(0.4) < spread(1.0)


def test_a_photo_is_taken_about_the_style_of_its_site():
    site = sites(1.0)[0]
    dark, light = Capture(light=(0, 0, -0.2)), Capture(light=(0, 0, 0.2), balance=(1.1, 1.0, 0.9))
    assert site.capture(light).light[2] - site.capture(dark).light[2] == pytest.approx(0.4)
    assert site.capture(light).light[2] == pytest.approx(0.2 + site.light[2])
    assert site.capture(light).balance[0] == pytest.approx(1.1 * site.balance[0])
    poor = site.capture(Capture(blur=0.1, noise=1.0, resolution=0.6, quality=5))
    assert poor.blur >= 0.1
    assert poor.noise >= 1.0
    assert 0.3 < poor.resolution <= 0.6
    assert 1 <= poor.quality <= 5


def test_a_wall_stands_behind_the_face_and_changes_nothing_else(builtin: Persons):
    person = builtin.sample(np.random.default_rng(1), sex="female", age_years=9)
    shown = {
        share: builtin.portrait(
            person, np.random.default_rng(2), wall=Background((0.0, 255.0, 0.0), share)
        ).pixels.astype(int)
        for share in (0.0, 1.0)
    }
    bare = builtin.portrait(person, np.random.default_rng(2)).pixels
    assert np.array_equal(shown[0.0], bare)
    assert np.abs(shown[1.0][4:20, 4:20] - [0, 255, 0]).max() < 3
    assert np.array_equal(shown[1.0][85:115, 65:95], bare[85:115, 65:95])
