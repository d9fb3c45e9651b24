"""Documents and tables of made-up patients. `python -m tests.documents.examples` writes the golden
files anew: where that changes one, CHANGELOG.md and docs/formats.md say so, and the version rises
if a field went or means something else.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from gestalt_space.cohort.cluster_documents import cluster_document
from gestalt_space.cohort.clusters import cluster
from gestalt_space.cohort.cohesion import Cohesion, CohesionPlan, CurvePoint
from gestalt_space.cohort.comparison import ComparisonPlan, compare_groups
from gestalt_space.cohort.recognisable import (
    ClassifiedGroup,
    Recognisable,
    RecognisablePlan,
    Told,
)
from gestalt_space.cohort.statistics_document import (
    cohesion_document,
    comparison_document,
    recognisable_document,
)
from gestalt_space.cohort.term_groups import TermCount, TermGroups
from gestalt_space.cohort.term_shares import TermShare
from gestalt_space.documents.access import erasures_document, session_document
from gestalt_space.documents.added import added_document, added_table
from gestalt_space.documents.classified import classified_document, classified_table
from gestalt_space.documents.contents import contents_document, contents_table
from gestalt_space.documents.corrected import corrected_document
from gestalt_space.documents.crops import (
    crops_checked_document,
    crops_claimed_document,
    crops_moved_document,
)
from gestalt_space.documents.engines import (
    engine_document,
    engine_removed_document,
    engines_document,
    engines_table,
)
from gestalt_space.documents.evidence import evidence_table
from gestalt_space.documents.filled import removed_document
from gestalt_space.documents.findings import findings_document, findings_table
from gestalt_space.documents.form import rounded
from gestalt_space.documents.homes import home_forgotten_document, homes_document, homes_table
from gestalt_space.documents.matches import match_document, match_table
from gestalt_space.documents.models import models_document, models_table
from gestalt_space.documents.parts import error_document
from gestalt_space.documents.patients import (
    patient_document,
    patients_document,
    patients_table,
    photos_table,
)
from gestalt_space.documents.phenotype_ranking import (
    phenotype_ranking_document,
    phenotype_terms_document,
    ranking_table,
)
from gestalt_space.documents.receipts import receipt_document
from gestalt_space.documents.schemas import REPLY
from gestalt_space.documents.similar_patients import (
    similar_patients_document,
    similar_patients_table,
)
from gestalt_space.documents.spaces import spaces_document, spaces_table
from gestalt_space.documents.trail import log_document, log_table
from gestalt_space.documents.users import (
    token_made_document,
    tokens_document,
    tokens_table,
    users_document,
    users_table,
)
from gestalt_space.errors import NoFace
from gestalt_space.evaluation.gallery_document import evaluation_document
from gestalt_space.evaluation.gallery_results import EvaluationPlan
from gestalt_space.evaluation.own_gallery import evaluate_gallery
from gestalt_space.explain.explanation_document import explanation_document
from gestalt_space.fusion.documents import fused_form, fused_table
from gestalt_space.gallery.calibration.calibrating import CalibrationState
from gestalt_space.gallery.choosing import SpaceState
from gestalt_space.gallery.copies import Copy
from gestalt_space.gallery.correcting import Correction
from gestalt_space.gallery.engines.engine_mixin import EngineRemoved, EngineState
from gestalt_space.gallery.engines.recorded import EngineRecall, EngineRecord
from gestalt_space.gallery.erasure.erased import Erased
from gestalt_space.gallery.erasure.searching import FileTrace as Found
from gestalt_space.gallery.erasure.searching import SearchReport
from gestalt_space.gallery.inspecting.findings import CheckFinding
from gestalt_space.gallery.listing import GalleryStats
from gestalt_space.gallery.moving_crops import CheckedPlace, MovedCrops
from gestalt_space.gallery.spaces import Encoded
from gestalt_space.gallery.storing import Added
from gestalt_space.gallery.trail import LoggedEvent
from gestalt_space.index.engines.contract import EnginePosition
from gestalt_space.interop.gestaltmatcher import service_reply
from gestalt_space.match.answer import Eligible, Match, MatchLine, ProbePhoto, SharedTrait
from gestalt_space.match.classified import Classified, ClassLine, FusedLine
from gestalt_space.match.evidence import Evidence, EvidencePhoto
from gestalt_space.match.question import Question
from gestalt_space.phenotype.cases import Case, rank_cases
from gestalt_space.phenotype.query import parse_query
from gestalt_space.phenotype.ranking import Ranker
from gestalt_space.phenotype.similar_patients import similar_patients
from gestalt_space.ranking.calibration import LikelihoodRatio
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.resampling import Bootstrap
from gestalt_space.store.accounts import Account, TokenRecord
from gestalt_space.store.differences import Change
from gestalt_space.store.erasures import UnfinishedErasure
from gestalt_space.store.homes import KnownHome
from gestalt_space.store.reads import (
    GalleryCounts,
    PatientRecord,
    PatientSummary,
    PhotoDetail,
    StoredSpace,
)
from gestalt_space.store.removals import Removed
from gestalt_space.tables.table import Table
from gestalt_space.training.classifier.documents import (
    binary_document,
    multiclass_document,
    specialised_document,
)
from gestalt_space.training.classifier.recipe import load_classifier_recipe
from gestalt_space.training.classifier.results import (
    BinaryResult,
    ClassCounts,
    MulticlassResult,
    RegionFigures,
    SpecialisedResult,
)
from gestalt_space.training.classifier.tops import TopShare
from gestalt_space.types import EncodingRun, Face, Quality
from gestalt_space.weights.catalogue import CatalogueEntry
from gestalt_space.weights.classifier_facts import (
    Answer,
    ClassifierFacts,
    Measured,
    RegionNetwork,
    TopProbabilities,
)
from gestalt_space.weights.manifest import InstalledModel, ModelFile
from tests import made
from tests.cohort.selections import QUICK, planted
from tests.documents.fused import FUSED
from tests.documents.gene_examples import gene_documents, gene_tables
from tests.evaluation.made_data import random_data
from tests.explain.made_explanations import explanation
from tests.phenotype.made import parsed_release

GOLDEN = Path(__file__).parent / "golden"
AT = datetime(2026, 1, 2, 3, 4, 5)
RUN = EncodingRun("float32", "cpu", "onnxruntime", "1.2")
RUNS = ((RUN, 3), (None, 1))
FACE = Face(
    number=1,
    count=2,
    detector="scrfd",
    step="as is",
    box=np.array([1.234, 2.345, 101.5, 120.25], np.float32),
    landmarks=np.arange(10, dtype=np.float32).reshape(5, 2),
    score=0.87654321,
    quality=Quality(12.3456, 100.0, -3.2, 0.5, hidden=0.314),
    crop=made.crop(1),
)
ERROR = NoFace("No face was found.", "Give another photo.")
LINES = (
    MatchLine(
        *(1, "OMIM:122470", "=Cornelia de Lange syndrome 1", 0.81234567, "P1", 3, 4, 0.81234567),
        photo="p1.jpg",
        percentile=99.123456,
        likelihood_ratio=LikelihoodRatio(12.345678, 3.4567891),
    ),
    MatchLine(2, "ORPHA:199", "", 0.5, "-P2", 1, 1, 0.5, no_ratio="too few"),
)
MATCHES = (
    Match(
        "new.jpg",
        face=FACE,
        lines=LINES,
        left_out="P9",
        relatives=("P8",),
        k=10,
        eligible=Eligible(2, 3, 5),
        composition=(SharedTrait("sex", "female", 1, 2, 3, 4),),
        verdict="close match",
        best_percentile=87.654321,
        copies=(Copy("P7", "copy.png", 0.99999, "crops"),),
    ),
    Match("text.jpg", error=ERROR),
)
SPACE: Any = SimpleNamespace(model=SimpleNamespace(name="tiny"), fingerprint="ab" * 32)
VIEW: Any = SimpleNamespace(
    question=Question(sex="female", age=4.5, without=("P6",)),
    state=SimpleNamespace(
        totals=lambda by: SimpleNamespace(patients=4, lines=len(by)),
        photos=5,
        searched_on="processor",
    ),
    approximate=None,
    engine=None,
    told=None,
    searched_on="processor",
)
ENGINES = (
    EngineState(
        EngineRecord("pgvector", "ab" * 32, None, EngineRecall(0.98765, 0.99, 300, 100_000)),
        "postgresql://user@host/db",
        "tiny",
        EnginePosition("ab" * 32, 512, "cd" * 16, 100_003, 2, 100_000),
        3,
    ),
    EngineState(
        EngineRecord("milvus", "cd" * 32, "http://host:19530"),
        "http://host:19530",
        None,
        None,
        0,
        ERROR,
    ),
)
ENGINE_REMOVED = EngineRemoved(EngineRecord("milvus", "ab" * 32), "/home/milvus", "/home/milvus")
CALIBRATION = CalibrationState("current", 5, 4, 5, 4, 0)
PATIENTS = (
    PatientSummary("P1", ("OMIM:122470",), "female", "Taiwanese", "=A", "F1", 2, None),
    PatientSummary("-P2", (), None, None, None, None, 1, "withdrawn"),
)
PATIENT = PatientRecord(
    patient="P1",
    disorders=(("OMIM:122470", "Cornelia de Lange syndrome 1"),),
    genes=("NIPBL",),
    sex="female",
    ancestry="Taiwanese",
    cohort="A",
    consent=None,
    family="F1",
    hpo=("HP:0000664",),
    hpo_absent=("HP:0000252",),
    added_at=AT,
    photos=(
        PhotoDetail(
            *("p1.jpg", "cd" * 32, 4.5, "Bonn", AT, "scrfd", "as is", 0.87654321, 1, 2),
            *((1.234, 2.345, 101.5, 120.25), 12.3456, 100.0, -3.2, 0.5, True),
            *(("tiny", "other"), (RUN, None)),
        ),
    ),
)
STATS = GalleryStats(
    GalleryCounts(4, 1, 5, 5, 2, 1, 1),
    ((StoredSpace(1, "tiny", "ab" * 32, "{}", 16, True), 4),),
    (RUNS,),
    (CALIBRATION,),
)
ADDED = (
    Added("a.jpg", "P1", "updated", FACE, None, ("sex: – → female",), ("A note.", "Another.")),
    Added("@b.jpg", "P2", "failed", error=ERROR, copies=(Copy("P7", "c.png", 0.987654, "crops"),)),
)
SPACES = (
    SpaceState("tiny", "ab" * 32, True, True, 4, 1, 0, 123456),
    SpaceState("other", "ef" * 32, False, False, 3, 0, 1, 2345678),
)
HOMES = (
    KnownHome("0" * 36, "ward-1:/data", AT, 0, None, 0),
    KnownHome("1" * 36, "ward-2:/data", AT, 2, AT, 1),
)
FINDINGS = (
    CheckFinding("database", "ok", "SQLite", ""),
    CheckFinding("index", "fail", "a file is damaged", "Run `gestalt index rebuild`."),
)
EVENTS = (
    LoggedEvent(1, AT, "ann", "add", ("P1", "P2"), 1, ("2 photos",), {"photos": 2}, "aa" * 32),
    LoggedEvent(2, AT, "ann", "remove", (), 1, ("emptied",), None, "bb" * 32),
)
CHECKED = CheckedPlace(
    place="s3://crops/gestalt/0a",
    is_shared=False,
    crops=1234,
    missing=("p1.jpg (P1)",),
    damaged=("p2.jpg (P2)",),
    deleted=3,
    young=1,
    waiting=2,
    foreign=1,
)
ERASED = Erased(
    at="2026-01-02T03:04:05+00:00",
    actor="ann",
    done_at="2026-01-02T03:05:05+00:00",
    salt="5a",
    patients=("12" * 32,),
    photos=("34" * 32,),
    removed_before=0,
    rows={"patient": 1, "photo": 1},
    files={"overwritten": 2},
    homes=("ward-1:/data",),
    forgotten=({"place": "ward-3:/data", "at": "2026-01-01T00:00:00+00:00", "by": "ann"},),
    database="sqlite",
    compacted=True,
    searched=SearchReport(
        files=9,
        bytes=12345,
        texts=3,
        pieces=40,
        pieces_passed_over=1,
        found=(),
        others=(Found("gallery.sqlite", "name of a photo", 1),),
        uncertain=(),
        unreadable=(),
        not_searched=0,
        passed_over=(),
    ),
    copies=(
        {
            "action": "backup",
            "path": "/backup",
            "at": "2026-01-01T00:00:00+00:00",
            "certain": False,
        },
    ),
    names=("P1",),
)
MODEL = InstalledModel(
    name="tiny",
    folder=Path("models/tiny"),
    files=(ModelFile("e.onnx", "ab" * 32, 1234567, "encoder", "arcface", 112, dim=16),),
    source="tests",
    license="made",
    terms="",
    restricted=False,
    accepted_at=None,
    added_at="2026-01-02T03:04:05+00:00",
    views=("plain",),
)
OFFERED = CatalogueEntry("yunet", "YuNet", "https://x.y/z", "ab" * 32, 1, "MIT", "", False)
COHESION = Cohesion(
    *(3, 2, 4, 9, 1, 0.51234, 0.4, 0.05, 2.2468, 98.7, 0.013, 8),
    curve=(CurvePoint(2, 0.5, 0.25, 90.0),),
    plan=CohesionPlan(match=("sex",), permutations=1000, seed=3),
)
RECOGNISABLE = Recognisable(
    by="both",
    brier=0.151234,
    shuffled_brier=0.26,
    shuffled_sd=0.03,
    p=0.004,
    auroc=Estimate(0.875, 0.61, 0.97),
    patients=ClassifiedGroup(9, 8, 12),
    controls=ClassifiedGroup(8, 8, 8),
    unknown=1,
    unmatched=2,
    relatives=1,
    classifier="logistic regression",
    folds=8,
    alone=(
        Told("face", 0.2, 0.26, 0.03, 0.012, Estimate(0.8, 0.5, 0.9)),
        Told("terms", 0.18, 0.26, 0.03, 0.01, Estimate(0.82, 0.52, 0.91)),
    ),
    terms=TermGroups(
        release="2025-01-16",
        patients_without=3,
        controls_without=12,
        unusable=1,
        count=TermCount(5.5, 4.25, 0.2),
        shares=(TermShare("HP:0000664", "Synophrys", 0.75, 0.125, 0.002, 0.04),),
    ),
    warnings=("Site S1 has photos of the patients only.",),
    plan=RecognisablePlan(match=("sex",), seed=3, by="both"),
)
COHORT: Any = SimpleNamespace(space="tiny", fingerprint="ab" * 32, runs=RUNS, source="cohort Bonn")
TRAINED: Any = {
    "model": Path("run/model"),
    "recipe": load_classifier_recipe("deepgestalt-builtin", ["regions=face, eyes"]),
    "classes": (
        ClassCounts(Answer("OMIM:122470", "=CdLS"), 30, 28, 41),
        ClassCounts(Answer("others", ""), 70, 70, 90),
    ),
    "left_out": {"without a disorder": 3},
    "regions": (
        RegionFigures("face", 0.91234567, 0.3, 0.8),
        RegionFigures("eyes", 0.7, 0.61, 0.2),
    ),
    "known": TopProbabilities(100, tuple(0.5 + step / 40 for step in range(21))),
    "unknown": None,
}
MULTICLASS = MulticlassResult(
    **TRAINED,
    tops=(TopShare(1, Estimate(0.61234567, 0.5, 0.7), Estimate(0.6, 0.5, 0.7), 0.5),),
    parts={"training": (70, 90), "validation": (15, 20), "test": (15, 21)},
    rare_parts={"training": (0, 0), "validation": (6, 6), "test": (5, 7)},
    rare=4,
)
BINARY = BinaryResult(
    **TRAINED,
    folds=5,
    accuracy=Estimate(0.96, 0.9, 0.98),
    sensitivity=Estimate(0.93333333, 0.78, 0.98),
    specificity=Estimate(0.97, 0.9, 0.99),
    auroc=Estimate(0.98, 0.95, 0.99),
    majority=0.7,
    threshold=0.43219876,
)
SPECIALISED = SpecialisedResult(
    **TRAINED,
    folds=5,
    disorder="OMIM:163950",
    permutations=1000,
    top1=Estimate(0.64, 0.5, 0.76),
    class_top1=0.61,
    chance=0.5012345,
    p=0.004,
    confusion=((20, 10), (15, 55)),
)
FACTS = ClassifierFacts(
    experiment="multiclass",
    subject="",
    classes=(Answer("OMIM:122470", "=CdLS"), Answer("OMIM:194050", "")),
    view="in-place",
    regions=(RegionNetwork("face", "network.onnx", 1.0),),
    layers="class-layers.safetensors",
    threshold=None,
    known=TRAINED["known"],
    unknown=None,
    measured=Measured(top1=0.61234567, chance=0.5),
)
CLASSIFIED = (
    Classified(
        photo="a.jpg",
        photos=(ProbePhoto("a.jpg", FACE),),
        own="P1",
        trained_on=True,
        lines=(ClassLine(1, "OMIM:122470", "=CdLS", 0.87654321),),
        top=0.87654321,
        entropy=0.53,
        reached_by_known=0.24,
        fused=(
            FusedLine(1, "OMIM:122470", "=CdLS", 2, 0.71234567, 0.87654321),
            FusedLine(2, "OMIM:147920", "", 1, 0.75, None),
        ),
        verdict="weak match",
    ),
    Classified("b.jpg", error=ERROR),
)
EVIDENCE = (Evidence("OMIM:122470", "=CdLS", (EvidencePhoto("P1", "p1.jpg", 4.5, 0.812345, ()),)),)


@functools.cache
def measured() -> dict[str, Any]:
    """Documents of what is measured of made-up patients, to three digits, which are the same on any
    machine."""
    of = planted(disorders=2, each=8, strength=2.0)
    a, b = (of.only(of.patients[place::2]) for place in (0, 1))
    few = ComparisonPlan(permutations=99, bootstrap=Bootstrap(100))
    evaluated = evaluate_gallery(
        [random_data(1, patients=16, disorders=3)],
        EvaluationPlan(aggregations=("nearest",), bootstrap=Bootstrap(100, 0)),
    )
    found = {
        "clusters": cluster_document(of, cluster(of, QUICK), show_patients=True),
        "comparison": comparison_document(a, b, compare_groups(a, b, few)),
        "evaluation": evaluation_document(evaluated, with_patients=True),
    }
    return {name: rounded(document, 3) for name, document in found.items()}


def matched() -> Any:
    """A match; of its probes one has terms and an exome."""
    document = match_document(SPACE, VIEW, MATCHES, Encoded(RUN, RUNS), CALIBRATION)
    document["probes"][0]["fused"] = fused_form(FUSED, "disorder")
    return document


def documents() -> dict[str, Any]:
    """Documents by the names of their schemas."""
    return {
        "match": matched(),
        "error": error_document(ERROR),
        "patients": patients_document(PATIENTS, "P2"),
        "patient": patient_document(PATIENT),
        "contents": contents_document(STATS),
        "added": added_document(ADDED, Counter(one.status for one in ADDED), None, CALIBRATION),
        "corrected": corrected_document(
            Correction((Change("fact", "sex", "", "female"),)), ["A note."]
        ),
        "crops-checked": crops_checked_document([CHECKED]),
        "crops-claimed": crops_claimed_document(["s3://crops/gestalt/0a"]),
        "crops-moved": crops_moved_document(
            MovedCrops("s3://crops/gestalt/0a", 12, ("p1.jpg (P1)",))
        ),
        "removed": removed_document(Removed(1, 2)),
        "spaces": spaces_document(SPACES),
        "engine": engine_document(ENGINES[0]),
        "engines": engines_document(ENGINES),
        "engine-removed": engine_removed_document(ENGINE_REMOVED, forgotten=False),
        "homes": homes_document(HOMES, "0" * 36),
        "home-forgotten": home_forgotten_document(HOMES[1], "0" * 36),
        "explanation": explanation_document(explanation()),
        "findings": findings_document(FINDINGS),
        "log": log_document(EVENTS),
        "receipt": receipt_document(ERASED),
        "models": models_document([MODEL], ["broken"], [OFFERED]),
        "cohesion": cohesion_document(COHORT, COHESION),
        "recognisable": recognisable_document(COHORT, RECOGNISABLE),
        "multiclass": multiclass_document(MULTICLASS),
        "binary": binary_document(BINARY),
        "classified": classified_document("own", FACTS, CLASSIFIED, "tiny"),
        "specialised": specialised_document(SPECIALISED),
        "phenotype-ranking": phenotype_ranking_document(RANKER, ["OMIM"], RANKED),
        "phenotype-terms": phenotype_terms_document(
            RANKER.release.ontology.release, RANKER.release.ontology.search("nose", 2)
        ),
        "similar-patients": similar_patients_document(
            SIMILAR, LIKE, TOLD, release="2025-01-16", measure="resnik", left_out="P1"
        ),
        **measured(),
        REPLY: service_reply(SPACE, VIEW, LINES, LINES[:1]),
        **of_the_service(),
        **gene_documents(),
    }


RANKER = Ranker(parsed_release())
RANKED = list(
    rank_cases(
        RANKER,
        [
            Case(
                "case",
                ("HP:0000019", "HP:0000002", "HP:0000090"),
                ("HP:0000020",),
                ("AAA1", "Entrez:20", "NONE1"),
            ),
            Case("without terms"),
        ],
        2,
        explain=True,
    )
)
LIKE = parse_query(RANKER.release.ontology, ["Eye", "HP:0000012", "!HP:0000020"])
SIMILAR = similar_patients(
    RANKER.release, LIKE, {"P2": ("HP:0000011",), "P3": ("HP:0000013", "HP:0000012")}, 10
)
TOLD = {"P2": ("OMIM:122470",), "P3": ()}
USERS = [
    Account(1, "anna", "admin", True, AT, False),
    Account(2, "pipeline", "reader", False, AT, True),
]
TOKENS = [TokenRecord(7, "pipeline", "exome lab", AT, datetime(2999, 1, 2, tzinfo=UTC), None)]


def of_the_service() -> dict[str, Any]:
    """Documents that the service alone answers, or that are about it."""
    return {
        "erasures": erasures_document([UnfinishedErasure(3, AT, "anna", {"left": True})]),
        "session": session_document("anna", "admin", "login", "c" * 64),
        "token-made": token_made_document("gestalt_token", TOKENS[0]),
        "tokens": tokens_document(TOKENS),
        "users": users_document(USERS),
    }


def tables() -> dict[str, Table]:
    """Tables by the names of their golden files."""
    return {
        "match": match_table(MATCHES, VIEW),
        "fused": fused_table([*FUSED.disorders.lines, *FUSED.genes.lines]),
        "classified": classified_table(CLASSIFIED),
        "evidence": evidence_table(EVIDENCE),
        "patients": patients_table(PATIENTS),
        "photos": photos_table(PATIENT),
        "contents": contents_table(STATS),
        "added": added_table(ADDED),
        "spaces": spaces_table(SPACES),
        "engines": engines_table(ENGINES),
        "homes": homes_table(HOMES, "0" * 36),
        "findings": findings_table(FINDINGS),
        "log": log_table(EVENTS),
        "models": models_table([MODEL], ["broken"], [OFFERED]),
        "phenotype-ranking": ranking_table(RANKED),
        "similar-patients": similar_patients_table(SIMILAR, TOLD),
        "users": users_table(USERS),
        "tokens": tokens_table(TOKENS),
        **gene_tables(),
    }


def text_of(document: Any) -> str:
    """A document as its golden file has it, without this release's version and today's date."""
    told = {"tool": "gestalt-space", "made_by": "gestalt-space", "gestalt_space": "", "date": ""}
    document = {**document, **{name: told[name] for name in told if name in document}}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, document in documents().items():
        (GOLDEN / f"{name}.json").write_text(text_of(document), encoding="utf-8")
    for name, table in tables().items():
        (GOLDEN / f"{name}.csv").write_bytes(table.csv())
