"""The tables. The database is the truth; the index is made from it.

Identifiers that people gave (`external_id`, a disorder's `code`) are opaque and unique; the
integer keys are ours, and are never given twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship

from gestalt_space.devices import Precision
from gestalt_space.names import likeness
from gestalt_space.store.base import Base
from gestalt_space.store.columns import Key, Moment, Text, text_of
from gestalt_space.store.service_tables import ApiToken, Job, JobFile, LoginSession, User

__all__ = ["ApiToken", "Base", "Job", "JobFile", "LoginSession", "User"]


def _now() -> datetime:
    return datetime.now(UTC)


def _likeness_of(name: str) -> Callable[[DefaultExecutionContext], str]:
    """The default of a column: what a reader sees of the name in another column of the row."""

    def of_row(context: DefaultExecutionContext) -> str:
        return likeness(context.get_current_parameters()[name])  # type: ignore[no-untyped-call]

    return of_row


disorder_gene = Table(
    "disorder_gene",
    Base.metadata,
    Column("disorder_id", ForeignKey("disorder.id", ondelete="CASCADE"), primary_key=True),
    Column("gene_id", ForeignKey("gene.id", ondelete="CASCADE"), primary_key=True, index=True),
)
patient_gene = Table(
    "patient_gene",
    Base.metadata,
    Column("patient_id", ForeignKey("patient.id", ondelete="CASCADE"), primary_key=True),
    Column("gene_id", ForeignKey("gene.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Gene(Base):
    """A gene by its symbol."""

    __tablename__ = "gene"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    symbol: Mapped[str] = mapped_column(Text, unique=True)


class Disorder(Base):
    """A disorder: OMIM:…, ORPHA:…, MONDO:… or free text, its name and its genes. `likeness`: what a
    reader sees of its code."""

    __tablename__ = "disorder"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    likeness: Mapped[str] = mapped_column(
        Text, default=_likeness_of("code"), server_default=text("''"), index=True
    )
    name: Mapped[str] = mapped_column(Text, default="")
    genes: Mapped[list[Gene]] = relationship(secondary=disorder_gene, order_by=Gene.symbol)


class PhenotypeTerm(Base):
    """An HPO term of a patient, present or looked for and absent."""

    __tablename__ = "phenotype_term"

    patient_id: Mapped[int] = mapped_column(
        ForeignKey("patient.id", ondelete="CASCADE"), primary_key=True
    )
    term: Mapped[str] = mapped_column(Text, primary_key=True)
    present: Mapped[bool] = mapped_column(Boolean)


class Diagnosis(Base):
    """That a patient has a disorder, and how sure that is."""

    __tablename__ = "diagnosis"

    patient_id: Mapped[int] = mapped_column(
        ForeignKey("patient.id", ondelete="CASCADE"), primary_key=True
    )
    disorder_id: Mapped[int] = mapped_column(
        ForeignKey("disorder.id"), primary_key=True, index=True
    )
    certainty: Mapped[str] = mapped_column(Text, default="diagnosed")
    disorder: Mapped[Disorder] = relationship(lazy="joined", innerjoin=True)


class Patient(Base):
    """A patient; one without a diagnosis is undiagnosed. Patients of one family share its name.

    `likeness`: what a reader sees of the identifier. `sequence`: of the last change of what a match
    reads of the patient.
    """

    __tablename__ = "patient"
    __table_args__ = (
        CheckConstraint("sex IN ('female', 'male', 'other')", name="sex"),
        Index("ix_patient_changes", "sequence", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    external_id: Mapped[str] = mapped_column(Text, unique=True)
    likeness: Mapped[str] = mapped_column(
        Text, default=_likeness_of("external_id"), server_default=text("''"), index=True
    )
    sex: Mapped[str | None] = mapped_column(Text)
    ancestry: Mapped[str | None] = mapped_column(Text)
    cohort: Mapped[str | None] = mapped_column(Text)
    consent: Mapped[str | None] = mapped_column(Text)
    family: Mapped[str | None] = mapped_column(Text, index=True)
    sequence: Mapped[int] = mapped_column(Key, default=0, server_default="0")
    added_at: Mapped[datetime] = mapped_column(Moment, default=_now)
    diagnoses: Mapped[list[Diagnosis]] = relationship(cascade="all, delete-orphan")
    phenotypes: Mapped[list[PhenotypeTerm]] = relationship(
        cascade="all, delete-orphan", order_by=PhenotypeTerm.term
    )
    genes: Mapped[list[Gene]] = relationship(secondary=patient_gene, order_by=Gene.symbol)
    photos: Mapped[list[Photo]] = relationship(
        cascade="all, delete-orphan", order_by="Photo.id", back_populates="patient"
    )


class Photo(Base):
    """A photo that was added: its name and hash, never its pixels. `age` in years; `site`: where
    and with what it was taken. `sequence`: of the last change of either.

    A photo that shows several patients has a row for each.
    """

    __tablename__ = "photo"
    __table_args__ = (
        UniqueConstraint("sha256", "patient_id"),
        Index("ix_photo_changes", "sequence", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    patient_id: Mapped[int] = mapped_column(
        ForeignKey("patient.id", ondelete="CASCADE"), index=True
    )
    sha256: Mapped[str] = mapped_column(text_of(64))
    name: Mapped[str] = mapped_column(Text, index=True)
    age: Mapped[float | None] = mapped_column(Float)
    site: Mapped[str | None] = mapped_column(Text)
    sequence: Mapped[int] = mapped_column(Key, default=0, server_default="0")
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    added_at: Mapped[datetime] = mapped_column(Moment, default=_now)
    patient: Mapped[Patient] = relationship(back_populates="photos")
    faces: Mapped[list[Face]] = relationship(
        cascade="all, delete-orphan", order_by="Face.id", back_populates="photo"
    )


class Face(Base):
    """The face of a photo that was taken, and the aligned crop of it if that was to be kept."""

    __tablename__ = "face"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    photo_id: Mapped[int] = mapped_column(ForeignKey("photo.id", ondelete="CASCADE"), index=True)
    number: Mapped[int] = mapped_column(Integer)
    count: Mapped[int] = mapped_column(Integer)
    detector: Mapped[str] = mapped_column(Text)
    step: Mapped[str] = mapped_column(Text)
    score: Mapped[float] = mapped_column(Float)
    box: Mapped[list[float]] = mapped_column(JSON)
    landmarks: Mapped[list[list[float]]] = mapped_column(JSON)
    sharpness: Mapped[float] = mapped_column(Float)
    size: Mapped[float] = mapped_column(Float)
    yaw: Mapped[float] = mapped_column(Float)
    roll: Mapped[float] = mapped_column(Float)
    photo: Mapped[Photo] = relationship(back_populates="faces")
    crop: Mapped[Crop | None] = relationship(cascade="all, delete-orphan")
    crop_object: Mapped[CropObject | None] = relationship()
    descriptors: Mapped[list[Descriptor]] = relationship(cascade="all, delete-orphan")


class Crop(Base):
    """An aligned face `(112, 112, 3)` as PNG, without metadata.

    A table of its own, so that the rows of `face` stay small and are read quickly.
    """

    __tablename__ = "crop"

    face_id: Mapped[int] = mapped_column(
        ForeignKey("face.id", ondelete="CASCADE"), primary_key=True
    )
    png: Mapped[bytes] = mapped_column(LargeBinary)


class CropPlace(Base):
    """A folder or bucket with crops of this gallery, by its URL.

    `is_shared`: whether a gallery of which this one is a copy may have the same crops; then nothing
    is deleted there.
    """

    __tablename__ = "crop_place"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    url: Mapped[str] = mapped_column(Text, unique=True)
    is_shared: Mapped[bool] = mapped_column(Boolean, default=False)


class CropObject(Base):
    """A crop outside the database: see `types.CropObject`. A face has its crop here or in `crop`.

    One without a face is to be deleted where it lies; then the row goes.
    """

    __tablename__ = "crop_object"
    __table_args__ = (UniqueConstraint("name"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    face_id: Mapped[int | None] = mapped_column(
        ForeignKey("face.id", ondelete="SET NULL"), unique=True
    )
    place_id: Mapped[int] = mapped_column(ForeignKey("crop_place.id"), index=True)
    name: Mapped[str] = mapped_column(text_of(64))
    key_id: Mapped[str] = mapped_column(text_of(16))
    bytes: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(text_of(64))


class Space(Base):
    """A space that the gallery has descriptors of. `model`: the encoder's name when it was made."""

    __tablename__ = "space"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    model: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(text_of(64), unique=True)
    specification: Mapped[str] = mapped_column(Text)
    dim: Mapped[int] = mapped_column(Integer)
    is_default: Mapped[bool] = mapped_column(Boolean, default=False)


class EncodingRun(Base):
    """What descriptors were made with, beside their space. See `types.EncodingRun`."""

    __tablename__ = "encoding_run"
    __table_args__ = (UniqueConstraint("precision", "device", "runtime", "version"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    precision: Mapped[Precision] = mapped_column(Text)
    device: Mapped[str] = mapped_column(Text)
    runtime: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)


class Descriptor(Base):
    """A face's descriptor in a space, float32 little-endian. Its key is its id in the index.

    `run_id`: what it was made with; None for one that is older than the record of it.
    """

    __tablename__ = "descriptor"
    __table_args__ = (
        UniqueConstraint("face_id", "space_id"),
        Index("ix_descriptor_changes", "space_id", "sequence", "id", "face_id"),
        Index("ix_descriptor_runs", "space_id", "run_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    face_id: Mapped[int] = mapped_column(ForeignKey("face.id", ondelete="CASCADE"))
    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"))
    sequence: Mapped[int] = mapped_column(Key)
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    run_id: Mapped[int | None] = mapped_column(Key, ForeignKey("encoding_run.id"))


class Withheld(Base):
    """A descriptor of a patient whose consent is withdrawn, as in `Descriptor`: nothing that
    matches reads it."""

    __tablename__ = "withheld"

    face_id: Mapped[int] = mapped_column(
        ForeignKey("face.id", ondelete="CASCADE"), primary_key=True
    )
    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"), primary_key=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    run_id: Mapped[int | None] = mapped_column(Key, ForeignKey("encoding_run.id"))


class Removal(Base):
    """The removal log: that a descriptor is gone, for indexes that still have it."""

    __tablename__ = "removal"
    __table_args__ = (Index("ix_removal_changes", "space_id", "sequence", "descriptor_id"),)

    descriptor_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    space_id: Mapped[int] = mapped_column(ForeignKey("space.id"))
    sequence: Mapped[int] = mapped_column(Key)


class Home(Base):
    """A folder that has an index of this database; several machines may work with one database.

    `id`: a random one, which stands in the folder as well. `place`: the machine and the path, for
    people. `seen_at`: when it last wrote its index.
    """

    __tablename__ = "home"

    id: Mapped[str] = mapped_column(text_of(36), primary_key=True)
    place: Mapped[str] = mapped_column(Text)
    seen_at: Mapped[datetime] = mapped_column(Moment, default=_now)


class Generation(Base):
    """The index on disk of a home that was made from this database, by its manifest's sha256.

    No other is taken for it: not one of another database, nor one of a state that was undone by
    going back to a backup.
    """

    __tablename__ = "generation"

    home_id: Mapped[str] = mapped_column(
        ForeignKey("home.id", ondelete="CASCADE"), primary_key=True
    )
    space_id: Mapped[int] = mapped_column(
        ForeignKey("space.id", ondelete="CASCADE"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(Key)
    digest: Mapped[str] = mapped_column(text_of(64))


class Calibration(Base):
    """What similarities in a space mean: curves over all patients, in JSON, that name none.

    `sequence`: of the last change that they know. `descriptors`, `diagnoses`: how many there were.
    """

    __tablename__ = "calibration"

    space_id: Mapped[int] = mapped_column(
        ForeignKey("space.id", ondelete="CASCADE"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(Key)
    descriptors: Mapped[int] = mapped_column(Integer)
    diagnoses: Mapped[int] = mapped_column(Integer)
    document: Mapped[str] = mapped_column(Text)


class Change(Base):
    """The number of the last change, counted under the writer's lock. One row.

    `epoch`: how often something was removed or replaced that an answer may not show any more.
    `events`, `event_chain`: how many audit events there are, and the chain of the last one.
    `gallery`: its identifier, see `gallery_id`.
    """

    __tablename__ = "change"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    sequence: Mapped[int] = mapped_column(Key, default=0)
    epoch: Mapped[int] = mapped_column(Key, default=0, server_default="0")
    events: Mapped[int] = mapped_column(Key, default=0, server_default="0")
    event_chain: Mapped[str] = mapped_column(text_of(64), default="", server_default=text("''"))
    gallery: Mapped[str] = mapped_column(text_of(36), default="", server_default=text("''"))


class Purge(Base):
    """That bytes of something removed may still be in the index files of a home, or, where
    `home_id` is None, in the database's own files.

    `sequence`: of the last change when it was removed.
    """

    __tablename__ = "purge"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    sequence: Mapped[int] = mapped_column(Key)
    at: Mapped[datetime] = mapped_column(Moment, default=_now)
    home_id: Mapped[str | None] = mapped_column(
        ForeignKey("home.id", ondelete="CASCADE"), index=True
    )


class Erasure(Base):
    """An erasure that was begun: rows are gone, and files may still hold what they held.

    `actor`: who asked for it. `plan`: what the receipt is made from and what is searched for, until
    it is done; then the row goes.
    """

    __tablename__ = "erasure"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, default=_now)
    actor: Mapped[str] = mapped_column(Text)
    plan: Mapped[dict[str, Any]] = mapped_column(JSON)


class Pseudonym(Base):
    """A patient's name in the audit trail: the keyed hash of the identifier.

    It goes with the patient; nobody can tell then whose the hash in the trail was. A patient who
    was merged with another leaves theirs to that one. `key`: random, of this hash alone.
    """

    __tablename__ = "pseudonym"

    subject: Mapped[str] = mapped_column(text_of(64), primary_key=True)
    patient_id: Mapped[int] = mapped_column(
        ForeignKey("patient.id", ondelete="CASCADE"), index=True
    )
    key: Mapped[bytes] = mapped_column(LargeBinary, default=lambda: secrets.token_bytes(32))


class AuditEvent(Base):
    """Who did what to the gallery and when; written in the transaction of what was done.

    `detail` may hold what a patient had before. It is emptied with its `salt` where that patient
    is removed; `digest` stays, so that the chain does. `subjects`: of all subjects of the event.
    `chain`: of all that cannot change, and of the event before. See `audit`.
    """

    __tablename__ = "audit_event"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, default=_now)
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    digest: Mapped[str] = mapped_column(text_of(64))
    subjects: Mapped[str] = mapped_column(text_of(64))
    chain: Mapped[str] = mapped_column(text_of(64))


class AuditSubject(Base):
    """Whom an audit event is about, by keyed hash."""

    __tablename__ = "audit_subject"

    event_id: Mapped[int] = mapped_column(
        ForeignKey("audit_event.id", ondelete="CASCADE"), primary_key=True
    )
    subject: Mapped[str] = mapped_column(text_of(64), primary_key=True, index=True)
