"""Corrections: facts that are set, a photo that is another patient's, two patients who are one, and
one who is two. Each is one event of the audit trail, with what was there before and after."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from gestalt_space.errors import ConsentWithdrawn, NotInGallery, PatientConflict, UsageError
from gestalt_space.same_face import is_same_face
from gestalt_space.store import tables as t
from gestalt_space.store.audit import record_event
from gestalt_space.store.consent import settle_consents
from gestalt_space.store.differences import Change, differences
from gestalt_space.store.facts import CommandFacts, load_catalogue, replace_facts, undo_links
from gestalt_space.store.lookups import find_patient, photo_of
from gestalt_space.store.merging import Keep, merged_facts
from gestalt_space.store.past import (
    Past,
    Scope,
    facts_of_patient,
    keys_of,
    scope_of,
    take,
)
from gestalt_space.store.pseudonyms import subjects_of
from gestalt_space.store.purges import note_purge
from gestalt_space.store.removals import remove_photo_rows, remove_unused
from gestalt_space.store.restoring import (
    drop_patient,
    give_photos,
    make_patient,
    number,
    put_facts,
)
from gestalt_space.store.sequence import begin_epoch, number_changes
from gestalt_space.types import WITHDRAWN, PhotoRecord


@dataclass(frozen=True, slots=True)
class CorrectionResult:
    """What a correction changed, nothing where all was so before; and what a person should know of
    it."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()


def set_facts(
    session: Session, patient: str, record: PhotoRecord, *, photo: str | None = None
) -> CorrectionResult:
    """Replace what is known of a patient, and of the photo of that name, by what a record says:
    lists as a whole; what is in its `emptied` goes.

    Raises `NotInGallery`, and `ConsentWithdrawn` where a withdrawn consent is to be emptied.
    """
    key = patient_key(session, patient)
    photos = [] if photo is None else [photo_of(session, patient, photo)]
    before = take(session, scope_of(session, [patient], photos, record))
    catalogue = load_catalogue(session, [record])
    row = session.get_one(
        t.Patient,
        key,
        options=[
            selectinload(t.Patient.diagnoses),
            selectinload(t.Patient.phenotypes),
            selectinload(t.Patient.genes),
        ],
    )
    was = row.consent
    if was == WITHDRAWN and "consent" in record.emptied:
        raise ConsentWithdrawn(
            f"The consent of patient {patient!r} is withdrawn and cannot just be cleared.",
            "Give the new consent: --consent TEXT.",
        )
    with session.no_autoflush:
        replace_facts(session, row, record, CommandFacts.of([record]), catalogue, emptied=True)
        shown = [session.get_one(t.Photo, one) for one in photos]
        for one in shown:
            for fact in ("age", "site"):
                if fact in record.emptied or getattr(record, fact) is not None:
                    setattr(one, fact, getattr(record, fact))
        number_changes(session, [], [row], shown)
    session.flush()
    undo_links(session, catalogue.undone)
    left = catalogue.left
    remove_unused(
        session,
        {one.id for one in left if isinstance(one, t.Disorder)},
        {one.id for one in left if isinstance(one, t.Gene)},
    )
    if (row.consent == WITHDRAWN) != (was == WITHDRAWN):
        settle_consents(session, [key])
    if left:
        begin_epoch(session)
    done = _told(session, "set", before, ())
    if done.changes:
        note_purge(session)
    return done


def move_photo(session: Session, name: str, *, of: str, to: str) -> CorrectionResult:
    """Let a patient's photo be another's, who is made where there is nobody of that identifier.

    The one who had it goes with the last photo, as by a removal. Raises `NotInGallery`;
    `PatientConflict` where the other has a photo of the same bytes.
    """
    _two(of, to)
    owner = patient_key(session, of)
    photo = photo_of(session, of, name)
    heir = find_patient(session, to)
    if heir is not None:
        _refuse_same_bytes(session, photo, to, heir)
    before = take(session, scope_of(session, [of, to], [photo]))
    subjects = subjects_of(session, keys_of(before))
    consent = before["patients"][of]["consent"]
    notes = []
    if heir is None:
        notes.append(f"Patient {to} is new and has no facts yet.")
        heir = make_patient(session, to, {}, claiming=[owner])
        if consent == WITHDRAWN:
            notes.append(f"The consent of {to} is withdrawn too, like that of {of}.")
            session.execute(
                sa.update(t.Patient).where(t.Patient.id == heir).values(consent=WITHDRAWN)
            )
    give_photos(session, [photo], heir)
    there = [owner, heir]
    if not session.scalar(sa.select(t.Photo.id).where(t.Photo.patient_id == owner).limit(1)):
        notes.append(f"It was the last photo of {of}, who was removed from the gallery.")
        drop_patient(session, owner, heir)
        _drop_unused(session, before)
        there = [heir]
    number(session, there, [photo])
    return _told(session, "move", before, subjects, notes)


def merge_patients(
    session: Session, into: str, other: str, *, keep: str | None = None
) -> CorrectionResult:
    """Let a second patient be the first: photos, and facts that the first does not have.

    Of photos of the same bytes and face one stays. `keep`: whose facts stay where the two
    contradict each other; without it that raises `PatientConflict`, which names them.
    """
    _two(into, other)
    if keep not in (None, into, other):
        raise UsageError(
            f"{keep!r} is not one of the two patients.", f"Use --keep {into} or --keep {other}."
        )
    names, keys = (into, other), (patient_key(session, into), patient_key(session, other))
    which: Keep | None = None if keep is None else 0 if keep == into else 1
    rows = [session.get_one(t.Patient, key) for key in keys]
    facts, conflicts = merged_facts(
        names, (facts_of_patient(rows[0]), facts_of_patient(rows[1])), which
    )
    dropped, touched, more = _same_photos(rows[0], rows[1], which)
    if (conflicts or more) and keep is None:
        raise PatientConflict(
            f"{into} and {other} contradict each other: {', '.join((*conflicts, *more))}.",
            "Correct the wrong facts with `gestalt index set`, or choose whose facts to keep: "
            f"--keep {into}.",
        )
    theirs = [photo.id for photo in rows[1].photos]
    before = take(session, scope_of(session, names, {*theirs, *touched, *dropped}), whole=dropped)
    subjects = subjects_of(session, keys)
    held = _links(session, keys)
    if dropped:
        remove_photo_rows(session, dropped)
    for photo, told in touched.items():
        session.execute(sa.update(t.Photo).where(t.Photo.id == photo).values(told))
    put_facts(session, keys[0], facts)
    left = [photo for photo in theirs if photo not in dropped]
    give_photos(session, left, keys[0])
    drop_patient(session, keys[1], keys[0])
    undo_links(session, held - _links(session, keys[:1]))
    _drop_unused(session, before)
    number(session, keys[:1], [*left, *touched])
    return _told(session, "merge", before, subjects)


def split_patient(
    session: Session, patient: str, photos: Sequence[str], to: str
) -> CorrectionResult:
    """Let some photos of a patient be those of a new one, of whom the same is known.

    Raises `NotInGallery`; `PatientConflict` where there is somebody of that identifier, or no photo
    would be left.
    """
    _two(patient, to)
    owner = patient_key(session, patient)
    if find_patient(session, to) is not None:
        raise PatientConflict(
            f"Patient {to!r} already exists.",
            f"To give them a photo: `gestalt index move --photo NAME --of {patient} --to {to}`.",
        )
    moved = list(dict.fromkeys(photo_of(session, patient, name) for name in photos))
    row = session.get_one(t.Patient, owner)
    if len(moved) == len(row.photos):
        raise PatientConflict(
            f"Patient {patient!r} would have no photo left.", "Give fewer photos with --photo."
        )
    before = take(session, scope_of(session, [patient, to], moved))
    subjects = subjects_of(session, [owner])
    facts = before["patients"][patient]
    new = make_patient(session, to, {}, claiming=[owner])
    put_facts(session, new, facts)
    give_photos(session, moved, new)
    number(session, [owner, new], moved)
    kin = (
        f"Both are of the family {facts['family']}. If they are not relatives: `gestalt index set "
        f"{to} --clear family`."
        if facts["family"]
        else "If they are relatives, they should not be matched against each other: `gestalt "
        f"index set {to} --family NAME`, and the same for {patient}."
    )
    return _told(
        session,
        "split",
        before,
        subjects,
        (f"{to} has a copy of the facts of {patient}. Check them.", kin),
    )


def _told(
    session: Session,
    action: str,
    before: Past,
    subjects: Collection[str],
    notes: Sequence[str] = (),
) -> CorrectionResult:
    """The correction in words, with an event in the audit trail where something changed."""
    after = take(session, Scope.of(before))
    changes = differences(before, after)
    if changes:
        record_event(
            session,
            action,
            patients=keys_of(after),
            subjects=subjects,
            detail={"changes": list(map(str, changes)), "before": before, "after": after},
        )
    return CorrectionResult(changes, tuple(notes))


def patient_key(session: Session, name: str) -> int:
    """The key of a patient by identifier. Raises `NotInGallery`."""
    key = find_patient(session, name)
    if key is None:
        raise NotInGallery(
            f"There is no patient {name!r}.", "`gestalt index list` shows all patients."
        )
    return key


def _two(one: str, other: str) -> None:
    if one == other:
        raise UsageError(f"{one!r} is given twice.", "Give two different patients.")


def _refuse_same_bytes(session: Session, photo: int, name: str, patient: int) -> None:
    same = sa.select(t.Photo.sha256).where(t.Photo.id == photo).scalar_subquery()
    found = session.scalar(
        sa.select(t.Photo.name).where(t.Photo.patient_id == patient, t.Photo.sha256 == same)
    )
    if found is not None:
        raise PatientConflict(
            f"Patient {name!r} already has this photo, as {found!r}.",
            "Remove one of the two: `gestalt index remove --photo NAME --of PATIENT`.",
        )


def _same_photos(
    one: t.Patient, other: t.Patient, keep: Keep | None
) -> tuple[list[int], dict[int, dict[str, object]], list[str]]:
    """Of photos that two patients have of the same bytes: which are dropped, by key, what those
    that stay take from them, and what contradicts."""
    dropped: list[int] = []
    touched: dict[int, dict[str, object]] = {}
    conflicts: list[str] = []
    mine = {photo.sha256: photo for photo in one.photos}
    for photo in other.photos:
        pair = mine.get(photo.sha256), photo
        if pair[0] is None:
            continue
        faces = pair[0].faces[0], photo.faces[0]
        is_same = is_same_face(faces[0].box, faces[0].landmarks, faces[1].box, faces[1].landmarks)
        if not is_same:
            conflicts.append(
                f"the photo {photo.name} shows both of them: face {faces[0].number} and face "
                f"{faces[1].number}"
            )
        stays, goes = (photo, pair[0]) if keep == 1 else (pair[0], photo)
        told: dict[str, object] = {}
        for fact in ("age", "site"):
            kept, given_up = getattr(stays, fact), getattr(goes, fact)
            if None not in (kept, given_up) and kept != given_up:
                conflicts.append(f"{fact} of the photo {photo.name}")
            elif kept is None and given_up is not None:
                told[fact] = given_up
        dropped.append(goes.id)
        # In any case: it is taken, as the one whose bytes the other has.
        touched[stays.id] = told or {"age": stays.age}
    return dropped, touched, conflicts


def _links(session: Session, keys: Sequence[int]) -> set[tuple[int, int]]:
    """Pairs of a disorder's and a gene's key that patients have both of."""
    genes = t.patient_gene.c
    rows = session.execute(
        sa.select(t.Diagnosis.disorder_id, genes.gene_id)
        .join(t.patient_gene, genes.patient_id == t.Diagnosis.patient_id)
        .where(t.Diagnosis.patient_id.in_(keys))
    )
    return {(disorder, gene) for disorder, gene in rows}


def _drop_unused(session: Session, before: Past) -> None:
    """Disorders and genes that nobody has any more go with the last who had them."""
    remove_unused(
        session,
        [told["key"] for told in before["disorders"].values() if told is not None],
        [key for key in before["genes"].values() if key is not None],
    )
    session.expire_all()
