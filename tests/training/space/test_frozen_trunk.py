from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gestalt_space.training.space import frozen_trunk
from gestalt_space.training.space.frozen_trunk import FrozenTrunk
from gestalt_space.training.space.loop import train
from gestalt_space.training.space.patient_split import faces_of
from tests.training.space.conftest import Start
from tests.training.space.test_loop import silent, state_of, vars_of


class Layers(nn.Module):
    """Three linear layers; what enters the last one is also added to what it gives if `around`."""

    def __init__(self, *, around: bool = False, cut: bool = False) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.second = nn.Linear(5, 6), nn.Linear(6, 6)
        self.last = nn.Linear(3 if cut else 6, 6)
        self.around, self.cut = around, cut
        self.calls = 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        entering: Tensor = self.first(images).relu()
        found: Tensor = self.second(entering)
        found = self.last(found[:, :3] if self.cut else found)
        return found + entering if self.around else found


def images_of(batch: int) -> Tensor:
    return torch.full((2, 5), float(batch))


def features(trunk: FrozenTrunk, batch: int) -> Tensor:
    with torch.inference_mode():
        return trunk.features(batch, lambda: images_of(batch))


def again(network: Layers, *learning: nn.Module) -> int:
    """How often the whole network ran for a batch seen twice, between which a layer learned."""
    trunk = FrozenTrunk(network, learning)
    for batch in (1, 2):
        features(trunk, batch)
    with torch.no_grad():
        network.last.weight.mul_(2)
    before = network.calls
    for batch in (1, 2):
        found = features(trunk, batch)
        assert torch.equal(found, network(images_of(batch)))
    return network.calls - before - 2


def test_layers_that_do_not_learn_are_computed_once() -> None:
    network = Layers()
    assert again(network, network.last) == 0
    assert again(network, network.second, network.last) == 0


def test_all_layers_are_computed_each_time_where_all_learn() -> None:
    assert again(Layers()) == 2


@pytest.mark.parametrize("kind", ["around", "cut"])
def test_layers_that_are_no_chain_are_computed_each_time(kind: str) -> None:
    network = Layers(**{kind: True})
    assert again(network, network.second, network.last) == 2


def test_what_does_not_fit_is_computed_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Layers()
    monkeypatch.setattr(frozen_trunk, "ROOM", 2 * 6 * 4)  # one of two batches
    assert again(network, network.last) == 1


@pytest.mark.parametrize("changes", [(), ("adapter_rank=2",)])
def test_a_training_of_the_last_layer_gives_the_same_figures(
    make_training: Start, monkeypatch: pytest.MonkeyPatch, changes: tuple[str, ...]
) -> None:
    changes = ("trained_layers=1", "epochs=3", *changes)
    kept = make_training("kept", *changes, may_stay=True)
    images = []
    kept.start.network.body.register_forward_hook(lambda *given: images.append(given[2]))
    found = train(kept, silent)
    photos = len(faces_of(kept.split.trained(kept.faces), kept.faces))
    steps = photos // kept.recipe.batch
    once = 2  # the first validation, and the training photos, where the centres start
    assert len(images) == once + 3 * steps
    monkeypatch.setattr(frozen_trunk, "ROOM", 0)
    anew = make_training("anew", *changes, may_stay=True)
    assert [vars_of(one) for one in train(anew, silent)][1:] == [vars_of(one) for one in found][1:]
    networks = [state_of(one.folder)["network"] for one in (kept, anew)]
    assert all(torch.equal(networks[0][name], networks[1][name]) for name in networks[0])
