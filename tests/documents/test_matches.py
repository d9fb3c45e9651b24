"""The JSON documents, key by key: programs rest on them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.documents.matches import (
    MATCH_VERSION,
    failed_match_document,
    match_document,
)
from gestalt_space.documents.parts import error_document, face_form
from gestalt_space.errors import NoFace
from gestalt_space.faces.marks import marks_of
from gestalt_space.gallery.copies import Copy
from gestalt_space.gallery.spaces import Encoded
from gestalt_space.match.answer import Eligible, Match, MatchLine, ProbePhoto, SharedTrait
from gestalt_space.match.question import Question
from gestalt_space.types import EncodingRun, Face, Quality
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, make_home, open_gallery, row

EXACT = EncodingRun("float32", "cpu", "onnxruntime", "1")
FAST = EncodingRun("bf16", "cpu", "torch", "2")


@pytest.fixture
def face() -> Face:
    return Face(
        number=2,
        count=3,
        detector="scrfd",
        step="padded",
        box=np.array([1.234, 2.345, 3.456, 4.567], np.float32),
        landmarks=np.arange(10, dtype=np.float32).reshape(5, 2) + 0.125,
        score=0.87654321,
        quality=Quality(12.3456, 100.0, -3.2, 0.0, hidden=0.314),
        crop=made.crop(1),
    )


def test_a_face_is_told_without_its_pixels(face: Face) -> None:
    record = face_form(face)
    assert record == {
        "number": 2,
        "count": 3,
        "detector": "scrfd",
        "step": "padded",
        "score": 0.8765,
        "box": [1.23, 2.35, 3.46, 4.57],
        "landmarks": [[round(v, 2) for v in point] for point in face.landmarks.tolist()],
        "quality": {
            "sharpness": 12.35,
            "size": 100.0,
            "yaw": -3.2,
            "roll": 0.0,
            "eye_distance": 2.83,
            "hidden": 0.31,
            "marks": [asdict(mark) for mark in marks_of(face.landmarks, face.quality)],
        },
    }
    assert [mark["kind"] for mark in record["quality"]["marks"]] == ["small", "covered"]
    assert json.loads(json.dumps(record)) == record


def test_a_match_is_told_with_its_space_and_gallery(
    face: Face, tmp_path: Path, tiny_store: ModelStore
) -> None:
    photo = made.photo_file(tmp_path / "p.png", 1)
    with open_gallery(make_home(tmp_path / "home", tiny_store)) as gallery:
        add(gallery, row(photo, "P0", "A", "B"))
        matches = [
            Match(
                "x.png",
                face,
                (MatchLine(1, "A", "name", 0.731249, "P0", 1, 2, 0.731249),),
                left_out="P9",
                relatives=("P8",),
                photos=(ProbePhoto("x.png", face),),
                k=10,
                eligible=Eligible(1, 1, 2),
                composition=(SharedTrait("sex", "female", 0, 1, 0, 1),),
                copies=(Copy("P7", "y.png", 0.991249, "crops"),),
            ),
            Match("y.png", error=NoFace("No face.", "Try another.")),
        ]
        document = match_document(
            gallery.space,
            gallery.view(Question(sex="female")),
            matches,
            Encoded(FAST, ((EXACT, 1), (None, 2))),
            gallery.calibration(),
        )
        fingerprint = gallery.space.fingerprint
    assert json.loads(json.dumps(document)) == document
    assert document == {
        "document": "match",
        "version": 1,
        "space": {
            "name": "tiny",
            "fingerprint": fingerprint,
            "run": {"precision": "bf16", "device": "cpu", "runtime": "torch", "version": "2"},
            "gallery_runs": [
                {
                    "precision": "float32",
                    "device": "cpu",
                    "runtime": "onnxruntime",
                    "version": "1",
                    "descriptors": 1,
                },
                {
                    "precision": None,
                    "device": None,
                    "runtime": None,
                    "version": None,
                    "descriptors": 2,
                },
            ],
            "other_precision": True,
        },
        "gallery": {
            "patients": 1,
            "photos": 1,
            "disorders": 2,
            "searched_on": "processor",
            "approximate": None,
        },
        "calibration": {
            "state": "current",
            "photos": 1,
            "diagnoses": 2,
            "gallery_photos": 1,
            "gallery_diagnoses": 2,
            "changes": 0,
        },
        "question": {
            "top": 10,
            "by": "disorder",
            "aggregation": "nearest",
            "among": None,
            "without": [],
            "family": None,
            "with_family": False,
            "sex": "female",
            "age": None,
            "ancestry": None,
            "index": "exact",
        },
        "probes": [
            {
                "photo": "x.png",
                "error": None,
                "face": face_form(face),
                "left_out": "P9",
                "relatives": ["P8"],
                "asked": 10,
                "eligible": {"lines": 1, "patients": 1, "photos": 2},
                "verdict": None,
                "best_percentile": None,
                "copies": [
                    {"patient": "P7", "photo": "y.png", "similarity": 0.9912, "proof": "crops"}
                ],
                "composition": [
                    {
                        "attribute": "sex",
                        "value": "female",
                        "neighbours": 0,
                        "neighbours_known": 1,
                        "eligible": 0,
                        "eligible_known": 1,
                    }
                ],
                "disorders": [
                    {
                        "rank": 1,
                        "id": "A",
                        "name": "name",
                        "similarity": 0.7312,
                        "patient": "P0",
                        "patients": 1,
                        "photos": 2,
                        "score": 0.7312,
                        "photo": None,
                        "percentile": None,
                        "likelihood_ratio": None,
                        "no_ratio": None,
                    }
                ],
            },
            {
                "photo": "y.png",
                "error": {"code": "no_face", "message": "No face.", "hint": "Try another."},
                "face": None,
                "left_out": None,
                "relatives": [],
                "asked": 0,
                "eligible": None,
                "verdict": None,
                "best_percentile": None,
                "copies": [],
                "composition": [],
                "disorders": [],
            },
        ],
    }
    assert document["version"] == MATCH_VERSION


def test_a_match_that_failed_as_a_whole_has_the_same_form() -> None:
    error = NoFace("No face.", "Try another.")
    document = failed_match_document(error, ["x.png", "y.png"])
    assert document["version"] == MATCH_VERSION
    assert document["error"] == error.as_dict()
    assert [probe["photo"] for probe in document["probes"]] == ["x.png", "y.png"]
    assert [probe["error"] for probe in document["probes"]] == [error.as_dict()] * 2
    assert {key for probe in document["probes"] for key in probe} == {
        *("photo", "error", "face", "left_out", "disorders"),
        *("asked", "eligible", "verdict", "best_percentile", "composition"),
        *("copies", "relatives"),
    }


def test_an_error_is_a_document_of_its_own() -> None:
    error = NoFace("No face.", "Try another.")
    assert error_document(error) == {
        "document": "error",
        "version": 1,
        "error": error.as_dict(),
    }
