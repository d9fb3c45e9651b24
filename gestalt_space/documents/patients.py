"""`gestalt index list` and `show`: the patients of a gallery, and all that it has of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from gestalt_space.ages import age_text
from gestalt_space.documents.form import Form, filled, rounded, time_text
from gestalt_space.documents.parts import RunForm, run_form
from gestalt_space.faces.steps import step_text
from gestalt_space.store.reads import PatientRecord, PatientSummary, PhotoDetail
from gestalt_space.tables.table import Column, Table


class PatientForm(Form):
    """A patient in a list; `disorders` by their identifiers."""

    patient: str
    disorders: list[str]
    sex: str | None
    ancestry: str | None
    cohort: str | None
    family: str | None
    photos: int
    consent: str | None


class PatientsDocument(Form):
    """Patients by identifier. `next`: after whom the next ones come, null where these were all."""

    document: Literal["patients"]
    version: Literal[1]
    patients: list[PatientForm]
    next: str | None


class DisorderForm(Form):
    """A disorder; `name` is empty where it is not known."""

    id: str
    name: str


class PhotoForm(Form):
    """A photo and its face. `age` in years; `box` in pixels; `spaces`: in which it has a
    descriptor, and `runs`, in their order, what made each, null where that was not recorded."""

    name: str
    sha256: str
    age: float | None
    site: str | None
    added_at: str
    detector: str
    step: str
    score: float
    face: int
    faces: int
    box: list[float]
    sharpness: float
    size: float
    yaw: float
    roll: float
    crop_kept: bool
    spaces: list[str]
    runs: list[RunForm | None]


class PatientDetailForm(Form):
    """A patient."""

    patient: str
    disorders: list[DisorderForm]
    genes: list[str]
    sex: str | None
    ancestry: str | None
    cohort: str | None
    consent: str | None
    family: str | None
    hpo: list[str]
    hpo_absent: list[str]
    added_at: str
    photos: list[PhotoForm]


class PatientDocument(Form):
    """All that the gallery has of a patient, but descriptors."""

    document: Literal["patient"]
    version: Literal[1]
    patient: PatientDetailForm


def patients_document(
    patients: Iterable[PatientSummary], after: str | None = None
) -> PatientsDocument:
    """Patients by identifier; `after` whom the next ones come."""
    return {
        "document": "patients",
        "version": 1,
        "patients": [filled(PatientForm, patient) for patient in patients],
        "next": after,
    }


def patients_table(patients: Iterable[PatientSummary]) -> Table:
    """A row for each patient."""
    # That consent is withdrawn is shown however narrow the terminal is.
    columns = (
        Column("patient", whole=True),
        Column("disorders"),
        Column("sex", least=3),
        Column("ancestry", least=0),
        Column("cohort", least=1),
        Column("family", least=2),
        Column("photos", "integer", least=4),
        Column("consent"),
    )
    return Table(columns, ([getattr(one, column.name) for column in columns] for one in patients))


def patient_document(patient: PatientRecord) -> PatientDocument:
    """All that the gallery has of a patient."""
    return {
        "document": "patient",
        "version": 1,
        "patient": filled(
            PatientDetailForm,
            patient,
            disorders=[{"id": id_, "name": name} for id_, name in patient.disorders],
            added_at=time_text(patient.added_at),
            photos=list(map(_photo, patient.photos)),
        ),
    }


def photos_table(patient: PatientRecord) -> Table:
    """A row for each photo of a patient; ages in years, angles in degrees."""
    table = Table(
        (
            Column("patient", readers="programs"),
            Column("photo"),
            Column("age", "number", shown=age_text, aligned="left", whole=True),
            Column("site", least=4),
            Column("shown", title="face", readers="people", least=6),
            Column("found", title="found by", readers="people", least=5),
            Column("face", "integer", readers="programs"),
            Column("faces", "integer", readers="programs"),
            Column("size", "number", readers="programs"),
            Column("detector", readers="programs"),
            Column("score", "number", readers="programs"),
            Column("step", readers="programs"),
            Column("sharpness", "number", title="sharp", shown=".0f", least=0),
            Column("yaw", "number", shown="{:.0f}°".format, least=1),
            Column("roll", "number", shown="{:.0f}°".format, least=2),
            Column("sha256", shown=lambda text: text[:12], whole=True, least=3),
            Column("spaces", readers="programs"),
        )
    )
    for one in patient.photos:
        table.add_row(
            *(patient.patient, one.name, one.age, one.site),
            f"{one.face} of {one.faces}, {one.size:.0f} px",
            f"{one.detector} {one.score:.2f}, {step_text(one.step)}",
            *(one.face, one.faces, one.size, one.detector, one.score, one.step),
            *(one.sharpness, one.yaw, one.roll, one.sha256, one.spaces),
        )
    return table


def _photo(photo: PhotoDetail) -> PhotoForm:
    numbers = ("age", "score", "box", "sharpness", "size", "yaw", "roll")
    return filled(
        PhotoForm,
        photo,
        **{name: rounded(getattr(photo, name)) for name in numbers},
        added_at=time_text(photo.added_at),
        runs=[None if run is None else run_form(run) for run in photo.runs],
    )
