"""The accuracy of ranked cases, with the best interval available: refitted if the ranks without
single patients are known, otherwise conditional on the gallery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.evaluation.accuracy import Accuracy, measure_accuracy, measure_refitted
from gestalt_space.evaluation.cases import Answers, Cases
from gestalt_space.evaluation.deletions import Deletions
from gestalt_space.evaluation.units import Units
from gestalt_space.ranking.aggregation import Aggregation
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.stats.resampling import Bootstrap


@dataclass(frozen=True)
class RankedCases:
    """Cases and their ranks `(c,)`. `rows` `(c,)`: the photo of each, -1 for all photos as one
    probe. `deletions`: None if they are not known."""

    cases: Cases
    ranks: Numbers
    rows: Numbers
    deletions: Deletions | None = None

    def of(self, which: NDArray[np.bool_]) -> RankedCases:
        """The selected cases `(c,)`."""
        return RankedCases(
            self.cases.of(which),
            self.ranks[which],
            self.rows[which],
            None if self.deletions is None else self.deletions.of(which),
        )


@dataclass(frozen=True)
class AccuracyEstimator:
    """What is resampled: `units`, if ranks can be recomputed; otherwise `families` `(p,)`, by
    number, as often as `bootstrap` says."""

    units: Units
    families: Numbers
    bootstrap: Bootstrap

    def accuracy(self, ranked: RankedCases) -> Accuracy:
        """The accuracy of one or more cases."""
        patients, groups = ranked.cases.patients, ranked.cases.groups
        if ranked.deletions is not None:
            return measure_refitted(ranked.ranks, patients, groups, self.units, ranked.deletions)
        clusters = self.families[patients]
        return measure_accuracy(
            [ranked.ranks], patients, groups, self.bootstrap, clusters=clusters
        )[0]


def ranked(answers: Answers, rows: Numbers, how: Aggregation) -> RankedCases:
    """The results for probes, whose `rows` are given `(q,)`, for one aggregation."""
    cases = answers.cases
    return RankedCases(cases, answers.ranks[how], rows[cases.probes], answers.deletions.get(how))
