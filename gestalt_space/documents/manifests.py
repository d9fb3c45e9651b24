"""The manifests of backups and exports, as `gallery/archives` writes them: `manifest.json`."""

from __future__ import annotations

from typing import Literal, NotRequired

from gestalt_space.documents.form import Form


class ManifestFileForm(Form):
    """A file: its path in the folder, with `/`, and the sha256 of each 8 MiB of it."""

    path: str
    bytes: int
    sha256: list[str]


class TrailHeadForm(Form):
    """How many events the audit trail has, and the hash of the last one."""

    events: int
    chain: str


class BackedUpCountsForm(Form):
    """How much there is in the gallery."""

    patients: int
    undiagnosed: int
    photos: int
    crops: int
    disorders: int
    genes: int
    withdrawn: int


class BackedUpSpaceForm(Form):
    """A space of the gallery; `specification`: a JSON text."""

    model: str
    fingerprint: str
    specification: str
    dim: int
    is_default: bool


class BackedUpModelFileForm(Form):
    """A file of a model."""

    file: str
    sha256: str


class BackedUpModelForm(Form):
    """An installed model that made descriptors of the gallery."""

    name: str
    license: str
    files: list[BackedUpModelFileForm]


class BackupManifest(Form):
    """The manifest of a backup. `seal`: the sha256 of the manifest without it; `database`: whether
    a SQLite file was copied, or tables were written; `keys`: where identifiers go on;
    `crops_outside`: crops that are not in it, by the URL of their place."""

    format: Literal["gestalt-space backup"]
    version: Literal[1]
    tool: str
    made_at: str
    home: str | None
    database: Literal["sqlite", "tables"]
    migration: str
    sequence: int
    epoch: int
    audit: TrailHeadForm
    gallery: BackedUpCountsForm
    spaces: list[BackedUpSpaceForm]
    keys: dict[str, int]
    crops_outside: NotRequired[dict[str, int]]
    rows: dict[str, int]
    models: list[BackedUpModelForm]
    files: list[ManifestFileForm]
    seal: str


class ExportManifest(Form):
    """The manifest of an export: how many rows its tables have. `seal`: the sha256 of the manifest
    without it."""

    format: Literal["gestalt-space export"]
    version: Literal[1]
    tool: str
    made_at: str
    rows: dict[str, int]
    files: list[ManifestFileForm]
    seal: str
