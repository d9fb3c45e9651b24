"""The JSON documents that programs read, each with its version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.errors import GestaltError
from gestalt_space.faces.marks import marks_of
from gestalt_space.faces.quality import eye_distance
from gestalt_space.gallery.calibration.calibrating import CalibrationState
from gestalt_space.gallery.spaces import ActiveSpace, Encoded, run_records
from gestalt_space.index.approximate import NEAREST
from gestalt_space.match.answer import Match
from gestalt_space.match.evidence import Evidence
from gestalt_space.match.probe import Probe
from gestalt_space.match.view import View
from gestalt_space.types import Face

MATCH_VERSION = 1


def match_document(
    space: ActiveSpace,
    view: View,
    matches: Iterable[Match],
    encoded: Encoded,
    calibration: CalibrationState | None,
) -> dict[str, Any]:
    """The answer to a match, version 1. The lines stand under what they are: `disorders`, `genes`
    or `patients`. `calibration`: how old the one is that verdicts rest on."""
    question, state = view.question, view.state
    return {
        "version": MATCH_VERSION,
        "space": _space(space, encoded),
        "gallery": {
            "patients": state.totals("patient").patients,
            "photos": state.photos,
            f"{question.by}s": state.totals(question.by).lines,
            "searched_on": state.searched_on,
            "approximate": _approximate(view),
        },
        "calibration": None if calibration is None else asdict(calibration),
        "question": {
            "top": question.k,
            "by": question.by,
            "aggregation": question.aggregation,
            "among": str(question.among) or None,
            "without": list(question.without),
            "family": question.family,
            "with_family": question.with_family,
            "sex": question.sex,
            "age": question.age,
            "ancestry": question.ancestry,
            "index": question.index,
        },
        "probes": [_probe(match, question.by) for match in matches],
    }


def evidence_document(
    space: ActiveSpace, asked: Probe, wanted: str, evidence: Iterable[Evidence], encoded: Encoded
) -> dict[str, Any]:
    """The evidence of lines, version 1."""
    return {
        "version": 1,
        "space": {
            **_space(space, encoded),
            "slots": list(encoder_spec(space.model).slots),
        },
        "probe": asked.name,
        "left_out": None if asked.own is None else asked.own.identifier,
        "explained": wanted,
        "lines": [rounded(asdict(one)) for one in evidence],
    }


def failed_match_document(
    error: GestaltError, photos: Iterable[str], by: str = "disorder"
) -> dict[str, Any]:
    """The answer where no probe could be matched: the error, at the top and for every probe."""
    return {
        "version": MATCH_VERSION,
        "error": error.as_dict(),
        "space": None,
        "gallery": None,
        "probes": [_probe(Match(photo, error=error), by) for photo in photos],
    }


def _approximate(view: View) -> dict[str, Any] | None:
    """How much an approximate search finds; None where the search was exact."""
    searcher = view.approximate
    if searcher is None:
        return None
    record = searcher.record
    return {
        f"recall_at_{NEAREST}": round(record.recall, 4),
        "measured_on": record.measured,
        "photos": record.rows,
        "later_photos": searcher.later,
        "options": record.options,
    }


def _space(space: ActiveSpace, encoded: Encoded) -> dict[str, Any]:
    return {
        "name": space.model.name,
        "fingerprint": space.fingerprint,
        "run": None if encoded.probe is None else asdict(encoded.probe),
        "gallery_runs": run_records(encoded.gallery),
        "other_precision": encoded.otherwise is not None,
    }


def error_document(error: dict[str, Any]) -> dict[str, Any]:
    """The answer of any command that failed as a whole."""
    return {"version": 1, "error": error}


def face_record(face: Face) -> dict[str, Any]:
    """A face as it stands in JSON. Coordinates in pixels of the upright photo."""
    return {
        "number": face.number,
        "count": face.count,
        "detector": face.detector,
        "step": face.step,
        "score": round(face.score, 4),
        "box": [round(float(v), 2) for v in face.box],
        "landmarks": [[round(float(v), 2) for v in point] for point in face.landmarks],
        "quality": quality_record(face),
    }


def quality_record(face: Face) -> dict[str, Any]:
    """What was measured of a face, and what of it makes a match less sure."""
    return {
        **{name: round(value, 2) for name, value in asdict(face.quality).items()},
        "eye_distance": round(eye_distance(face.landmarks), 2),
        "marks": [rounded(asdict(mark)) for mark in marks_of(face.landmarks, face.quality)],
    }


def _probe(match: Match, by: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "photo": match.photo,
        "error": _error(match.error),
        "face": None if match.face is None else face_record(match.face),
        "left_out": match.left_out,
        "relatives": list(match.relatives),
        "asked": match.asked,
        "eligible": None if match.eligible is None else asdict(match.eligible),
        "verdict": match.verdict,
        "best_percentile": rounded(match.best_percentile),
        "copies": [rounded(asdict(copy)) for copy in match.copies],
        "composition": [asdict(shared) for shared in match.composition],
        f"{by}s": [rounded(asdict(line)) for line in match.lines],
    }
    if len(match.photos) > 1:
        record["photos"] = [
            {
                "photo": photo.name,
                "error": _error(photo.error),
                "face": None if photo.face is None else face_record(photo.face),
            }
            for photo in match.photos
        ]
    return record


def _error(error: GestaltError | None) -> dict[str, Any] | None:
    return None if error is None else error.as_dict()


def rounded(value: Any) -> Any:
    """Numbers to four decimals, in whatever they stand."""
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value
