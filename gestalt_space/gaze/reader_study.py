"""Do two groups of readers look differently, and does it depend on the ancestry of the patient?

Readers and photos are both samples. The main test is a linear model with both as crossed random
effects, with the differences of readers between ancestries, and of photos between groups: what it
finds holds for other readers and other photos. Beside it stands a permutation test, without any
assumption about distributions: of the groups over readers, or of the ancestries over photos. It
holds for the photos (or the readers) of the study only, so it may reject where the model does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError
from gestalt_space.gaze.crossed_trials import CrossedTrials, EffectName, Floats, Numbers
from gestalt_space.gaze.reader_permutation import permuted
from gestalt_space.gaze.reader_tables import Measures
from gestalt_space.progress import Progress, no_progress
from gestalt_space.stats.adjustment import holm
from gestalt_space.stats.crossed_effects import CrossedFit, fit_crossed
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.permutation import PERMUTATIONS

FEWEST = 2
"""Readers of a group, and photos of an ancestry."""
_MOST_LOG = 700.0
"""Natural logarithm of a number that a computer can just hold."""


@dataclass(frozen=True, slots=True)
class StudyEffect:
    """An effect on a measure in an area.

    `contrast`: what is subtracted, in words. `estimate`: the difference, or the ratio if the
    measure was analysed on the log scale. `freedom`, `p`: of the mixed model; `p_permuted`: of the
    permutation over `exchanged`; `p_adjusted`: p adjusted for the number of areas (Holm).
    `readers`, `photos`, `trials`: how many had a value. `components`: standard deviations.
    """

    area: str
    measure: str
    effect: EffectName
    contrast: str
    scale: Literal["difference", "ratio"]
    estimate: Estimate
    freedom: float
    p: float
    p_permuted: float
    exchanged: Literal["readers", "photos"]
    p_adjusted: float
    readers: int
    photos: int
    trials: int
    components: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class StudyCell:
    """The mean of a measure in a group and an ancestry (empty for all), over readers, and the
    standard deviation of readers."""

    area: str
    measure: str
    group: str
    ancestry: str
    mean: float
    sd: float
    readers: int
    photos: int
    trials: int


@dataclass(frozen=True, slots=True)
class SkippedMeasure:
    """A measure of an area that cannot be analysed, and why."""

    area: str
    measure: str
    reason: str


@dataclass(frozen=True)
class ReaderStudy:
    """The results of a study. `groups`, `ancestries`: the two that are compared, in the order of
    subtraction (first less second); `ancestries` is empty if the photos have none or one."""

    groups: tuple[str, ...]
    ancestries: tuple[str, ...]
    readers: Mapping[str, int]
    photos: int
    cells: tuple[StudyCell, ...]
    effects: tuple[StudyEffect, ...]
    skipped: tuple[SkippedMeasure, ...]
    left_out: Mapping[str, int]
    permutations: int
    seed: int


def study(
    measures: Measures,
    *,
    logs: Sequence[str] = (),
    groups: Sequence[str] = (),
    ancestries: Sequence[str] = (),
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    progress: Progress = no_progress,
) -> ReaderStudy:
    """The effects of group, ancestry and both on every measure in every area.

    `logs`: measures that are analysed on the log scale, such as times. `groups`, `ancestries`: the
    two to compare, all where empty. Raises `UsageError` if there are not two groups of two readers,
    or if a group saw photos of one ancestry only.
    """
    for name in logs:
        if name not in measures.measures:
            raise UsageError(
                f"There is no measure {name}.", f"Use: {', '.join(measures.measures)}."
            )
    two = chosen_two(measures.groups, groups, "group", "readers")
    has_two = bool(ancestries) or len(set(measures.ancestries.values())) > 1
    others = chosen_two(measures.ancestries, ancestries, "ancestry", "photos") if has_two else ()
    rows = [
        row
        for row in measures.rows
        if measures.groups[row.reader] in two
        and (not others or measures.ancestries[row.photo] in others)
    ]
    left = dict(measures.left_out)
    if outside := len(measures.rows) - len(rows):
        left["of groups or ancestries that are not compared"] = outside
    readers = list(dict.fromkeys(row.reader for row in rows))
    photos = list(dict.fromkeys(row.photo for row in rows))
    _check_units(measures, readers, photos, two, others, {(r.reader, r.photo) for r in rows})
    cells: list[StudyCell] = []
    effects: list[StudyEffect] = []
    skipped: list[SkippedMeasure] = []
    total = len(measures.measures) * len(measures.areas)
    for number, (name, area) in enumerate(
        ((name, area) for name in measures.measures for area in measures.areas), start=1
    ):
        mine = [row for row in rows if row.measure == name and row.area == area]
        trials = CrossedTrials(
            np.array([readers.index(row.reader) for row in mine], np.int64),
            np.array([photos.index(row.photo) for row in mine], np.int64),
            np.array([row.value for row in mine], np.float64),
            np.array([measures.groups[one] == two[1] for one in readers]),
            np.array([measures.ancestries[one] == others[1] for one in photos]) if others else None,
        )
        if mine:
            cells += study_cells(trials, area, name, two, others)
        try:
            found = study_effects(trials, log=name in logs, permutations=permutations, seed=seed)
        except ValueError as error:
            skipped.append(SkippedMeasure(area, name, str(error)))
            continue
        effects += [
            replace(one, area=area, measure=name, contrast=_contrast(one.effect, two, others))
            for one in found
        ]
        progress(number, total)
    return ReaderStudy(
        groups=two,
        ancestries=others,
        readers={name: sum(measures.groups[one] == name for one in readers) for name in two},
        photos=len(photos),
        cells=tuple(cells),
        effects=tuple(_adjusted(effects)),
        skipped=tuple(skipped),
        left_out=left,
        permutations=permutations,
        seed=seed,
    )


def study_effects(
    trials: CrossedTrials, *, log: bool = False, permutations: int = PERMUTATIONS, seed: int = 0
) -> list[StudyEffect]:
    """The effects on one measure; first group less second. Without permutations, their p is NaN.

    Raises `ValueError` if a cell of the design has no two readers or photos, if the values do not
    vary, or not between the trials of a reader or a photo, and for a log scale if a value is not
    above 0.
    """
    from threadpoolctl import threadpool_limits

    values = trials.value
    _check_cells(trials)
    if log:
        if not (values > 0).all():
            raise ValueError("a value is not above 0, so that it has no logarithm")
        values = np.log(values)
    trials = replace(trials, value=values)
    # Thousands of products of small matrices, which several threads make slower.
    with threadpool_limits(1):
        fit = fit_trials(trials)
        by_permutation = permuted(trials, permutations, seed) if permutations else {}
    signs: dict[EffectName, int] = {"group": 1}
    if trials.is_other is not None:
        signs = {"group": 1, "ancestry": 2, "group x ancestry": 3}
    found = []
    for name, place in signs.items():
        weights = np.zeros(len(fit.coefficients))
        weights[place] = 1
        effect = fit.effect(weights)
        estimate = effect.estimate
        if log:
            if max(map(abs, (estimate.low, estimate.high))) > _MOST_LOG:
                raise ValueError("the interval of the ratio is beyond all numbers")
            estimate = Estimate(*map(math.exp, (estimate.value, estimate.low, estimate.high)))
        found.append(
            StudyEffect(
                area="",
                measure="",
                effect=name,
                contrast="",
                scale="ratio" if log else "difference",
                estimate=estimate,
                freedom=effect.freedom,
                p=effect.p,
                p_permuted=by_permutation.get(name, math.nan),
                exchanged="photos" if name == "ancestry" else "readers",
                p_adjusted=math.nan,
                readers=len(np.unique(trials.reader)),
                photos=len(np.unique(trials.photo)),
                trials=len(values),
                components={
                    **{one: math.sqrt(size) for one, size in fit.components.items()},
                    "rest": math.sqrt(fit.residual),
                },
            )
        )
    return found


def fit_trials(trials: CrossedTrials) -> CrossedFit:
    """The model of a measure: mean, group, ancestry and both (each ±½, positive for the first), and
    random effects of photos, photos by group, and, with a variance of their own in each group,
    readers and readers by ancestry. With one variance for both groups, the test would find too
    much where the smaller group varies more."""
    group = np.where(trials.is_second[trials.reader], -0.5, 0.5)
    fixed = [np.ones(len(group)), group]
    factors = _of_each("readers", trials.reader, group) | {"photos": trials.photo}
    if trials.is_other is not None:
        other = trials.is_other[trials.photo]
        ancestry = np.where(other, -0.5, 0.5)
        fixed += [ancestry, group * ancestry]
        factors |= _of_each("readers by ancestry", trials.reader * 2 + other, group)
    factors["photos by group"] = trials.photo * 2 + (group < 0)
    return fit_crossed(trials.value, np.column_stack(fixed), factors)


def _of_each(name: str, levels: Numbers, group: Floats) -> dict[str, Numbers]:
    """A factor of each group alone."""
    return {
        f"{name}, {which} group": np.where(inside, levels, -1)
        for which, inside in (("first", group > 0), ("second", group < 0))
    }


def study_cells(
    trials: CrossedTrials, area: str, measure: str, groups: Sequence[str], ancestries: Sequence[str]
) -> list[StudyCell]:
    """Means of a measure, each reader having equal weight."""
    found = []
    for group, second in zip(groups, (False, True), strict=True):
        for place, ancestry in enumerate(ancestries or ("",)):
            inside = trials.is_second[trials.reader] == second
            if trials.is_other is not None:
                inside &= trials.is_other[trials.photo] == bool(place)
            readers = trials.reader[inside]
            counts = np.bincount(readers)
            means = np.bincount(readers, trials.value[inside])[counts > 0] / counts[counts > 0]
            found.append(
                StudyCell(
                    area,
                    measure,
                    group,
                    ancestry,
                    float(means.mean()) if len(means) else math.nan,
                    float(means.std(ddof=1)) if len(means) > 1 else math.nan,
                    len(means),
                    len(np.unique(trials.photo[inside])),
                    int(inside.sum()),
                )
            )
    return found


def chosen_two(
    assigned: Mapping[str, str], asked: Sequence[str], what: str, units: str
) -> tuple[str, str]:
    """The two values that are compared, as asked for or all, in the order of names. Raises
    `UsageError` if they are not two."""
    there = sorted({value for value in assigned.values() if value})
    for name in asked:
        if name not in there:
            raise UsageError(
                f"No {units} have the {what} {name}.", f"There are: {', '.join(there) or 'none'}."
            )
    names = tuple(dict.fromkeys(asked)) or tuple(there)
    if len(names) != 2:
        told = ", ".join(names) or "none"
        option = "--group" if what == "group" else "--ancestry"
        raise UsageError(
            f"The {units} are of {counted_text(len(names), what, _plural(what))} "
            f"({told}); two are compared.",
            f"Name the two with {option}, once each."
            if len(there) > 2
            else f"Give the {units} of a second {what}.",
        )
    return names[0], names[1]


def _plural(what: str) -> str:
    return "ancestries" if what == "ancestry" else f"{what}s"


def _check_units(
    measures: Measures,
    readers: Sequence[str],
    photos: Sequence[str],
    groups: Sequence[str],
    ancestries: Sequence[str],
    seen: set[tuple[str, str]],
) -> None:
    for group in groups:
        mine = [one for one in readers if measures.groups[one] == group]
        if len(mine) < FEWEST:
            raise UsageError(
                f"The group {group} has {counted_text(len(mine), 'reader')} with measures; "
                f"two are needed to compare groups.",
                "Add readers. One reader cannot stand for a group.",
            )
        for ancestry in ancestries:
            shown = {
                photo
                for photo in photos
                if measures.ancestries[photo] == ancestry
                and any((reader, photo) in seen for reader in mine)
            }
            if len(shown) < FEWEST:
                raise UsageError(
                    f"The group {group} has measures of {counted_text(len(shown), 'photo')} of the "
                    f"ancestry {ancestry}; two are needed.",
                    "Each group must see photos of both ancestries. To compare the groups only, "
                    "leave the ancestry out.",
                )


def _check_cells(trials: CrossedTrials) -> None:
    """Raises `ValueError` if a cell has fewer than two readers or photos with a value."""
    others = [None] if trials.is_other is None else [False, True]
    for second in (False, True):
        for other in others:
            inside = trials.is_second[trials.reader] == second
            if trials.is_other is not None:
                inside &= trials.is_other[trials.photo] == other
            for units, what in ((trials.reader, "readers"), (trials.photo, "photos")):
                if len(np.unique(units[inside])) < FEWEST:
                    raise ValueError(f"a group has fewer than two {what} with a value")


def _contrast(effect: EffectName, groups: Sequence[str], ancestries: Sequence[str]) -> str:
    group = " − ".join(groups)
    if effect == "group":
        return group
    ancestry = " − ".join(ancestries)
    return ancestry if effect == "ancestry" else f"({group}) in {' − in '.join(ancestries)}"


def _adjusted(effects: Sequence[StudyEffect]) -> list[StudyEffect]:
    """Holm's adjustment over the areas of a measure, for each effect."""
    adjusted = list(effects)
    for kind in dict.fromkeys((one.measure, one.effect) for one in effects):
        places = [n for n, one in enumerate(effects) if (one.measure, one.effect) == kind]
        for place, p in zip(places, holm([effects[n].p for n in places]), strict=True):
            adjusted[place] = replace(adjusted[place], p_adjusted=p)
    return adjusted
