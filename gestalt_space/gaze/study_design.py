"""The order in which readers see photos: a design sheet, made before a study.

Orders are rows of a Williams square (1949), in whose rows each photo follows each other one once.
The rows of the readers of a group are evenly spread, so that a photo is as often early as late in
both groups. Photos of one ancestry are never more than two in a row, if both have as many.
With two conditions (such as without and with a tool), half of the readers of each group begin with
each, and a second session after a wash-out shows the photos in another order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError

WASH_OUT = 28
"""Days between sessions of the same photos: four weeks, as is usual in studies of readers."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DesignRow:
    """A photo that a reader sees. `session`, `position`: from 1; `day`: of the session, from 1."""

    reader: str
    group: str
    session: int
    day: int
    condition: str
    position: int
    photo: str
    ancestry: str


@dataclass(frozen=True)
class StudyDesign:
    """A design sheet. `spread`: mean position of each photo over the readers of a group and a
    session, the lowest and the highest of all."""

    rows: tuple[DesignRow, ...]
    spread: tuple[float, float]
    longest_run: int
    wash_out: int
    seed: int


def design(
    readers: Mapping[str, str],
    photos: Mapping[str, str],
    *,
    conditions: Sequence[str] = ("",),
    wash_out: int = WASH_OUT,
    seed: int = 0,
) -> StudyDesign:
    """The sheet for `readers` with their groups and `photos` with their ancestries, empty texts if
    they have none. Raises `UsageError` for readers without a group, fewer than two photos, and more
    than two conditions."""
    without = [name for name, group in readers.items() if not group]
    if without or not readers:
        raise UsageError(
            f"Readers without a group: {', '.join(without[:10]) or 'there are no readers'}.",
            "Give each reader a group.",
        )
    if len(photos) < 2:
        raise UsageError("A design needs two photos or more.", "Add photos.")
    if len(conditions) > 2 or len(set(conditions)) < len(conditions):
        raise UsageError("A design has one or two conditions, of two names.", "Name two.")
    rng = np.random.default_rng(seed)
    labelled = _labelled(rng, photos)
    # An odd number of photos is one more, which nobody sees.
    square = _orders(len(photos) + len(photos) % 2)
    rows: list[DesignRow] = []
    for group in sorted(set(readers.values())):
        members = [name for name, of in readers.items() if of == group]
        members = [members[place] for place in rng.permutation(len(members))]
        start = int(rng.integers(len(square)))
        for session in range(len(conditions)):
            # The second session is half of the square away from the first.
            step = len(square) / len(members)
            begin = start + session * len(square) // 2
            for number, reader in enumerate(members):
                place = (begin + round(number * step)) % len(square)
                condition = conditions[(number + session) % len(conditions)]
                rows += [
                    DesignRow(
                        reader,
                        group,
                        session + 1,
                        1 + session * wash_out,
                        condition,
                        position,
                        labelled[label],
                        photos[labelled[label]],
                    )
                    for position, label in enumerate(
                        (one for one in square[place] if one < len(photos)), start=1
                    )
                ]
    rows.sort(key=lambda row: (row.group, row.reader, row.session, row.position))
    return StudyDesign(tuple(rows), _spread(rows), _longest_run(rows), wash_out, seed)


def _orders(count: int) -> Numbers:
    """Rows `(count, count)` of a Williams square of an even count."""
    zigzag = np.zeros(count, np.int64)
    zigzag[1::2] = count - 1 - np.arange(count // 2)
    zigzag[2::2] = 1 + np.arange(count // 2 - 1)
    return np.asarray((zigzag + np.arange(count)[:, None]) % count)


def _labelled(rng: np.random.Generator, photos: Mapping[str, str]) -> list[str]:
    """Photos at the labels of the square: ancestries take turns, so that in its rows, where even
    and odd labels come in pairs, they do too."""
    kinds = [
        [name for name, of in photos.items() if of == ancestry]
        for ancestry in sorted(set(photos.values()))
    ]
    queue = []
    for kind in kinds:
        mixed = [kind[place] for place in rng.permutation(len(kind))]
        queue += [((number + 0.5) / len(kind), name) for number, name in enumerate(mixed)]
    return [name for _, name in sorted(queue, key=lambda one: one[0])]


def _spread(rows: Sequence[DesignRow]) -> tuple[float, float]:
    positions: dict[tuple[str, int, str], list[int]] = {}
    for row in rows:
        positions.setdefault((row.group, row.session, row.photo), []).append(row.position)
    means = [float(np.mean(of)) for of in positions.values()]
    return min(means), max(means)


def _longest_run(rows: Sequence[DesignRow]) -> int:
    """The most photos of one ancestry in a row; 0 if there is one ancestry only."""
    if len({row.ancestry for row in rows}) < 2:
        return 0
    longest, run = 1, 1
    for before, row in pairwise(rows):
        same = (before.reader, before.session, before.ancestry) == (
            row.reader,
            row.session,
            row.ancestry,
        )
        run = run + 1 if same else 1
        longest = max(longest, run)
    return longest
