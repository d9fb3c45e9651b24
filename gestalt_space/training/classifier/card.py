"""The card of a classifier: what it was trained from, on whom, and how well it did. Counts alone;
no patient is named, and small groups are not counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.stats.estimates import Estimate
from gestalt_space.training.cards import FEWEST, count_text, strata_lines, toml_lines
from gestalt_space.training.classifier.results import (
    BinaryResult,
    ClassifierResult,
    MulticlassResult,
    SpecialisedResult,
)
from gestalt_space.training.libraries import libraries
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.weights.classifier_facts import OTHERS, SIGNIFICANT, TopProbabilities
from gestalt_space.weights.manifest import InstalledModel

_SHOWN = (0.5, 0.9)
_LIMITS = (
    "It knows only the classes below, and gives one of them to every face.",
    "Its others are patients of one gallery: healthy persons are not among them.",
)


def card_of(
    name: str,
    result: ClassifierResult,
    faces: LabelledFaces,
    model: InstalledModel,
    computing: str,
    trained: NDArray[np.int64],
) -> str:
    """The card of a classifier. `trained`: those of the patients in `faces` who were trained on."""
    lines = [
        f"# {name}",
        "",
        (
            f"A classifier of {len(result.classes)} classes by {len(result.regions)} regions of "
            f"the face, from {result.recipe.model}."
        ),
        "",
        f"- Licence: {model.license}. {model.terms}".rstrip(),
        f"- Recipe: {result.recipe.name}, seed {result.recipe.seed}",
        f"- Made with {libraries()}, {computing}",
        f"- Not for diagnosis. {_LIMITS[_is_against_others(result)]}",
        *_caution(result),
        "- Do not evaluate it on the patients it was trained on.",
        "",
        "## Patients",
        "",
        (
            f"Trained on {count_text(len(trained))} patients. The table has all patients with one "
            "of the classes, also those for validation and test."
            if isinstance(result, MulticlassResult)
            else f"Trained on {count_text(len(trained))} patients, all in the table."
        ),
        "",
        "| class | patients | families | photos |",
        "|---|---|---|---|",
    ]
    for one in result.classes:
        title = f"{one.answer.name} ({one.answer.id})" if one.answer.name else one.answer.id
        counts = (one.patients, one.families, one.photos)
        lines.append(f"| {title} | {' | '.join(map(count_text, counts))} |")
    lines += ["", "Of the patients trained on:", "", "| | patients |", "|---|---|"]
    lines += strata_lines("sex", (faces.sex[number] for number in trained))
    lines += strata_lines("ancestry", (faces.ancestry[number] for number in trained))
    lines += ["", "## Figures", "", *_figures(result), "", "## Regions", ""]
    lines += [
        "Each region alone, on patients who were not trained on, and its weight in the mean.",
        "",
        "| region | top-1, mean over classes | log-loss | weight |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {one.region} | {one.top1:.1%} | {one.log_loss:.2f} | {one.weight:.2f} |"
        for one in result.regions
    ]
    if not _is_against_others(result):
        lines += ["", "## Patients it does not know", "", *_unknown(result)]
    lines += ["", "## Values", "", "```toml", *toml_lines(result.recipe.values), "```", ""]
    return "\n".join(lines)


def _figures(result: ClassifierResult) -> list[str]:
    if isinstance(result, MulticlassResult):
        lines = [
            (
                "Photos of test patients, of families that were not trained on; 95 % intervals by "
                "the bootstrap over families."
            ),
            "",
            "| k | photos | mean over classes | chance |",
            "|---|---|---|---|",
        ]
        return lines + [
            f"| {one.k} | {_share(one.photos)} | {_share(one.classes)} | {one.chance:.1%} |"
            for one in result.tops
        ]
    if isinstance(result, BinaryResult):
        area = result.auroc
        return [
            (
                f"{result.folds}-fold cross-validation by family, patients; the threshold was "
                "chosen on other families. The classifier in this folder was trained on all "
                "patients."
            ),
            "",
            "| figure | value |",
            "|---|---|",
            f"| accuracy | {_share(result.accuracy)} |",
            f"| accuracy of always giving the larger class | {result.majority:.1%} |",
            f"| sensitivity | {_share(result.sensitivity)} |",
            f"| specificity | {_share(result.specificity)} |",
            f"| AUROC | {area.value:.3f} ({area.low:.3f}–{area.high:.3f}) |",
            f"| threshold | {result.threshold:.3f} |",
        ]
    if isinstance(result, SpecialisedResult):
        return [
            (
                f"{result.folds}-fold cross-validation by family, patients. The classifier in this "
                "folder was trained on all patients."
            ),
            "",
            "| figure | value |",
            "|---|---|",
            f"| top-1 | {_share(result.top1)} |",
            f"| top-1, mean over classes | {result.class_top1:.1%} |",
            f"| the same after labels are permuted, mean | {result.chance:.1%} |",
            f"| p, one-sided, {result.permutations} permutations | {result.p:.4f} |",
        ]
    return []


def _caution(result: ClassifierResult) -> list[str]:
    if isinstance(result, SpecialisedResult) and result.p > SIGNIFICANT:
        return [f"- It is not better than chance (p = {result.p:.3f})."]
    return []


def _is_against_others(result: ClassifierResult) -> bool:
    return isinstance(result, BinaryResult) and result.classes[1].answer.id == OTHERS


def _unknown(result: ClassifierResult) -> list[str]:
    if result.unknown is None:
        return [f"Not measured: there were fewer than {FEWEST} such patients."]
    lines = [
        (
            "The largest probability that patients get, none of whom was trained on. If both rows "
            "are alike, the classifier does not show who has none of its classes."
        ),
        "",
        "| | patients | median | 90 % quantile |",
        "|---|---|---|---|",
    ]
    for title, top in (("with one of the classes", result.known), ("with none", result.unknown)):
        if top is not None:
            lines.append(f"| {title} | {top.patients} | {_quantiles(top)} |")
    return lines


def _quantiles(top: TopProbabilities) -> str:
    last = len(top.quantiles) - 1
    return " | ".join(f"{top.quantiles[round(share * last)]:.2f}" for share in _SHOWN)


def _share(one: Estimate) -> str:
    return f"{one.value:.1%} ({one.low:.1%}–{one.high:.1%})"
