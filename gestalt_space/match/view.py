"""What of a gallery's state may be evidence for a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from gestalt_space.errors import GalleryEmpty, NotInGallery
from gestalt_space.gallery.engines.searching import EngineSearcher
from gestalt_space.gallery.group_means import GroupMeans, group_means
from gestalt_space.gallery.means import ChosenMeans
from gestalt_space.gallery.state import GalleryState, Totals, count_photos, count_totals
from gestalt_space.index.approximate import KINDS, ApproximateSearcher
from gestalt_space.lazy_value import LazyValue
from gestalt_space.match.filters import eligible_rows
from gestalt_space.match.pushed_filter import pushed_filter
from gestalt_space.match.question import Question
from gestalt_space.ranking.calibration import references_of
from gestalt_space.ranking.contenders import Nearest
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.store.lookups import family_members, find_patient
from gestalt_space.store.reads import OwnPatient
from gestalt_space.types import Descriptors

Floats = NDArray[np.float64]
NOBODY: Numbers = np.zeros(0, dtype=np.int64)
FEW_ROWS = 4096
"""Rows that a filter lets in up to which an engine is not asked: they are searched exactly."""


@dataclass(frozen=True, slots=True)
class OwnFamily:
    """Patients who are no evidence for a probe: the one it is stored for, and their family; `keys`
    ascending, `names` of all but the own patient."""

    keys: Numbers
    names: dict[int, str]


NO_FAMILY = OwnFamily(NOBODY, {})


class GalleryView:
    """A state, and what of it may be evidence for a question. Threads share it.

    `excluded`: keys of patients who are no evidence, ascending; `relatives`: those of them who are
    of the family that the question names, with their identifiers. `rows` `(n,)`: those that the
    filter lets in, None for all. `engine`: what searches in the place of the index on disk.
    """

    def __init__(
        self,
        state: GalleryState,
        question: Question,
        *,
        excluded: Numbers = NOBODY,
        relatives: dict[int, str] | None = None,
        rows: NDArray[np.bool_] | None = None,
        engine: EngineSearcher | None = None,
    ) -> None:
        self.state = state
        self.question = question
        self.excluded = excluded
        self.relatives = relatives or {}
        self.rows = rows
        self.engine = engine
        self._references_of: dict[int, float] = {}
        self._of_group: dict[int, tuple[Numbers, Numbers]] = {}
        self._photo_counts = LazyValue(self._count_photos)
        self._totals = LazyValue(self._count_totals)
        self._groups = LazyValue(self._read_groups)
        self._references = LazyValue(self._count_references)

    @property
    def photo_counts(self) -> Numbers:
        """By patients' keys, how many photos of each may be evidence."""
        return self._photo_counts()

    @property
    def totals(self) -> Totals:
        """How much may be evidence."""
        return self._totals()

    @property
    def groups(self) -> GroupMeans:
        """The groups by the means of the patients who may be evidence."""
        return self._groups()

    @property
    def references(self) -> tuple[Numbers, Floats]:
        """The keys of all groups `(g,)`, ascending, and how many references each has by the
        gallery's calibration, 0 where nobody may be evidence."""
        return self._references()

    @property
    def approximate(self) -> ApproximateSearcher | None:
        """The approximate index that looks for photos; None where another search does. Raises
        `UsageError` where the gallery does not have what the question asks for."""
        index = self.question.index
        return self.state.approximate(index) if index in KINDS else None

    @property
    def told(self) -> str | None:
        """How far what looks for photos is to be trusted; None where the search is exact."""
        if self.engine is not None:
            among = " (the recall was measured without a filter)" if self.question.among else ""
            return f"{self.engine.told}{among}"
        return None if self.approximate is None else self.approximate.record.told

    @property
    def searched_on(self) -> str:
        """What searches: `processor`, the name of a GPU, or that of an engine."""
        return self.state.searched_on if self.engine is None else self.engine.name

    def nearly(self, probe: Descriptors, count: int, family: OwnFamily) -> Nearest:
        """Photos near to a probe `(d,)` by what may miss some: which ones is not known."""
        if self.engine is None:
            assert self.approximate is not None, "else the search is exact"  # noqa: S101
            return self.state.nearly(probe, count, self.approximate.record.kind)
        if self.rows is not None and (few := int(self.rows.sum())) <= FEW_ROWS:
            (nearest,) = self.state.nearest_of(probe[None], max(count, few), self.rows)
            return nearest
        without = np.union1d(self.excluded, family.keys)
        among = pushed_filter(self.state, self.question.among, self.rows, without)
        return self.engine.nearest(probe, count, among, self.rows)

    def ranked(self, patients: Numbers) -> Numbers:
        """Of patients by their keys, those who may be evidence for a line."""
        if not len(patients):
            return patients
        counts = _counts(self.photo_counts, patients)
        which, _ = self.state.people.groups_of(self.question.by, patients)
        return patients[np.intersect1d(np.flatnonzero(counts > 0), which)]

    def photos_of(self, group: int, family: OwnFamily) -> Numbers:
        """How many photos each patient has who may be evidence for a line, but for a probe's
        family."""
        members, counts = self._evidence_of(group)
        return counts[~np.isin(members, family.keys)] if len(family.keys) else counts

    def references_of(self, group: int, family: OwnFamily) -> float:
        """How many references a line has by the gallery's calibration, but for a probe's family."""
        if len(family.keys):
            return float(self._worth(self.photos_of(group, family)).sum())
        known = self._references_of.get(group)
        if known is None:
            known = float(self._worth(self.photos_of(group, family)).sum())
            self._references_of[group] = known
        return known

    def _evidence_of(self, group: int) -> tuple[Numbers, Numbers]:
        """Who may be evidence for a line, and how many photos of each."""
        known = self._of_group.get(group)
        if known is None:
            members = self.state.people.members_of(self.question.by, group)
            counts = _counts(self.photo_counts, members)
            known = self._of_group[group] = members[counts > 0], counts[counts > 0]
        return known

    def eligible(self, family: OwnFamily) -> Totals:
        """How much may be evidence for a probe."""
        own = self.ranked(family.keys)
        if not len(own):
            return self.totals
        _, groups = self.state.people.groups_of(self.question.by, own)
        lost = sum(not len(self.photos_of(int(group), family)) for group in np.unique(groups))
        photos = int(_counts(self.photo_counts, own).sum())
        return Totals(
            self.totals.lines - lost, self.totals.patients - len(own), self.totals.photos - photos
        )

    def references_without(self, family: OwnFamily) -> tuple[Numbers, Floats]:
        """`references`, a probe's family left out."""
        groups, references = self.references
        own = self.ranked(family.keys)
        if not len(own):
            return groups, references
        changed = np.unique(self.state.people.groups_of(self.question.by, own)[1])
        references = references.copy()
        for group in changed:
            photos = self.photos_of(int(group), family)
            references[np.searchsorted(groups, group)] = self._worth(photos).sum()
        return groups, references

    def _worth(self, photos: Numbers) -> Floats:
        assert self.state.calibration is not None, "asked for with a calibration"  # noqa: S101
        return references_of(photos, self.state.calibration.photo_correlation)

    def _count_photos(self) -> Numbers:
        if self.rows is None:
            counts = self.state.photo_counts.copy()
        else:
            patients = np.where(self.rows, self.state.patients, -1)
            counts = count_photos(patients, self.state.people.last_key)
        counts[self.excluded[self.excluded < len(counts)]] = 0
        return counts

    def _count_totals(self) -> Totals:
        if self.rows is None and not len(self.excluded):
            return self.state.totals(self.question.by)
        return count_totals(self.state.people, self.photo_counts, self.question.by)

    def _read_groups(self) -> GroupMeans:
        state, by = self.state, self.question.by
        if self.rows is None:
            return state.groups(by).without(self.excluded)
        means = ChosenMeans(state.searcher, state.means, state.patients, self.rows)
        found = group_means(means, state.searcher.dim, state.people, by)
        return found.without(self.excluded)

    def _count_references(self) -> tuple[Numbers, Floats]:
        patients, of_pair = self.state.people.pairs(self.question.by)
        groups, places = np.unique(of_pair, return_inverse=True)
        counts = _counts(self.photo_counts, patients)
        worth = np.where(counts > 0, self._worth(np.maximum(counts, 1)), 0)
        return groups, np.bincount(places, worth, minlength=len(groups)).astype(np.float64)


def open_view(
    state: GalleryState,
    question: Question,
    session: Session,
    engine: EngineSearcher | None = None,
) -> GalleryView:
    """What may be evidence for a question; `engine`: what searches, where it asks for one.

    Raises `NotInGallery` for a patient or a family to leave out who is not there, `GalleryEmpty`
    where the question leaves nothing, `UsageError` for an approximate index that is not there.
    """
    by = question.by
    if question.index in KINDS:
        state.approximate(question.index)
    without = _keys_of(session, question.without)
    _check_left(
        GalleryView(state, question, excluded=without),
        f"Without {', '.join(question.without)}, the gallery has no {by} left to rank.",
        "Exclude fewer patients.",
    )
    rows = eligible_rows(state, question.among, session) if question.among else None
    view = GalleryView(state, question, excluded=without, rows=rows, engine=engine)
    _check_left(
        view,
        f"With the filter {question.among}, the gallery has no {by} left to rank.",
        "Use fewer filters; `gestalt index list` shows all patients.",
    )
    if question.family is None:
        return view
    family = dict(family_members(session, question.family))
    if not family:
        raise NotInGallery(
            f"The gallery has no family {question.family!r}.",
            "`gestalt index list` shows the families.",
        )
    ranked = view.ranked(np.array(sorted(family), dtype=np.int64))
    last = GalleryView(
        state,
        question,
        excluded=np.union1d(without, list(family)),
        relatives={int(key): family[int(key)] for key in ranked},
        rows=rows,
        engine=engine,
    )
    _check_left(
        last,
        f"Without the family {question.family}, the gallery has no {by} left to rank.",
        "Add patients of other families, or leave out --family.",
    )
    return last


def own_family_of(session: Session, own: OwnPatient | None, *, with_family: bool) -> OwnFamily:
    """Who is no evidence for a probe that is stored for a patient."""
    if own is None:
        return NO_FAMILY
    if with_family or not own.family:
        return OwnFamily(np.array([own.key], dtype=np.int64), {})
    family = dict(family_members(session, own.family))
    keys = np.union1d([own.key], list(family)).astype(np.int64)
    return OwnFamily(keys, {key: name for key, name in family.items() if key != own.key})


def _keys_of(session: Session, patients: Sequence[str]) -> Numbers:
    return np.array(sorted({_key_of(session, patient) for patient in patients}), dtype=np.int64)


def _key_of(session: Session, patient: str) -> int:
    key = find_patient(session, patient)
    if key is None:
        raise NotInGallery(
            f"There is no patient {patient!r}.", "`gestalt index list` shows all patients."
        )
    return key


def _check_left(view: GalleryView, message: str, hint: str) -> None:
    if not view.totals.lines:
        raise GalleryEmpty(message, hint)


def _counts(photo_counts: Numbers, patients: Numbers) -> Numbers:
    """How many photos patients have, by their keys; 0 for one who came later."""
    found = np.zeros(len(patients), dtype=np.int64)
    known = (patients >= 0) & (patients < len(photo_counts))
    found[known] = photo_counts[patients[known]]
    return found
