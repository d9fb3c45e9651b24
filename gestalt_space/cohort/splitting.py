"""Does a disorder fall into two by the face, and are its halves associated with something that is
known, such as a site or a sex? Families are single points: see `stats.halves`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.columns import Column
from gestalt_space.stats.adjustment import holm
from gestalt_space.stats.halves import SAMPLES, halve

FEWEST = 8
"""Smallest number of families for a test."""
ALPHA = 0.05

Floats = NDArray[np.float64]
Values = Mapping[Column, NDArray[np.str_] | Floats]


@dataclass(frozen=True)
class DisorderSplit:
    """Two halves of a disorder. `sizes`: the number of families in them, the larger first. `apart`:
    their distance in standard deviations within them. `p`: of so clear a gap in a disorder without
    a split. `follows`: the columns that are associated with the halves."""

    sizes: tuple[int, int]
    apart: float
    p: float
    follows: tuple[Column, ...]


def split_in_two(
    rows: Floats,
    families: NDArray[np.int64],
    columns: Values,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
) -> DisorderSplit | None:
    """The halves of patients with `rows` `(p, d)` of unit length; None if there are too few
    `families` `(p,)`. `columns`: what is known of each patient `(p,)`: texts, empty if unknown, or
    numbers, NaN if unknown."""
    kinds, family = np.unique(families, return_inverse=True)
    if len(kinds) < FEWEST:
        return None
    sums = np.zeros((len(kinds), rows.shape[1]))
    np.add.at(sums, family, rows)
    halves = halve(sums / np.bincount(family)[:, None], samples=samples, seed=seed)
    smaller = int(halves.second.sum())
    return DisorderSplit(
        (len(kinds) - smaller, smaller),
        halves.apart,
        halves.p,
        _followed(halves.second, family, columns, seed),
    )


def _followed(
    second: NDArray[np.bool_], family: NDArray[np.int64], columns: Values, seed: int
) -> tuple[Column, ...]:
    """The columns in which the halves differ: at the 5 % level over all columns (Holm), and those
    without a value in both halves, since with few families no test can be significant."""
    tested: dict[Column, tuple[float, bool]] = {}
    for name, values in columns.items():
        found = (
            _by_numbers(second, _means(values, family))
            if values.dtype.kind == "f"
            else _by_texts(second, _joined(values, family), seed)
        )
        if found is not None:
            tested[name] = found
    adjusted = holm([p for p, _ in tested.values()])
    return tuple(
        name
        for (name, (p, parted)), together in zip(tested.items(), adjusted, strict=True)
        if together <= ALPHA or (parted and p <= ALPHA)
    )


def _means(values: NDArray[np.generic], family: NDArray[np.int64]) -> Floats:
    """`(f,)`: the mean over the members, NaN if one is unknown."""
    sums = np.bincount(family, weights=np.asarray(values, np.float64))
    return np.asarray(sums / np.bincount(family))


def _joined(values: NDArray[np.generic], family: NDArray[np.int64]) -> NDArray[np.str_]:
    """`(f,)`: the different values of the members."""
    found: list[set[str]] = [set() for _ in range(int(family.max()) + 1)]
    for one, value in zip(family.tolist(), values.tolist(), strict=True):
        found[one] |= {value} - {""}
    return np.array([" + ".join(sorted(one)) for one in found], dtype=np.str_)


def _by_numbers(second: NDArray[np.bool_], values: Floats) -> tuple[float, bool] | None:
    """P-value of a difference in numbers between the halves (Mann and Whitney), and whether the
    halves do not overlap."""
    from scipy.stats import mannwhitneyu

    known = ~np.isnan(values)
    one, other = values[known & ~second], values[known & second]
    if not len(one) or not len(other) or np.ptp(values[known]) == 0:
        return None
    parted = bool(one.max() < other.min() or other.max() < one.min())
    return float(mannwhitneyu(one, other).pvalue), parted


def _by_texts(
    second: NDArray[np.bool_], values: NDArray[np.str_], seed: int
) -> tuple[float, bool] | None:
    """P-value of a difference in texts between the halves (Fisher's exact test), and whether the
    halves have no value in common."""
    from scipy.stats import PermutationMethod, fisher_exact

    known = values != ""
    kinds, of = np.unique(values[known], return_inverse=True)
    table = np.zeros((2, len(kinds)), dtype=np.int64)
    np.add.at(table, (second[known].astype(int), of), 1)
    if len(kinds) < 2 or not table.sum(1).all():
        return None
    method = None if len(kinds) == 2 else PermutationMethod(n_resamples=1999, rng=seed)
    return float(fisher_exact(table, method=method).pvalue), bool((table.min(0) == 0).all())
