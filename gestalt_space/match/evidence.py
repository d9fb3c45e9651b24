"""The evidence of lines: every photo of a disorder, with its similarity, by slot where there are
several."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from gestalt_space.errors import NotInGallery, UsageError
from gestalt_space.gallery.intake.disorders import parse_disorder
from gestalt_space.gallery.intake.genes import read_gene
from gestalt_space.index.exact import exact_similarities
from gestalt_space.match.names import Names
from gestalt_space.match.probe import Probe
from gestalt_space.match.view import NO_FAMILY, GalleryView, OwnFamily, own_family_of
from gestalt_space.names import normal_name
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.store.lookups import find_patient, group_key
from gestalt_space.store.people import By


@dataclass(frozen=True, slots=True)
class EvidencePhoto:
    """A stored photo compared with a probe. `similarity`: -1..1, the mean of `slots`, which are
    empty if the encoder has only one. `age` in years.
    """

    patient: str
    photo: str
    age: float | None
    similarity: float
    slots: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All photos of a line, the nearest first."""

    id: str
    name: str
    photos: tuple[EvidencePhoto, ...]


def evidence_of(
    probe: Probe, view: GalleryView, session: Session, wanted: str, slots: int
) -> tuple[Evidence, ...]:
    """The evidence for the line `wanted`, or for the lines of the patient `wanted`.

    `slots`: how many a descriptor has. Raises `NotInGallery`, or the probe's own error.
    """
    if probe.error is not None:
        raise probe.error
    by, wanted = view.question.by, normal_name(wanted)
    names = Names(session, by)
    family = own_family_of(session, probe.own, with_family=view.question.with_family)
    groups = _groups(view, session, wanted)
    titles = names.titles(groups)
    ordered = sorted(groups, key=lambda group: titles[group][0])
    return tuple(_evidence(probe, view, names, family, group, slots) for group in ordered)


def line_key(view: GalleryView, session: Session, wanted: str) -> int | None:
    """The key of the line `wanted`; None where nobody may be evidence for it."""
    by = view.question.by
    key = group_key(session, by, _title(wanted, by))
    return key if key is not None and len(view.photos_of(key, NO_FAMILY)) else None


def line_rows(view: GalleryView, family: OwnFamily, group: int) -> Numbers:
    """The rows of the photos that are evidence for a line, but for those of a probe's family."""
    state = view.state
    members = state.people.members_of(view.question.by, group)
    members = view.ranked(members[~np.isin(members, family.keys)])
    rows = state.rows_of(members)
    return rows if view.rows is None else rows[view.rows[rows]]


def _groups(view: GalleryView, session: Session, wanted: str) -> list[int]:
    """The keys of the lines that are meant, of those that somebody may be evidence for."""
    by = view.question.by
    key = line_key(view, session, wanted)
    if key is not None:
        return [key]
    patient = find_patient(session, wanted)
    found: list[int] = []
    if patient is not None:
        theirs = view.ranked(np.array([patient], dtype=np.int64))
        found = view.state.people.groups_of(by, theirs)[1].tolist()
    if not found:
        raise NotInGallery(
            f"No {by} or patient {wanted!r} can be ranked here.",
            "Give the identifier of a line, or a patient of a line.",
        )
    return found


def _title(wanted: str, by: By) -> str:
    """The identifier of the line that is meant, in its one spelling, if a line is meant."""
    if by == "patient":
        return wanted
    with suppress(UsageError):
        return parse_disorder(wanted) if by == "disorder" else read_gene(wanted).value
    return wanted


def _evidence(
    probe: Probe, view: GalleryView, names: Names, family: OwnFamily, group: int, slots: int
) -> Evidence:
    assert probe.descriptor is not None, "a probe without an error has a descriptor"  # noqa: S101
    state = view.state
    rows = line_rows(view, family, group)
    owners, ids = state.patients[rows].tolist(), state.column_at("ids", rows).tolist()
    people, photos = names.patients(owners), names.photos(ids)
    descriptors = state.vectors_at(rows)
    similarities = np.clip(exact_similarities(probe.descriptor, descriptors), -1, 1)
    products = (descriptors.astype(np.float64) * probe.descriptor).reshape(len(rows), slots, -1)
    by_slot = np.clip(products.sum(axis=2) * slots, -1, 1)
    ages = state.ages[rows]
    order = sorted(range(len(rows)), key=lambda i: (-similarities[i], people[owners[i]], ids[i]))
    id_, name = names.titles([group])[group]
    return Evidence(
        id_,
        name,
        tuple(
            EvidencePhoto(
                patient=people[owners[i]],
                photo=photos[ids[i]],
                age=None if np.isnan(ages[i]) else float(ages[i]),
                similarity=float(similarities[i]),
                slots=tuple(float(v) for v in by_slot[i]) if slots > 1 else (),
            )
            for i in order
        ),
    )
