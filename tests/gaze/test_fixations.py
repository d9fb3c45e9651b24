from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter

from gestalt_space.errors import UsageError
from gestalt_space.gaze.fixations import UNSMOOTHED, FixationPlan, find_fixations
from gestalt_space.gaze.types import Samples
from tests.gaze.recorded import PER_DEGREE, f1, plan_fixations, samples_of

VELOCITY = FixationPlan(method="velocity", pixels_per_degree=PER_DEGREE)
SEGMENTS = FixationPlan(method="segments")
PLANS = [FixationPlan(), VELOCITY, SEGMENTS]
SECONDS = 120


def still(*pieces: tuple[int, float, float], rate: float = 100.0) -> Samples:
    """Samples that stand at each place for so many of them; NaN is lost."""
    x = np.concatenate([np.full(count, at) for count, at, _ in pieces])
    y = np.concatenate([np.full(count, at) for count, _, at in pieces])
    return Samples(np.arange(len(x)) / rate, x, y, np.isfinite(x))


@pytest.mark.parametrize("plan", PLANS, ids=["I-DT", "I-VT", "segments"])
@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_planned_fixations_are_found_in_noise(plan: FixationPlan, noise: float) -> None:
    rng = np.random.default_rng(3)
    planned = plan_fixations(rng, SECONDS)
    samples = samples_of(planned, rng, noise=noise)
    assert f1(find_fixations(samples, 120.0, plan), planned) >= 0.95


def test_as_published_noise_breaks_fixations_apart() -> None:
    rng = np.random.default_rng(3)
    planned = plan_fixations(rng, SECONDS)
    samples = samples_of(planned, rng, noise=1.0)
    assert f1(find_fixations(samples, 120.0, UNSMOOTHED), planned) < 0.3


@pytest.mark.parametrize("plan", [FixationPlan(), SEGMENTS], ids=["I-DT", "segments"])
@pytest.mark.parametrize("rate", [60.0, 120.0, 600.0])
def test_the_rate_does_not_matter(rate: float, plan: FixationPlan) -> None:
    rng = np.random.default_rng(4)
    planned = plan_fixations(rng, SECONDS)
    samples = samples_of(planned, rng, noise=0.3, rate=rate)
    assert f1(find_fixations(samples, rate, plan), planned) >= 0.95


def test_start_duration_and_centre() -> None:
    found = find_fixations(still((20, 100, 50), (30, 400, 60)), 100.0, UNSMOOTHED)
    np.testing.assert_allclose(found.start, [0.0, 0.2])
    np.testing.assert_allclose(found.duration, [0.2, 0.3])
    np.testing.assert_allclose(found.x, [100, 400])
    np.testing.assert_allclose(found.y, [50, 60])


def test_the_shortest_fixation_and_the_largest_square() -> None:
    # 7 samples of 10 ms are 70 ms, 6 are 60 ms.
    long_enough = still((7, 0, 0), (6, 500, 0), (7, 0, 0))
    assert len(find_fixations(long_enough, 100.0, UNSMOOTHED)) == 2
    inside, outside = still((7, 0, 0), (7, 100, 0)), still((7, 0, 0), (7, 100.5, 0))
    assert len(find_fixations(inside, 100.0, UNSMOOTHED)) == 1
    assert len(find_fixations(outside, 100.0, UNSMOOTHED)) == 2


def test_a_short_gap_is_bridged_and_a_long_one_is_not() -> None:
    short = still((20, 100, 100), (5, np.nan, np.nan), (20, 102, 100))
    long = still((20, 100, 100), (30, np.nan, np.nan), (20, 102, 100))
    found = find_fixations(short, 100.0, FixationPlan())
    np.testing.assert_allclose(found.duration, [0.45])
    # What was filled has no part in the centre.
    np.testing.assert_allclose(found.x, [101.0])
    assert len(find_fixations(long, 100.0, FixationPlan())) == 2


def test_samples_that_are_not_valid_do_not_count() -> None:
    samples = still((40, 100, 100))
    x = samples.x.copy()
    x[20:23] = 5000
    valid = samples.valid.copy()
    valid[20:23] = False
    found = find_fixations(replace(samples, x=x, valid=valid), 100.0, FixationPlan())
    np.testing.assert_allclose(found.x, [100])
    np.testing.assert_allclose(found.duration, [0.4])


def test_missing_rows_are_a_gap() -> None:
    samples = still((40, 100, 100))
    time = samples.time.copy()
    time[20:] += 5.0
    found = find_fixations(replace(samples, time=time), 100.0, FixationPlan())
    np.testing.assert_allclose(found.start, [0.0, 5.2])
    np.testing.assert_allclose(found.duration, [0.2, 0.2])


def test_neighbours_that_lie_close_are_joined() -> None:
    samples = still((20, 100, 100), (20, 140, 100))
    apart = FixationPlan(dispersion=30, merge_distance=39)
    assert len(find_fixations(samples, 100.0, apart)) == 2
    assert len(find_fixations(samples, 100.0, replace(apart, merge_distance=41))) == 1


def test_nothing_but_lost_gaze() -> None:
    assert len(find_fixations(still((50, np.nan, np.nan)), 100.0, FixationPlan())) == 0
    assert len(find_fixations(still((50, np.nan, np.nan)), 100.0, VELOCITY)) == 0
    assert len(find_fixations(still((50, np.nan, np.nan)), 100.0, SEGMENTS)) == 0


def test_velocities_need_pixels_per_degree() -> None:
    with pytest.raises(UsageError, match="pixels per degree"):
        find_fixations(still((50, 1, 1)), 100.0, FixationPlan(method="velocity"))


def test_i_dt_finds_what_pymovements_finds() -> None:
    """pymovements has the sum of both extents, and counts the sample that no longer fits; on a line
    the sum is one extent."""
    from pymovements.events import idt

    rng = np.random.default_rng(8)
    planned = plan_fixations(rng, 30)
    samples = samples_of(planned, rng, noise=0.1, rate=100.0)
    flat = replace(samples, y=np.zeros_like(samples.y))
    ours = find_fixations(flat, 100.0, replace(UNSMOOTHED, min_duration=0.1))
    events = idt(
        np.column_stack([flat.x, flat.y]),
        timesteps=np.arange(len(flat.x)) * 10,
        minimum_duration=100,
        dispersion_threshold=100.0,
    ).frame
    onsets = events["onset"].to_numpy() / 1000
    assert len(ours) == pytest.approx(len(onsets), abs=3)
    agreed = [abs(ours.start - onset).min() <= 0.03 for onset in onsets]
    assert np.mean(agreed) > 0.95


def test_segments_tell_near_places_apart_in_noise() -> None:
    """1.5° apart, with 1° of noise: within 100 pixels, I-DT takes them for one."""
    rng = np.random.default_rng(5)
    steps = np.repeat([0.0, 60.0], 40)
    places = np.tile(steps, 20)
    x, y = places + rng.normal(0, PER_DEGREE, (2, len(places)))
    samples = Samples(np.arange(len(x)) / 120, x, y - places, np.ones(len(x), bool))
    found = find_fixations(samples, 120.0, SEGMENTS)
    assert len(found) == pytest.approx(40, abs=2)
    assert len(find_fixations(samples, 120.0, FixationPlan())) < 30


@pytest.mark.parametrize("noise", [0.3, 0.6, 1.0])
def test_segments_do_not_follow_noise_that_hangs_together(noise: float) -> None:
    """Noise whose correlation from one sample to the next is 0.7, as trackers' own filters make."""
    rng = np.random.default_rng(6)
    planned = plan_fixations(rng, SECONDS)
    clean = samples_of(planned, rng)
    white = rng.normal(0, noise * PER_DEGREE * (1 - 0.7**2) ** 0.5, (2, len(clean.time)))
    x, y = lfilter([1.0], [1.0, -0.7], white, axis=1)
    samples = replace(clean, x=clean.x + x, y=clean.y + y)
    assert f1(find_fixations(samples, 120.0, SEGMENTS), planned) >= 0.95


def test_segments_of_a_long_fixation_with_a_gap() -> None:
    samples = still((300, 100, 100), (5, np.nan, np.nan), (200, 100, 100), (30, 400, 100))
    found = find_fixations(samples, 100.0, SEGMENTS)
    np.testing.assert_allclose(found.start, [0, 5.05])
    np.testing.assert_allclose(found.duration, [5.05, 0.3])
    np.testing.assert_allclose(found.x, [100, 400])


def test_strong_noise_is_not_cut_into_segments() -> None:
    rng = np.random.default_rng(9)
    x, y = 500 + rng.normal(0, 4 * PER_DEGREE, (2, 1200))
    samples = Samples(np.arange(1200) / 120, x, y, np.ones(1200, bool))
    assert len(find_fixations(samples, 120.0, FixationPlan())) > 10
    assert len(find_fixations(samples, 120.0, SEGMENTS)) <= 5  # one, in pieces of at most 2 s


def test_without_pymovements_the_message_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pymovements.events", None)
    with pytest.raises(UsageError) as caught:
        find_fixations(still((50, 1, 1)), 100.0, VELOCITY)
    assert "gestalt-space[gaze]" in caught.value.hint
    assert len(find_fixations(still((50, 1, 1)), 100.0, FixationPlan())) == 1
