"""The descriptors that a line is explained by: its nearest photo, its centroid, and the middle of
all other lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from gestalt_space.errors import NotInGallery, PhotoDamaged
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.gallery.group_means import GroupMeans
from gestalt_space.gallery.means import Floats, run_sums
from gestalt_space.gallery.snapshot import gallery_changed
from gestalt_space.index.exact import exact_similarities
from gestalt_space.match.evidence import line_key, line_rows
from gestalt_space.match.names import Names
from gestalt_space.match.probe import Probe
from gestalt_space.match.view import GalleryView, own_family_of
from gestalt_space.store.reads import DescribedPhoto, described_photos
from gestalt_space.types import Descriptors, Pixels


@dataclass(frozen=True, eq=False)
class LineDescriptors:
    """A line as a probe sees it: the probe's own patient and family are left out.

    `nearest` `(d,)`: of the photo that is nearest to the probe, which is `photo` of `patient`, with
    its `similarity`; `crop`: its aligned face, None if it is not kept. `centroid` `(d,)`: mean over
    patients of the means of their photos. `others` `(d,)`: mean of the centroids of all other
    lines, each of unit length; 0 where there is no other. `lines`: how many others.
    """

    id: str
    name: str
    nearest: Descriptors
    patient: str
    photo: str
    similarity: float
    crop: Pixels | None
    centroid: Floats
    patients: int
    photos: int
    others: Floats
    lines: int


def line_descriptors(
    probe: Probe, view: GalleryView, session: Session, wanted: str
) -> LineDescriptors:
    """The descriptors of the line `wanted`. Raises `NotInGallery`, or the probe's own error."""
    if probe.error is not None:
        raise probe.error
    assert probe.descriptor is not None, "a probe without an error has a descriptor"  # noqa: S101
    state, by = view.state, view.question.by
    group = line_key(view, session, wanted)
    family = own_family_of(session, probe.own, with_family=view.question.with_family)
    rows = np.zeros(0, np.int64) if group is None else line_rows(view, family, group)
    if group is None or not len(rows):
        raise NotInGallery(
            f"The gallery has no {by} {wanted!r} to compare this photo with.",
            "`gestalt match PHOTO` lists those that it has. The patient of the photo and their "
            "family do not count.",
        )
    similarities = exact_similarities(probe.descriptor, state.vectors_at(rows))
    place = int(np.argmax(similarities))
    ids = state.column_at("ids", rows[place : place + 1]).tolist()
    described = described_photos(session, ids).get(ids[0])
    if described is None:
        raise gallery_changed()
    id_, name = Names(session, by).titles([group])[group]
    groups = view.groups.without(family.keys)
    others, lines = _middle(groups, group)
    return LineDescriptors(
        id=id_,
        name=name,
        nearest=state.vectors_at(rows[place : place + 1])[0],
        patient=described.patient,
        photo=described.photo,
        similarity=float(np.clip(similarities[place], -1, 1)),
        crop=_crop(described),
        centroid=_centroid(groups, group),
        patients=len(np.unique(state.patients[rows])),
        photos=len(rows),
        others=others,
        lines=lines,
    )


def _centroid(groups: GroupMeans, group: int) -> Floats:
    _, members = groups.members_of(np.flatnonzero(groups.groups == group))
    return np.asarray(groups.means.of(members).mean(axis=0), np.float64)


def _middle(groups: GroupMeans, left_out: int) -> tuple[Floats, int]:
    """The mean `(d,)` of all centroids of unit length but one, and how many these are."""
    places = np.flatnonzero((groups.counts > 0) & (groups.groups != left_out))
    which, members = groups.members_of(places)
    total, count = np.zeros(groups.dim), 0
    for labels, sums in run_sums(which, lambda block: groups.means.of(members[block]), groups.dim):
        lengths = np.linalg.norm(sums, axis=1)
        sound = lengths > 0
        total += (sums[sound] / lengths[sound, None]).sum(axis=0)
        count += int(sound.sum()) if len(labels) else 0
    return (total / count if count else total), count


def _crop(photo: DescribedPhoto) -> Pixels | None:
    if photo.png is None:
        return None
    try:
        return crop_from_png(photo.png)
    except PhotoDamaged:  # `gestalt doctor` tells of it
        return None
