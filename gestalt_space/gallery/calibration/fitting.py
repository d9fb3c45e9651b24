"""The calibration of a gallery, from its descriptors and groups, in steps that can be interrupted;
nothing here knows a database."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from time import monotonic

import numpy as np

from gestalt_space.gallery.calibration.array_cache import ArrayCache
from gestalt_space.gallery.calibration.expected import Sizes, expected_seconds
from gestalt_space.gallery.calibration.nearest_wrong import NearestWrong
from gestalt_space.gallery.calibration.photos import photo_correlation
from gestalt_space.gallery.calibration.references import (
    ReferenceSimilarities,
    Samples,
    compare_with_references,
    draw_references,
    sizes_of,
)
from gestalt_space.gallery.calibration.rows import ArrayRows, DescriptorRows
from gestalt_space.ranking.calibration import (
    FEWEST_DISORDERS,
    FEWEST_PATIENTS,
    TAILS,
    Calibration,
    SizeCurve,
    best_others,
)
from gestalt_space.ranking.grouping import Grouping
from gestalt_space.stats.likelihood import fit_ratio, weighted_quantiles
from gestalt_space.types import Descriptors


def fit_calibration(descriptors: Descriptors, grouping: Grouping, *, seed: int = 0) -> Calibration:
    """The calibration of a gallery's descriptors `(n, d)`, grouped by disorder.

    A patient counts once, however many the photos. `seed` draws patients and photos.
    """
    found = finish(fit_in_steps(ArrayRows(descriptors), grouping, seed=seed))
    assert found is not None, "a fit without a limit ends"  # noqa: S101
    return found


def finish(
    steps: Generator[float, None, Calibration],
    *,
    within: float | None = None,
    progress: Callable[[float], object] | None = None,
) -> Calibration | None:
    """Take all steps of a fit; None where that needs more than so many seconds, which may be
    exceeded by one step. `progress` is given the share, 0..1, that is done."""
    limit = None if within is None else monotonic() + within
    with closing(steps):
        while True:
            try:
                share = next(steps)
            except StopIteration as end:
                found: Calibration = end.value
                return found
            if progress is not None:
                progress(share)
            if limit is not None and monotonic() > limit:
                return None


def fit_in_steps(
    rows: DescriptorRows, grouping: Grouping, *, seed: int = 0, kept: ArrayCache | None = None
) -> Generator[float, None, Calibration]:
    """Fit the calibration of a gallery, grouped by disorder: a generator that says after each step
    what share, 0..1, of the work is done, and returns the calibration.

    What takes long is kept in `kept` when the generator is closed, and found there by the next one.
    What is drawn depends on `seed` and on what it is drawn for, so that a fit that goes on gives
    the very same as one that was never interrupted. In memory are about 300 MB at a million photos
    of 60,000 patients, beside what `rows` holds.
    """
    patients = len(grouping.patients)
    sizes = Sizes(len(rows.ids), patients, len(grouping.groups), len(grouping.members), rows.dim)
    expected = expected_seconds(sizes)
    whole = max(expected.seconds, 1e-9)

    nearest = NearestWrong(rows, grouping, seed, kept)
    with closing(nearest.compare()) as shares:
        for share in shares:
            yield share * expected.comparing / whole
    before = expected.comparing
    best_other = best_others(nearest.best, nearest.patients)
    del nearest

    companions = _companions(grouping)
    curves = []
    if companions >= FEWEST_PATIENTS:
        disorders = list(draw_references(grouping, seed))
        samples = Samples(len(grouping.groups))
        for done in compare_with_references(rows, grouping, disorders, seed, samples):
            yield (before + expected.references * done / len(disorders)) / whole
        before += expected.references
        numbers = sizes_of(grouping)
        for place, size in enumerate(numbers, start=1):
            # Similarities are let go before those of the next number are gathered.
            curves += [fit_curve(sides) for sides in [samples.sides(size)] if sides is not None]
            yield (before + expected.curves * place / len(numbers)) / whole
    return Calibration(
        curves=tuple(curves),
        best_other=best_other,
        photo_correlation=photo_correlation(rows, grouping, seed),
        patients=patients,
        companions=companions,
        disorders=len(grouping.groups),
        seed=seed,
    )


def fit_curve(sides: ReferenceSimilarities) -> SizeCurve:
    """The curves for one number of references; without a likelihood ratio where fewer than
    `FEWEST_DISORDERS` have so many."""
    disorders = len(np.unique(sides.same.groups))
    found = fit_ratio(sides.same, sides.other) if disorders >= FEWEST_DISORDERS else None
    none = np.zeros(0)
    return SizeCurve(
        size=sides.size,
        disorders=disorders,
        similarities=weighted_quantiles(sides.other.values, sides.other.weights, 1 - TAILS),
        edges=none if found is None else found.edges,
        ratio=none if found is None else found.ratio,
        lower=none if found is None else found.lower,
    )


def _companions(grouping: Grouping) -> int:
    """Patients with another one of their disorder who is not of their family."""
    several = np.bincount(grouping.family_counts.groups, minlength=len(grouping.groups)) > 1
    return len(np.unique(grouping.members[several[grouping.group_of_member]]))
