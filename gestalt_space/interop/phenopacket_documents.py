"""What programs read of phenopackets that were imported or exported."""

from __future__ import annotations

from gestalt_space.documents.form import filled
from gestalt_space.documents.phenopackets import (
    ExportedPacketsForm,
    PhenopacketsDocument,
    PhenopacketsExportDocument,
    PhenopacketsForm,
)
from gestalt_space.interop.phenopacket_export import ExportedPhenopackets
from gestalt_space.interop.phenopacket_intake import PhenopacketIntake, reasons


def phenopackets_document(found: PhenopacketIntake) -> PhenopacketsDocument:
    """Phenopackets that were read, and nothing added."""
    return {"document": "phenopackets", "version": 1, "phenopackets": phenopackets_form(found)}


def phenopackets_form(found: PhenopacketIntake) -> PhenopacketsForm:
    """Phenopackets that were read."""
    return {
        "read": found.read,
        "patients": found.patients,
        "photos": len(found.rows),
        "left_out": dict(reasons(found)),
        "failed": [{"file": name, "error": error} for name, error in found.failed],
        "not_used": [{"file": name, "note": note} for name, note in found.not_used],
    }


def phenopackets_export_document(done: ExportedPhenopackets) -> PhenopacketsExportDocument:
    """Phenopackets that were written."""
    made = filled(ExportedPacketsForm, done, folder=str(done.folder), lost=dict(done.lost))
    return {"document": "phenopackets-export", "version": 1, "export": made}
