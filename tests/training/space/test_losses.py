"""Losses against sums written out by hand from their papers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from gestalt_space.training.space.losses import centres_of, make_loss, start_centres
from tests.training.space.conftest import small_recipe

PHOTOS = np.array([30, 4, 10])
DIM = 5


def batch(count: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(count, DIM), torch.arange(count) % 3


def value(*changes: str) -> tuple[float, torch.nn.Module]:
    torch.manual_seed(2)
    loss = make_loss(small_recipe(*changes), DIM, PHOTOS).eval()
    return float(loss(*batch()).detach()), loss


def test_cross_entropy_weighs_classes_as_gestaltmatcher_arc_does() -> None:
    found, module = value("loss=cross-entropy", "dropout=0.5")
    features, labels = batch()
    logits = (features @ module.loss.linear.weight.T + module.loss.linear.bias).detach().numpy()
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    weights = np.array([0.5 + 0.5 * 4 / 30, 1.0, 0.5 + 0.5 * 4 / 10])[labels]
    own = -np.log(shares[np.arange(len(labels)), labels])
    assert found == pytest.approx((weights * own).sum() / weights.sum(), rel=1e-5)


def test_half_of_the_features_are_dropped_in_training() -> None:
    _, module = value("loss=cross-entropy", "dropout=0.5")
    dropped = module.train().loss.drop(torch.ones(4000))
    assert set(dropped.tolist()) == {0.0, 2.0}
    assert 0.45 < float((dropped == 0).float().mean()) < 0.55


def test_arcface_is_the_angular_margin() -> None:
    found, module = value("loss=arcface", "margin=20", "scale=8")
    features, labels = batch()
    cosines = functional.normalize(features) @ functional.normalize(module.loss.W, dim=0)
    angles = torch.acos(cosines.detach())
    rows = torch.arange(len(labels))
    cosines = cosines.detach().clone()
    cosines[rows, labels] = torch.cos(angles[rows, labels] + np.deg2rad(20))
    assert found == pytest.approx(float(functional.cross_entropy(8 * cosines, labels)), rel=1e-4)


def test_sub_centre_arcface_takes_the_nearest_centre_of_each_class() -> None:
    found, module = value("loss=sub-centre-arcface", "sub_centres=2", "margin=20", "scale=8")
    features, labels = batch()
    cosines = functional.normalize(features) @ functional.normalize(module.loss.W, dim=0)
    nearest = cosines.detach().reshape(-1, 3, 2).amax(dim=2)
    rows = torch.arange(len(labels))
    own = torch.acos(nearest[rows, labels])
    nearest[rows, labels] = torch.cos(own + np.deg2rad(20))
    assert found == pytest.approx(float(functional.cross_entropy(8 * nearest, labels)), rel=1e-4)


def test_the_contrastive_loss_is_khoslas() -> None:
    found, _ = value("loss=contrastive", "temperature=0.5")
    features, labels = batch()
    logits = (functional.normalize(features) @ functional.normalize(features).T / 0.5).numpy()
    total = 0.0
    for one in range(len(labels)):
        others = [place for place in range(len(labels)) if place != one]
        whole = np.log(np.exp(logits[one, others]).sum())
        alike = [place for place in others if labels[place] == labels[one]]
        total -= np.mean([logits[one, place] - whole for place in alike])
    assert found == pytest.approx(total / len(labels), rel=1e-4)


@pytest.mark.parametrize("loss", ["cross-entropy", "arcface", "sub-centre-arcface", "contrastive"])
def test_a_loss_is_float32_whatever_the_network_computes_in(loss: str) -> None:
    expected, module = value(f"loss={loss}", "dropout=0.0")
    features, labels = batch()
    with torch.autocast("cpu", torch.bfloat16):
        found = module(features, labels)
    assert found.dtype == torch.float32
    assert float(found.detach()) == expected
    assert module(features.bfloat16(), labels).dtype == torch.float32


@pytest.mark.parametrize(("name", "each"), [("arcface", 1), ("sub-centre-arcface", 3)])
def test_centres_start_where_their_classes_are(name: str, each: int) -> None:
    _, module = value(f"loss={name}", "sub_centres=3")
    labels = np.array([0] * 9 + [1] * 2 + [2] * 6)
    shown = np.random.default_rng(3).normal(size=(3, DIM)).astype(np.float32)[labels]
    noise = np.random.default_rng(4).normal(scale=1e-3, size=shown.shape).astype(np.float32)
    start_centres(module.loss.W, shown + noise, labels, seed=1)
    centres = module.loss.W.detach().numpy().T.reshape(3, each, DIM)
    assert np.linalg.norm(centres, axis=2) == pytest.approx(1, abs=1e-6)
    for number in range(3):
        there = shown[labels == number][0]
        cosines = centres[number] @ there / np.linalg.norm(there)
        assert cosines == pytest.approx(1, abs=1e-4)
    # The parts of a class are as equal as they can be, so no centre is a copy of another one.
    assert len(np.unique(centres[0].round(7), axis=0)) == each


def test_the_centre_of_a_class_is_the_direction_of_its_mean() -> None:
    _, module = value("loss=arcface")
    labels = np.array([0, 1, 1, 2, 0, 2, 1])
    descriptors = np.random.default_rng(5).normal(size=(7, DIM)).astype(np.float32)
    start_centres(module.loss.W, descriptors, labels, seed=1)
    for number in range(3):
        mean = np.mean(
            [one for one, label in zip(descriptors, labels, strict=True) if label == number], axis=0
        )
        assert module.loss.W.detach().numpy()[:, number] == pytest.approx(
            mean / np.linalg.norm(mean)
        )


@pytest.mark.parametrize("name", ["contrastive", "cross-entropy"])
def test_other_losses_have_no_centres(name: str) -> None:
    assert centres_of(value(f"loss={name}")[1]) is None
    arcface = value("loss=arcface")[1]
    assert centres_of(arcface) is arcface.loss.W
