"""The results of trainings as documents."""

from __future__ import annotations

from gestalt_space.documents.classifiers import (
    BinaryDocument,
    ClassCountsForm,
    MulticlassDocument,
    PartForm,
    RegionForm,
    SpecialisedDocument,
    TopShareForm,
    TrainedForm,
    top_probabilities_form,
)
from gestalt_space.documents.figures import estimate_form
from gestalt_space.documents.form import filled, rounded
from gestalt_space.paths import display_name
from gestalt_space.training.classifier.results import (
    BinaryResult,
    ClassifierResult,
    MulticlassResult,
    SpecialisedResult,
)


def multiclass_document(found: MulticlassResult) -> MulticlassDocument:
    """A classifier of disorders."""
    return {
        "document": "multiclass",
        "version": 1,
        "validated": "one split by family",
        "trained": _trained(found),
        "parts": [
            PartForm(
                part=part,  # type: ignore[typeddict-item]
                patients=patients,
                photos=photos,
                rare_patients=found.rare_parts[part][0],
                rare_photos=found.rare_parts[part][1],
            )
            for part, (patients, photos) in found.parts.items()
        ],
        "rare": found.rare,
        "tops": [
            filled(
                TopShareForm,
                one,
                photos=estimate_form(one.photos, 4),
                classes=estimate_form(one.classes, 4),
                chance=round(one.chance, 4),
            )
            for one in found.tops
        ],
    }


def binary_document(found: BinaryResult) -> BinaryDocument:
    """A classifier of a disorder against others."""
    return {
        "document": "binary",
        "version": 1,
        "validated": "cross-validation by family",
        "folds": found.folds,
        "trained": _trained(found),
        "accuracy": estimate_form(found.accuracy, 4),
        "sensitivity": estimate_form(found.sensitivity, 4),
        "specificity": estimate_form(found.specificity, 4),
        "auroc": estimate_form(found.auroc, 4),
        "majority": round(found.majority, 4),
        "threshold": round(found.threshold, 4),
    }


def specialised_document(found: SpecialisedResult) -> SpecialisedDocument:
    """A classifier of the genes of a disorder."""
    return {
        "document": "specialised",
        "version": 1,
        "validated": "cross-validation by family",
        "folds": found.folds,
        "disorder": found.disorder,
        "by": "gene",
        "trained": _trained(found),
        "permutations": found.permutations,
        "top1": estimate_form(found.top1, 4),
        "class_top1": round(found.class_top1, 4),
        "chance": round(found.chance, 4),
        "p": found.p,
        "confusion": [list(row) for row in found.confusion],
    }


def _trained(found: ClassifierResult) -> TrainedForm:
    return {
        "model": display_name(found.model),
        "recipe": found.recipe.name,
        "values": found.recipe.values,
        "classes": [
            filled(ClassCountsForm, one, id=one.answer.id, name=one.answer.name)
            for one in found.classes
        ],
        "left_out": [
            {"reason": reason, "patients": count} for reason, count in found.left_out.items()
        ],
        "regions": [
            filled(
                RegionForm,
                one,
                top1=round(one.top1, 4),
                log_loss=round(one.log_loss, 4),
                weight=round(one.weight, 4),
            )
            for one in found.regions
        ],
        "top_probabilities": {
            "known": rounded(top_probabilities_form(found.known)),
            "unknown": rounded(top_probabilities_form(found.unknown)),
        },
    }
