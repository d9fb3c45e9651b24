"""Figures of agreement, against pysaliency and where they are known."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.gaze.comparison import (
    Density,
    Fixated,
    auc_judd,
    auc_shuffled,
    cc,
    iou,
    kl,
    nss,
    sim,
)
from gestalt_space.gaze.types import Fixations

PYSALIENCY = {
    "nss": -0.028545786544324762,
    "cc": 0.021095708765132486,
    "sim": 0.3700445808925933,
    "kl": 6.4644387498694025,
    "auc_judd": 0.46148333333333325,
    "auc_shuffled": 0.4296666666666667,
    "tied auc_judd": 0.49071666666666675,
    "tied auc_shuffled": 0.4590000000000001,
    "tied nss": 0.07248695558099079,
}
"""Of pysaliency 0.2.22 on the maps and fixations of `made`: `metrics.NSS(first, xs, ys).mean()`,
`metrics.CC(first, second)`, `metrics.SIM(first, second)`, `metrics.MIT_KLDiv(second, first)`,
`numba_utils.general_roc_numba(first[ys, xs], first.ravel(), judd=1)[0]` and
`general_roc_numba(first[ys, xs], first[other_ys, other_xs])[0]`; `tied` has four values only.
pysaliency is not installed for the tests: it imports torch's models on import, calls `numpy.trapz`,
which NumPy 2.4 no longer has, and comes as source that needs Cython.
"""


def made() -> tuple[Density, Density, Density, Fixated, Fixated]:
    rng = np.random.default_rng(21)
    first, second = rng.random((30, 40)) ** 3, rng.random((30, 40)) ** 3
    second[:5] = 0
    fixated = Fixated(rng.integers(0, 30, 25), rng.integers(0, 40, 25), 30, 40)
    elsewhere = Fixated(rng.integers(0, 30, 60), rng.integers(0, 40, 60), 30, 40)
    tied = np.floor(first * 4) / 4
    return *map(Density.of_map, (first, second, tied)), fixated, elsewhere  # type: ignore[return-value]


def test_all_figures_equal_those_of_pysaliency() -> None:
    first, second, tied, fixated, elsewhere = made()
    found = {
        "nss": nss(first, fixated),
        "cc": cc(first, second),
        "sim": sim(first, second),
        "kl": kl(second, first),
        "auc_judd": auc_judd(first, fixated),
        "auc_shuffled": auc_shuffled(first, fixated, elsewhere),
        "tied auc_judd": auc_judd(tied, fixated),
        "tied auc_shuffled": auc_shuffled(tied, fixated, elsewhere),
        "tied nss": nss(tied, fixated),
    }
    assert found == pytest.approx(PYSALIENCY, abs=1e-9)


def test_a_density_cannot_stand_where_fixations_are_meant_nor_fixations_for_a_density() -> None:
    first, second, _, fixated, _ = made()
    for figure in (nss, auc_judd):
        with pytest.raises(TypeError, match="Fixated"):
            figure(first, second)  # type: ignore[arg-type]
    for compared in (cc, sim, kl, iou):
        with pytest.raises(TypeError, match="two Densities"):
            compared(first, fixated)  # type: ignore[arg-type]


def test_equal_densities_agree_as_much_as_can_be() -> None:
    first, *_ = made()
    assert cc(first, first) == pytest.approx(1)
    assert sim(first, first) == pytest.approx(1)
    assert kl(first, first) == pytest.approx(0, abs=1e-12)
    assert iou(first, first) == 1


def test_unrelated_maps_overlap_as_much_as_two_random_fifths() -> None:
    rng = np.random.default_rng(2)
    one, other = (Density.of_map(rng.random((200, 200))) for _ in range(2))
    assert iou(one, other) == pytest.approx(0.2 / 1.8, abs=0.01)


def test_a_uniform_density_says_nothing() -> None:
    first, _, _, fixated, elsewhere = made()
    flat = Density.of_map(np.ones((30, 40)))
    assert nss(flat, fixated) == 0
    assert cc(flat, first) == 0
    assert auc_judd(flat, fixated) == 0.5
    assert auc_shuffled(flat, fixated, elsewhere) == 0.5


def test_a_map_of_the_fixations_themselves_finds_them() -> None:
    _, _, _, fixated, elsewhere = made()
    density = Density.of_fixations(fixated, sd=1)
    assert nss(density, fixated) > 2
    assert auc_judd(density, fixated) > 0.9
    assert auc_shuffled(density, fixated, elsewhere) > 0.9


def test_a_map_of_fixations_has_their_mean_and_the_spread_of_its_gaussian() -> None:
    density = Density.of_fixations(Fixated(np.array([50]), np.array([70]), 101, 141), sd=6)
    rows, columns = np.indices(density.shape)
    assert (density.values * rows).sum() == pytest.approx(50)
    assert (density.values * columns).sum() == pytest.approx(70)
    assert (density.values * (rows - 50) ** 2).sum() == pytest.approx(36, rel=0.01)


def test_fixations_beside_the_photo_are_not_on_it() -> None:
    fixations = Fixations(
        np.arange(5.0), np.ones(5), np.array([-0.1, 0, 9.9, 10, 5]), np.array([5, 0, 7.9, 5, -1])
    )
    found = Fixated.on_photo(fixations, width=10, height=8)
    assert found.columns.tolist() == [0, 9]
    assert found.rows.tolist() == [0, 7]


@pytest.mark.parametrize("values", [-np.eye(3), np.zeros((3, 3)), np.full((3, 3), np.nan)])
def test_what_is_no_density_is_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="map"):
        Density.of_map(values)


def test_two_grids_and_no_fixations_are_refused() -> None:
    first, _, _, fixated, _ = made()
    small = Density.of_map(np.ones((3, 4)))
    with pytest.raises(ValueError, match="grids"):
        cc(first, small)
    with pytest.raises(ValueError, match="grids"):
        nss(small, fixated)
    nothing = Fixated(np.array([], np.int64), np.array([], np.int64), 30, 40)
    with pytest.raises(ValueError, match="no fixations"):
        nss(first, nothing)
    with pytest.raises(ValueError, match="no fixations"):
        Density.of_fixations(nothing, 2)
    with pytest.raises(ValueError, match="outside the grid"):
        Fixated(np.array([30]), np.array([0]), 30, 40)
