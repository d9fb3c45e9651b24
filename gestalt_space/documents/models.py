"""`gestalt models`: the detectors and encoders that are installed, and those that can be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from gestalt_space.counts import counted_text
from gestalt_space.documents.classifiers import AnswerForm
from gestalt_space.documents.form import Form, filled
from gestalt_space.documents.parts import RunForm, run_form
from gestalt_space.encoders.tuning import PrecisionMeasurement
from gestalt_space.paths import display_name
from gestalt_space.tables.table import Column, Table
from gestalt_space.weights.catalogue import CatalogueEntry
from gestalt_space.weights.classifier_facts import ClassifierFacts, Experiment
from gestalt_space.weights.manifest import InstalledModel, Role
from gestalt_space.weights.store import BUILTIN


class ModelFileForm(Form):
    """A file of a model, and how its network is fed."""

    file: str
    sha256: str
    bytes: int
    role: Role
    kind: str
    input_size: int
    mean: float | list[float]
    std: float | list[float]
    dim: int
    architecture: str
    channels: str
    resize: str
    classes: int
    modified_ns: int


class RegionWeightForm(Form):
    """A region of a classifier, and its weight in the mean of all regions."""

    region: str
    weight: float


class ClassifierForm(Form):
    """What a classifier answers. `subject`: the disorder that it is about, empty among all
    disorders; `threshold`: from which probability of the first class on a binary one says yes."""

    experiment: Experiment
    subject: str
    classes: list[AnswerForm]
    regions: list[RegionWeightForm]
    threshold: float | None


class ModelForm(Form):
    """A model that is installed. `accepted_at`: when its licence was accepted."""

    name: str
    folder: str
    files: list[ModelFileForm]
    source: str
    license: str
    terms: str
    restricted: bool
    accepted_at: str | None
    added_at: str
    views: list[str]
    classifier: ClassifierForm | None


class OfferedForm(Form):
    """A model that `gestalt models pull` fetches."""

    name: str
    title: str
    url: str
    sha256: str | None
    megabytes: int
    license: str
    terms: str
    restricted: bool


class ModelsDocument(Form):
    """Models. `damaged`: names of those whose files are not what was installed."""

    document: Literal["models"]
    version: Literal[1]
    installed: list[ModelForm]
    damaged: list[str]
    offered: list[OfferedForm]


class ModelInstalledDocument(Form):
    """A model that was installed."""

    document: Literal["model-installed"]
    version: Literal[1]
    installed: ModelForm


class ModelsVerifiedDocument(Form):
    """For each model `sound`, or what is wrong with it, in words."""

    document: Literal["models-verified"]
    version: Literal[1]
    models: dict[str, str]


class PrecisionForm(Form):
    """An encoder in a precision: `rate` in faces a second, `least_cosine` of a face's slots to
    those in float32, and how often the nearest (`top1`) and the ten nearest (`top10`) stay the
    same, null where there were too few faces. `sound`: whether it can be recommended."""

    precision: str
    run: RunForm
    rate: float
    least_cosine: float
    top1: float | None
    top10: float | None
    sound: bool


class TunedDocument(Form):
    """What an encoder gains in faster precisions, measured on `faces`."""

    document: Literal["tuned"]
    version: Literal[1]
    model: str
    faces: str
    compared_with: str
    precisions: list[PrecisionForm]
    recommended: str


def models_document(
    installed: Iterable[InstalledModel], damaged: Sequence[str], offered: Iterable[CatalogueEntry]
) -> ModelsDocument:
    """Models that are installed, damaged and offered."""
    return {
        "document": "models",
        "version": 1,
        "installed": list(map(_model, installed)),
        "damaged": list(damaged),
        "offered": [filled(OfferedForm, entry) for entry in offered],
    }


def model_installed_document(model: InstalledModel) -> ModelInstalledDocument:
    """A model that was installed."""
    return {"document": "model-installed", "version": 1, "installed": _model(model)}


def models_verified_document(found: Mapping[str, str]) -> ModelsVerifiedDocument:
    """What the files of models are."""
    return {"document": "models-verified", "version": 1, "models": dict(found)}


def tuned_document(
    model: str,
    faces: str,
    compared_with: str,
    rows: Iterable[PrecisionMeasurement],
    recommended: str,
) -> TunedDocument:
    """What an encoder gains in faster precisions."""
    return {
        "document": "tuned",
        "version": 1,
        "model": model,
        "faces": faces,
        "compared_with": compared_with,
        "precisions": [filled(PrecisionForm, row, run=run_form(row.run)) for row in rows],
        "recommended": recommended,
    }


def models_table(
    installed: Iterable[InstalledModel], damaged: Sequence[str], offered: Iterable[CatalogueEntry]
) -> Table:
    """A row for each model."""
    table = Table(
        (
            Column("model", whole=True),
            Column("state"),
            Column("what", least=2),
            Column("licence", least=1),
            Column("megabytes", "number", title="MB", shown=".1f", least=0),
        )
    )
    for model in installed:
        megabytes = sum(file.bytes for file in model.files) / 1e6
        state = "built in" if model.name == BUILTIN else "installed"
        table.add_row(model.name, state, what_of(model), model.license, megabytes)
    for name in damaged:
        table.add_row(name, "damaged", None, None, None)
    for entry in offered:
        table.add_row(entry.name, "available", entry.title, entry.license, entry.megabytes)
    return table


def verified_table(found: Mapping[str, str]) -> Table:
    """A row for each model: whether it is sound, and what is wrong with it."""
    columns = (Column("model"), Column("state"), Column("problem", readers="programs"))
    return Table(
        columns,
        (
            (name, "sound", None) if told == "sound" else (name, "damaged", told)
            for name, told in found.items()
        ),
    )


def tuned_table(rows: Sequence[PrecisionMeasurement]) -> Table:
    """A row for each precision, the first being float32; shares are 0..1."""
    table = Table(
        (
            Column("precision"),
            Column("runtime", title="runs in"),
            Column("rate", "number", title="faces/s", shown=".1f"),
            Column("gain", "number", shown="{:.2f} ×".format),
            Column("least_cosine", "number", title="least cosine", shown=".5f"),
            Column("shown_top1", title="top-1", readers="people", aligned="right"),
            Column("shown_top10", title="top-10", readers="people", aligned="right"),
            Column("top1", "number", readers="programs"),
            Column("top10", "number", readers="programs"),
            Column(
                "sound", "truth", title=" ", shown=lambda sound: "" if sound else "not recommended"
            ),
        )
    )
    for row in rows:
        table.add_row(
            *(row.precision, row.run.runtime, row.rate, row.rate / rows[0].rate),
            *(row.least_cosine, _share(row.top1), _share(row.top10)),
            *(row.top1, row.top10, row.sound),
        )
    return table


def _share(share: float | None) -> str:
    return "too few" if share is None else f"{100 * share:.1f} %"


def what_of(model: InstalledModel) -> str:
    """What a model is, in words."""
    told = [f"{file.kind} detector" for file in model.files if file.role == "detector"]
    encoders = model.encoders
    if encoders:
        names = [file.architecture.partition(" ")[0] or file.kind for file in encoders]
        kinds = ", ".join(dict.fromkeys(names))
        slots = len(encoders) * max(1, len(model.views))
        size = f"{slots} × {encoders[0].dim}-d" if slots > 1 else f"{encoders[0].dim}-d"
        told.append(f"{kinds} encoder, {size}")
    if model.classifier is not None:
        told.append(f"classifier, {_what_it_knows(model.classifier)}")
    return " and ".join(told)


def _what_it_knows(facts: ClassifierFacts) -> str:
    if facts.experiment == "multiclass":
        return counted_text(len(facts.classes), "disorder")
    if facts.experiment == "binary":
        return " against ".join(one.id for one in facts.classes)
    return f"{counted_text(len(facts.classes), 'gene')} of {facts.subject}"


def _classifier(facts: ClassifierFacts | None) -> ClassifierForm | None:
    if facts is None:
        return None
    return filled(
        ClassifierForm,
        facts,
        classes=[filled(AnswerForm, one) for one in facts.classes],
        regions=[
            filled(RegionWeightForm, one, weight=round(one.weight, 4)) for one in facts.regions
        ],
    )


def _model(model: InstalledModel) -> ModelForm:
    return filled(
        ModelForm,
        model,
        folder=display_name(model.folder),
        files=[filled(ModelFileForm, file) for file in model.files],
        classifier=_classifier(model.classifier),
    )
