from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.faces.regions import region_at
from gestalt_space.gaze.areas import AREAS
from gestalt_space.gaze.summary import by_trial, summarise
from gestalt_space.gaze.trials import FaceTrial
from gestalt_space.gaze.types import Fixations, Trial
from gestalt_space.gaze.when import (
    first_fixation,
    order,
    time_course,
    transition_shares,
    transitions,
)
from gestalt_space.gaze.where import density, dwell, dwell_share, mean_and_interval, mean_density

PLACES = {"eyes": (38.0, 52.0), "mouth": (56.0, 93.0), "nose": (56.0, 68.0)}


def trial(
    *looks: tuple[str, float, float], reader: str = "R1", medium: str = "face", shown: float = 1.0
) -> FaceTrial:
    """Fixations on areas, each with its start and its duration."""
    x, y = np.array([PLACES[area] for area, _, _ in looks]).T
    times = [np.array(one) for one in zip(*((a, b) for _, a, b in looks), strict=True)]
    found = Fixations(*times, x, y)
    return FaceTrial(Trial(reader, medium, shown, found), "one", 1, x, y, region_at(x, y))


def of(values: np.ndarray, area: str) -> float:
    return float(values[AREAS.index(area)])


ONE = trial(("eyes", 0.1, 0.2), ("mouth", 0.35, 0.1), ("eyes", 0.5, 0.1), ("eyes", 0.65, 0.1))


def test_dwell_is_the_time_of_fixations() -> None:
    assert of(dwell(ONE), "eyes") == pytest.approx(0.4)
    assert of(dwell_share(ONE), "eyes") == pytest.approx(0.8)
    assert of(dwell_share(ONE), "nose") == 0
    assert dwell_share(ONE).sum() == pytest.approx(1)


def test_first_looks_and_their_order() -> None:
    assert of(first_fixation(ONE), "mouth") == 0.35
    assert np.isnan(of(first_fixation(ONE), "nose"))
    assert (of(order(ONE), "eyes"), of(order(ONE), "mouth")) == (1, 2)
    assert np.isnan(of(order(ONE), "nose"))


def test_the_time_course_is_in_bins_of_a_quarter_of_a_second() -> None:
    course = time_course(ONE, 6)
    eyes, mouth = course[:, AREAS.index("eyes")], course[:, AREAS.index("mouth")]
    np.testing.assert_allclose(eyes[:4], [0.6, 0.2, 0.8, 0.0], atol=1e-9)
    np.testing.assert_allclose(mouth[:4], [0, 0.4, 0, 0], atol=1e-9)
    # The medium was gone then.
    assert np.isnan(course[4:]).all()


def test_transitions_go_from_row_to_column() -> None:
    counts = transitions(ONE)
    eyes, mouth = AREAS.index("eyes"), AREAS.index("mouth")
    assert counts[eyes, mouth] == counts[mouth, eyes] == counts[eyes, eyes] == 1
    assert counts.sum() == 3
    shares = transition_shares([ONE])["R1"].reshape(len(AREAS), len(AREAS))
    assert shares[eyes, mouth] == 1
    assert shares[eyes, eyes] == 0
    assert np.isnan(shares[AREAS.index("nose")]).all()


def test_a_density_sums_to_one_and_weighs_by_duration() -> None:
    found = density(np.array([20.5, 90.5]), np.array([30.5, 80.5]), np.array([3.0, 1.0]), 3.0)
    assert found.sum() == pytest.approx(1)
    assert np.unravel_index(found.argmax(), found.shape) == (30, 20)
    assert found[30, 20] / found[80, 90] == pytest.approx(3, rel=1e-6)
    # A fixation at the edge weighs no less.
    edge = density(np.array([0.1, 56.5]), np.array([56.5, 56.5]), np.array([1.0, 1.0]), 3.0)
    assert edge[:, :28].sum() == pytest.approx(0.5, abs=1e-6)


def test_a_density_has_the_deviation_that_is_stated() -> None:
    found = density(np.array([56.0]), np.array([56.0]), np.ones(1), 5.0)
    middles = np.arange(112) + 0.5
    across = found.sum(axis=0)
    mean = float((across * middles).sum())
    assert mean == pytest.approx(56)
    assert float((across * (middles - mean) ** 2).sum()) ** 0.5 == pytest.approx(5, abs=0.01)


def test_what_is_off_the_face_has_no_density() -> None:
    assert np.isnan(density(np.array([-5.0]), np.array([3.0]), np.ones(1))).all()
    both = density(np.array([-5.0, 50.0]), np.array([3.0, 50.0]), np.ones(2))
    np.testing.assert_allclose(both, density(np.array([50.0]), np.array([50.0]), np.ones(1)))


def test_readers_weigh_the_same_however_many_trials_they_have() -> None:
    trials = [
        trial(("eyes", 0.0, 0.2)),
        trial(("eyes", 0.0, 0.2), medium="b"),
        trial(("eyes", 0.0, 0.2), medium="c"),
        trial(("mouth", 0.0, 0.2), reader="R2"),
    ]
    found = summarise(trials)
    assert (found.readers, found.media, found.trials, found.fixations) == (2, 3, 4, 4)
    assert of(found.share.mean, "eyes") == pytest.approx(0.5)
    map_of = mean_density(trials)
    assert map_of[52, 38] == pytest.approx(map_of[93, 56], rel=0.01)


def test_intervals_are_over_readers() -> None:
    mean, low, high = mean_and_interval(
        {name: np.array([value, 1.0]) for name, value in zip("abc", (1.0, 2.0, 3.0), strict=True)}
    )
    # t of 2 degrees of freedom: 4.303; standard error 1/√3.
    np.testing.assert_allclose(mean, [2, 1])
    np.testing.assert_allclose(low, [2 - 4.3027 / 3**0.5, 1], rtol=1e-4)
    np.testing.assert_allclose(high, [2 + 4.3027 / 3**0.5, 1], rtol=1e-4)
    _, low, _ = mean_and_interval({"a": np.array([1.0])})
    assert np.isnan(low).all()


def test_an_area_that_nobody_looked_at_first() -> None:
    found = summarise([ONE])
    assert np.isnan(of(found.first.mean, "nose"))
    assert of(found.looked.mean, "nose") == 0


def test_a_medium_that_a_reader_saw_twice_is_one_row() -> None:
    rows = by_trial([trial(("eyes", 0.1, 0.2)), trial(("eyes", 0.3, 0.4)), ONE])
    assert [(reader, medium) for reader, medium, _ in rows] == [("R1", "face")]
    (_, _, values) = rows[0]
    assert values[AREAS.index("eyes"), 0] == pytest.approx((0.2 + 0.4 + 0.4) / 3)
    assert values[AREAS.index("eyes"), 2] == pytest.approx(5 / 3)
