"""Readers who do not exist: where and when they look at faces, and how they rate them. All of it is
planned, so that what an analysis finds can be held against the truth.

Attention is a probability of each area of the face, one early and one late in the trial, by group.
Readers and faces deviate from it. Coordinates of the plan are those of the photo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.faces.alignment import TEMPLATE, similarity_transform
from gestalt_space.gaze.types import Fixations, Trial
from gestalt_space.types import Landmarks

Floats = NDArray[np.float64]

AREAS: Mapping[str, tuple[tuple[float, float, float, float], ...]] = {
    "eyes": ((38.3, 53.0, 3.5, 2.0), (73.5, 53.0, 3.5, 2.0)),
    "brows": ((36.0, 39.0, 4.0, 1.5), (76.0, 39.0, 4.0, 1.5)),
    "forehead": ((56.0, 22.0, 8.0, 3.0),),
    "nose": ((56.0, 66.0, 2.0, 4.0),),
    "philtrum": ((56.0, 81.5, 2.5, 1.0),),
    "mouth": ((56.0, 92.5, 5.0, 2.0),),
    "cheeks": ((31.0, 74.0, 4.0, 4.0), (81.0, 74.0, 4.0, 4.0)),
    "jaw": ((56.0, 109.0, 6.0, 2.0),),
    "outside": ((56.0, 2.0, 8.0, 1.5),),
}
"""Middles of the parts of each area on the aligned face, x and y, and the standard deviations of
fixations on them; none is farther off than twice these."""
EARLY: Mapping[str, float] = {"eyes": 46, "nose": 26, "mouth": 12, "brows": 6, "cheeks": 4}
LATE: Mapping[str, float] = {"eyes": 32, "nose": 18, "mouth": 17, "philtrum": 7, "jaw": 7}
_REST = 3.0
"""Percent of an area that is not named, before all are divided by their sum."""
TURN = 1.0
"""Seconds after which attention is the late one."""
_AGAIN = 0.35
"""How much less likely the next fixation is on the same area."""
RATINGS = (-0.6, 0.3, 1.1, 1.9)
"""Limits between the ratings 1 to 5, in standard deviations above faces without a disorder."""
FIRST = (0.12, 0.24)
"""Seconds after onset at which the gaze leaves the cross that was shown before."""


@dataclass(frozen=True, slots=True)
class ShownFace:
    """A photo that is shown. `landmarks` `(5, 2)`; `ill`: whether the person has a disorder."""

    photo: str
    width: int
    height: int
    landmarks: Landmarks
    ancestry: str
    ill: bool
    disorder: str


@dataclass(frozen=True, slots=True)
class ReadersPlan:
    """Readers in two groups. `difference`: points (percent) of the attention that the first group
    gives more than the second to the `area`, and less to the nose; `reader_sd`, `face_sd`:
    deviations of the logarithm of an area's attention; `seconds`: of a trial; `skill`: distance
    between faces with and without a disorder in standard deviations, of each group; `skill_sd`: of
    readers; `hard_sd`: of faces."""

    groups: tuple[str, str] = ("Bonn", "Taipei")
    readers: tuple[int, int] = (12, 12)
    area: str = "eyes"
    difference: float = 10.0
    reader_sd: float = 0.25
    face_sd: float = 0.15
    seconds: float = 5.0
    skill: tuple[float, float] = (1.4, 1.4)
    skill_sd: float = 0.3
    hard_sd: float = 0.5
    seed: int = 21


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """A trial as it was planned. `areas` `(n,)`: of its fixations; `rating`: 1 to 5, 5 for surely a
    disorder."""

    trial: Trial
    group: str
    areas: tuple[str, ...]
    rating: int


@dataclass(frozen=True, slots=True)
class SimulatedReader:
    """A reader, and the trials in the order in which they were seen. `attention`: of the reader,
    early and late, `(2, areas)`; `skill`: as in the plan."""

    name: str
    group: str
    skill: float
    attention: Floats
    trials: tuple[PlannedTrial, ...]


def draw_readers(plan: ReadersPlan, faces: Sequence[ShownFace]) -> tuple[SimulatedReader, ...]:
    """The readers of a plan, each of whom sees every face once, in a random order. The same plan
    and faces give the same. Raises `UsageError` for a plan that cannot be."""
    _check(plan, faces)
    faces_rng = np.random.default_rng([plan.seed, 1])
    hard = plan.hard_sd * faces_rng.normal(size=len(faces))
    deviations = np.exp(plan.face_sd * faces_rng.normal(size=(len(faces), len(AREAS))))
    found = []
    for group, count in enumerate(plan.readers):
        base = group_attention(plan, group)
        for number in range(1, count + 1):
            rng = np.random.default_rng([plan.seed, 2, group, number])
            name = f"SIM{plan.groups[group][:1].upper()}{group + 1}{number:02d}"
            attention = _shares(base * np.exp(plan.reader_sd * rng.normal(size=len(AREAS))))
            skill = plan.skill[group] + plan.skill_sd * float(rng.normal())
            trials = []
            for place in rng.permutation(len(faces)):
                face = faces[place]
                mine = _shares(attention * deviations[place])
                fixations, areas = _scan_path(rng, mine, face, plan.seconds)
                seen = skill * face.ill + hard[place] + float(rng.normal())
                trials.append(
                    PlannedTrial(
                        Trial(name, face.photo, plan.seconds, fixations),
                        plan.groups[group],
                        areas,
                        1 + int(np.searchsorted(RATINGS, seen)),
                    )
                )
            found.append(SimulatedReader(name, plan.groups[group], skill, attention, tuple(trials)))
    return tuple(found)


def group_attention(plan: ReadersPlan, group: int) -> Floats:
    """The attention of a group to each area, early and late, `(2, areas)`, of sum 1."""
    names = [*AREAS]
    found = _shares(
        np.array([[of.get(name, _REST) for name in names] for of in (EARLY, LATE)], np.float64)
    )
    moved = plan.difference / 200 * (1 if group == 0 else -1)
    found[:, names.index(plan.area)] += moved
    found[:, names.index("nose")] -= moved
    return found


def _check(plan: ReadersPlan, faces: Sequence[ShownFace]) -> None:
    """Raises `UsageError` for a plan that cannot be."""
    if len(set(plan.groups)) != 2 or not all(plan.groups):
        raise UsageError("There are two groups, with two names.", "Write NAME,NAME.")
    if min(plan.readers) < 1 or max(plan.readers) > 99:
        raise UsageError("A group has 1 to 99 readers.", "Write a number for each, such as 12,12.")
    if plan.area not in AREAS or plan.area == "nose":
        others = [name for name in AREAS if name != "nose"]
        raise UsageError(
            f"The groups cannot differ in the area {plan.area!r}.",
            f"Choose one of: {', '.join(others)}.",
        )
    names = [*AREAS]
    for group in (0, 1):
        found = group_attention(plan, group)[:, [names.index(plan.area), names.index("nose")]]
        if found.min() < 0.01:
            raise UsageError(
                f"A difference of {plan.difference:g} points leaves no attention to an area.",
                "Plan a smaller difference.",
            )
    if plan.seconds < 1:
        raise UsageError("A trial is shorter than a second.", "Plan a longer one.")
    if not faces:
        raise UsageError("There are no faces to show.", "Name a folder of `simulate cohort`.")


def _shares(values: Floats) -> Floats:
    return np.asarray(values / values.sum(axis=-1, keepdims=True))


def _scan_path(
    rng: np.random.Generator, attention: Floats, face: ShownFace, seconds: float
) -> tuple[Fixations, tuple[str, ...]]:
    """Fixations from the first saccade on until the photo goes."""
    to_photo = similarity_transform(TEMPLATE, np.asarray(face.landmarks, np.float32))
    names = [*AREAS]
    at, last = float(rng.uniform(*FIRST)), -1
    starts, durations, places, areas = [], [], [], []
    while True:
        duration = 0.1 + float(rng.gamma(3.0, 0.065))
        if at + duration > seconds:
            break
        weights = attention[0 if at < TURN else 1].copy()
        if last >= 0:
            weights[last] *= 1 - _AGAIN
        last = int(rng.choice(len(names), p=weights / weights.sum()))
        parts = AREAS[names[last]]
        x, y, *sd = parts[int(rng.integers(len(parts)))]
        off = np.clip(rng.normal(size=2), -2, 2) * sd
        starts.append(at)
        durations.append(duration)
        places.append(to_photo @ [x + off[0], y + off[1], 1.0])
        areas.append(names[last])
        at += duration + float(rng.uniform(0.03, 0.06))
    points = np.array(places, np.float64)
    return (
        Fixations(np.array(starts), np.array(durations), points[:, 0], points[:, 1]),
        tuple(areas),
    )
