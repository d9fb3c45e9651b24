"""The rows of an export as records, each value looked at: the folder may come from anywhere."""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from gestalt_space.descriptors import unsound
from gestalt_space.errors import ArchiveDamaged, PhotoDamaged
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.gallery.archives.reading import Row
from gestalt_space.gallery.intake.values import OLDEST, is_unknown, parse_consent
from gestalt_space.names import normal_name
from gestalt_space.paths import display_name
from gestalt_space.store.imported import ImportedPatient, ImportedPhoto, ImportedSpace
from gestalt_space.types import WITHDRAWN, Disorder, EncodingRun, Face, PhotoRecord, Quality

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TERM = re.compile(r"HP:\d{7}")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SEXES = (None, "female", "male", "other")
_LONGEST = 4_000
_LARGEST_CROP = 2**20
_WIDEST = 2**20
_SIDE = 112
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">IIBB", _SIDE, _SIDE, 8, 2)
"""What a PNG of an aligned face begins with: its size, 8 bits, RGB."""
_SHARE = 64
"""Crops that one thread decodes at once: handing them over one by one costs a quarter more."""
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_NO_CROP = np.zeros((0, _SIDE, 3), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class RowParser:
    """How rows become records. `prefix`: put before identifiers of patients and families;
    `disorders`: names by identifier, as the export has them; `spaces`: by their tables' names."""

    prefix: str
    disorders: Mapping[str, str]
    spaces: Mapping[str, ImportedSpace]

    def patient(
        self,
        row: Row,
        diagnoses: Sequence[Row],
        genes: Sequence[Row],
        terms: Sequence[Row],
    ) -> ImportedPatient:
        """A patient with the rows about them. Raises `ArchiveDamaged`."""
        name, sex, ancestry, cohort, consent, family, added_at = row
        _check_name(name, "patients")
        if is_unknown(name) or sex not in _SEXES:
            _refuse("patients", f"{name!r} with the sex {sex!r} is not a valid patient")
        for text in (ancestry, cohort, consent, family):
            if text is not None:
                _check_name(text, "patients")
        if parse_consent(consent) == WITHDRAWN:
            _refuse(
                "patients",
                f"the consent of {name!r} is withdrawn, so the patient cannot be in an export",
            )
        for _, code, certainty in diagnoses:
            if code not in self.disorders:
                _refuse("diagnoses", f"{code!r} is not among the disorders")
            _check_name(certainty, "diagnoses")
        for _, symbol in genes:
            _check_name(symbol, "patient_genes")
        for _, term, _ in terms:
            if not _TERM.fullmatch(term):
                _refuse("terms", f"{term!r} is not an HPO term")
        record = PhotoRecord(
            photo="",
            patient=f"{self.prefix}{name}",
            disorders=tuple(Disorder(code, self.disorders[code]) for _, code, _ in diagnoses),
            genes=tuple(symbol for _, symbol in genes),
            sex=sex,
            ancestry=ancestry,
            cohort=cohort,
            consent=consent,
            family=None if family is None else f"{self.prefix}{family}",
            hpo=tuple(term for _, term, present in terms if present),
            hpo_absent=tuple(term for _, term, present in terms if not present),
        )
        certainties = {code: certainty for _, code, certainty in diagnoses}
        return ImportedPatient(record, certainties, added_at)

    def photo(self, photo: Row, face: Row, beside: Mapping[str, Row]) -> ImportedPhoto:
        """A photo with its face; its crop and its descriptors are still to be checked. Raises
        `ArchiveDamaged`."""
        patient, sha256, name, age, site, width, height, added_at = photo
        if not _SHA256.fullmatch(sha256):
            _refuse("photos", f"{sha256!r} is not a sha256")
        _check_name(name, "photos")
        if site is not None:
            _check_name(site, "photos")
        if age is not None and not 0 <= age <= OLDEST:
            _refuse("photos", f"{age!r} is not an age")
        if not (0 < width <= _WIDEST and 0 < height <= _WIDEST):
            _refuse("photos", f"{width} × {height} is not the size of a photo")
        return ImportedPhoto(
            patient=f"{self.prefix}{patient}",
            sha256=sha256,
            name=name,
            age=age,
            site=site,
            width=width,
            height=height,
            added_at=added_at,
            face=_face(face),
            crop=beside["crops"][2] if "crops" in beside else None,
            descriptors={
                space.fingerprint: (beside[table][2], _run(beside[table][3:]))
                for table, space in self.spaces.items()
                if table in beside
            },
        )


def check_crops(crops: Sequence[tuple[str, str, bytes]], threads: ThreadPoolExecutor) -> None:
    """Raise `ArchiveDamaged` for a crop that is no aligned face or cannot be decoded. Each with its
    patient and the name of its photo."""
    shares = [crops[start : start + _SHARE] for start in range(0, len(crops), _SHARE)]
    for one in threads.map(_unsound_crop, shares):
        if one is not None:
            patient, name, _ = one
            _refuse(
                "crops",
                f"the crop of {name!r} of patient {patient!r} is damaged, or is not a PNG of an "
                "aligned face",
            )


def check_vectors(table: str, vectors: Sequence[Any]) -> None:
    """Raise `ArchiveDamaged` for a vector that is zero, not finite or not of unit length."""
    if vectors and unsound(np.stack(vectors)).any():
        _refuse(table, "a descriptor is zero, not finite or not of unit length")


def read_space(row: Row) -> ImportedSpace:
    """A space. Raises `ArchiveDamaged` where its fingerprint is not of its specification."""
    fingerprint, model, specification, dim, is_default = row
    if not _MODEL.fullmatch(model):
        _refuse("spaces", f"{model!r} is not the name of a model")
    if hashlib.sha256(specification.encode()).hexdigest() != fingerprint:
        _refuse("spaces", f"the specification of {model} does not match its fingerprint")
    try:
        told = json.loads(specification)
        wanted = len(told["slots"]) * told["dim"]
    except (ValueError, TypeError, KeyError, RecursionError):
        _refuse("spaces", f"the specification of {model} cannot be read")
    if wanted != dim or not 0 < dim <= _WIDEST:
        _refuse("spaces", f"{model} has descriptors of {dim} numbers instead of {wanted}")
    return ImportedSpace(fingerprint, model, specification, dim, is_default)


def read_disorders(rows: Sequence[Row], genes: Sequence[Row]) -> dict[str, str]:
    """The names of disorders by their identifiers. Raises `ArchiveDamaged`."""
    names: dict[str, str] = dict(rows)
    for code, name in rows:
        _check_name(code, "disorders")
        if name:
            _check_name(name, "disorders")
    for code, symbol in genes:
        _check_name(symbol, "disorder_genes")
        if code not in names:
            _refuse("disorder_genes", f"{code!r} is not among the disorders")
    return names


def _unsound_crop(crops: Sequence[tuple[str, str, bytes]]) -> tuple[str, str, bytes] | None:
    """The first crop that is none."""
    return next((one for one in crops if not _is_crop(one[2])), None)


def _is_crop(png: bytes) -> bool:
    if len(png) > _LARGEST_CROP or not (png.startswith(_PNG) and png.endswith(_PNG_END)):
        return False
    try:
        crop_from_png(png)
    except PhotoDamaged:
        return False
    return True


def _face(row: Row) -> Face:
    _, _, number, count, detector, step, score, box, points, sharpness, size, yaw, roll = row
    for text in (detector, step):
        _check_name(text, "faces")
    numbers = (score, *box, *points, sharpness, size, yaw, roll)
    is_sound = (
        None not in numbers
        and all(math.isfinite(one) and abs(one) <= _WIDEST for one in numbers)
        and 1 <= number <= count
    )
    if not is_sound:
        _refuse("faces", "a face has no place or quality")
    return Face(
        number=number,
        count=count,
        detector=detector,
        step=step,
        box=np.array(box),
        landmarks=np.array(points).reshape(5, 2),
        score=score,
        quality=Quality(sharpness, size, yaw, roll),
        crop=_NO_CROP,
    )


def _run(facts: Row) -> EncodingRun | None:
    if all(fact is None for fact in facts):
        return None
    if None in facts or facts[0] not in ("float32", "bf16", "fp16"):
        _refuse("descriptors", f"{facts!r} is not an encoding run")
    for text in facts:
        _check_name(text, "descriptors")
    return EncodingRun(*facts)


def _check_name(text: str, table: str) -> None:
    """A text as the gallery has them: of one line, in one spelling."""
    if not text or len(text) > _LONGEST or not text.isprintable() or text != normal_name(text):
        _refuse(table, f"{text[:80]!r} is not a valid name in a gallery")


def _refuse(table: str, reason: str) -> NoReturn:
    raise ArchiveDamaged(
        f"{table}.parquet does not follow the format: {display_name(reason)}.",
        "Nothing was imported. Make the export again with `gestalt index export`.",
    )
