"""Who the patients of a gallery are, as a match reads them: facts as 64-bit hashes, and to which
disorders and genes they belong. No name is here.

Parts are immutable arrays, on disk or in memory; what a newer part says of a patient counts alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.index.hashing import hash64_all
from gestalt_space.ranking.grouping import Numbers, ranges
from gestalt_space.store.people import By
from gestalt_space.store.tail import PeopleRows

FACTS = ("sex", "ancestry", "cohort", "consent", "family")
KINDS: tuple[By, By] = ("disorder", "gene")
Arrays = Mapping[str, Numbers]


def arrays_of(rows: PeopleRows) -> dict[str, Numbers]:
    """The arrays of a part: `keys` `(p,)` ascending, a hash for each of `FACTS` `(p,)`, 0 where it
    is not known, and for each of `KINDS` runs of memberships, by patient and by group."""
    found = {"keys": rows.keys}
    for fact in FACTS:
        texts = getattr(rows, fact)
        # Families are compared as they are written, all else in any case.
        found[fact] = hash64_all(texts) if fact == "family" else folded_hashes(texts)
    for kind, pairs in (("disorder", rows.disorders), ("gene", rows.genes)):
        found.update(_runs(kind, rows.keys, pairs))
    return found


def folded_hashes(texts: Sequence[str]) -> Numbers:
    """The hash of each text in any case `(n,)`, 0 for an empty one."""
    return hash64_all([text.lower() for text in texts])


def _runs(kind: str, keys: Numbers, pairs: Numbers) -> dict[str, Numbers]:
    pairs = np.unique(pairs.reshape(-1, 2), axis=0)
    by_group = pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]
    groups, group_starts = np.unique(by_group[:, 1], return_index=True)
    return {
        f"{kind}_starts": np.searchsorted(pairs[:, 0], keys),
        f"{kind}_of_patient": pairs[:, 1],
        f"{kind}_groups": groups,
        f"{kind}_group_starts": group_starts,
        f"{kind}_members": by_group[:, 0],
    }


@dataclass(frozen=True)
class People:
    """The parts, the oldest first."""

    parts: tuple[Arrays, ...]

    def groups_of(self, by: By, patients: Numbers) -> tuple[Numbers, Numbers]:
        """To what patients belong, by their keys `(q,)`: both `(x,)`, which of the `q`, and the
        key of the disorder or gene; by patient, everybody is their own."""
        if by == "patient":
            return np.arange(len(patients)), patients
        which, groups = [], []
        open_ = np.ones(len(patients), dtype=bool)
        for part in reversed(self.parts):
            places, there = _places(part["keys"], patients)
            mine = np.flatnonzero(there & open_)
            open_ &= ~there
            first, lengths = _run(part[f"{by}_starts"], places[mine], len(part[f"{by}_of_patient"]))
            which.append(np.repeat(mine, lengths))
            groups.append(part[f"{by}_of_patient"][ranges(first, lengths)])
        return _joined(which), _joined(groups)

    def members_of(self, by: By, group: int) -> Numbers:
        """The keys of the patients of a disorder or gene; of a patient, that one alone."""
        wanted = np.array([group], dtype=np.int64)
        if by == "patient":
            return wanted
        found: list[Numbers] = []
        newer: list[Arrays] = []
        for part in reversed(self.parts):
            places, there = _places(part[f"{by}_groups"], wanted)
            if there[0]:
                members = part[f"{by}_members"]
                first, lengths = _run(part[f"{by}_group_starts"], places, len(members))
                found.append(_not_in(members[first[0] : first[0] + lengths[0]], newer))
            newer.append(part)
        return _joined(found)

    def pairs(self, by: By) -> tuple[Numbers, Numbers]:
        """Every membership, both `(m,)`: the keys of patients and of their groups."""
        patients, groups = [], []
        newer: list[Arrays] = []
        for part in reversed(self.parts):
            keys = _keys_alone(part, newer)
            if by == "patient":
                patients.append(keys)
                groups.append(keys)
            else:
                places = np.searchsorted(part["keys"], keys)
                of_patient = part[f"{by}_of_patient"]
                first, lengths = _run(part[f"{by}_starts"], places, len(of_patient))
                patients.append(np.repeat(keys, lengths))
                groups.append(of_patient[ranges(first, lengths)])
            newer.append(part)
        return _joined(patients), _joined(groups)

    def fact(self, name: str, patients: Numbers) -> Numbers:
        """The hash of one of `FACTS` of patients by their keys `(q,)`; 0 where it is not known."""
        found = np.zeros(len(patients), dtype=np.int64)
        for part in self.parts:
            places, there = _places(part["keys"], patients)
            found[there] = part[name][places[there]]
        return found

    @property
    def last_key(self) -> int:
        """The greatest key of a patient, -1 where there is nobody."""
        return max((int(part["keys"][-1]) for part in self.parts if len(part["keys"])), default=-1)


def merged(parts: Sequence[Arrays], gone: Numbers) -> dict[str, Numbers]:
    """One part of several, the oldest first, without the patients who are `gone`, by their keys."""
    people = People(tuple(parts))
    patients, _ = people.pairs("patient")
    keys = np.setdiff1d(patients, gone)
    found = {"keys": keys, **{fact: people.fact(fact, keys) for fact in FACTS}}
    for kind in KINDS:
        which, groups = people.groups_of(kind, keys)
        found.update(_runs(kind, keys, np.stack([keys[which], groups], axis=1)))
    return found


def _places(ordered: Numbers, wanted: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
    """Where each of `wanted` stands in ascending numbers, and whether it does."""
    if not len(ordered):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    places = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return places, ordered[places] == wanted


def _run(starts: Numbers, places: Numbers, total: int) -> tuple[Numbers, Numbers]:
    """Where the runs at some places begin, and how long they are."""
    first = starts[places]
    after = places + 1
    last = np.full(len(places), total, dtype=np.int64)
    inside = after < len(starts)
    last[inside] = starts[after[inside]]
    return first, last - first


def _keys_alone(part: Arrays, newer: Sequence[Arrays]) -> Numbers:
    return _not_in(part["keys"], newer)


def _not_in(patients: Numbers, newer: Sequence[Arrays]) -> Numbers:
    """Those of whom no newer part says anything."""
    alone = np.ones(len(patients), dtype=bool)
    for part in newer:
        alone &= ~_places(part["keys"], patients)[1]
    return np.asarray(patients[alone], dtype=np.int64)


def _joined(found: Sequence[Numbers]) -> Numbers:
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
