"""The model of PEDIA: a weight for each score, and what each of them adds to a gene.

Scores are scaled to 0..1 by their range over the cases that the model was trained on. A distance is
negated before. Only then, a missing score becomes 0: it is as good as the worst score of those
cases, and never a better one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import ModelDamaged, ModelUnsuitable, UsageError
from gestalt_space.genomics.genes import Gene
from gestalt_space.genomics.pedia_table import PediaTable
from gestalt_space.genomics.ranks import worst_ranks

FORMAT, VERSION, FILE = "gestalt-space pedia model", 1, "pedia.json"
DIGITS = 6
"""Decimals of what is shown, of which the score of a gene is the sum."""
Kind: TypeAlias = Literal["similarity", "distance"]


@dataclass(frozen=True, slots=True)
class Feature:
    """A score and its weight. `kind`: whether higher or lower is closer. `low`, `high`: the range
    over training cases, of negated values for a distance. `missing`: its share of training rows
    without a value.
    """

    name: str
    kind: Kind
    low: float
    high: float
    missing: float
    weight: float = 0.0

    def scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values `(n,)` as the model takes them; NaN is missing and becomes 0."""
        towards = -values if self.kind == "distance" else values
        span = self.high - self.low
        scaled = (towards - self.low) / span if span else np.zeros_like(values)
        return np.where(np.isnan(values), 0.0, scaled)


@dataclass(frozen=True, slots=True)
class ScorePart:
    """What a score adds to a gene: `contribution` is `weight` times `scaled`. `value`: as the table
    has it, None where it is missing.
    """

    feature: str
    value: float | None
    scaled: float
    weight: float
    contribution: float


@dataclass(frozen=True, slots=True)
class RankedGene:
    """A gene of a case. The score is the intercept of the model and the contributions of `parts`,
    summed up. `rank`: from 1; equal scores have the worst.
    """

    gene: Gene
    rank: int
    score: float
    parts: tuple[ScorePart, ...]


@dataclass(frozen=True, slots=True)
class RankedCase:
    """The genes of a case, the first one first. `missing`: genes without each score, by name."""

    case: str
    genes: tuple[RankedGene, ...]
    missing: dict[str, int]


@dataclass(frozen=True, slots=True)
class PediaModel:
    """Weights of scores. `c`: of the support vector machine. `cases`, `causal_genes`: how many it
    was trained on. `gene_table`: by which genes were named; empty for none.
    """

    features: tuple[Feature, ...]
    intercept: float
    c: float
    cases: int
    causal_genes: int
    gene_table: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its scores."""
        return tuple(feature.name for feature in self.features)

    def rank(self, table: PediaTable) -> tuple[RankedCase, ...]:
        """The genes of all cases of a table, which has the scores of the model. Raises
        `UsageError` where one is not there.
        """
        table = table.of_features(self.names)
        rows: dict[str, list[int]] = {}
        for number, case in enumerate(table.cases):
            rows.setdefault(case, []).append(number)
        return tuple(self._ranked(case, table, numbers) for case, numbers in rows.items())

    def contributions(
        self, values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values `(n, f)`, NaN where missing, as the model scales them, and what each of them adds
        to its gene; rounded as they are shown.
        """
        columns = [
            feature.scaled(column) for feature, column in zip(self.features, values.T, strict=True)
        ]
        scaled: NDArray[np.float64] = np.column_stack(columns).round(DIGITS)
        weights = np.array([round(feature.weight, DIGITS) for feature in self.features])
        return scaled, (scaled * weights).round(DIGITS)

    def scores(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scores of genes `(n,)`: the sums of what is shown of them."""
        sums: NDArray[np.float64] = contributions.sum(axis=1)
        return np.round(sums + round(self.intercept, DIGITS), DIGITS)

    def _ranked(self, case: str, table: PediaTable, numbers: Sequence[int]) -> RankedCase:
        values = table.values[numbers]
        scaled, contributions = self.contributions(values)
        scores = [float(score) for score in self.scores(contributions)]
        ranked = [
            RankedGene(
                table.genes[number],
                rank or 0,
                scores[row],
                tuple(
                    ScorePart(
                        feature.name,
                        None if np.isnan(values[row, place]) else float(values[row, place]),
                        float(scaled[row, place]),
                        round(feature.weight, DIGITS),
                        float(contributions[row, place]),
                    )
                    for place, feature in enumerate(self.features)
                ),
            )
            for row, (number, rank) in enumerate(zip(numbers, worst_ranks(scores), strict=True))
        ]
        ranked.sort(key=lambda one: (one.rank, one.gene))
        missing = np.isnan(values).sum(axis=0)
        return RankedCase(
            case,
            tuple(ranked),
            {name: int(count) for name, count in zip(self.names, missing, strict=True)},
        )


def model_text(model: PediaModel) -> str:
    """The model as JSON, to be read by people."""
    facts = {"format": FORMAT, "version": VERSION, **asdict(model)}
    return json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def load_model(folder: Path) -> PediaModel:
    """A model from the folder that `gestalt train pedia` wrote, or from its file.

    Raises `UsageError` where there is none, `ModelUnsuitable` for a file of another kind or
    version, and `ModelDamaged` for one whose values are not those of a model.
    """
    path = folder / FILE if folder.is_dir() else folder
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{folder} has no PEDIA model: {path.name} cannot be read.",
            "Give the folder that `gestalt train pedia` wrote.",
        ) from error
    except ValueError as error:
        raise ModelDamaged(f"{path} is not JSON.", "Train the model again.") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise ModelUnsuitable(
            f"{path} is not a PEDIA model.", "Give the folder that `gestalt train pedia` wrote."
        )
    if facts.get("version") != VERSION:
        raise ModelUnsuitable(
            f"{path} is of version {facts.get('version')}; this program reads {VERSION}.",
            "Train the model again, or use another version of gestalt-space.",
        )
    try:
        return _model_of(facts)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelDamaged(
            f"{path} does not have the values of a model ({type(error).__name__}: {error}).",
            "Train the model again.",
        ) from error


def _model_of(facts: dict[str, Any]) -> PediaModel:
    features = tuple(Feature(**feature) for feature in facts["features"])
    numbers = [facts["intercept"], facts["c"]]
    for feature in features:
        numbers += [feature.low, feature.high, feature.missing, feature.weight]
        if feature.kind not in ("similarity", "distance"):
            raise ValueError(f"a score is a similarity or a distance, not {feature.kind!r}")
    if not features or not all(math.isfinite(number) for number in numbers):
        raise ValueError("a model has scores, and finite numbers")
    return PediaModel(
        features,
        facts["intercept"],
        facts["c"],
        facts["cases"],
        facts["causal_genes"],
        facts["gene_table"],
    )
