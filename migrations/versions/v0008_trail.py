"""The audit trail says who, is chained, and knows patients by keyed hashes; several homes may have
an index of one database; descriptors of patients whose consent is withdrawn stand apart, also of
those of whom that was written before it had an effect.

Events that were there get an empty actor and a chain. The index on disk is forgotten either way,
and is made anew.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
AT_ONCE = 10_000
EVENT = sa.table(
    "audit_event",
    sa.column("id", KEY),
    sa.column("at", TIME),
    sa.column("action", sa.String()),
    sa.column("detail", sa.JSON()),
)
CHAINED = sa.table(
    "audit_event",
    *(sa.column(column.name, column.type) for column in EVENT.c),
    sa.column("salt", sa.LargeBinary()),
    *(sa.column(name, sa.String()) for name in ("actor", "digest", "subjects", "chain")),
)
PURGE = sa.table("purge", sa.column("id", KEY), sa.column("sequence", KEY), sa.column("at", TIME))
PATIENT = sa.table("patient", *map(sa.column, ("id", "consent", "sequence")))
PHOTO = sa.table("photo", *map(sa.column, ("id", "patient_id")))
FACE = sa.table("face", *map(sa.column, ("id", "photo_id")))
DESCRIBED = ("id", "face_id", "space_id", "vector", "run_id")
DESCRIPTOR = sa.table("descriptor", *map(sa.column, DESCRIBED))
WITHHELD = sa.table("withheld", *map(sa.column, DESCRIBED[1:]))
WITHDRAWN = frozenset(
    f"{before}{word}"
    for before in ("", "consent ", "consent was ", "consent: ")
    for word in ("withdrawn", "withdrew", "revoked")
)
COUNTS = (("events", KEY, "0"), ("event_chain", sa.String(length=64), ""))


def upgrade() -> None:
    op.create_table(
        "home",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_home")),
    )
    op.drop_table("generation")
    op.create_table(
        "generation",
        sa.Column("home_id", sa.String(length=36), nullable=False),
        *_generation(),
        sa.ForeignKeyConstraint(
            ["home_id"], ["home.id"], name=op.f("fk_generation_home_id_home"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("home_id", "space_id", name=op.f("pk_generation")),
    )
    pending = _pending()
    op.drop_table("purge")
    op.create_table(
        "purge",
        *_purge(),
        sa.Column("home_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(
            ["home_id"], ["home.id"], name=op.f("fk_purge_home_id_home"), ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    _insert(PURGE, pending)
    op.create_index(op.f("ix_purge_home_id"), "purge", ["home_id"], unique=False)
    op.create_table(
        "withheld",
        sa.Column("face_id", KEY, nullable=False),
        sa.Column("space_id", KEY, nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("run_id", KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["face_id"], ["face.id"], name=op.f("fk_withheld_face_id_face"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["encoding_run.id"], name=op.f("fk_withheld_run_id_encoding_run")
        ),
        sa.ForeignKeyConstraint(
            ["space_id"], ["space.id"], name=op.f("fk_withheld_space_id_space")
        ),
        sa.PrimaryKeyConstraint("face_id", "space_id", name=op.f("pk_withheld")),
    )
    op.create_table(
        "pseudonym",
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("patient_id", KEY, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"],
            ["patient.id"],
            name=op.f("fk_pseudonym_patient_id_patient"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_pseudonym")),
    )
    op.create_index(op.f("ix_pseudonym_patient_id"), "pseudonym", ["patient_id"], unique=False)
    op.create_table(
        "erasure",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
        sqlite_autoincrement=True,
    )
    for name, kind, default in COUNTS:
        op.add_column("change", sa.Column(name, kind, nullable=False, server_default=default))
    _chain_events()
    op.create_table(
        "audit_subject",
        sa.Column("event_id", KEY, nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["audit_event.id"],
            name=op.f("fk_audit_subject_event_id_audit_event"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("event_id", "subject", name=op.f("pk_audit_subject")),
    )
    op.create_index(op.f("ix_audit_subject_subject"), "audit_subject", ["subject"], unique=False)
    _withhold()


def downgrade() -> None:
    op.drop_table("audit_subject")
    events = _events()
    op.drop_table("audit_event")
    op.create_table(
        "audit_event",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    # What events told of patients is not kept: in the version before they name nobody.
    _insert(EVENT, [{**event, "detail": {}} for event in events])
    for name, _, _ in reversed(COUNTS):
        op.drop_column("change", name)
    for table in ("erasure", "pseudonym", "withheld"):
        op.drop_table(table)
    pending = _pending()
    op.drop_table("purge")
    op.create_table("purge", *_purge(), sqlite_autoincrement=True)
    _insert(PURGE, pending)
    op.drop_table("generation")
    op.create_table(
        "generation",
        *_generation(),
        sa.PrimaryKeyConstraint("space_id", name=op.f("pk_generation")),
    )
    op.drop_table("home")


def _withhold() -> None:
    """Whose consent is withdrawn, in words that this version reads so, is not matched any more."""
    bind = op.get_bind()
    rows = bind.execute(sa.select(PATIENT.c.id, PATIENT.c.consent).where(PATIENT.c.consent != ""))
    withdrawn = [key for key, consent in rows if consent.casefold().strip(".! ") in WITHDRAWN]
    (change,) = bind.execute(sa.text("SELECT sequence FROM change")).scalars()
    for patient in withdrawn:
        change += 1
        mine = sa.select(FACE.c.id).join(PHOTO, PHOTO.c.id == FACE.c.photo_id)
        here = DESCRIPTOR.c.face_id.in_(mine.where(PHOTO.c.patient_id == patient))
        columns = ("face_id", "space_id", "vector", "run_id")
        whole = sa.select(*(DESCRIPTOR.c[name] for name in columns)).where(here)
        op.execute(sa.insert(WITHHELD).from_select(columns, whole))
        gone = sa.select(DESCRIPTOR.c.id, DESCRIPTOR.c.space_id, sa.literal(change)).where(here)
        into = sa.table("removal", *map(sa.column, ("descriptor_id", "space_id", "sequence")))
        op.execute(sa.insert(into).from_select(list(into.c), gone))
        op.execute(sa.delete(DESCRIPTOR).where(here))
        now = {"consent": "withdrawn", "sequence": change}
        op.execute(sa.update(PATIENT).where(PATIENT.c.id == patient).values(now))
    if withdrawn:
        table = sa.table("change", sa.column("sequence"), sa.column("epoch"))
        op.execute(sa.update(table).values(sequence=change, epoch=table.c.epoch + 1))
        op.execute(sa.insert(PURGE).values(sequence=change, at=datetime.now(UTC)))
        notes: list[str] = context.config.attributes.setdefault("notes", [])
        count = f"{len(withdrawn):,} patient{'' if len(withdrawn) == 1 else 's'}"
        notes.append(f"Not matched any more, since consent is withdrawn: {count}.")


def _generation() -> tuple[Any, ...]:
    return (
        sa.Column("space_id", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_id"],
            ["space.id"],
            name=op.f("fk_generation_space_id_space"),
            ondelete="CASCADE",
        ),
    )


def _purge() -> tuple[Any, ...]:
    return (
        sa.Column("id", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purge")),
    )


def _chain_events() -> None:
    events = _events()
    op.drop_table("audit_event")
    op.create_table(
        "audit_event",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("subjects", sa.String(length=64), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
        sqlite_autoincrement=True,
    )
    chain, rows = "", []
    nobody = hashlib.sha256(b"").hexdigest()
    for event in events:
        salt = secrets.token_bytes(16)
        digest = hashlib.sha256(salt + _canonical(event["detail"])).hexdigest()
        at = event["at"]
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        fixed = [chain, event["id"], at.isoformat(timespec="microseconds"), "", event["action"]]
        chain = hashlib.sha256(_canonical([*fixed, digest, nobody])).hexdigest()
        more = {"actor": "", "salt": salt, "digest": digest, "subjects": nobody, "chain": chain}
        rows.append({**event, **more})
    _insert(CHAINED, rows)
    change = sa.table("change", sa.column("events"), sa.column("event_chain"))
    op.execute(sa.update(change).values(events=len(rows), event_chain=chain))


def _events() -> list[dict[str, Any]]:
    """All events: they only count photos, and are few beside them."""
    rows = op.get_bind().execute(sa.select(EVENT).order_by(EVENT.c.id))
    return [dict(row._mapping) for row in rows]


def _pending() -> list[dict[str, Any]]:
    rows = op.get_bind().execute(sa.select(PURGE).order_by(PURGE.c.id))
    return [dict(row._mapping) for row in rows]


def _insert(table: sa.TableClause, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), AT_ONCE):
        op.get_bind().execute(sa.insert(table), rows[start : start + AT_ONCE])
    if rows and op.get_context().dialect.name == "postgresql":
        # Keys were given, and its counter does not know of them.
        counter = f"pg_get_serial_sequence('{table.name}', 'id')"
        op.execute(f"SELECT setval({counter}, {rows[-1]['id']})")


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()
