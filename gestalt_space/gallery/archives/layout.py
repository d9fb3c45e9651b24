"""The tables of an export: their columns and their order. Rows of all tables about patients and
photos begin with the patient's identifier, and those about photos go on with the sha256: both
ascending, so that tables are written and read side by side."""

from __future__ import annotations

from datetime import UTC

import pyarrow as pa

TABLES = "tables"
PEOPLE = "people.csv"
RUN = ("precision", "device", "runtime", "version")
_TEXT, _TIME = pa.string(), pa.timestamp("us", tz=str(UTC))


def _schema(*needed: tuple[str, pa.DataType], **optional: pa.DataType) -> pa.Schema:
    fields = [pa.field(name, kind, nullable=False) for name, kind in needed]
    return pa.schema([*fields, *(pa.field(name, kind) for name, kind in optional.items())])


_PATIENT = ("patient", _TEXT)
_PHOTO = (_PATIENT, ("sha256", _TEXT))

SCHEMAS: dict[str, pa.Schema] = {
    "patients": pa.schema(
        [
            pa.field("patient", _TEXT, nullable=False),
            *(pa.field(n, _TEXT) for n in ("sex", "ancestry", "cohort", "consent", "family")),
            pa.field("added_at", _TIME, nullable=False),
        ]
    ),
    "diagnoses": _schema(_PATIENT, ("disorder", _TEXT), ("certainty", _TEXT)),
    "patient_genes": _schema(_PATIENT, ("gene", _TEXT)),
    "terms": _schema(_PATIENT, ("term", _TEXT), ("present", pa.bool_())),
    "photos": pa.schema(
        [
            *(pa.field(name, _TEXT, nullable=False) for name in ("patient", "sha256", "name")),
            pa.field("age", pa.float64()),
            pa.field("site", _TEXT),
            *(pa.field(name, pa.int32(), nullable=False) for name in ("width", "height")),
            pa.field("added_at", _TIME, nullable=False),
        ]
    ),
    "faces": _schema(
        *_PHOTO,
        *(("number", pa.int32()), ("count", pa.int32())),
        *(("detector", _TEXT), ("step", _TEXT), ("score", pa.float64())),
        *(("box", pa.list_(pa.float64(), 4)), ("landmarks", pa.list_(pa.float64(), 10))),
        *((name, pa.float64()) for name in ("sharpness", "size", "yaw", "roll")),
    ),
    "crops": _schema(*_PHOTO, ("png", pa.binary())),
    "disorders": _schema(("disorder", _TEXT), ("name", _TEXT)),
    "disorder_genes": _schema(("disorder", _TEXT), ("gene", _TEXT)),
    "spaces": _schema(
        *(("fingerprint", _TEXT), ("model", _TEXT), ("specification", _TEXT)),
        *(("dim", pa.int32()), ("default", pa.bool_())),
    ),
}
"""Each table but the descriptors, by its name."""
KEY_LENGTH = {"patients": 1, "photos": 2, "faces": 2, "crops": 2, "disorders": 1, "spaces": 1}
"""Columns, from the first one, by which each row of a table is another: two where not said."""


def descriptors_table(fingerprint: str) -> str:
    """The name of the table of a space's descriptors."""
    return f"descriptors-{fingerprint[:16]}"


def descriptors_schema(dim: int) -> pa.Schema:
    """Its columns: photo, vector of `dim` float32, and the encoding run, empty where it is not
    recorded."""
    run = dict.fromkeys(RUN, _TEXT)
    return _schema(*_PHOTO, ("vector", pa.list_(pa.float32(), dim)), **run)
