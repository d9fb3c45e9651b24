"""A cohort on disk: photos, a table for `gestalt index add`, metadata as GMDB's, and the truth.

All is written beside the place and renamed at the end, so that there is a whole cohort or none.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gestalt_space import __version__
from gestalt_space.atomic_folders import whole_folder
from gestalt_space.errors import OutputError, UsageError
from gestalt_space.paths import display_name
from gestalt_space.progress import Progress, no_progress
from gestalt_space.simulate.capture import commented, jpeg
from gestalt_space.simulate.cohort import FREQUENT, Cohort, SimulatedPatient, SimulatedPhoto
from gestalt_space.simulate.persons import Person
from gestalt_space.simulate.published_cases import SIMULATED_FACE, PublishedCase, PublishedCases
from gestalt_space.simulate.study import StudyPlan
from gestalt_space.simulate.subjects import UNKNOWN
from gestalt_space.tables.rows import RowWriter

COHORT_FILE = "gestalt-space cohort"
FORMAT = f"{COHORT_FILE} 1"
PHOTOS = "photos"
PATIENTS_TABLE = "patients.csv"
CASES_TABLE = "cases.csv"
TRUTH = "truth.json"
GMDB = "gmdb"
SPLITS = 10
FOLDS = 10
METADATA_COLUMNS = (
    "image_id",
    "filename",
    "patient_id",
    "disorder_names",
    "gene_names",
    "internal_syndrome_id",
    "internal_syndrome_name",
    "syndrome_name",
    "present_features",
    "absent_features",
    "age_year",
    "age_month",
    "gender",
    "ethnicity_category",
    "ethnicity_sub_category",
    "image_type",
    "test_type",
    "hgvs",
    "distinctiveness",
    "pmid",
    "doi",
    "private",
    "consent",
    "patient_group",
    "person_type",
)
SYNDROME_COLUMNS = (
    "syndrome_id",
    "syndrome_name",
    "image_ids",
    "subject_ids",
    "num_of_images",
    "num_of_subjects",
    "train",
    "OMIM",
)
_OURS = re.compile(
    r"photos(/\d{6,}\.jpg)?|gmdb(/(gmdb_[a-z_]+|image_metadata)_sim\d+\.[ct]sv)?|"
    r"patients\.csv|cases\.csv|truth\.json"
)
"""What a cohort has in its folder."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of a photo when its pixels are on disk."""

    id: int
    patient: SimulatedPatient
    age_years: float
    truth: Mapping[str, object]

    @property
    def file(self) -> str:
        return f"{PHOTOS}/{self.id:06d}.jpg"


def write_cohort(
    cohort: Cohort,
    folder: Path,
    *,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> None:
    """Write a cohort into `folder`.

    `overwrite`: take the place of an earlier cohort. Raises as `check_cohort_place` does, and
    `OutputError` where the disk is full; then nothing of it stays.
    """
    check_cohort_place(folder, overwrite=overwrite)
    total = cohort.photo_count
    # Faces of nobody may be read by all; photos of persons are their owner's alone.
    drawn = all(isinstance(patient.subject.source, Person) for patient in cohort.patients)
    with whole_folder(folder, private=not drawn) as place:
        (place / PHOTOS).mkdir()
        kept = []
        for photo in cohort.photos():
            kept.append(_written(photo, place))
            progress(len(kept), total)
        _write_table(place / PATIENTS_TABLE, _patient_rows(kept, cohort.plan.study))
        if cohort.published is not None:
            _write_table(place / CASES_TABLE, map(_case_row, cohort.patients))
        _write_gmdb(cohort, kept, place / GMDB)
        _write_truth(cohort, kept, place / TRUTH)


def check_cohort_place(folder: Path, *, overwrite: bool) -> None:
    """Raises `OutputError` or `UsageError` where no cohort can be written to `folder`."""
    shown = display_name(folder)
    if os.path.lexists(folder) and Path.cwd().is_relative_to(os.path.realpath(folder)):
        raise UsageError(f"{shown} is the current folder.", "Choose a new folder in it.")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not _is_cohort(folder):
        raise OutputError(f"{shown} already exists, and is not a cohort.", "Choose another folder.")
    if not overwrite:
        raise OutputError(
            f"{shown} already has a cohort.", "Choose another folder, or add --overwrite."
        )
    within = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    foreign = min((name for name in within if not _OURS.fullmatch(name)), default=None)
    if foreign is not None:
        raise OutputError(
            f"{shown} has a file that is not from the cohort: {display_name(foreign)}.",
            "Move it elsewhere, or choose another folder.",
        )


def _is_cohort(folder: Path) -> bool:
    try:
        with (folder / TRUTH).open("rb") as stream:
            return COHORT_FILE.encode() in stream.read(100)
    except OSError:
        return False


def _written(photo: SimulatedPhoto, place: Path) -> _Kept:
    kept = _Kept(
        id=photo.id,
        patient=photo.patient,
        age_years=photo.age_years,
        truth={
            "photo": photo.id,
            "patient": photo.patient.id,
            "age_years": photo.age_years,
            "landmarks": np.round(photo.portrait.landmarks, 2).tolist(),
            "capture": asdict(photo.capture),
        },
    )
    data = jpeg(photo.portrait.pixels, 95).tobytes()
    if photo.patient.case is not None:
        data = commented(data, SIMULATED_FACE.capitalize())
    (place / kept.file).write_bytes(data)
    return kept


def _patient_rows(kept: Sequence[_Kept], study: StudyPlan) -> Iterator[dict[str, object]]:
    for photo in kept:
        patient = photo.patient
        diagnosis = patient.diagnosis
        present, excluded = patient.told_terms
        yield {
            "photo": photo.file,
            "patient": patient.id,
            "disorder": diagnosis.id if diagnosis else "",
            "disorder_name": diagnosis.name if diagnosis else "",
            "genes": patient.gene or "",
            "sex": patient.told_sex,
            "age": f"{photo.age_years:g}" if patient.is_age_told else UNKNOWN,
            "ancestry": patient.subject.ancestry,
            "cohort": patient.cohort,
            "hpo": ";".join((*present, *(f"!{term}" for term in excluded))),
            "face": 1,
            "consent": _consent(patient),
            **({"family": patient.family} if study.families else {}),
            **({"site": patient.site.name} if patient.site else {}),
        }


def _consent(patient: SimulatedPatient) -> str:
    """What a gallery shows beside each photo."""
    if patient.case is not None:
        return SIMULATED_FACE
    return "simulated" if isinstance(patient.subject.source, Person) else ""


def _case_row(patient: SimulatedPatient) -> dict[str, object]:
    """Which published case a patient shows; empty for controls."""
    case = patient.case
    return {
        "patient": patient.id,
        "case": case.id if case else "",
        "disorder": case.disorder.id if case else "",
        "disorder_name": case.disorder.name if case else "",
        "gene": (case.gene or "") if case else "",
        "shown": ";".join(patient.strengths),
        "photos": SIMULATED_FACE if case else "simulated face",
    }


def _write_gmdb(cohort: Cohort, kept: Sequence[_Kept], folder: Path) -> None:
    """The tables of a GMDB release, its splits by its rules (Hsieh 2022)."""
    folder.mkdir()
    version = f"sim{cohort.plan.seed}"
    affected = [photo for photo in kept if photo.patient.diagnosis]
    numbers = {disorder.id: number for number, disorder in enumerate(cohort.disorders, start=1)}

    def split_row(photo: _Kept) -> dict[str, object]:
        label = numbers[_disorder(photo)] - 1
        return {"image_id": photo.id, "subject": photo.patient.id, "label": label}

    _write_table(
        folder / f"image_metadata_{version}.tsv",
        (_metadata_row(photo, numbers) for photo in kept),
        METADATA_COLUMNS,
    )
    patients: dict[str, list[str]] = defaultdict(list)
    for patient in cohort.patients:
        if patient.diagnosis:
            patients[patient.diagnosis.id].append(patient.id)
    frequent = {id_ for id_, of in patients.items() if len(of) >= FREQUENT}
    _write_table(
        folder / f"gmdb_syndromes_{version}.tsv",
        (_syndrome_row(cohort, kept, numbers[id_], id_ in frequent) for id_ in patients),
        SYNDROME_COLUMNS,
    )
    rng = np.random.default_rng([cohort.plan.seed, 3])
    order = {id_: [of[row] for row in rng.permutation(len(of))] for id_, of in patients.items()}
    test = {name for id_ in frequent for name in order[id_][: max(1, len(order[id_]) // 10)]}
    rest = [name for id_ in order if id_ in frequent for name in order[id_] if name not in test]
    validation = set(rest[::FOLDS])
    of_frequent = [photo for photo in affected if _disorder(photo) in frequent]
    groups = {
        "train": [p for p in of_frequent if p.patient.id not in test | validation],
        "val": [p for p in of_frequent if p.patient.id in validation],
        "test": [p for p in of_frequent if p.patient.id in test],
        "frequent_gallery": [p for p in of_frequent if p.patient.id not in test],
        "frequent_test": [p for p in of_frequent if p.patient.id in test],
    }
    for name, photos in groups.items():
        _write_table(
            folder / f"gmdb_{name}_images_{version}.csv",
            map(split_row, photos),
            ("image_id", "subject", "label"),
        )
    rare = [photo for photo in affected if _disorder(photo) not in frequent]
    chosen = [
        {of[split % len(of)] for id_, of in order.items() if id_ not in frequent}
        for split in range(SPLITS)
    ]
    for name, is_test in (("gallery", False), ("test", True)):
        _write_table(
            folder / f"gmdb_rare_{name}_images_{version}.csv",
            (
                {**split_row(photo), "split": split}
                for split in range(SPLITS)
                for photo in rare
                if (photo.patient.id in chosen[split]) is is_test
            ),
            ("image_id", "subject", "label", "split"),
        )


def _disorder(photo: _Kept) -> str:
    assert photo.patient.diagnosis is not None  # noqa: S101 - of those who have one
    return photo.patient.diagnosis.id


def _metadata_row(photo: _Kept, numbers: Mapping[str, int]) -> dict[str, object]:
    patient = photo.patient
    disorder = patient.diagnosis
    present, excluded = patient.told_terms
    return {
        "image_id": photo.id,
        "filename": Path(photo.file).name,
        "patient_id": patient.id,
        "disorder_names": json.dumps([disorder.name] if disorder else []),
        "gene_names": json.dumps([patient.gene] if patient.gene else []),
        "internal_syndrome_id": numbers[disorder.id] if disorder else "",
        "internal_syndrome_name": disorder.name if disorder else "",
        "syndrome_name": disorder.name if disorder else "",
        "present_features": json.dumps(list(present)),
        "absent_features": json.dumps(list(excluded)),
        "age_year": int(photo.age_years) if patient.is_age_told else "",
        "age_month": int(photo.age_years * 12) % 12 if patient.is_age_told else "",
        "gender": patient.told_sex,
        "ethnicity_category": patient.subject.ancestry,
        "image_type": "frontal",
        "test_type": SIMULATED_FACE if patient.case else "",
        "private": False,
        "consent": True if isinstance(patient.subject.source, Person) else "",
        "patient_group": patient.cohort,
        "person_type": "patient" if disorder else "control",
    }


def _syndrome_row(
    cohort: Cohort, kept: Sequence[_Kept], number: int, is_frequent: bool
) -> dict[str, object]:
    disorder = cohort.disorders[number - 1]
    photos = [p for p in kept if p.patient.diagnosis and p.patient.diagnosis.id == disorder.id]
    subjects = sorted({photo.patient.id for photo in photos})
    return {
        "syndrome_id": number,
        "syndrome_name": disorder.name,
        "image_ids": json.dumps([photo.id for photo in photos]),
        "subject_ids": json.dumps(subjects),
        "num_of_images": len(photos),
        "num_of_subjects": len(subjects),
        "train": is_frequent,
        "OMIM": disorder.id.removeprefix("OMIM:") if disorder.id.startswith("OMIM:") else "",
    }


def _write_truth(cohort: Cohort, kept: Sequence[_Kept], path: Path) -> None:
    """Everything that was planted; of sites, families and diagnoses where there are any."""
    plan = asdict(cohort.plan)
    has_study = cohort.plan.study != StudyPlan()
    if not has_study:
        del plan["study"]
    record = {
        "format": FORMAT,
        "gestalt_space": __version__,
        **({"published": _published(cohort.published)} if cohort.published else {}),
        **({"hpo": cohort.hpo} if cohort.hpo else {}),
        "plan": plan,
        "disorders": [asdict(disorder) for disorder in cohort.disorders],
        **({"sites": [asdict(site) for site in cohort.sites]} if cohort.sites else {}),
        "patients": [
            {
                "patient": patient.id,
                "disorder": patient.disorder.id if patient.disorder else None,
                "gene": patient.gene,
                "strengths": patient.strengths,
                **(_case_truth(patient.case) if patient.case else {}),
                **(_circumstances(patient) if has_study else {}),
            }
            for patient in cohort.patients
        ],
        "photos": [photo.truth for photo in kept],
    }
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _published(published: PublishedCases) -> dict[str, object]:
    return {
        "photos": SIMULATED_FACE,
        "read": published.read,
        "least_terms": published.least,
        "not_shown": [asdict(count) for count in published.not_shown],
    }


def _case_truth(case: PublishedCase) -> dict[str, object]:
    return {
        "case": case.id,
        "published": {"sex": case.sex, "age_years": case.age_years},
        "present": case.present,
        "excluded": case.excluded,
    }


def _circumstances(patient: SimulatedPatient) -> dict[str, object]:
    return {
        "diagnosis": patient.diagnosis.id if patient.diagnosis else None,
        "cohort": patient.cohort,
        "site": patient.site.name if patient.site else None,
        "family": patient.family or None,
        "relation": patient.relation or None,
    }


def _write_table(
    path: Path, rows: Iterable[Mapping[str, object]], columns: Sequence[str] | None = None
) -> None:
    rows = list(rows)
    names = columns or list(rows[0])
    delimiter = "\t" if path.suffix == ".tsv" else ","
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = RowWriter(stream, delimiter)
        table.write(names)
        table.write_all([row.get(name) for name in names] for row in rows)
