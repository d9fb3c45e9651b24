"""The discriminant that a training starts from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from gestalt_space.errors import UsageError
from gestalt_space.training.space.adapters import add_adapters, merge_adapters
from gestalt_space.training.space.discriminant import Discriminant, fit_discriminant, fold

DIM, CLASSES, EACH = 12, 40, 30


def planted(
    loud: float, classes: int = CLASSES, apart: float = 1.0, seed: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features whose first number tells classes apart, and whose last one is loud and tells
    nothing."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), EACH)
    centres = np.zeros((classes, DIM))
    centres[:, 0] = rng.normal(scale=apart, size=classes)
    features = centres[labels] + rng.normal(size=(len(labels), DIM))
    features[:, -1] *= loud
    return features + 7.0, labels


def weights_of(found: Discriminant) -> NDArray[np.float64]:
    """How much each number counts in a product."""
    return np.diag(found.transform @ found.transform)


def test_what_tells_classes_apart_counts_and_what_is_loud_does_not() -> None:
    features, labels = planted(loud=10.0, apart=2.0)
    weights = weights_of(fit_discriminant(features, labels))
    assert weights[0] > 5 * weights[1:-1].max()
    assert weights[-1] < 0.1 * weights[1:-1].min()
    assert weights.mean() == pytest.approx(1, rel=1e-6)


def test_features_are_centred() -> None:
    features, labels = planted(loud=1.0)
    found = fit_discriminant(features, labels)
    assert found.mean == pytest.approx(features.mean(axis=0))
    assert found.transform == pytest.approx(found.transform.T, abs=1e-12)


def test_two_samples_are_scored_as_in_the_probabilistic_discriminant() -> None:
    """Without loud numbers and with many classes, the weights of independent numbers are
    `v / (v + 1/2)`, but for a factor."""
    rng = np.random.default_rng(4)
    spreads = np.linspace(0.5, 3, DIM)
    labels = np.repeat(np.arange(4000), 5)
    features = rng.normal(size=(4000, DIM))[labels] * np.sqrt(spreads)
    features += rng.normal(size=features.shape)
    weights = weights_of(fit_discriminant(features, labels))
    expected = spreads / (spreads + 0.5)
    assert weights == pytest.approx(expected / expected.mean(), rel=0.05)


def test_few_classes_change_little() -> None:
    features, labels = planted(loud=10.0, classes=3)
    few = fit_discriminant(features, labels)
    # Two of twelve directions are known.
    assert np.linalg.eigvalsh(few.transform @ few.transform).min() >= 10 / 12 - 1e-9


def test_where_classes_do_not_differ_products_stay_nearly_equal() -> None:
    rng = np.random.default_rng(2)
    labels = np.repeat(np.arange(6), 200)
    same = np.tile(rng.normal(size=(200, DIM)), (6, 1))
    found = fit_discriminant(same, labels)
    assert found.transform == pytest.approx(np.eye(DIM))


@pytest.mark.parametrize("rank", [0, 2])
def test_a_folded_network_gives_what_the_discriminant_makes_of_its_features(rank: int) -> None:
    torch.manual_seed(3)
    network = nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, DIM))
    given = torch.randn(50, 5)
    before = network(given).detach().numpy().astype(np.float64)
    rng = np.random.default_rng(3)
    halves = rng.normal(size=(DIM, DIM))
    found = Discriminant(rng.normal(size=DIM), halves + halves.T)
    if rank:
        add_adapters(network, rank)
    fold([network[2]], found)
    after = network(given).detach().numpy()
    assert after == pytest.approx((before - found.mean) @ found.transform, rel=1e-4, abs=1e-4)
    merge_adapters(network)
    assert network(given).detach().numpy() == pytest.approx(after, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("last", [nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 4, bias=False)])
def test_a_network_that_does_not_end_with_a_linear_map_is_refused(last: nn.Module) -> None:
    with pytest.raises(UsageError, match="does not end with a linear map") as caught:
        fold([nn.Linear(4, 4), last], Discriminant(np.zeros(4), np.eye(4)))
    assert "discriminant=false" in caught.value.hint
