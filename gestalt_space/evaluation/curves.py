"""ROC curves and the area under them, with intervals by the bootstrap over patients.

There are two questions: do scores separate a patient's disorder from the other disorders, with one
threshold for all patients; and do they separate patients from people without a disorder?
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.evaluation.cases import BINS, Answers, bins_of
from gestalt_space.ranking.aggregation import Aggregation
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.resampling import Bootstrap, estimate

Curve = NDArray[np.float64]


@dataclass(frozen=True)
class Roc:
    """A ROC curve: for every threshold, the highest first, the false positive and true positive
    rates 0..1. `auroc`: the area, the probability that a positive has a higher score than a
    negative; ties count half."""

    auroc: Estimate
    false_positives: Curve
    true_positives: Curve
    positives: int
    negatives: int


def same_different(answers: Answers, how: Aggregation, bootstrap: Bootstrap) -> Roc | None:
    """Scores of pairs of a patient and a disorder: the patient's own disorder against all others,
    in `BINS` bins. None if there is no pair of one of the kinds.

    Each probe is one patient; `answers` has histograms.
    """
    probes = np.unique(answers.cases.probes)
    others = answers.others[how][probes].astype(np.float32)
    same = np.zeros_like(others)
    places = np.searchsorted(probes, answers.cases.probes)
    np.add.at(same, (places, bins_of(answers.true_scores[how], how)), 1)
    if not same.any() or not others.any():
        return None
    positives, negatives = same.sum(axis=0, dtype=np.float64), others.sum(axis=0, dtype=np.float64)
    replicates = np.concatenate(
        [_areas(weights @ same, weights @ others) for weights in bootstrap.weights(len(probes))]
    )
    area = float(_areas(positives[None], negatives[None])[0])
    return Roc(
        estimate(area, replicates),
        _falling(negatives),
        _falling(positives),
        int(positives.sum()),
        int(negatives.sum()),
    )


def patient_control(
    patients: NDArray[np.floating], controls: NDArray[np.floating], bootstrap: Bootstrap
) -> Roc | None:
    """The best score of every patient `(p,)` against that of every control `(c,)`; None if there
    are no patients or no controls. Patients and controls are resampled separately."""
    if not len(patients) or not len(controls):
        return None
    patients, controls = np.sort(patients), np.sort(controls)
    below = np.searchsorted(controls, patients, side="left")
    up_to = np.searchsorted(controls, patients, side="right")
    # One seed would draw the same places of both where there are as many of the one as the other.
    apart = Bootstrap(bootstrap.replicates, bootstrap.seed + 1)
    cumulated = np.concatenate([_cumulated(drawn) for drawn in apart.weights(len(controls))])
    areas: list[NDArray[np.float64]] = []
    start = 0
    for drawn in bootstrap.weights(len(patients)):
        part = cumulated[start : start + len(drawn)]
        areas.append((drawn * (part[:, below] + part[:, up_to])).sum(axis=1, dtype=np.float64))
        start += len(drawn)
    replicates = np.concatenate(areas) / (2 * len(patients) * len(controls))
    thresholds = np.unique(np.concatenate([patients, controls]))[::-1]
    area = float((below + up_to).mean()) / (2 * len(controls))
    return Roc(
        estimate(area, replicates),
        _reaching(controls, thresholds),
        _reaching(patients, thresholds),
        len(patients),
        len(controls),
    )


def _cumulated(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The cumulated weight `(b, c + 1)` of the controls, from none to all."""
    return np.pad(np.cumsum(weights, axis=1), ((0, 0), (1, 0)))


def _areas(positives: NDArray[np.floating], negatives: NDArray[np.floating]) -> NDArray[np.float64]:
    """The area under the curve of each pair of histograms `(b, BINS)`."""
    above = positives.astype(np.float64) / positives.sum(axis=1, keepdims=True)
    beneath = negatives.astype(np.float64) / negatives.sum(axis=1, keepdims=True)
    cumulated = np.cumsum(beneath, axis=1) - beneath / 2
    return np.asarray((above * cumulated).sum(axis=1))


def _falling(histogram: NDArray[np.float64]) -> Curve:
    """The share at or above each of the `BINS + 1` edges, from the highest down."""
    return np.concatenate([[0.0], np.cumsum(histogram[::-1]) / histogram.sum()])[: BINS + 1]


def _reaching(ordered: NDArray[np.floating], thresholds: NDArray[np.floating]) -> Curve:
    reached = len(ordered) - np.searchsorted(ordered, thresholds, side="left")
    return np.concatenate([[0.0], reached / len(ordered)])
