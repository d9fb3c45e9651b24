"""What an eye tracker would record of planned trials: samples on the screen, with the noise, the
offset and the losses of a real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gaze.types import Floats, Placement, Samples, Shown
from gestalt_space.simulate.readers import ShownFace, SimulatedReader

SCREEN = (1920, 1080)
PIXELS_PER_DEGREE = 38.0
"""Of a screen 53 cm wide, 60 cm away."""
HEIGHT = 0.85
"""Share of the screen's height that a photo has, at most."""
PAUSE = 1.0
"""Seconds between two photos, with a cross in the middle of the screen."""


@dataclass(frozen=True, slots=True)
class TrackerPlan:
    """`rate`: samples a second; `noise`: standard deviation of a sample in degrees, of each axis;
    `offset`: of a recording's calibration error in degrees; `blinks`: share of saccades with a
    blink; `lost`: share of other samples."""

    rate: float = 120.0
    noise: float = 0.3
    offset: float = 0.3
    blinks: float = 0.06
    lost: float = 0.01


@dataclass(frozen=True)
class SimulatedRecording:
    """A recording. `shown`: photos in their order; `fixation` `(n,)`: the number from 0, over the
    whole recording, of the planned fixation that a sample is part of, −1 between fixations;
    `start`, `duration`, `x`, `y` `(f,)`: of these fixations, in the recording's time and on the
    screen."""

    reader: str
    group: str
    shown: tuple[Shown, ...]
    samples: Samples
    fixation: NDArray[np.int64]
    start: Floats
    duration: Floats
    x: Floats
    y: Floats


def placements(faces: Sequence[ShownFace]) -> dict[str, Placement]:
    """Where each photo stands: in the middle, as large as it may be."""
    found = {}
    for face in faces:
        scale = min(HEIGHT * SCREEN[1] / face.height, HEIGHT * SCREEN[0] / face.width)
        width, height = round(face.width * scale), round(face.height * scale)
        left, top = (SCREEN[0] - width) // 2, (SCREEN[1] - height) // 2
        found[face.photo] = Placement(left, top, width, height, face.width, face.height)
    return found


def record(
    reader: SimulatedReader, places: Mapping[str, Placement], plan: TrackerPlan, seed: int
) -> SimulatedRecording:
    """The recording of a reader's trials, one after the other."""
    rng = np.random.default_rng([seed, 3, *reader.name.encode()])
    shown, starts, durations, xs, ys = [], [], [], [], []
    at = PAUSE
    for planned in reader.trials:
        trial, place = planned.trial, places[planned.trial.medium]
        shown.append(Shown(trial.medium, at, at + trial.duration, place))
        starts.append(at + trial.fixations.start)
        durations.append(trial.fixations.duration)
        xs.append(place.left + trial.fixations.x * place.width / place.photo_width)
        ys.append(place.top + trial.fixations.y * place.height / place.photo_height)
        at += trial.duration + PAUSE
    start, duration, x, y = map(np.concatenate, (starts, durations, xs, ys))
    time = np.arange(int(at * plan.rate)) / plan.rate
    gaze, fixation = _path(time, start, duration, np.column_stack([x, y]), shown)
    sd = PIXELS_PER_DEGREE * plan.noise
    off = PIXELS_PER_DEGREE * plan.offset * rng.normal(size=2)
    gaze = gaze + off + sd * rng.normal(size=gaze.shape)
    valid = rng.random(len(time)) >= plan.lost
    # A blink hides a saccade, and what is left of the time until the next fixation.
    for end, following in zip(start + duration, np.append(start[1:], np.inf), strict=True):
        if rng.random() < plan.blinks:
            valid[(time >= end) & (time < min(end + 0.2, following))] = False
    gaze = np.where(valid[:, None], gaze, np.nan)
    samples = Samples(time, gaze[:, 0], gaze[:, 1], valid)
    return SimulatedRecording(
        reader.name, reader.group, tuple(shown), samples, fixation, start, duration, x, y
    )


def _path(
    time: Floats, start: Floats, duration: Floats, places: Floats, shown: Sequence[Shown]
) -> tuple[Floats, NDArray[np.int64]]:
    """The gaze at each time, and the fixation. Between fixations it moves on; before a photo, and
    until the first fixation on it, it is on the cross."""
    cross = np.array([SCREEN[0] / 2, SCREEN[1] / 2])
    times, points = [0.0], [cross]
    for one in shown:
        inside = np.flatnonzero((start >= one.onset) & (start < one.offset))
        leaves = max(one.onset, start[inside[0]] - 0.04)
        times.append(leaves)
        points.append(cross)
        for place in inside:
            times += [start[place], start[place] + duration[place]]
            points += [places[place], places[place]]
        # Back to the cross, unless the recording ends.
        times.append(one.offset + 0.15)
        points.append(cross)
    at = np.column_stack([np.interp(time, times, np.array(points)[:, axis]) for axis in (0, 1)])
    fixation = np.searchsorted(start, time, side="right") - 1
    inside_fixation = (fixation >= 0) & (time < (start + duration)[np.maximum(fixation, 0)])
    return at, np.where(inside_fixation, fixation, -1)
