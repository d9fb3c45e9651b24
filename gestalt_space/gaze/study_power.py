"""How often a reader study would find a difference that is there: its power, by simulation.

Measures of trials are drawn with differences of readers and photos as they were planned, and each
simulated study is analysed as a real one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from gestalt_space.errors import UsageError
from gestalt_space.gaze.crossed_trials import EFFECTS, CrossedTrials, EffectName
from gestalt_space.gaze.reader_study import study_effects
from gestalt_space.progress import Progress, no_progress
from gestalt_space.stats.estimates import Estimate

LEVEL = 0.05
STUDIES = 500
_LARGEST = 1e9
_MOST_TRIALS = 1_000_000


@dataclass(frozen=True, slots=True)
class MeasurePlan:
    """A measure such as the share of dwell, in points (percent of the time).

    `readers`: of the two groups; `photos`: of the two ancestries, the second may be 0. `group`,
    `ancestry`, `both`: true differences; `both` is the difference of the groups' differences. The
    others are standard deviations: of readers, photos, of a reader between ancestries, of a photo
    between groups, and of trials. The defaults are like dwell on the eyes.
    """

    readers: tuple[int, int] = (12, 12)
    photos: tuple[int, int] = (20, 20)
    group: float = 0.0
    ancestry: float = 0.0
    both: float = 0.0
    mean: float = 35.0
    reader_sd: float = 8.0
    photo_sd: float = 5.0
    reader_by_ancestry_sd: float = 3.0
    photo_by_group_sd: float = 2.0
    trial_sd: float = 15.0
    missing: float = 0.0


@dataclass(frozen=True, slots=True)
class Power:
    """The share of `studies` in which p was below 0.05, with its 95 % interval (Clopper and Pearson
    1934)."""

    effect: EffectName
    share: Estimate
    studies: int


def draw_trials(plan: MeasurePlan, seed: int) -> CrossedTrials:
    """The measures of one simulated study: every reader sees every photo, but for the share
    `missing` of trials, which are lost by chance."""
    rng = np.random.default_rng(seed)
    r, p = sum(plan.readers), sum(plan.photos)
    second = np.arange(r) >= plan.readers[0]
    other = np.arange(p) >= plan.photos[0]
    group, ancestry = np.where(second, -0.5, 0.5), np.where(other, -0.5, 0.5)
    value = (
        plan.mean
        + (plan.group * group + plan.reader_sd * rng.normal(size=r))[:, None]
        + plan.ancestry * ancestry
        + plan.photo_sd * rng.normal(size=p)
        + plan.both * group[:, None] * ancestry
        + plan.reader_by_ancestry_sd * rng.normal(size=(r, 2))[:, other.astype(int)]
        + plan.photo_by_group_sd * rng.normal(size=(2, p))[second.astype(int)]
        + plan.trial_sd * rng.normal(size=(r, p))
    )
    kept = rng.random((r, p)) >= plan.missing
    reader, photo = np.nonzero(kept)
    return CrossedTrials(reader, photo, value[kept], second, other if plan.photos[1] else None)


def power(
    plan: MeasurePlan,
    effect: EffectName = "group",
    *,
    studies: int = STUDIES,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Power:
    """How often the mixed model finds an effect. A study that lost too many trials to be analysed
    has not found it. Raises `UsageError` for a plan of which no study can be analysed."""
    _check_numbers(plan)
    if min(plan.readers) < 2:
        raise UsageError("A group has fewer than two readers.", "Plan two or more in each group.")
    if plan.photos[0] < 2 or plan.photos[1] == 1 or (effect != "group" and not plan.photos[1]):
        raise UsageError(
            "An ancestry has fewer than two photos.", "Plan two or more of each ancestry."
        )
    if effect not in EFFECTS:
        raise UsageError(f"Unknown effect {effect!r}.", f"Choose one of: {', '.join(EFFECTS)}.")
    found, failed, reason = 0, 0, ""
    for number in range(studies):
        try:
            effects = study_effects(draw_trials(plan, seed + number), permutations=0)
        except ValueError as error:
            failed, reason = failed + 1, str(error)
        else:
            found += next(one.p for one in effects if one.effect == effect) < LEVEL
        progress(number + 1, studies)
    if failed == studies:
        raise UsageError(
            f"No simulated study can be analysed: {reason}.",
            "Plan more readers and photos, or fewer lost trials.",
        )
    return Power(effect, binomial_share(found, studies), studies)


def _check_numbers(plan: MeasurePlan) -> None:
    numbers = {name: of for name, of in asdict(plan).items() if isinstance(of, float | int)}
    for name, value in numbers.items():
        if not abs(value) <= _LARGEST:
            raise UsageError(
                f"{name.replace('_', ' ')} {value:g} is too large or no number.",
                f"Give a number up to {_LARGEST:,.0f}.",
            )
    if sum(plan.readers) * sum(plan.photos) > _MOST_TRIALS:
        raise UsageError(
            f"The plan has {sum(plan.readers) * sum(plan.photos):,} trials.",
            f"Plan {_MOST_TRIALS:,} at most.",
        )


def binomial_share(found: int, of: int) -> Estimate:
    """A share with its exact interval."""
    from scipy.stats import binomtest

    low, high = binomtest(found, of).proportion_ci()
    return Estimate(found / of, float(low), float(high))
