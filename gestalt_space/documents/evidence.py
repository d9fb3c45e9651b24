"""`gestalt match --explain --json`: every photo behind some lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from gestalt_space.documents.form import Form, filled, rounded
from gestalt_space.documents.matches import MatchedSpaceForm, space_form
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.gallery.spaces import ActiveSpace, Encoded
from gestalt_space.match.evidence import Evidence
from gestalt_space.match.probe import Probe
from gestalt_space.tables.table import Column, Table


class SlotSpaceForm(MatchedSpaceForm):
    """The space, with the names of its slots."""

    slots: list[str]


class EvidencePhotoForm(Form):
    """A photo. `age` in years; `slots`: a cosine for each, empty where there is one alone."""

    patient: str
    photo: str
    age: float | None
    similarity: float
    slots: list[float]


class EvidenceLineForm(Form):
    """A line and its photos, the nearest first."""

    id: str
    name: str
    photos: list[EvidencePhotoForm]


class EvidenceDocument(Form):
    """The evidence of lines. `explained`: what was asked for."""

    document: Literal["evidence"]
    version: Literal[1]
    space: SlotSpaceForm
    probe: str
    left_out: str | None
    explained: str
    lines: list[EvidenceLineForm]


def evidence_document(
    space: ActiveSpace, probe: Probe, wanted: str, evidence: Iterable[Evidence], encoded: Encoded
) -> EvidenceDocument:
    """The evidence of lines."""
    return {
        "document": "evidence",
        "version": 1,
        "space": {**space_form(space, encoded), "slots": list(encoder_spec(space.model).slots)},
        "probe": probe.name,
        "left_out": None if probe.own is None else probe.own.identifier,
        "explained": wanted,
        "lines": [
            filled(
                EvidenceLineForm,
                line,
                photos=[
                    filled(
                        EvidencePhotoForm,
                        photo,
                        age=rounded(photo.age),
                        similarity=round(photo.similarity, 4),
                        slots=rounded(photo.slots),
                    )
                    for photo in line.photos
                ],
            )
            for line in evidence
        ],
    }


def evidence_table(evidence: Iterable[Evidence]) -> Table:
    """A row for each photo of each line, the nearest first; ages in years."""
    columns = (
        *(Column("id"), Column("name"), Column("patient"), Column("photo")),
        *(Column("age", "number"), Column("similarity", "number")),
    )
    return Table(
        columns,
        (
            (line.id, line.name, photo.patient, photo.photo, photo.age, round(photo.similarity, 4))
            for line in evidence
            for photo in line.photos
        ),
    )
