"""Linear models of measures on crossed units, such as readers and photos: both are random, so that
what is found holds for other readers and other photos.

Variance components by restricted maximum likelihood (Patterson and Thompson 1971), tests of
coefficients by Student's t with degrees of freedom by Satterthwaite (1946), as in lmerTest
(Kuznetsova 2017, doi:10.18637/jss.v082.i13). The components are those of the levels of any number
of factors; all terms are computed from inner products, so that a step costs as much as the number
of levels, not of measures. `statsmodels` fits the same model, without degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gestalt_space.stats.estimates import LEVEL, Estimate

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

_MOST_RATIO = 1e6
"""Largest variance of a factor, in residual variances."""
_START = 0.1
_LARGEST = 1e60
"""Standard deviation whose powers are still numbers."""
_EXACT = 1e-13
"""Of the sum of squares: what is left by rounding."""
_NONE = 1e-6
"""A ratio below this is on the border: the component counts as 0."""


@dataclass(frozen=True)
class Effect:
    """A coefficient with its 95 % interval. `error`: its standard error; `freedom`: degrees of
    freedom; `p`: two-sided."""

    estimate: Estimate
    error: float
    freedom: float
    p: float


@dataclass(frozen=True)
class CrossedFit:
    """A fitted model. `coefficients` `(p,)`; `components`: variance of each factor, 0 where the
    levels vary no more than chance; `residual`: the variance that is left; `deviance`: minus twice
    the restricted log likelihood, without its constant."""

    coefficients: Floats
    components: Mapping[str, float]
    residual: float
    deviance: float
    _covariance: Floats
    _slopes: Floats
    _information: Floats

    def effect(self, contrast: Sequence[float] | Floats) -> Effect:
        """A linear combination of the coefficients `(p,)`."""
        weights = np.asarray(contrast, dtype=np.float64)
        value = float(weights @ self.coefficients)
        variance = float(weights @ self._covariance @ weights)
        slopes = np.einsum("kab,a,b->k", self._slopes, weights, weights)
        doubt = float(slopes @ np.linalg.pinv(self._information) @ slopes)
        freedom = max(1.0, 2 * variance**2 / doubt) if doubt > 0 else 1.0
        return student(value, variance**0.5, freedom)


def student(value: float, error: float, freedom: float) -> Effect:
    """A value with its interval and p-value by Student's t."""
    from scipy.special import stdtr, stdtrit

    reach = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    p = float(2 * stdtr(freedom, -abs(value) / error)) if error > 0 else float(value == 0)
    return Effect(Estimate(value, value - reach, value + reach), error, freedom, p)


def fit_crossed(values: Floats, fixed: Floats, factors: Mapping[str, Numbers]) -> CrossedFit:
    """The model of values `(n,)` with fixed effects `(n, p)` of full rank, and random factors, each
    the number of a level `(n,)`, negative for values without one: a factor of one group only lets
    the groups vary unequally. Raises `ValueError` if there are no more values than fixed effects,
    if the values do not vary, or only by the fixed effects and from level to level: without a
    residual there is no telling how far the levels vary."""
    from scipy.optimize import minimize

    model = _Model(values, fixed, factors)
    start = np.full(len(factors), _START)
    # In these units the deviance is about as steep in all directions, which halves the steps.
    unit = 1 / np.sqrt(np.maximum(_Solved(model, start).steepness, 1e-12))

    def deviance(scaled: Floats) -> tuple[float, Floats]:
        solved = _Solved(model, scaled * unit)
        return solved.deviance, solved.slope * unit

    found = minimize(
        deviance,
        start / unit,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, _MOST_RATIO / one) for one in unit],
        options={"maxiter": 500, "ftol": 1e-12, "gtol": 1e-6},
    )
    found_ratios = found.x * unit
    if (found_ratios > _MOST_RATIO * 0.99).any() or _Solved(model, found_ratios).is_exact:
        raise ValueError("the values vary between units only, not between their trials")
    ratios = np.where(found_ratios < _NONE, 0.0, found_ratios)
    return model.fit(ratios)


class _Model:
    """Inner products, from which everything is computed for ratios `(f,)` of the components to the
    residual variance."""

    def __init__(self, values: Floats, fixed: Floats, factors: Mapping[str, Numbers]):
        self.names = tuple(factors)
        self.free = len(values) - fixed.shape[1]
        if self.free < 1:
            raise ValueError(f"{len(values)} values are not enough for {fixed.shape[1]} effects")
        from scipy.sparse import hstack

        blocks = [_indicators(levels) for levels in factors.values()]
        self.factor = np.repeat(np.arange(len(blocks)), [block.shape[1] for block in blocks])
        indicators = hstack(blocks, format="csr")
        # Of the order of 1, whatever the unit of the values.
        with np.errstate(over="ignore"):
            self.scale = float(np.std(values))
        if not self.scale > 1e-12 * max(1.0, float(np.abs(values).max())):
            raise ValueError("the values do not vary")
        if not self.scale < _LARGEST:
            raise ValueError("the values are too large")
        scaled = (values - values.mean()) / self.scale
        self.mean = float(values.mean())
        self.to_mean = np.linalg.lstsq(fixed, np.ones(len(values)), rcond=None)[0]
        self.levels = (indicators.T @ indicators).toarray()
        self.fixed = fixed.T @ fixed
        self.fixed_levels = np.asarray((indicators.T @ fixed).T)
        self.fixed_values = fixed.T @ scaled
        self.levels_values = indicators.T @ scaled
        self.square = float(scaled @ scaled)

    def fit(self, ratios: Floats) -> CrossedFit:
        solved = _Solved(self, ratios)
        residual = solved.residual
        active = np.flatnonzero(ratios > 0)
        components = ratios * residual
        slopes, information = solved.curvature(components, active)
        size = self.scale
        return CrossedFit(
            coefficients=solved.coefficients * size + self.to_mean * self.mean,
            components=dict(zip(self.names, map(float, components * size**2), strict=True)),
            residual=float(residual * size**2),
            deviance=float(solved.deviance) + 2 * self.free * float(np.log(size)),
            _covariance=solved.covariance * residual * size**2,
            _slopes=slopes * size**2,
            _information=information,
        )


def _indicators(levels: Numbers) -> csr_array:
    """A column for each level `(n, l)`."""
    from scipy.sparse import csr_array

    rows = np.flatnonzero(levels >= 0)
    columns = np.unique(levels[rows], return_inverse=True)[1]
    size = (len(levels), int(columns.max()) + 1)
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=size)


class _Solved:
    """The model at given ratios. V is the covariance in residual variances, P the projection that
    removes the fixed effects."""

    def __init__(self, model: _Model, ratios: Floats):
        from scipy.linalg import cholesky, solve_triangular

        self.model, self.ratios = model, ratios
        roots = np.sqrt(ratios)[model.factor]
        core = roots[:, None] * model.levels * roots
        core[np.diag_indices_from(core)] += 1
        factor = cholesky(core, lower=True, check_finite=False)
        beside = np.column_stack([model.levels, model.fixed_levels.T, model.levels_values])
        weighted = roots[:, None] * beside
        half = solve_triangular(factor, weighted, lower=True, check_finite=False)
        inner = half.T @ half
        q, p = len(roots), len(model.fixed)
        levels, fixed = slice(0, q), slice(q, q + p)
        self.levels = model.levels - inner[levels, levels]
        self.fixed_levels = model.fixed_levels - inner[fixed, levels]
        fixed_square = model.fixed - inner[fixed, fixed]
        fixed_values = model.fixed_values - inner[fixed, -1]
        levels_values = model.levels_values - inner[levels, -1]
        self.covariance = np.linalg.inv(fixed_square)
        self.coefficients = self.covariance @ fixed_values
        rest = model.square - inner[-1, -1] - float(fixed_values @ self.coefficients)
        self.is_exact = rest <= _EXACT * model.square
        self.residual = max(rest, 1e-300) / model.free
        log_core = 2 * float(np.log(np.diag(factor)).sum())
        log_fixed = float(np.linalg.slogdet(fixed_square)[1])
        # Z'PZ and Z'Py.
        self.projected = self.levels - self.fixed_levels.T @ self.covariance @ self.fixed_levels
        self.reach = levels_values - self.fixed_levels.T @ self.coefficients
        constant = model.free * (1 + np.log(2 * np.pi))
        self.deviance = model.free * np.log(self.residual) + log_core + log_fixed + constant

    @property
    def slope(self) -> Floats:
        """Of the deviance, by ratio."""
        traces = self._by_factor(np.diag(self.projected))
        return np.asarray(traces - self._by_factor(self.reach**2) / self.residual)

    @property
    def steepness(self) -> Floats:
        """About the curvature of the deviance, by ratio, but for a constant."""
        own = self.model.factor[:, None] == self.model.factor
        return self._by_factor((self.projected**2 * own).sum(axis=1))

    def curvature(self, components: Floats, active: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """For the components that are not 0, and the residual variance as the last: the slopes
        `(k, p, p)` of the coefficients' covariance, and the expected information `(k, k)`.

        Products with the residual's part follow from PVP = P and V⁻¹VV⁻¹ = V⁻¹.
        """
        model, residual = self.model, self.residual
        projected = self.projected / residual
        members = [np.flatnonzero(model.factor == one) for one in active]
        sizes = components[active]
        k = len(active)
        traces = np.zeros((k + 1, k + 1))
        for a in range(k):
            for b in range(k):
                traces[a, b] = (projected[np.ix_(members[a], members[b])] ** 2).sum()
        own = np.array([np.diag(projected)[one].sum() for one in members])
        mixed = (own - traces[:k, :k] @ sizes) / residual
        traces[:k, k] = traces[k, :k] = mixed
        whole = (model.free - own @ sizes) / residual
        traces[k, k] = (whole - mixed @ sizes) / residual
        touched = self.covariance @ self.fixed_levels
        slopes = np.array(
            [touched[:, one] @ touched[:, one].T for one in members]
            or np.zeros((0, *self.covariance.shape))
        )
        rest = self.covariance * residual - np.einsum("k,kab->ab", sizes, slopes)
        return np.concatenate([slopes, rest[None] / residual]), traces / 2

    def _by_factor(self, of_levels: Floats) -> Floats:
        return np.asarray(
            np.bincount(self.model.factor, of_levels, minlength=len(self.ratios)), np.float64
        )
