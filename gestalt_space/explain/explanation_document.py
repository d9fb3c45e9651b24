"""An explanation as a document."""

from __future__ import annotations

import numpy as np

from gestalt_space.documents.explanations import ExplainedLineForm, ExplanationDocument
from gestalt_space.documents.form import rounded, without_nan
from gestalt_space.documents.parts import face_form
from gestalt_space.explain.explanation import ExplainedLine, Explanation
from gestalt_space.explain.face_map import FaceMap
from gestalt_space.explain.occlusion import PATCHES


def explanation_document(made: Explanation) -> ExplanationDocument:
    """What in a face speaks for a line."""
    return {
        "document": "explanation",
        "version": 1,
        "photo": made.photo,
        "face": face_form(made.face),
        "model": made.model,
        "method": made.method,
        "line_by": made.line_by,
        "seed": made.seed,
        "repeats": len(made.line.face_map.repeats),
        "line": _line(made.line),
        "against": None if made.against is None else _line(made.against),
        "correlation": without_nan(rounded(made.correlation)),
    }


def _line(line: ExplainedLine) -> ExplainedLineForm:
    of = line.reference
    return {
        "id": line.id,
        "name": line.name,
        "similarity": None if of is None else round(of.similarity, 4),
        "patient": None if of is None else of.patient,
        "photo": None if of is None else of.photo,
        "patients": None if of is None else of.patients,
        "probability": rounded(line.probability),
        "speaks_for": without_nan(rounded(line.face_map.speaks_for)),
        "regions": [
            {
                "region": name,
                "share": without_nan(rounded(share.value)),
                "low": without_nan(rounded(share.low)),
                "high": without_nan(rounded(share.high)),
            }
            for name, share in line.face_map.shares().items()
        ],
        "cells": _cells(line.face_map),
    }


def _cells(face_map: FaceMap) -> list[list[float]]:
    side = len(face_map.values) // PATCHES
    squares = face_map.values.reshape(PATCHES, side, PATCHES, side).mean(axis=(1, 3))
    most = float(np.abs(squares).max())
    scaled = squares / most if most else squares
    return [[round(float(value), 3) for value in row] for row in scaled]
