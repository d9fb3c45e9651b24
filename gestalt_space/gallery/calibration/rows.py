"""The descriptors that a calibration is fitted to, of which few are in memory at once; and draws
among them that stay as they are while others come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gestalt_space.ranking.grouping import Grouping, Numbers
from gestalt_space.types import Descriptors, Ids

Hashes = NDArray[np.uint64]

BLOCK = 16_384
"""Rows of an array that are given at once."""


class DescriptorRows(Protocol):
    """Descriptors `(n, d)` float32 by row number, in parts: of an array, or of mapped segments."""

    @property
    def ids(self) -> Ids:
        """`(n,)`: a number for each row that is never another descriptor's, whatever comes or goes;
        draws are by it."""

    @property
    def dim(self) -> int:
        """Their length d."""

    def rows(self, numbers: Numbers) -> Descriptors:
        """Those of rows by their numbers, `(m, d)`, in that order."""

    def blocks(self) -> Iterator[tuple[Numbers, Descriptors]]:
        """All, a block at a time: row numbers `(m,)` and descriptors `(m, d)`, which may be
        mapped."""


class ArrayRows:
    """The rows of one array `(n, d)`, which may be mapped; `ids` are row numbers where left out."""

    def __init__(self, descriptors: Descriptors, ids: Ids | None = None) -> None:
        self._descriptors = descriptors
        self._ids = np.arange(len(descriptors)) if ids is None else ids

    @property
    def ids(self) -> Ids:
        """`(n,)`."""
        return self._ids

    @property
    def dim(self) -> int:
        """The length of a descriptor."""
        return int(self._descriptors.shape[1])

    def rows(self, numbers: Numbers) -> Descriptors:
        """A copy, `(m, d)`."""
        return self._descriptors[numbers]

    def blocks(self) -> Iterator[tuple[Numbers, Descriptors]]:
        """Views of `BLOCK` rows."""
        for start in range(0, len(self._descriptors), BLOCK):
            part = self._descriptors[start : start + BLOCK]
            yield np.arange(start, start + len(part)), part


def mixed(numbers: Ids | Hashes, salt: int) -> Hashes:
    """A hash of each number `(n,)`, as if drawn at random; different for different numbers
    (splitmix64: Steele, Lea and Flood 2014)."""
    with np.errstate(over="ignore"):
        value = numbers.astype(np.uint64) + np.uint64(salt % 2**64) * np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(value ^ (value >> np.uint64(31)))


def salt_of(seed: int, purpose: int) -> int:
    """What makes draws for one purpose by one seed unlike all others."""
    return int(np.random.SeedSequence([seed, purpose]).generate_state(1, np.uint64)[0])


def drawn_patients(grouping: Grouping, ids: Ids, most: int, salt: int) -> Numbers:
    """Places in the grouping's patients, ascending: of all or of `most` who are drawn.

    Who is drawn stays drawn while others come, but for a few for whom the new ones are. A patient
    goes by the lowest id of the photos.
    """
    patients = len(grouping.patients)
    if patients <= most:
        return np.arange(patients)
    lowest = np.minimum.reduceat(ids[grouping.rows], grouping.row_starts)
    return np.sort(np.argpartition(mixed(lowest, salt), most)[:most])


def drawn_photos(
    grouping: Grouping, ids: Ids, patients: Numbers, most: int, salt: int
) -> tuple[Numbers, Numbers]:
    """Rows of patients at places `(p,)`, patient after patient: of each all, or `most` who are
    drawn; and for each row, which of the `p` it is of."""
    rows = grouping.rows_of_patients(patients)
    owner = np.repeat(np.arange(len(patients)), grouping.photo_counts[patients])
    order = np.lexsort((mixed(ids[rows], salt), owner))
    starts = np.cumsum(grouping.photo_counts[patients]) - grouping.photo_counts[patients]
    kept = np.sort(order[np.arange(len(rows)) - starts[owner] < most])
    return rows[kept], owner[kept]
