"""What a page on a study of gaze shows: groups of readers beside each other and beside models, on
average and on single faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.faces.alignment import SIZE
from gestalt_space.gaze.agreement import Agreement, Look, agreements
from gestalt_space.gaze.comparison import Density, Fixated
from gestalt_space.gaze.summary import Summary, summarise
from gestalt_space.gaze.trials import FaceTrial
from gestalt_space.gaze.types import Floats
from gestalt_space.gaze.where import mean_density
from gestalt_space.types import Pixels

EVERYBODY = "all readers"


@dataclass(frozen=True)
class GroupLooks:
    """Where and when a group looked. `density` `(112, 112)`: the mean over readers; `agreement`:
    with models and other groups, empty for a group of one reader or one photo."""

    name: str
    summary: Summary
    density: NDArray[np.float64]
    agreement: tuple[Agreement, ...]


@dataclass(frozen=True)
class ScanPath:
    """The way of a reader over a face, in pixels of the aligned face: centres `(n,)` in their
    order, and `duration` in seconds."""

    group: str
    reader: str
    x: Floats
    y: Floats
    duration: Floats


@dataclass(frozen=True)
class FaceLooks:
    """One face. `densities`: of the groups who saw it; `paths`: of the first reader of each group,
    by name; `maps`: of the models."""

    medium: str
    crop: Pixels
    densities: Mapping[str, NDArray[np.float64]]
    paths: tuple[ScanPath, ...]
    maps: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class GazeReport:
    """`maps`: the mean map of each model over the photos that have one; `without_group`: readers
    who are left out; `more`: photos beyond those in `faces`."""

    groups: tuple[GroupLooks, ...]
    faces: tuple[FaceLooks, ...]
    maps: Mapping[str, NDArray[np.float64]]
    sigma: float
    salient: float
    without_group: tuple[str, ...]
    more: int


def make_report(
    trials: Sequence[FaceTrial],
    groups: Mapping[str, str],
    crops: Mapping[str, Pixels],
    models: Mapping[str, Mapping[str, Density]],
    *,
    most: int,
    sigma: float,
    salient: float,
) -> GazeReport:
    """A report of trials.

    `groups`: by reader; without any, all are one group. `crops`: aligned faces by medium; `models`:
    maps by medium, by name; `most`: photos to show. Raises `UsageError` where nobody has a group.
    """
    of: dict[str, list[FaceTrial]] = {}
    without = set()
    for one in trials:
        group = groups.get(one.trial.reader, "") if groups else EVERYBODY
        if group:
            of.setdefault(group, []).append(one)
        else:
            without.add(one.trial.reader)
    if not of:
        raise UsageError("No reader has a group.", "Check the file of --readers.")
    of = dict(sorted(of.items()))
    looks = {name: _looks(seen) for name, seen in of.items()}
    shown = sorted({one.trial.medium for seen in of.values() for one in seen} & crops.keys())
    return GazeReport(
        groups=tuple(
            GroupLooks(
                name,
                summarise(seen),
                mean_density(seen, sigma),
                _agreement(name, looks, models, sigma, salient),
            )
            for name, seen in of.items()
        ),
        faces=tuple(_face(medium, of, crops[medium], models, sigma) for medium in shown[:most]),
        maps={
            name: np.mean([one.values for one in maps.values()], axis=0)
            for name, maps in models.items()
        },
        sigma=sigma,
        salient=salient,
        without_group=tuple(sorted(without)),
        more=max(0, len(shown) - most),
    )


def _agreement(
    name: str,
    looks: Mapping[str, Sequence[Look]],
    models: Mapping[str, Mapping[str, Density]],
    sigma: float,
    salient: float,
) -> tuple[Agreement, ...]:
    own = looks[name]
    if min(len({look.reader for look in own}), len({look.photo for look in own})) < 2:
        return ()
    others = {f"group {other}": of for other, of in looks.items() if other != name}
    return tuple(agreements(own, sigma, models=models, groups=others, salient=salient))


def _looks(trials: Sequence[FaceTrial]) -> list[Look]:
    found = []
    for one in trials:
        columns, rows = np.floor(one.x), np.floor(one.y)
        on = (columns >= 0) & (columns < SIZE) & (rows >= 0) & (rows < SIZE)
        fixated = Fixated(rows[on].astype(np.int64), columns[on].astype(np.int64), SIZE, SIZE)
        if len(fixated):
            found.append(Look(one.trial.reader, one.trial.medium, fixated))
    return found


def _face(
    medium: str,
    groups: Mapping[str, Sequence[FaceTrial]],
    crop: Pixels,
    models: Mapping[str, Mapping[str, Density]],
    sigma: float,
) -> FaceLooks:
    seen = {
        name: found
        for name, of in groups.items()
        if (found := [one for one in of if one.trial.medium == medium])
    }
    return FaceLooks(
        medium,
        crop,
        {name: mean_density(of, sigma) for name, of in seen.items()},
        tuple(_path(name, min(of, key=lambda one: one.trial.reader)) for name, of in seen.items()),
        {name: maps[medium].values for name, maps in models.items() if medium in maps},
    )


def _path(group: str, one: FaceTrial) -> ScanPath:
    return ScanPath(group, one.trial.reader, one.x, one.y, one.trial.fixations.duration)
