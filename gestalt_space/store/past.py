"""What patients were like, as plain JSON: taken before and after a correction, and
kept in the audit trail, from which an undo puts it back."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.store.crops import crops_of, outside_of
from gestalt_space.store.facts import SINGLE_FACTS
from gestalt_space.types import EncodingRun, PhotoRecord

Facts: TypeAlias = dict[str, Any]
"""Of a patient: `key`, `added_at`, the single facts, `disorders` with their certainty, `genes`, and
`hpo`, whether each term is present."""
Past: TypeAlias = dict[str, Any]
"""`patients` by identifier, `photos` by key as text, `disorders` by code, `genes` by symbol, each
None where there was none; `rows`: of photos that were dropped, all there was of them."""

PHOTO = ("sha256", "name", "age", "site", "width", "height")
FACE = (
    *("number", "count", "detector", "step", "score", "box", "landmarks"),
    *("sharpness", "size", "yaw", "roll"),
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a correction may touch."""

    patients: tuple[str, ...]
    photos: tuple[int, ...]
    disorders: tuple[str, ...]
    genes: tuple[str, ...]

    @classmethod
    def of(cls, past: Past) -> Scope:
        """What was taken."""
        photos = map(int, past["photos"])
        return cls(*map(tuple, (past["patients"], photos, past["disorders"], past["genes"])))

    @classmethod
    def of_all(cls, pasts: Iterable[Past]) -> Scope:
        """What was taken of several."""
        parts = [cls.of(past) for past in pasts]
        return cls(
            tuple(dict.fromkeys(one for part in parts for one in part.patients)),
            tuple(dict.fromkeys(one for part in parts for one in part.photos)),
            tuple(dict.fromkeys(one for part in parts for one in part.disorders)),
            tuple(dict.fromkeys(one for part in parts for one in part.genes)),
        )


def scope_of(
    session: Session,
    patients: Sequence[str],
    photos: Collection[int] = (),
    record: PhotoRecord | None = None,
) -> Scope:
    """Patients by identifier, with their disorders and genes, and photos by key. `record`: what is
    new about one of them."""
    found = [one for one in _patients(session, patients).values() if one is not None]
    codes = {diagnosis.disorder.code for one in found for diagnosis in one.diagnoses}
    symbols = {gene.symbol for one in found for gene in one.genes}
    if record is not None:
        codes.update(disorder.id for disorder in record.disorders)
        symbols.update(record.genes)
    for disorder in _disorders(session, codes).values():
        symbols.update(gene.symbol for gene in disorder.genes)
    return Scope(tuple(patients), tuple(photos), tuple(sorted(codes)), tuple(sorted(symbols)))


def take(session: Session, scope: Scope, *, whole: Collection[int] = ()) -> Past:
    """What is there now. `whole`: photos, by key, that are about to be dropped."""
    session.flush()
    session.expire_all()
    patients = _patients(session, scope.patients)
    photos = _photos(session, scope.photos)
    disorders = _disorders(session, scope.disorders)
    genes = _genes(session, scope.genes)
    past: Past = {
        "patients": {
            name: None if one is None else facts_of_patient(one) for name, one in patients.items()
        },
        "photos": {
            str(key): None if (one := photos.get(key)) is None else _photo_facts(one)
            for key in scope.photos
        },
        "disorders": {
            code: None if (title := disorders.get(code)) is None else _disorder_facts(title)
            for code in scope.disorders
        },
        "genes": {symbol: genes.get(symbol) for symbol in scope.genes},
    }
    if whole:
        past["rows"] = {str(key): _row(session, photos[key]) for key in whole}
    return past


def facts_of_patient(patient: t.Patient) -> Facts:
    """All that is known of a patient but for photos."""
    return {
        "key": patient.id,
        "added_at": utc_text(patient.added_at),
        **{fact: getattr(patient, fact) for fact in SINGLE_FACTS},
        "disorders": {one.disorder.code: one.certainty for one in patient.diagnoses},
        "genes": sorted(gene.symbol for gene in patient.genes),
        "hpo": {term.term: term.present for term in patient.phenotypes},
    }


def loaded(
    patient: t.Patient,
    photo: t.Photo | None,
    disorders: Iterable[t.Disorder],
    genes: Iterable[t.Gene],
) -> Past:
    """As `take`, of rows that are at hand: a patient, perhaps one of the photos, and disorders and
    genes beside the patient's own. What has no key yet is not there."""
    own = [one.disorder for one in patient.diagnoses]
    titles = {one.code: one for one in (*own, *disorders)}
    symbols = {one.symbol: one.id for one in (*patient.genes, *genes)}
    symbols |= {gene.symbol: gene.id for one in titles.values() for gene in one.genes}
    return {
        "patients": {patient.external_id: facts_of_patient(patient)},
        "photos": {} if photo is None else {str(photo.id): _photo_facts(photo)},
        "disorders": {code: _disorder_facts(one) for code, one in sorted(titles.items())},
        "genes": dict(sorted(symbols.items())),
    }


def part_of(whole: Past, part: Past) -> Past:
    """Of what was taken, what another has."""
    return {what: {name: whole[what][name] for name in part[what]} for what in part}


def is_as(now: Past, then: Past) -> bool:
    """Whether patients and photos are what they were."""
    return all(now[what] == then[what] for what in ("patients", "photos"))


def keys_of(past: Past) -> list[int]:
    """The keys of patients who were there."""
    return [facts["key"] for facts in past["patients"].values() if facts is not None]


def utc_text(at: datetime) -> str:
    """SQLite gives back a time without its zone."""
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)).isoformat()


def _photo_facts(photo: t.Photo) -> Facts:
    told = {"of": photo.patient.external_id, "name": photo.name}
    return {**told, "age": photo.age, "site": photo.site}


def _disorder_facts(disorder: t.Disorder) -> Facts | None:
    """None for one that has no key yet."""
    genes = [one.symbol for one in disorder.genes if one.id is not None]
    told = {"key": disorder.id, "name": disorder.name, "genes": genes}
    return None if told["key"] is None else told


def _patients(session: Session, names: Sequence[str]) -> dict[str, t.Patient | None]:
    found: dict[str, t.Patient] = {}
    for some in chunks(names):
        rows = session.scalars(
            sa.select(t.Patient)
            .where(t.Patient.external_id.in_(some))
            .options(
                selectinload(t.Patient.diagnoses),
                selectinload(t.Patient.phenotypes),
                selectinload(t.Patient.genes),
            )
        )
        found.update((one.external_id, one) for one in rows)
    return {name: found.get(name) for name in names}


def _photos(session: Session, keys: Collection[int]) -> dict[int, t.Photo]:
    found: dict[int, t.Photo] = {}
    for some in chunks(keys):
        rows = session.scalars(sa.select(t.Photo).where(t.Photo.id.in_(some)))
        found.update((one.id, one) for one in rows)
    return found


def _disorders(session: Session, codes: Collection[str]) -> dict[str, t.Disorder]:
    found: dict[str, t.Disorder] = {}
    for some in chunks(codes):
        rows = session.scalars(sa.select(t.Disorder).where(t.Disorder.code.in_(some)))
        found.update((one.code, one) for one in rows)
    return found


def _genes(session: Session, symbols: Collection[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in chunks(symbols):
        query = sa.select(t.Gene.symbol, t.Gene.id).where(t.Gene.symbol.in_(some))
        found.update(session.execute(query).all())
    return found


def _row(session: Session, photo: t.Photo) -> dict[str, Any]:
    """All there is of a photo. Spaces and runs by what they are: keys may be given again."""
    return {
        **{name: getattr(photo, name) for name in PHOTO},
        "added_at": utc_text(photo.added_at),
        "faces": [
            {
                "key": face.id,
                **{name: getattr(face, name) for name in FACE},
                **_crop(session, face),
                "descriptors": list(_described(session, face)),
            }
            for face in photo.faces
        ],
    }


def _crop(session: Session, face: t.Face) -> dict[str, str | None]:
    """The crop of a face; one that lies encrypted outside the database stays so. None where there
    is none."""
    if face.crop_object is None:
        return {"crop": None if face.crop is None else b64encode(face.crop.png).decode()}
    png = crops_of(session, [face.id])[face.id]
    sealed = outside_of(session).seal(png, crop_label(face.id)) if png else None
    return {"crop": None, "sealed": None if sealed is None else b64encode(sealed).decode()}


def crop_label(face: int) -> str:
    """What the encrypted crop of a face that was dropped is bound to, by the key of the face."""
    return f"dropped face {face}"


def _described(session: Session, face: t.Face) -> Iterator[dict[str, Any]]:
    for table in (t.Descriptor, t.Withheld):
        rows = session.execute(
            sa.select(t.Space.fingerprint, table.vector, t.EncodingRun)
            .join(t.Space, t.Space.id == table.space_id)
            .outerjoin(t.EncodingRun, t.EncodingRun.id == table.run_id)
            .where(table.face_id == face.id)
        )
        for fingerprint, vector, made in rows:
            run = made and EncodingRun(made.precision, made.device, made.runtime, made.version)
            yield {
                "space": fingerprint,
                "run": run and asdict(run),
                "vector": b64encode(vector).decode(),
            }
