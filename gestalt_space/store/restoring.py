"""Puts back what patients were like, as `past` took it: rows, their keys, and whose they are."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import PatientConflict
from gestalt_space.same_face import is_same_face
from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.store.consent import rekey, settle_consents
from gestalt_space.store.crops import keep_crops, outside_of
from gestalt_space.store.facts import SINGLE_FACTS, undo_links
from gestalt_space.store.lookups import disorder_keys, find_patient
from gestalt_space.store.past import FACE, PHOTO, Facts, Past, crop_label
from gestalt_space.store.pseudonyms import claim, hand_over
from gestalt_space.store.purges import note_purge
from gestalt_space.store.removals import remove_photo_rows, remove_unused
from gestalt_space.store.runs import add_run
from gestalt_space.store.sequence import begin_epoch, count_changes
from gestalt_space.types import EncodingRun


def put_back(session: Session, now: Past, then: Past, expected: Past, *, alone: bool) -> None:
    """Bring what is there, `now`, to what was there `then`.

    `expected`: what the correction left, which disorders may differ from by now; `alone`: whether
    nothing came since, so that a gene of a disorder is no others' doing.
    """
    _restore_catalogue(session, then)
    others = [facts["key"] for facts in now["patients"].values() if facts is not None]
    for name, facts in then["patients"].items():
        if facts is None:
            continue
        if now["patients"][name] is None:
            make_patient(session, name, facts, claiming=others)
        put_facts(session, facts["key"], facts)
    _restore_photos(session, now, then)
    gone = [name for name, facts in then["patients"].items() if facts is None]
    for name in gone:
        if now["patients"][name] is not None:
            heir = next(facts["key"] for facts in then["patients"].values() if facts is not None)
            drop_patient(session, now["patients"][name]["key"], heir)
    _restore_links(session, then, expected, alone=alone)
    _remove_unused(session, then)
    number(session, [facts["key"] for facts in then["patients"].values() if facts is not None])


def make_patient(session: Session, name: str, facts: Facts, *, claiming: Iterable[int]) -> int:
    """A patient with what is known of them but for lists; the key, the one they had if they had
    one. Their names in the trail are taken back from those who have them."""
    row = t.Patient(external_id=name, id=facts.get("key"))
    if "added_at" in facts:
        row.added_at = datetime.fromisoformat(facts["added_at"])
    session.add(row)
    session.flush()
    claim(session, row.id, name, claiming)
    return row.id


def put_facts(session: Session, patient: int, facts: Facts) -> None:
    """Let a patient's facts, by key, be these, whose disorders and genes are there."""
    session.execute(
        sa.update(t.Patient)
        .where(t.Patient.id == patient)
        .values({fact: facts[fact] for fact in SINGLE_FACTS})
    )
    for table, owner in (
        (t.Diagnosis, t.Diagnosis.patient_id),
        (t.PhenotypeTerm, t.PhenotypeTerm.patient_id),
        (t.patient_gene, t.patient_gene.c.patient_id),
    ):
        session.execute(sa.delete(table).where(owner == patient))
    codes = disorder_keys(session, list(facts["disorders"]))
    genes = gene_keys(session, facts["genes"])
    of = {"patient_id": patient}
    diagnoses = [
        {**of, "disorder_id": codes[code], "certainty": how}
        for code, how in facts["disorders"].items()
    ]
    terms = [{**of, "term": term, "present": there} for term, there in facts["hpo"].items()]
    links = [{**of, "gene_id": genes[symbol]} for symbol in facts["genes"]]
    if diagnoses:
        session.execute(sa.insert(t.Diagnosis), diagnoses)
    if terms:
        session.execute(sa.insert(t.PhenotypeTerm), terms)
    if links:
        session.execute(sa.insert(t.patient_gene), links)
    session.expire_all()


def give_photos(session: Session, photos: Collection[int], patient: int) -> None:
    """Let photos, by key, be a patient's, and their descriptors with them. Answers from before may
    show whose they were."""
    faces: list[int] = []
    for some in chunks(photos):
        session.execute(sa.update(t.Photo).where(t.Photo.id.in_(some)).values(patient_id=patient))
        faces += session.scalars(sa.select(t.Face.id).where(t.Face.photo_id.in_(some)))
    rekey(session, faces)
    settle_consents(session, [patient])
    begin_epoch(session)
    note_purge(session)


def drop_patient(session: Session, patient: int, heir: int) -> None:
    """Let a patient go, by key, whose photos are another's now: the one who has their name in the
    trail from now on."""
    if session.scalar(sa.select(t.Photo.id).where(t.Photo.patient_id == patient).limit(1)):
        raise PatientConflict("The patient has photos.", "Move them to another patient first.")
    hand_over(session, patient, heir)
    session.execute(sa.delete(t.Patient).where(t.Patient.id == patient))
    session.expire_all()


def number(session: Session, patients: Collection[int], photos: Collection[int] = ()) -> None:
    """Give patients and photos, by key, the number of a new change."""
    (last,) = count_changes(session, 1)
    for table, keys in ((t.Patient, patients), (t.Photo, photos)):
        for some in chunks(keys):
            session.execute(sa.update(table).where(table.id.in_(some)).values(sequence=last))


def gene_keys(session: Session, symbols: Collection[str]) -> dict[str, int]:
    """The keys of genes by their symbols."""
    found: dict[str, int] = {}
    for some in chunks(symbols):
        query = sa.select(t.Gene.symbol, t.Gene.id).where(t.Gene.symbol.in_(some))
        found.update(session.execute(query).all())
    return found


def _restore_catalogue(session: Session, then: Past) -> None:
    """Disorders and genes that went meanwhile are there again, under their keys if these are
    free."""
    genes = gene_keys(session, list(then["genes"]))
    for symbol, key in then["genes"].items():
        if key is not None and symbol not in genes:
            session.add(t.Gene(symbol=symbol, id=_free(session, t.Gene, key)))
    codes = disorder_keys(session, list(then["disorders"]))
    for code, told in then["disorders"].items():
        if told is not None and code not in codes:
            key = _free(session, t.Disorder, told["key"])
            session.add(t.Disorder(code=code, name=told["name"], id=key))
    session.flush()


def _free(session: Session, table: type[t.Gene] | type[t.Disorder], key: int) -> int | None:
    return None if session.get(table, key) is not None else key


def _restore_links(session: Session, then: Past, expected: Past, *, alone: bool) -> None:
    """Names and genes of disorders that the correction changed; what came since stays."""
    links = t.disorder_gene
    codes = disorder_keys(session, list(then["disorders"]))
    genes = gene_keys(session, list(then["genes"]))
    for code, told in then["disorders"].items():
        left = expected["disorders"][code] or {"name": None, "genes": []}
        if told is None:
            if code in codes:  # others have it by now, and need not its genes
                linked = {(codes[code], genes[one]) for one in left["genes"] if one in genes}
                undo_links(session, linked)
            continue
        session.execute(
            sa.update(t.Disorder)
            .where(t.Disorder.code == code, t.Disorder.name == left["name"])
            .values(name=told["name"])
        )
        key = codes[code]
        made = {(key, genes[one]) for one in {*left["genes"]} - {*told["genes"]} if one in genes}
        if alone:
            for disorder, gene in made:
                session.execute(
                    sa.delete(links).where(links.c.disorder_id == disorder, links.c.gene_id == gene)
                )
        else:
            undo_links(session, made)
        have = set(session.scalars(sa.select(links.c.gene_id).where(links.c.disorder_id == key)))
        lost = {genes[one] for one in {*told["genes"]} - {*left["genes"]}} - have
        if lost:
            rows = [{"disorder_id": key, "gene_id": gene} for gene in sorted(lost)]
            session.execute(sa.insert(links), rows)


def _remove_unused(session: Session, then: Past) -> None:
    """Disorders and genes that nobody has go: those that were not there, and those whom another
    undo left because of these patients."""
    remove_unused(
        session,
        disorder_keys(session, list(then["disorders"])).values(),
        gene_keys(session, list(then["genes"])).values(),
    )
    session.expire_all()


def _restore_photos(session: Session, now: Past, then: Past) -> None:
    dropped = [
        int(key) for key, told in then["photos"].items() if told is None and now["photos"][key]
    ]
    if dropped:
        remove_photo_rows(session, dropped)
        session.expire_all()
    moved: dict[str, list[int]] = {}
    for key, told in then["photos"].items():
        if told is None or (was := now["photos"][key]) is None:
            continue
        session.execute(
            sa.update(t.Photo)
            .where(t.Photo.id == int(key))
            .values(age=told["age"], site=told["site"])
        )
        if told["of"] != was["of"]:
            moved.setdefault(told["of"], []).append(int(key))
    for owner, photos in moved.items():
        give_photos(session, photos, _key(session, owner))
    # After the others: a patient has one row of the same bytes.
    for key, told in then["photos"].items():
        if told is not None and now["photos"][key] is None:
            _check_face_free(session, then["rows"][key], then["patients"])
            _restore_photo(session, int(key), told, then["rows"][key])
    number(session, [], [int(key) for key, told in then["photos"].items() if told is not None])
    settle_consents(
        session,
        [facts["key"] for facts in then["patients"].values() if facts is not None],
    )


def _check_face_free(session: Session, row: dict[str, Any], owners: Collection[str]) -> None:
    """Raise `PatientConflict` where somebody else has the same face of the same bytes by now."""
    others = session.scalars(
        sa.select(t.Photo)
        .join(t.Photo.patient)
        .where(t.Photo.sha256 == row["sha256"], t.Patient.external_id.not_in(owners))
    )
    for other in others:
        for face in other.faces:
            for one in row["faces"]:
                if is_same_face(face.box, face.landmarks, one["box"], one["landmarks"]):
                    raise PatientConflict(
                        f"The photo {row['name']!r} now belongs to patient "
                        f"{other.patient.external_id!r}.",
                        "If that is wrong, remove it there, then undo.",
                    )


def _restore_photo(session: Session, key: int, told: Facts, row: dict[str, Any]) -> None:
    photo = t.Photo(
        id=key,
        patient_id=_key(session, told["of"]),
        **{name: row[name] for name in PHOTO},
        added_at=datetime.fromisoformat(row["added_at"]),
    )
    photo.age, photo.site = told["age"], told["site"]
    session.add(photo)
    for one in row["faces"]:
        face = t.Face(id=one["key"], photo=photo, **{name: one[name] for name in FACE})
        session.add(face)
        session.flush()
        if png := _crop(session, one):
            keep_crops(session, {face.id: png})
        for made in one["descriptors"]:
            space = session.scalar(
                sa.select(t.Space.id).where(t.Space.fingerprint == made["space"])
            )
            if space is None:  # dropped since
                continue
            run = None if made["run"] is None else add_run(session, EncodingRun(**made["run"]))
            vector = b64decode(made["vector"])
            session.add(t.Withheld(face_id=face.id, space_id=space, vector=vector, run_id=run))
        session.flush()


def _crop(session: Session, one: dict[str, Any]) -> bytes | None:
    """The crop of a face that was dropped; empty, or None, where there is none."""
    if (sealed := one.get("sealed")) is not None:
        return outside_of(session).unseal(b64decode(sealed), crop_label(one["key"]))
    return None if one["crop"] is None else b64decode(one["crop"])


def _key(session: Session, patient: str) -> int:
    key = find_patient(session, patient)
    assert key is not None, "whoever had a photo is there again"  # noqa: S101
    return key
