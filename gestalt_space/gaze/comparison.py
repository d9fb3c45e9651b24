"""How much a map agrees with where somebody looked, or with another map.

Fixations and densities are different types. NSS and the areas under the ROC curve compare a density
with fixations; CC, SIM, KL and IoU compare two densities. A blurred map can so never take the place
of fixations, which would change the figure without a sign.

Definitions as in the MIT/Tübingen saliency benchmark (Bylinskii 2019,
doi:10.1109/TPAMI.2018.2815601; Kümmerer 2018), whose code, pysaliency, gives the same figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gestalt_space.gaze.types import Fixations

EPSILON = 2.2204e-16
"""Added in the logarithm and in the divisor of the KL divergence, as in that benchmark."""
SALIENT = 0.2
"""Share of the pixels, those of the highest density, whose overlap IoU measures."""

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Fixated:
    """Where fixations are on a grid of `height` × `width` pixels: `rows`, `columns` `(n,)` from 0.
    Raises `ValueError` if one is outside."""

    rows: Numbers
    columns: Numbers
    height: int
    width: int

    def __post_init__(self) -> None:
        inside = (
            (self.rows >= 0)
            & (self.rows < self.height)
            & (self.columns >= 0)
            & (self.columns < self.width)
        )
        if not inside.all():
            raise ValueError(f"{int((~inside).sum())} fixations are outside the grid")

    @classmethod
    def on_photo(cls, fixations: Fixations, width: int, height: int) -> Fixated:
        """Those fixations of a trial whose centre is on the photo."""
        columns, rows = np.floor(fixations.x), np.floor(fixations.y)
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        return cls(rows[inside].astype(np.int64), columns[inside].astype(np.int64), height, width)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        return self.height, self.width


@dataclass(frozen=True)
class Density:
    """A distribution over the pixels of a grid: `values` `(height, width)`, at least 0, of sum 1.
    Made by `of_map` or `of_fixations`."""

    values: Floats

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or abs(float(self.values.sum()) - 1) > 1e-6:
            raise ValueError("a density has two dimensions and the sum 1")

    @classmethod
    def of_map(cls, values: ArrayLike) -> Density:
        """A map of a model, divided by its sum. Raises `ValueError` for negative values, which have
        no meaning in a density, for values that are not finite, and for a map that is 0."""
        found = np.asarray(values, dtype=np.float64)
        if not np.isfinite(found).all() or (found < 0).any():
            raise ValueError("a map of a density has finite values of at least 0")
        total = float(found.sum())
        if not total > 0:
            raise ValueError("the map is 0 everywhere")
        return cls(found / total)

    @classmethod
    def of_fixations(cls, fixated: Fixated, sd: float) -> Density:
        """Fixations, each as a Gaussian of the standard deviation `sd` in pixels: about one degree
        of visual angle, the width of the fovea. Raises `ValueError` without fixations."""
        if not len(fixated):
            raise ValueError("there are no fixations")
        return cls.of_map(blurred(fixated, sd))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        return self.values.shape[0], self.values.shape[1]


def blurred(fixated: Fixated, sd: float) -> Floats:
    """The sum of a Gaussian at each fixation, `(height, width)`: a density but for its sum, so that
    those of several readers can be added."""
    from scipy.ndimage import gaussian_filter

    counts = np.zeros(fixated.shape)
    np.add.at(counts, (fixated.rows, fixated.columns), 1.0)
    return np.asarray(np.maximum(gaussian_filter(counts, sd, mode="constant", truncate=6), 0))


def nss(density: Density, fixated: Fixated) -> float:
    """Normalised scanpath saliency (Peters 2005): the mean over fixations of the density in
    standard deviations above its mean over pixels. 0 is chance; 0 also for a uniform density."""
    values = _at(density, fixated)
    spread = float(density.values.std())
    return float((values - density.values.mean()).mean() / spread) if spread else 0.0


def auc_judd(density: Density, fixated: Fixated) -> float:
    """Area under the ROC curve, with the fixated values as thresholds, against all pixels (Judd
    2009), by trapezoids. 0.5 is chance."""
    return _area(_at(density, fixated), density.values.ravel(), only_positive=True)


def auc_shuffled(density: Density, fixated: Fixated, elsewhere: Fixated) -> float:
    """Area under the ROC curve against the places of fixations on other photos (Zhang 2008), so
    that a bias to the centre is worth nothing. 0.5 is chance."""
    return _area(_at(density, fixated), _at(density, elsewhere), only_positive=False)


def cc(first: Density, second: Density) -> float:
    """Pearson's correlation over pixels. 0 if one is uniform."""
    _check_grids(first, second)
    one, other = (density.values - density.values.mean() for density in (first, second))
    spread = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / spread) if spread else 0.0


def sim(first: Density, second: Density) -> float:
    """Similarity: the sum over pixels of the lower value, 1 for equal densities."""
    _check_grids(first, second)
    return float(np.minimum(first.values, second.values).sum())


def kl(candidate: Density, reference: Density) -> float:
    """Kullback–Leibler divergence of the reference q from the candidate p, Σ q·ln(ε + q/(p + ε))
    with ε = `EPSILON`; 0 for equal densities. It is not symmetric."""
    _check_grids(candidate, reference)
    q = reference.values
    return float((q * np.log(EPSILON + q / (candidate.values + EPSILON))).sum())


def iou(first: Density, second: Density, salient: float = SALIENT) -> float:
    """Intersection over union of the share `salient` of pixels with the highest densities. For two
    unrelated maps s / (2 − s): 0.11 for a fifth. It depends on this share, so it cannot be compared
    with figures of another one."""
    _check_grids(first, second)
    one, other = (
        density.values >= np.quantile(density.values, 1 - salient) for density in (first, second)
    )
    return float((one & other).sum() / (one | other).sum())


def _at(density: Density, fixated: Fixated) -> Floats:
    if not isinstance(density, Density) or not isinstance(fixated, Fixated):
        raise TypeError("this compares a Density with Fixated places")
    if density.shape != fixated.shape:
        raise ValueError(f"grids of {density.shape} and {fixated.shape} pixels")
    if not len(fixated):
        raise ValueError("there are no fixations")
    return np.asarray(density.values[fixated.rows, fixated.columns])


def _check_grids(first: Density, second: Density) -> None:
    if not isinstance(first, Density) or not isinstance(second, Density):
        raise TypeError("this compares two Densities")
    if first.shape != second.shape:
        raise ValueError(f"grids of {first.shape} and {second.shape} pixels")


def _area(positives: Floats, negatives: Floats, *, only_positive: bool) -> float:
    thresholds = np.unique(positives if only_positive else np.concatenate([positives, negatives]))
    shares = [
        1 - np.searchsorted(np.sort(values), thresholds, side="left") / len(values)
        for values in (negatives, positives)
    ]
    # From the highest threshold, above which there is nothing, to the lowest.
    false, true = (np.concatenate([[0.0], share[::-1], [1.0]]) for share in shares)
    return float(np.trapezoid(true, false))
