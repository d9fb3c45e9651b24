from __future__ import annotations

import pytest
import torch

from gestalt_space.errors import UsageError
from gestalt_space.training.space.adapters import adapters_of, add_adapters, merge_adapters
from gestalt_space.training.space.loop import train
from tests.training.space.conftest import Small, Start
from tests.training.space.test_loop import Killed, killed_after, same, silent, state_of


def images() -> torch.Tensor:
    return torch.randn(3, 3, 112, 112, generator=torch.Generator().manual_seed(0))


def test_an_adapter_changes_nothing_at_first_and_its_rank_is_what_it_adds() -> None:
    network = Small().eval()
    before = network(images())
    weights = network.space.weight.detach().clone()
    add_adapters([network], 2)
    assert torch.equal(network(images()), before)
    for adapter in adapters_of(network):
        torch.nn.init.normal_(adapter.up)
    changed = network(images())
    assert not torch.allclose(changed, before, atol=1e-3)
    merge_adapters(network)
    assert adapters_of(network) == []
    assert torch.allclose(network(images()), changed, atol=1e-5)
    assert torch.linalg.matrix_rank(network.space.weight.detach() - weights) == 2
    assert network.state_dict().keys() == Small().state_dict().keys()


def test_with_adapters_nothing_else_learns(make_training: Start) -> None:
    training = make_training("run", "adapter_rank=2", "epochs=4", "rate=0.1")
    before = {name: one.clone() for name, one in training.start.network.state_dict().items()}
    train(training, silent)
    after = training.start.network.state_dict()
    assert after.keys() == before.keys()
    changed = {name for name, one in after.items() if not torch.equal(one, before[name])}
    assert changed == {"body.0.weight", "space.weight"}
    moved = after["space.weight"] - before["space.weight"]
    assert torch.linalg.matrix_rank(moved, rtol=1e-4) == 2
    kept = state_of(training.folder)["network"]
    assert torch.equal(kept["space.parametrizations.weight.original"], before["space.weight"])


@pytest.mark.parametrize("mean", [(), ("trained_share=0.3",)])
@pytest.mark.parametrize("adapters", [(), ("adapter_rank=1", "trained_layers=1")])
def test_a_killed_training_goes_on(
    make_training: Start, adapters: tuple[str, ...], mean: tuple[str, ...]
) -> None:
    changes = (*adapters, *mean, "rate=0.1")
    unbroken = make_training("unbroken", *changes, may_stay=True)
    train(unbroken, silent)
    with pytest.raises(Killed):
        train(make_training("killed", *changes, may_stay=True), killed_after(2))
    resumed = make_training("killed", *changes, may_stay=True)
    train(resumed, silent)
    assert same(resumed.start.network.state_dict(), unbroken.start.network.state_dict())


def test_layers_without_a_matrix_are_refused() -> None:
    with pytest.raises(UsageError, match="no convolution or linear map"):
        add_adapters([torch.nn.BatchNorm2d(3)], 2)
