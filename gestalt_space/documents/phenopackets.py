"""`gestalt index import-phenopackets` and `gestalt export phenopackets`: what was read and written.
The room `interop` fills them in."""

from __future__ import annotations

from typing import Literal

from gestalt_space.documents.form import Form


class UnreadPacketForm(Form):
    """A phenopacket that cannot be used, and why."""

    file: str
    error: str


class UnusedFactForm(Form):
    """A sex or age that a phenopacket has, and that cannot be used; `note`: why."""

    file: str
    note: str


class PhenopacketsForm(Form):
    """Phenopackets that were read. `patients`, `photos`: those that can be added; `left_out`: how
    many photos, and patients without one, by the reason."""

    read: int
    patients: int
    photos: int
    left_out: dict[str, int]
    failed: list[UnreadPacketForm]
    not_used: list[UnusedFactForm]


class PhenopacketsDocument(Form):
    """`gestalt index import-phenopackets --dry-run`."""

    document: Literal["phenopackets"]
    version: Literal[1]
    phenopackets: PhenopacketsForm


class ExportedPacketsForm(Form):
    """Phenopackets in a folder. `withdrawn`: patients who are not in it, since their consent is
    withdrawn; `hpo`: the release that labels are from; `lost`: what phenopackets cannot have, and
    how many patients, photos or terms have it."""

    folder: str
    patients: int
    photos: int
    withdrawn: int
    hpo: str | None
    lost: dict[str, int]


class PhenopacketsExportDocument(Form):
    """`gestalt export phenopackets`."""

    document: Literal["phenopackets-export"]
    version: Literal[1]
    export: ExportedPacketsForm
