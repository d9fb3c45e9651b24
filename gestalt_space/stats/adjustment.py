"""P-values adjusted for multiple tests."""

from __future__ import annotations

from collections.abc import Sequence


def false_discovery_rates(p: Sequence[float]) -> list[float]:
    """P-values adjusted for the false discovery rate (Benjamini and Hochberg 1995), in the same
    order."""
    from scipy.stats import false_discovery_control

    return [float(one) for one in false_discovery_control(p)] if len(p) else []


def holm(p: Sequence[float]) -> list[float]:
    """P-values adjusted for the family-wise error rate (Holm 1979), in the same order."""
    from statsmodels.stats.multitest import multipletests

    return [float(one) for one in multipletests(p, method="holm")[1]] if len(p) else []
