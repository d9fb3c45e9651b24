"""P-values of many tests, adjusted for how many there are."""

from __future__ import annotations

from collections.abc import Sequence


def false_discovery_rates(p: Sequence[float]) -> list[float]:
    """Adjusted so that of those below a level no greater share is expected to be false (Benjamini
    and Hochberg 1995), in their order."""
    from scipy.stats import false_discovery_control

    return [float(one) for one in false_discovery_control(p)] if len(p) else []


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted so that the chance of any false one below a level is no greater (Holm 1979), in
    their order."""
    from statsmodels.stats.multitest import multipletests

    return [float(one) for one in multipletests(p, method="holm")[1]] if len(p) else []
