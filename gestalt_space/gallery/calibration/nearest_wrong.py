"""How near each patient is to the nearest patient of a wrong disorder: by far the longest part of a
calibration, since photos of thousands of patients are compared with every photo of the gallery.

It is done a block of the gallery at a time, and of every block the highest similarity of each probe
is kept (`ArrayCache`): the highest of all blocks is that of the gallery, in whatever order they
come. It is kept under hashes of all that it depends on: the block's descriptors, the probe's, and
which of the block are of its patient's disorders or family. So what was kept is right or is not
found: after an interruption nothing is done twice, and when photos were added, known probes are
compared with new blocks alone, and new probes with all. Removing photos moves the blocks behind
them. Who is drawn as a probe stays so (`drawn_patients`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gallery.calibration.array_cache import ArrayCache
from gestalt_space.gallery.calibration.profiles import Profiles
from gestalt_space.gallery.calibration.rows import (
    BLOCK,
    DescriptorRows,
    Hashes,
    drawn_patients,
    drawn_photos,
    mixed,
    salt_of,
)
from gestalt_space.ranking.grouping import Grouping, Numbers, ranges
from gestalt_space.types import Descriptors

Best = NDArray[np.float32]

MOST_PATIENTS = 5_000
"""Patients who are asked about; of more, so many are drawn."""
MOST_PHOTOS = 5_000
"""Photos of theirs, and one of each at the least. An average over patients gains little from more
photos of one: with 5,000 patients a share of 5 % is known to 0.3 %."""
AT_ONCE = 512
"""Probes that are compared with a block at once."""

_PATIENTS, _PHOTOS, _PRINT, _KEYS = 4, 5, 6, 7
"""What is drawn, beside the seed."""
_STEP = 64
"""Probes are compared in multiples of so many, those that lack being zeros: how BLAS rounds may
depend on their number."""


class NearestWrong:
    """The similarity of every probe to the nearest patient of a wrong disorder, as blocks are done.

    `best` `(p,)`, -inf where there is none; `patients` `(p,)`: whose photo each probe is, as a
    number from 0 among the patients who were drawn.
    """

    def __init__(
        self, rows: DescriptorRows, grouping: Grouping, seed: int, kept: ArrayCache | None = None
    ) -> None:
        drawn = drawn_patients(grouping, rows.ids, MOST_PATIENTS, salt_of(seed, _PATIENTS))
        each = max(MOST_PHOTOS // max(len(drawn), 1), 1)
        photos, self.patients = drawn_photos(
            grouping, rows.ids, drawn, each, salt_of(seed, _PHOTOS)
        )
        self.best: Best = np.full(len(photos), -np.inf, dtype=np.float32)
        self._rows, self._kept = rows, ArrayCache() if kept is None else kept
        self._patient_of_row = np.full(len(rows.ids), -1)
        self._patient_of_row[grouping.rows] = grouping.patient_of_row
        self._families = grouping.families
        direction = np.random.default_rng([seed, _PRINT]).standard_normal(rows.dim)
        faces, salt = rows.rows(photos), salt_of(seed, _KEYS)
        self._probes = _Probes(
            faces,
            drawn[self.patients],
            grouping.families[drawn[self.patients]],
            mixed(rows.ids[photos], salt) ^ mixed(_prints(faces, direction), salt + 1),
            Profiles(grouping),
            direction,
            salt,
        )

    def compare(self) -> Generator[float, None, None]:
        """Compare the probes with all blocks; says after each step what share, 0..1, is done. What
        was kept is no step.

        What is done is kept when a block is, and when the iterator is closed; in the end nothing
        else is.
        """
        done, names, total = 0, set(), max(len(self._patient_of_row), 1)
        for numbers, descriptors in self._rows.blocks():
            for start in range(0, len(numbers), BLOCK):
                patients = self._patient_of_row[numbers[start : start + BLOCK]]
                faces, eligible = descriptors[start : start + BLOCK], patients >= 0
                if not eligible.all():
                    faces, patients = faces[eligible], patients[eligible]
                block = _Block(self._probes, faces, patients, self._families[patients], self._kept)
                names.add(block.name)
                with closing(block.compare()) as shares:
                    for share in shares:
                        yield (done + share * len(eligible)) / total
                self.best = np.maximum(self.best, block.best)
                done += len(eligible)
        self._kept.keep_only(names)


@dataclass(frozen=True)
class _Probes:
    """Descriptors `(p, d)`, the patients' places `(p,)`, families' numbers `(p,)` and hashes
    `(p,)`; and what the gallery's descriptors are hashed with."""

    faces: Descriptors
    owners: Numbers
    families: Numbers
    hashes: Hashes
    profiles: Profiles
    direction: NDArray[np.float64]
    salt: int


class _Block:
    """The probes beside the descriptors `(m, d)` of one block, of patients at places and of
    families `(m,)`."""

    def __init__(
        self,
        probes: _Probes,
        faces: Descriptors,
        patients: Numbers,
        families: Numbers,
        kept: ArrayCache,
    ) -> None:
        self._probes, self._faces, self._family, self._kept = probes, faces, families, kept
        self._profile = probes.profiles.of_patient[patients]
        prints = _prints(faces, probes.direction)
        seen = hashlib.sha256(f"{probes.salt} {probes.faces.shape[1]} ".encode())
        seen.update(prints.tobytes())
        self.name = f"nearest-wrong-{seen.hexdigest()}"
        self._keys = self._keys_of(mixed(prints, probes.salt + 2))
        self.best: Best = np.full(len(probes.faces), np.nan, dtype=np.float32)

    def compare(self) -> Generator[float, None, None]:
        """Find the best of the probes that are not known, some at a time; says what share is
        done."""
        self._recall()
        missing = np.flatnonzero(np.isnan(self.best))
        try:
            for start in range(0, len(missing), AT_ONCE):
                some = missing[start : start + AT_ONCE]
                self.best[some] = self._highest(some)
                yield (start + len(some)) / len(missing)
        finally:
            done = ~np.isnan(self.best)
            if done[missing].any():
                self._kept.put(self.name, keys=self._keys[done], best=self.best[done])

    def _recall(self) -> None:
        found = self._kept.get(self.name, keys=np.uint64, best=np.float32)
        if found is None or len(found["keys"]) != len(found["best"]) or not len(found["keys"]):
            return
        order = np.argsort(found["keys"])
        places = np.searchsorted(found["keys"][order], self._keys)
        places = order[np.minimum(places, len(order) - 1)]
        known = found["keys"][places] == self._keys
        self.best[known] = found["best"][places[known]]

    def _highest(self, probes: Numbers) -> Best:
        """The highest similarity of probes to what is of a wrong disorder: `(p,)`."""
        all_of = self._probes
        rounded_up = -(-len(probes) // _STEP) * _STEP
        padded = np.zeros((rounded_up, all_of.faces.shape[1]), dtype=np.float32)
        padded[: len(probes)] = all_of.faces[probes]
        similar = (padded @ self._faces.T)[: len(probes)]
        similar[all_of.profiles.within(all_of.owners[probes], self._profile)] = -np.inf
        similar[self._relatives(probes)] = -np.inf
        best: Best = similar.max(axis=1, initial=-np.inf)
        return best

    def _relatives(self, probes: Numbers) -> tuple[Numbers, Numbers]:
        """Pairs of a place in `probes` and a row of the block that are of one family."""
        order = np.argsort(self._family, kind="stable")
        wanted = self._probes.families[probes]
        first = np.searchsorted(self._family[order], wanted, side="left")
        lengths = np.searchsorted(self._family[order], wanted, side="right") - first
        return np.repeat(np.arange(len(probes)), lengths), order[ranges(first, lengths)]

    def _keys_of(self, hashes: Hashes) -> Hashes:
        """`(p,)`: of each probe, its descriptor, and what of the block is left out for it."""
        probes = self._probes
        with np.errstate(over="ignore"):
            by_profile = np.zeros(probes.profiles.count, dtype=np.uint64)
            np.add.at(by_profile, self._profile, hashes)
            own = probes.profiles.sums_within(by_profile)[probes.owners]
            families, place = np.unique(self._family, return_inverse=True)
            by_family = np.zeros(len(families) + 1, dtype=np.uint64)
            np.add.at(by_family, place, hashes)
            theirs = np.searchsorted(families, probes.families)
            there = np.isin(probes.families, families)
            return mixed(mixed(probes.hashes + own, 1) + by_family[np.where(there, theirs, -1)], 2)


def _prints(faces: Descriptors, direction: NDArray[np.float64]) -> Hashes:
    """A number for each descriptor `(n, d)`, told from all of it, whatever stands beside it."""
    # No matrix product: BLAS may round a row otherwise where there are more of them.
    product = faces * direction.astype(np.float32)
    return np.asarray(product.sum(axis=1).view(np.uint32), dtype=np.uint64)
