"""From a release of GMDB to photos for the gallery: what may be taken, and what is known of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from gestalt_space.errors import PatientConflict, UsageError
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.records import check_record, make_record
from gestalt_space.interop.gmdb import ImageRow, read_images, read_syndromes
from gestalt_space.paths import display_name, find_file

COHORT = "GMDB"
"""Begins the name of every cohort that a release goes into."""
NO = frozenset({"0", "0.0", "false", "no", "n", "f"})
YES = frozenset({"1", "1.0", "true", "yes", "y", "t"})
PATIENT = frozenset({"", "patient", "affected", "proband"})
NOT_FRONTAL = ("profile", "lateral", "side", "hand", "foot", "feet", "body", "ear", "x-ray", "mri")
IMAGE_FOLDERS = (".", "images", "photos", "../images", "../photos")
"""Where images are looked for, from the folder of the metadata."""

_HPO = re.compile(r"HP:[0-9]{7}")
_OMIM = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True)
class GmdbIntake:
    """The rows to be added, and the images left out, by the reason."""

    version: str
    rows: tuple[Intake, ...]
    left_out: Mapping[str, tuple[str, ...]]


def gmdb_intake(
    folder: Path,
    *,
    version: str | None = None,
    images: Path | None = None,
    include_private: bool = False,
    prefix: str = "",
) -> GmdbIntake:
    """What a release's metadata in `folder` gives to the gallery.

    Left out are images whose consent was refused, private ones unless they are included, those of
    which neither is written in a word of `YES` or `NO`, and those that are told not to be frontal.
    Controls and relatives go in without a disorder, in a cohort of their own. Disorders are named
    by OMIM where the release has one number for them, else `GMDB:<syndrome>`. `prefix` stands
    before every patient's identifier. Raises `UsageError` and `TableDamaged`.
    """
    version, rows = read_images(folder, version)
    syndromes = read_syndromes(folder, version)
    place = _image_folder(folder, images, rows)
    taken: list[Intake] = []
    left_out: dict[str, list[str]] = {}
    for row in rows:
        reason = _reason(row, include_private=include_private)
        if reason:
            left_out.setdefault(reason, []).append(row.text("image_id"))
        else:
            taken.append(_intake(row, version, syndromes, place, prefix))
    return GmdbIntake(
        version, tuple(taken), {reason: tuple(ids) for reason, ids in left_out.items()}
    )


def check_patients(found: GmdbIntake, cohorts: Mapping[str, str | None]) -> None:
    """Raise `PatientConflict` where a patient of the release bears the identifier of somebody else
    in the gallery: of one who is in no cohort of GMDB. `cohorts`: of each patient there."""
    for row in found.rows:
        if row.record is None or row.record.patient not in cohorts:
            continue
        cohort = cohorts[row.record.patient]
        if cohort is None or not cohort.startswith(COHORT):
            raise PatientConflict(
                f"The gallery already has a patient {row.record.patient} who is not from GMDB.",
                "Add a prefix to the ids of the GMDB patients: --prefix GMDB:",
            )


def _reason(row: ImageRow, *, include_private: bool) -> str:
    """Why an image is left out; empty where it is not. A word that is not known means the worst."""
    consent, private = row.permission("consent"), row.permission("private")
    if consent in NO:
        return "no consent"
    if consent and consent not in YES:
        return f"unknown consent {display_name(consent[:40])!r}"
    if private and private not in NO and not include_private:
        return "private"
    kind = row.text("image_type").lower()
    return f"image type {kind}" if any(word in kind for word in NOT_FRONTAL) else ""


def _intake(
    row: ImageRow,
    version: str,
    syndromes: Mapping[str, Mapping[str, str]],
    images: Path,
    prefix: str,
) -> Intake:
    name = row.text("filename") or f"{row.text('image_id')}.jpg"
    kind = row.permission("person_type")
    cohort = f"{COHORT} {version}"
    cells = {
        "photo": name,
        "patient": f"{prefix}{row.text('patient_id')}" if row.text("patient_id") else "",
        "genes": ";".join(_texts(row.text("gene_names"))),
        "sex": _sex(row.text("gender")),
        "age": _age(row),
        "ancestry": row.text("ethnicity_category").replace(";", ","),
        "cohort": cohort if kind in PATIENT else f"{cohort} {kind}",
        "hpo": ";".join(
            [
                *_HPO.findall(row.text("present_features")),
                *(f"!{term}" for term in _HPO.findall(row.text("absent_features"))),
            ]
        ),
        "consent": "given" if row.permission("consent") in YES else "",
    }
    if kind in PATIENT:
        cells |= _disorder(row, syndromes)
    try:
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            raise UsageError(
                f"The file {display_name(name)!r} is outside the folder of the images.",
                "Correct its name.",
            )
        told = make_record(cells)
        check_record(told.record)
        return Intake(name, find_file(images / name), told.record, notes=told.notes)
    except UsageError as error:
        placed = f"image_metadata_{version}.tsv, row {row.line}: {error.message}"
        return Intake(name, images / name, None, UsageError(placed, error.hint))


def _disorder(row: ImageRow, syndromes: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    id_ = row.text("internal_syndrome_id").removesuffix(".0")
    name = row.text("internal_syndrome_name") or row.text("syndrome_name")
    name = name or next(iter(_texts(row.text("disorder_names"))), "")
    if not id_ and not name:
        return {}
    numbers = set(_OMIM.findall(syndromes.get(id_, {}).get("OMIM", "")))
    code = f"OMIM:{numbers.pop()}" if len(numbers) == 1 else f"GMDB:{id_}" if id_ else name
    return {"disorder": code.replace(";", ","), "disorder_name": name.replace(";", ",")}


def _texts(cell: str) -> list[str]:
    """A list written in JSON, in Python's way, or with commas."""
    try:
        found = json.loads(cell) if cell.startswith("[") else None
    except ValueError:
        found = None
    if not isinstance(found, list):
        found = cell.strip("[]").split(",")
    texts = (str(one).strip(" '\"") for one in found)
    return [text.replace(";", ",") for text in texts if text]


def _sex(text: str) -> str:
    """As `index add` takes it; what is neither is left open."""
    return text.lower() if text.lower() in ("female", "male", "f", "m", "other") else ""


def _age(row: ImageRow) -> str:
    years, months = row.text("age_year"), row.text("age_month")
    try:
        return f"{float(years or 0):g}y{float(months or 0):g}m" if years or months else ""
    except ValueError:
        return years


def _image_folder(folder: Path, images: Path | None, rows: Sequence[ImageRow]) -> Path:
    if images is not None:
        if not images.is_dir():
            raise UsageError(f"There is no folder {images}.", "Give the folder with the images.")
        return images
    names = [row.text("filename") for row in rows[:50]]
    for place in IMAGE_FOLDERS:
        if any(name and (folder / place / name).is_file() for name in names):
            return folder / place
    raise UsageError(
        f"Cannot find the images of {folder} in {', '.join(IMAGE_FOLDERS)}.",
        "Give their folder with --images FOLDER.",
    )
