"""Whether every stored descriptor, of a patient whose consent is withdrawn too, is of its space's
length, finite, and of unit length. They are read a block at a time, each in a session of its own,
so that a removal need not wait."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gestalt_space.counts import counted_text
from gestalt_space.descriptors import unsound
from gestalt_space.gallery.inspecting.findings import SHOWN, CheckFinding, named
from gestalt_space.progress import Progress, Stages, no_stages
from gestalt_space.store import reads, soundness
from gestalt_space.store.engine import Database
from gestalt_space.store.reads import StoredSpace
from gestalt_space.store.soundness import StoredVector

LENGTH, VALUES = "of a wrong length", "not finite or not of unit length"
_NO_CROP = "If a photo has no stored crop, remove the photo and add it again."
_WITHHELD = "Remove the photo, and add it again when the patient consents."


@dataclass
class Checked:
    """The descriptors of a space that were checked: how many, and the faces of those that are
    unsound, by what is wrong."""

    faces: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    count: int = 0


def inspect_vectors(database: Database, stages: Stages = no_stages) -> Iterator[CheckFinding]:
    """For each space, a finding for each kind of damage, or one that it is sound."""
    with database.reading() as session:
        spaces = reads.spaces(session)
        whole = soundness.count_vectors(session)
    progress = stages("Checking descriptors", "descriptors")
    used = _checked(_followed(_blocks(database), progress, whole), spaces)
    withheld = _checked(_withheld_blocks(database), spaces)
    for space in spaces:
        subject = f"vectors {space.model}"
        again = f"Run `gestalt index fill --again --space {space.model}`. {_NO_CROP}"
        yield from _told(database, subject, "", used[space.id], again)
        yield from _told(database, subject, "withheld ", withheld[space.id], _WITHHELD)
        if not (used[space.id].faces or withheld[space.id].faces):
            count = counted_text(used[space.id].count + withheld[space.id].count, "descriptor")
            yield CheckFinding(subject, "ok", f"{count}, all finite and of unit length")


def unsound_faces(database: Database, space: StoredSpace) -> list[int]:
    """The faces whose descriptor in a space is unsound, but for those that are withheld."""
    found = _checked(_blocks(database), [space])[space.id].faces
    return sorted(face for faces in found.values() for face in faces)


def _told(
    database: Database, subject: str, kind: str, found: Checked, hint: str
) -> Iterator[CheckFinding]:
    for wrong, faces in found.faces.items():
        with database.reading() as session:
            names = soundness.photos_of(session, faces[:SHOWN])
        detail = (
            f"{counted_text(len(faces), f'{kind}descriptor')}, {wrong}: {named(names, len(faces))}"
        )
        yield CheckFinding(subject, "fail", detail, hint)


def _checked(
    blocks: Iterable[Sequence[StoredVector]], spaces: Sequence[StoredSpace]
) -> Mapping[int, Checked]:
    """By the keys of the spaces."""
    dims = {space.id: space.dim for space in spaces}
    found: dict[int, Checked] = defaultdict(Checked)
    for block in blocks:
        for key in {one.space_id for one in block} & dims.keys():
            _check(found[key], [one for one in block if one.space_id == key], dims[key])
    return found


def _followed(
    blocks: Iterable[Sequence[StoredVector]], progress: Progress, whole: int
) -> Iterator[Sequence[StoredVector]]:
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        progress(done, whole)


def _blocks(database: Database) -> Iterator[Sequence[StoredVector]]:
    last = 0
    while True:
        with database.reading() as session:
            rows = soundness.vectors_after(session, last)
        if not rows:
            return
        yield [one for _, one in rows]
        last = rows[-1][0]


def _withheld_blocks(database: Database) -> Iterator[Sequence[StoredVector]]:
    last = (0, 0)
    while True:
        with database.reading() as session:
            rows = soundness.withheld_after(session, last)
        if not rows:
            return
        yield rows
        last = (rows[-1].face_id, rows[-1].space_id)


def _check(found: Checked, some: Sequence[StoredVector], dim: int) -> None:
    found.count += len(some)
    whole = [one for one in some if len(one.vector) == 4 * dim]
    if len(whole) < len(some):
        found.faces[LENGTH] += [one.face_id for one in some if len(one.vector) != 4 * dim]
    if whole:
        rows = np.frombuffer(b"".join(one.vector for one in whole), "<f4").reshape(-1, dim)
        wrong = np.flatnonzero(unsound(rows))
        if len(wrong):
            found.faces[VALUES] += [whole[place].face_id for place in wrong]
