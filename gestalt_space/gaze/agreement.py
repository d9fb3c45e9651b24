"""Who looks where whom looks: a model against readers, readers against readers, one group against
another, beside what is to be had at least and at most.

At least: the centre bias, what other readers looked at on other photos. It knows nothing of the
photo, so a model that is below it has found nothing of the photo. At most: the ceiling, what is
known from readers. Other readers on the same photo are few, and their density is rough; so the
ceiling is a mixture of it and the centre bias (the gold standard of Kümmerer 2018). Its weight is
the one under which the fixations of the remaining readers are the most likely. Each reader is left
out in turn.

All are compared with the same fixations, reader by reader and photo by photo. Means are over the
photos of a reader, then over readers, and intervals are over readers. All photos have one grid, the
aligned face for instance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gaze.comparison import (
    SALIENT,
    Density,
    Fixated,
    auc_judd,
    auc_shuffled,
    blurred,
    cc,
    iou,
    kl,
    nss,
    sim,
)
from gestalt_space.stats.estimates import LEVEL, Estimate

CENTRE_BIAS = "centre bias"
OTHERS = "other readers"
CEILING = "ceiling"
_WEIGHTS = np.linspace(0, 1, 21)
"""Of other readers on the same photo in the ceiling."""


Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """What a reader looked at on a photo."""

    reader: str
    photo: str
    fixated: Fixated


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of a candidate with readers. `readers`, `photos`, `trials`: of the fixations
    that were compared; `sources`: how many readers the candidate's densities are from, on average;
    NaN for a model. Each figure has its 95 % interval over readers."""

    candidate: str
    readers: int
    photos: int
    trials: int
    sources: float
    nss: Estimate
    auc_judd: Estimate
    auc_shuffled: Estimate
    cc: Estimate
    sim: Estimate
    kl: Estimate
    iou: Estimate


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one trial."""

    nss: float
    auc_judd: float
    auc_shuffled: float
    cc: float
    sim: float
    kl: float
    iou: float


def figures(
    candidate: Density, fixated: Fixated, elsewhere: Fixated, sd: float, salient: float = SALIENT
) -> Figures:
    """A candidate against the fixations of a trial; `sd`: in pixels, of their density. The shuffled
    AUC is NaN if there are no fixations `elsewhere`, on other photos."""
    reference = Density.of_fixations(fixated, sd)
    return Figures(
        nss=nss(candidate, fixated),
        auc_judd=auc_judd(candidate, fixated),
        auc_shuffled=auc_shuffled(candidate, fixated, elsewhere) if len(elsewhere) else math.nan,
        cc=cc(candidate, reference),
        sim=sim(candidate, reference),
        kl=kl(candidate, reference),
        iou=iou(candidate, reference, salient),
    )


def agreements(
    looks: Sequence[Look],
    sd: float,
    *,
    models: Mapping[str, Mapping[str, Density]] | None = None,
    groups: Mapping[str, Sequence[Look]] | None = None,
    salient: float = SALIENT,
) -> list[Agreement]:
    """The agreement with the readers of `looks`: of the centre bias, of the `models` by name, whose
    maps are by photo, of other `groups` of readers by name, of other readers of the same group, and
    of the ceiling, in this order.

    `sd`: standard deviation of the densities of fixations, in pixels. Photos without a map are left
    out for that model. Raises `ValueError` for one reader or one photo, for two grids, and for a
    model without a map of any photo.
    """
    looks = [look for look in looks if len(look.fixated)]
    readers = sorted({look.reader for look in looks})
    photos = sorted({look.photo for look in looks})
    if len(readers) < 2:
        raise ValueError("one reader has no other reader to be compared with")
    if len(photos) < 2:
        raise ValueError("one photo has no other photo to be compared with")
    counted = _Counted(looks, sd)
    rows = [_measured(CENTRE_BIAS, looks, counted.centre_bias, counted, sd, salient)]
    for name, maps in (models or {}).items():
        rows.append(
            _measured(
                name,
                looks,
                _maps_of(maps),
                counted,
                sd,
                salient,
            )
        )
    for name, others in (groups or {}).items():
        source = _Counted([look for look in others if len(look.fixated)], sd)
        rows.append(_measured(name, looks, source.of_photo, counted, sd, salient))
    rows.append(_measured(OTHERS, looks, counted.others, counted, sd, salient))
    rows.append(_measured(CEILING, looks, counted.ceiling, counted, sd, salient))
    return rows


_Source = Callable[[Look], tuple[Density | None, float]]


def _maps_of(maps: Mapping[str, Density]) -> _Source:
    return lambda look: (maps.get(look.photo), math.nan)


class _Counted:
    """Fixations of readers as sums of Gaussians, from which a reader or a photo can be taken."""

    def __init__(self, looks: Sequence[Look], sd: float):
        self.looks = looks
        self.blurred = [blurred(look.fixated, sd) for look in looks]
        self.whole = np.sum(self.blurred, axis=0)
        self.by_photo = self._sums([look.photo for look in looks])
        self.by_reader = self._sums([look.reader for look in looks])

    def centre_bias(self, look: Look) -> tuple[Density | None, float]:
        """Other readers on other photos."""
        own = self._own(look)
        rest = self.whole - self.by_photo[look.photo] - self.by_reader[look.reader] + own
        return _density(rest), float(len(self.by_reader) - 1)

    def others(self, look: Look) -> tuple[Density | None, float]:
        """Other readers on the same photo."""
        own = self._own(look)
        readers = {other.reader for other in self.looks if other.photo == look.photo}
        return _density(self.by_photo[look.photo] - own), float(len(readers - {look.reader}))

    def ceiling(self, look: Look) -> tuple[Density | None, float]:
        """A mixture of the two, of the weight that is best for all readers but this one."""
        likelihoods = self._likelihoods
        rest = sum(of for reader, of in likelihoods.items() if reader != look.reader)
        weight = float(_WEIGHTS[int(np.argmax(rest))])
        parts = self._parts(look)
        if not parts:
            return None, math.nan
        mixed = weight * parts[0] + (1 - weight) * parts[-1]
        return Density.of_map(mixed), self.others(look)[1]

    @cached_property
    def _likelihoods(self) -> dict[str, Floats]:
        """The log-likelihood of each reader's fixations under each weight of the mixture."""
        found: dict[str, Floats] = {}
        for look in self.looks:
            at = look.fixated
            parts = [values[at.rows, at.columns] for values in self._parts(look)]
            if parts:
                mixed = _WEIGHTS[:, None] * parts[0] + (1 - _WEIGHTS[:, None]) * parts[-1]
                # A fixation where nobody else looked would rule out all weights.
                of = np.log(np.maximum(mixed, 1e-12)).sum(axis=1)
                found[look.reader] = found.get(look.reader, np.zeros(len(_WEIGHTS))) + of
        return found

    def _parts(self, look: Look) -> list[Floats]:
        """The densities of other readers on the photo, and elsewhere; those that there are."""
        there = [self.others(look)[0], self.centre_bias(look)[0]]
        return [density.values for density in there if density is not None]

    def of_photo(self, look: Look) -> tuple[Density | None, float]:
        """All readers on the photo."""
        if look.photo not in self.by_photo:
            return None, math.nan
        readers = {other.reader for other in self.looks if other.photo == look.photo}
        if look.reader in readers:
            raise ValueError(f"the reader {look.reader} is in two groups")
        return _density(self.by_photo[look.photo]), float(len(readers))

    def elsewhere(self, look: Look) -> Fixated:
        """The fixations of all readers on other photos."""
        found = [other.fixated for other in self.looks if other.photo != look.photo]
        return Fixated(
            np.concatenate([one.rows for one in found]),
            np.concatenate([one.columns for one in found]),
            *look.fixated.shape,
        )

    def _own(self, look: Look) -> Floats:
        return np.asarray(
            sum(
                (
                    blurred
                    for other, blurred in zip(self.looks, self.blurred, strict=True)
                    if (other.reader, other.photo) == (look.reader, look.photo)
                ),
                np.zeros(look.fixated.shape),
            )
        )

    def _sums(self, names: Sequence[str]) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        for name, one in zip(names, self.blurred, strict=True):
            found[name] = found[name] + one if name in found else one
        return found


def _density(values: Floats) -> Density | None:
    # Differences of sums leave rounding, of either sign, where nobody looked.
    clean = np.where(values > 1e-12 * max(float(values.max()), 0.0), values, 0.0)
    return Density.of_map(clean) if clean.any() else None


def _measured(
    name: str, looks: Sequence[Look], source: _Source, counted: _Counted, sd: float, salient: float
) -> Agreement:
    by_reader: dict[str, list[tuple[float, ...]]] = {}
    photos, sources = set(), []
    for look in looks:
        candidate, count = source(look)
        if candidate is None:
            continue
        found = figures(candidate, look.fixated, counted.elsewhere(look), sd, salient)
        by_reader.setdefault(look.reader, []).append(astuple(found))
        photos.add(look.photo)
        sources.append(count)
    if not by_reader:
        raise ValueError(f"{name} has no map of any photo")
    means = np.array([np.mean(of, axis=0) for of in by_reader.values()])
    return Agreement(
        name,
        len(by_reader),
        len(photos),
        len(sources),
        float(np.mean(sources)),
        *(_mean(means[:, place]) for place in range(len(fields(Figures)))),
    )


def _mean(values: Floats) -> Estimate:
    """The mean over readers, with Student's interval."""
    from scipy.special import stdtrit

    mean = float(values.mean())
    if len(values) < 2:
        return Estimate(mean, math.nan, math.nan)
    reach = float(
        stdtrit(len(values) - 1, (1 + LEVEL) / 2) * values.std(ddof=1) / len(values) ** 0.5
    )
    return Estimate(mean, mean - reach, mean + reach)
