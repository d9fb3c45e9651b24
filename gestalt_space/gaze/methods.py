"""Sentences for the methods section of a paper, from the documents of the commands that were run,
so that what is written is what was done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gestalt_space import __version__
from gestalt_space.counts import counted_text
from gestalt_space.gaze.areas import AREAS
from gestalt_space.gaze.report import GazeReport
from gestalt_space.gaze.when import BIN


def import_sentences(document: Mapping[str, Any]) -> list[str]:
    """What an import did. `document`: of `gestalt gaze import --json`."""
    readers, media, trials, fixations = (
        counted_text(document[name], noun)
        for name, noun in (
            ("readers", "reader"),
            ("media", "photo"),
            ("trials", "trial"),
            ("fixations", "fixation"),
        )
    )
    first = (
        f"Recordings ({document['format']}) of {readers} who looked at {media} were imported with "
        f"gestalt-space {__version__}: {trials}, {fixations}."
    )
    sentences = [first]
    if document["source"] == "samples":
        sentences.append(f"Fixations were found in the samples: {document['method']}.")
    else:
        sentences.append("Fixations are those of the eye tracker's own filter.")
    quality = document["quality"]
    if quality["loss"] is not None:
        text = f"The median loss of samples in a trial was {quality['loss']:.1%}"
        if quality["rms"] is not None:
            text += (
                f", the median precision {quality['rms']:.1f} pixels (RMS from sample to sample)"
            )
        sentences.append(f"{text}.")
    if document["accuracy"]:
        distances = sorted(one["distance"] for one in document["accuracy"])
        sentences.append(
            "The median distance of the gaze from calibration targets was "
            f"{distances[len(distances) // 2]:.0f} pixels of the screen."
        )
    sentences.append(document["rules"])
    reasons: dict[str, int] = {}
    for one in document["left_out"]:
        reasons[one["reason"]] = reasons.get(one["reason"], 0) + 1
    if reasons:
        told = "; ".join(f"{reason}: {count:,}" for reason, count in sorted(reasons.items()))
        sentences.append(f"So {len(document['left_out']):,} were left out ({told}).")
    return sentences


def report_sentences(report: GazeReport) -> list[str]:
    """How the figures of a report were computed."""
    sentences = (
        "Fixations were brought to the aligned face (112 × 112 pixels) by the similarity "
        "transformation that maps five landmarks of the photo to fixed places. Areas of interest "
        f"were {', '.join(AREAS)}; where they overlap, the first has the fixation. Means are over "
        "the trials of a reader, then over readers; intervals are 95 % intervals over readers "
        "(Student's t). Densities are sums of Gaussians with a standard deviation of "
        f"{report.sigma:g} pixels of the aligned face, weighted by duration; the time course has "
        f"bins of {BIN * 1000:.0f} ms."
    )
    if not any(group.agreement for group in report.groups):
        return [sentences]
    agreement = (
        "Agreement was measured by NSS, AUC-Judd and shuffled AUC with fixations, and by CC, SIM, "
        f"KL and the IoU of the {report.salient:.0%} of pixels that were looked at most with "
        "densities (Bylinskii et al. 2019), beside the centre bias (other readers on other photos) "
        "and a ceiling (other readers on the same photo, mixed with the centre bias by likelihood, "
        "Kümmerer 2018)."
    )
    return [sentences, agreement]


def study_sentences(document: Mapping[str, Any]) -> list[str]:
    """How a study was analysed. `document`: of `gestalt gaze study --json`."""
    sentences = []
    if measures := document.get("measures"):
        sentences.append(
            "Measures were compared by a linear mixed model with crossed random effects of readers "
            f"and photos, and by {measures['permutations']:,} permutations (seed "
            f"{measures['seed']}); p-values were adjusted for the number of areas."
        )
    if accuracy := document.get("accuracy"):
        how = {"delong": "DeLong's", "jackknife": "jackknife"}.get(accuracy["method"])
        sentences.append(
            f"Accuracy ({accuracy['figure']}) was compared by the method of Obuchowski and "
            "Rockette, with readers and cases as random effects"
            + (f", {how} covariances" if how else "")
            + " and the degrees of freedom of Hillis."
        )
    return sentences
