"""The evidence of lines: every photo of a disorder, with its similarity, by slot where there are
several."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from gestalt_space.errors import NotInGallery, UsageError
from gestalt_space.gallery.intake.disorders import parse_disorder
from gestalt_space.gallery.intake.genes import read_gene
from gestalt_space.gallery.snapshot import Snapshot
from gestalt_space.index.contract import exact_similarities
from gestalt_space.match.matching import Probe, own_family
from gestalt_space.names import normal_name
from gestalt_space.store.people import By


@dataclass(frozen=True, slots=True)
class EvidencePhoto:
    """A stored photo beside a probe. `similarity` -1..1, the mean of `slots`, which are empty where
    the encoder has one alone. `age` in years."""

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


def evidence_of(asked: Probe, snapshot: Snapshot, wanted: str, slots: int) -> tuple[Evidence, ...]:
    """The evidence for a probe of the line `wanted`, or of the lines of the patient `wanted`.

    The snapshot needs its `photos`; `slots`: how many a descriptor has. Raises `NotInGallery`, or
    the probe's own error.
    """
    if asked.error is not None:
        raise asked.error
    lines, wanted = snapshot.lines, normal_name(wanted)
    title = _title(wanted, lines.by)
    places = [p for p in range(len(lines.grouping.groups)) if lines.title(p)[0] == title]
    if not places:
        number = snapshot.patient(wanted)
        named = lines.grouping.place_of(np.array([-1 if number is None else number]))
        _, members = lines.grouping.memberships_of(named)
        places = [int(group) for group in lines.grouping.group_of_member[members]]
    if not places:
        raise NotInGallery(
            f"No {lines.by} and no patient {wanted!r} is among what can be ranked.",
            "Name the identifier of a line, or the patient that a line rests on.",
        )
    return tuple(_evidence(asked, snapshot, place, slots) for place in places)


def _title(wanted: str, by: By) -> str:
    """The identifier of the line that is meant, in its one spelling, if a line is meant."""
    if by == "patient":
        return wanted
    with suppress(UsageError):
        return parse_disorder(wanted) if by == "disorder" else read_gene(wanted).value
    return wanted


def _evidence(asked: Probe, snapshot: Snapshot, place: int, slots: int) -> Evidence:
    assert snapshot.photos is not None, "evidence needs details"  # noqa: S101
    assert asked.descriptor is not None, "a probe without an error has a descriptor"  # noqa: S101
    grouping = snapshot.lines.grouping
    members = grouping.members_of(place)
    others = grouping.families[members] != own_family(snapshot, asked.own)
    rows = grouping.rows_of_patients(members[others])
    descriptors = snapshot.index.descriptors[rows]
    similarities = np.clip(exact_similarities(asked.descriptor, descriptors), -1, 1)
    products = (descriptors.astype(np.float64) * asked.descriptor).reshape(len(rows), slots, -1)
    by_slot = np.clip(products.sum(axis=2) * slots, -1, 1)
    order = np.lexsort((rows, snapshot.patient_of_row[rows], -similarities))
    ages = snapshot.photos.ages[rows]
    id_, name = snapshot.lines.title(place)
    return Evidence(
        id_,
        name,
        tuple(
            EvidencePhoto(
                patient=snapshot.patients[int(snapshot.patient_of_row[rows[i]])],
                photo=str(snapshot.photos.names[rows[i]]),
                age=None if np.isnan(ages[i]) else float(ages[i]),
                similarity=float(similarities[i]),
                slots=tuple(float(v) for v in by_slot[i]) if slots > 1 else (),
            )
            for i in order
        ),
    )
