"""The input of an evaluation of the user's own gallery, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from gestalt_space.errors import UsageError
from gestalt_space.evaluation.split import EvaluationSplit, read_split
from gestalt_space.evaluation.strata import Facts, Texts
from gestalt_space.home import Gallery
from gestalt_space.ranking.grouping import Grouping, Numbers
from gestalt_space.store.people import By
from gestalt_space.store.runs import RunCounts
from gestalt_space.store.trainings import trained_on
from gestalt_space.types import Descriptors


@dataclass(frozen=True)
class SpaceData:
    """The patients of a gallery who have descriptors in one space.

    `descriptors` `(n, d)`. `patients`: identifiers `(p,)`, whose places are their numbers in
    `grouping`, `facts` and `cohorts` `(p,)`. `titles`: identifier and name of each disorder (or
    gene), whose places are the numbers of groups. `runs`: how the descriptors were computed.
    `trained_on`: the patients on whom the space's encoder, or one that it was trained from, was
    trained; `is_trained`: whether it was trained by `gestalt train space`, on whomever.
    """

    space: str
    fingerprint: str
    by: By
    descriptors: Descriptors
    patients: tuple[str, ...]
    grouping: Grouping
    titles: tuple[tuple[str, str], ...]
    facts: Facts
    cohorts: Texts
    runs: RunCounts = ()
    trained_on: frozenset[str] = frozenset()
    is_trained: bool = False

    @property
    def patient_of_row(self) -> Numbers:
        """`(n,)`: the number of each row's patient."""
        return self.facts.patient_of_row

    @cached_property
    def families(self) -> Numbers:
        """`(p,)`: the number of each patient's family."""
        return self.grouping.family_of(np.arange(len(self.patients)))


def load_spaces(home: Path | None, spaces: Sequence[str], by: By) -> list[SpaceData]:
    """The data of a home's gallery in some spaces, given by the names of their models; by default
    in the gallery's own space.

    Raises `UsageError` for a space named twice, `GalleryEmpty` for one with nothing to rank.
    """
    if len(set(spaces)) < len(spaces):
        raise UsageError("The same --space is given twice.", "Give each --space once.")
    return [_load(home, name, by) for name in spaces or (None,)]


def load_split(home: Path | None, path: Path) -> EvaluationSplit:
    """A split of the patients of the gallery of a home. Raises as `read_split` does."""
    with Gallery.open(home) as gallery:
        return read_split(path, {patient.patient for patient in gallery.patients()})


def _load(home: Path | None, name: str | None, by: By) -> SpaceData:
    with Gallery.open(home, space=name) as gallery:
        gallery = gallery.pinned()
        snapshot = gallery.snapshot(by=by, details=True)
        space, runs = gallery.space, gallery.runs()
        with gallery.database.reading() as session:
            known = trained_on(session, {space.fingerprint, *space.model.trained_from})
    people, photos = snapshot.people, snapshot.photos
    assert people is not None, "details were asked for"  # noqa: S101
    assert photos is not None, "details were asked for"  # noqa: S101
    return SpaceData(
        space=space.model.name,
        fingerprint=space.fingerprint,
        by=by,
        descriptors=snapshot.descriptors,
        patients=snapshot.patients,
        grouping=snapshot.lines.grouping,
        titles=snapshot.lines.titles,
        facts=Facts(people.sex, people.ancestry, photos.ages, snapshot.patient_of_row),
        cohorts=people.cohort,
        runs=runs,
        trained_on=known,
        is_trained=bool(space.model.trained_from),
    )
