"""The JSON documents that programs read, each with its version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from gestalt_space.errors import GestaltError
from gestalt_space.gallery import ActiveSpace
from gestalt_space.snapshot import Snapshot
from gestalt_space.types import Face, Match

MATCH_VERSION = 1


def match_document(
    space: ActiveSpace, snapshot: Snapshot, matches: Iterable[Match]
) -> dict[str, Any]:
    """The answer to a match, version 1."""
    return {
        "version": MATCH_VERSION,
        "space": {"name": space.model.name, "fingerprint": space.fingerprint},
        "gallery": {
            "patients": len(snapshot.patients),
            "photos": len(snapshot.index),
            "disorders": len(snapshot.lines.titles),
        },
        "probes": [_probe(match) for match in matches],
    }


def failed_match_document(error: GestaltError, photos: Iterable[str]) -> dict[str, Any]:
    """The answer where no probe could be matched: the error, at the top and for every probe."""
    return {
        "version": MATCH_VERSION,
        "error": error.as_dict(),
        "space": None,
        "gallery": None,
        "probes": [_probe(Match(photo, error=error)) for photo in photos],
    }


def error_document(error: dict[str, str]) -> dict[str, Any]:
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
        "quality": {name: round(value, 2) for name, value in asdict(face.quality).items()},
    }


def _probe(match: Match) -> dict[str, Any]:
    return {
        "photo": match.photo,
        "error": None if match.error is None else match.error.as_dict(),
        "face": None if match.face is None else face_record(match.face),
        "left_out": match.left_out,
        "disorders": [
            {**asdict(line), "similarity": round(line.similarity, 4)} for line in match.disorders
        ],
    }
