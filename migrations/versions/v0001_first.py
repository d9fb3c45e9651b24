"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit_event",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    op.create_table(
        "change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
    )
    op.create_table(
        "disorder",
        sa.Column("id", KEY, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disorder")),
        sa.UniqueConstraint("code", name=op.f("uq_disorder_code")),
    )
    op.create_table(
        "gene",
        sa.Column("id", KEY, nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gene")),
        sa.UniqueConstraint("symbol", name=op.f("uq_gene_symbol")),
    )
    op.create_table(
        "patient",
        sa.Column("id", KEY, nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("sex", sa.String(), nullable=True),
        sa.Column("ancestry", sa.String(), nullable=True),
        sa.Column("cohort", sa.String(), nullable=True),
        sa.Column("consent", sa.String(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("sex IN ('female', 'male', 'other')", name=op.f("ck_patient_sex")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint("external_id", name=op.f("uq_patient_external_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "space",
        sa.Column("id", KEY, nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("specification", sa.String(), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_space")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_space_fingerprint")),
    )
    op.create_table(
        "diagnosis",
        sa.Column("patient_id", KEY, nullable=False),
        sa.Column("disorder_id", KEY, nullable=False),
        sa.Column("certainty", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["disorder_id"], ["disorder.id"], name=op.f("fk_diagnosis_disorder_id_disorder")
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"],
            ["patient.id"],
            name=op.f("fk_diagnosis_patient_id_patient"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("patient_id", "disorder_id", name=op.f("pk_diagnosis")),
    )
    op.create_table(
        "disorder_gene",
        sa.Column("disorder_id", KEY, nullable=False),
        sa.Column("gene_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["disorder_id"],
            ["disorder.id"],
            name=op.f("fk_disorder_gene_disorder_id_disorder"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["gene_id"], ["gene.id"], name=op.f("fk_disorder_gene_gene_id_gene"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("disorder_id", "gene_id", name=op.f("pk_disorder_gene")),
    )
    op.create_table(
        "patient_gene",
        sa.Column("patient_id", KEY, nullable=False),
        sa.Column("gene_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["gene_id"], ["gene.id"], name=op.f("fk_patient_gene_gene_id_gene"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"],
            ["patient.id"],
            name=op.f("fk_patient_gene_patient_id_patient"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("patient_id", "gene_id", name=op.f("pk_patient_gene")),
    )
    op.create_table(
        "phenotype_term",
        sa.Column("patient_id", KEY, nullable=False),
        sa.Column("term", sa.String(), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"],
            ["patient.id"],
            name=op.f("fk_phenotype_term_patient_id_patient"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("patient_id", "term", name=op.f("pk_phenotype_term")),
    )
    op.create_table(
        "photo",
        sa.Column("id", KEY, nullable=False),
        sa.Column("patient_id", KEY, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("age", sa.Float(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"],
            ["patient.id"],
            name=op.f("fk_photo_patient_id_patient"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
        sa.UniqueConstraint("sha256", name=op.f("uq_photo_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_photo_patient_id"), "photo", ["patient_id"], unique=False)
    op.create_table(
        "generation",
        sa.Column("space_id", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_id"],
            ["space.id"],
            name=op.f("fk_generation_space_id_space"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("space_id", name=op.f("pk_generation")),
    )
    op.create_table(
        "removal",
        sa.Column("descriptor_id", KEY, autoincrement=False, nullable=False),
        sa.Column("space_id", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("fk_removal_space_id_space")),
        sa.PrimaryKeyConstraint("descriptor_id", name=op.f("pk_removal")),
    )
    op.create_index(
        "ix_removal_changes", "removal", ["space_id", "sequence", "descriptor_id"], unique=False
    )
    op.create_table(
        "face",
        sa.Column("id", KEY, nullable=False),
        sa.Column("photo_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("detector", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("box", sa.JSON(), nullable=False),
        sa.Column("landmarks", sa.JSON(), nullable=False),
        sa.Column("sharpness", sa.Float(), nullable=False),
        sa.Column("size", sa.Float(), nullable=False),
        sa.Column("yaw", sa.Float(), nullable=False),
        sa.Column("roll", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["photo.id"], name=op.f("fk_face_photo_id_photo"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_face_photo_id"), "face", ["photo_id"], unique=False)
    op.create_table(
        "crop",
        sa.Column("face_id", KEY, nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["face_id"], ["face.id"], name=op.f("fk_crop_face_id_face"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("face_id", name=op.f("pk_crop")),
    )
    op.create_table(
        "descriptor",
        sa.Column("id", KEY, nullable=False),
        sa.Column("face_id", KEY, nullable=False),
        sa.Column("space_id", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["face_id"], ["face.id"], name=op.f("fk_descriptor_face_id_face"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["space_id"], ["space.id"], name=op.f("fk_descriptor_space_id_space")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_descriptor")),
        sa.UniqueConstraint("face_id", "space_id", name=op.f("uq_descriptor_face_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_descriptor_changes",
        "descriptor",
        ["space_id", "sequence", "id", "face_id"],
        unique=False,
    )
    change = sa.table("change", sa.column("id"), sa.column("sequence"))
    op.execute(sa.insert(change).values(id=1, sequence=0))


def downgrade() -> None:
    op.drop_index("ix_descriptor_changes", table_name="descriptor")
    op.drop_table("descriptor")
    op.drop_table("crop")
    op.drop_index(op.f("ix_face_photo_id"), table_name="face")
    op.drop_table("face")
    op.drop_index("ix_removal_changes", table_name="removal")
    op.drop_table("removal")
    op.drop_index(op.f("ix_photo_patient_id"), table_name="photo")
    op.drop_table("photo")
    op.drop_table("phenotype_term")
    op.drop_table("patient_gene")
    op.drop_table("disorder_gene")
    op.drop_table("diagnosis")
    op.drop_table("generation")
    op.drop_table("space")
    op.drop_table("patient")
    op.drop_table("gene")
    op.drop_table("disorder")
    op.drop_table("change")
    op.drop_table("audit_event")
