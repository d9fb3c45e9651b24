"""Patients and photos of another gallery put into this one: what is new is written, what differs is
named. All of it in one transaction, which its caller undoes where anything differs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from gestalt_space.names import likeness
from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.store.corrections import compare_row
from gestalt_space.store.crops import faces_with_crop, keep_crops
from gestalt_space.store.facts import (
    SINGLE_FACTS,
    Catalogue,
    CommandFacts,
    add_facts,
    compare_facts,
    other_names,
)
from gestalt_space.store.imported import (
    Conflict,
    ConflictKind,
    ImportedPatient,
    ImportedPhoto,
    ImportedSpace,
)
from gestalt_space.store.runs import add_run
from gestalt_space.store.sequence import count_changes, number_changes
from gestalt_space.store.writes import add_space, make_default
from gestalt_space.types import WITHDRAWN, Descriptors, Disorder, EncodingRun, Face, PhotoRecord

SAME_DESCRIPTOR = 0.999
"""Descriptors of one face in one space are at least this similar, whatever machine made them."""


@dataclass
class ImportRun:
    """The state of one import into the database of a session. `changed`: how many patients, photos
    and disorders that were there got a fact."""

    session: Session
    conflicts: list[Conflict] = field(default_factory=list)
    new_patients: int = 0
    changed: int = 0
    new_photos: int = 0
    known_photos: int = 0
    new_descriptors: int = 0
    new_crops: int = 0
    from_future: int = 0
    """New patients and photos that were added later than now, by the clock of another machine."""
    touched: set[int] = field(default_factory=set)
    """The keys of patients of whom something was taken."""
    _spaces: dict[str, int] = field(default_factory=dict)
    _runs: dict[EncodingRun, int] = field(default_factory=dict)
    _patients: dict[str, int] = field(default_factory=dict)
    """The keys of the patients of the present block; none of one whose consent is withdrawn."""
    _disorders: dict[str, int] = field(default_factory=dict)
    _genes: dict[str, int] = field(default_factory=dict)
    _now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def add_spaces(self, spaces: Iterable[ImportedSpace]) -> None:
        """Make the spaces that are new; the first ones of a gallery keep their default."""
        known = {
            row.model: row.fingerprint for row in self.session.scalars(sa.select(t.Space)).all()
        }
        for space in spaces:
            if known.get(space.model, space.fingerprint) != space.fingerprint:
                self._refuse(
                    "space",
                    reason=f"{space.model} is {space.fingerprint[:12]} in the export and "
                    f"{known[space.model][:12]} in the gallery",
                )
                continue
            key = add_space(
                self.session,
                model=space.model,
                fingerprint=space.fingerprint,
                specification=space.specification,
                dim=space.dim,
            )
            self._spaces[space.fingerprint] = key
            if not known and space.is_default:
                make_default(self.session, key)

    def add_disorders(self, names: Mapping[str, str], genes: Sequence[tuple[str, str]]) -> None:
        """Make the disorders that are new, with their genes; known ones get genes that are new."""
        before: set[str] = set()
        for some in chunks(sorted(names)):
            known = {
                row.code: row
                for row in self.session.scalars(
                    sa.select(t.Disorder).where(t.Disorder.code.in_(some))
                )
            }
            told = PhotoRecord("", "", tuple(Disorder(code, names[code]) for code in some))
            for code, old, new in other_names(told, Catalogue(known, {})):
                self._refuse("disorder", reason=f"name of {code}: {old} → {new}")
            before |= known.keys()
            for code, row in known.items():
                if not row.name and names[code]:
                    row.name = names[code]
                    self.changed += 1
            self.session.flush()
            missing_codes = [code for code in some if code not in known]
            self._insert(
                t.Disorder,
                [
                    {"code": code, "name": names[code], "likeness": likeness(code)}
                    for code in missing_codes
                ],
            )
            made = sa.select(t.Disorder.code, t.Disorder.id).where(t.Disorder.code.in_(some))
            self._disorders.update(self.session.execute(made).all())
        self._add_genes({symbol for _, symbol in genes})
        old_keys = {self._disorders[code] for code in before}
        pairs = [(self._disorders[code], self._genes[symbol]) for code, symbol in genes]
        links = t.disorder_gene.c
        for few in chunks(pairs):
            keys = [disorder for disorder, _ in few]
            rows = sa.select(links.disorder_id, links.gene_id).where(links.disorder_id.in_(keys))
            there = {(disorder, gene) for disorder, gene in self.session.execute(rows)}
            missing = [
                {"disorder_id": disorder, "gene_id": gene}
                for disorder, gene in few
                if (disorder, gene) not in there
            ]
            self._insert(t.disorder_gene, missing)
            self.changed += sum(one["disorder_id"] in old_keys for one in missing)

    def add_patients(self, patients: Sequence[ImportedPatient]) -> None:
        """Make the patients of a block that are new; of others take what is new, or say what
        differs. At most `chunks.AT_ONCE`."""
        self.session.expunge_all()
        names = [one.record.patient for one in patients]
        known = {
            row.external_id: row
            for row in self.session.scalars(
                sa.select(t.Patient)
                .where(t.Patient.external_id.in_(names))
                .options(
                    selectinload(t.Patient.diagnoses),
                    selectinload(t.Patient.phenotypes),
                    selectinload(t.Patient.genes),
                )
            )
        }
        self._patients = {}
        self._add_genes({symbol for one in patients for symbol in one.record.genes})
        catalogue = self._catalogue([one for one in patients if one.record.patient in known])
        for one in patients:
            if one.record.consent == WITHDRAWN:
                self._refuse("consent", one.record.patient, reason="the consent is withdrawn")
            elif (row := known.get(one.record.patient)) is not None:
                self._take_facts(row, one, catalogue)
        self.session.flush()
        self._insert_patients(
            [
                one
                for one in patients
                if one.record.patient not in known and one.record.consent != WITHDRAWN
            ]
        )

    def add_photos(self, photos: Sequence[ImportedPhoto]) -> None:
        """Write the photos of a block's patients that are new; of others take what is new, or say
        what differs. At most `chunks.AT_ONCE`; descriptors are sound."""
        same: dict[str, dict[str, t.Photo]] = defaultdict(dict)
        for row in self.session.scalars(
            sa.select(t.Photo)
            .where(t.Photo.sha256.in_({photo.sha256 for photo in photos}))
            .options(
                selectinload(t.Photo.faces).selectinload(t.Face.descriptors),
                selectinload(t.Photo.patient),
            )
        ):
            same[row.sha256][row.patient.external_id] = row
        times = Counter(photo.sha256 for photo in photos)
        new: list[ImportedPhoto] = []
        known: dict[int, ImportedPhoto] = {}
        beside: dict[tuple[int, str], tuple[Descriptors, EncodingRun | None]] = {}
        with self.session.no_autoflush:
            for photo in photos:
                # Looked at whatever became of the patient: every contradiction is to be named.
                if not self._fits(photo, same) or photo.patient not in self._patients:
                    continue
                there = same[photo.sha256].get(photo.patient)
                if there is None:
                    new.append(photo)
                    if times[photo.sha256] > 1:
                        # The later one in a block is compared with the earlier one.
                        same[photo.sha256][photo.patient] = _unstored(photo)
                else:
                    self.known_photos += 1
                    known[there.faces[0].id] = photo
                    beside |= self._take_photo(there, photo)
        self.session.flush()
        self._insert_photos(new)
        self._insert_descriptors(beside)
        without = known.keys() - faces_with_crop(self.session, known)
        self.new_crops += self._keep_crops({face: known[face] for face in sorted(without)})

    @property
    def changes(self) -> int:
        """How much was taken: nothing, where all was there."""
        return (
            self.new_patients
            + self.changed
            + self.new_photos
            + self.new_descriptors
            + self.new_crops
        )

    # Patients

    def _take_facts(self, row: t.Patient, one: ImportedPatient, catalogue: Catalogue) -> None:
        record = one.record
        if row.consent == WITHDRAWN:
            reason = "the consent is withdrawn in the gallery"
            self._refuse("consent", record.patient, reason=reason)
            return
        self._patients[record.patient] = row.id
        found = compare_facts(record, CommandFacts.of([record]), row, emptied=False)
        certain = {one.disorder.code: one.certainty for one in row.diagnoses}
        differs = [
            f"certainty of {code}: {certain[code]} → {certainty}"
            for code, certainty in one.certainties.items()
            if certain.get(code, certainty) != certainty
        ]
        for reason in (*found.contradicts, *differs):
            self._refuse("patient", record.patient, reason=reason)
        if found.contradicts or differs:
            return
        if found.adds:
            add_facts(self.session, row, record, catalogue)
            for diagnosis in row.diagnoses:
                code = diagnosis.disorder.code
                diagnosis.certainty = one.certainties.get(code, diagnosis.certainty)
            number_changes(self.session, [], [row])
            self.changed += 1
            self.touched.add(row.id)

    def _catalogue(self, patients: Sequence[ImportedPatient]) -> Catalogue:
        """The disorders and genes that known patients may get; all are there already."""
        disorders: dict[str, t.Disorder] = {}
        genes: dict[str, t.Gene] = {}
        for codes in chunks({code for one in patients for code in one.certainties}):
            rows = sa.select(t.Disorder).where(t.Disorder.code.in_(codes))
            with_genes = rows.options(selectinload(t.Disorder.genes))
            disorders.update((row.code, row) for row in self.session.scalars(with_genes))
        for symbols in chunks({symbol for one in patients for symbol in one.record.genes}):
            named = self.session.scalars(sa.select(t.Gene).where(t.Gene.symbol.in_(symbols)))
            genes.update((row.symbol, row) for row in named)
        return Catalogue(disorders, genes)

    def _insert_patients(self, patients: Sequence[ImportedPatient]) -> None:
        if not patients:
            return
        number = count_changes(self.session, 1)[0]
        rows = [
            {
                "external_id": one.record.patient,
                "likeness": likeness(one.record.patient),
                "sequence": number,
                "added_at": self._till_now(one.added_at),
                **{fact: getattr(one.record, fact) for fact in SINGLE_FACTS},
            }
            for one in patients
        ]
        self._insert(t.Patient, rows)
        # Asked for, since rows that return something are inserted one by one.
        made = sa.select(t.Patient.external_id, t.Patient.id).where(
            t.Patient.external_id.in_([one.record.patient for one in patients])
        )
        keys: dict[str, int] = dict(self.session.execute(made).all())
        self._patients |= keys
        self.touched |= set(keys.values())
        self.new_patients += len(keys)
        diagnoses, genes, terms = [], [], []
        for one in patients:
            key, record = keys[one.record.patient], one.record
            diagnoses += [
                {"patient_id": key, "disorder_id": self._disorders[code], "certainty": certainty}
                for code, certainty in one.certainties.items()
            ]
            genes += [{"patient_id": key, "gene_id": self._genes[name]} for name in record.genes]
            terms += [
                {"patient_id": key, "term": term, "present": present}
                for told, present in ((record.hpo, True), (record.hpo_absent, False))
                for term in told
            ]
        self._insert(t.Diagnosis, diagnoses)
        self._insert(t.patient_gene, genes)
        self._insert(t.PhenotypeTerm, terms)

    def _add_genes(self, symbols: set[str]) -> None:
        for some in chunks(symbols - self._genes.keys()):
            wanted = sa.select(t.Gene.symbol, t.Gene.id).where(t.Gene.symbol.in_(some))
            there = dict(self.session.execute(wanted).all())
            self._insert(t.Gene, [{"symbol": one} for one in some if one not in there])
            self._genes.update(self.session.execute(wanted).all())

    # Photos

    def _fits(self, photo: ImportedPhoto, same: Mapping[str, Mapping[str, t.Photo]]) -> bool:
        """Whether a photo contradicts nothing; what it does is named."""
        if not same.get(photo.sha256):
            return True
        record = PhotoRecord(photo.name, photo.patient, age=photo.age, site=photo.site)
        found = compare_row(
            record,
            CommandFacts(),
            photo.face,
            patient=None,
            same_bytes=same[photo.sha256],
            catalogue=Catalogue({}, {}),
        )
        reasons: list[tuple[ConflictKind, str]] = [("photo", one) for one in found.contradicts]
        if found.refused is not None:
            reasons.append(("owner", found.refused.message))
        known = same[photo.sha256].get(photo.patient)
        if known is not None and not found.other_face:
            reasons += [("descriptor", one) for one in self._other_descriptors(known, photo)]
        for kind, reason in reasons:
            self._refuse(kind, photo.patient, photo.name, reason)
        return not reasons

    def _other_descriptors(self, known: t.Photo, photo: ImportedPhoto) -> list[str]:
        stored = {one.space_id: one.vector for one in known.faces[0].descriptors}
        return [
            f"another one in the space {fingerprint[:12]}"
            for fingerprint, (vector, _) in photo.descriptors.items()
            if (space := self._spaces.get(fingerprint)) in stored
            and not _is_same(np.frombuffer(stored[space], dtype="<f4"), vector)
        ]

    def _take_photo(
        self, row: t.Photo, photo: ImportedPhoto
    ) -> dict[tuple[int, str], tuple[Descriptors, EncodingRun | None]]:
        """Take what is new of a photo that is there; its new descriptors, by face and space."""
        face = row.faces[0]
        is_corrected = False
        for name in ("age", "site"):
            if getattr(row, name) is None and getattr(photo, name) is not None:
                setattr(row, name, getattr(photo, name))
                is_corrected = True
        if is_corrected:
            number_changes(self.session, [], [], [row])
            self.changed += 1
        have = {one.space_id for one in face.descriptors}
        new = {
            (face.id, fingerprint): made
            for fingerprint, made in photo.descriptors.items()
            if self._spaces.get(fingerprint, -1) not in {*have, -1}
        }
        if is_corrected or new:
            self.touched.add(row.patient_id)
        return new

    def _insert_photos(self, photos: Sequence[ImportedPhoto]) -> None:
        if not photos:
            return
        number = count_changes(self.session, 1)[0]
        rows = [
            {
                "patient_id": self._patients[photo.patient],
                "sequence": number,
                "added_at": self._till_now(photo.added_at),
                **{name: getattr(photo, name) for name in _PHOTO},
            }
            for photo in photos
        ]
        self._insert(t.Photo, rows)
        made = sa.select(t.Photo.patient_id, t.Photo.sha256, t.Photo.id).where(
            t.Photo.sha256.in_([photo.sha256 for photo in photos])
        )
        keys = {(who, digest): key for who, digest, key in self.session.execute(made)}
        key_of = [keys[self._patients[photo.patient], photo.sha256] for photo in photos]
        faces = [
            {"photo_id": key, **_face_row(photo.face)}
            for key, photo in zip(key_of, photos, strict=True)
        ]
        self._insert(t.Face, faces)
        made_faces = sa.select(t.Face.photo_id, t.Face.id).where(t.Face.photo_id.in_(key_of))
        face_of: dict[int, int] = dict(self.session.execute(made_faces).all())
        self._keep_crops({face_of[key]: photo for key, photo in zip(key_of, photos, strict=True)})
        self._insert_descriptors(
            {
                (face_of[key], fingerprint): described
                for key, photo in zip(key_of, photos, strict=True)
                for fingerprint, described in photo.descriptors.items()
                if fingerprint in self._spaces
            }
        )
        self.touched |= {self._patients[photo.patient] for photo in photos}
        self.new_photos += len(photos)

    def _keep_crops(self, photos: Mapping[int, ImportedPhoto]) -> int:
        """Keep the crops of photos by their faces; how many there are."""
        crops = {face: photo.crop for face, photo in photos.items() if photo.crop is not None}
        keep_crops(self.session, crops)
        return len(crops)

    def _insert_descriptors(
        self, described: Mapping[tuple[int, str], tuple[Descriptors, EncodingRun | None]]
    ) -> None:
        if not described:
            return
        numbers = count_changes(self.session, len(described))
        self._insert(
            t.Descriptor,
            [
                {
                    "face_id": face,
                    "space_id": self._spaces[fingerprint],
                    "sequence": number,
                    "vector": np.ascontiguousarray(vector, dtype="<f4").tobytes(),
                    "run_id": None if run is None else self._run(run),
                }
                for number, ((face, fingerprint), (vector, run)) in zip(
                    numbers, described.items(), strict=True
                )
            ],
        )
        self.new_descriptors += len(described)

    def _run(self, run: EncodingRun) -> int:
        if run not in self._runs:
            self._runs[run] = add_run(self.session, run)
        return self._runs[run]

    def _insert(self, table: sa.Table | type[t.Base], rows: Sequence[Mapping[str, Any]]) -> None:
        """By the table and not by its class: thousands of rows are one call of the driver."""
        if rows:
            plain = (
                table
                if isinstance(table, sa.Table)
                else t.Base.metadata.tables[table.__tablename__]
            )
            self.session.execute(sa.insert(plain), list(rows))

    def _till_now(self, at: datetime) -> datetime:
        """A time of another machine, whose clock may be ahead: nothing was added later than now."""
        self.from_future += at > self._now
        return min(at, self._now)

    def _refuse(
        self, kind: ConflictKind, patient: str = "", photo: str = "", reason: str = ""
    ) -> None:
        self.conflicts.append(Conflict(kind, patient, photo, reason))


_PHOTO = ("sha256", "name", "age", "site", "width", "height")


def _face_row(face: Face) -> dict[str, Any]:
    quality = face.quality
    return {
        **{name: getattr(face, name) for name in ("number", "count", "detector", "step", "score")},
        "box": [float(value) for value in face.box],
        "landmarks": [[float(value) for value in point] for point in face.landmarks],
        **{name: getattr(quality, name) for name in ("sharpness", "size", "yaw", "roll")},
    }


def _unstored(photo: ImportedPhoto) -> t.Photo:
    """A photo of this block as others are compared with."""
    return t.Photo(
        sha256=photo.sha256, age=photo.age, site=photo.site, faces=[t.Face(**_face_row(photo.face))]
    )


def _is_same(one: Descriptors, other: Descriptors) -> bool:
    return one.shape == other.shape and float(one @ other) >= SAME_DESCRIPTOR
