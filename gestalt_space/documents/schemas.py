"""JSON Schemas of all documents, made from their forms by pydantic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from gestalt_space.atomic_files import write_atomically
from gestalt_space.documents import (
    access,
    added,
    archives,
    classified,
    classifiers,
    cohorts,
    contents,
    corrected,
    crops,
    database,
    engines,
    evaluations,
    evidence,
    explanations,
    faces,
    filled,
    findings,
    gaze,
    gene_scores,
    homes,
    indexes,
    jobs,
    manifests,
    matches,
    models,
    parts,
    patients,
    pedia,
    phenopackets,
    phenotype_ranking,
    reader_studies,
    receipts,
    reply,
    similar_patients,
    simulated,
    sites,
    space_terms,
    spaces,
    trail,
    truth,
    users,
    written,
)

REPLY = "gestaltmatcher-reply"
"""The one document that does not say by itself which it is: its form is another program's."""
DOCUMENTS: dict[str, Any] = {
    "added": added.AddedDocument,
    "approximate": indexes.ApproximateDocument,
    "backup": archives.BackupDocument,
    "binary": classifiers.BinaryDocument,
    "calibrated": indexes.CalibratedDocument,
    "classified": classified.ClassifiedDocument,
    "clusters": cohorts.ClustersDocument,
    "cohesion": cohorts.CohesionDocument,
    "comparison": cohorts.ComparisonDocument,
    "composite": cohorts.CompositeDocument,
    "contents": contents.ContentsDocument,
    "corrected": corrected.CorrectedDocument,
    "crops-checked": crops.CropsCheckedDocument,
    "crops-claimed": crops.CropsClaimedDocument,
    "crops-moved": crops.CropsMovedDocument,
    "database": database.DatabaseDocument,
    "demo": simulated.DemoDocument,
    "engine": engines.EngineDocument,
    "engine-removed": engines.EngineRemovedDocument,
    "engines": engines.EnginesDocument,
    "erased": receipts.ErasedDocument,
    "erasures": access.ErasuresDocument,
    "error": parts.ErrorDocument,
    "evaluation": evaluations.EvaluationDocument,
    "evaluation-gmdb": evaluations.GmdbDocument,
    "evidence": evidence.EvidenceDocument,
    "explanation": explanations.ExplanationDocument,
    "export": archives.ExportDocument,
    "faces": faces.FacesDocument,
    "filled": filled.FilledDocument,
    "findings": findings.FindingsDocument,
    "gaze-agreement": reader_studies.GazeAgreementDocument,
    "gaze-areas": gaze.GazeAreasDocument,
    "gaze-check": gaze.GazeCheckDocument,
    "gaze-import": gaze.GazeImportDocument,
    "gene-scores": gene_scores.GeneScoresDocument,
    REPLY: reply.ReplyDocument,
    "home-forgotten": homes.HomeForgottenDocument,
    "homes": homes.HomesDocument,
    "imported": archives.ImportedDocument,
    "job": jobs.JobDocument,
    "jobs": jobs.JobsDocument,
    "log": trail.LogDocument,
    "log-check": trail.LogCheckDocument,
    "log-head": trail.LogHeadDocument,
    "map": cohorts.MapDocument,
    "match": matches.MatchDocument,
    "matrix": cohorts.MatrixDocument,
    "matrix-file": cohorts.LargeMatrixDocument,
    "matrix-shown": cohorts.ShownMatrixDocument,
    "model-installed": models.ModelInstalledDocument,
    "models": models.ModelsDocument,
    "models-verified": models.ModelsVerifiedDocument,
    "multiclass": classifiers.MulticlassDocument,
    "patient": patients.PatientDocument,
    "patients": patients.PatientsDocument,
    "pedia": pedia.PediaDocument,
    "pedia-trained": pedia.PediaTrainedDocument,
    "phenopackets": phenopackets.PhenopacketsDocument,
    "phenopackets-export": phenopackets.PhenopacketsExportDocument,
    "phenotype-ranking": phenotype_ranking.PhenotypeRankingDocument,
    "phenotype-terms": phenotype_ranking.PhenotypeTermsDocument,
    "similar-patients": similar_patients.SimilarPatientsDocument,
    "reader-study": reader_studies.ReaderStudyDocument,
    "reader-study-design": reader_studies.StudyDesignDocument,
    "reader-study-power": reader_studies.StudyPowerDocument,
    "rebuilt": filled.RebuiltDocument,
    "receipt": receipts.ReceiptDocument,
    "recognisable": cohorts.RecognisableDocument,
    "removed": filled.RemovedDocument,
    "report": cohorts.ReportDocument,
    "restored": archives.RestoredDocument,
    "session": access.SessionDocument,
    "simulated": simulated.SimulatedDocument,
    "simulated-readers": simulated.SimulatedReadersDocument,
    "site-answer": sites.SiteAnswerDocument,
    "space-dropped": spaces.SpaceDroppedDocument,
    "space-probe": space_terms.SpaceProbeDocument,
    "space-terms": space_terms.SpaceTermsDocument,
    "space-used": spaces.SpaceUsedDocument,
    "spaces": spaces.SpacesDocument,
    "specialised": classifiers.SpecialisedDocument,
    "terms": simulated.TermsDocument,
    "token-made": users.TokenMadeDocument,
    "tokens": users.TokensDocument,
    "tuned": models.TunedDocument,
    "users": users.UsersDocument,
    "written": written.WrittenDocument,
}
"""The forms by what a document says under `document`."""
FILES: dict[str, Any] = {
    "backup-manifest": manifests.BackupManifest,
    "export-manifest": manifests.ExportManifest,
    "truth": truth.Truth,
}
"""The forms of files that say under `format` what they are: parts of a backup, of an export and of
a simulated cohort."""
FORMS = DOCUMENTS | FILES


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a document or file. Raises `KeyError`."""
    schema = TypeAdapter(FORMS[name]).json_schema(mode="serialization")
    return {"$schema": GenerateJsonSchema.schema_dialect, **_without_titles(schema)}


def write_schemas(folder: Path) -> None:
    """Write the schemas as `NAME.json` into a folder, and delete those that nothing has any more.

    Raises `OutputError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        if path.stem not in FORMS:
            path.unlink()
    for name in FORMS:
        write_atomically(folder / f"{name}.json", schema_text(name).encode())


def schema_text(name: str) -> str:
    """The schema of a document as its file has it."""
    return json.dumps(schema_of(name), indent=1, ensure_ascii=False) + "\n"


def _without_titles(value: Any) -> Any:
    """A schema without the titles that pydantic makes of the names of fields."""
    if isinstance(value, dict):
        return {
            key: _without_titles(item)
            for key, item in value.items()
            if key != "title" or not isinstance(item, str)
        }
    return list(map(_without_titles, value)) if isinstance(value, list) else value
